// Reads the shared vector files where they lie beside the source tree; tests that use them skip
// when absent. Reads the cases of the tree. Test support, host only.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "vir/program/program.hpp"

namespace vyre::test {

struct Vector {
  std::string name;
  std::string tags;
  vir::Program program;
  std::array<std::uint32_t, 3> grid{1, 1, 1};
  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;
  std::uint32_t ulp{0};
  bool order_dependent{false};
  std::string error;  // "", "refused", "fault"
};

/// Where the tree lies whose data tests read: $VYRE_SOURCE, else where it was built.
[[nodiscard]] std::filesystem::path source_folder();
/// $VYRE_SHARED_VECTORS, else "vectors" beside this binary if it is there (a staged test), else
/// beside the source tree.
[[nodiscard]] std::filesystem::path shared_vectors_folder();

/// False where the file is absent. A line that does not decode is handed over with `error` =
/// "undecodable".
[[nodiscard]] bool for_each_vector(const std::string& file,
                                   const std::function<void(const Vector&)>& use);

/// A case of test/cases that the validator accepts.
struct Case {
  std::string name;
  vir::Program program;
  std::array<std::uint32_t, 3> grid{1, 1, 1};
  std::vector<Bytes> inputs;
};

void for_each_case(const std::function<void(const Case&)>& use);

/// The first difference of `actual` from the vector's outputs ("" = none); F32 outputs within
/// `ulp`.
[[nodiscard]] std::string difference(const Vector& vector, const std::vector<Bytes>& actual);

}  // namespace vyre::test

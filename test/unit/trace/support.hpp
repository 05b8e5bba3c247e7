// Folders, programs and recorded sessions for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/session.hpp"
#include "trace/format.hpp"
#include "trace/trace.hpp"

namespace vyre::trace::test {

/// A folder that goes away with the test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

[[nodiscard]] std::string slurp(const std::string& file);
void spill(const std::string& file, const std::string& bytes);

/// y[i] = x[i] * x[i] + 1 over u32[64].
[[nodiscard]] vir::Program square_program();
/// acc[i] += x[i] in place; x u32[64].
[[nodiscard]] vir::Program add_program();
/// y[i] = sin(x[i]) over f32[64].
[[nodiscard]] vir::Program sine_program();
/// Traps in lane `x[0]` of workgroup 1, after it wrote part of y.
[[nodiscard]] vir::Program trap_program();

/// Records a seeded session of `rounds` rounds into `directory`: uploads, allocations, mapped
/// files, binding sets, writes in the middle, releases, faults, two queues, ordering flags. Sealed
/// unless `seal` is false.
void record_session(const std::string& directory, std::uint64_t seed, std::uint32_t rounds,
                    bool seal = true);

/// Records in a raw events file, each sealed; for traces that no recorder would write.
class RawEvents {
 public:
  RawEvents();
  RawEvents& add(Record record);
  RawEvents& submit(std::uint32_t op = 0, std::uint32_t in = 0, std::uint32_t out = 0,
                    std::uint8_t queue = 0, std::uint32_t param = 0);
  RawEvents& done(std::uint64_t first, std::uint64_t count, std::uint8_t queue = 0);
  RawEvents& zeros(std::uint32_t handle, std::uint64_t bytes);
  RawEvents& end(std::uint64_t items, std::uint64_t completions);
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace vyre::trace::test

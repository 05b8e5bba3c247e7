// One line of a vector file as values: an execution case, a decoder case with its mutations, or a
// case of the planner. The keys of a line say which.
// Host only, private to this room. Format: docs/internals/conformance.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "lineage_line.hpp"
#include "plan_items_line.hpp"
#include "policy_line.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::conformance {

struct ExecutionCase {
  std::string name;
  Bytes wire;
  std::optional<vir::Grid> grid;
  std::vector<Bytes> inputs;
  std::optional<std::vector<Bytes>> outputs;  // or `error`, exactly one of them
  std::string error;                          // "refused" or "fault"
  std::uint64_t ulp{0};
  bool order_dependent{false};
  bool fp_sensitive{false};
};

/// Codes of the decoder files.
enum class DecoderVerdict : std::uint8_t {
  rejected = 0,
  same = 1,       // accepted, re-encodes to the same bytes
  different = 2,  // accepted, re-encodes to other bytes: `extra` starts their BLAKE3
  no_encoding = 3,
};

enum class MutationKind : std::uint8_t {
  none,
  xor_byte,
  truncate,
  insert_zero,
  overlong_count,
  xor_no_rehash,
  set_no_rehash,
};

struct Mutation {
  MutationKind kind{MutationKind::none};
  std::uint64_t at{0};
  std::uint64_t value{0};
  DecoderVerdict verdict{DecoderVerdict::rejected};
  std::string extra;
};

struct DecoderCase {
  std::string name;
  Bytes wire;
  std::vector<Mutation> mutations;  // the unmutated blob first
};

using VectorLine = std::variant<ExecutionCase, DecoderCase, PolicyCase, LineageCase, PlanItemsCase>;

[[nodiscard]] Result<VectorLine> parse_line(std::string_view line);

}  // namespace vyre::conformance

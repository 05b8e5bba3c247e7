// Data races as the reference executor finds them. Spec: docs/internals/vir0-semantics.md, "Data
// races".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vir/program/program.hpp"
#include "vir/text/text.hpp"

namespace vyre::reference {

enum class AccessKind : std::uint8_t { read, write, atomic };

/// One access of one lane. `expr` is the load or atomic; kNone: the statement itself stores or
/// copies.
struct Access {
  AccessKind kind{AccessKind::read};
  std::uint32_t workgroup{0};  // linear
  std::uint32_t lane{0};       // linear within the workgroup
  vir::NodeId node{0};
  vir::ExprId expr{vir::kNone};
};

/// Two accesses of overlapping bytes that nothing orders. Buffers are declaration indices: two
/// where one memory is bound twice.
struct Race {
  Access earlier;  // in the order of the reference executor
  Access later;
  std::uint32_t earlier_buffer{0};
  std::uint32_t later_buffer{0};
  std::uint64_t offset{0};  // in bytes, of the first byte that both touch
  std::uint64_t times{1};   // cells and lanes in which these two places met
};

struct Races {
  std::vector<Race> list;     // one a pair of places, at most kMaxReportedRaces
  std::uint64_t total{0};     // those beyond the list too
  bool out_of_memory{false};  // kMaxRaceShadowBytes was reached: some accesses were not noted

  [[nodiscard]] bool none() const { return total == 0; }
};

/// One race in words: both accesses with lane, workgroup, statement and place. `places` may be
/// empty; `program` is the prepared one.
[[nodiscard]] std::string to_string(const vir::Program& program, const vir::SourceMap& places,
                                    const std::string& file, const Race& race);
/// What is said instead of a verdict when `out_of_memory`.
[[nodiscard]] std::string shadow_exceeded();

}  // namespace vyre::reference

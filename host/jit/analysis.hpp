// Everything that decides how an image is emitted, and whether it is. Host only, private to the
// room. Spec: docs/internals/jit.md, "Classes".
#pragma once

#include <cstdint>
#include <vector>

#include "core/image.hpp"
#include "jit/jit.hpp"
#include "ranges.hpp"
#include "shape.hpp"

namespace vyre::jit {

/// An asynchronous copy whose start and wait stand in one list.
struct CopyPair {
  std::uint32_t start{kNowhere};
  bool at_start{false};  // the bytes move where it is started, else where it is waited for
};

class Analysis {
 public:
  static constexpr std::uint64_t kUnknownTurns{~std::uint64_t{0}};
  explicit Analysis(const core::Image& image);

  Verdict verdict;
  Ranges ranges;
  bool grouped{false};   // a warp does one workgroup after another; else one row of lanes
  bool meets{false};     // has subgroup operations: lanes keep the mask of those they run with
  bool counted{false};   // counts turns of loops while it runs; else their number is known before
  bool polled{false};    // looks at the stop word in loops
  bool foresees{false};  // a pass without writes comes first
  /// Turns of all loops of a lane, at the most, where each loop is bounded; else kUnknownTurns.
  std::uint64_t most_turns{kUnknownTurns};
  std::uint32_t slices{1};       // of 32 lanes, in a workgroup
  std::vector<CopyPair> copies;  // by tag

  [[nodiscard]] bool has_barrier(std::uint32_t from, std::uint32_t to) const {
    return barriers_[to] != barriers_[from];
  }
  /// Whether a lane may end in there: by Return, by a fault, for want of fuel, or stopped.
  [[nodiscard]] bool may_end(std::uint32_t from, std::uint32_t to) const {
    return ends_[to] != ends_[from];
  }
  /// Whether the check may fail.
  [[nodiscard]] bool may_fail(std::uint32_t at) const { return may_fail_[at]; }
  /// How often the loop turns at the most, if that number is small enough to be of use.
  [[nodiscard]] bool is_bounded(std::uint32_t loop) const;

 private:
  void refuse(std::uint32_t at, std::string why);
  void note(std::uint32_t at, std::string what) {
    verdict.reasons.push_back({image_.statements[at], std::move(what)});
  }
  void list(std::uint32_t from, std::uint32_t to, bool in_lanes, bool in_loop);
  void instruction(std::uint32_t at, bool in_lanes, bool in_loop);
  void look_at_loop(std::uint32_t at);
  void find_copies();
  /// Whether an instruction of straight code, or of the construct there, names the buffer.
  [[nodiscard]] bool names(std::uint32_t from, std::uint32_t to, std::uint32_t buffer) const;
  void decide();
  /// A buffer that is written and read, as a sentence; empty: there is none.
  [[nodiscard]] std::string read_again() const;

  const core::Image& image_;
  std::vector<std::uint32_t> barriers_;  // before each instruction
  std::vector<std::uint32_t> ends_;
  std::vector<bool> may_fail_;
  std::vector<Reason> faults_;
  std::vector<Reason> open_loops_;
  bool all_bounded_{true};
};

}  // namespace vyre::jit

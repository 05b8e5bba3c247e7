// Comparing contents and statuses, and knowing what may be compared: which item wrote a buffer
// last, whether its bytes are specified at all, and whether f32 tolerance applies. Private to this
// room; one thread. Page: docs/internals/trace.md, "Comparing".
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "events.hpp"
#include "protocol/completion.hpp"
#include "protocol/work_item.hpp"
#include "vir/program/program.hpp"

namespace vyre::trace {

/// Offset of the first byte that differs; a different length differs at the shorter one's end.
/// `ulp` > 0: both are f32 elements, equal when within that many units in the last place (NaN only
/// if bit-equal); the offset is then the element's.
[[nodiscard]] std::optional<std::uint64_t> first_difference(ByteSpan expected, ByteSpan actual,
                                                            std::uint32_t ulp);
/// Up to 16 bytes from `offset` in hexadecimal; "(end)" behind the last.
[[nodiscard]] std::string hex_at(ByteSpan bytes, std::uint64_t offset);

struct Ending {
  CompletionStatus status{CompletionStatus::done};
  Fault fault;
};
[[nodiscard]] bool same_ending(const Ending& a, const Ending& b) noexcept;
[[nodiscard]] std::string to_string(const Ending& ending);

/// Follows what items do to buffers, in the order of the trace.
class WriteTracker {
 public:
  struct Buffer {
    std::uint64_t last_item{0};
    bool written{false};
    bool unspecified{
        false};            // written by an item that did not end done, or computed from such bytes
    bool tolerant{false};  // f32 results of a program with transcendentals
  };

  void define(std::uint32_t op, const vir::Program& program);
  /// `ordinal`: number of the item in the trace. Fills `written` with the buffers that the item may
  /// have changed.
  void item(const MegakernelWorkItem& item, std::uint64_t ordinal, const Ending& ending,
            const TraceState& state, std::vector<std::uint32_t>& written);
  /// The buffers that the item may write, whatever its ending.
  void targets(const MegakernelWorkItem& item, const TraceState& state,
               std::vector<std::uint32_t>& out) const;
  /// New contents from outside; `whole`: all of them.
  void overwritten(std::uint32_t handle, bool whole);
  void released(std::uint32_t handle) { buffers_.erase(handle); }
  [[nodiscard]] Buffer buffer(std::uint32_t handle) const;

 private:
  struct BufferRule {
    bool writes{false};
    bool tolerant{false};
    std::uint64_t exact_bytes{0};  // outputs: bytes that are written; 0 = all
  };
  struct Op {
    std::vector<BufferRule> inputs;
    std::vector<BufferRule> outputs;
  };

  std::unordered_map<std::uint32_t, Op> ops_;
  std::unordered_map<std::uint32_t, Buffer> buffers_;
};

}  // namespace vyre::trace

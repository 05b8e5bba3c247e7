// The two host ends of the request lines of protocol/io_request.hpp: what a CPU worker asks through
// and what the pump answers through. Templates over the atomics policy (atomics.hpp), so that the
// model of test/model runs this very source. The device's end is cuda/interpreter/io_requests.cuh.
// Host only. Spec: docs/internals/ingest-requests.md, "Requests of items"; orders:
// docs/internals/memory-model.md [IO-1] to [IO-4].
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/bytes.hpp"
#include "protocol/io_request.hpp"
#include "queue/atomics.hpp"

namespace vyre::queue {

/// Addresses of the parts of ingest memory.
struct IoQueueView {
  IoQueueHead* head{nullptr};
  IoRequestLine* requests{nullptr};        // [lines]
  IoCompletionLine* completions{nullptr};  // [lines]
  std::uint8_t* line_data{nullptr};        // [lines][kIoLineDataBytes]
  std::uint32_t lines{kIoLines};           // fewer only in tests
  /// Of memory of at least IngestLayout::kStreams bytes, aligned to a cache line.
  [[nodiscard]] static IoQueueView of(MutableByteSpan ingest_memory);
};

/// A line as 32-bit words, which is what the policies move.
inline constexpr std::uint32_t kIoLineWords{sizeof(IoRequestLine) / sizeof(std::uint32_t)};
using IoLineWords = std::array<std::uint32_t, kIoLineWords>;
inline constexpr std::uint32_t kIoCommitWord{offsetof(IoRequestLine, commit) /
                                             sizeof(std::uint32_t)};
static_assert(kIoCommitWord + 2 == kIoLineWords && offsetof(IoCompletionLine, lap) == 0);

/// Asks. Any number of threads; the free lines are credits in this side's memory.
template <class Atomics>
class IoClientOver {
 public:
  explicit IoClientOver(IoQueueView view)
      : view_(view),
        free_(view.lines == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << view.lines) - 1) {}
  IoClientOver(const IoClientOver&) = delete;
  IoClientOver& operator=(const IoClientOver&) = delete;

  struct Line {
    std::uint32_t index{0};
    std::uint32_t lap{0};
  };
  /// nullopt: out of credit, which is never an error: finish something, or look again. At least
  /// `keep` lines stay free: for workers that hold none.
  [[nodiscard]] std::optional<Line> try_ask(IoRequestOp op, std::uint32_t source,
                                            std::uint32_t queue, std::uint64_t offset,
                                            std::uint64_t length, std::uint32_t tag,
                                            std::uint32_t keep = 0) {
    std::uint64_t free = Atomics::load(&free_, Order::relaxed);  // a hint; the exchange decides
    do {
      if (static_cast<std::uint32_t>(std::popcount(free)) <= keep) return std::nullopt;
      // [IO-4] acquire: the last holder's lap, and its reads of the data, which come before the
      // pump's writes for this worker.
    } while (!Atomics::compare_exchange_acquire(&free_, free, free & (free - 1)));
    const auto index = static_cast<std::uint32_t>(std::countr_zero(free));
    const std::uint32_t lap = ++laps_[index];
    IoRequestLine line{};
    line.lap = lap;
    line.op = op;
    line.source = source;
    line.destination = index;
    line.tag = tag;
    line.queue = queue;
    line.offset = offset;
    line.length = length;
    // Drawn while the worker holds the line, so that a request is posted for every number.
    line.order = Atomics::load(&order_, Order::relaxed);
    while (!Atomics::compare_exchange(&order_, line.order, line.order + 1)) {
    }
    IoLineWords words;
    std::memcpy(words.data(), &line, sizeof line);
    IoRequestLine* const to = view_.requests + index;
    auto* const payload = reinterpret_cast<std::uint32_t*>(to);
    for (std::uint32_t w = 0; w < kIoCommitWord; ++w) Atomics::store_payload(payload + w, words[w]);
    Atomics::store(&to->commit, std::uint64_t{lap} << 32 | lap, Order::release);  // [IO-1]
    return Line{index, lap};
  }

  /// The answer, once it is there. Bytes stay in data_of(line) + skip until give_back().
  [[nodiscard]] std::optional<IoCompletionLine> try_answer(Line line) const {
    const auto* const from = reinterpret_cast<const std::uint32_t*>(view_.completions + line.index);
    IoLineWords words;
    words[0] = Atomics::load(from, Order::acquire);  // [IO-2]
    if (words[0] != line.lap) return std::nullopt;
    for (std::uint32_t w = 1; w < kIoLineWords; ++w) words[w] = Atomics::load_payload(from + w);
    IoCompletionLine answer;
    std::memcpy(&answer, words.data(), sizeof answer);
    return answer;
  }
  [[nodiscard]] const std::uint8_t* data_of(Line line) const {
    return view_.line_data + std::uint64_t{line.index} * kIoLineDataBytes;
  }
  /// Only with the answer seen: until then the pump may write the line data.
  void give_back(Line line) {
    Atomics::fetch_or_release(&free_, std::uint64_t{1} << line.index);  // [IO-4]
  }

  /// Not 0: a FaultCode, and the pump answers no more.
  [[nodiscard]] std::uint32_t broken() const {
    return Atomics::load(&view_.head->broken, Order::acquire);  // [IO-3]
  }
  /// 0: no pump has served these lines yet.
  [[nodiscard]] std::uint64_t heartbeat() const {
    return Atomics::load(&view_.head->heartbeat, Order::relaxed);
  }

 private:
  IoQueueView view_;
  alignas(64) std::uint64_t free_;  // a bit for each line that no worker holds
  alignas(64) std::uint64_t order_{0};
  std::array<std::uint32_t, kIoLines> laps_{};  // of a line: its holder's
};

/// Answers. The pump's thread. Trusts nothing that it reads: whatever a line holds, at most one
/// request of each line is under way, and poll() writes none of it.
template <class Atomics>
class IoServerOver {
 public:
  explicit IoServerOver(IoQueueView view) : view_(view) {}

  /// The next request that was not seen before, copied whole; nullopt: none. Looks at every line
  /// once before it says none. Its `destination` is the line's own index and its `lap` the
  /// commit's, whatever the worker wrote; everything else is the worker's word.
  [[nodiscard]] std::optional<IoRequestLine> poll() {
    for (std::uint32_t n = 0; n < view_.lines; ++n) {
      const std::uint32_t index = next_;
      next_ = next_ + 1 == view_.lines ? 0 : next_ + 1;
      if ((open_ >> index & 1) != 0) continue;
      IoRequestLine* const from = view_.requests + index;
      const std::uint64_t commit = Atomics::load(&from->commit, Order::acquire);  // [IO-1]
      const auto lap = static_cast<std::uint32_t>(commit);
      // Exactly one more: an old lap that is written again is no request.
      if (lap != commit >> 32 || lap != seen_[index] + 1) continue;
      const auto* const payload = reinterpret_cast<const std::uint32_t*>(from);
      IoLineWords words{};
      for (std::uint32_t w = 0; w < kIoCommitWord; ++w)
        words[w] = Atomics::load_payload(payload + w);
      IoRequestLine request;
      std::memcpy(&request, words.data(), sizeof request);
      if (request.lap != lap) continue;  // torn
      request.destination = index;
      request.commit = commit;
      seen_[index] = lap;
      open_ |= std::uint64_t{1} << index;
      return request;
    }
    return std::nullopt;
  }

  /// `request`: what poll() gave, once. Lap, data line and tag of the answer are the request's.
  void answer(const IoRequestLine& request, const IoCompletionLine& answer) {
    const std::uint32_t index = request.destination;
    if (index >= view_.lines || (open_ >> index & 1) == 0 || seen_[index] != request.lap) return;
    IoCompletionLine line = answer;
    line.lap = request.lap;
    line.data_line = index;
    line.tag = request.tag;
    IoLineWords words;
    std::memcpy(words.data(), &line, sizeof line);
    auto* const to = reinterpret_cast<std::uint32_t*>(view_.completions + index);
    for (std::uint32_t w = 1; w < kIoLineWords; ++w) Atomics::store_payload(to + w, words[w]);
    open_ &= ~(std::uint64_t{1} << index);
    Atomics::store(to, words[0], Order::release);  // [IO-2]
  }

  void beat() {
    // One writer, so no read-modify-write; relaxed: only that it moves is looked at.
    Atomics::store(&view_.head->heartbeat, ++beats_, Order::relaxed);
  }
  /// Answers that were given before stay good.
  void fail(std::uint32_t fault_code) {
    Atomics::store(&view_.head->broken, fault_code, Order::release);  // [IO-3]
  }

 private:
  IoQueueView view_;
  std::uint32_t next_{0};
  std::uint64_t open_{0};  // a bit for each line whose request is not answered yet
  std::uint64_t beats_{0};
  std::array<std::uint32_t, kIoLines> seen_{};
};

class IoClient : public IoClientOver<HostAtomics> {
 public:
  using IoClientOver::IoClientOver;
};
class IoServer : public IoServerOver<HostAtomics> {
 public:
  using IoServerOver::IoServerOver;
};
extern template class IoClientOver<HostAtomics>;
extern template class IoServerOver<HostAtomics>;

}  // namespace vyre::queue

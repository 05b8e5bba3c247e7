// The two host ends of the request lines of protocol/io_request.hpp: what a CPU worker asks through
// and what the pump answers through. The device's end is cuda/megakernel/io_client.cuh. Host only.
// Spec: docs/ingest.md, "Requests of items"; orders: docs/memory-model.md [IO-1] to [IO-3].
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "vyre/base/bytes.hpp"
#include "vyre/protocol/io_request.hpp"

namespace vyre::queue {

/// Addresses of the parts of ingest memory.
struct IoQueueView {
  IoQueueHead* head{nullptr};
  IoRequestLine* requests{nullptr};        // [kIoLines]
  IoCompletionLine* completions{nullptr};  // [kIoLines]
  std::uint8_t* slots{nullptr};            // [kIoLines][kIoSlotBytes]
  [[nodiscard]] static IoQueueView of(MutableByteSpan ingest_memory);
};

/// Asks. Any number of threads; the free lines are credits in this side's memory.
class IoClient {
 public:
  explicit IoClient(IoQueueView view) : view_(view) {}

  struct Line {
    std::uint32_t index{0};
    std::uint32_t turn{0};
  };
  /// nullopt: out of credit, which is never an error: finish something, or look again.
  [[nodiscard]] std::optional<Line> try_ask(IoRequestOp op, std::uint32_t source,
                                            std::uint32_t tenant, std::uint64_t offset,
                                            std::uint64_t length, std::uint32_t tag);
  /// The answer, once it is there. Bytes stay in slot(line) + skip until give_back().
  [[nodiscard]] std::optional<IoCompletionLine> try_answer(Line line) const;
  [[nodiscard]] const std::uint8_t* slot(Line line) const;
  /// Only with the answer seen: until then the pump may write the slot.
  void give_back(Line line);
  /// A FaultCode: nobody answers any more.
  [[nodiscard]] std::uint32_t broken() const;

 private:
  IoQueueView view_;
  std::atomic<std::uint64_t> free_{~std::uint64_t{0}};
  std::atomic<std::uint64_t> order_{0};
  std::uint32_t turns_[kIoLines]{};  // of a line: its holder's
};

/// Answers. The pump's thread.
class IoServer {
 public:
  explicit IoServer(IoQueueView view) : view_(view) {}

  /// The next request that was not seen before, copied whole; nullopt: none. Looks at every line
  /// once before it says none.
  [[nodiscard]] std::optional<IoRequestLine> poll();
  /// `request`: what poll() gave. Its `destination` must have been checked to be below kIoLines:
  /// poll() overwrites it with the line's own index, whatever the worker wrote.
  void answer(const IoRequestLine& request, const IoCompletionLine& answer);
  void beat();
  void fail(std::uint32_t fault_code);

 private:
  IoQueueView view_;
  std::uint32_t next_{0};
  std::uint32_t seen_[kIoLines]{};
};

}  // namespace vyre::queue

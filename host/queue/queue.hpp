// A queue: one submission ring, one completion ring, and the memory of both. Host only; the views
// that it gives out are trivially copyable, and a kernel may keep them if the memory is pinned.
// Spec: docs/internals/protocol.md.
//
// Tour:
// - make:       Queue::create({.slots = 4096}), or adopt() over pinned memory.
// - producers:  any thread; producer().try_reserve(n) gives a prefix, full or closed, then
//               try_publish() for each position (false: it was abandoned) and a doorbell a batch.
// - poller:     one thread; consumer.take(out, max), consumer.release().
// - workers:    any thread; writer().post(position, completion) once for each item taken.
// - collector:  one at a time; reader.take(out, max, producer().tail()), reader.release().
// - abandoned:  AbandonWatch::check() gives up slots that no producer publishes.
// - shutdown:   producer().close() gives the final tail; every position below it still comes
//               through take(), published or abandoned. The ring ends when consumer.position ==
//               tail, the queue when reader.position == tail.
// An item is accepted only when the completion before it in its slot has been collected, and
// everything older: position < collected + completion_slots. So a thread must collect while
// producers submit (a full ring is a reason to collect).
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "protocol/limits.hpp"
#include "queue/completion_ring.hpp"
#include "queue/submission_ring.hpp"

namespace vyre::queue {

using Producer = SubmissionProducer<HostAtomics>;
using Consumer = SubmissionConsumer<HostAtomics>;
using Writer = CompletionWriter<HostAtomics>;
using Reader = CompletionReader<HostAtomics>;

struct QueueOptions {
  std::uint32_t slots{kDefaultRingSlots};  // power of two in [kMinRingSlots, kMaxRingSlots]
  std::uint32_t completion_slots{0};       // 0 = slots; a power of two, at least `slots`
  /// The caller promises that one thread at a time reserves and publishes. Then no slot can be
  /// contested and none is claimed or given up: a producer that vanishes is the caller's own loss.
  bool single_producer{false};
};

/// Offsets into the part of a queue that both sides see (pinned for a device). The rest
/// (words, claims, what the reader has seen) stays in the host's own memory.
struct SharedLayout {
  std::uint64_t submission_slots_offset;
  std::uint64_t completion_slots_offset;
  std::uint64_t taken_offset;
  std::uint64_t collected_offset;
  std::uint64_t bytes;

  [[nodiscard]] static SharedLayout of(const QueueOptions& options) noexcept;
};

class Queue {
 public:
  /// Memory of its own.
  [[nodiscard]] static Result<Queue> create(const QueueOptions& options);
  /// Over the caller's memory (pinned, say), which must outlive the queue: SharedLayout::bytes at
  /// least, 64-byte aligned. It is zeroed.
  [[nodiscard]] static Result<Queue> adopt(const QueueOptions& options, MutableByteSpan shared);

  [[nodiscard]] std::uint32_t slots() const noexcept { return geometry_.slots(); }
  [[nodiscard]] std::uint32_t completion_slots() const noexcept {
    return completion_geometry_.slots();
  }
  [[nodiscard]] Producer producer() const noexcept;
  /// A cursor at position 0. Keep it: a second one would read every item again.
  [[nodiscard]] Consumer consumer() const noexcept;
  [[nodiscard]] Writer writer() const noexcept;
  /// A cursor at position 0, as above. All copies share the bits of what was seen.
  [[nodiscard]] Reader reader() const noexcept;

 private:
  struct FreeDeleter {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };
  using Memory = std::unique_ptr<void, FreeDeleter>;
  Queue() = default;
  [[nodiscard]] static Result<Queue> build(const QueueOptions& options, MutableByteSpan shared,
                                           Memory owned);

  Memory owned_shared_;
  Memory private_;  // words, the reader's bits, claims
  RingSlot* submission_slots_{nullptr};
  RingSlot* completion_slots_memory_{nullptr};
  RingPosition* taken_{nullptr};
  RingPosition* collected_{nullptr};
  ProducerWords* producer_words_{nullptr};
  std::uint64_t* seen_{nullptr};
  std::uint64_t* claims_{nullptr};  // null with single_producer
  RingGeometry geometry_;
  RingGeometry completion_geometry_;
};

}  // namespace vyre::queue

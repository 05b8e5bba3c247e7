// Which items of a queue have ended, as the workers of one host tell each other: an item with order
// flags starts only when the marks say so. The words are plain memory reached through an atomics
// policy, so that test/model runs this source under its seeded scheduler. Lock-free; marks from any
// thread, questions from the taker. Spec: docs/internals/memory-model.md, ORDER-1 and ORDER-2.
#pragma once

#include <cstdint>

#include "queue/atomics.hpp"

namespace vyre::queue {

template <class Atomics>
struct EndMarks {
  /// `slots` words, a power of two and at least as many as there are items accepted and not
  /// collected. [ORDER-1] ended[p % slots] == low 32 bits of p: the item at p has ended.
  std::uint32_t* ended{nullptr};
  std::uint64_t* ended_count{nullptr};
  std::uint32_t slots{0};

  /// Before any other call: no position has ended, so slot i holds a value that is not i.
  void reset() const noexcept {
    for (std::uint32_t i = 0; i < slots; ++i) Atomics::store(&ended[i], ~i, Order::relaxed);
    Atomics::store(ended_count, std::uint64_t{0}, Order::relaxed);
  }

  void mark(const std::uint64_t* positions, std::uint32_t count) const noexcept {
    for (std::uint32_t i = 0; i < count; ++i) {
      // [ORDER-1] release: what the item wrote, for the item that was waiting for it.
      Atomics::store(&ended[positions[i] & (slots - 1)], static_cast<std::uint32_t>(positions[i]),
                     Order::release);
    }
    // [ORDER-2] acq_rel: the same for an item that waits for all; each addition passes on what the
    // ones before it published.
    (void)Atomics::fetch_add_acq_rel(ended_count, std::uint64_t{count});
  }

  [[nodiscard]] bool has_ended(std::uint64_t position) const noexcept {
    return Atomics::load(&ended[position & (slots - 1)], Order::acquire) ==  // [ORDER-1]
           static_cast<std::uint32_t>(position);
  }

  [[nodiscard]] std::uint64_t count() const noexcept {
    return Atomics::load(ended_count, Order::acquire);  // [ORDER-2]
  }
};

}  // namespace vyre::queue

// What one worker measured of its items, for the planner: their way through the ring, bytes moved
// and steps. Host only; the worker's thread adds, any thread reads. Spec:
// docs/internals/planner.md, "Cost".
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "backend/backend.hpp"

namespace vyre::cpu {

/// Of so many batches, and of so many programs, a worker times one: a look at the clock costs more
/// than a no-op item.
inline constexpr std::uint64_t kTimedOneOf{16};

class Costs {
 public:
  void add_slots(std::uint64_t slots, std::chrono::nanoseconds took) noexcept {
    add(slots_, slots, took);
  }
  void add_bytes(std::uint64_t bytes, std::chrono::nanoseconds took) noexcept {
    add(bytes_, bytes, took);
  }
  void add_steps(std::uint64_t steps, std::chrono::nanoseconds took) noexcept {
    add(steps_, steps, took);
  }
  void add_to(backend::ItemCosts& sum) const noexcept {
    sum.slots += slots_.count.load(std::memory_order_relaxed);
    sum.slots_ns += slots_.ns.load(std::memory_order_relaxed);
    sum.bytes += bytes_.count.load(std::memory_order_relaxed);
    sum.bytes_ns += bytes_.ns.load(std::memory_order_relaxed);
    sum.steps += steps_.count.load(std::memory_order_relaxed);
    sum.steps_ns += steps_.ns.load(std::memory_order_relaxed);
  }

 private:
  /// Relaxed, and no read-modify-write: sums with one writer.
  struct Sum {
    std::atomic<std::uint64_t> count{0};
    std::atomic<std::uint64_t> ns{0};
  };
  static void add(Sum& sum, std::uint64_t count, std::chrono::nanoseconds took) noexcept {
    const auto ns = static_cast<std::uint64_t>(took.count() < 0 ? 0 : took.count());
    sum.count.store(sum.count.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    sum.ns.store(sum.ns.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
  }

  Sum slots_;
  Sum bytes_;
  Sum steps_;
};

}  // namespace vyre::cpu

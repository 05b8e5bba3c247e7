// Host loops that load rings: one producer and one collector thread a ring, pinned to processors of
// their own among those that are allowed and free, where the system lets us. Templates, so that the
// loop against the resident kernel and the one against the bare echo kernel are the same code. Host
// only.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <atomic>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "megakernel/machine.hpp"
#include "platform/processors.hpp"
#include "queue/queue.hpp"

namespace vyre::bench {

/// contended: try_publish, any number of producers; owned: publish_owned, one; lean: the least that
/// a host can do with the same rings, one 16-byte store an item and one look at each completion, so
/// that the kernel is what is timed.
enum class Publish { contended, owned, lean };

struct Lane {
  queue::Producer submissions;
  queue::Reader* completions;
  std::span<const MegakernelWorkItem> items;  // published in turn
};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

struct alignas(128) LaneEnd {
  std::uint64_t ended{0};
  std::uint64_t position_sum{0};
  std::uint32_t not_done{0};
  bool refused{false};
  std::uint64_t full_looks{0};   // the producer found no room: it waited for kernel or collector
  std::uint64_t empty_looks{0};  // the collector found nothing: it waited for kernel or producer
  Clock::time_point at{};
};

/// Which of the two host threads waited for the other, over all lanes of a run.
struct Waits {
  std::uint64_t full_looks{0};
  std::uint64_t empty_looks{0};
};

/// One store; x86 keeps stores in order, so it publishes what was written before.
inline void store_whole(RingSlot* slot, const RingSlot& value) {
#if defined(__SSE2__)
  asm volatile("" ::: "memory");
  _mm_store_si128(reinterpret_cast<__m128i*>(slot),
                  _mm_load_si128(reinterpret_cast<const __m128i*>(&value)));
#else
  queue::HostAtomics::store_slot(slot, value);
#endif
}

template <Publish kPublish, class Doorbell>
void produce(const Lane& lane, std::uint64_t count, const Doorbell& doorbell,
             const std::atomic<bool>& stop, LaneEnd& end) {
  constexpr std::uint64_t kBatch{256};
  const queue::Producer producer = lane.submissions;
  const MegakernelWorkItem* const items = lane.items.data();
  const std::size_t kinds = lane.items.size();
  std::size_t next = 0;
  std::uint64_t full_looks = 0;
  for (std::uint64_t sent = 0; sent < count;) {
    const auto want = static_cast<std::uint32_t>(std::min(kBatch, count - sent));
    const queue::Reservation got = producer.try_reserve(want);
    if (got.count == 0) {
      if (got.outcome == queue::TakeOutcome::closed || stop.load(std::memory_order_relaxed)) {
        end.refused = true;
        return;
      }
      ++full_looks;
      relax();
      continue;
    }
    for (std::uint32_t i = 0; i < got.count; ++i) {
      if constexpr (kPublish == Publish::lean) {
        const std::uint64_t position = got.first + i;
        store_whole(producer.slots + producer.geometry.index(position),
                    queue::encode_item(items[next], 0, producer.geometry.phase_bit(position)));
      } else if constexpr (kPublish == Publish::owned) {
        producer.publish_owned(got.first + i, items[next], 0);
      } else if (!producer.try_publish(got.first + i, items[next], 0)) {
        end.refused = true;
        return;
      }
      next = next + 1 == kinds ? 0 : next + 1;
    }
    doorbell();
    sent += got.count;
  }
  end.full_looks = full_looks;
}

inline void collect(const Lane& lane, std::uint64_t count, std::atomic<bool>& stop, LaneEnd& end) {
  constexpr std::uint32_t kBatch{256};
  constexpr std::uint32_t kNotDone{0x7FF0'0000u};  // status and code
  queue::TakenCompletion taken[kBatch];
  queue::Reader& reader = *lane.completions;
  const auto begin = Clock::now();
  std::uint64_t empty = 0;
  std::uint64_t ended = 0;
  std::uint64_t sum = 0;
  std::uint32_t not_done = 0;
  while (ended < count) {
    // The look ahead is for when the oldest item is slow: it reads the producers' tail.
    std::uint32_t n = reader.take(taken, kBatch, reader.position);
    if (n == 0) n = reader.take(taken, kBatch, lane.submissions.tail());
    if (n == 0) {
      relax();
      if (++empty % 65'536 == 0 && seconds_since(begin) > kMachineSeconds) break;
      continue;
    }
    for (std::uint32_t i = 0; i < n; ++i) {
      sum += taken[i].position;
      not_done |= taken[i].completion.head & kNotDone;
    }
    reader.release();
    ended += n;
  }
  end.at = Clock::now();
  end.ended = ended;
  end.empty_looks = empty;
  end.position_sum = sum;
  end.not_done = not_done;
  if (ended < count) stop.store(true, std::memory_order_relaxed);
}

/// The lean way: completions in the order of positions, each looked at once.
inline void collect_lean(const Lane& lane, std::uint64_t count, std::atomic<bool>& stop,
                         LaneEnd& end) {
  constexpr std::uint32_t kNotDone{0x7FF0'0000u};
  constexpr std::uint64_t kGiveBack{64};
  queue::Reader& reader = *lane.completions;
  const auto begin = Clock::now();
  const std::uint64_t first = reader.position;
  std::uint64_t position = first;
  std::uint64_t empty = 0;
  std::uint64_t sum = 0;
  std::uint32_t wrong = 0;
  while (position != first + count) {
    const RingSlot& slot = reader.slots[reader.geometry.index(position)];
    const std::uint32_t head = queue::HostAtomics::load(&slot.word[0], queue::Order::acquire);
    if ((head & kCompletionPhaseBit) != reader.geometry.phase_bit(position)) {
      relax();
      if (++empty % 65'536 == 0 && seconds_since(begin) > kMachineSeconds) break;
      continue;
    }
    wrong |= (head & kNotDone) | (slot.word[1] ^ static_cast<std::uint32_t>(position));
    sum += position;
    ++position;
    if (position % kGiveBack == 0) {
      reader.position = position;
      reader.release();
    }
  }
  reader.position = position;
  reader.release();
  end.at = Clock::now();
  end.ended = position - first;
  end.empty_looks = empty;
  end.position_sum = sum;
  end.not_done = wrong;
  if (end.ended < count) stop.store(true, std::memory_order_relaxed);
}

/// Items a second over all lanes, from the first store until the last completion has been
/// collected. An error unless each of `count` items a lane ended once and as done.
template <Publish kPublish, class Doorbell>
Result<double> items_per_s(std::span<Lane> lanes, std::uint64_t count, const Doorbell& doorbell,
                           Waits* waits = nullptr) {
  std::atomic<std::uint32_t> waiting{0};
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
  std::vector<LaneEnd> ends(lanes.size());
  std::vector<std::uint64_t> firsts;
  std::vector<std::thread> threads;
  const platform::ProcessorShare share(static_cast<std::uint32_t>(2 * lanes.size()));
  const auto begin = [&](std::size_t place) {
    (void)share.pin(static_cast<std::uint32_t>(place));
    waiting.fetch_add(1);
    while (!go.load(std::memory_order_acquire)) relax();
  };
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    firsts.push_back(lanes[i].submissions.tail());
    threads.emplace_back([&, i] {
      begin(i);
      produce<kPublish>(lanes[i], count, doorbell, stop, ends[i]);
    });
    threads.emplace_back([&, i] {
      begin(lanes.size() + i);
      if constexpr (kPublish == Publish::lean) {
        collect_lean(lanes[i], count, stop, ends[i]);
      } else {
        collect(lanes[i], count, stop, ends[i]);
      }
    });
  }
  while (waiting.load() != threads.size()) std::this_thread::yield();
  const auto start = Clock::now();
  go.store(true, std::memory_order_release);
  for (std::thread& thread : threads) thread.join();
  auto last = start;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const std::uint64_t sum = count * firsts[i] + count * (count - 1) / 2;
    if (ends[i].refused || ends[i].ended != count || ends[i].position_sum != sum ||
        ends[i].not_done != 0) {
      return fail(Errc::mismatch,
                  "ring " + std::to_string(i) + ": " + std::to_string(ends[i].ended) + " of " +
                      std::to_string(count) + " items ended, or not each once and as done");
    }
    last = std::max(last, ends[i].at);
    if (waits != nullptr) {
      waits->full_looks += ends[i].full_looks;
      waits->empty_looks += ends[i].empty_looks;
    }
  }
  return static_cast<double>(count) * static_cast<double>(lanes.size()) /
         std::chrono::duration<double>(last - start).count();
}

/// Lanes over the queues of a machine; lane i publishes items[i].
inline std::vector<Lane> lanes_of(Machine& machine, std::uint32_t queues,
                                  std::span<const std::vector<MegakernelWorkItem>> items) {
  std::vector<Lane> lanes;
  for (std::uint32_t q = 0; q < queues; ++q)
    lanes.push_back({machine.port(q).submissions, &machine.port(q).completions, items[q]});
  return lanes;
}

}  // namespace vyre::bench

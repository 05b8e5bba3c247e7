// A warp asks the host's pump for bytes of files and takes the answers: request lines by laps and
// credits, as docs/internals/ingest-requests.md, "Requests of items", says; the host's end is
// queue/io_queue.hpp. By whole warps, converged: one lane talks, all of them copy. Bounded by the
// pump's signs of life. The host's variant is real too: tests run it against a real pump thread.
// Device code.
#pragma once

#include <cstdint>

#include "cuda/interpreter/io_access.hpp"
#include "vyre/protocol/completion.hpp"
#include "vyre/protocol/limits.hpp"
#include "warp.cuh"

namespace vyre::cuda::interpreter::io {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// ---- accesses; sys: host and device, gpu: the device ----

VYRE_WARP_FN u64 load_gpu(const u64* from) {
#if VYRE_ON_DEVICE
  u64 v;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_RELAXED);
#endif
}
/// What was there before.
VYRE_WARP_FN u64 or_gpu(u64* word, u64 bits) {
#if VYRE_ON_DEVICE
  u64 old;
  asm volatile("atom.or.relaxed.gpu.global.b64 %0, [%1], %2;"
               : "=l"(old)
               : "l"(word), "l"(bits)
               : "memory");
  return old;
#else
  return __atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
#endif
}
/// What was there before.
VYRE_WARP_FN u64 fetch_and_gpu(u64* word, u64 bits) {
#if VYRE_ON_DEVICE
  u64 old;
  asm volatile("atom.and.relaxed.gpu.global.b64 %0, [%1], %2;"
               : "=l"(old)
               : "l"(word), "l"(bits)
               : "memory");
  return old;
#else
  return __atomic_fetch_and(word, bits, __ATOMIC_RELAXED);
#endif
}
VYRE_WARP_FN void and_gpu(u64* word, u64 bits) {
#if VYRE_ON_DEVICE
  asm volatile("red.and.relaxed.gpu.global.b64 [%0], %1;" ::"l"(word), "l"(bits) : "memory");
#else
  (void)__atomic_fetch_and(word, bits, __ATOMIC_RELAXED);
#endif
}
VYRE_WARP_FN u64 add_gpu(u64* word, u64 n) {
#if VYRE_ON_DEVICE
  u64 old;
  asm volatile("atom.add.relaxed.gpu.global.u64 %0, [%1], %2;"
               : "=l"(old)
               : "l"(word), "l"(n)
               : "memory");
  return old;
#else
  return __atomic_fetch_add(word, n, __ATOMIC_RELAXED);
#endif
}
VYRE_WARP_FN u32 load_gpu(const u32* from) {
#if VYRE_ON_DEVICE
  u32 v;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_RELAXED);
#endif
}
VYRE_WARP_FN void store_gpu(u32* to, u32 v) {
#if VYRE_ON_DEVICE
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(to), "r"(v) : "memory");
#else
  __atomic_store_n(to, v, __ATOMIC_RELAXED);
#endif
}
VYRE_WARP_FN void fence_gpu() {
#if VYRE_ON_DEVICE
  asm volatile("fence.acq_rel.gpu;" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_ACQ_REL);
#endif
}
VYRE_WARP_FN void store_sys(void* to, u32 x, u32 y, u32 z, u32 w) {
#if VYRE_ON_DEVICE
  asm volatile("st.relaxed.sys.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(x), "r"(y),
               "r"(z), "r"(w)
               : "memory");
#else
  auto* const words = static_cast<u32*>(to);
  __atomic_store_n(words, x, __ATOMIC_RELAXED);
  __atomic_store_n(words + 1, y, __ATOMIC_RELAXED);
  __atomic_store_n(words + 2, z, __ATOMIC_RELAXED);
  __atomic_store_n(words + 3, w, __ATOMIC_RELAXED);
#endif
}
VYRE_WARP_FN void store_release_sys(u64* to, u64 v) {
#if VYRE_ON_DEVICE
  asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(to), "l"(v) : "memory");
#else
  __atomic_store_n(to, v, __ATOMIC_RELEASE);
#endif
}
VYRE_WARP_FN u32 load_acquire_sys(const u32* from) {
#if VYRE_ON_DEVICE
  u32 v;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
#endif
}
VYRE_WARP_FN u64 load_sys(const u64* from) {
#if VYRE_ON_DEVICE
  u64 v;
  asm volatile("ld.relaxed.sys.global.u64 %0, [%1];" : "=l"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_RELAXED);
#endif
}
VYRE_WARP_FN u32 load_sys(const u32* from) {
#if VYRE_ON_DEVICE
  u32 v;
  asm volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_RELAXED);
#endif
}
VYRE_WARP_FN Four load4_sys(const void* from) {
#if VYRE_ON_DEVICE
  Four v;
  asm volatile("ld.relaxed.sys.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from)
               : "memory");
  return v;
#else
  const auto* const words = static_cast<const u32*>(from);
  return {load_sys(words), load_sys(words + 1), load_sys(words + 2), load_sys(words + 3)};
#endif
}
/// Lane 0's value, for all.
VYRE_WARP_FN u32 of_first(u32 x) {
  return warp::sum(warp::self() == 0 ? x : 0);
}
VYRE_WARP_FN u64 of_first(u64 x) {
  return warp::sum(warp::self() == 0 ? x : u64{0});
}

VYRE_WARP_FN u32 lowest(u64 bits) {
#if VYRE_ON_DEVICE
  return static_cast<u32>(__ffsll(static_cast<long long>(bits))) - 1;
#else
  return static_cast<u32>(__builtin_ctzll(bits));
#endif
}

// ---- lines ----

inline constexpr u32 kNoLine{0xFFFFFFFFu};
inline constexpr u32 kNapNs{400};  // between two looks at an answer, each of which crosses the link
inline constexpr u32 kLooksApart{16};  // looks at an answer between two at the pump's health
/// The pump is dead when it gave no sign of life for so long.
inline constexpr u64 kPumpSilenceNs{50 * kIoHeartbeatNs};
/// At most so much of the time between two looks counts as waiting.
inline constexpr u64 kLookNs{10'000'000};

/// A lost line whose answer came after all, now ours; or kNoLine. Of lane 0.
VYRE_WARP_FN u32 claim_lost(const IoAccess& a) {
  for (u64 left = load_gpu(&a.words->lost); left != 0; left &= left - 1) {
    const u64 bit = left & (~left + 1);
    // First in our hands, then looked at: so nobody else posts or loses it in between.
    if ((fetch_and_gpu(&a.words->lost, ~bit) & bit) == 0) continue;
    fence_gpu();  // [IO-4] acquire: the loser's lap
    const u32 line = lowest(bit);
    // [IO-2] The pump is done with the slot once it has answered, and never before.
    if (load_acquire_sys(&a.completions[line].lap) == load_gpu(&a.words->laps[line])) return line;
    fence_gpu();  // [IO-4] release: what we saw of the line, for the next who looks
    (void)or_gpu(&a.words->lost, bit);
  }
  return kNoLine;
}

/// A free line, or kNoLine: out of credit. A line that somebody else takes first costs another try,
/// so tries are bounded by the lines that others take meanwhile.
VYRE_WARP_FN u32 claim(const IoAccess& a) {
  u32 line = kNoLine;
  if (warp::self() == 0) {
    u64 taken = load_gpu(&a.words->taken);
    while (taken != ~u64{0}) {
      const u64 bit = ~taken & (taken + 1);  // the lowest that is free
      taken = or_gpu(&a.words->taken, bit);
      if ((taken & bit) != 0) continue;
      line = lowest(bit);
      fence_gpu();  // [IO-4] acquire: the last holder's lap and its reads of the slot
      break;
    }
    if (line == kNoLine) line = claim_lost(a);
  }
  return of_first(line);
}

/// Publishes a request in a line that is ours; its lap.
VYRE_WARP_FN u32 post(const IoAccess& a, u32 line, u32 source, u32 queue, u64 offset, u32 length,
                      u32 tag) {
  u32 lap = 0;
  if (warp::self() == 0) {
    lap = load_gpu(&a.words->laps[line]) + 1;
    store_gpu(&a.words->laps[line], lap);
    // Drawn with the line in hand, so that every number is really posted.
    const u64 order = add_gpu(&a.words->order, 1);
    auto* const to = reinterpret_cast<u32*>(a.requests + line);
    store_sys(to, lap, static_cast<u32>(IoRequestOp::read), source, line);
    store_sys(to + 4, tag, queue, static_cast<u32>(offset), static_cast<u32>(offset >> 32));
    store_sys(to + 8, length, 0, static_cast<u32>(order), static_cast<u32>(order >> 32));
    store_release_sys(&a.requests[line].commit, u64{lap} << 32 | lap);  // [IO-1]
  }
  return of_first(lap);
}

[[nodiscard]] VYRE_WARP_FN bool answered(const IoAccess& a, u32 line, u32 lap) {
  bool there = false;
  if (warp::self() == 0) there = load_acquire_sys(&a.completions[line].lap) == lap;  // [IO-2]
  there = warp::any(there);
  warp::sync();  // what lane 0 acquired is there for all
  return there;
}

/// Of a line that is answered: what the program gets to see, and where the bytes begin in the slot.
struct Outcome {
  FaultCode code;
  u32 skip;
};
[[nodiscard]] VYRE_WARP_FN Outcome outcome(const IoAccess& a, u32 line, u32 length) {
  const auto* const from = reinterpret_cast<const u32*>(a.completions + line);
  const Four head = load4_sys(from);
  const u64 bytes = load_sys(&a.completions[line].bytes_done);
  const u32 skip = load_sys(&a.completions[line].skip);
  const auto status = static_cast<IoStatus>(head.y);
  if (status == IoStatus::cancelled) return {FaultCode::shutdown, 0};
  // Bytes that ended too early are no bytes for a program that checked the buffer's length.
  const bool whole =
      status == IoStatus::ok && bytes == length && head.w == line && skip <= kIoBlock;
  return {whole ? FaultCode::none : FaultCode::io_error, skip};
}

/// Only of a line that is answered, and once nobody reads its slot any more: synchronises.
VYRE_WARP_FN void give_back(const IoAccess& a, u32 line) {
  warp::sync();  // every lane has its bytes
  if (warp::self() != 0) return;
  fence_gpu();  // [IO-4] release: our lap, and that the slot was read
  and_gpu(&a.words->taken, ~(u64{1} << line));
}

/// Of a line that is not answered, and that nobody waits for any more. It stays taken, since the
/// pump may still write its slot, until somebody out of credit sees its answer.
VYRE_WARP_FN void lose(const IoAccess& a, u32 line) {
  if (warp::self() != 0) return;
  fence_gpu();  // [IO-4] release: our lap
  (void)or_gpu(&a.words->lost, u64{1} << line);
}

/// Bytes of a slot to device memory; `to` is aligned to 16 bytes and its last 16 bytes, which may
/// lie behind `count`, are ours. Slots have room behind what was read. The caller synchronises.
VYRE_WARP_FN void copy_from_slot(std::uint8_t* to, const std::uint8_t* from, u64 count) {
  constexpr u32 kInFlight{8};
  const u32 self = warp::self();
  auto* const out = reinterpret_cast<u32*>(to);
  const auto misplaced = static_cast<u32>(reinterpret_cast<std::uintptr_t>(from) & 15);
  if (misplaced == 0) {
    const u64 wide = (count + 15) / 16;
    for (u64 k = self; k < wide; k += kInFlight * 32) {
      Four v[kInFlight]{};
#pragma unroll
      for (u32 j = 0; j < kInFlight; ++j) {
        if (k + j * 32 < wide) v[j] = load4_sys(from + 16 * (k + j * 32));
      }
#pragma unroll
      for (u32 j = 0; j < kInFlight; ++j) {
        if (k + j * 32 < wide) warp::store4(out + 4 * (k + j * 32), v[j]);
      }
    }
    return;
  }
  // Two aligned words give one: reads of a byte each would take all the link's round trips.
  const u32 shift = 8 * (misplaced & 3);
  const auto* const words = reinterpret_cast<const u32*>(from - (misplaced & 3));
  const u64 narrow = (count + 3) / 4;
  for (u64 k = self; k < narrow; k += kInFlight * 32) {
    u32 low[kInFlight]{};
    u32 high[kInFlight]{};
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) {
      if (k + j * 32 >= narrow) continue;
      low[j] = load_sys(words + k + j * 32);
      high[j] = shift != 0 ? load_sys(words + k + j * 32 + 1) : 0;
    }
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) {
      if (k + j * 32 >= narrow) continue;
      out[k + j * 32] = static_cast<u32>((u64{high[j]} << 32 | low[j]) >> shift);
    }
  }
}

/// Waiting for an answer, or for a credit: until the pump was silent for too long, or it lives and
/// we waited for too long.
class Patience {
 public:
  VYRE_HD explicit Patience(const IoAccess& a) : a_(a) {}

  /// A little. Anything but none: there is nobody to wait for; every lane gets the same.
  [[nodiscard]] VYRE_HD FaultCode wait() {
    warp::nap(kNapNs);
    if (looks_++ % kLooksApart != 0) return FaultCode::none;
    u32 broken = 0;
    u32 stop = 0;
    u64 beat = 0;
    u64 now = 0;
    if (warp::self() == 0) {
      broken =
          load_acquire_sys(&a_.head->broken);  // [IO-3] answers that were given before are seen
      beat = load_sys(&a_.head->heartbeat);
      stop = a_.stop != nullptr ? load_gpu(a_.stop) : 0;
      now = warp::now_ns();
    }
    broken = of_first(broken);
    stop = of_first(stop);
    beat = of_first(beat);
    now = of_first(now);
    if (stop != 0) return FaultCode::shutdown;
    if (broken != 0) {
      return static_cast<FaultCode>(broken) == FaultCode::shutdown ? FaultCode::shutdown
                                                                   : FaultCode::io_error;
    }
    // A look that comes late counts as one only: while we stood still the pump may have, too. The
    // first counts as late.
    const u64 passed = now - looked_ < kLookNs ? now - looked_ : kLookNs;
    looked_ = now;
    waited_ += passed;
    still_ = beat == beat_ ? still_ + passed : 0;
    beat_ = beat;
    return still_ > kPumpSilenceNs || waited_ > a_.give_up_ns ? FaultCode::io_error
                                                              : FaultCode::none;
  }

 private:
  const IoAccess& a_;
  u32 looks_{0};
  u64 beat_{0};
  u64 looked_{0};  // when
  u64 waited_{0};
  u64 still_{0};  // without a beat
};

}  // namespace vyre::cuda::interpreter::io

// Request lines and their credits: a warp takes a line, gives it back once its answer has been
// read, or loses it when no answer came in time. The words are those of IoWords, in device memory.
// By whole warps, converged; one lane talks. Tests run the host form against a real pump thread.
// Device code. Spec: docs/internals/ingest-requests.md, "Requests of items".
#pragma once

#include <cstdint>

#include "cuda/interpreter/io_access.hpp"
#include "cuda/ptx/access.cuh"
#include "warp.cuh"

namespace vyre::cuda::interpreter::io {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

/// Lane 0's value, for all lanes.
VYRE_WARP_FN u32 of_first(u32 x) {
  return warp::sum(warp::self() == 0 ? x : 0);
}
VYRE_WARP_FN u64 of_first(u64 x) {
  return warp::sum(warp::self() == 0 ? x : u64{0});
}

/// The number of the lowest bit that is set.
VYRE_WARP_FN u32 lowest(u64 bits) {
#if VYRE_ON_DEVICE
  return static_cast<u32>(__ffsll(static_cast<long long>(bits))) - 1;
#else
  return static_cast<u32>(__builtin_ctzll(bits));
#endif
}

inline constexpr u32 kNoLine{0xFFFFFFFFu};

/// A lost line whose answer came after all, which the warp now holds; or kNoLine. By lane 0.
VYRE_WARP_FN u32 claim_lost(const IoAccess& a) {
  for (u64 left = ptx::load_relaxed_gpu_u64(&a.words->lost); left != 0; left &= left - 1) {
    const u64 bit = left & (~left + 1);
    // The bit is taken out before the answer is looked at, so that no other warp posts in the line
    // or loses it in between.
    if ((ptx::fetch_and_relaxed_gpu_u64(&a.words->lost, ~bit) & bit) == 0) continue;
    ptx::fence_acq_rel_gpu();  // [IO-4] acquire: the lap of the warp that lost the line
    const u32 line = lowest(bit);
    // [IO-2] The pump is done with the line data once it has answered, and never before.
    const u32 answer = ptx::load_acquire_sys_u32(&a.completions[line].lap);
    if (answer == ptx::load_relaxed_gpu_u32(&a.words->laps[line])) return line;
    ptx::fence_acq_rel_gpu();  // [IO-4] release: what this warp saw of the line, to the next one
    (void)ptx::fetch_or_relaxed_gpu_u64(&a.words->lost, bit);
  }
  return kNoLine;
}

/// A free line, or kNoLine: out of credit. A line that another warp takes first costs another try,
/// so tries are bounded by the lines that other warps take meanwhile.
VYRE_WARP_FN u32 claim(const IoAccess& a) {
  u32 line = kNoLine;
  if (warp::self() == 0) {
    u64 taken = ptx::load_relaxed_gpu_u64(&a.words->taken);
    while (taken != ~u64{0}) {
      const u64 bit = ~taken & (taken + 1);  // the lowest that is free
      taken = ptx::fetch_or_relaxed_gpu_u64(&a.words->taken, bit);
      if ((taken & bit) != 0) continue;
      line = lowest(bit);
      ptx::fence_acq_rel_gpu();  // [IO-4] acquire: the last holder's lap and its reads of the data
      break;
    }
    if (line == kNoLine) line = claim_lost(a);
  }
  return of_first(line);
}

/// Only of a line that is answered, and once no lane needs its data any more: synchronises.
VYRE_WARP_FN void give_back(const IoAccess& a, u32 line) {
  warp::sync();  // every lane has its bytes before lane 0 frees the line
  if (warp::self() != 0) return;
  ptx::fence_acq_rel_gpu();  // [IO-4] release: the line's lap, and that its data were read
  ptx::and_relaxed_gpu_u64(&a.words->taken, ~(u64{1} << line));
}

/// Of a line that is not answered, when the warp stops waiting for it. The line stays taken, since
/// the pump may still write its data, until a warp that is out of credit sees the answer.
VYRE_WARP_FN void lose(const IoAccess& a, u32 line) {
  if (warp::self() != 0) return;
  ptx::fence_acq_rel_gpu();  // [IO-4] release: the line's lap
  (void)ptx::fetch_or_relaxed_gpu_u64(&a.words->lost, u64{1} << line);
}

}  // namespace vyre::cuda::interpreter::io

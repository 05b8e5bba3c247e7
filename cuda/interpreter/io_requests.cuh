// Requests for bytes of files and their answers, in lines that the warp holds. The host's end is
// host/queue/io_queue.hpp. By whole warps, converged; one lane talks. Device code. Spec:
// docs/internals/ingest-requests.md, "Requests of items".
#pragma once

#include <cstdint>

#include "cuda/interpreter/io_access.hpp"
#include "cuda/ptx/access.cuh"
#include "io_lines.cuh"
#include "protocol/completion.hpp"
#include "protocol/limits.hpp"
#include "warp.cuh"

namespace vyre::cuda::interpreter::io {

/// Publishes a request in a line that the warp holds; returns the line's lap.
VYRE_WARP_FN u32 post(const IoAccess& a, u32 line, u32 source, u32 queue, u64 offset, u32 length,
                      u32 tag) {
  u32 lap = 0;
  if (warp::self() == 0) {
    lap = ptx::load_relaxed_gpu_u32(&a.words->laps[line]) + 1;
    ptx::store_relaxed_gpu_u32(&a.words->laps[line], lap);
    // Drawn while the warp holds the line, so that a request is posted for every number.
    const u64 order = ptx::fetch_add_relaxed_gpu_u64(&a.words->order, 1);
    auto* const to = reinterpret_cast<u32*>(a.requests + line);
    ptx::store_relaxed_sys_v4(to,
                              make_uint4(lap, static_cast<u32>(IoRequestOp::read), source, line));
    ptx::store_relaxed_sys_v4(
        to + 4, make_uint4(tag, queue, static_cast<u32>(offset), static_cast<u32>(offset >> 32)));
    ptx::store_relaxed_sys_v4(
        to + 8, make_uint4(length, 0, static_cast<u32>(order), static_cast<u32>(order >> 32)));
    ptx::store_release_sys_u64(&a.requests[line].commit, u64{lap} << 32 | lap);  // [IO-1]
  }
  return of_first(lap);
}

/// Whether the pump has answered the request of this lap.
[[nodiscard]] VYRE_WARP_FN bool answered(const IoAccess& a, u32 line, u32 lap) {
  bool there = false;
  if (warp::self() == 0)
    there = ptx::load_acquire_sys_u32(&a.completions[line].lap) == lap;  // [IO-2]
  there = warp::any(there);
  warp::sync();  // publishes lane 0's acquire of the answer to all lanes
  return there;
}

/// What the program gets to see of an answer, and where the bytes begin in the line data.
struct Outcome {
  FaultCode code;
  u32 skip;
};
/// Only of a line that is answered.
[[nodiscard]] VYRE_WARP_FN Outcome outcome(const IoAccess& a, u32 line, u32 length) {
  const auto* const from = reinterpret_cast<const u32*>(a.completions + line);
  const uint4 head = ptx::load_relaxed_sys_v4(from);
  const u64 bytes = ptx::load_relaxed_sys_u64(&a.completions[line].bytes_done);
  const u32 skip = ptx::load_relaxed_sys_u32(&a.completions[line].skip);
  const auto status = static_cast<IoStatus>(head.y);
  if (status == IoStatus::cancelled) return {FaultCode::shutdown, 0};
  // Bytes that ended too early are no bytes for a program that checked the buffer's length.
  const bool whole =
      status == IoStatus::ok && bytes == length && head.w == line && skip <= kIoBlock;
  return {whole ? FaultCode::none : FaultCode::io_error, skip};
}

}  // namespace vyre::cuda::interpreter::io

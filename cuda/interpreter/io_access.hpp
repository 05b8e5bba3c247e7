// Where a warp asks for bytes of files: addresses of the request lines in ingest memory, and the
// words by which warps share them. Plain old data, read by g++ and nvcc; given to every launch.
// Spec: docs/internals/ingest-requests.md, "Requests of items".
#pragma once

#include <cstdint>

#include "protocol/io_request.hpp"

namespace vyre::cuda::interpreter {

/// In device memory, zero at first; words of all warps. `laps`: a line's belongs to its holder,
/// which for a lost line is the warp that takes its bit out of `lost`.
struct alignas(128) IoWords {
  std::uint64_t taken;  // bit i: a warp holds line i, or it is lost
  std::uint64_t lost;   // of those: its holder gave up waiting before its answer came
  alignas(128) std::uint64_t order;
  alignas(128) std::uint32_t laps[kIoLines];
};

/// `requests` null: no ingest memory, and no buffer is a file without bytes.
struct IoAccess {
  const IoQueueHead* head;
  IoRequestLine* requests;
  const IoCompletionLine* completions;
  const std::uint8_t* line_data;
  IoWords* words;
  const std::uint32_t* stop;  // a device word; nonzero ends waits as FaultCode::shutdown; or null
  std::uint64_t give_up_ns;   // how long a warp waits while the pump lives: kRequestGiveUpNs
};

/// Bound buffers of files whose bytes are not on the device hold this and the handle instead of an
/// address: a value that no address has.
inline constexpr std::uint64_t kFileTag{std::uint64_t{1} << 63};

}  // namespace vyre::cuda::interpreter

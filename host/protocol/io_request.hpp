// Requests for bytes of files that items make while they run, and their answers: the 64-byte lines
// that a worker (a warp of the resident kernel or a CPU thread) and the host's pump share, and how
// they lie in ingest memory. Plain old data; a line has one writer. Spec:
// docs/internals/ingest-requests.md, "Requests of items".
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/host_device.hpp"

namespace vyre {

/// The numbers are upstream's (docs/origin.md); its WRITE (2) has no meaning here.
enum class IoRequestOp : std::uint32_t { none = 0, read = 1, fence = 3 };

enum class IoStatus : std::uint32_t {
  ok = 1,           // bytes_done == length
  end_of_file = 2,  // fewer: the file ended there; what came is valid
  error = 3,        // error_number is an errno
  cancelled = 4,    // the pump stopped first
  rejected = 5,     // unknown handle, range beyond the file, too long, or not for this queue
  timeout = 6,      // the system did not answer in time
};

/// Written by the worker that holds the line. Everything before `commit` is written first; `commit`
/// is stored with release and holds the lap twice, so that a torn line is never taken for a whole
/// one. [IO-1]
struct alignas(64) IoRequestLine {
  std::uint32_t lap;  // of this line, from 1, one more each use
  IoRequestOp op;
  std::uint32_t source;       // handle of a file-backed buffer, generation included
  std::uint32_t destination;  // the line data the bytes go to: the line's own index
  std::uint32_t tag;          // comes back in the answer
  std::uint32_t queue;        // queue of the item that asks
  std::uint64_t offset;       // in the file
  std::uint64_t length;       // at most kIoRequestBytes
  std::uint64_t order;  // dense over all requests, from 0: a fence waits for those below its own
  std::uint64_t reserved;
  std::uint64_t commit;  // lap << 32 | lap
};

/// Written by the pump. `lap` is stored last, with release: it is the request's. [IO-2]
struct alignas(64) IoCompletionLine {
  std::uint32_t lap;
  IoStatus status;
  std::int32_t error_number;
  std::uint32_t data_line;   // line data that holds the bytes
  std::uint64_t bytes_done;  // valid bytes
  std::uint64_t offset;      // of the first of them in the file
  std::uint32_t tag;
  std::uint32_t skip;          // bytes of the line data before the first of them
  std::uint64_t submitted_ns;  // steady clock of the host: when the pump saw the request
  std::uint64_t done_ns;
  std::uint64_t reserved;
};

/// Written by the pump.
struct alignas(64) IoQueueHead {
  /// Grows at least every kIoHeartbeatNs while the pump lives. [IO-3]
  std::uint64_t heartbeat;
  /// Not 0: no request will be answered any more; a FaultCode says why. [IO-3]
  std::uint32_t broken;
  std::uint32_t reserved[13];
};
static_assert(sizeof(IoRequestLine) == 64 && offsetof(IoRequestLine, commit) == 56);
static_assert(sizeof(IoCompletionLine) == 64 && sizeof(IoQueueHead) == 64);
static_assert(std::has_unique_object_representations_v<IoRequestLine> &&
              std::has_unique_object_representations_v<IoCompletionLine>);

/// Lines of one session: as many requests may be under way. A bit each in one 64-bit word.
inline constexpr std::uint32_t kIoLines{64};
inline constexpr std::uint64_t kIoRequestBytes{std::uint64_t{64} << 10};
/// A line data has room for a direct read rounded out to blocks on both sides.
inline constexpr std::uint64_t kIoBlock{4096};
inline constexpr std::uint64_t kIoLineDataBytes{kIoRequestBytes + 2 * kIoBlock};

/// Bytes where an alias lies now (docs/internals/ingest-streams.md, "Aliases"). Written by the host
/// while no unfinished item names the alias; the publication of the next item that does publishes
/// it. [ALIAS-1]
struct alignas(16) AliasPlace {
  std::uint64_t data;  // address, for host and device
  std::uint64_t bytes;
};
static_assert(sizeof(AliasPlace) == 16);
inline constexpr std::uint32_t kMaxAliases{4096};

/// How ingest memory is laid out: offsets from its start, which is page aligned.
struct IngestLayout {
  static constexpr std::uint64_t kHead{0};
  static constexpr std::uint64_t kRequests{kHead + sizeof(IoQueueHead)};
  static constexpr std::uint64_t kCompletions{kRequests + kIoLines * sizeof(IoRequestLine)};
  static constexpr std::uint64_t kAliases{kCompletions + kIoLines * sizeof(IoCompletionLine)};
  static constexpr std::uint64_t kLineData{
      (kAliases + kMaxAliases * sizeof(AliasPlace) + kIoBlock - 1) / kIoBlock * kIoBlock};
  /// From here on: what streams read into.
  static constexpr std::uint64_t kStreams{kLineData + kIoLines * kIoLineDataBytes};
};
static_assert(IngestLayout::kStreams % kIoBlock == 0);

}  // namespace vyre

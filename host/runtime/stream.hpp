// Streams: files cut into chunks, read into ingest memory, each chunk an item the moment it has
// landed, results in order or as they come, memory bounded whatever the input. Host only; a Stream
// belongs to one thread at a time and may outlive its Session. Spec:
// docs/internals/ingest-streams.md, "Streams"; docs/streams.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "ingest/tier.hpp"
#include "protocol/completion.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

/// Paths, one a call, until nullopt. Called from Stream::next().
using FileSource = std::function<std::optional<std::string>()>;

/// One output buffer of the op: of its own for every item, `bytes` long, or one that all share. The
/// items write a shared one one after the other, in the order in which their chunks landed, and in
/// the order of the session with everything else that uses it.
struct StreamOutput {
  std::uint64_t bytes{0};
  Handle shared{};
};

/// Where chunks lie while items read them.
enum class ChunkPlace : std::uint8_t {
  automatic,  // in_place on the CPU; on a device as docs/internals/ingest.md says
  in_place,   // in the pages they were read into
  device,     // copied to the device's memory first, by an item
};

struct StreamOptions {
  /// Bytes of an item, overlap included; a file of at most so many is one chunk. Rounded down to a
  /// multiple of 16.
  std::uint64_t chunk_bytes{std::uint64_t{1} << 20};
  /// A chunk begins so many bytes before the end of the one before it (rounded up to 16), so that
  /// what crosses a boundary lies whole in one of them. At most half of chunk_bytes.
  std::uint64_t overlap_bytes{0};
  bool in_order{true};  // results by file and chunk; else as they come
  std::uint32_t param{0};
  std::uint32_t queue{0};
  /// Chunks in flight: read, or being read, and their results not handed out. 0: what memory
  /// allows. In order it also bounds how many results wait for an older one.
  std::uint32_t max_in_flight{0};
  /// The largest number of chunks in progress, counted from the oldest chunk whose result has not
  /// been handed out: bounds what a caller that puts results in order has to keep. 0: unbounded.
  std::uint64_t max_ahead{0};
  /// Results show the bytes of their chunks (StreamResult::bytes). Memory that holds a chunk is
  /// free for another one after its result and not already after its item.
  bool keep_bytes{false};
  /// The op's inputs in order; one of them is Handle{}: the chunk. Empty: the chunk alone.
  std::vector<Handle> inputs;
  /// The op's outputs in order. Empty: of their declared sizes; built-in ops have none declared,
  /// but match.literals then has room for as many hits as the launch policy expects.
  std::vector<StreamOutput> outputs;
  ChunkPlace place{ChunkPlace::automatic};
};

/// A piece of a file.
struct StreamChunk {
  std::uint64_t file{0};    // index, from 0
  std::uint64_t index{0};   // of the chunk in its file
  std::uint64_t offset{0};  // in the file
  std::uint64_t bytes{0};
  std::uint64_t seen_bytes{0};  // leading bytes that the chunk before had as well
  bool last{false};             // of its file
};

/// Valid until the next call of next(). A copy may be kept: its `outputs` stay readable while the
/// copy lives, also when the stream and the session are gone, but the next call may change them.
struct StreamResult {
  StreamChunk chunk;
  std::string path;
  /// The file could not be opened or read: its path and errno; no item ran for this chunk and
  /// nothing more comes of this file. Other files go on.
  std::optional<Error> error;
  CompletionStatus status{CompletionStatus::done};
  Fault fault;
  std::vector<ByteSpan> outputs;       // own outputs in order, where status is done
  ByteSpan bytes;                      // of the chunk, with StreamOptions::keep_bytes; else empty
  std::shared_ptr<const void> memory;  // keeps what `outputs` and `bytes` name
};

struct StreamProgress {
  std::uint64_t files_opened{0};
  std::uint64_t files_ended{0};  // all their results are out, or they failed
  std::uint64_t files_failed{0};
  std::uint64_t chunks_read{0};
  std::uint64_t chunks_ended{0};
  std::uint64_t bytes_opened{0};  // sizes of the files opened so far
  std::uint64_t bytes_read{0};    // without overlap and rounding
};

/// While an observer listens (a recording), every chunk and every own output is a buffer of its own
/// that stays: results are the same, memory is what the recording holds. A Stream that was moved
/// from refuses every call (Errc::closed).
class Stream {
 public:
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();  // cancel(), then waits for what is under way, at most the session's close_timeout

  /// The next result; null: the end. Reads, submits and collects meanwhile, so a stream that is not
  /// asked fills its memory and then rests. Errc::deadline_exceeded: nothing came in time, ask
  /// again. Errors end the stream: closed (after the results that had ended before the session was
  /// closed), device_lost, cancelled, limit_exceeded (its queue dropped results that were not asked
  /// for in time).
  [[nodiscard]] Result<const StreamResult*> next(Deadline deadline);
  /// No more files or chunks are begun; what is under way comes out of next(), then
  /// Errc::cancelled. Any thread.
  void cancel() noexcept;
  /// Goes on without chunks before this one. In order: their results do not come any more, and none
  /// of them is waited for; should their file fail, its error comes as long as other chunks of it
  /// are to come. As they come: they no longer hold others back (max_ahead), and results still
  /// come.
  void skip_to(std::uint64_t file, std::uint64_t chunk) noexcept;
  [[nodiscard]] StreamProgress progress() const;  // any thread

 private:
  friend class Session;
  class Engine;
  class SessionHost;
  explicit Stream(std::shared_ptr<Engine> engine);
  std::shared_ptr<Engine> engine_;  // copies of results hold it, too
};

}  // namespace vyre::runtime

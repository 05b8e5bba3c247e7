// What a stream needs of its session, and nothing else: the parts of a stream call these, a session
// implements them (session_stream_host.hpp), tests fake them. Host only; called from the stream's
// thread unless a comment says otherwise. Spec: docs/internals/ingest-streams.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "ingest/file.hpp"
#include "ingest/pump.hpp"
#include "protocol/completion.hpp"
#include "protocol/work_item.hpp"
#include "queue/waiter.hpp"
#include "runtime/session.hpp"
#include "stream_memory.hpp"

namespace vyre::runtime {

/// Opens and reads files: what the chunk reader needs.
class FileHost {
 public:
  virtual ~FileHost() = default;
  [[nodiscard]] virtual Result<std::shared_ptr<const ingest::File>> open(
      const std::string& path) = 0;
  /// Counts an opened file for the report.
  virtual void count_file(const ingest::File& file) = 0;
  /// As ingest::Pump::read(), cancel() and broken().
  [[nodiscard]] virtual Status read(std::span<const ingest::ReadRequest> requests) = 0;
  virtual void cancel_reads(ingest::ReadSink* sink) = 0;
  /// Keeps the sink, whose reads have not ended, for as long as the pump may tell it of them.
  virtual void keep(std::unique_ptr<ingest::ReadSink> sink) noexcept = 0;
  [[nodiscard]] virtual std::optional<Error> reads_broken() = 0;
};

/// Makes handles, submits items to the stream's queue and finds their results: what the chunk items
/// need.
class ItemHost {
 public:
  enum class Found : std::uint8_t { ended, pending, forgotten };

  virtual ~ItemHost() = default;
  [[nodiscard]] virtual Result<Handle> allocate(std::uint64_t bytes, const ByteSpan* contents) = 0;
  [[nodiscard]] virtual Result<Handle> make_alias() = 0;
  /// A binding set, whose members may be aliases.
  [[nodiscard]] virtual Result<Handle> bind(std::span<const Handle> handles) = 0;
  /// Waits for items that use the handle, at most the session's close_timeout.
  [[nodiscard]] virtual Status release(Handle handle) = 0;
  /// Where the alias's bytes lie: in `buffer`, or in ingest memory where that is Handle{}.
  virtual void place_alias(Handle alias, Handle buffer, std::uint64_t offset,
                           std::uint64_t bytes) = 0;
  /// Bytes of a buffer that the host sees; nullopt on a device.
  [[nodiscard]] virtual std::optional<ByteSpan> bytes_of(Handle buffer) = 0;
  [[nodiscard]] virtual Status download(Handle buffer, MutableByteSpan out) = 0;
  /// Counts bytes of ingest memory that an item reads, for the report.
  virtual void count_streamed(std::uint64_t bytes) = 0;

  /// Takes a prefix and never waits. Errc::queue_full and deadline_exceeded: the rest can be tried
  /// again. Errc::wall_time: the session's wall time is over.
  [[nodiscard]] virtual Session::SubmitMany submit(std::span<const MegakernelWorkItem> items) = 0;
  [[nodiscard]] virtual Found look(std::uint64_t position, ItemResult& out) = 0;
  /// The stream has this result now.
  virtual void asked(const ItemResult& result) = 0;
  /// Results that the queue keeps.
  [[nodiscard]] virtual std::uint32_t history() = 0;
  [[nodiscard]] virtual bool closing() = 0;
};

/// All of it: what the stream itself needs.
class StreamHost : public FileHost, public ItemHost {
 public:
  /// Why the session cannot go on; nullopt while all is well.
  [[nodiscard]] virtual std::optional<Error> lost() = 0;
  /// Collects completions of the stream's queue. Returns a number that grows with its results.
  [[nodiscard]] virtual std::uint64_t collect() = 0;
  [[nodiscard]] virtual std::uint64_t events() = 0;
  /// True as soon as `ready()` is; false if it is still false at the deadline. Collects meanwhile.
  [[nodiscard]] virtual bool wait_for(Deadline deadline, const std::function<bool()>& ready) = 0;
  /// An item that waits for another queue keeps its place in the lines of its buffers from one
  /// submit() to the next, until this call.
  virtual void leave_place() = 0;
  /// Wakes wait_for(). Any thread.
  [[nodiscard]] virtual queue::Waiter& changed() = 0;
  [[nodiscard]] virtual std::chrono::nanoseconds close_timeout() = 0;
  // What the launch policy asks of the stream.
  /// Fewer chunks should be in flight.
  [[nodiscard]] virtual bool memory_is_short() = 0;
  /// No more chunks should be in flight than are.
  [[nodiscard]] virtual bool saturated() = 0;
  /// Bytes of a buffer for the hits of an item.
  [[nodiscard]] virtual std::uint64_t hit_bytes() = 0;
  /// A result says how many hits an item had.
  virtual void count_hits(std::uint64_t hits) = 0;
  /// So many bytes of files came that no chunk had before.
  virtual void count_read(std::uint64_t bytes) = 0;
  /// The caller gets so many bytes of outputs.
  virtual void count_output(std::uint64_t bytes) = 0;

  /// What the stream is opened with.
  [[nodiscard]] virtual Result<OpInfo> op_info(OpHandle op) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> buffer_bytes(Handle buffer) = 0;
  /// An observer listens.
  [[nodiscard]] virtual bool observed() = 0;
  /// Items see the memory of a device, so chunks and results move by items.
  [[nodiscard]] virtual bool on_device() = 0;
  /// Starts the pump if it does not run; reads need it.
  [[nodiscard]] virtual Status start_reads() = 0;
  /// All of ingest memory. After start_reads().
  [[nodiscard]] virtual MutableByteSpan memory() = 0;
  /// SessionOptions::ingest_bytes, for messages.
  [[nodiscard]] virtual std::uint64_t ingest_bytes() = 0;
  /// The part of ingest memory that streams share.
  [[nodiscard]] virtual StreamSpace& space() = 0;
};

}  // namespace vyre::runtime

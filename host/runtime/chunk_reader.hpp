// Reads the files of a stream: opens one after the other, cuts them into chunks in reading order,
// takes a piece of the stream's memory for each and has the pump read it there. It knows nothing of
// items or results. Host only; one thread, the stream's, but for ReadEnds::ended(). Spec:
// docs/internals/ingest-streams.md.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "result_order.hpp"
#include "runtime/stream.hpp"
#include "stream_counters.hpp"
#include "stream_host.hpp"
#include "stream_memory.hpp"
#include "stream_plan.hpp"

namespace vyre::runtime {

/// Where the pump's thread leaves the ends of reads for the stream's thread. It outlives them: a
/// reader hands it to its host rather than free it under a read that has not ended.
class ReadEnds final : public ingest::ReadSink {
 public:
  explicit ReadEnds(queue::Waiter& waiter) : waiter_(waiter) { ended_.reserve(kMaxStreamItems); }
  void ended(const ingest::ReadResult& result) noexcept override;
  /// Swaps what has ended into `out`, which is emptied first.
  void take(std::vector<ingest::ReadResult>& out);
  [[nodiscard]] bool any() const noexcept {
    return any_.load(std::memory_order_relaxed);  // a hint: take() looks under the lock
  }

 private:
  queue::Waiter& waiter_;
  std::mutex mutex_;
  std::vector<ingest::ReadResult> ended_;  // never longer than reads under way: kMaxStreamItems
  std::atomic<bool> any_{false};
};

class ChunkReader {
 public:
  /// The stream's part of ingest memory.
  struct Memory {
    std::uint8_t* ingest{nullptr};  // all of ingest memory: offsets count from here
    SpaceRange buffers;
    std::uint64_t buffer_bytes{0};
  };
  /// `changed` is notified when reads have ended.
  ChunkReader(FileHost& host, FileSource files, const ChunkPlan& plan, const Memory& memory,
              queue::Waiter& changed, StreamCounters& counters);

  enum class Begun : std::uint8_t {
    nothing,  // no more files, no room in memory, or too many files are open
    reading,  // the read's end will come
    landed,   // of an empty file: there is nothing to read
    failed,   // the file could not be opened: see error
  };
  struct Begin {
    Begun what{Begun::nothing};
    std::optional<Error> error{};
  };
  /// Begins the next chunk in reading order under this number, which is in use then.
  [[nodiscard]] Begin begin(ChunkId chunk);
  /// Hands the reads that were begun to the pump. An error ends the stream.
  [[nodiscard]] Status flush();

  enum class Ended : std::uint8_t {
    landed,       // bytes() are there
    file_failed,  // no other chunk of the file is begun
    cancelled,    // reads end because the session closes
    broken,       // nothing is read any more
  };
  struct End {
    ChunkId chunk{0};
    Ended what{Ended::landed};
    std::optional<Error> error{};
  };
  /// Calls `each(End&&)` for every read that has ended since the last call.
  template <class Each>
  void take_ends(const Each& each) {
    if (!ends_->any()) return;
    ends_->take(results_);
    for (const ingest::ReadResult& result : results_) each(ended(result));
  }
  [[nodiscard]] bool any_ended() const noexcept { return ends_->any(); }

  // Of a chunk in flight.
  [[nodiscard]] const StreamChunk& chunk(ChunkId chunk) const noexcept {
    return chunks_[chunk].chunk;
  }
  [[nodiscard]] FileId file(ChunkId chunk) const noexcept { return chunks_[chunk].file; }
  [[nodiscard]] const std::string& path(ChunkId chunk) const noexcept {
    return files_[chunks_[chunk].file].path;
  }
  /// Where its bytes lie in ingest memory, once they have landed.
  [[nodiscard]] std::uint64_t offset(ChunkId chunk) const noexcept { return chunks_[chunk].offset; }
  [[nodiscard]] ByteSpan bytes(ChunkId chunk) const noexcept {
    return {memory_ + offset(chunk), chunks_[chunk].chunk.bytes};
  }
  /// No item reads its bytes any more. May be called again.
  void free_bytes(ChunkId chunk);
  /// Nothing of the file is in flight, and no other chunk of it will be begun.
  void forget(FileId file);

  /// No other chunk will be begun.
  [[nodiscard]] bool finished() const noexcept { return exhausted_ && current_ == kNone; }
  [[nodiscard]] std::uint32_t reads_under_way() const noexcept { return reads_under_way_; }
  /// Asks for the end of the reads under way.
  void cancel();
  /// Counts ends and forgets them: for a stream that is over. True: no read is under way.
  [[nodiscard]] bool drained();
  /// A read has not ended, and the pump may still tell of it: the host keeps what it tells.
  void abandon() noexcept { host_.keep(std::move(ends_)); }

 private:
  static constexpr std::uint32_t kNone{~std::uint32_t{0}};
  struct OpenFile {
    std::shared_ptr<const ingest::File> file;  // null once all of it was read
    std::string path;
    std::uint64_t index{0};
    std::uint64_t bytes{0};
    std::uint64_t chunks{0};
    std::uint64_t next{0};  // chunk
    std::uint32_t reading{0};
  };
  struct Chunk {
    StreamChunk chunk;
    FileId file{0};
    std::uint32_t buffer{kNone};
    std::uint64_t offset{0};
  };

  [[nodiscard]] Chunk& use(ChunkId chunk, FileId file);
  [[nodiscard]] FileId new_file(std::string path);
  [[nodiscard]] Begin open_next(ChunkId chunk);
  [[nodiscard]] Begin begin_of_current(ChunkId chunk);
  [[nodiscard]] End ended(const ingest::ReadResult& result);
  [[nodiscard]] Error short_file(const OpenFile& file, const Chunk& chunk, std::uint64_t got) const;
  /// Reads of the pump and of requests_: no more files than that are open, but current_.
  [[nodiscard]] std::uint64_t reads() const noexcept { return reads_under_way_ + requests_.size(); }

  FileHost& host_;
  FileSource source_;
  const ChunkPlan plan_;
  std::uint8_t* const memory_;
  const SpaceRange range_;
  ChunkBuffers buffers_;
  StreamCounters& counters_;
  std::unique_ptr<ReadEnds> ends_;

  std::vector<Chunk> chunks_;
  std::vector<OpenFile> files_;
  std::vector<FileId> free_files_;
  FileId current_{kNone};  // file whose chunks are begun
  std::uint64_t next_file_{0};
  bool exhausted_{false};                 // no more paths
  std::optional<std::string> held_path_;  // there was no descriptor for it
  const std::uint64_t most_open_;         // files
  std::uint64_t held_reads_{0};           // that were under way then: tried again once one ended

  std::vector<ingest::ReadRequest> requests_;  // to be handed to the pump
  std::vector<ingest::ReadResult> results_;    // the half of ends_ that the pump does not fill
  std::uint32_t reads_under_way_{0};
};

}  // namespace vyre::runtime

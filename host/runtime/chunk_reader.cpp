// Nothing here allocates once as many chunks have been in flight as ever will be. See
// chunk_reader.hpp.
#include "chunk_reader.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/message.hpp"

namespace vyre::runtime {
namespace {

/// Pieces of memory begin on cache lines, so that two small files never share one.
constexpr std::uint64_t kPieceAlign{64};

bool no_descriptor(const Error& error) noexcept {
  return error.code == Errc::io && (error.detail == EMFILE || error.detail == ENFILE);
}

/// Files that one stream holds open: at most a quarter of what this process may.
std::uint64_t most_open_files() {
  rlimit open_files{};
  rlim_t most = kMaxOpenFiles;
  if (getrlimit(RLIMIT_NOFILE, &open_files) == 0) most = std::min(most, open_files.rlim_cur / 4);
  return std::max<rlim_t>(most, 1);
}

}  // namespace

void ReadEnds::ended(const ingest::ReadResult& result) noexcept {
  queue::Waiter& waiter = waiter_;  // the reader may free us once it has the result
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = ended_.empty();
    ended_.push_back(result);  // has room: reads are counted
    any_.store(true, std::memory_order_relaxed);
  }
  if (first) waiter.notify();
}

void ReadEnds::take(std::vector<ingest::ReadResult>& out) {
  out.clear();
  out.reserve(kMaxStreamItems);  // it becomes ended_, which must not have to grow
  const std::lock_guard lock(mutex_);
  ended_.swap(out);
  any_.store(false, std::memory_order_relaxed);
}

ChunkReader::ChunkReader(FileHost& host, FileSource files, const ChunkPlan& plan,
                         const Memory& memory, queue::Waiter& changed, StreamCounters& counters)
    : host_(host),
      source_(std::move(files)),
      plan_(plan),
      memory_(memory.ingest),
      range_(memory.buffers),
      buffers_(memory.buffers, memory.buffer_bytes),
      counters_(counters),
      ends_(std::make_unique<ReadEnds>(changed)),
      most_open_(most_open_files()) {}

ChunkReader::Begin ChunkReader::begin(ChunkId chunk) {
  if (current_ == kNone) {
    if (Begin opened = open_next(chunk); current_ == kNone) return opened;
  }
  return begin_of_current(chunk);
}

ChunkReader::Chunk& ChunkReader::use(ChunkId chunk, FileId file) {
  if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
  chunks_[chunk] = Chunk{};
  chunks_[chunk].file = file;
  chunks_[chunk].offset = range_.offset;
  return chunks_[chunk];
}

FileId ChunkReader::new_file(std::string path) {
  if (free_files_.empty()) {
    free_files_.push_back(static_cast<FileId>(files_.size()));
    files_.emplace_back();
  }
  const FileId id = free_files_.back();
  free_files_.pop_back();
  files_[id] = OpenFile{};
  files_[id].path = std::move(path);
  files_[id].index = next_file_++;
  return id;
}

/// Sets current_ where a file was opened.
ChunkReader::Begin ChunkReader::open_next(ChunkId chunk) {
  if (exhausted_) return {};
  if (reads() >= most_open_ || (held_path_ && reads() >= held_reads_)) return {};
  std::optional<std::string> path =
      held_path_ ? std::exchange(held_path_, std::nullopt) : source_();
  if (!path) {
    exhausted_ = true;
    return {};
  }
  auto opened = host_.open(*path);
  if (!opened && no_descriptor(opened.error()) && reads() != 0) {
    // The end of a read of ours closes a file: not an error of this one.
    held_reads_ = reads();
    held_path_ = std::move(path);
    return {};
  }
  const FileId id = new_file(std::move(*path));
  OpenFile& file = files_[id];
  if (!opened) {
    StreamChunk& none = use(chunk, id).chunk;
    none.file = file.index;
    none.last = true;
    return {Begun::failed, std::move(opened).error()};
  }
  file.file = std::move(*opened);
  file.bytes = file.file->bytes();
  file.chunks = plan_.chunks(file.bytes);
  host_.count_file(*file.file);
  counters_.opened(file.bytes);
  current_ = id;
  return {};
}

ChunkReader::Begin ChunkReader::begin_of_current(ChunkId id) {
  OpenFile& file = files_[current_];
  StreamChunk chunk = plan_.chunk(file.bytes, file.next);
  chunk.file = file.index;
  std::uint64_t room = 0;
  ChunkBuffers::Piece piece;
  if (chunk.bytes != 0) {
    room = ingest::room_for(*file.file, chunk.offset, chunk.bytes);
    const auto taken = buffers_.take(room, file.file->direct() ? kIoBlock : kPieceAlign);
    if (!taken) return {};
    piece = *taken;
  }
  Chunk& begun = use(id, current_);
  begun.chunk = chunk;
  if (++file.next == file.chunks) current_ = kNone;
  if (chunk.bytes == 0) {
    file.file.reset();
    return {Begun::landed};
  }
  begun.buffer = piece.buffer;
  begun.offset = piece.offset;
  ++file.reading;
  requests_.push_back(
      {file.file, chunk.offset, chunk.bytes, memory_ + piece.offset, room, ends_.get(), id});
  return {Begun::reading};
}

Status ChunkReader::flush() {
  if (requests_.empty()) return {};
  Status taken = host_.read(requests_);
  if (taken) reads_under_way_ += static_cast<std::uint32_t>(requests_.size());
  requests_.clear();
  return taken;
}

ChunkReader::End ChunkReader::ended(const ingest::ReadResult& result) {
  const auto id = static_cast<ChunkId>(result.tag);
  Chunk& chunk = chunks_[id];
  OpenFile& file = files_[chunk.file];
  --reads_under_way_;
  --file.reading;
  if (result.status == ingest::ReadStatus::ok && result.bytes == chunk.chunk.bytes) {
    if (file.next == file.chunks && file.reading == 0) file.file.reset();
    chunk.offset += result.skip;
    return {id, Ended::landed};
  }
  free_bytes(id);
  if (auto broken = host_.reads_broken()) return {id, Ended::broken, std::move(broken)};
  if (result.status == ingest::ReadStatus::cancelled) return {id, Ended::cancelled};
  Error error{Errc::io,
              message("cannot read '{}' at offset {}: {}; look at the storage it lies on",
                      file.path, chunk.chunk.offset, std::strerror(result.error_number)),
              chunk.chunk.offset};
  error.detail = result.error_number;
  if (result.status != ingest::ReadStatus::error) error = short_file(file, chunk, result.bytes);
  chunk.chunk.last = true;
  if (current_ == chunk.file) current_ = kNone;  // nothing more of it is begun
  if (file.reading == 0) file.file.reset();
  return {id, Ended::file_failed, std::move(error)};
}

Error ChunkReader::short_file(const OpenFile& file, const Chunk& chunk, std::uint64_t got) const {
  // Of this very read, should the file have grown back meanwhile.
  std::uint64_t now = chunk.chunk.offset + got;
  if (file.file) {
    if (const auto size = file.file->bytes_now(); size && *size < file.bytes) now = *size;
  }
  return {Errc::io,
          message("'{}' had {} bytes when it was opened and ends at {} now; keep files as they are "
                  "while they are read",
                  file.path, file.bytes, now),
          chunk.chunk.offset};
}

void ChunkReader::free_bytes(ChunkId chunk) {
  std::uint32_t& buffer = chunks_[chunk].buffer;
  if (buffer != kNone) buffers_.give_back(std::exchange(buffer, kNone));
}

void ChunkReader::forget(FileId file) {
  files_[file].file.reset();
  free_files_.push_back(file);
}

void ChunkReader::cancel() {
  if (reads_under_way_ != 0) host_.cancel_reads(ends_.get());
}

bool ChunkReader::drained() {
  if (ends_->any()) {
    ends_->take(results_);
    reads_under_way_ -= static_cast<std::uint32_t>(results_.size());
  }
  return reads_under_way_ == 0;
}

}  // namespace vyre::runtime

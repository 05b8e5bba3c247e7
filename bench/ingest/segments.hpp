// Segments that chunks of files are read into, laid out as a session lays out its ingest memory,
// and the walk over all chunks that every loop of these benches makes. Host only.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "ingest/files.hpp"
#include "protocol/io_request.hpp"
#include "staging/mapping.hpp"

namespace vyre::bench {

struct Shape {
  std::uint64_t chunk_bytes{kMiB};
  std::uint32_t depth{32};
  /// A chunk, and a block on both sides for direct reads.
  [[nodiscard]] std::uint64_t stride() const noexcept { return chunk_bytes + 2 * kIoBlock; }
  [[nodiscard]] std::uint64_t ingest_bytes() const noexcept {
    return huge_pages(IngestLayout::kStreams + depth * stride());
  }
  /// Of a session whose one stream is to have as many segments: it takes three quarters of the
  /// piece.
  [[nodiscard]] std::uint64_t session_bytes() const noexcept {
    return huge_pages(IngestLayout::kStreams + depth * stride() * 4 / 3 + kMiB);
  }
  [[nodiscard]] static constexpr std::uint64_t huge_pages(std::uint64_t bytes) noexcept {
    const std::uint64_t huge = 2 * kMiB;
    return (bytes + huge - 1) / huge * huge;
  }
};

struct Chunk {
  std::size_t file{0};  // place in the set
  std::uint64_t offset{0};
  std::uint64_t bytes{0};
};

class ChunkWalk {
 public:
  ChunkWalk(const FileSet& files, std::uint64_t chunk_bytes) : files_(files), step_(chunk_bytes) {}
  [[nodiscard]] std::optional<Chunk> next() {
    if (at_.file == files_.paths.size()) return std::nullopt;
    at_.bytes = std::min(step_, files_.bytes_each - at_.offset);
    const Chunk chunk = at_;
    at_.offset += at_.bytes;
    if (at_.offset == files_.bytes_each) at_ = {at_.file + 1, 0, 0};
    return chunk;
  }

 private:
  const FileSet& files_;
  std::uint64_t step_;
  Chunk at_;
};

class Segments {
 public:
  [[nodiscard]] static Result<Segments> make(const Shape& shape) {
    Segments made;
    made.shape_ = shape;
    VYRE_ASSIGN(made.mapping_,
                staging::Mapping::create(shape.ingest_bytes(), "the bench's segments"));
    VYRE_TRY(made.mapping_.populate(0, shape.ingest_bytes()));
    return made;
  }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] MutableByteSpan memory() const noexcept {
    return mapping_.bytes().first(shape_.ingest_bytes());
  }
  [[nodiscard]] MutableByteSpan segment(std::size_t index) const noexcept {
    return memory().subspan(IngestLayout::kStreams + index * shape_.stride(), shape_.stride());
  }

 private:
  Shape shape_;
  staging::Mapping mapping_;
};

/// What lies in which segment: who reads says so chunk by chunk, and all of it is compared at the
/// end.
class Ledger {
 public:
  Ledger(const FileSet& files, const Contents& contents, const Segments& segments)
      : files_(files), contents_(contents), segments_(segments), last_(segments.shape().depth) {}
  /// False: it is not that chunk.
  [[nodiscard]] bool landed(std::size_t segment, const Chunk& chunk, std::uint64_t skip) {
    last_[segment] = {chunk, skip};
    bytes_ += chunk.bytes;
    return contents_.begins(files_.first + chunk.file, chunk.offset, bytes(segment));
  }
  /// After the clock has stopped.
  [[nodiscard]] Status check() const {
    if (bytes_ != files_.total())
      return fail(Errc::mismatch,
                  "read " + std::to_string(bytes_) + " bytes of " + std::to_string(files_.total()));
    for (std::size_t i = 0; i < last_.size(); ++i) {
      const Chunk& chunk = last_[i].chunk;
      if (!contents_.holds(files_.first + chunk.file, chunk.offset, bytes(i)))
        return fail(Errc::mismatch, "segment " + std::to_string(i) + " does not hold its chunk");
    }
    return {};
  }

 private:
  struct Landed {
    Chunk chunk;
    std::uint64_t skip{0};
  };
  [[nodiscard]] ByteSpan bytes(std::size_t segment) const {
    return segments_.segment(segment).subspan(last_[segment].skip, last_[segment].chunk.bytes);
  }
  const FileSet& files_;
  const Contents& contents_;
  const Segments& segments_;
  std::vector<Landed> last_;
  std::uint64_t bytes_{0};
};
inline tl::unexpected<Error> wrong_chunk(const Chunk& chunk) {
  return fail(Errc::mismatch, "other bytes came than those of file " + std::to_string(chunk.file) +
                                  " from " + std::to_string(chunk.offset));
}

/// Open files of a set; closed with it.
class OpenFiles {
 public:
  [[nodiscard]] static Result<OpenFiles> open(const FileSet& files, int flags) {
    OpenFiles made;
    for (const std::string& path : files.paths) {
      made.descriptors_.push_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
      if (made.descriptors_.back() < 0)
        return fail(Errc::io, "cannot open '" + path + "': errno " + std::to_string(errno));
    }
    return made;
  }
  OpenFiles(OpenFiles&& other) noexcept { descriptors_.swap(other.descriptors_); }
  OpenFiles& operator=(OpenFiles&&) = delete;
  ~OpenFiles() {
    for (const int fd : descriptors_) {
      if (fd >= 0) ::close(fd);
    }
  }
  [[nodiscard]] int operator[](std::size_t file) const noexcept { return descriptors_[file]; }

 private:
  OpenFiles() = default;
  std::vector<int> descriptors_;
};

}  // namespace vyre::bench

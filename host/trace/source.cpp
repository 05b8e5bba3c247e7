// Traces in directories and in memory. A blob is read into memory once, and those bytes are held
// against its digest before anything is made of them: another process may change the file at any
// time. Page: docs/internals/trace.md.
#include "source.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <unordered_set>

#include "base/message.hpp"
#include "platform/file.hpp"
#include "platform/record_file.hpp"
#include "protocol/limits.hpp"

namespace vyre::trace {
namespace {

constexpr std::size_t kBlockBytes{std::size_t{1} << 18};
/// Blobs that stay in memory for the next record that names them: at most 64 MiB together.
constexpr std::size_t kMaxKeptBlobBytes{std::size_t{1} << 16};
constexpr std::size_t kMaxKeptBlobs{1'024};

class FileBytes : public ByteSource {
 public:
  explicit FileBytes(platform::FileReader file) : file_(std::move(file)) {}
  Result<std::size_t> read(MutableByteSpan out) override { return file_.read(out); }

 private:
  platform::FileReader file_;
};

class MemoryBytes : public ByteSource {
 public:
  explicit MemoryBytes(ByteSpan bytes) : bytes_(bytes) {}
  Result<std::size_t> read(MutableByteSpan out) override {
    const std::size_t n = std::min(out.size(), bytes_.size());
    std::copy_n(bytes_.begin(), n, out.begin());
    bytes_ = bytes_.subspan(n);
    return n;
  }

 private:
  ByteSpan bytes_;
};

class DirectorySource : public Source {
 public:
  explicit DirectorySource(std::string directory) : directory_(std::move(directory)) {}

  Result<std::unique_ptr<ByteSource>> events() override {
    auto file = platform::FileReader::open(events_name());
    if (!file) {
      // The manifest is written first: a recording killed right behind it has no events yet.
      if (!manifest.complete && file.error().detail == ENOENT)
        return std::make_unique<MemoryBytes>(ByteSpan{});
      return tl::unexpected<Error>(std::move(file).error());
    }
    if (manifest.events_bytes && *manifest.events_bytes != file->size()) {
      return fail(
          Errc::malformed,
          message("'{}' has {} bytes; it was sealed with {}: it was cut or changed afterwards",
                  events_name(), file->size(), *manifest.events_bytes));
    }
    return std::make_unique<FileBytes>(std::move(*file));
  }

  std::string events_name() const override { return directory_ + "/events.bin"; }
  std::string blob_path(const Digest& digest) const override {
    return directory_ + "/blobs/" + digest.hex();
  }

  Result<Blob> blob(const Digest& digest, std::uint64_t bytes) override {
    const std::string key = key_of(digest);
    if (const auto kept = kept_.find(key); kept != kept_.end() && kept->second->size() == bytes)
      return Blob(kept->second);
    VYRE_ASSIGN(auto file, open_blob(digest, bytes));
    std::shared_ptr<Bytes> contents;
    try {
      contents = std::make_shared<Bytes>(bytes);
    } catch (const std::bad_alloc&) {
      return fail(Errc::out_of_memory,
                  message("there is no memory for the {} bytes of '{}'", bytes, blob_path(digest)));
    }
    VYRE_ASSIGN(const Digest found, read_all(file, digest, bytes, contents.get()));
    VYRE_TRY(same_digest(digest, found));
    keep(key, contents);
    return Blob(std::move(contents));
  }

  Status verify(const Digest& digest, std::uint64_t bytes) override {
    const std::string key = key_of(digest);
    if (verified_.contains(key)) return open_blob(digest, bytes).map([](const auto&) {});
    VYRE_ASSIGN(auto file, open_blob(digest, bytes));
    VYRE_ASSIGN(const Digest found, read_all(file, digest, bytes, nullptr));
    VYRE_TRY(same_digest(digest, found));
    verified_.insert(key);
    return {};
  }

 private:
  static std::string key_of(const Digest& digest) {
    return {digest.bytes.begin(), digest.bytes.end()};
  }
  Result<platform::FileReader> open_blob(const Digest& digest, std::uint64_t bytes) const {
    VYRE_ASSIGN(auto file, platform::FileReader::open(blob_path(digest)));
    if (file.size() == bytes) return file;
    return fail(Errc::malformed, message("'{}' has {} bytes where the record says {}",
                                         blob_path(digest), file.size(), bytes));
  }
  /// Piece by piece, into `kept` if it is given; the digest of what came.
  Result<Digest> read_all(platform::FileReader& file, const Digest& digest, std::uint64_t bytes,
                          Bytes* kept) const {
    Blake3 hash;
    Bytes block(kept != nullptr ? 0 : std::min<std::uint64_t>(bytes, kBlockBytes));
    for (std::uint64_t at = 0; at < bytes;) {
      VYRE_TRY(go_on(blob_path(digest)));
      const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(bytes - at, kBlockBytes));
      const MutableByteSpan piece =
          kept != nullptr ? MutableByteSpan(*kept).subspan(static_cast<std::size_t>(at), most)
                          : MutableByteSpan(block).first(most);
      VYRE_ASSIGN(const std::size_t got, file.read(piece));
      if (got == 0) return cut(digest, at, bytes);
      hash.update(ByteSpan(piece).first(got));
      at += got;
    }
    return hash.finish();
  }
  tl::unexpected<Error> cut(const Digest& digest, std::uint64_t at, std::uint64_t bytes) const {
    return fail(Errc::malformed,
                message("'{}' was cut while it was read: it ends at byte {} of {}; keep a trace as "
                        "it is while it is read",
                        blob_path(digest), at, bytes),
                at);
  }
  Status same_digest(const Digest& digest, const Digest& found) const {
    if (found == digest) return {};
    return fail(Errc::mismatch, message("'{}' has the digest {}: its bytes were changed",
                                        blob_path(digest), found.hex()));
  }
  /// Many records may name one small blob, a binding set most of all.
  void keep(const std::string& key, const std::shared_ptr<const Bytes>& contents) {
    if (contents->size() > kMaxKeptBlobBytes) return;
    if (kept_.size() >= kMaxKeptBlobs) kept_.clear();
    kept_.insert_or_assign(key, contents);
  }

  std::string directory_;
  std::unordered_set<std::string> verified_;
  std::unordered_map<std::string, std::shared_ptr<const Bytes>> kept_;
};

}  // namespace

Status Source::go_on(const std::string& name) const {
  if (stopped != nullptr && stopped())
    return fail(Errc::cancelled, message("told to stop before '{}' was read to its end", name));
  if (Clock::now() < deadline) return {};
  return fail(Errc::deadline_exceeded,
              message("'{}' was not read to its end when the time was up; allow more", name));
}

Result<std::unique_ptr<Source>> open_directory(const std::string& directory) {
  const std::string path = directory + "/manifest.json";
  auto bytes = platform::read_regular_file(path, kMaxManifestBytes);
  if (!bytes) {
    if (bytes.error().detail == ENOENT) {
      return fail(Errc::not_found, message("'{}' is no trace: it has no manifest.json", directory));
    }
    return tl::unexpected<Error>(std::move(bytes).error());
  }
  auto manifest = parse_manifest({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!manifest) {
    Error error = std::move(manifest).error();
    error.message = message("'{}': {}", path, error.message);
    return tl::unexpected<Error>(std::move(error));
  }
  std::unique_ptr<Source> source = std::make_unique<DirectorySource>(directory);
  source->manifest = std::move(*manifest);
  return source;
}

Result<std::unique_ptr<ByteSource>> MemorySource::events() {
  return std::make_unique<MemoryBytes>(events_bytes);
}

Result<Blob> MemorySource::blob(const Digest& digest, std::uint64_t bytes) {
  const auto found = blobs.find(digest.hex());
  if (found == blobs.end()) {
    if (bytes != 0 && bytes <= any_blob) return Blob(std::make_shared<Bytes>(bytes));
    return fail(Errc::not_found, message("blob {} does not exist", digest.hex()));
  }
  if (found->second.size() != bytes) {
    return fail(Errc::malformed, message("blob {} has {} bytes where the record says {}",
                                         digest.hex(), found->second.size(), bytes));
  }
  return Blob(std::make_shared<Bytes>(found->second));
}

Status MemorySource::verify(const Digest& digest, std::uint64_t bytes) {
  VYRE_TRY(blob(digest, bytes));
  return {};
}

}  // namespace vyre::trace

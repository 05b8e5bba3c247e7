// Traces in directories and in memory. Blobs are verified against their digest before anybody sees
// them. Page: docs/trace.md.
#include "vyre/trace/source.hpp"

#include <algorithm>
#include <unordered_set>

#include "vyre/platform/record_file.hpp"
#include "vyre/protocol/limits.hpp"

namespace vyre::trace {
namespace {

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
      return fail(Errc::malformed, "'" + events_name() + "' has " + std::to_string(file->size()) +
                                       " bytes; it was sealed with " +
                                       std::to_string(*manifest.events_bytes) +
                                       ": it was cut or changed afterwards");
    }
    return std::make_unique<FileBytes>(std::move(*file));
  }

  std::string events_name() const override { return directory_ + "/events.bin"; }
  std::string blob_path(const Digest& digest) const override {
    return directory_ + "/blobs/" + digest.hex();
  }

  Result<Blob> blob(const Digest& digest, std::uint64_t bytes) override {
    const std::string path = blob_path(digest);
    auto map = platform::MappedFile::open(path);
    if (!map) return tl::unexpected<Error>(std::move(map).error());
    if (map->bytes().size() != bytes) {
      return fail(Errc::malformed, "'" + path + "' has " + std::to_string(map->bytes().size()) +
                                       " bytes where the record says " + std::to_string(bytes));
    }
    const std::string key(digest.bytes.begin(), digest.bytes.end());
    if (!verified_.contains(key)) {
      if (const Digest found = blake3(map->bytes()); found != digest) {
        return fail(Errc::mismatch,
                    "'" + path + "' has the digest " + found.hex() + ": its bytes were changed");
      }
      verified_.insert(key);
    }
    return Blob{std::move(*map), {}};
  }

 private:
  std::string directory_;
  std::unordered_set<std::string> verified_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_directory(const std::string& directory) {
  const std::string path = directory + "/manifest.json";
  auto bytes = platform::read_regular_file(path, kMaxManifestBytes);
  if (!bytes) {
    if (bytes.error().detail == ENOENT) {
      return fail(Errc::not_found, "'" + directory + "' is no trace: it has no manifest.json");
    }
    return tl::unexpected<Error>(std::move(bytes).error());
  }
  auto manifest = parse_manifest({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!manifest) {
    Error error = std::move(manifest).error();
    error.message = "'" + path + "': " + error.message;
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
    if (bytes != 0 && bytes <= any_blob) return Blob{{}, Bytes(bytes)};
    return fail(Errc::not_found, "blob " + digest.hex() + " does not exist");
  }
  if (found->second.size() != bytes) {
    return fail(Errc::malformed, "blob " + digest.hex() + " has " +
                                     std::to_string(found->second.size()) +
                                     " bytes where the record says " + std::to_string(bytes));
  }
  return Blob{{}, found->second};
}

}  // namespace vyre::trace

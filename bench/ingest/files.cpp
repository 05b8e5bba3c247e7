#include "ingest/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "builtin/literals.hpp"
#include "support/statistics.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint64_t kBaseBlocks{1'024};
constexpr std::size_t kStampBytes{32};
constexpr std::size_t kWords{100};
constexpr std::uint64_t kSmallFilesFrom{1'000};  // their numbers
constexpr std::uint64_t kFilesPerDirectory{1'000};
constexpr std::uint64_t kLargeFiles{4};
constexpr std::uint64_t kPlantedEvery{8};  // blocks

struct Random {
  std::uint64_t state;
  std::uint32_t below(std::uint32_t limit) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<std::uint32_t>(state >> 33) % limit;
  }
};

std::string made_up_word(Random& random, std::uint32_t least, std::uint32_t more) {
  std::string word(least + random.below(more), 'a');
  for (char& letter : word) letter = static_cast<char>('a' + random.below(26));
  return word;
}

/// "#FILE BLOCK# " in decimals.
void stamp(std::uint64_t file, std::uint64_t block, std::uint8_t* out) {
  std::memset(out, '0', kStampBytes);
  out[0] = out[kStampBytes - 2] = '#';
  out[kStampBytes / 2] = out[kStampBytes - 1] = ' ';
  for (std::size_t at = kStampBytes / 2 - 1; at > 0 && file > 0; --at, file /= 10)
    out[at] = static_cast<std::uint8_t>('0' + file % 10);
  for (std::size_t at = kStampBytes - 3; at > kStampBytes / 2 && block > 0; --at, block /= 10)
    out[at] = static_cast<std::uint8_t>('0' + block % 10);
}

Error failed(const std::string& path, const char* call, int error) {
  Error made;
  made.code = Errc::io;
  made.message = std::string(call) + " of '" + path + "': " + std::strerror(error);
  made.detail = error;
  return made;
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags, 0600)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace

Contents::Contents() : base_(kBaseBlocks * kBlockBytes), hits_(kBaseBlocks) {
  Random random{0x9E3779B97F4A7C15u};
  std::vector<std::string> vocabulary;
  for (int i = 0; i < 2'000; ++i) vocabulary.push_back(made_up_word(random, 3, 7));
  for (std::size_t i = 0; i < kWords; ++i) words_.push_back(made_up_word(random, 6, 7));
  std::string text;
  while (text.size() < base_.size()) {
    const std::size_t block = text.size() / kBlockBytes;
    const bool plant = block % kPlantedEvery == 0 && text.size() % kBlockBytes < 2'000 &&
                       text.size() % kBlockBytes > 1'990;
    text += plant ? words_[random.below(kWords)] : vocabulary[random.below(2'000)];
    text += random.below(12) == 0 ? '\n' : ' ';
  }
  std::memcpy(base_.data(), text.data(), base_.size());
  for (std::size_t block = 0; block < kBaseBlocks; ++block) {
    stamp(0, 0, base_.data() + block * kBlockBytes);
    const std::string_view piece(reinterpret_cast<const char*>(base_.data()) + block * kBlockBytes,
                                 kBlockBytes);
    for (const std::string& word : words_) {
      for (std::size_t at = piece.find(word); at != piece.npos; at = piece.find(word, at + 1))
        ++hits_[block];
    }
  }
}

std::size_t Contents::base_of(std::uint64_t file, std::uint64_t block) const {
  return (block + file * 37) % kBaseBlocks;
}

void Contents::fill(std::uint64_t file, std::uint64_t offset, MutableByteSpan out) const {
  for (std::uint64_t at = 0; at < out.size(); at += kBlockBytes) {
    const std::uint64_t block = (offset + at) / kBlockBytes;
    std::memcpy(out.data() + at, base_.data() + base_of(file, block) * kBlockBytes, kBlockBytes);
    stamp(file, block, out.data() + at);
  }
}

bool Contents::holds(std::uint64_t file, std::uint64_t offset, ByteSpan bytes) const {
  for (std::uint64_t at = 0; at < bytes.size(); at += kBlockBytes) {
    const std::uint64_t block = (offset + at) / kBlockBytes;
    const std::uint8_t* expected = base_.data() + base_of(file, block) * kBlockBytes;
    if (!begins(file, offset + at, bytes.subspan(at)) ||
        std::memcmp(bytes.data() + at + kStampBytes, expected + kStampBytes,
                    kBlockBytes - kStampBytes) != 0)
      return false;
  }
  return true;
}

bool Contents::begins(std::uint64_t file, std::uint64_t offset, ByteSpan bytes) const {
  std::uint8_t expected[kStampBytes];
  stamp(file, offset / kBlockBytes, expected);
  return bytes.size() >= kBlockBytes && std::memcmp(bytes.data(), expected, kStampBytes) == 0;
}

std::uint32_t Contents::word(std::uint64_t file, std::uint64_t offset) const {
  std::uint8_t block[kBlockBytes];
  fill(file, offset / kBlockBytes * kBlockBytes, block);
  std::uint32_t word = 0;
  std::memcpy(&word, block + offset % kBlockBytes, sizeof word);
  return word;
}

std::uint64_t Contents::hits(std::uint64_t file, std::uint64_t offset, std::uint64_t bytes) const {
  std::uint64_t sum = 0;
  for (std::uint64_t at = 0; at < bytes; at += kBlockBytes)
    sum += hits_[base_of(file, (offset + at) / kBlockBytes)];
  return sum;
}

Result<Bytes> Contents::literals() const {
  std::vector<ByteSpan> views;
  for (const std::string& word : words_)
    views.push_back({reinterpret_cast<const std::uint8_t*>(word.data()), word.size()});
  return builtin::compile_literals(views);
}

FileSet large_files(const std::string& directory, std::uint64_t total) {
  FileSet files;
  files.bytes_each = std::max<std::uint64_t>(total / kLargeFiles / (4 * kMiB), 1) * 4 * kMiB;
  for (std::uint64_t i = 0; i < kLargeFiles; ++i)
    files.paths.push_back(directory + "/large_" + std::to_string(i));
  return files;
}

FileSet small_files(const std::string& directory, std::uint64_t count) {
  FileSet files;
  files.first = kSmallFilesFrom;
  files.bytes_each = kBlockBytes;
  for (std::uint64_t i = 0; i < count; ++i)
    files.paths.push_back(directory + "/small/" + std::to_string(i / kFilesPerDirectory) + "/" +
                          std::to_string(i % kFilesPerDirectory));
  return files;
}

Status make(const FileSet& files, const Contents& contents, double seconds) {
  const auto start = Clock::now();
  Bytes piece(std::min<std::uint64_t>(files.bytes_each, 4 * kMiB));
  std::string parent;
  for (std::size_t i = 0; i < files.paths.size(); ++i) {
    const std::filesystem::path path(files.paths[i]);
    if (path.parent_path() != parent) {
      parent = path.parent_path();
      std::error_code error;
      std::filesystem::create_directories(parent, error);
      if (error) return tl::unexpected(failed(parent, "mkdir", error.value()));
    }
    const Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
    if (file.get() < 0) return tl::unexpected(failed(path, "open", errno));
    for (std::uint64_t at = 0; at < files.bytes_each; at += piece.size()) {
      contents.fill(files.first + i, at, piece);
      if (::write(file.get(), piece.data(), piece.size()) != static_cast<ssize_t>(piece.size()))
        return tl::unexpected(failed(path, "write", errno));
      if (seconds_since(start) > seconds)
        return fail(Errc::deadline_exceeded, "making the files took longer than " +
                                                 std::to_string(seconds) + " s; ask for fewer");
    }
    // Pages not written back yet could not be dropped.
    if (piece.size() > kBlockBytes && ::fsync(file.get()) != 0)
      return tl::unexpected(failed(path, "fsync", errno));
  }
  return {};
}

Status drop_cached(const FileSet& files) {
  for (const std::string& path : files.paths) {
    const Descriptor file(path, O_RDONLY | O_CLOEXEC);
    if (file.get() < 0) return tl::unexpected(failed(path, "open", errno));
    if (const int error = ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED); error != 0)
      return tl::unexpected(failed(path, "posix_fadvise", error));
  }
  return {};
}

Status warm_up(const FileSet& files) {
  return read_each(files, std::min(std::thread::hardware_concurrency(), 8u), nullptr);
}

Status read_each(const FileSet& files, std::uint32_t threads,
                 const std::function<void(std::uint64_t, ByteSpan)>& use) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<Error> error;
  const auto run = [&] {
    Bytes buffer(std::min<std::uint64_t>(files.bytes_each, kMiB));
    constexpr std::size_t kTakes{16};
    std::optional<Error> mine;
    // Relaxed: which thread reads which file is all that it decides.
    for (std::size_t i;
         !mine && (i = next.fetch_add(kTakes, std::memory_order_relaxed)) < files.paths.size();) {
      for (std::size_t f = i; !mine && f < std::min(i + kTakes, files.paths.size()); ++f) {
        const Descriptor file(files.paths[f], O_RDONLY | O_CLOEXEC);
        struct stat status {};
        if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
          mine = failed(files.paths[f], "open", errno);
          break;
        }
        const auto size = static_cast<std::uint64_t>(status.st_size);
        for (std::uint64_t at = 0; at < size;) {
          const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
          if (n <= 0) {
            mine = failed(files.paths[f], "read", n < 0 ? errno : ENODATA);
            break;
          }
          if (use) use(f, ByteSpan(buffer).first(static_cast<std::size_t>(n)));
          at += static_cast<std::uint64_t>(n);
        }
      }
    }
    const std::lock_guard lock(mutex);
    if (mine && !error) error = mine;
  };
  std::vector<std::thread> others;
  for (std::uint32_t i = 1; i < threads; ++i) others.emplace_back(run);
  run();
  for (std::thread& thread : others) thread.join();
  if (error) return tl::unexpected(*error);
  return {};
}

}  // namespace vyre::bench

// A file: header (magic, version, key, length of the payload), payload, BLAKE3 of all before. See
// store.hpp.
#include "cache/store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "base/message.hpp"
#include "platform/descriptor.hpp"
#include "platform/os_error.hpp"
#include "platform/record_file.hpp"

namespace vyre::cache {
namespace {

constexpr std::uint64_t kMagic{0x45444F4345525956};  // "VYRECODE"
constexpr std::uint64_t kFileVersion{1};
constexpr std::size_t kHeaderBytes{8 + 8 + 32 + 8};
constexpr std::size_t kDigestBytes{32};
constexpr const char* kEnding{".code"};
constexpr std::int64_t kDaySeconds{86'400};

Bytes header_of(const Digest& key, std::uint64_t payload_bytes) {
  Bytes header;
  append_le(header, kMagic);
  append_le(header, kFileVersion);
  header.insert(header.end(), key.bytes.begin(), key.bytes.end());
  append_le(header, payload_bytes);
  return header;
}

/// A folder that this user alone may write.
Status check_folder(const std::string& folder) {
  struct stat seen {};
  if (::lstat(folder.c_str(), &seen) != 0)
    return platform::os_error("cannot look at the cache", folder, errno);
  if (!S_ISDIR(seen.st_mode))
    return fail(Errc::invalid_argument, message("the cache '{}' is no folder", folder));
  if (seen.st_uid != ::geteuid() || (seen.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(Errc::invalid_argument,
                message("the cache '{}' belongs to another user, or others may write it: what lies "
                        "there would run as this user; choose another folder",
                        folder));
  }
  return {};
}

bool is_ours_alone(const struct stat& seen) {
  return S_ISREG(seen.st_mode) && seen.st_uid == ::geteuid() &&
         (seen.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool read_whole(int file, MutableByteSpan out) {
  while (!out.empty()) {
    const ::ssize_t n = ::read(file, out.data(), out.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

Status make_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return platform::os_error("cannot make the cache", folder, errno);
}

}  // namespace

Result<Store> Store::open(StoreOptions options) {
  while (options.folder.size() > 1 && options.folder.back() == '/') options.folder.pop_back();
  VYRE_TRY(make_folder(options.folder));
  VYRE_TRY(check_folder(options.folder));
  return Store(std::move(options));
}

std::string Store::folder_of(const Digest& key) const {
  return options_.folder + "/" + key.hex().substr(0, 2);
}
std::string Store::path_of(const Digest& key) const {
  return folder_of(key) + "/" + key.hex().substr(2) + kEnding;
}

Look Store::read(const Digest& key, const std::string& path, Bytes& payload) const {
  const platform::Descriptor file(
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && errno == ENOENT) return Look::absent;
  const auto bad = [&path] {
    (void)::unlink(path.c_str());
    return Look::damaged;
  };
  struct stat seen {};
  if (!file || ::fstat(file.get(), &seen) != 0 || !is_ours_alone(seen)) return bad();
  const auto size = static_cast<std::uint64_t>(seen.st_size);
  if (size < kHeaderBytes + kDigestBytes || size > kHeaderBytes + kMaxPayloadBytes + kDigestBytes)
    return bad();
  Bytes all(size);
  if (!read_whole(file.get(), all)) return bad();
  const ByteSpan whole(all);
  const Digest digest = blake3(whole.first(size - kDigestBytes));
  const Bytes header = header_of(key, size - kHeaderBytes - kDigestBytes);
  if (!std::equal(header.begin(), header.end(), all.begin()) ||
      !std::equal(digest.bytes.begin(), digest.bytes.end(), all.end() - kDigestBytes))
    return bad();
  payload.assign(all.begin() + kHeaderBytes, all.end() - kDigestBytes);
  (void)::futimens(file.get(), nullptr);  // the use; without it the file goes a little earlier
  return Look::found;
}

Look Store::find(const Digest& key, Bytes& payload) const {
  return read(key, path_of(key), payload);
}

Status Store::put(const Digest& key, ByteSpan payload) const {
  if (payload.size() > kMaxPayloadBytes) {
    return fail(Errc::limit_exceeded, message("a compiled form of {} bytes is not kept, {} are the "
                                              "limit (kMaxPayloadBytes)",
                                              payload.size(), kMaxPayloadBytes));
  }
  const std::string folder = folder_of(key);
  VYRE_TRY(make_folder(folder));
  Bytes whole = header_of(key, payload.size());
  whole.insert(whole.end(), payload.begin(), payload.end());
  const Digest digest = blake3(whole);
  whole.insert(whole.end(), digest.bytes.begin(), digest.bytes.end());
  VYRE_ASSIGN(platform::StagedFile file, platform::StagedFile::create(folder, 0600));
  VYRE_TRY(file.append(whole));
  return file.publish(key.hex().substr(2) + kEnding);
}

std::vector<Entry> Store::list() const {
  std::vector<Entry> entries;
  std::error_code none;
  for (std::filesystem::recursive_directory_iterator at(options_.folder, none), end; at != end;
       at.increment(none)) {
    if (none) break;
    const std::string path = at->path().string();
    if (at->path().extension() != kEnding) continue;
    const auto bytes =
        from_hex(at->path().parent_path().filename().string() + at->path().stem().string());
    struct stat seen {};
    if (!bytes || bytes->size() != kDigestBytes || ::lstat(path.c_str(), &seen) != 0) continue;
    Entry entry;
    std::copy(bytes->begin(), bytes->end(), entry.key.bytes.begin());
    entry.bytes = static_cast<std::uint64_t>(seen.st_size);
    entry.used_s = seen.st_mtim.tv_sec;
    entry.path = path;
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.used_s != b.used_s ? a.used_s > b.used_s : a.key < b.key;
  });
  return entries;
}

/// What writers that were killed have left, if it is older than `age_s`.
void Store::remove_leavings(std::int64_t age_s) const {
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  std::error_code none;
  for (std::filesystem::recursive_directory_iterator at(options_.folder, none), end; at != end;
       at.increment(none)) {
    if (none) break;
    struct stat seen {};
    const std::string path = at->path().string();
    if (at->path().filename().string().rfind(".vyre-", 0) == 0 &&
        ::lstat(path.c_str(), &seen) == 0 && seen.st_mtim.tv_sec + age_s <= now)
      (void)::unlink(path.c_str());
  }
}

Verified Store::verify() const {
  Verified verified;
  Bytes payload;
  for (const Entry& entry : list()) {
    const Look look = read(entry.key, entry.path, payload);
    verified.good += look == Look::found ? 1 : 0;
    verified.removed += look == Look::damaged ? 1 : 0;
  }
  return verified;
}

Freed Store::clear() const {
  Freed freed;
  for (const Entry& entry : list()) {
    if (::unlink(entry.path.c_str()) != 0) continue;
    ++freed.files;
    freed.bytes += entry.bytes;
  }
  remove_leavings(0);
  return freed;
}

Freed Store::evict() const {
  Freed freed;
  const platform::Descriptor lock(
      ::open((options_.folder + "/lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return freed;
  remove_leavings(kDaySeconds);
  std::vector<Entry> entries = list();
  std::uint64_t total = 0;
  for (const Entry& entry : entries) total += entry.bytes;
  const std::uint64_t keep = total > options_.most_bytes ? options_.most_bytes / 5 * 4 : total;
  const std::int64_t oldest =
      static_cast<std::int64_t>(std::time(nullptr)) - kUnusedDays * kDaySeconds;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (total <= keep && entry->used_s >= oldest) break;
    if (::unlink(entry->path.c_str()) != 0) continue;
    total -= entry->bytes;
    ++freed.files;
    freed.bytes += entry->bytes;
  }
  return freed;
}

Result<std::string> folder_or_default(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* const cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return std::string(cache) + "/vyre";
  if (const char* const home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::string(home) + "/.cache/vyre";
  return fail(
      Errc::not_found,
      "neither XDG_CACHE_HOME nor HOME names a folder, so compiled forms are kept in memory "
      "only; name a folder (cache_dir)");
}

}  // namespace vyre::cache

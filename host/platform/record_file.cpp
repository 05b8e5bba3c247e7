// Mapped appending, sequential reading and unsynced publication of files; see the header.
#include "vyre/platform/record_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vyre::platform {
namespace {

constexpr std::size_t kFirstWindowBytes{std::size_t{1} << 20};
constexpr std::size_t kLastWindowBytes{std::size_t{1} << 24};

tl::unexpected<Error> os_error(const std::string& action, const std::string& path, int error) {
  return tl::unexpected<Error>(
      Error{Errc::io, action + " '" + path + "': " + std::strerror(error), kNoOffset, 0, 0, error});
}

Status write_all(int fd, const std::string& path, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("cannot write", path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<AppendFile> AppendFile::create(const std::string& path) {
  AppendFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file.fd_ < 0) return os_error("cannot create", path, errno);
  VYRE_TRY(file.next_window());
  return file;
}

AppendFile::AppendFile(AppendFile&& other) noexcept {
  *this = std::move(other);
}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(window_, other.window_);
  std::swap(window_bytes_, other.window_bytes_);
  std::swap(window_start_, other.window_start_);
  std::swap(size_, other.size_);
  return *this;
}

AppendFile::~AppendFile() {
  if (window_ != nullptr) ::munmap(window_, window_bytes_);
  if (fd_ < 0) return;
  // Not closed in order: the records stay, the reserved zeros go if the system lets us.
  if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) errno = 0;
  ::close(fd_);
}

Status AppendFile::next_window() {
  const std::uint64_t start = window_start_ + window_bytes_;
  const std::size_t bytes =
      window_bytes_ == 0 ? kFirstWindowBytes : std::min(window_bytes_ * 2, kLastWindowBytes);
  // A store into a hole of a full disk would be a signal; reserved blocks make it an error here.
  const int error = ::posix_fallocate(fd_, static_cast<off_t>(start), static_cast<off_t>(bytes));
  if (error != 0)
    return os_error("cannot reserve " + std::to_string(bytes) + " bytes for", path_, error);
  void* map =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, static_cast<off_t>(start));
  if (map == MAP_FAILED) return os_error("cannot map", path_, errno);
  if (window_ != nullptr) ::munmap(window_, window_bytes_);
  window_ = static_cast<std::uint8_t*>(map);
  window_bytes_ = bytes;
  window_start_ = start;
  return {};
}

Status AppendFile::append(ByteSpan bytes) {
  while (!bytes.empty()) {
    const std::size_t used = static_cast<std::size_t>(size_ - window_start_);
    const std::size_t n = std::min(bytes.size(), window_bytes_ - used);
    if (n == 0) {
      VYRE_TRY(next_window());
      continue;
    }
    std::memcpy(window_ + used, bytes.data(), n);
    size_ += n;
    bytes = bytes.subspan(n);
  }
  return {};
}

bool AppendFile::rewrite_last(ByteSpan bytes) noexcept {
  if (size_ - window_start_ < bytes.size()) return false;
  std::memcpy(window_ + (size_ - window_start_ - bytes.size()), bytes.data(), bytes.size());
  return true;
}

Status AppendFile::close() {
  if (window_ != nullptr && ::munmap(std::exchange(window_, nullptr), window_bytes_) != 0) {
    return os_error("cannot unmap", path_, errno);
  }
  if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) return os_error("cannot cut", path_, errno);
  if (::fsync(fd_) != 0) return os_error("cannot fsync", path_, errno);
  if (::close(std::exchange(fd_, -1)) != 0) return os_error("cannot close", path_, errno);
  return {};
}

Result<FileReader> FileReader::open(const std::string& path) {
  FileReader reader;
  reader.path_ = path;
  reader.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (reader.fd_ < 0) return os_error("cannot open", path, errno);
  struct stat info {};
  if (::fstat(reader.fd_, &info) != 0) return os_error("cannot stat", path, errno);
  if (!S_ISREG(info.st_mode)) {
    return fail(Errc::invalid_argument, "cannot read '" + path + "': not a regular file");
  }
  reader.size_ = static_cast<std::uint64_t>(info.st_size);
  return reader;
}

FileReader::FileReader(FileReader&& other) noexcept {
  *this = std::move(other);
}

FileReader& FileReader::operator=(FileReader&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

FileReader::~FileReader() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::size_t> FileReader::read(MutableByteSpan out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::read(fd_, out.data() + done, out.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("cannot read", path_, errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Status publish_file(const std::string& path, ByteSpan bytes) {
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return os_error("cannot create a temporary file beside", path, errno);
  Status result = write_all(fd, temporary, bytes);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (result && ::fchmod(fd, 0666 & ~mask) != 0)
    result = os_error("cannot chmod", temporary, errno);
  if (::close(fd) != 0 && result) result = os_error("cannot close", temporary, errno);
  if (result && ::rename(temporary.c_str(), path.c_str()) != 0) {
    result = os_error("cannot rename to", path, errno);
  }
  if (!result) ::unlink(temporary.c_str());
  return result;
}

}  // namespace vyre::platform

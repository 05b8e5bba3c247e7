// Mapped appending and sequential reading of files; see the header.
#include "platform/record_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/message.hpp"
#include "platform/descriptor.hpp"
#include "platform/os_error.hpp"
#include "regular_file.hpp"
#include "temporary_file.hpp"

namespace vyre::platform {
namespace {

constexpr std::size_t kFirstWindowBytes{std::size_t{1} << 20};
constexpr std::size_t kLastWindowBytes{std::size_t{1} << 24};

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
  std::swap(guard_, other.guard_);
  std::swap(size_, other.size_);
  return *this;
}

AppendFile::~AppendFile() {
  guard_ = MappingGuard();
  if (window_ != nullptr) ::munmap(window_, window_bytes_);
  if (fd_ < 0) return;
  // Not closed in order: the records stay, the reserved zeros go if the system allows it.
  if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) errno = 0;
  ::close(fd_);
}

Status AppendFile::next_window() {
  const std::uint64_t start = window_start_ + window_bytes_;
  const std::size_t bytes =
      window_bytes_ == 0 ? kFirstWindowBytes : std::min(window_bytes_ * 2, kLastWindowBytes);
  // A store into a hole of a full disk would be a signal; reserved blocks make it an error here.
  int error = EINTR;
  while (error == EINTR)  // some file systems stop for a signal, and start anew
    error = ::posix_fallocate(fd_, static_cast<off_t>(start), static_cast<off_t>(bytes));
  if (error != 0) return os_error(message("cannot reserve {} bytes for", bytes), path_, error);
  void* map =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, static_cast<off_t>(start));
  if (map == MAP_FAILED) return os_error("cannot map", path_, errno);
  auto guard = MappingGuard::watch(map, bytes, true, path_);
  if (!guard) {
    ::munmap(map, bytes);
    return tl::unexpected<Error>(std::move(guard).error());
  }
  guard_ = std::move(*guard);  // and the old window's goes before its addresses are free
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
    VYRE_TRY(check_window());
  }
  return {};
}

Status AppendFile::check_window() const {
  if (!guard_.torn()) return {};
  const std::uint64_t at = window_start_ + guard_.torn_at();
  return tl::unexpected<Error>(
      Error{Errc::io,
            message("'{}' was cut while it was being written: its block at byte {} is gone, and "
                    "what was appended from there on is lost",
                    path_, at),
            at, 0, 0, 0});
}

bool AppendFile::rewrite_last(ByteSpan bytes) noexcept {
  if (size_ - window_start_ < bytes.size()) return false;
  std::memcpy(window_ + (size_ - window_start_ - bytes.size()), bytes.data(), bytes.size());
  return true;
}

Status AppendFile::close() {
  VYRE_TRY(check_window());
  // Pages that were written before the cut raised no signal; making the file longer again below
  // would put zeros where records were.
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return os_error("cannot stat", path_, errno);
  if (static_cast<std::uint64_t>(info.st_size) < size_) {
    return fail(
        Errc::io,
        message("'{}' was cut while it was being written: it has {} bytes where {} were appended",
                path_, info.st_size, size_));
  }
  guard_ = MappingGuard();
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
  struct stat info {};
  VYRE_ASSIGN(reader.fd_, open_regular(path, "read", info));
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

StagedFile::StagedFile(std::string folder, Descriptor opened)
    : folder_(std::move(folder)), opened_(std::move(opened)) {}
StagedFile::StagedFile(StagedFile&&) noexcept = default;
StagedFile::~StagedFile() = default;

Result<StagedFile> StagedFile::create(const std::string& folder, std::uint32_t mode) {
  Descriptor opened(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return os_error("cannot write into", folder, errno);
  StagedFile file(folder, std::move(opened));
  VYRE_ASSIGN(file.temporary_, TemporaryFile::create(file.opened_.get(), mode, folder + "/..."));
  return file;
}

Status StagedFile::append(ByteSpan bytes) {
  return write_all(temporary_->file(), bytes, message("into '{}'", folder_));
}

Status StagedFile::publish(const std::string& name) {
  const std::string path = folder_ + "/" + name;
  if (::close(temporary_->file().release()) != 0) return os_error("cannot close", path, errno);
  return temporary_->rename_to(name, path);
}

}  // namespace vyre::platform

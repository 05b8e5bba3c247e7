#include "vyre/platform/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "regular_file.hpp"

namespace vyre::platform {
namespace {

tl::unexpected<Error> os_error(const std::string& action, const std::string& path, int error) {
  Error e{Errc::io, action + " '" + path + "': " + std::strerror(error), kNoOffset, 0, 0, error};
  return tl::unexpected<Error>(std::move(e));
}

/// Closes on scope exit; -1 owns nothing.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Status write_all(int fd, const std::string& path, ByteSpan bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0) {
      if (errno == EINTR) continue;
      return os_error("cannot write", path, errno);
    }
    done += static_cast<std::size_t>(n);
  }
  return {};
}

}  // namespace

Result<int> open_regular(const std::string& path, const std::string& action, struct stat& info) {
  const auto refusal = [&]() -> Status {
    if (S_ISREG(info.st_mode)) return {};
    if (S_ISDIR(info.st_mode)) return os_error("cannot " + action, path, EISDIR);
    return fail(Errc::invalid_argument, "cannot " + action + " '" + path +
                                            "': it is a pipe or a device; name a regular file");
  };
  if (::stat(path.c_str(), &info) != 0) return os_error("cannot open", path, errno);
  VYRE_TRY(refusal());
  // O_NONBLOCK is for the path that becomes a FIFO between the two looks.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return os_error("cannot open", path, errno);
  if (::fstat(file.get(), &info) != 0) return os_error("cannot stat", path, errno);
  VYRE_TRY(refusal());
  return file.release();
}

namespace {

/// `size`: what to expect; it may end sooner or later.
Result<Bytes> read_all(const Descriptor& file, const std::string& path, std::uint64_t size,
                       std::uint64_t max_bytes) {
  Bytes bytes;
  bytes.reserve(std::min(size, max_bytes) + 1);
  constexpr std::size_t kStep{1u << 20};
  while (true) {
    const std::size_t have = bytes.size();
    bytes.resize(have + kStep);
    const ssize_t n = ::read(file.get(), bytes.data() + have, kStep);
    const int error = errno;
    bytes.resize(have + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n == 0) return bytes;
    if (n < 0 && error != EINTR) return os_error("cannot read", path, error);
    if (bytes.size() > max_bytes) {
      return fail(Errc::limit_exceeded, "'" + path + "' is larger than the limit of " +
                                            std::to_string(max_bytes) + " bytes");
    }
  }
}

}  // namespace

Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return os_error("cannot open", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return os_error("cannot stat", path, errno);
  if (S_ISDIR(info.st_mode)) return os_error("cannot read", path, EISDIR);
  const bool sized = S_ISREG(info.st_mode);
  return read_all(file, path, sized ? static_cast<std::uint64_t>(info.st_size) : 0, max_bytes);
}

Result<Bytes> read_regular_file(const std::string& path, std::uint64_t max_bytes) {
  struct stat info {};
  VYRE_ASSIGN(const int fd, open_regular(path, "read", info));
  const Descriptor file(fd);
  return read_all(file, path, static_cast<std::uint64_t>(info.st_size), max_bytes);
}

Status write_file_atomically(const std::string& path, ByteSpan bytes) {
  std::string temporary = path + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return os_error("cannot create a temporary file beside", path, errno);
  const auto give_up = [&](tl::unexpected<Error> error) -> Status {
    ::unlink(temporary.c_str());
    return error;
  };
  if (auto written = write_all(file.get(), temporary, bytes); !written) {
    return give_up(tl::unexpected<Error>(std::move(written).error()));
  }
  // mkostemp creates 0600; a result file gets what the umask allows, like any other.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(file.get(), 0666 & ~mask) != 0)
    return give_up(os_error("cannot chmod", temporary, errno));
  if (::fsync(file.get()) != 0) return give_up(os_error("cannot fsync", temporary, errno));
  if (::close(file.release()) != 0) return give_up(os_error("cannot close", temporary, errno));
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return give_up(os_error("cannot rename to", path, errno));
  const auto parent = std::filesystem::path(path).parent_path();
  const Descriptor directory(
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
  return {};
}

Status append_file(const std::string& path, ByteSpan bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (file.get() < 0) return os_error("cannot open", path, errno);
  return write_all(file.get(), path, bytes);
}

Status make_directories(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) return os_error("cannot create the directory", path, code.value());
  return {};
}

Result<std::optional<std::uint8_t>> last_byte(const std::string& path) {
  struct stat info {};
  VYRE_ASSIGN(const int fd, open_regular(path, "read", info));
  const Descriptor file(fd);
  std::uint8_t byte = 0;
  while (info.st_size > 0) {
    const ssize_t n = ::pread(file.get(), &byte, 1, info.st_size - 1);
    if (n == 1) return byte;
    if (n == 0) break;  // cut meanwhile
    if (errno != EINTR) return os_error("cannot read", path, errno);
  }
  return std::nullopt;
}

}  // namespace vyre::platform

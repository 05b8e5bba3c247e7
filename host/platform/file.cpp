#include "platform/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/message.hpp"
#include "platform/descriptor.hpp"
#include "platform/os_error.hpp"
#include "platform/stop.hpp"
#include "regular_file.hpp"

namespace vyre::platform {
Result<int> open_regular(const std::string& path, const std::string& action, struct stat& info) {
  const auto refusal = [&]() -> Status {
    if (S_ISREG(info.st_mode)) return {};
    if (S_ISDIR(info.st_mode)) return os_error(message("cannot {}", action), path, EISDIR);
    return fail(
        Errc::invalid_argument,
        message("cannot {} '{}': it is a pipe or a device; name a regular file", action, path));
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
Result<Bytes> read_all(const Descriptor& file, const std::string& name, std::uint64_t size,
                       std::uint64_t max_bytes) {
  constexpr std::uint64_t kLeastStep{16u << 10};  // memory that is not wanted costs time, too
  constexpr std::uint64_t kMostStep{1u << 20};
  constexpr std::uint64_t kMostExpected{std::uint64_t{1} << 30};
  Bytes bytes;
  bytes.reserve(std::min({size, max_bytes, kMostExpected}) + 1);
  while (true) {
    const std::size_t have = bytes.size();
    const std::uint64_t expected = size > have ? size - have + 1 : 0;
    const auto step = static_cast<std::size_t>(
        std::clamp(std::max<std::uint64_t>(expected, have), kLeastStep, kMostStep));
    bytes.resize(have + step);
    VYRE_ASSIGN(const std::size_t n,
                read_some(file, MutableByteSpan(bytes).subspan(have, step), name));
    bytes.resize(have + n);
    if (n == 0) return bytes;
    if (stop_signal() != 0) return interrupted();
    if (bytes.size() > max_bytes) {
      return fail(Errc::limit_exceeded,
                  message("{} is larger than the limit of {} bytes", name, max_bytes));
    }
  }
}

}  // namespace

std::string input_name(const std::string& path) {
  return names_standard_input(path) ? "standard input" : message("'{}'", path);
}

Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes) {
  VYRE_ASSIGN(const Descriptor file, open_input(path));
  struct stat info {};
  const bool sized = ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode);
  return read_all(file, input_name(path), sized ? static_cast<std::uint64_t>(info.st_size) : 0,
                  max_bytes);
}

Result<Bytes> read_regular_file(const std::string& path, std::uint64_t max_bytes) {
  struct stat info {};
  VYRE_ASSIGN(const int fd, open_regular(path, "read", info));
  const Descriptor file(fd);
  return read_all(file, message("'{}'", path), static_cast<std::uint64_t>(info.st_size), max_bytes);
}

Status append_file(const std::string& path, ByteSpan bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (file.get() < 0) return os_error("cannot open", path, errno);
  return write_all(file, bytes, message("to '{}'", path));
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

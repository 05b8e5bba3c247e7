#include "shell.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "vyre/platform/file.hpp"

namespace vyre::cli {
namespace {

constexpr std::size_t kOutputBufferBytes{1u << 16};

Status write_all(int descriptor, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      const int error = errno;
      return tl::unexpected<Error>(Error{
          Errc::io, "cannot write " + name + ": " + std::strerror(error), kNoOffset, 0, 0, error});
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string_view as_text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Status Output::write(std::string_view text) {
  if (buffer_.size() + text.size() < kOutputBufferBytes) {
    buffer_ += text;
    return {};
  }
  VYRE_TRY(flush());
  return write_all(STDOUT_FILENO, text, "to standard output");
}

Status Output::write(ByteSpan bytes) {
  return write(as_text(bytes));
}

Status Output::flush() {
  const std::string pending = std::exchange(buffer_, {});
  return write_all(STDOUT_FILENO, pending, "to standard output");
}

void complain(const Shell& shell, const std::string& text) {
  std::fprintf(stderr, "vyre%s%s: %s\n", shell.name.empty() ? "" : " ", shell.name.c_str(),
               text.c_str());
}

std::string error_json(const Error& error) {
  nlohmann::ordered_json json{{"code", errc_name(error.code)}, {"message", error.message}};
  if (error.line != 0) json["line"] = error.line, json["column"] = error.column;
  if (error.offset != kNoOffset) json["offset"] = error.offset;
  if (error.code == Errc::io) json["errno"] = error.detail;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string shown(std::string_view name) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      text.push_back(c);
    } else {
      text += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return text;
}

Status write_output(const std::string& path, ByteSpan bytes) {
  if (path == "-") return write_all(STDOUT_FILENO, as_text(bytes), "to standard output");
  struct stat info {};
  // Renaming over /dev/null or a pipe would replace it by a file.
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) {
      const int error = errno;
      return tl::unexpected<Error>(Error{
          Errc::io, "cannot open '" + path + "': " + std::strerror(error), kNoOffset, 0, 0, error});
    }
    Status written = write_all(descriptor, as_text(bytes), "to '" + path + "'");
    ::close(descriptor);
    return written;
  }
  return platform::write_file_atomically(path, bytes);
}

Status write_output(const std::string& path, std::string_view text) {
  return write_output(path,
                      ByteSpan(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

Result<Bytes> read_input(const std::string& path, std::uint64_t max_bytes) {
  return platform::read_file(path == "-" ? "/dev/stdin" : path, max_bytes);
}

Progress::Progress(std::string what)
    : what_(std::move(what)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      next_(std::chrono::steady_clock::now() + std::chrono::seconds(1)) {}

Progress::~Progress() {
  clear();
}

void Progress::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(200);
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%s: %llu of %llu", what_.c_str(),
               static_cast<unsigned long long>(done), static_cast<unsigned long long>(total));
  std::fflush(stderr);
}

}  // namespace vyre::cli

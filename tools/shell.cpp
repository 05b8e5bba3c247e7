#include "shell.hpp"

#include <unistd.h>

#include <cerrno>

#include "base/message.hpp"
#include "platform/descriptor.hpp"
#include "platform/output.hpp"

namespace vyre::cli {
namespace {

constexpr std::size_t kOutputBufferBytes{1u << 16};

Status to_stdout(std::string_view text) {
  return platform::write_all(platform::Descriptor::borrowed(STDOUT_FILENO), as_bytes(text),
                             "to standard output");
}

}  // namespace

Status Output::write(std::string_view text) {
  if (buffer_.size() + text.size() < kOutputBufferBytes) {
    buffer_ += text;
    return {};
  }
  VYRE_TRY(flush());
  return to_stdout(text);
}

Status Output::write(ByteSpan bytes) {
  return write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Status Output::flush() {
  const std::string pending = std::exchange(buffer_, {});
  return to_stdout(pending);
}

void complain(const Shell& shell, const std::string& text) {
  const std::string line =
      message("vyre{}: {}\n", shell.name.empty() ? "" : message(" {}", shell.name), text);
  // There is no other place to say that this one takes nothing.
  (void)platform::write_all(platform::Descriptor::borrowed(STDERR_FILENO), as_bytes(line),
                            "to standard error");
}

void tell_error(const Shell& shell, const Error& error, const std::string& command) {
  // A reader that went away has seen enough; no reader is left to tell.
  if (error.code == Errc::io && error.detail == EPIPE) return;
  complain(shell, to_string(error));
  if (!shell.json) return;
  Output out;
  const std::string name = command.empty() ? "null" : JsonWriter().value(command).text();
  Status written =
      out.write(message("{{\"command\": {}, \"error\": {}}}\n", name, error_json(error)));
  if (written) written = out.flush();
  if (!written) complain(shell, to_string(written.error()));
}

void write_error(JsonWriter& json, const Error& error) {
  json.begin_object().member("code", errc_name(error.code)).member("message", error.message);
  if (error.line != 0) {
    // An error in a text with a name begins with "NAME:LINE:COLUMN: ".
    const std::size_t name = error.message.find(message(":{}:{}: ", error.line, error.column));
    if (name != 0 && name != std::string::npos) json.member("file", error.message.substr(0, name));
    json.member("line", error.line).member("column", error.column);
  }
  if (error.offset != kNoOffset) json.member("offset", error.offset);
  if (error.code == Errc::io) json.member("errno", error.detail);
  json.end_object();
}

std::string error_json(const Error& error) {
  JsonWriter json;
  write_error(json, error);
  return std::move(json).text();
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
  if (path != "-") return platform::write_file_atomically(path, bytes);
  return platform::write_all(platform::Descriptor::borrowed(STDOUT_FILENO), bytes,
                             "to standard output");
}

Status write_output(const std::string& path, std::string_view text) {
  return write_output(path, as_bytes(text));
}

}  // namespace vyre::cli

#include "program_file.hpp"

#include <algorithm>
#include <string_view>

#include "base/message.hpp"
#include "platform/file.hpp"
#include "platform/stop.hpp"
#include "shell.hpp"

namespace vyre::cli {
namespace {

constexpr std::string_view kMagic{"VYRE"};

Error named(Error error, const std::string& path) {
  error.message = message("'{}': {}", shown(path), error.message);
  return error;
}

struct Contents {
  Bytes bytes;
  bool blob{false};
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

Result<Contents> read_program(const std::string& path) {
  Contents file;
  VYRE_ASSIGN(file.bytes, platform::read_file(path, limit("max_text_bytes")));
  file.blob = file.text().substr(0, kMagic.size()) == kMagic;
  if (!file.blob && file.text().find('\0') != std::string_view::npos) {
    return fail(
        Errc::malformed,
        message(
            "'{}' is not a program: a wire blob begins with \"VYRE\", a text holds no zero bytes",
            shown(path)));
  }
  return file;
}

}  // namespace

Result<v0::Program> load_program(const std::string& path, v0::Profile profile,
                                 v0::Timeout timeout) {
  VYRE_ASSIGN(const Contents file, read_program(path));
  auto program = file.blob ? v0::Program::decode(file.bytes, profile, timeout)
                           : v0::Program::assemble(file.text(), timeout);
  if (program) return *std::move(program);
  if (platform::stop_asked()) return platform::interrupted();
  return tl::unexpected<Error>(named(error_of(program.error()), path));
}

std::string describe(const std::string& code, std::optional<std::uint32_t> statement,
                     const std::string& what) {
  const std::string where = statement ? message("statement {}", *statement) : "program";
  return message("{} ({}): {}", code, where, what);
}

}  // namespace vyre::cli

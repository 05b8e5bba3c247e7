#include "program_file.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "base/message.hpp"
#include "op_catalogue.hpp"
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

/// Says of a name that is no file whether it is a built-in op's.
Error not_read(Error error, const std::string& path) {
  if (error.code != Errc::io || error.detail != ENOENT) return error;
  const auto catalogue = OpCatalogue::open();
  if (!catalogue || (*catalogue)->find(path) == nullptr) return error;
  return {Errc::not_found,
          message("'{}' is a built-in op and has no program: `vyre ops {}` describes it, and run "
                  "and record take it",
                  path, path),
          kNoOffset,
          0,
          0,
          0};
}

Result<Contents> read_program(const std::string& path) {
  Contents file;
  auto bytes = platform::read_file(path, limit("max_text_bytes"));
  if (!bytes) return tl::unexpected<Error>(not_read(std::move(bytes).error(), path));
  file.bytes = *std::move(bytes);
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

/// A file includes what lies beside it; standard input lies beside nothing.
v0::TextOptions text_options(const std::string& path) {
  v0::TextOptions how{shown(path)};
  if (path != "-") how.folder = std::filesystem::path(path).parent_path().string();
  return how;
}

}  // namespace

Result<v0::Program> load_program(const std::string& path, v0::Profile profile,
                                 v0::Timeout timeout) {
  VYRE_ASSIGN(const Contents file, read_program(path));
  auto program = file.blob ? v0::Program::decode(file.bytes, profile, timeout)
                           : v0::Program::assemble(file.text(), text_options(path), timeout);
  if (program) return *std::move(program);
  if (platform::stop_asked()) return platform::interrupted();
  Error error = error_of(program.error());
  // What has a place begins with the name already.
  return tl::unexpected<Error>(error.line != 0 ? std::move(error) : named(std::move(error), path));
}

std::string describe(const std::string& path, const v0::Diagnostic& found) {
  const std::string_view kind = found.is_warning() ? "warning " : "";
  if (found.place)
    return message("{}: {}{}: {}", to_string(*found.place), kind, found.code, found.message);
  const std::string where = found.statement ? message("statement {}", *found.statement) : "program";
  return message("{}: {}{} ({}): {}", shown(path), kind, found.code, where, found.message);
}

}  // namespace vyre::cli

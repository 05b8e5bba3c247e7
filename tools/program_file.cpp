#include "program_file.hpp"

#include <algorithm>
#include <string_view>

#include "base/message.hpp"
#include "platform/file.hpp"
#include "platform/stop.hpp"
#include "protocol/limits.hpp"
#include "shell.hpp"

namespace vyre::cli {
namespace {

constexpr std::string_view kMagic{"VYRE"};

Error named(Error error, const std::string& path) {
  error.message = message("'{}': {}", shown(path), error.message);
  return error;
}

}  // namespace

Result<ProgramFile> load_program(const std::string& path, vir::Profile profile,
                                 Interrupt& interrupt) {
  VYRE_ASSIGN(const Bytes bytes, platform::read_file(path, kMaxTextBytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const bool blob = text.substr(0, kMagic.size()) == kMagic;
  if (!blob && text.find('\0') != std::string_view::npos) {
    return fail(
        Errc::malformed,
        message(
            "'{}' is not a program: a wire blob begins with \"VYRE\", a text holds no zero bytes",
            shown(path)));
  }
  vir::SourceMap places;
  auto program =
      blob ? vir::decode(bytes, {profile, &interrupt}) : vir::assemble(text, &places, &interrupt);
  if (!program && platform::stop_asked()) return platform::interrupted();
  if (!program) return tl::unexpected<Error>(named(std::move(program).error(), path));
  return ProgramFile{std::move(*program), std::move(places), !blob, bytes.size()};
}

Result<ProgramFile> load_program(const std::string& path, vir::Profile profile) {
  Interrupt stop(platform::stop_asked);
  return load_program(path, profile, stop);
}

std::string describe(const vir::Diagnostic& diagnostic) {
  const std::string where = diagnostic.statement == vir::kNone
                                ? "program"
                                : message("statement {}", diagnostic.statement);
  return message("{} ({}): {}", diagnostic.code, where, diagnostic.message);
}

}  // namespace vyre::cli

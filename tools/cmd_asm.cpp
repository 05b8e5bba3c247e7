// vyre asm: text form (or a blob, to change its profile) to wire blob.
#include <unistd.h>

#include <memory>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "platform/descriptor.hpp"
#include "program_file.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::string input;
  std::string output{"-"};
  std::string profile{"v4-0.6.3"};
};

Outcome run(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const v0::Profile profile, taken(v0::find_profile(options.profile)));
  const bool to_stdout = platform::names_standard_output(options.output);
  if (to_stdout && (shell.json || ::isatty(STDOUT_FILENO) == 1)) {
    return fail(Errc::invalid_argument, "a wire blob is binary; name a file for it with -o FILE");
  }
  VYRE_TRY(check_conversion(shell, options.input, options.output));
  VYRE_ASSIGN(const v0::Program program, load_program(options.input, profile));
  VYRE_TRY(check_includes(program, options.output, "-o"));
  VYRE_ASSIGN(const v0::Blob blob, taken(program.encode(profile, v0::Timeout::forever())));
  // The encoder may write what no decoder takes back (depth, counts); such a blob is no use to
  // anybody.
  auto back = taken(v0::Program::decode(blob.bytes(), profile, v0::Timeout::forever()));
  if (!back) {
    back.error().message = message("the program encodes to a blob that its own decoder refuses: {}",
                                   back.error().message);
    return tl::unexpected<Error>(std::move(back).error());
  }
  VYRE_ASSIGN(const bool exact, taken(program.equals(*back)));
  if (!exact) {
    complain(shell,
             message("warning: the wire form does not carry everything in '{}' (f32 literals that "
                     "are -0, subnormal or NaN, attributes of a later version)",
                     shown(options.input)));
  }
  VYRE_ASSIGN(const auto fingerprint, taken(program.fingerprint(profile, v0::Timeout::forever())));
  VYRE_TRY(write_output(options.output, blob.bytes()));
  if (shell.json) {
    JsonWriter json(kJsonIndent);
    json.begin_object()
        .member("command", "asm")
        .member("input", options.input)
        .member("output", options.output)
        .member("profile", v0::name(profile))
        .member("bytes", blob.bytes().size())
        .member("exact", exact)
        .member("fingerprint", to_hex(fingerprint))
        .end_object();
    Output out;
    VYRE_TRY(out.write(json.text() + "\n"));
    VYRE_TRY(out.flush());
  }
  return kExitOk;
}

}  // namespace

void add_asm(CommandLine& line) {
  auto options = std::make_shared<Options>();
  const Command sub = line.command("asm", "assemble a .vir text into a wire blob");
  sub.option("program", options->input, "the text, or a blob to encode anew; - is standard input")
      .type_name("PROGRAM")
      .required();
  sub.option("-o,--output", options->output, "the file for the blob; - is standard output")
      .type_name("FILE")
      .check(not_empty())
      .shows_default();
  add_profile(sub, options->profile);
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli

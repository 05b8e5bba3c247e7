// vyre dis: a program as text, the image that the interpreters execute, or the PTX of it.
#include <memory>

#include "base/json_writer.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "program_file.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::string input;
  std::string output{"-"};
  std::string profile{"v4-0.6.3"};
  bool image{false};
  bool plain{false};
  bool jit{false};
};

Outcome run(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const v0::Profile profile, taken(v0::find_profile(options.profile)));
  VYRE_TRY(check_conversion(shell, options.input, options.output));
  VYRE_ASSIGN(const v0::Program program, load_program(options.input, profile));
  VYRE_TRY(check_includes(program, options.output, "-o"));
  const bool text_form = !options.image && !options.jit;
  v0::Image image = options.plain ? v0::Image::not_optimised : v0::Image::optimised;
  if (options.jit) image = v0::Image::ptx;
  VYRE_ASSIGN(
      const v0::Blob printed,
      taken(text_form ? program.print() : program.print_image(image, v0::Timeout::forever())));
  const std::string_view text = printed.text();
  if (!shell.json || options.output != "-") VYRE_TRY(write_output(options.output, text));
  if (shell.json) {
    JsonWriter json(kJsonIndent);
    json.begin_object()
        .member("command", "dis")
        .member("input", options.input)
        .member("form", text_form ? "text" : (options.jit ? "ptx" : "image"));
    if (options.output == "-") {
      json.member("text", text);
    } else {
      json.member("output", options.output);
    }
    Output out;
    VYRE_TRY(out.write(json.end_object().text() + "\n"));
    VYRE_TRY(out.flush());
  }
  return kExitOk;
}

}  // namespace

void add_dis(CommandLine& line) {
  auto options = std::make_shared<Options>();
  const Command sub = line.command("dis", "print a program in text form");
  sub.option("program", options->input, "a wire blob or a text; - is standard input")
      .type_name("PROGRAM")
      .required();
  sub.option("-o,--output", options->output, "the file for the text; - is standard output")
      .type_name("FILE")
      .check(not_empty())
      .shows_default();
  add_profile(sub, options->profile);
  const Option image = sub.flag("--image", options->image, "print the lowered image instead");
  sub.flag("--no-optimise", options->plain,
           "the image without constant folding and fused instructions")
      .needs(image);
  sub.flag("--jit", options->jit,
           "print the PTX that the image becomes, with its class and the reasons; nothing runs it")
      .excludes(image);
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli

// The `vyre` command line: reads the flags, runs one command, turns its answer into an exit code.
// Single-threaded here; the runtime brings its own threads. Spec: docs/cli.md.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "commands.hpp"
#include "describe.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "library.hpp"
#include "options.hpp"
#include "platform/descriptor.hpp"
#include "platform/log.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

constexpr char kProgram[]{"vyre"};

/// "--flag" where "--flag=" was given: the parser would take the next argument for the value.
std::string flag_without_value(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    const std::size_t equals = argument.find('=');
    if (argument.size() > 3 && argument.compare(0, 2, "--") == 0 && equals == argument.size() - 1)
      return argument.substr(0, equals);
  }
  return {};
}

/// The first argument that is neither a flag nor the value of one.
std::string first_word(const std::vector<std::string>& command) {
  for (std::size_t i = 1; i < command.size(); ++i) {
    if (command[i] == "--log-level" || command[i] == "--device") {
      ++i;
    } else if (command[i].substr(0, 1) != "-") {
      return command[i];
    }
  }
  return {};
}

int report_error(const Shell& shell, const Error& error) {
  tell_error(shell, error, shell.name.empty() ? first_word(shell.command) : shell.name);
  return exit_code(error.code);
}

std::string command_names(const CommandLine& line) {
  std::string names;
  for (const CommandDescription& command : line.described()) {
    if (command.name != kProgram) names += (names.empty() ? "" : ", ") + command.name;
  }
  return names;
}

int print_only(const Shell& shell, const std::string& text) {
  Output out;
  Status written = out.write(text);
  if (written) written = out.flush();
  return written ? kExitOk : report_error(shell, written.error());
}

int refuse(const CommandLine& line, const Parsed& parsed, Shell& shell) {
  for (const std::string& argument : shell.command) shell.json = shell.json || argument == "--json";
  std::string wrong = *parsed.wrong;
  shell.name = parsed.command;
  if (parsed.command.empty()) {
    // The parser only says that a command is missing; what stands in its place helps more.
    const std::string word = first_word(shell.command);
    if (!word.empty()) {
      wrong =
          message("unknown command '{}'; the commands are {}", shown(word), command_names(line));
    }
  }
  report_error(shell, Error{Errc::invalid_argument, message("{}; see vyre --help", wrong),
                            kNoOffset, 0, 0, 0});
  return kExitUsage;
}

Outcome guarded(const Action& action, Shell& shell) {
  try {
    return action(shell);
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory,
                "the host has no memory left for this command; give it less at once");
  } catch (const std::exception& exception) {
    return fail(Errc::internal, message("unexpected failure: {}", exception.what()));
  }
}

int main_of(int argc, char** argv) {
  platform::occupy_standard_descriptors();
  // A closed pipe and a limit of file sizes are errors of write(), not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  platform::catch_stop_signals();
  const v0::InterruptBy interrupt(platform::stop_asked);
  Shell shell;
  shell.command.assign(argv, argv + argc);
  CommandLine line(
      kProgram,
      "vyre: runs VIR0 programs over files, records and replays the runs, and reports on them",
      vyre_build());
  line.describe_by([&line] { return describe(line.described()); });
  line.globals().flag("--json", shell.json, "print the result as JSON on standard output");
  line.globals()
      .option("--log-level", shell.log_level,
              "messages of this level and above go to standard error")
      .type_name("trace|debug|info|warn|error|off")
      .shows_default();
  line.globals()
      .option("--device", shell.device,
              "the CUDA device of auto and cuda, by number or UUID (default: VYRE_DEVICE, else the "
              "first that can run the kernel)")
      .type_name("N|UUID")
      .check(not_empty());
  for (const auto add : {add_caps, add_ops, add_asm, add_dis, add_verify, add_cache, add_scan,
                         add_run, add_record, add_replay, add_conformance, add_report, add_top}) {
    add(line);
  }
  if (const std::string flag = flag_without_value(shell.command); !flag.empty()) {
    return report_error(shell, Error{Errc::invalid_argument,
                                     message("{}: the value is empty", flag), kNoOffset, 0, 0, 0});
  }
  const Parsed parsed =
      line.parse({shell.command.begin() + std::min(argc, 1), shell.command.end()});
  if (parsed.print) return print_only(shell, *parsed.print);
  if (parsed.wrong) return refuse(line, parsed, shell);
  shell.name = parsed.command;
  if (Status level = platform::set_log_level(shell.log_level); !level)
    return report_error(shell, level.error());
  // The library asks for it wherever a session is opened, in replays and conformance runs, too.
  if (!shell.device.empty()) ::setenv("VYRE_DEVICE", shell.device.c_str(), 1);
  const Outcome outcome = guarded(line.action(), shell);
  const int code = outcome ? *outcome : report_error(shell, outcome.error());
  return platform::stop_signal() == 0 ? code : 128 + platform::stop_signal();
}

}  // namespace
}  // namespace vyre::cli

int main(int argc, char** argv) {
  return vyre::cli::main_of(argc, argv);
}

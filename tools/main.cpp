// The `vyre` command line: reads the flags, runs one command, turns its answer into an exit code.
// Single-threaded here; the runtime brings its own threads. Spec: docs/cli.md.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <new>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "vyre/platform/host_info.hpp"
#include "vyre/platform/log.hpp"

namespace vyre::cli {
namespace {

int report_error(const Shell& shell, const Error& error) {
  // A reader that went away has seen enough; nobody is left to tell.
  const bool reader_left = error.code == Errc::io && error.detail == EPIPE;
  if (!reader_left) {
    complain(shell, to_string(error));
    if (shell.json) {
      Output out;
      Status written = out.write("{\"command\": \"" + shell.name +
                                 "\", \"error\": " + error_json(error) + "}\n");
      if (written) written = out.flush();
      if (!written) complain(shell, to_string(written.error()));
    }
  }
  return exit_code(error.code);
}

/// The first argument that is neither a flag nor the value of one.
std::string first_word(const std::vector<std::string>& command) {
  for (std::size_t i = 1; i < command.size(); ++i) {
    if (command[i] == "--log-level") {
      ++i;
    } else if (command[i].substr(0, 1) != "-") {
      return command[i];
    }
  }
  return {};
}

std::string command_names(const CLI::App& app) {
  std::string names;
  for (const CLI::App* sub : app.get_subcommands(nullptr)) {
    names += (names.empty() ? "" : ", ") + sub->get_name();
  }
  return names;
}

int parse_failure(const CLI::App& app, const CLI::ParseError& error, Shell& shell) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  for (const std::string& argument : shell.command) shell.json = shell.json || argument == "--json";
  std::string message = error.what();
  if (app.get_subcommands().empty()) {
    // The parser only says that a command is missing; what stands in its place helps more.
    const std::string word = first_word(shell.command);
    if (!word.empty()) {
      message = "unknown command '" + shown(word) + "'; the commands are " + command_names(app);
    }
  }
  for (char& c : message) {
    if (c == '\n') c = ' ';
  }
  report_error(shell,
               Error{Errc::invalid_argument, message + "; see vyre --help", kNoOffset, 0, 0, 0});
  return kExitUsage;
}

Outcome guarded(const Action& action, Shell& shell) {
  try {
    return action(shell);
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory,
                "the host has no memory left for this command; give it less at once");
  } catch (const std::exception& exception) {
    return fail(Errc::internal, std::string("unexpected failure: ") + exception.what());
  }
}

int main_of(int argc, char** argv) {
  // A closed pipe shall be an error of write(), not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  Shell shell;
  shell.command.assign(argv, argv + argc);
  CLI::App app(
      "vyre: runs VIR0 programs over files, records and replays the runs, and reports on them",
      "vyre");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", platform::build_description());
  app.add_flag("--json", shell.json, "print the result as JSON on standard output");
  app.add_option("--log-level", shell.log_level,
                 "trace, debug, info, warn, error or off (standard error)");
  Action action;
  for (const auto add : {add_caps, add_asm, add_dis, add_verify, add_run, add_record, add_replay,
                         add_conformance, add_report}) {
    add(app, action);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parse_failure(app, error, shell);
  }
  shell.name = app.get_subcommands().front()->get_name();
  if (Status level = platform::set_log_level(shell.log_level); !level)
    return report_error(shell, level.error());
  const Outcome outcome = guarded(action, shell);
  return outcome ? *outcome : report_error(shell, outcome.error());
}

}  // namespace
}  // namespace vyre::cli

int main(int argc, char** argv) {
  return vyre::cli::main_of(argc, argv);
}

// The `vyre` command line: reads the flags, runs one command, turns its answer into an exit code.
// Single-threaded here; the runtime brings its own threads. Spec: docs/cli.md.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/message.hpp"
#include "commands.hpp"
#include "describe.hpp"
#include "exit_codes.hpp"
#include "library.hpp"
#include "platform/descriptor.hpp"
#include "platform/log.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

/// Before an argument that the parser would take apart: it reads "[a,b]" as two.
constexpr char kWhole{'\x01'};

std::vector<std::string> protect(const std::vector<std::string>& arguments) {
  std::vector<std::string> made;
  for (const std::string& argument : arguments) {
    const bool taken_apart = !argument.empty() && (argument[0] == '[' || argument[0] == kWhole);
    made.push_back(taken_apart ? kWhole + argument : argument);
  }
  return made;
}

/// Takes the mark off every value again, before any other check of it.
void unprotect_values(CLI::App& app) {
  const CLI::Validator plain(
      [](std::string& value) {
        if (!value.empty() && value[0] == kWhole) value.erase(0, 1);
        return std::string();
      },
      "");
  for (CLI::App* const sub : app.get_subcommands(nullptr)) {
    for (CLI::Option* const option : sub->get_options()) option->transform(plain);
  }
  for (CLI::Option* const option : app.get_options()) option->transform(plain);
}

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
    if (command[i] == "--log-level") {
      ++i;
    } else if (command[i].substr(0, 1) != "-") {
      return command[i];
    }
  }
  return {};
}

int report_error(const Shell& shell, const Error& error) {
  // A reader that went away has seen enough; no reader is left to tell.
  const bool reader_left = error.code == Errc::io && error.detail == EPIPE;
  if (!reader_left) {
    complain(shell, to_string(error));
    if (shell.json) {
      Output out;
      const std::string name = shell.name.empty() ? first_word(shell.command) : shell.name;
      const nlohmann::json command = name.empty() ? nlohmann::json() : nlohmann::json(name);
      Status written =
          out.write("{\"command\": " +
                    command.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                    ", \"error\": " + error_json(error) + "}\n");
      if (written) written = out.flush();
      if (!written) complain(shell, to_string(written.error()));
    }
  }
  return exit_code(error.code);
}

std::string command_names(const CLI::App& app) {
  std::string names;
  for (const CLI::App* sub : app.get_subcommands(nullptr)) {
    names += (names.empty() ? "" : ", ") + sub->get_name();
  }
  return names;
}

int parse_failure(const CLI::App& app, const CLI::ParseError& error, Shell& shell) {
  if (error.get_exit_code() == 0) {  // --help, --version, --describe
    std::ostringstream text;
    (void)app.exit(error, text, text);
    Output out;
    Status written = out.write(text.str());
    if (written) written = out.flush();
    return written ? kExitOk : report_error(shell, written.error());
  }
  for (const std::string& argument : shell.command) shell.json = shell.json || argument == "--json";
  std::string wrong = error.what();
  if (const auto chosen = app.get_subcommands(); !chosen.empty()) {
    shell.name = chosen.front()->get_name();
  } else {
    // The parser only says that a command is missing; what stands in its place helps more.
    const std::string word = first_word(shell.command);
    if (!word.empty()) {
      wrong = message("unknown command '{}'; the commands are {}", shown(word), command_names(app));
    }
  }
  std::replace(wrong.begin(), wrong.end(), '\n', ' ');
  wrong.erase(std::remove(wrong.begin(), wrong.end(), kWhole), wrong.end());
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
  CLI::App app(
      "vyre: runs VIR0 programs over files, records and replays the runs, and reports on them",
      "vyre");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", vyre_build());
  app.add_flag_callback("--describe", [&app] { throw CLI::CallForVersion(describe(app), 0); })
      ->group("");  // for tools/manual.py, so help does not list it
  app.add_flag("--json", shell.json, "print the result as JSON on standard output");
  app.add_option("--log-level", shell.log_level,
                 "messages of this level and above go to standard error")
      ->type_name("trace|debug|info|warn|error|off")
      ->capture_default_str();
  Action action;
  for (const auto add : {add_caps, add_asm, add_dis, add_verify, add_run, add_record, add_replay,
                         add_conformance, add_report}) {
    add(app, action);
  }
  unprotect_values(app);
  if (const std::string flag = flag_without_value(shell.command); !flag.empty()) {
    return report_error(shell, Error{Errc::invalid_argument,
                                     message("{}: the value is empty", flag), kNoOffset, 0, 0, 0});
  }
  try {
    std::vector<std::string> arguments = protect(shell.command);
    arguments.erase(arguments.begin(), arguments.begin() + std::min(argc, 1));
    std::reverse(arguments.begin(), arguments.end());  // as the parser wants them
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return parse_failure(app, error, shell);
  }
  shell.name = app.get_subcommands().front()->get_name();
  if (Status level = platform::set_log_level(shell.log_level); !level)
    return report_error(shell, level.error());
  const Outcome outcome = guarded(action, shell);
  const int code = outcome ? *outcome : report_error(shell, outcome.error());
  return platform::stop_signal() == 0 ? code : 128 + platform::stop_signal();
}

}  // namespace
}  // namespace vyre::cli

int main(int argc, char** argv) {
  return vyre::cli::main_of(argc, argv);
}

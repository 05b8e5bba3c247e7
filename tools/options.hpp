// The options of the command line, as the commands declare them. One parser reads them all, and
// options.cpp alone names it, because its header costs a file that includes it six seconds.
// Main thread. Spec: docs/cli.md.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shell.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace vyre::cli {

/// Says what is wrong with a value, or nothing (""). It may put another value in its place.
using ValueCheck = std::function<std::string(std::string& value)>;
/// Words that an argument may be beside what its type name says. Asked for by --describe only.
using Words = std::function<std::vector<std::string>()>;
using WordsOf = std::map<const CLI::Option*, Words>;

/// An option or argument that a command has declared. A copy is the same option.
class Option {
 public:
  Option(CLI::Option* parsed, WordsOf* words) : parsed_(parsed), words_(words) {}

  /// How help, manual pages and completions write the value.
  Option type_name(const std::string& name) const;
  Option required() const;
  /// Help shows the value that the variable has now.
  Option shows_default() const;
  Option check(ValueCheck check) const;
  /// No other values are taken; help lists these.
  Option one_of(const std::vector<std::string>& values) const;
  /// Of lists: a flag takes one value and not all that follow.
  Option one_value_each() const;
  Option needs(Option other) const;
  Option excludes(Option other) const;
  /// For completions; nothing is checked.
  Option may_be(Words words) const;

 private:
  CLI::Option* parsed_;
  WordsOf* words_;  // of the command line
};

/// A command, or what stands before all of them. Variables outlive the parsing. `names` is
/// "-o,--output", or "file" for an argument.
class Command {
 public:
  Command(CLI::App* parsed, Action* chosen, WordsOf* words)
      : parsed_(parsed), chosen_(chosen), words_(words) {}

  Option option(const std::string& names, std::string& value, const std::string& what) const;
  Option option(const std::string& names, std::uint32_t& value, const std::string& what) const;
  Option option(const std::string& names, std::uint64_t& value, const std::string& what) const;
  Option option(const std::string& names, std::optional<std::uint64_t>& value,
                const std::string& what) const;
  Option option(const std::string& names, double& value, const std::string& what) const;
  Option option(const std::string& names, std::vector<std::string>& values,
                const std::string& what) const;
  Option flag(const std::string& names, bool& given, const std::string& what) const;
  /// -h is an option of the command; --help alone asks for help.
  void frees_h() const;
  /// What the command does once it is chosen.
  void does(Action action) const;

 private:
  CLI::App* parsed_;
  Action* chosen_;
  WordsOf* words_;
};

/// An option for tools/manual.py, as the parser knows it.
struct OptionDescription {
  std::vector<std::string> names;
  bool positional;
  std::optional<std::string> value;  // its type name; none: a flag
  bool many;
  bool required;
  std::optional<std::string> default_value;
  std::string what;
  std::vector<std::string> words;  // that it may be, too
};

/// Options that help hides are left out.
struct CommandDescription {
  std::string name;
  std::string what;
  std::vector<OptionDescription> options;
};

/// What the arguments ask for. A command runs if there is nothing to print and nothing wrong.
struct Parsed {
  std::string command;               // empty: none was recognised
  std::optional<std::string> print;  // the answer to --help, --version or --describe
  std::optional<std::string> wrong;  // for people
};

/// All commands and their options. Each option must be declared before parse().
class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& what, const std::string& version);
  ~CommandLine();

  [[nodiscard]] Command globals();
  Command command(const std::string& name, const std::string& what);
  /// Answers --describe, which help does not list.
  void describe_by(std::function<std::string()> describe);

  /// The command line itself, then its commands.
  [[nodiscard]] std::vector<CommandDescription> described() const;
  /// `arguments`: those behind the name of the program.
  [[nodiscard]] Parsed parse(const std::vector<std::string>& arguments);
  /// Of the command that parse() recognised.
  [[nodiscard]] const Action& action() const { return action_; }

 private:
  std::unique_ptr<CLI::App> parser_;
  Action action_;
  std::unique_ptr<WordsOf> words_;
};

}  // namespace vyre::cli

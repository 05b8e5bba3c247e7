#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <utility>

namespace vyre::cli {
namespace {

/// Before an argument that the parser would take apart: it reads "[a,b]" as two.
constexpr char kWhole{'\x01'};

/// As the parser wants them: marked, the last one first.
std::vector<std::string> protect(const std::vector<std::string>& arguments) {
  std::vector<std::string> made;
  for (const std::string& argument : arguments) {
    const bool taken_apart = !argument.empty() && (argument[0] == '[' || argument[0] == kWhole);
    made.push_back(taken_apart ? kWhole + argument : argument);
  }
  std::reverse(made.begin(), made.end());
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

OptionDescription describe(const CLI::Option& option, const WordsOf& words) {
  OptionDescription made{};
  for (const std::string& name : option.get_snames()) made.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) made.names.push_back("--" + name);
  made.positional = option.get_positional();
  if (option.get_items_expected_max() > 0) {
    made.value = option.get_type_name();
    if (!option.get_default_str().empty()) made.default_value = option.get_default_str();
  }
  made.many = option.get_items_expected_max() > 1;
  made.required = option.get_required();
  made.what = option.get_description();
  if (const auto known = words.find(&option); known != words.end()) made.words = known->second();
  return made;
}

CommandDescription describe(const CLI::App& app, const WordsOf& words) {
  CommandDescription made{app.get_name(), app.get_description(), {}};
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) made.options.push_back(describe(*option, words));
  }
  return made;
}

}  // namespace

Option Option::type_name(const std::string& name) const {
  parsed_->type_name(name);
  return *this;
}

Option Option::required() const {
  parsed_->required();
  return *this;
}

Option Option::shows_default() const {
  parsed_->capture_default_str();
  return *this;
}

Option Option::check(ValueCheck check) const {
  parsed_->transform(CLI::Validator(std::move(check), ""));
  return *this;
}

Option Option::one_of(const std::vector<std::string>& values) const {
  parsed_->check(CLI::IsMember(values));
  return *this;
}

Option Option::one_value_each() const {
  parsed_->allow_extra_args(false);
  return *this;
}

Option Option::needs(Option other) const {
  parsed_->needs(other.parsed_);
  return *this;
}

Option Option::excludes(Option other) const {
  parsed_->excludes(other.parsed_);
  return *this;
}

Option Option::may_be(Words words) const {
  words_->emplace(parsed_, std::move(words));
  return *this;
}

Option Command::option(const std::string& names, std::string& value,
                       const std::string& what) const {
  return {parsed_->add_option(names, value, what), words_};
}

Option Command::option(const std::string& names, std::uint32_t& value,
                       const std::string& what) const {
  return {parsed_->add_option(names, value, what), words_};
}

Option Command::option(const std::string& names, std::uint64_t& value,
                       const std::string& what) const {
  return {parsed_->add_option(names, value, what), words_};
}

Option Command::option(const std::string& names, std::optional<std::uint64_t>& value,
                       const std::string& what) const {
  return {parsed_->add_option(names, value, what), words_};
}

Option Command::option(const std::string& names, double& value, const std::string& what) const {
  return {parsed_->add_option(names, value, what), words_};
}

Option Command::option(const std::string& names, std::vector<std::string>& values,
                       const std::string& what) const {
  return {parsed_->add_option(names, values, what), words_};
}

Option Command::flag(const std::string& names, bool& given, const std::string& what) const {
  return {parsed_->add_flag(names, given, what), words_};
}

void Command::frees_h() const {
  const std::string what = parsed_->get_help_ptr()->get_description();  // that option goes
  parsed_->set_help_flag("--help", what);
}

void Command::does(Action action) const {
  parsed_->callback([chosen = chosen_, action = std::move(action)] { *chosen = action; });
}

CommandLine::CommandLine(const std::string& name, const std::string& what,
                         const std::string& version)
    : parser_(std::make_unique<CLI::App>(what, name)), words_(std::make_unique<WordsOf>()) {
  parser_->require_subcommand(1);
  parser_->fallthrough();
  parser_->set_version_flag("--version", version);
}

CommandLine::~CommandLine() = default;

Command CommandLine::globals() {
  return {parser_.get(), &action_, words_.get()};
}

Command CommandLine::command(const std::string& name, const std::string& what) {
  return {parser_->add_subcommand(name, what), &action_, words_.get()};
}

void CommandLine::describe_by(std::function<std::string()> describe) {
  parser_
      ->add_flag_callback(
          "--describe",
          [describe = std::move(describe)] { throw CLI::CallForVersion(describe(), 0); })
      ->group("");
}

std::vector<CommandDescription> CommandLine::described() const {
  std::vector<CommandDescription> all{describe(*parser_, *words_)};
  for (const CLI::App* command : std::as_const(*parser_).get_subcommands(nullptr))
    all.push_back(describe(*command, *words_));
  return all;
}

Parsed CommandLine::parse(const std::vector<std::string>& arguments) {
  Parsed parsed;
  unprotect_values(*parser_);
  try {
    parser_->parse(protect(arguments));
    parsed.command = parser_->get_subcommands().front()->get_name();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      std::ostringstream text;
      (void)parser_->exit(error, text, text);
      parsed.print = text.str();
      return parsed;
    }
    if (const auto chosen = parser_->get_subcommands(); !chosen.empty())
      parsed.command = chosen.front()->get_name();
    std::string wrong = error.what();
    std::replace(wrong.begin(), wrong.end(), '\n', ' ');
    std::erase(wrong, kWhole);
    parsed.wrong = std::move(wrong);
  }
  return parsed;
}

}  // namespace vyre::cli

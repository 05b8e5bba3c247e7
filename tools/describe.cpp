#include "describe.hpp"

#include <sstream>

#include "base/json_writer.hpp"
#include "vyre/version.h"

namespace vyre::cli {
namespace {

/// The values that an option may take, if its type name lists them: "cpu|cuda", or what a check for
/// membership appends, "TEXT:{races}".
std::vector<std::string> choices_of(const std::string& type) {
  std::vector<std::string> choices;
  const auto open = type.find('{');
  const bool checked = open != std::string::npos && type.back() == '}';
  const char separator = checked ? ',' : '|';
  if (!checked && type.find(separator) == std::string::npos) return choices;
  std::istringstream list(checked ? type.substr(open + 1, type.size() - open - 2) : type);
  for (std::string choice; std::getline(list, choice, separator);) choices.push_back(choice);
  return choices;
}

void write_options(JsonWriter& json, const CommandDescription& command) {
  json.key("options").begin_array();
  for (const OptionDescription& option : command.options) {
    json.begin_object()
        .member("names", option.names)
        .member("positional", option.positional)
        .member("value", option.value)
        .member("choices", choices_of(option.value.value_or("")))
        .member("many", option.many)
        .member("required", option.required)
        .member("default", option.default_value)
        .member("words", option.words)
        .member("description", option.what)
        .end_object();
  }
  json.end_array();
}

}  // namespace

std::string describe(const std::vector<CommandDescription>& all) {
  const CommandDescription& whole = all.front();
  JsonWriter json(kJsonIndent);
  json.begin_object()
      .member("name", whole.name)
      .member("version", VYRE_VERSION_STRING)
      .member("description", whole.what);
  write_options(json, whole);
  json.key("commands").begin_array();
  for (std::size_t i = 1; i < all.size(); ++i) {
    json.begin_object().member("name", all[i].name).member("description", all[i].what);
    write_options(json, all[i]);
    json.end_object();
  }
  return json.end_array().end_object().text();
}

}  // namespace vyre::cli

#include "describe.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "vyre/version.h"

namespace vyre::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The values that an option may take, if its type name lists them: "cpu|cuda", or what a check for
/// membership appends, "TEXT:{races}".
Json choices_of(const std::string& type) {
  Json choices = Json::array();
  const auto open = type.find('{');
  const bool checked = open != std::string::npos && type.back() == '}';
  const char separator = checked ? ',' : '|';
  if (!checked && type.find(separator) == std::string::npos) return choices;
  std::istringstream list(checked ? type.substr(open + 1, type.size() - open - 2) : type);
  for (std::string choice; std::getline(list, choice, separator);) choices.push_back(choice);
  return choices;
}

Json option_json(const CLI::Option& option) {
  Json names = Json::array();
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  const bool takes_value = option.get_items_expected_max() > 0;
  const std::string type = takes_value ? option.get_type_name() : std::string();
  return Json{
      {"names", std::move(names)},
      {"positional", option.get_positional()},
      {"value", takes_value ? Json(type) : Json()},
      {"choices", choices_of(type)},
      {"many", option.get_items_expected_max() > 1},
      {"required", option.get_required()},
      {"default",
       takes_value && !option.get_default_str().empty() ? Json(option.get_default_str()) : Json()},
      {"description", option.get_description()}};
}

Json options_json(const CLI::App& app) {
  Json options = Json::array();
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) options.push_back(option_json(*option));
  }
  return options;
}

}  // namespace

std::string describe(const CLI::App& app) {
  Json json{{"name", app.get_name()},
            {"version", VYRE_VERSION_STRING},
            {"description", app.get_description()},
            {"options", options_json(app)},
            {"commands", Json::array()}};
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    json["commands"].push_back(Json{{"name", command->get_name()},
                                    {"description", command->get_description()},
                                    {"options", options_json(*command)}});
  }
  return json.dump(2);
}

}  // namespace vyre::cli

// vyre report: a summary of one report or of many.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "report/report.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::vector<std::string> inputs;
};

Outcome run(Shell& shell, const Options& options) {
  VYRE_TRY(check_printing(shell, options.inputs));
  std::vector<report::Document> documents;
  for (const std::string& path : options.inputs) {
    auto read = report::read_documents(path);
    if (!read) {
      if (read.error().message.find(path) == std::string::npos) {
        read.error().message = message("'{}': {}", shown(path), read.error().message);
      }
      return tl::unexpected<Error>(std::move(read).error());
    }
    for (report::Document& document : *read) documents.push_back(std::move(document));
  }
  Output out;
  const std::string summary = report::summarise(documents);
  if (shell.json) {
    nlohmann::ordered_json json{{"command", "report"}, {"summary", summary}};
    json["documents"] = nlohmann::ordered_json::array();
    for (const report::Document& document : documents) {
      json["documents"].push_back(nlohmann::ordered_json::parse(report::to_json(document, -1)));
    }
    VYRE_TRY(out.write(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
  } else {
    VYRE_TRY(out.write(summary));
    if (!summary.empty() && summary.back() != '\n') VYRE_TRY(out.write("\n"));
  }
  VYRE_TRY(out.flush());
  return kExitOk;
}

}  // namespace

void add_report(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("report", "summarise run reports");
  sub->add_option("file", options->inputs, "reports: JSON documents or JSON Lines")
      ->type_name("FILE")
      ->required();
  sub->callback(
      [options, &chosen] { chosen = [options](Shell& shell) { return run(shell, *options); }; });
}

}  // namespace vyre::cli

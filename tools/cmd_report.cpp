// vyre report: a summary of one report or of many.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "library.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::vector<std::string> inputs;
};

Outcome run(Shell& shell, const Options& options) {
  VYRE_TRY(check_printing(shell, options.inputs));
  Output out;
  if (shell.json) {
    VYRE_ASSIGN(const v0::Reports read, taken(v0::read_reports(options.inputs)));
    const nlohmann::ordered_json json{
        {"command", "report"},
        {"summary", read.summary.text()},
        {"documents", nlohmann::ordered_json::parse(read.json.text())}};
    VYRE_TRY(out.write(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
  } else {
    VYRE_ASSIGN(const v0::Blob summary, taken(v0::summarise_reports(options.inputs)));
    VYRE_TRY(out.write(summary.text()));
    if (!summary.text().empty() && summary.text().back() != '\n') VYRE_TRY(out.write("\n"));
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

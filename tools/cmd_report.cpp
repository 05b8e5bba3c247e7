// vyre report: a summary of one report or of many.
#include <memory>

#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "json_value.hpp"
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
    VYRE_ASSIGN(const JsonValue documents, parse_json(read.json.text()));
    JsonWriter json(kJsonIndent);
    json.begin_object().member("command", "report").member("summary", read.summary.text());
    documents.write(json.key("documents"));
    VYRE_TRY(out.write(json.end_object().text() + "\n"));
  } else {
    VYRE_ASSIGN(const v0::Blob summary, taken(v0::summarise_reports(options.inputs)));
    VYRE_TRY(out.write(summary.text()));
    if (!summary.text().empty() && summary.text().back() != '\n') VYRE_TRY(out.write("\n"));
  }
  VYRE_TRY(out.flush());
  return kExitOk;
}

}  // namespace

void add_report(CommandLine& line) {
  auto options = std::make_shared<Options>();
  const Command sub = line.command("report", "summarise run reports");
  sub.option("file", options->inputs, "reports: JSON documents or JSON Lines")
      .type_name("FILE")
      .required();
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli

// vyre report: a summary of one report or of many, or what derives from what in their runs.
#include <memory>

#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "json_value.hpp"
#include "library.hpp"

namespace vyre::cli {
namespace {

/// In front of the files: their lineage is asked for, and not a summary.
constexpr std::string_view kLineage{"lineage"};

struct Options {
  std::vector<std::string> inputs;
  std::string format;  // of a lineage; empty: text
};

Outcome run_lineage(Shell& shell, const Options& options) {
  const std::vector<std::string> files(options.inputs.begin() + 1, options.inputs.end());
  if (files.empty()) {
    return fail(Errc::invalid_argument,
                "'report lineage' needs a FILE; give ./lineage for a file of that name");
  }
  VYRE_TRY(check_printing(shell, files));
  const bool graph = options.format == "dot";
  VYRE_ASSIGN(const v0::Blob lineage, taken(v0::lineage_of_reports(files, graph)));
  Output out;
  if (shell.json) {
    JsonWriter json(kJsonIndent);
    json.begin_object()
        .member("command", "report")
        .member("format", graph ? "dot" : "text")
        .member("lineage", lineage.text());
    VYRE_TRY(out.write(json.end_object().text() + "\n"));
  } else {
    VYRE_TRY(out.write(lineage.text()));
  }
  VYRE_TRY(out.flush());
  return kExitOk;
}

Outcome run(Shell& shell, const Options& options) {
  if (options.inputs[0] == kLineage) return run_lineage(shell, options);
  if (!options.format.empty()) {
    return fail(Errc::invalid_argument,
                "--format is of a lineage: write 'report lineage FILE --format dot'");
  }
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
  const Command sub = line.command("report", "summarise run reports, or show their lineage");
  sub.option("file", options->inputs,
             "reports: JSON documents or JSON Lines; behind the word lineage: who contributed to "
             "what in their runs")
      .type_name("FILE")
      .required();
  sub.option("--format", options->format, "of a lineage: text (default), or dot for Graphviz")
      .one_of({"text", "dot"});
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli

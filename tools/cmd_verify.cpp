// vyre verify: decodes or assembles programs and lists every violation of the validator.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "program_file.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> inputs;
  std::string profile{"v4-0.6.3"};
};

Json to_json(const std::vector<vir::Diagnostic>& diagnostics) {
  Json rows = Json::array();
  for (const vir::Diagnostic& d : diagnostics) {
    Json row{{"code", d.code}, {"statement", nullptr}, {"message", d.message}};
    if (d.statement != vir::kNone) row["statement"] = d.statement;
    rows.push_back(std::move(row));
  }
  return rows;
}

/// The exit code for one file; fills `row` and, for people, `lines`.
int verify(const std::string& path, vir::Profile profile, Json& row, std::string& lines) {
  row["file"] = path;
  const auto unusable = [&](const Error& error) {
    row["verdict"] = "unreadable";
    row["error"] = Json::parse(error_json(error));
    lines += message("{}\n", to_string(error));
    return exit_code(error.code);
  };
  const auto file = load_program(path, profile);
  if (!file) return unusable(file.error());
  const auto prepared = vir::prepare(file->program);
  std::vector<vir::Diagnostic> diagnostics;
  if (prepared) {
    diagnostics = vir::diagnose(*prepared);
  } else {
    diagnostics.push_back(vir::diagnostic_of(prepared.error()));
  }
  row["verdict"] = diagnostics.empty() ? "accepted" : "refused";
  row["diagnostics"] = to_json(diagnostics);
  for (const vir::Diagnostic& d : diagnostics)
    lines += message("{}: {}\n", shown(path), describe(d));
  std::vector<vir::Diagnostic> warnings;
  if (diagnostics.empty()) warnings = vir::warnings_of_valid(*prepared);
  row["warnings"] = to_json(warnings);
  for (const vir::Diagnostic& w : warnings)
    lines += message("{}: warning {}\n", shown(path), describe(w));
  if (diagnostics.empty()) lines += message("{}: accepted\n", shown(path));
  return diagnostics.empty() ? kExitOk : kExitVerdict;
}

Outcome run(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const vir::Profile profile, vir::parse_profile(options.profile));
  VYRE_TRY(check_printing(shell, options.inputs));
  Json programs = Json::array();
  int worst = kExitOk;
  Output out;
  for (const std::string& path : options.inputs) {
    Json row;
    std::string lines;
    worst = std::max(worst, verify(path, profile, row, lines));
    if (shell.json) {
      programs.push_back(std::move(row));
    } else {
      VYRE_TRY(out.write(lines));
    }
  }
  if (shell.json) {
    const Json json{
        {"command", "verify"}, {"accepted", worst == kExitOk}, {"programs", std::move(programs)}};
    VYRE_TRY(out.write(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
  }
  VYRE_TRY(out.flush());
  return worst;
}

}  // namespace

void add_verify(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("verify", "check programs and list every violation");
  sub->add_option("program", options->inputs, "wire blobs or texts")
      ->type_name("PROGRAM")
      ->required();
  sub->add_option("--profile", options->profile, "the layout of wire blobs")
      ->type_name(kProfileNames)
      ->capture_default_str();
  sub->callback(
      [options, &chosen] { chosen = [options](Shell& shell) { return run(shell, *options); }; });
}

}  // namespace vyre::cli

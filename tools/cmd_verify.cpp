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

namespace vyre::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> inputs;
  std::string profile{"v4-0.6.3"};
};

/// Adds a line for each diagnostic: "FILE: V008 (statement 3): ...".
void add_lines(std::string& lines, const std::string& file, const char* kind, const Json& rows) {
  for (const Json& row : rows) {
    const std::uint32_t statement =
        row["statement"].is_null() ? vir::kNone : row["statement"].get<std::uint32_t>();
    lines += message(
        "{}: {}{}\n", file, kind,
        describe(row["code"].get<std::string>(), statement, row["message"].get<std::string>()));
  }
}

/// The exit code for one file; fills `row` and, for people, `lines`.
int verify(const std::string& path, v0::Profile profile, Json& row, std::string& lines) {
  row["file"] = path;
  const auto unusable = [&](const Error& error) {
    row["verdict"] = "unreadable";
    row["error"] = Json::parse(error_json(error));
    lines += message("{}\n", to_string(error));
    return exit_code(error.code);
  };
  const auto program = load_program(path, profile);
  if (!program) return unusable(program.error());
  const auto found = taken(program->diagnose());
  if (!found) return unusable(found.error());
  Json diagnostics = Json::parse(found->text());
  Json warnings = Json::array();
  // Of a program without violations, all are warnings.
  if (!diagnostics.empty() && diagnostics[0]["code"].get<std::string>()[0] == 'W')
    std::swap(diagnostics, warnings);
  const bool accepted = diagnostics.empty();
  add_lines(lines, shown(path), "", diagnostics);
  add_lines(lines, shown(path), "warning ", warnings);
  if (accepted) lines += message("{}: accepted\n", shown(path));
  row["verdict"] = accepted ? "accepted" : "refused";
  row["diagnostics"] = std::move(diagnostics);
  row["warnings"] = std::move(warnings);
  return accepted ? kExitOk : kExitVerdict;
}

Outcome run(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const v0::Profile profile, taken(v0::find_profile(options.profile)));
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

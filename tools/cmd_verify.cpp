// vyre verify: decodes or assembles programs and lists every violation of the validator.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "json_value.hpp"
#include "program_file.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::vector<std::string> inputs;
  std::string profile{"v4-0.6.3"};
};

/// What one file is: unreadable with an error, or refused for its diagnostics, or accepted.
struct Verdict {
  std::string file;
  std::optional<Error> error;
  JsonValue::Array diagnostics;
  JsonValue::Array warnings;

  [[nodiscard]] int exit() const {
    if (error) return exit_code(error->code);
    return diagnostics.empty() ? kExitOk : kExitVerdict;
  }
};

Result<Verdict> verify(const std::string& path, v0::Profile profile) {
  Verdict verdict{path, {}, {}, {}};
  const auto program = load_program(path, profile);
  if (!program) {
    verdict.error = program.error();
    return verdict;
  }
  const auto found = taken(program->diagnose());
  if (!found) {
    verdict.error = found.error();
    return verdict;
  }
  VYRE_ASSIGN(JsonValue rows, parse_json(found->text()));
  verdict.diagnostics = std::move(rows.elements());
  // Of a program without violations, all are warnings.
  if (!verdict.diagnostics.empty() && verdict.diagnostics[0]["code"].text()[0] == 'W')
    std::swap(verdict.diagnostics, verdict.warnings);
  return verdict;
}

/// A line for each diagnostic: "FILE: V008 (statement 3): ...".
std::string lines_of(const std::string& file, const char* kind, const JsonValue::Array& rows) {
  std::string lines;
  for (const JsonValue& row : rows) {
    const JsonValue& place = row["statement"];
    const auto statement =
        place.is_null() ? vir::kNone : static_cast<std::uint32_t>(place.number());
    lines += message("{}: {}{}\n", file, kind,
                     describe(row["code"].text(), statement, row["message"].text()));
  }
  return lines;
}

std::string for_people(const Verdict& verdict) {
  if (verdict.error) return message("{}\n", to_string(*verdict.error));
  const std::string file = shown(verdict.file);
  return lines_of(file, "", verdict.diagnostics) + lines_of(file, "warning ", verdict.warnings) +
         (verdict.diagnostics.empty() ? message("{}: accepted\n", file) : "");
}

void write(JsonWriter& json, const Verdict& verdict) {
  json.begin_object().member("file", verdict.file);
  if (verdict.error) {
    json.member("verdict", "unreadable");
    write_error(json.key("error"), *verdict.error);
  } else {
    json.member("verdict", verdict.diagnostics.empty() ? "accepted" : "refused");
    cli::write(json.key("diagnostics"), verdict.diagnostics);
    cli::write(json.key("warnings"), verdict.warnings);
  }
  json.end_object();
}

std::string json_of(const std::vector<Verdict>& verdicts, bool accepted) {
  JsonWriter json(kJsonIndent);
  json.begin_object().member("command", "verify").member("accepted", accepted);
  json.key("programs").begin_array();
  for (const Verdict& verdict : verdicts) write(json, verdict);
  return json.end_array().end_object().text();
}

Outcome run(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const v0::Profile profile, taken(v0::find_profile(options.profile)));
  VYRE_TRY(check_printing(shell, options.inputs));
  std::vector<Verdict> verdicts;  // for JSON
  int worst = kExitOk;
  Output out;
  for (const std::string& path : options.inputs) {
    VYRE_ASSIGN(Verdict verdict, verify(path, profile));
    worst = std::max(worst, verdict.exit());
    if (shell.json) {
      verdicts.push_back(std::move(verdict));
    } else {
      VYRE_TRY(out.write(for_people(verdict)));
    }
  }
  if (shell.json) VYRE_TRY(out.write(json_of(verdicts, worst == kExitOk) + "\n"));
  VYRE_TRY(out.flush());
  return worst;
}

}  // namespace

void add_verify(CommandLine& line) {
  auto options = std::make_shared<Options>();
  const Command sub = line.command("verify", "check programs and list every violation");
  sub.option("program", options->inputs, "wire blobs or texts").type_name("PROGRAM").required();
  sub.option("--profile", options->profile, "the layout of wire blobs")
      .type_name(kProfileNames)
      .shows_default();
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli

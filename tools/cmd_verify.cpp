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
#include "program_file.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::vector<std::string> inputs;
  std::string profile{"v4-0.6.3"};
  bool explain{false};
};

/// What one file is: unreadable with an error, or refused for violations, or accepted. Of a program
/// without violations, all findings are warnings.
struct Verdict {
  std::string file;
  std::optional<Error> error;
  std::vector<v0::Diagnostic> found;
  std::vector<v0::Diagnostic> reasons;  // of its class, if they were asked for

  [[nodiscard]] bool accepted() const {
    return !error && (found.empty() || found.front().is_warning());
  }
  [[nodiscard]] int exit() const {
    if (error) return exit_code(error->code);
    return accepted() ? kExitOk : kExitVerdict;
  }
};

Verdict verify(const std::string& path, v0::Profile profile, bool explain) {
  Verdict verdict{path, {}, {}, {}};
  const auto program = load_program(path, profile);
  if (!program) {
    verdict.error = program.error();
    return verdict;
  }
  auto found = taken(program->examine(v0::Timeout::forever()));
  if (found) {
    verdict.found = *std::move(found);
  } else {
    verdict.error = found.error();
  }
  if (!explain || !verdict.accepted()) return verdict;
  auto reasons = taken(program->explain(v0::Timeout::forever()));
  if (reasons) {
    verdict.reasons = *std::move(reasons);
  } else {
    verdict.error = reasons.error();
  }
  return verdict;
}

/// A line for each finding.
std::string for_people(const Verdict& verdict) {
  if (verdict.error) return message("{}\n", to_string(*verdict.error));
  const std::string file = shown(verdict.file);
  std::string lines;
  for (const v0::Diagnostic& d : verdict.found) lines += describe(verdict.file, d) + "\n";
  if (!verdict.accepted()) return lines;
  lines += message("{}: accepted\n", file);
  for (const v0::Diagnostic& reason : verdict.reasons) {
    const std::string where = reason.place ? to_string(*reason.place) : file;
    const std::string statement =
        reason.statement && !reason.place ? message(" (statement {})", *reason.statement) : "";
    lines += message("{}: class {}{}: {}\n", where, reason.code, statement, reason.message);
  }
  return lines;
}

void write(JsonWriter& json, const std::vector<v0::Diagnostic>& found) {
  json.begin_array();
  for (const v0::Diagnostic& d : found) {
    json.begin_object().member("code", d.code).key("statement");
    if (d.statement) {
      json.value(*d.statement);
    } else {
      json.value(nullptr);
    }
    json.member("message", d.message);
    if (d.place && !d.place->file.empty()) json.member("file", d.place->file);
    if (d.place) json.member("line", d.place->line).member("column", d.place->column);
    json.end_object();
  }
  json.end_array();
}

void write(JsonWriter& json, const Verdict& verdict) {
  json.begin_object().member("file", verdict.file);
  if (verdict.error) {
    json.member("verdict", "unreadable");
    write_error(json.key("error"), *verdict.error);
  } else {
    const bool accepted = verdict.accepted();
    json.member("verdict", accepted ? "accepted" : "refused");
    const std::vector<v0::Diagnostic> none;
    write(json.key("diagnostics"), accepted ? none : verdict.found);
    write(json.key("warnings"), accepted ? verdict.found : none);
    if (!verdict.reasons.empty()) {
      json.member("class", verdict.reasons.front().code);
      write(json.key("reasons"), verdict.reasons);
    }
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
    Verdict verdict = verify(path, profile, options.explain);
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
  add_profile(sub, options->profile);
  sub.flag("--explain", options->explain,
           "say of each program whether it can be compiled for a device, and why");
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli

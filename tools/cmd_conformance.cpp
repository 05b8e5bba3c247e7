// vyre conformance: runs vector files against an executor.
#include <CLI/CLI.hpp>
#include <memory>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "conformance/conformance.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::vector<std::string> inputs;
  std::string executor{"cpu"};
  std::uint64_t max_failures{1'000};
  double timeout_s{120};
};

void add_up(conformance::Summary& sum, conformance::Summary&& part, std::uint64_t max_failures) {
  sum.files += part.files;
  sum.cases += part.cases;
  sum.passed += part.passed;
  sum.errors_overruled += part.errors_overruled;
  sum.decoder_verdicts += part.decoder_verdicts;
  sum.decoder_passed += part.decoder_passed;
  sum.failed += part.failed;
  sum.stopped = part.stopped;
  for (conformance::Failure& failure : part.failures) {
    if (sum.failures.size() < max_failures) sum.failures.push_back(std::move(failure));
  }
}

Outcome run(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const conformance::Executor executor, conformance::parse_executor(options.executor));
  VYRE_TRY(check_printing(shell, options.inputs));
  conformance::Options how;
  how.executor = executor;
  how.stopped = platform::stop_asked;
  how.max_failures_kept = options.max_failures;
  how.case_timeout = std::chrono::nanoseconds(static_cast<std::int64_t>(options.timeout_s * 1e9));
  Output out;
  Status written;
  Progress progress("conformance, files");
  const auto on_failure = [&](const conformance::Failure& failure) {
    const std::string line = message("{}:{}: {}: {}", shown(failure.file), failure.line,
                                     shown(failure.name), failure.why);
    progress.clear();
    if (shell.json) {
      complain(shell, line);
    } else if (written) {
      written = out.write(message("FAIL {}\n", line));
    }
  };
  // File by file, so that a terminal sees where it is; the summary is of all.
  conformance::Summary summary;
  for (std::size_t i = 0; i < options.inputs.size() && !summary.stopped; ++i) {
    progress.update(i, options.inputs.size());
    VYRE_ASSIGN(conformance::Summary part,
                conformance::run_files({options.inputs[i]}, how, on_failure));
    add_up(summary, std::move(part), options.max_failures);
    VYRE_TRY(written);
  }
  progress.clear();
  if (!summary.stopped && summary.cases == 0 && summary.decoder_verdicts == 0 &&
      summary.failed == 0) {
    return fail(Errc::malformed,
                "the files hold no case and no verdict of the decoder, so nothing was judged");
  }
  VYRE_TRY(out.write(conformance::to_json(summary, how) + "\n"));
  VYRE_TRY(out.flush());
  if (summary.stopped) {
    complain(shell, message("{}: {} cases were judged", platform::interrupted().value().message,
                            summary.cases));
    return kExitVerdict;  // main() makes it the code of the signal
  }
  return summary.failed == 0 ? kExitOk : kExitVerdict;
}

}  // namespace

void add_conformance(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("conformance", "run vector files against an executor");
  sub->add_option("file", options->inputs,
                  "vector files: JSON Lines, plain or gzip; - is standard input")
      ->type_name("FILE")
      ->required();
  sub->add_option("--executor", options->executor, "what runs the cases")
      ->type_name("reference|cpu|cuda")
      ->capture_default_str();
  sub->add_option("--max-failures", options->max_failures, "failures spelled out in the summary")
      ->type_name("N")
      ->capture_default_str()
      ->transform(whole<std::uint64_t>());
  sub->add_option("--timeout", options->timeout_s, "seconds for one case")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(seconds());
  sub->callback(
      [options, &chosen] { chosen = [options](Shell& shell) { return run(shell, *options); }; });
}

}  // namespace vyre::cli

// vyre conformance: runs vector files against an executor.
#include <atomic>
#include <memory>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "library.hpp"
#include "platform/stop.hpp"
#include "progress.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::vector<std::string> inputs;
  std::string executor{"cpu"};
  std::uint64_t max_failures{1'000};
  double timeout_s{120};
};

/// Standard output took a line no more, so the rest need not be judged.
std::atomic<bool> output_failed{false};

bool stopped() {
  return output_failed || platform::stop_asked();
}

Outcome run(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const v0::Executor executor, executor_of(options.executor, "executor"));
  VYRE_TRY(check_printing(shell, options.inputs));
  Output out;
  Status written;
  Progress progress("conformance, files");
  v0::ConformanceOptions how;
  how.executor = executor;
  how.max_failures_kept = options.max_failures;
  how.keep_no_failures = options.max_failures == 0;
  how.case_timeout = std::chrono::nanoseconds(static_cast<std::int64_t>(options.timeout_s * 1e9));
  how.stopped = stopped;
  how.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
  how.on_failure = [&](const v0::ConformanceFailure& failure) {
    const std::string line = message("{}:{}: {}: {}", shown(failure.file), failure.line,
                                     shown(failure.name), failure.why);
    progress.clear();
    if (shell.json) {
      complain(shell, line);
    } else if (written) {
      written = out.write(message("FAIL {}\n", line));
      output_failed = !written;
    }
  };
  VYRE_ASSIGN(const v0::Conformance judged, taken(v0::conformance(options.inputs, how)));
  VYRE_TRY(written);
  progress.clear();
  const vyre_conformance_result& counts = judged.counts;
  if (counts.stopped == 0 && counts.cases == 0 && counts.decoder_verdicts == 0 &&
      counts.failed == 0) {
    return fail(Errc::malformed,
                "the files hold no case and no verdict of the decoder, so nothing was judged");
  }
  VYRE_TRY(out.write(judged.json.text()));
  VYRE_TRY(out.write("\n"));
  VYRE_TRY(out.flush());
  if (counts.stopped != 0) {
    complain(shell, message("{}: {} cases were judged", platform::interrupted().value().message,
                            counts.cases));
    return kExitVerdict;  // main() makes it the code of the signal
  }
  return counts.failed == 0 ? kExitOk : kExitVerdict;
}

}  // namespace

void add_conformance(CommandLine& line) {
  auto options = std::make_shared<Options>();
  const Command sub = line.command("conformance", "run vector files against an executor");
  sub.option("file", options->inputs,
             "vector files: JSON Lines, plain or gzip; - is standard input")
      .type_name("FILE")
      .required();
  sub.option("--executor", options->executor, "what runs the cases")
      .type_name("reference|cpu|cuda|jit")
      .shows_default();
  sub.option("--max-failures", options->max_failures, "failures spelled out in the summary")
      .type_name("N")
      .shows_default()
      .check(whole<std::uint64_t>());
  sub.option("--timeout", options->timeout_s, "seconds for one case")
      .type_name("SECONDS")
      .shows_default()
      .check(seconds());
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli

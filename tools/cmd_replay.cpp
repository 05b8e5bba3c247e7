// vyre replay: runs a recorded trace again and compares.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "platform/descriptor.hpp"
#include "platform/stop.hpp"
#include "trace/result_json.hpp"
#include "trace/trace.hpp"

namespace vyre::cli {
namespace {

using Json = nlohmann::ordered_json;
using trace::Executor;

struct Options {
  std::string directory;
  std::string executor{"cpu"};
  std::string pace{"full"};
  std::string compare{"none"};
  std::string check;  // "races", or nothing is checked beside
  std::uint32_t workers{0};
  double timeout_s{600};
  std::uint32_t ulp{128};
  bool inspect{false};
  std::string report;
};

constexpr std::array<std::pair<const char*, Executor>, 3> kExecutors{
    {{"reference", Executor::reference}, {"cpu", Executor::cpu}, {"cuda", Executor::cuda}}};

Result<Executor> executor_of(const std::string& name, const std::string& flag) {
  for (const auto& [text, value] : kExecutors) {
    if (name == text) return value;
  }
  return fail(Errc::invalid_argument,
              message("{} '{}' is unknown; use {}reference, cpu or cuda", flag, name,
                      (flag == "--compare" ? "none, expected, " : "")));
}

Result<trace::ReplayOptions> resolved(const Options& options) {
  trace::ReplayOptions how;
  VYRE_ASSIGN(how.executor, executor_of(options.executor, "--executor"));
  if (options.compare == "expected") {
    how.compare = trace::Compare::expected;
  } else if (options.compare != "none") {
    how.compare = trace::Compare::executor;
    VYRE_ASSIGN(how.other, executor_of(options.compare, "--compare"));
  }
  if (options.pace != "full" && options.pace != "recorded") {
    return fail(Errc::invalid_argument,
                message("--pace '{}' is unknown; use full or recorded", options.pace));
  }
  how.pace = options.pace == "recorded" ? trace::Pace::recorded : trace::Pace::full_speed;
  how.check_races = options.check == "races";
  if (how.check_races && how.executor != Executor::reference) {
    return fail(Errc::invalid_argument,
                "--check races watches every access, which only --executor reference can; give "
                "that too");
  }
  how.workers = options.workers;
  how.transcendental_ulp = options.ulp;
  how.stopped = platform::stop_asked;
  how.timeout = std::chrono::nanoseconds(static_cast<std::int64_t>(options.timeout_s * 1e9));
  return how;
}

Outcome inspect(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const trace::TraceInfo info, trace::inspect(options.directory, platform::stop_asked));
  Output out;
  if (shell.json) {
    const Json json{{"command", "replay"},       {"directory", options.directory},
                    {"items", info.items},       {"programs", info.programs},
                    {"buffers", info.buffers},   {"bytes", info.bytes},
                    {"complete", info.complete}, {"recorded_at", info.recorded_at}};
    VYRE_TRY(out.write(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
  } else {
    VYRE_TRY(out.write(
        message("{}: {} items, {} programs, {} buffers, {} bytes, {}, recorded at {}\n",
                shown(options.directory), info.items, info.programs, info.buffers, info.bytes,
                info.complete ? "complete" : "cut short: replays up to its last complete record",
                info.recorded_at)));
  }
  VYRE_TRY(out.flush());
  return kExitOk;
}

Outcome run(Shell& shell, const Options& options) {
  if (options.inspect) return inspect(shell, options);
  VYRE_ASSIGN(trace::ReplayOptions how, resolved(options));
  if (platform::names_standard_output(options.report)) {
    return fail(Errc::invalid_argument,
                "--report - and the result both want standard output; name a file");
  }
  VYRE_TRY(check_replay(shell, options.directory, options.report));
  Progress progress("replay, items");
  how.progress = [&progress](std::uint64_t done, std::uint64_t total) {
    progress.update(done, total);
  };
  VYRE_ASSIGN(trace::ReplayResult result, trace::replay(options.directory, how));
  progress.clear();
  const std::string stopped =
      result.stopped
          ? message("{}: {} items had ended", platform::interrupted().value().message, result.items)
          : std::string();
  if (!options.report.empty()) {
    result.document.run.command = shell.command;
    if (result.stopped) result.document.input_failures.push_back({"the replay", stopped});
    VYRE_TRY(write_output(options.report, report::to_json(result.document) + "\n"));
  }
  if (result.stopped) return fail(Errc::cancelled, stopped);
  Output out;
  if (shell.json) {
    JsonWriter json(2);
    json.begin_object()
        .member("command", "replay")
        .member("directory", options.directory)
        .member("executor", options.executor)
        .member("compare", options.compare)
        .member("items", result.items)
        .member("buffers_compared", result.buffers_compared)
        .member("bytes_compared", result.bytes_compared)
        .member("complete", result.complete)
        .key("difference");
    if (result.difference) {
      trace::write(json, *result.difference);
    } else {
      json.value(nullptr);
    }
    trace::write(json.key("racy_items"), result.racy_items);
    VYRE_TRY(out.write(json.end_object().text() + "\n"));
  } else {
    std::string text = message("{} items replayed on {}", result.items, options.executor);
    if (options.compare != "none") {
      text += message("; {} buffers ({} bytes) compared with {}", result.buffers_compared,
                      result.bytes_compared, options.compare);
    }
    if (!result.complete)
      text += "; the recording was cut short and replays up to its last complete record";
    VYRE_TRY(out.write(text + "\n"));
    if (result.difference)
      VYRE_TRY(out.write(message("DIFFERENT {}\n", result.difference->message)));
    for (const trace::RacyItem& racy : result.racy_items) {
      for (const std::string& race : racy.races) {
        VYRE_TRY(
            out.write(message("RACES item {}, {}: {}\n", racy.item, shown(racy.program), race)));
      }
    }
  }
  VYRE_TRY(out.flush());
  return result.difference || !result.racy_items.empty() ? kExitVerdict : kExitOk;
}

}  // namespace

void add_replay(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("replay", "run a recorded trace again and compare");
  sub->add_option("trace", options->directory, "the trace directory")->type_name("DIR")->required();
  const std::vector<CLI::Option*> of_a_run{
      sub->add_option("--executor", options->executor, "what runs the items again")
          ->type_name("reference|cpu|cuda")
          ->capture_default_str(),
      sub->add_option("--compare", options->compare,
                      "what outputs are compared with: nothing, the recorded bytes or an executor")
          ->type_name("none|expected|reference|cpu|cuda")
          ->capture_default_str(),
      sub->add_option("--check", options->check,
                      "races: name the items whose lanes race for memory (--executor reference)")
          ->check(CLI::IsMember({"races"})),
      sub->add_option("--pace", options->pace, "full speed, or as recorded")
          ->type_name("full|recorded")
          ->capture_default_str(),
      sub->add_option("--ulp", options->ulp,
                      "tolerance for f32 outputs of programs with transcendentals")
          ->type_name("N")
          ->capture_default_str()
          ->transform(whole<std::uint32_t>()),
      sub->add_option("--workers", options->workers, "CPU worker threads; 0 is one a logical CPU")
          ->type_name("N")
          ->capture_default_str()
          ->transform(workers()),
      sub->add_option("--timeout", options->timeout_s, "seconds for the whole replay")
          ->type_name("SECONDS")
          ->capture_default_str()
          ->check(seconds()),
      sub->add_option("--report", options->report, "write the run's report here")
          ->type_name("FILE")
          ->check(not_empty())};
  CLI::Option* const inspect =
      sub->add_flag("--inspect", options->inspect,
                    "check every record and digest without running anything: no other flag");
  for (CLI::Option* const option : of_a_run) inspect->excludes(option);
  sub->callback(
      [options, &chosen] { chosen = [options](Shell& shell) { return run(shell, *options); }; });
}

}  // namespace vyre::cli

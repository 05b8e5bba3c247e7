// vyre replay: runs a recorded trace again and compares.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "library.hpp"
#include "platform/descriptor.hpp"
#include "platform/stop.hpp"

namespace vyre::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

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

Result<v0::ReplayOptions> resolved(const Options& options) {
  v0::ReplayOptions how;
  VYRE_ASSIGN(how.executor, executor_of(options.executor, "--executor"));
  if (options.compare == "expected") {
    how.compare = v0::Compare::recorded;
  } else if (options.compare != "none") {
    how.compare = v0::Compare::executor;
    VYRE_ASSIGN(how.other, executor_of(options.compare, "--compare", "none, expected, "));
  }
  if (options.pace != "full" && options.pace != "recorded") {
    return fail(Errc::invalid_argument,
                message("--pace '{}' is unknown; use full or recorded", options.pace));
  }
  how.recorded_pace = options.pace == "recorded";
  how.check_races = options.check == "races";
  if (how.check_races && how.executor != v0::Executor::reference) {
    return fail(Errc::invalid_argument,
                "--check races watches every access, which only --executor reference can; give "
                "that too");
  }
  how.workers = options.workers;
  how.ulp = options.ulp;
  how.exact = options.ulp == 0;
  how.stopped = platform::stop_asked;
  how.timeout = std::chrono::nanoseconds(static_cast<std::int64_t>(options.timeout_s * 1e9));
  return how;
}

Outcome inspect(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const vyre_trace_info info,
              taken(v0::inspect(options.directory, platform::stop_asked)));
  const bool complete = info.complete != 0;
  Output out;
  if (shell.json) {
    const Json json{{"command", "replay"},     {"directory", options.directory},
                    {"items", info.items},     {"programs", info.programs},
                    {"buffers", info.buffers}, {"bytes", info.bytes},
                    {"complete", complete},    {"recorded_at", info.recorded_at}};
    VYRE_TRY(out.write(dump(json) + "\n"));
  } else {
    VYRE_TRY(out.write(
        message("{}: {} items, {} programs, {} buffers, {} bytes, {}, recorded at {}\n",
                shown(options.directory), info.items, info.programs, info.buffers, info.bytes,
                complete ? "complete" : "cut short: replays up to its last complete record",
                info.recorded_at)));
  }
  VYRE_TRY(out.flush());
  return kExitOk;
}

/// What a replay found, for people.
std::string for_people(const Options& options, const vyre_replay_result& counts,
                       const Json& found) {
  std::string text = message("{} items replayed on {}", counts.items, options.executor);
  if (options.compare != "none") {
    text += message("; {} buffers ({} bytes) compared with {}", counts.buffers_compared,
                    counts.bytes_compared, options.compare);
  }
  if (counts.complete == 0)
    text += "; the recording was cut short and replays up to its last complete record";
  text += "\n";
  if (counts.differs != 0)
    text += message("DIFFERENT {}\n", found["difference"]["message"].get<std::string>());
  for (const Json& racy : found["racy_items"]) {
    for (const Json& race : racy["races"]) {
      text += message("RACES item {}, {}: {}\n", racy["item"].get<std::uint64_t>(),
                      shown(racy["program"].get<std::string>()), race.get<std::string>());
    }
  }
  return text;
}

Outcome run(Shell& shell, const Options& options) {
  if (options.inspect) return inspect(shell, options);
  VYRE_ASSIGN(v0::ReplayOptions how, resolved(options));
  if (platform::names_standard_output(options.report)) {
    return fail(Errc::invalid_argument,
                "--report - and the result both want standard output; name a file");
  }
  VYRE_TRY(check_replay(shell, options.directory, options.report));
  Progress progress("replay, items");
  how.progress = [&progress](std::uint64_t done, std::uint64_t total) {
    progress.update(done, total);
  };
  VYRE_ASSIGN(const v0::Replayed replayed, taken(v0::replay(options.directory, how)));
  progress.clear();
  const vyre_replay_result& counts = replayed.counts;
  Json found = Json::parse(replayed.json.text());
  std::string stopped;
  if (counts.stopped != 0) {
    stopped =
        message("{}: {} items had ended", platform::interrupted().value().message, counts.items);
  }
  if (!options.report.empty()) {
    Json& report = found["report"];
    report["run"]["command"] = shell.command;
    if (counts.stopped != 0) {
      report["input_failures"].push_back(Json{{"what", "the replay"}, {"message", stopped}});
    }
    VYRE_TRY(write_output(options.report, dump(report) + "\n"));
  }
  if (counts.stopped != 0) return fail(Errc::cancelled, stopped);
  Output out;
  if (shell.json) {
    Json json{{"command", "replay"},
              {"directory", options.directory},
              {"executor", options.executor},
              {"compare", options.compare},
              {"items", counts.items},
              {"buffers_compared", counts.buffers_compared},
              {"bytes_compared", counts.bytes_compared},
              {"complete", counts.complete != 0},
              {"difference", std::move(found["difference"])},
              {"racy_items", std::move(found["racy_items"])}};
    if (counts.differs != 0) json["difference"].erase("status");
    VYRE_TRY(out.write(dump(json) + "\n"));
  } else {
    VYRE_TRY(out.write(for_people(options, counts, found)));
  }
  VYRE_TRY(out.flush());
  return counts.differs != 0 || counts.racy_items != 0 ? kExitVerdict : kExitOk;
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

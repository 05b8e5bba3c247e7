// vyre replay: runs a recorded trace again and compares.
#include <unistd.h>

#include <memory>
#include <utility>
#include <vector>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "json_value.hpp"
#include "library.hpp"
#include "platform/descriptor.hpp"
#include "platform/stop.hpp"
#include "progress.hpp"

namespace vyre::cli {
namespace {

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
  std::vector<std::string> labels;  // of the report, NAME=VALUE
  std::string timeline;             // a file; empty: none
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
  how.labels = options.labels;
  how.ulp = options.ulp;
  how.exact = options.ulp == 0;
  how.stopped = platform::stop_asked;
  if (!options.timeline.empty()) {
    if (how.executor == v0::Executor::reference) {
      return fail(Errc::invalid_argument,
                  "--timeline shows queues and workers, and --executor reference has none");
    }
    how.timeline_events = static_cast<std::uint32_t>(std::stoul(kTimelineOption.second));
  }
  how.timeout = std::chrono::nanoseconds(static_cast<std::int64_t>(options.timeout_s * 1e9));
  return how;
}

Outcome inspect(Shell& shell, const Options& options) {
  VYRE_ASSIGN(const vyre_trace_info info,
              taken(v0::inspect(options.directory, platform::stop_asked)));
  const bool complete = info.complete != 0;
  Output out;
  if (shell.json) {
    JsonWriter json(kJsonIndent);
    json.begin_object()
        .member("command", "replay")
        .member("directory", options.directory)
        .member("items", info.items)
        .member("programs", info.programs)
        .member("buffers", info.buffers)
        .member("bytes", info.bytes)
        .member("complete", complete)
        .member("recorded_at", info.recorded_at)
        .end_object();
    VYRE_TRY(out.write(json.text() + "\n"));
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
                       const JsonValue& found) {
  std::string text = message("{} items replayed on {}", counts.items, options.executor);
  if (options.compare != "none") {
    text += message("; {} buffers ({} bytes) compared with {}", counts.buffers_compared,
                    counts.bytes_compared, options.compare);
  }
  if (counts.complete == 0)
    text += "; the recording was cut short and replays up to its last complete record";
  text += "\n";
  if (counts.differs != 0) text += message("DIFFERENT {}\n", found["difference"]["message"].text());
  for (const JsonValue& racy : found["racy_items"].elements()) {
    for (const JsonValue& race : racy["races"].elements()) {
      text += message("RACES item {}, {}: {}\n", racy["item"].number(),
                      shown(racy["program"].text()), race.text());
    }
  }
  return text;
}

std::string json_of(const Options& options, const vyre_replay_result& counts, JsonValue& found) {
  JsonWriter json(kJsonIndent);
  json.begin_object()
      .member("command", "replay")
      .member("directory", options.directory)
      .member("executor", options.executor)
      .member("compare", options.compare)
      .member("items", counts.items)
      .member("buffers_compared", counts.buffers_compared)
      .member("bytes_compared", counts.bytes_compared)
      .member("complete", counts.complete != 0);
  if (counts.differs != 0) found["difference"].erase("status");
  found["difference"].write(json.key("difference"));
  found["racy_items"].write(json.key("racy_items"));
  return json.end_object().text();
}

/// The report of the run with what only the command knows. `stopped`: why it ended early, if it
/// did.
std::string report_of(const Shell& shell, JsonValue& report, const std::string& stopped) {
  JsonValue::Array command;
  for (const std::string& argument : shell.command) command.emplace_back(argument);
  report["run"]["command"] = JsonValue(std::move(command));
  if (!stopped.empty()) {
    report["input_failures"].elements().emplace_back(
        JsonValue::Object{{"what", JsonValue("the replay")}, {"message", JsonValue(stopped)}});
  }
  JsonWriter json(kJsonIndent);
  report.write(json);
  return std::move(json).text();
}

Outcome run(Shell& shell, const Options& options) {
  if (options.inspect) return inspect(shell, options);
  VYRE_ASSIGN(v0::ReplayOptions how, resolved(options));
  for (const auto& [flag, file] :
       {std::pair{"--report", &options.report}, {"--timeline", &options.timeline}}) {
    if (!platform::names_standard_output(*file)) continue;
    return fail(Errc::invalid_argument,
                message("{} - and the result both want standard output; name a file", flag));
  }
  VYRE_TRY(check_replay(shell, options.directory, options.report, options.timeline));
  Progress progress("replay, items");
  how.progress = [&progress](std::uint64_t done, std::uint64_t total) {
    progress.update(done, total);
  };
  VYRE_ASSIGN(const v0::Replayed replayed, taken(v0::replay(options.directory, how)));
  progress.clear();
  const vyre_replay_result& counts = replayed.counts;
  VYRE_ASSIGN(JsonValue found, parse_json(replayed.json.text()));
  std::string stopped;
  if (counts.stopped != 0) {
    stopped =
        message("{}: {} items had ended", platform::interrupted().value().message, counts.items);
  }
  if (!options.report.empty()) {
    VYRE_TRY(write_output(options.report, report_of(shell, found["report"], stopped) + "\n"));
  }
  if (!options.timeline.empty())
    VYRE_TRY(write_output(options.timeline, std::string(replayed.timeline.text()) + "\n"));
  if (counts.stopped != 0) return fail(Errc::cancelled, stopped);
  Output out;
  if (shell.json) {
    VYRE_TRY(out.write(json_of(options, counts, found) + "\n"));
  } else {
    VYRE_TRY(out.write(for_people(options, counts, found)));
  }
  VYRE_TRY(out.flush());
  return counts.differs != 0 || counts.racy_items != 0 ? kExitVerdict : kExitOk;
}

}  // namespace

void add_replay(CommandLine& line) {
  auto options = std::make_shared<Options>();
  const Command sub = line.command("replay", "run a recorded trace again and compare");
  sub.option("trace", options->directory, "the trace directory").type_name("DIR").required();
  const Option report = add_report_file(sub, options->report);
  const std::vector<Option> of_a_run{
      report,
      add_labels(sub, report, options->labels),
      add_timeline(sub, options->timeline),
      sub.option("--executor", options->executor, "what runs the items again")
          .type_name("reference|cpu|cuda|jit")
          .shows_default(),
      sub.option("--compare", options->compare,
                 "what outputs are compared with: nothing, the recorded bytes or an executor")
          .type_name("none|expected|reference|cpu|cuda|jit")
          .shows_default(),
      sub.option("--check", options->check,
                 "races: name the items whose lanes race for memory (--executor reference)")
          .one_of({"races"}),
      sub.option("--pace", options->pace, "full speed, or as recorded")
          .type_name("full|recorded")
          .shows_default(),
      sub.option("--ulp", options->ulp,
                 "tolerance for f32 outputs of programs with transcendentals")
          .type_name("N")
          .shows_default()
          .check(whole<std::uint32_t>()),
      add_workers(sub, options->workers),
      sub.option("--timeout", options->timeout_s, "seconds for the whole replay")
          .type_name("SECONDS")
          .shows_default()
          .check(seconds())};
  const Option inspect =
      sub.flag("--inspect", options->inspect,
               "check every record and digest without running anything: no other flag");
  for (const Option& option : of_a_run) inspect.excludes(option);
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli

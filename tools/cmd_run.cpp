// vyre run and vyre record: a program over files, an item each or one a chunk, all in flight within
// a memory bound. Flags and what contradicts what are here; runner.hpp does the work.
#include <algorithm>
#include <chrono>
#include <memory>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "live_report.hpp"
#include "numbers.hpp"
#include "platform/file.hpp"
#include "platform/stop.hpp"
#include "program_file.hpp"
#include "run_engine.hpp"
#include "run_inputs.hpp"
#include "runner.hpp"

namespace vyre::cli {
namespace {

/// Streams keep items at multiples of this.
constexpr std::uint64_t kChunkStep{16};
constexpr std::uint32_t kReportIndent{2};

Status check_chunks(const RunOptions& options, const RunPlan& plan) {
  const auto refused = [](const std::string& text) { return fail(Errc::invalid_argument, text); };
  if (options.chunk_bytes == 0) {
    if (options.overlap_bytes == 0 && options.align.empty()) return {};
    return refused(message("--{} is of chunks: give --chunk too",
                           !options.align.empty() ? "align" : "overlap"));
  }
  for (const auto& [flag, bytes] : {std::pair("--chunk ", options.chunk_bytes),
                                    std::pair("--overlap ", options.overlap_bytes)}) {
    if (bytes % kChunkStep == 0) continue;
    return refused(message("{}{} is no multiple of {}; {} is", flag, bytes, kChunkStep,
                           bytes / kChunkStep * kChunkStep + kChunkStep));
  }
  if (const std::uint64_t most = limit("max_chunk_bytes"); options.chunk_bytes > most) {
    return refused(
        message("--chunk {} is more than {}, the largest chunk", options.chunk_bytes, most));
  }
  if (options.overlap_bytes > options.chunk_bytes / 2) {
    return refused(message("--overlap {} is more than half of --chunk {}", options.overlap_bytes,
                           options.chunk_bytes));
  }
  if (plan.item_buffer == kNoBuffer)
    return refused("--chunk cuts files, and this program takes none");
  if (!options.align.empty() && options.overlap_bytes != 0)
    return refused("--align lines and --overlap exclude each other: lines are not cut");
  if (!options.align.empty() && plan.buffers[plan.item_buffer].element_bytes > 1) {
    return refused(message(
        "--align lines cuts between any two bytes, and buffer '{}' has elements "
        "of {}; give --chunk alone, which cuts none",
        shown(plan.buffers[plan.item_buffer].name), plan.buffers[plan.item_buffer].element_bytes));
  }
  if (!options.align.empty() && options.tier != "auto")
    return refused("--align lines cuts here what it reads, so --tier has no say; leave it away");
  if (!options.out_file.empty() && !plan.reduces_all()) {
    return refused(
        "-o takes the output of one item, --chunk makes many; use --out-dir, or --reduce to make "
        "one of them");
  }
  return {};
}

Status check_planning(const RunOptions& options) {
  if (options.lineage && !options.plan)
    return fail(Errc::invalid_argument, "--lineage is of plans: give --plan too");
  if (!options.rules.empty() && !options.lineage)
    return fail(Errc::invalid_argument, "--rule names what a lineage shows: give --lineage too");
  if (!options.plan || options.executor != "reference") return {};
  return fail(Errc::invalid_argument,
              "--plan is of sessions, and the reference executor has none; leave it away");
}

Status check_reading(const RunOptions& options) {
  const bool forced = options.tier != "auto";
  if (forced && (options.decompress || !options.follow.empty())) {
    return fail(Errc::invalid_argument,
                message("{} reads here what it is given, so --tier has no say; leave it away",
                        options.decompress ? "-z" : "--follow"));
  }
  if (options.executor == "reference" && (forced || options.ingest_bytes)) {
    return fail(Errc::invalid_argument,
                message("{} is of sessions, and the reference executor has none; leave it away",
                        forced ? "--tier" : "--ingest-memory"));
  }
  if (forced && options.ingest_bytes == 0u) {
    return fail(
        Errc::invalid_argument,
        message("--tier {} needs memory to read into, and --ingest-memory is 0", options.tier));
  }
  return {};
}

/// A built-in op has neither a grid nor statements, and a program no param.
Status check_target(const RunOptions& options, const RunTarget& target) {
  const auto refused = [](const std::string& text) { return fail(Errc::invalid_argument, text); };
  if (target.builtin == nullptr) {
    if (options.param == 0) return {};
    return refused("--param is of built-in ops; a program takes its numbers by --bind");
  }
  const std::string name = target.builtin_name();
  if (options.executor == "reference") {
    return refused(message(
        "--executor reference runs programs, and {} is a built-in op; use cpu or cuda", name));
  }
  if (options.invocations != 0)
    return refused(message("--invocations is of programs; the built-in op {} has no grid", name));
  if (options.fuel != 0)
    return refused(
        message("--fuel is of programs; the built-in op {} has no loops of its own", name));
  if (!options.rules.empty())
    return refused(
        message("--rule is of programs; the rule of the built-in op {} is its name", name));
  if (options.param == 0 || !target.builtin->info.param.empty()) return {};
  return refused(message("--param means nothing to {}; leave it away", name));
}

Status check(const RunOptions& options, const RunPlan& plan) {
  if (!options.check.empty() && options.executor != "reference") {
    return fail(
        Errc::invalid_argument,
        message(
            "--check {} watches every access, which only --executor reference can; give that too",
            options.check));
  }
  if (options.executor == "reference" && (options.jit != "off" || !options.cache_folder.empty())) {
    return fail(
        Errc::invalid_argument,
        message("{} is of devices, and --executor reference compiles nothing; leave it away",
                options.jit != "off" ? "--jit" : "--cache-dir"));
  }
  if (!options.timeline.empty() && options.executor == "reference") {
    return fail(Errc::invalid_argument,
                "--timeline shows queues and workers, and --executor reference has none");
  }
  if (!options.out_file.empty() && !options.out_directory.empty()) {
    return fail(Errc::invalid_argument, "-o and --out-dir exclude each other");
  }
  if (!options.out_file.empty() && (options.files.size() > 1 || plan.wanted.size() != 1)) {
    return fail(Errc::invalid_argument, message("-o takes one output of one file, here are {} of "
                                                "{}; use --out-dir, or --output to choose",
                                                plan.wanted.size(), options.files.size()));
  }
  bool known = false;
  for (const char* const name : {"auto", "reference", "cpu", "cuda"})
    known = known || options.executor == name;
  if (!known) {
    return fail(
        Errc::invalid_argument,
        message("--executor '{}' is unknown; use auto, reference, cpu or cuda", options.executor));
  }
  VYRE_TRY(check_chunks(options, plan));
  VYRE_TRY(check_planning(options));
  return check_reading(options);
}

/// A file whose elements no grid reaches is refused while nothing has run. Other sizes are not
/// known before their item is read.
Status check_reach(const RunOptions& options, const RunPlan& plan) {
  if (options.chunk_bytes != 0 || plan.item_buffer == kNoBuffer) return {};
  for (const std::string& file : options.files) {
    VYRE_TRY(plan.check_reach(file, regular_bytes(file), options.invocations));
  }
  return {};
}

/// Checks the program once, and warns of what it does and probably should not. A refusal is the
/// session's to tell when the program is added, but the reference executor has no session, and a
/// device that is not there must not hide it.
Status ready_to_run(const Shell& shell, const RunOptions& options, const v0::Program& program,
                    Deadline ready_by) {
  const auto found = taken(program.examine(left_until(ready_by)));
  if (platform::stop_asked()) return platform::interrupted();
  if (!found || (!found->empty() && !found->front().is_warning())) {
    const bool here = options.executor == "reference" || options.executor == "cuda";
    return here ? taken(program.verify(left_until(ready_by))) : Status{};
  }
  for (const v0::Diagnostic& w : *found) complain(shell, describe(options.program, w));
  return {};
}

/// Ends the engine and writes the report of the run, also of one that was cut short.
Status finish(Engine& engine, const Shell& shell, const RunOptions& options, LiveReport* live,
              Runner& runner) {
  if (live != nullptr) live->stop();
  const Status ended = engine.end();
  if (!options.timeline.empty()) {
    const auto timeline = engine.timeline();
    if (!timeline) return ended ? tl::unexpected<Error>(timeline.error()) : ended;
    VYRE_TRY(write_output(options.timeline, std::string(timeline->text()) + "\n"));
  }
  if (const std::string plans = engine.plans(); !plans.empty()) complain(shell, plans);
  if (options.report.empty()) return ended;
  const auto report =
      engine.report({live == nullptr ? kReportIndent : 0, shell.command, runner.take_failures(),
                     options.labels, runner.watched(), runner.take_file_totals()});
  if (!report) return ended ? tl::unexpected<Error>(report.error()) : ended;
  const std::string text(report->text());
  const Status written =
      live == nullptr ? write_output(options.report, text + "\n") : live->end(text);
  return ended ? written : ended;
}

/// When the program must be read and registered: --timeout, or a second where that is less.
Deadline ready_deadline(const RunOptions& options) {
  constexpr double kLeastSeconds{1};
  const double seconds = std::max(options.timeout_s, kLeastSeconds);
  return after(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
}

Outcome run(Shell& shell, RunOptions& options) {
  VYRE_ASSIGN(const v0::Profile profile, taken(v0::find_profile(options.profile)));
  VYRE_TRY(check_streams(shell, options));
  VYRE_ASSIGN(const bool all_found, find_inputs(shell, options));
  VYRE_TRY(check_streams(shell, options));  // a list may name standard input, too
  const Deadline ready_by = ready_deadline(options);
  VYRE_ASSIGN(RunTarget target, load_target(options.program, profile, left_until(ready_by)));
  VYRE_TRY(check_target(options, target));
  if (!options.watches.empty()) VYRE_TRY(watch_target(options, target, left_until(ready_by)));
  VYRE_ASSIGN(const RunPlan plan, make_plan(std::move(target), options));
  VYRE_TRY(check(options, plan));
  VYRE_TRY(check_paths(shell, options, plan.target.program ? &*plan.target.program : nullptr,
                       stored_paths(plan, options)));
  VYRE_TRY(check_reach(options, plan));
  if (plan.target.program) VYRE_TRY(ready_to_run(shell, options, *plan.target.program, ready_by));
  VYRE_ASSIGN(const std::unique_ptr<Engine> engine,
              options.executor == "reference" ? make_reference_engine(plan, options, ready_by)
                                              : make_session_engine(plan, options, ready_by));
  // A label that cannot be is refused before anything runs.
  if (!options.labels.empty()) VYRE_TRY(engine->report({0, {}, {}, options.labels}));
  if (!options.out_directory.empty()) VYRE_TRY(platform::make_directories(options.out_directory));
  std::unique_ptr<LiveReport> live;
  if (!options.report_every.empty()) {
    VYRE_ASSIGN(const auto every, interval_of(options.report_every));
    VYRE_ASSIGN(live, LiveReport::begin(options.report, every, [&]() -> Result<std::string> {
                  VYRE_ASSIGN(const v0::Blob report, engine->report({0, {}, {}, options.labels}));
                  return std::string(report.text());
                }));
  }
  Runner runner(shell, options, plan, *engine);
  const Status ran = runner.run();
  // A recording is sealed also when the results are read no more or a stop was asked for.
  const Status ended = finish(*engine, shell, options, live.get(), runner);
  if (platform::stop_signal() != 0) return runner.end(ran ? ended : ran);
  VYRE_TRY(ran);
  VYRE_ASSIGN(const int code, runner.end(ended));
  return code == kExitOk && !all_found ? kExitVerdict : code;
}

void add_flags(const Command& sub, RunOptions& options) {
  sub.option("program", options.program,
             "a wire blob, a .vir text, or the name of a built-in op (vyre ops)")
      .type_name("PROGRAM")
      .may_be(op_names)
      .required();
  sub.option("file", options.files,
             "files, an item each, with --chunk an item a chunk; - is standard input")
      .type_name("FILE");
  sub.flag("-r,--recursive", options.recursive, "folders stand for all files that lie in them");
  add_inputs(sub, options);
  sub.option("--item", options.item,
             "the buffer that gets a file's bytes (default: the first that needs bytes)")
      .type_name("BUFFER");
  sub.option("--bind", options.binds,
             "the same bytes in every item: of a file, or u32:1,2 i32: f32: hex: text:; @seen: how "
             "many "
             "leading bytes of the item an earlier one had, too")
      .type_name("BUFFER=SOURCE")
      .one_value_each();
  sub.option("--count", options.counts,
             "zeros, that many elements; + - * / % ( ) len(BUFFER) bytes(BUFFER)")
      .type_name("BUFFER=EXPRESSION")
      .one_value_each();
  sub.option("--trim", options.trims, "cut OUTPUT to the bytes that BUFFER's first word says")
      .type_name("OUTPUT=BUFFER")
      .one_value_each();
  sub.option("--output", options.outputs, "a returned buffer to give out (default: all)")
      .type_name("BUFFER")
      .one_value_each();
  sub.option("--reduce", options.reduces,
             "make one output of those of a file's items, and of all files: sum, min, max, or, "
             "concat, none; for one buffer or for all")
      .type_name("[BUFFER=]RULE")
      .one_value_each();
  sub.option("--format", options.format, "how outputs are shown and stored; raw: as they are")
      .type_name("auto|raw|hex|hex32|hex64|u32|i32|f32|u64|i64")
      .shows_default();
  sub.option("-o,--out", options.out_file, "a file for the one output of one item")
      .type_name("FILE")
      .check(not_empty());
  sub.option("--out-dir", options.out_directory, "a directory for the outputs, FILE.BUFFER each")
      .type_name("DIR")
      .check(not_empty());
  sub.option("--invocations", options.invocations,
             "a grid that covers this many (0: the program's own)")
      .type_name("N")
      .shows_default()
      .check(whole<std::uint32_t>());
  sub.option("--param", options.param, "the number that a built-in op takes (vyre ops)")
      .type_name("N")
      .check(whole<std::uint32_t>());
  add_workers(sub, options.workers);
  sub.option("--fuel", options.fuel,
             "loop iterations a workgroup may spend; 0 is the default bound")
      .type_name("N")
      .check(whole<std::uint64_t>());
  sub.option("--timeout", options.timeout_s,
             "seconds to wait for one item, and for the program to be ready")
      .type_name("SECONDS")
      .shows_default()
      .check(seconds());
  sub.option("--max-memory", options.max_memory_bytes, "bytes that the items in flight may hold")
      .type_name("BYTES")
      .shows_default()
      .check(bytes());
  sub.option("--chunk", options.chunk_bytes,
             "cut files into items of so many bytes, a multiple of 16 (0: a file is an item)")
      .type_name("BYTES")
      .shows_default()
      .check(bytes());
  sub.option("--overlap", options.overlap_bytes,
             "a chunk begins so many bytes before the end of the one before it")
      .type_name("BYTES")
      .shows_default()
      .check(bytes());
  sub.option("--align", options.align, "lines: chunks end where lines end").one_of({"lines"});
  sub.option("--tier", options.tier,
             "how files are read: auto, or A B C D E, which is an error where it cannot be had")
      .shows_default()
      .one_of({"auto", "A", "B", "C", "D", "E"});
  add_compiling(sub, options.jit, options.cache_folder);
  sub.option("--ingest-memory", options.ingest_bytes,
             "bytes that files stream through (default 64 MiB; 0: files do not stream)")
      .type_name("BYTES")
      .check(bytes());
  const Option watch =
      sub.option("--watch", options.watches,
                 "say on standard error when lanes get to a statement, and what one or two of its "
                 "variables hold there, as in 12:5=sum,i")
          .type_name("PLACE[=NAMES]")
          .one_value_each();
  sub.option("--watch-records", options.watch_records,
             "records of --watch that an item keeps; the further ones are counted")
      .type_name("N")
      .check(whole<std::uint32_t>())
      .needs(watch);
  sub.flag("--plan", options.plan,
           "submit items in plans, and say on standard error what the first one found");
  sub.flag("--lineage", options.lineage,
           "with --plan: the report says which files and rules contributed to what");
  sub.option("--rule", options.rules,
             "with --lineage: a rule that the program applies (default: its name)")
      .type_name("NAME")
      .one_value_each();
  const Option report = add_report_file(sub, options.report);
  add_labels(sub, report, options.labels);
  add_report_files(sub, report, options.report_files);
  add_report_every(sub, report, options.report_every);
  add_timeline(sub, options.timeline);
  add_profile(sub, options.profile);
}

}  // namespace

void add_run(CommandLine& line) {
  auto options = std::make_shared<RunOptions>();
  const Command sub = line.command("run", "run a program over files");
  add_flags(sub, *options);
  sub.option("--executor", options->executor, "what runs the items")
      .type_name("auto|reference|cpu|cuda")
      .shows_default();
  sub.option("--check", options->check,
             "races: fail items whose lanes race for memory (--executor reference)")
      .one_of({"races"});
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

void add_record(CommandLine& line) {
  auto options = std::make_shared<RunOptions>();
  const Command sub =
      line.command("record", "run a program over files and record the run as a trace");
  sub.option("--trace", options->trace_directory, "the directory of the trace, new or empty")
      .type_name("DIR")
      .required()
      .check(not_empty());
  add_flags(sub, *options);
  sub.option("--executor", options->executor, "what runs the items")
      .shows_default()
      .one_of({"auto", "cpu", "cuda"});
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli

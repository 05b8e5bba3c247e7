// vyre run and vyre record: a program over files, one item a file, all in flight within a memory
// bound.
#include <fcntl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "program_file.hpp"
#include "run_engine.hpp"
#include "run_paths.hpp"
#include "run_sink.hpp"
#include "vyre/platform/file.hpp"
#include "vyre/protocol/limits.hpp"

namespace vyre::cli {
namespace {

Status check(const RunOptions& options, const RunPlan& plan) {
  if (!options.out_file.empty() && !options.out_directory.empty()) {
    return fail(Errc::invalid_argument, "-o and --out-dir exclude each other");
  }
  if (!options.out_file.empty() && (options.files.size() > 1 || plan.wanted.size() != 1)) {
    return fail(Errc::invalid_argument, "-o takes one output of one file, here are " +
                                            std::to_string(plan.wanted.size()) + " of " +
                                            std::to_string(options.files.size()) +
                                            "; use --out-dir, or --output to choose");
  }
  for (const char* const known : {"auto", "reference", "cpu", "cuda"}) {
    if (options.executor == known) return {};
  }
  return fail(Errc::invalid_argument,
              "--executor '" + options.executor + "' is unknown; use auto, reference, cpu or cuda");
}

/// A regular file that the program only reads is mapped; everything else is read here.
Result<ItemInput> open_item(const std::string& path, bool may_map, std::uint64_t max_bytes) {
  ItemInput input;
  input.path = path;
  struct stat info {};
  if (path != "-" && ::stat(path.c_str(), &info) != 0) {
    const int error = errno;
    return tl::unexpected<Error>(Error{Errc::io,
                                       "cannot open '" + shown(path) + "': " + std::strerror(error),
                                       kNoOffset, 0, 0, error});
  }
  if (may_map && path != "-" && S_ISREG(info.st_mode) && info.st_size > 0) {
    input.mapped = true;
    input.size = static_cast<std::uint64_t>(info.st_size);
    return input;
  }
  VYRE_ASSIGN(input.bytes, read_input(path, max_bytes));
  input.size = input.bytes.size();
  return input;
}

class Runner {
 public:
  Runner(Shell& shell, const RunOptions& options, const RunPlan& plan, Engine& engine)
      : options_(options),
        plan_(plan),
        engine_(engine),
        sink_(shell, plan, options),
        progress_(shell.name + ", items") {}

  Status run() {
    VYRE_TRY(sink_.begin(engine_.executor()));
    if (plan_.item_buffer == vir::kNone) {
      VYRE_TRY(submit(nullptr));
    }
    for (const std::string& file : options_.files) VYRE_TRY(submit(&file));
    while (!waiting_.empty()) VYRE_TRY(retire());
    progress_.clear();
    return {};
  }

  /// After the engine's end, whose error belongs to the same answer.
  Outcome end(const Status& ended) {
    VYRE_TRY(sink_.end(ended ? nullptr : &ended.error()));
    if (sink_.write_failed()) return kExitSystem;
    if (!ended) return exit_code(ended.error().code);
    return sink_.failures() == 0 ? kExitOk : kExitVerdict;
  }

  std::vector<report::InputFailure> take_failures() { return std::move(input_failures_); }

 private:
  struct Waiting {
    std::string file;
    std::uint64_t bytes{0};
    std::optional<Error> failure;  // it never started
  };

  /// Items end in the order of the files, the failed ones too.
  Status give_up(const std::string& file, Error error) {
    input_failures_.push_back({file, to_string(error)});
    waiting_.push_back({file, 0, std::move(error)});
    return {};
  }

  /// Without a file: the one item of a program whose buffers all have bytes.
  Status submit(const std::string* named) {
    ItemInput input;
    const std::string file = named != nullptr ? *named : std::string();
    if (named != nullptr) {
      const bool may_map = plan_.sources[plan_.item_buffer].buffer_class == vir::BufferClass::read;
      auto opened = open_item(file, may_map, options_.max_memory_bytes);
      if (!opened) return give_up(file, std::move(opened).error());
      input = std::move(*opened);
    }
    const auto bytes = plan_.buffer_bytes(input.size);
    if (!bytes) return give_up(file, bytes.error());
    const auto [need, kept] = memory_of(input, *bytes);
    if (need > options_.max_memory_bytes - kept_bytes_) {
      std::string text = "its buffers need " + std::to_string(need) + " bytes; the bound is " +
                         std::to_string(options_.max_memory_bytes) + ", --max-memory raises it";
      if (kept_bytes_ != 0)
        text += " (the recording keeps " + std::to_string(kept_bytes_) + " until its end)";
      return give_up(file, Error{Errc::limit_exceeded, std::move(text), kNoOffset, 0, 0, 0});
    }
    while (!waiting_.empty() &&
           (need > options_.max_memory_bytes - kept_bytes_ - in_flight_bytes_ ||
            waiting_.size() >= engine_.max_in_flight())) {
      VYRE_TRY(retire());
    }
    if (Status started = engine_.start(std::move(input), *bytes); !started)
      return give_up(file, started.error());
    waiting_.push_back({file, need - kept, std::nullopt});
    in_flight_bytes_ += need - kept;
    kept_bytes_ += kept;
    return {};
  }

  struct Memory {
    std::uint64_t need{0};
    std::uint64_t kept{
        0};  // of these, beyond the item: a recording stores what items wrote at its end
  };

  /// Bytes of memory an item holds while in flight; the pages of a mapped file are the system's to
  /// drop.
  [[nodiscard]] Memory memory_of(const ItemInput& input,
                                 const std::vector<std::uint64_t>& bytes) const {
    const bool recording = !options_.trace_directory.empty();
    Memory sum;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const BufferSource& source = plan_.sources[i];
      const bool shared =
          source.kind == SourceKind::bound && source.buffer_class == vir::BufferClass::read;
      const bool mapped =
          source.kind == SourceKind::item && input.mapped && options_.executor != "reference";
      if (source.buffer_class == vir::BufferClass::workgroup || shared || mapped) continue;
      if (__builtin_add_overflow(sum.need, bytes[i], &sum.need)) return {~std::uint64_t{0}, 0};
      if (recording && vir::is_returned(source.buffer_class)) sum.kept += bytes[i];
    }
    return sum;
  }

  Status retire() {
    const Waiting oldest = std::move(waiting_.front());
    waiting_.pop_front();
    progress_.update(++ended_, options_.files.size());
    Result<std::vector<Bytes>> outputs;
    if (oldest.failure) {
      outputs = tl::unexpected<Error>(*oldest.failure);
    } else {
      outputs = engine_.finish_oldest();
      in_flight_bytes_ -= oldest.bytes;
    }
    if (!outputs) {
      progress_.clear();
      return sink_.failed(oldest.file, outputs.error());
    }
    return sink_.done(oldest.file, std::move(*outputs));
  }

  const RunOptions& options_;
  const RunPlan& plan_;
  Engine& engine_;
  Sink sink_;
  Progress progress_;
  std::deque<Waiting> waiting_;
  std::uint64_t in_flight_bytes_{0};
  std::uint64_t kept_bytes_{0};
  std::uint64_t ended_{0};
  std::vector<report::InputFailure> input_failures_;
};

/// The report of the run, or why there is none.
Status finish(Engine& engine, const Shell& shell, const RunOptions& options,
              std::vector<report::InputFailure> failures) {
  VYRE_ASSIGN(report::Document document, engine.end());
  if (options.report.empty()) return {};
  document.run.command = shell.command;
  for (report::InputFailure& failure : failures)
    document.input_failures.push_back(std::move(failure));
  return write_output(options.report, report::to_json(document) + "\n");
}

Outcome run(Shell& shell, const RunOptions& options) {
  VYRE_ASSIGN(const vir::Profile profile, vir::parse_profile(options.profile));
  VYRE_TRY(check_streams(shell, options));
  VYRE_ASSIGN(ProgramFile file, load_program(options.program, profile));
  VYRE_ASSIGN(const RunPlan plan, make_plan(std::move(file.program), options));
  VYRE_TRY(check(options, plan));
  VYRE_TRY(check_paths(options, stored_paths(plan, options)));
  if (!options.out_directory.empty()) VYRE_TRY(platform::make_directories(options.out_directory));
  VYRE_ASSIGN(const std::unique_ptr<Engine> engine, options.executor == "reference"
                                                        ? make_reference_engine(plan, options)
                                                        : make_session_engine(plan, options));
  Runner runner(shell, options, plan, *engine);
  const Status ran = runner.run();
  // A recording is sealed also when nobody reads the results any more.
  const Status ended = finish(*engine, shell, options, runner.take_failures());
  VYRE_TRY(ran);
  return runner.end(ended);
}

void add_flags(CLI::App* sub, RunOptions& options) {
  sub->add_option("program", options.program, "a wire blob or a .vir text")->required();
  sub->add_option("file", options.files, "files, one item each; - is standard input");
  sub->add_option("--item", options.item,
                  "the buffer that gets a file's bytes (default: the first that needs bytes)");
  sub->add_option(
         "--bind", options.binds,
         "BUFFER=FILE, or BUFFER=u32:1,2 i32: f32: hex: text: for the same bytes in every item")
      ->allow_extra_args(false);
  sub->add_option(
         "--count", options.counts,
         "BUFFER=EXPRESSION: zeros, that many elements; + - * / % ( ) len(BUFFER) bytes(BUFFER)")
      ->allow_extra_args(false);
  sub->add_option("--trim", options.trims,
                  "OUTPUT=BUFFER: cut OUTPUT to the bytes that BUFFER's first word says")
      ->allow_extra_args(false);
  sub->add_option("--output", options.outputs, "a returned buffer to give out (default: all)")
      ->allow_extra_args(false);
  sub->add_option("--format", options.format, "auto, raw, hex, hex32, u32, i32 or f32")
      ->capture_default_str();
  sub->add_option("-o,--out", options.out_file, "a file for the one output of one item")
      ->check(not_empty());
  sub->add_option("--out-dir", options.out_directory,
                  "a directory for the outputs, FILE.BUFFER each")
      ->check(not_empty());
  sub->add_option("--invocations", options.invocations,
                  "a grid that covers this many (0: the program's own)")
      ->capture_default_str();
  sub->add_option("--workers", options.workers, "CPU worker threads; 0 is one a logical CPU")
      ->capture_default_str();
  sub->add_option("--fuel", options.fuel,
                  "loop iterations a workgroup may spend; 0 is the default bound");
  sub->add_option("--timeout", options.timeout_s, "seconds to wait for one item")
      ->capture_default_str()
      ->check(seconds());
  sub->add_option("--max-memory", options.max_memory_bytes,
                  "bytes that the items in flight may hold")
      ->capture_default_str()
      ->transform(CLI::AsSizeValue(false));
  sub->add_option("--report", options.report, "write the run's report here")->check(not_empty());
  sub->add_option("--profile", options.profile, "v4-0.6.3, v4-0.6.4 or v6, for wire blobs")
      ->capture_default_str();
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* sub = app.add_subcommand("run", "run a program over files");
  add_flags(sub, *options);
  sub->add_option("--executor", options->executor, "auto, reference, cpu or cuda")
      ->capture_default_str();
  sub->callback(
      [options, &chosen] { chosen = [options](Shell& shell) { return run(shell, *options); }; });
}

void add_record(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* sub =
      app.add_subcommand("record", "run a program over files and record the run as a trace");
  sub->add_option("--trace", options->trace_directory, "the directory of the trace, new or empty")
      ->required()
      ->check(not_empty());
  add_flags(sub, *options);
  sub->add_option("--executor", options->executor, "auto, cpu or cuda")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  sub->callback(
      [options, &chosen] { chosen = [options](Shell& shell) { return run(shell, *options); }; });
}

}  // namespace vyre::cli

// The run over files: reads lines, has each judged, keeps the sum. See conformance.hpp.
#include "conformance/conformance.hpp"

#include "base/json_writer.hpp"
#include "platform/file.hpp"

#include "base/message.hpp"
#include "judge.hpp"
#include "line_reader.hpp"

namespace vyre::conformance {
namespace {

class Run {
 public:
  Run(const Options& options, CaseExecutor& executor,
      const std::function<void(const Failure&)>& on_failure)
      : options_(options), executor_(executor), on_failure_(on_failure) {}

  Status file(const std::string& path) {
    path_ = path;
    auto reader = LineReader::open(path);
    if (!reader) return given_up(std::move(reader).error());
    ++summary_.files;
    std::string text;
    for (;;) {
      auto more = reader->next(text);
      if (!more) return given_up(std::move(more).error());
      if (!*more) return {};
      line_ = reader->line_number();
      if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
      const auto line = parse_line(text);
      if (!line) return at_line(line.error());
      if (stopped()) return {};
      VYRE_TRY(std::visit([this](const auto& one) { return judge_line(one); }, *line));
      if (summary_.stopped) return {};
    }
  }

  Summary take() { return std::move(summary_); }
  /// Stays so.
  bool stopped() {
    summary_.stopped = summary_.stopped || (options_.stopped != nullptr && options_.stopped());
    return summary_.stopped;
  }

 private:
  /// A wait for bytes ends with an error, too, where the run is to stop.
  Status given_up(Error error) {
    if (stopped()) return {};
    return tl::unexpected<Error>(std::move(error));
  }

  Status judge_line(const ExecutionCase& c) {
    const Judgement judgement = judge(c, executor_);
    if (stopped()) return {};
    count(c.name, judgement.failure);
    summary_.errors_overruled += judgement.error_overruled ? 1 : 0;
    return {};
  }

  template <class PlannerCase>
  Status judge_line(const PlannerCase& c) {
    count(c.name, judge(c));
    return {};
  }

  Status judge_line(const DecoderCase& c) {
    for (const Mutation& mutation : c.mutations) {
      const auto blob = mutated(c.wire, mutation);
      if (!blob) return at_line(blob.error());
      ++summary_.decoder_verdicts;
      if (const auto why = judge(*blob, mutation)) {
        report(message("{}, {}", c.name, describe(mutation)), *why);
      } else {
        ++summary_.decoder_passed;
      }
    }
    return {};
  }

  void count(const std::string& name, const std::optional<std::string>& failure) {
    ++summary_.cases;
    if (failure) {
      report(name, *failure);
    } else {
      ++summary_.passed;
    }
  }

  void report(const std::string& name, const std::string& why) {
    ++summary_.failed;
    const Failure failure{path_, line_, name, why};
    if (on_failure_) on_failure_(failure);
    if (summary_.failures.size() < options_.max_failures_kept) summary_.failures.push_back(failure);
  }

  tl::unexpected<Error> at_line(Error error) const {
    error.message = message("{} line {}: {}", platform::input_name(path_), line_, error.message);
    return tl::unexpected<Error>(std::move(error));
  }

  const Options& options_;
  CaseExecutor& executor_;
  const std::function<void(const Failure&)>& on_failure_;
  std::string path_;
  std::uint64_t line_{0};
  Summary summary_;
};

}  // namespace

Result<Summary> run_files(const std::vector<std::string>& paths, const Options& options,
                          const std::function<void(const Failure&)>& on_failure) {
  VYRE_ASSIGN(const auto executor, make_executor(options));
  Run run(options, *executor, on_failure);
  for (std::size_t i = 0; i < paths.size() && !run.stopped(); ++i) {
    if (options.progress) options.progress(i, paths.size());
    VYRE_TRY(run.file(paths[i]));
  }
  Summary summary = run.take();
  executor->count_code(summary);
  return summary;
}

std::string to_json(const Summary& summary, const Options& options) {
  JsonWriter json(2);
  json.begin_object()
      .member("executor", executor_name(options.executor))
      .member("files", summary.files)
      .member("cases", summary.cases)
      .member("passed", summary.passed)
      .member("errors_overruled", summary.errors_overruled)
      .member("decoder_verdicts", summary.decoder_verdicts)
      .member("decoder_passed", summary.decoder_passed)
      .member("failed", summary.failed);
  if (options.executor == Executor::jit) {
    json.member("programs_compiled", summary.programs_compiled)
        .member("programs_interpreted", summary.programs_interpreted);
  }
  json.key("failures").begin_array();
  for (const Failure& f : summary.failures) {
    json.begin_object()
        .member("file", f.file)
        .member("line", f.line)
        .member("name", f.name)
        .member("why", f.why)
        .end_object();
  }
  json.end_array();
  if (summary.stopped) json.member("interrupted", true);
  return std::move(json.end_object()).text();
}

}  // namespace vyre::conformance

// Items on the reference executor: one after another, on the main thread.
#include <chrono>
#include <deque>
#include <optional>

#include "base/message.hpp"
#include "platform/file.hpp"
#include "platform/stop.hpp"
#include "protocol/fault_names.hpp"
#include "reference/evaluate.hpp"
#include "run_engine.hpp"
#include "shell.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cli {
namespace {

class ReferenceEngine : public Engine {
 public:
  ReferenceEngine(const RunPlan& plan, const RunOptions& options, reference::Options how)
      : plan_(plan), options_(options), how_(std::move(how)) {}

  Status start(ItemInput input, const std::vector<std::uint64_t>& buffer_bytes) override {
    std::vector<Bytes> inputs;
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      switch (plan_.sources[i].kind) {
        case SourceKind::none:
          break;
        case SourceKind::bound:
          inputs.push_back(plan_.sources[i].bound);
          break;
        case SourceKind::zeros:
          inputs.emplace_back(buffer_bytes[i]);
          break;
        case SourceKind::item:
          if (input.in_file) {
            VYRE_ASSIGN(input.bytes, platform::read_file(input.path, options_.max_memory_bytes));
          }
          inputs.push_back(std::move(input.bytes));
          break;
      }
    }
    const auto begin = Clock::now();
    how_.deadline =
        begin + std::chrono::nanoseconds(static_cast<std::int64_t>(options_.timeout_s * 1e9));
    reference::Outcome outcome = reference::evaluate(plan_.program, inputs, how_);
    if (platform::stop_signal() != 0) return platform::interrupted();
    wall_ += Clock::now() - begin;
    ++items_;
    if (auto raced = races_of(outcome)) {
      ended_.emplace_back(tl::unexpected<Error>(std::move(*raced)));
      return {};
    }
    if (outcome.verdict == reference::Verdict::done) {
      ended_.emplace_back(std::move(outcome.outputs));
      return {};
    }
    if (outcome.verdict == reference::Verdict::refused) {
      ended_.emplace_back(fail(Errc::refused, outcome.message));
      return {};
    }
    const bool faulted = outcome.verdict == reference::Verdict::faulted;
    ++(faulted ? faults_ : cancelled_);
    if (rows_.size() < kMaxReportedFaults) {
      rows_.push_back({0, items_ - 1, shown(options_.program),
                       faulted ? CompletionStatus::faulted : CompletionStatus::cancelled,
                       outcome.fault});
    }
    ended_.emplace_back(fail(faulted ? Errc::faulted : Errc::deadline_exceeded, outcome.message));
    return {};
  }

  Result<std::vector<Bytes>> finish_oldest() override {
    Result<std::vector<Bytes>> outcome = std::move(ended_.front());
    ended_.pop_front();
    return outcome;
  }

  std::size_t max_in_flight() const override { return 1; }
  FileWay file_way() const override { return FileWay::load; }
  std::string_view executor() const override { return "reference"; }

  Status end(report::Document& document) override {
    document.run = report::describe_run({});
    document.run.why_no_device = "the reference executor runs on the host";
    document.caps = MegakernelCaps::unsupported("the reference executor has no workers");
    document.report.items_processed = items_;
    document.report.published_items = items_;
    document.report.wall_time = std::chrono::duration_cast<std::chrono::nanoseconds>(wall_);
    report::OpRow row;
    row.name = options_.program;
    row.items = items_;
    row.faults = faults_;
    row.cancelled = cancelled_;
    row.executor = "reference";
    document.ops.push_back(std::move(row));
    document.faults = std::move(rows_);
    document.faults_total = faults_ + cancelled_;
    return {};
  }

 private:
  /// With --check races: why the item has no results, if it has none for that. What racing lanes
  /// leave is unspecified.
  std::optional<Error> races_of(const reference::Outcome& outcome) const {
    const reference::Races& races = outcome.races;
    if (races.none()) {
      if (!races.out_of_memory) return std::nullopt;
      return Error{Errc::limit_exceeded, reference::shadow_exceeded(), kNoOffset, 0, 0, 0};
    }
    const auto prepared = vir::prepare(plan_.program);  // it ran, so it can be
    std::string text = "its lanes race for memory, so its results are unspecified";
    for (const reference::Race& race : races.list) {
      text += message("\n  {}",
                      reference::to_string(*prepared, plan_.places, shown(options_.program), race));
    }
    std::uint64_t told = 0;
    for (const reference::Race& race : races.list) told += race.times;
    if (told != races.total) text += message("\n  and {} more at other places", races.total - told);
    if (outcome.verdict != reference::Verdict::done)
      text += message("\n  and it ended: {}", outcome.message);
    return Error{Errc::faulted, std::move(text), kNoOffset, 0, 0, 0};
  }

  const RunPlan& plan_;
  const RunOptions& options_;
  reference::Options how_;
  std::deque<Result<std::vector<Bytes>>> ended_;
  std::vector<report::FaultRow> rows_;
  std::uint64_t items_{0};
  std::uint64_t faults_{0};
  std::uint64_t cancelled_{0};
  Clock::duration wall_{0};
};

}  // namespace

Result<std::unique_ptr<Engine>> make_reference_engine(const RunPlan& plan,
                                                      const RunOptions& options) {
  reference::Options how;
  how.stopped = platform::stop_asked;
  how.validate = false;  // ready_to_run() did
  how.check_races = options.check == "races";
  if (options.fuel != 0) how.fuel = options.fuel;
  if (options.invocations != 0) {
    VYRE_ASSIGN(how.grid, vir::grid_for(plan.program, options.invocations));
  }
  return std::make_unique<ReferenceEngine>(plan, options, std::move(how));
}

}  // namespace vyre::cli

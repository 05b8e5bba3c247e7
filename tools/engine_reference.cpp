// Items on the reference executor: one after another, on the main thread.
#include <chrono>
#include <deque>

#include "platform/file.hpp"
#include "platform/stop.hpp"
#include "run_engine.hpp"
#include "shell.hpp"

namespace vyre::cli {
namespace {

class ReferenceEngine : public Engine {
 public:
  ReferenceEngine(const RunPlan& plan, const RunOptions& options, v0::Reference reference)
      : plan_(plan), options_(options), reference_(std::move(reference)) {}

  Status start(ItemInput input, const std::vector<std::uint64_t>& buffer_bytes) override {
    std::deque<Bytes> zeros;  // and numbers; they stay where they are
    std::vector<ByteSpan> inputs;
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      switch (plan_.sources[i].kind) {
        case SourceKind::none:
          break;
        case SourceKind::bound:
          inputs.emplace_back(plan_.sources[i].bound);
          break;
        case SourceKind::zeros:
          inputs.emplace_back(zeros.emplace_back(buffer_bytes[i]));
          break;
        case SourceKind::seen:
          inputs.emplace_back(zeros.emplace_back(
              seen_number(input.seen, static_cast<std::size_t>(buffer_bytes[i]))));
          break;
        case SourceKind::item:
          if (input.in_file) {
            VYRE_ASSIGN(input.bytes, platform::read_file(input.path, options_.max_memory_bytes));
          }
          inputs.emplace_back(input.bytes);
          break;
      }
    }
    const auto ran =
        taken(reference_.run(inputs, std::chrono::duration<double>(options_.timeout_s)));
    if (platform::stop_signal() != 0) return platform::interrupted();
    if (!ran) {
      ended_.emplace_back(tl::unexpected<Error>(ran.error()));
      return {};
    }
    std::vector<Bytes> outputs;
    for (const ByteSpan output : *ran) outputs.emplace_back(output.begin(), output.end());
    ended_.emplace_back(std::move(outputs));
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

  Status end() override { return {}; }
  Result<v0::Blob> report(const v0::ReportOptions& options) const override {
    return taken(reference_.report_json(options));
  }

 private:
  const RunPlan& plan_;
  const RunOptions& options_;
  v0::Reference reference_;
  std::deque<Result<std::vector<Bytes>>> ended_;
};

}  // namespace

Result<std::unique_ptr<Engine>> make_reference_engine(const RunPlan& plan,
                                                      const RunOptions& options,
                                                      Deadline ready_by) {
  v0::ReferenceOptions how;
  how.name = shown(options.program);
  how.fuel = options.fuel;
  how.param = plan.param;
  how.check_races = options.check == "races";
  VYRE_ASSIGN(v0::Reference reference,
              taken(v0::Reference::of(*plan.target.program, how, left_until(ready_by))));
  return std::make_unique<ReferenceEngine>(plan, options, std::move(reference));
}

}  // namespace vyre::cli

// Replay of a no-op trace through the CPU Session, and what recording costs. Every run checks that
// all items ended. Timed: replay() as a whole (scan of every record, session, comparison) or the
// submit-to-drained loop. VYRE_REPLAY_ITEMS sets the size (default 10 million). Page:
// docs/internals/trace.md, "Numbers".
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "trace/trace.hpp"

namespace {

namespace fs = std::filesystem;
using vyre::MegakernelWorkItem;
namespace runtime = vyre::runtime;
namespace trace = vyre::trace;

constexpr std::uint64_t kBatchItems{1'024};

std::uint64_t item_count() {
  const char* text = std::getenv("VYRE_REPLAY_ITEMS");
  return text == nullptr ? 10'000'000 : std::strtoull(text, nullptr, 10);
}

double rss_mib(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field, 0) == 0)
      return std::strtod(line.c_str() + std::string(field).size() + 1, nullptr) / 1024;
  }
  return 0;
}

runtime::SessionOptions cpu_session() {
  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cpu;
  options.workers = 1;  // with the submitting thread: two cores
  return options;
}

/// Submits `count` no-ops and waits for them; false if one did not end done.
bool run_items(runtime::Session& session, std::uint64_t count) {
  const auto deadline = vyre::after(std::chrono::minutes{5});
  const std::vector<MegakernelWorkItem> batch(kBatchItems, MegakernelWorkItem{0, 0, 0, 0});
  for (std::uint64_t left = count; left != 0;) {
    const auto n = std::min(left, kBatchItems);
    const auto sent = session.submit_many(std::span(batch).first(n), deadline);
    if (sent.stopped_by) return false;
    left -= sent.accepted;
  }
  const auto drained = session.wait_all(deadline);
  return drained && drained->ended == count && drained->not_done == 0;
}

/// A folder for traces, removed at exit.
class TraceFolder {
 public:
  TraceFolder() {
    std::string name = (fs::temp_directory_path() / "vyre-replay-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TraceFolder() { fs::remove_all(path_); }
  [[nodiscard]] std::string fresh() { return (path_ / std::to_string(next_++)).string(); }

 private:
  fs::path path_;
  int next_{0};
};

TraceFolder& folder() {
  static TraceFolder made;
  return made;
}

/// Records `count` no-ops; the directory, or "" on failure.
std::string record(std::uint64_t count, bool seal) {
  const std::string directory = folder().fresh();
  auto session = runtime::Session::open(cpu_session());
  auto recorder = trace::Recorder::create(directory);
  if (!session || !recorder || !session->observe(*recorder) || !run_items(*session, count))
    return {};
  if (seal && !(*recorder)->finish(*session, vyre::after(std::chrono::minutes{5}))) return {};
  return (*recorder)->status() ? directory : std::string{};
}

void BM_Replay_Nop(benchmark::State& state) {
  const std::uint64_t items = item_count();
  static const std::string directory = record(items, true);
  if (directory.empty()) return state.SkipWithError("recording failed");
  trace::ReplayOptions options;
  options.executor = trace::Executor::cpu;
  options.compare = state.range(0) == 0 ? trace::Compare::none : trace::Compare::expected;
  options.workers = 1;
  for (auto _ : state) {
    const auto result = trace::replay(directory, options);
    if (!result || result->items != items || result->difference || !result->complete) {
      return state.SkipWithError("the replay differs from the recording");
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(items) *
                          static_cast<std::int64_t>(state.iterations()));
  state.counters["rss_peak_mib"] = rss_mib("VmHWM:");
  state.counters["trace_mib"] =
      static_cast<double>(fs::file_size(directory + "/events.bin")) / (1024 * 1024);
}
BENCHMARK(BM_Replay_Nop)
    ->ArgName("compare")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1)
    ->Repetitions(3);

void BM_Session_Nop(benchmark::State& state) {
  const std::uint64_t items = item_count() / 5;
  const bool recording = state.range(0) == 1;
  for (auto _ : state) {
    auto session = runtime::Session::open(cpu_session());
    std::shared_ptr<trace::Recorder> recorder;
    std::string directory;
    if (recording) {
      directory = folder().fresh();
      auto made = trace::Recorder::create(directory);
      if (!made) return state.SkipWithError("no recorder");
      recorder = *made;
      if (!session->observe(recorder)) return state.SkipWithError("not observed");
    }
    if (!run_items(*session, items)) return state.SkipWithError("an item did not end done");
    state.PauseTiming();
    if (recorder && !recorder->status()) return state.SkipWithError("recording failed");
    session = vyre::fail(vyre::Errc::closed, "");
    recorder.reset();
    if (recording) fs::remove_all(directory);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(items) *
                          static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(BM_Session_Nop)
    ->ArgName("recording")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1)
    ->Repetitions(3);

}  // namespace

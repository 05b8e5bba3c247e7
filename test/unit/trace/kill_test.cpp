// A recording process that dies by SIGKILL at any moment leaves a trace that replays up to its last
// record.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "support.hpp"

namespace vyre::trace {
namespace {

using test::Folder;

/// In the child: record until killed.
[[noreturn]] void record_for_ever(const std::string& directory, std::uint64_t seed) {
  test::record_session(directory, seed, 1'000'000, false);
  ::_exit(3);
}

TEST(TraceKill, RecordingKilledAtAnyMomentReplaysToItsLastRecord) {
  std::mt19937_64 rng(42);
  std::uint64_t replayed = 0;
  for (int round = 0; round < 12; ++round) {
    const auto pause = std::chrono::microseconds{rng() % 25'000};
    SCOPED_TRACE("killed after " + std::to_string(pause.count()) + " us");
    const Folder folder;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) record_for_ever(folder / "trace", static_cast<std::uint64_t>(round));
    // Every other round the clock starts when the recording does, so that a slow machine is hit in
    // its middle too.
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (round % 2 == 1 && !std::filesystem::exists(folder / "trace/manifest.json") &&
           std::chrono::steady_clock::now() < patience) {
      std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
    std::this_thread::sleep_for(round % 2 == 1 ? pause + std::chrono::milliseconds{40} : pause);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the recording ended by itself with " << status;
    if (!std::filesystem::exists(folder / "trace/manifest.json"))
      continue;  // killed before it began
    const auto info = inspect(folder / "trace");
    ASSERT_TRUE(info) << to_string(info.error());
    EXPECT_FALSE(info->complete);
    ReplayOptions options;
    options.executor = Executor::reference;
    options.compare = Compare::expected;
    options.timeout = std::chrono::seconds{60};
    const auto result = replay(folder / "trace", options);
    ASSERT_TRUE(result) << to_string(result.error());
    EXPECT_FALSE(result->complete);
    EXPECT_FALSE(result->difference) << result->difference->message;
    EXPECT_EQ(result->items, info->items);
    replayed += result->items;
  }
  EXPECT_GT(replayed, 0u);
}

TEST(TraceKill, EveryPrefixOfAnUnsealedRecordingReplays) {
  const Folder folder;
  test::record_session(folder / "trace", 2, 10, false);
  const std::string events = test::slurp(folder / "trace/events.bin");
  ReplayOptions options;
  options.executor = Executor::reference;
  options.compare = Compare::expected;
  std::uint64_t last = 0;
  for (std::size_t cut = 0; cut <= events.size(); ++cut) {
    test::spill(folder / "trace/events.bin", events.substr(0, cut));
    const auto result = replay(folder / "trace", options);
    ASSERT_TRUE(result) << cut << ": " << to_string(result.error());
    EXPECT_FALSE(result->complete) << cut;
    EXPECT_FALSE(result->difference) << cut << ": " << result->difference->message;
    EXPECT_GE(result->items, last);
    last = result->items;
  }
  EXPECT_GT(last, 3u);
}

}  // namespace
}  // namespace vyre::trace

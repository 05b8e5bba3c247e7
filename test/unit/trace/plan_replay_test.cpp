// Planned runs, recorded: they replay on every executor, item by item, as unplanned ones do. So
// what was removed or run in one slot is compared with the reference executor, too.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "runtime/plan.hpp"
#include "support.hpp"

namespace vyre::trace {
namespace {

struct Recorded {
  std::uint64_t items{0};
  std::uint64_t deduped{0};
  std::uint64_t in_regions{0};
};

/// Six batches of items on eight buffers, planned or not.
void record(const std::string& directory, std::uint64_t seed, bool planned, Recorded& recorded) {
  std::mt19937_64 rng(seed);
  const auto below = [&](std::uint64_t bound) { return rng() % bound; };
  const auto deadline = after(std::chrono::seconds{60});
  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cpu;
  options.workers = 1;
  auto session = runtime::Session::open(options);
  ASSERT_TRUE(session) << to_string(session.error());
  const auto recorder = Recorder::create(directory, {.session = options});
  ASSERT_TRUE(recorder) << to_string(recorder.error());
  ASSERT_TRUE(session->observe(*recorder));
  const auto square = session->register_program("square", test::square_program());
  const auto add = session->register_program("add", test::add_program());
  const auto trap = session->register_program("trap", test::trap_program());
  ASSERT_TRUE(square && add && trap);
  std::vector<runtime::Handle> buffers;
  for (int b = 0; b < 8; ++b) {
    Bytes bytes(256);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(below(64));
    buffers.push_back(*session->upload(bytes));
  }
  const std::vector<runtime::Handle> pair{buffers[0], buffers[1]};
  const runtime::Handle set = *session->bind(pair);
  const auto buffer = [&] { return buffers[below(8)].id; };
  for (int batch = 0; batch < 6; ++batch) {
    std::vector<MegakernelWorkItem> items;
    for (std::uint64_t left = 5 + below(40); left != 0; --left) {
      switch (below(6)) {
        case 0:
          items.push_back({square->id, buffers[below(6)].id, buffers[below(6)].id, 0});
          break;
        case 1:
          // What it wrote before it trapped differs between executors, so no item reads it.
          items.push_back({trap->id, buffers[below(6)].id, buffers[6 + below(2)].id, 0});
          break;
        case 2:
          items.push_back({add->id, set.id, 0, 0});
          break;
        case 3:
          items.push_back({1, 0, buffer(), static_cast<std::uint32_t>(below(3))});
          break;
        default:
          items.push_back({2, buffers[below(3)].id, buffers[3 + below(3)].id, 0});
          break;
      }
    }
    recorded.items += items.size();
    if (planned) {
      const auto plan = session->plan(items, {});
      ASSERT_TRUE(plan) << to_string(plan.error());
      const auto run = session->submit(*plan, deadline);
      ASSERT_TRUE(run) << to_string(run.error());
      ASSERT_EQ(run->accepted, items.size());
      recorded.deduped += run->deduped;
    } else {
      ASSERT_EQ(session->submit_many(items, deadline).accepted, items.size());
    }
  }
  ASSERT_TRUE(session->wait_all(deadline));
  const report::Document document = session->report();
  if (document.planner)
    recorded.in_regions += document.planner->members - document.planner->regions.single;
  const auto finished = (*recorder)->finish(*session, deadline);
  ASSERT_TRUE(finished) << to_string(finished.error());
}

TEST(PlanReplay, APlannedRunReplaysOnEveryExecutorAsAnUnplannedOneDoes) {
  const char* given = std::getenv("VYRE_SEED");
  const std::uint64_t first = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  Recorded planned;
  for (std::uint64_t seed = first; seed < first + 8; ++seed) {
    SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
    const test::Folder folder;
    for (const bool plan : {false, true}) {
      SCOPED_TRACE(plan ? "planned" : "one by one");
      const std::string trace = folder / (plan ? "planned" : "plain");
      Recorded recorded;
      record(trace, seed, plan, recorded);
      if (::testing::Test::HasFatalFailure()) return;
      if (plan) {
        planned.deduped += recorded.deduped;
        planned.in_regions += recorded.in_regions;
      }
      for (const Executor executor : {Executor::cpu, Executor::reference}) {
        ReplayOptions options;
        options.executor = executor;
        options.compare = Compare::expected;
        options.workers = 1;
        options.timeout = std::chrono::seconds{60};
        const auto result = replay(trace, options);
        ASSERT_TRUE(result) << to_string(result.error());
        ASSERT_FALSE(result->difference) << result->difference->message;
        ASSERT_EQ(result->items, recorded.items);
        ASSERT_GT(result->buffers_compared, 0u);
      }
    }
  }
  EXPECT_GT(planned.deduped, 20u);
  EXPECT_GT(planned.in_regions, 100u);
}

}  // namespace
}  // namespace vyre::trace

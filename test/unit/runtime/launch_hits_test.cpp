// What decisions of the launch policy do to plans, and to buffers that hits go to.
#include <string>

#include "builtin/literals.hpp"
#include "launch_fixture.hpp"
#include "plan_fixture.hpp"
#include "runtime/stream.hpp"
#include "stream_fixture.hpp"

namespace vyre::runtime::test {
namespace {

/// How many hits each chunk had, how many were written, and the bytes that there were for them.
struct HitsOfChunks {
  std::vector<std::uint64_t> hits;
  std::vector<std::uint64_t> records;
  std::size_t bytes{0};
  std::uint32_t expected_afterwards{0};  // of an item, as the policy is asked then
};

HitsOfChunks match_with(std::uint32_t capacity) {
  HitsOfChunks found;
  const Folder folder;
  std::string text;
  for (int line = 0; line < 1'500; ++line) text += line % 3 == 0 ? "a needle\n" : "only hay\n";
  const std::string path = folder.write("hay", Bytes(text.begin(), text.end()));
  TestHooks hooks;
  hooks.decide_every = std::chrono::nanoseconds{0};
  std::mutex mutex;
  hooks.forced_launch = [&](std::uint32_t, const MegakernelLaunchRequest& request) {
    const std::lock_guard lock(mutex);
    found.expected_afterwards = request.expected_hits_per_item;
    MegakernelLaunchPlan plan = launch(Topology::DenseFrontier, Pressure::Light, 1, 1'000);
    plan.hit_capacity = capacity;
    return std::optional(plan);
  };
  SessionOptions options = test_options(1);
  options.backend = BackendKind::cpu;
  auto session = open_for_tests(options, std::move(hooks));
  EXPECT_OK(session);
  (void)session->wait_all(now());
  const Bytes needle{'n', 'e', 'e', 'd', 'l', 'e'};
  const ByteSpan pattern(needle);
  const auto blob = builtin::compile_literals(std::span{&pattern, 1});
  EXPECT_OK(blob);
  StreamOptions how;
  how.chunk_bytes = 4'096;
  how.inputs = {Handle{}, *session->upload(*blob)};
  auto stream = session->stream(std::vector{path}, OpHandle{kMatchLiterals}, how);
  EXPECT_OK(stream);
  for (;;) {
    const auto next = stream->next(soon());
    EXPECT_OK(next);
    if (!next || *next == nullptr) break;
    const ByteSpan output = (*next)->outputs.at(0);
    found.bytes = output.size();
    found.hits.push_back(load_le<std::uint64_t>(output, 0));
    found.records.push_back(load_le<std::uint64_t>(output, 8));
  }
  (void)session->wait_all(now());
  return found;
}

TEST(LaunchHits, AStreamThatNamesNoOutputHasRoomForWhatIsExpectedAndCountsAll) {
  const HitsOfChunks few = match_with(10);
  const HitsOfChunks many = match_with(5'000);
  EXPECT_EQ(few.bytes, 16u + 16 * 10);
  EXPECT_EQ(many.bytes, 16u + 16 * 5'000);
  EXPECT_EQ(few.hits, many.hits);
  EXPECT_EQ(many.records, many.hits);
  std::uint64_t sum = 0;
  for (std::size_t chunk = 0; chunk < few.hits.size(); ++chunk) {
    EXPECT_EQ(few.records[chunk], std::min<std::uint64_t>(few.hits[chunk], 10));
    sum += few.hits[chunk];
  }
  EXPECT_GE(sum + few.hits.size() - 1, 500u) << "but what lies across two chunks";
  EXPECT_LE(sum, 500u);
  for (const HitsOfChunks& found : {few, many})
    EXPECT_EQ(found.expected_afterwards, (sum + few.hits.size() - 1) / few.hits.size());
}

/// Two items that can run in one image, after the queue got a decision.
class LaunchOnPlans : public ::testing::Test {
 protected:
  void SetUp() override {
    TestHooks hooks;
    hooks.decide_every = std::chrono::nanoseconds{0};
    hooks.forced_launch = [this](std::uint32_t, const MegakernelLaunchRequest&) {
      const std::lock_guard lock(mutex_);
      return std::optional(decided_);
    };
    SessionOptions options = test_options(1);
    options.backend = BackendKind::cpu;
    auto opened = open_for_tests(options, std::move(hooks));
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
    const auto program = vir::assemble(
        "workgroup 4, 1, 1;\nbuffer a: u32[] read_only;\n"
        "buffer y: u32[4] read_write output live_out;\n"
        "region \"step\" { y[gid.x] = a[gid.x] * 2 + 1; }\n");
    ASSERT_OK(program);
    const auto op = session_->register_program("step", *program);
    ASSERT_OK(op);
    std::vector<Handle> on;
    on.push_back(*session_->upload(words({1, 2, 3, 4})));
    for (int b = 0; b < 3; ++b) on.push_back(*session_->allocate(16));
    pair_ = {{op->id, on[0].id, on[1].id, 0}, {op->id, on[1].id, on[2].id, 0}};
    triple_ = pair_;
    triple_.push_back({op->id, on[2].id, on[3].id, 0});
    last_ = on[3];
  }
  void decide(Topology topology) {
    {
      const std::lock_guard lock(mutex_);
      decided_ = launch(topology, Pressure::Light, 1, 1'000);
    }
    (void)session_->wait_all(now());
  }
  /// "lanes" or "chain"
  std::string form(const std::vector<MegakernelWorkItem>& items) {
    const auto plan = session_->plan(items, {.dedupe = false});
    EXPECT_OK(plan);
    EXPECT_OK(session_->submit(*plan, soon()));
    EXPECT_OK(session_->wait_all(soon()));
    const std::string text = plan->describe();
    EXPECT_EQ(text.find("1 lanes") == std::string::npos, text.find("memory") != std::string::npos)
        << text;
    return text.find("1 lanes") != std::string::npos ? "lanes" : "chain";
  }

  std::mutex mutex_;
  MegakernelLaunchPlan decided_{launch(Topology::DenseFrontier, Pressure::Light, 1, 1'000)};
  std::optional<Session> session_;
  std::vector<MegakernelWorkItem> pair_;
  std::vector<MegakernelWorkItem> triple_;
  Handle last_;
};

TEST_F(LaunchOnPlans, NoNewImageIsMadeWhileMemoryIsShortAndThoseThatAreKeptRun) {
  EXPECT_EQ(form(pair_), "lanes");
  decide(Topology::MemoryConstrained);
  EXPECT_EQ(form(triple_), "chain");
  EXPECT_EQ(*session_->download(last_, soon()), words({15, 23, 31, 39}));
  EXPECT_EQ(form(pair_), "lanes");
  decide(Topology::DenseFrontier);
  EXPECT_EQ(form(triple_), "lanes");
  EXPECT_EQ(*session_->download(last_, soon()), words({15, 23, 31, 39}));
  const auto document = session_->report();
  ASSERT_EQ(document.planner->refused.size(), 1u);
  EXPECT_EQ(document.planner->refused[0].rule, "memory");
}

TEST(LaunchHits, ABufferForHitsHasTheCapacityOfTheLastDecision) {
  TestHooks hooks;
  hooks.decide_every = std::chrono::nanoseconds{0};
  hooks.forced_launch = [](std::uint32_t, const MegakernelLaunchRequest&) {
    MegakernelLaunchPlan plan = launch(Topology::DenseFrontier, Pressure::Light, 1, 1'000);
    plan.hit_capacity = 7'000;
    return std::optional(plan);
  };
  SessionOptions options = test_options(1);
  options.backend = BackendKind::cpu;
  auto session = open_for_tests(options, std::move(hooks));
  ASSERT_OK(session);
  EXPECT_EQ(*session->buffer_bytes(*session->allocate_hits()), 16u + 16 * 1'024);
  (void)session->wait_all(now());
  EXPECT_EQ(*session->buffer_bytes(*session->allocate_hits()), 16u + 16 * 7'000);
}

}  // namespace
}  // namespace vyre::runtime::test

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
    SessionOptions options = test_options(1);
    options.backend = BackendKind::cpu;
    auto opened = open_for_tests(options, forced_.hooks());
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
    forced_.set(*session_, launch(topology, Pressure::Light, 1, 1'000));
  }
  /// Made now; what its regions are may depend on what items cost so far.
  Plan plan(const std::vector<MegakernelWorkItem>& items) {
    auto made = session_->plan(items, {.dedupe = false});
    EXPECT_OK(made);
    return std::move(*made);
  }
  static bool says(const Plan& plan, const char* text) {
    return plan.describe().find(text) != std::string::npos;
  }
  void run(const Plan& plan) {
    EXPECT_OK(session_->submit(plan, soon()));
    const auto drained = session_->wait_all(soon());
    ASSERT_OK(drained);
    EXPECT_EQ(drained->not_done, 0u);
  }

  ForcedLaunch forced_;
  std::optional<Session> session_;
  std::vector<MegakernelWorkItem> pair_;
  std::vector<MegakernelWorkItem> triple_;
  Handle last_;
};

TEST_F(LaunchOnPlans, NoNewImageIsMadeWhileMemoryIsShortAndThoseThatAreKeptRun) {
  EXPECT_TRUE(says(plan(pair_), "1 lanes"));
  decide(Topology::MemoryConstrained);
  EXPECT_TRUE(says(plan(pair_), "1 lanes"));
  const Plan chain = plan(triple_);
  EXPECT_TRUE(says(chain, "1 chain 0 lanes")) << chain.describe();
  EXPECT_TRUE(says(chain, "no lanes: memory")) << chain.describe();
  decide(Topology::DenseFrontier);
  const Plan image = plan(triple_);
  EXPECT_TRUE(says(image, "1 lanes")) << image.describe();
  for (const Plan* const one : {&chain, &image}) {
    ASSERT_OK(session_->write(last_, 0, words({0, 0, 0, 0}), soon()));
    run(*one);
    EXPECT_EQ(*session_->download(last_, soon()), words({15, 23, 31, 39}));
  }
  const auto document = session_->report();
  ASSERT_EQ(document.planner->refused.size(), 1u);
  EXPECT_EQ(document.planner->refused[0].rule, "memory");
}

TEST_F(LaunchOnPlans, AnImageComesBeforeAChainForAQueueThatIsFusedDense) {
  const auto op = [&](const char* name, const std::string& value, const char* inputs) {
    const auto program = vir::assemble("workgroup 4, 1, 1;\n" + std::string(inputs) +
                                       "buffer y: u32[4] read_write output live_out;\n"
                                       "region \"r\" { y[gid.x] = " +
                                       value + "; }\n");
    EXPECT_OK(program);
    return session_->register_program(name, *program)->id;
  };
  constexpr const char* kTwo{"buffer a: u32[] read_only;\nbuffer b: u32[] read_only;\n"};
  const std::uint32_t both = op("both", "a[gid.x] + b[gid.x]", kTwo);
  const std::uint32_t neighbour = op("neighbour", "a[3 - gid.x] + b[gid.x]", kTwo);
  const std::uint32_t step = pair_[0].op_handle;
  std::vector<Handle> on;
  for (std::uint32_t b = 0; b < 8; ++b)
    on.push_back(*session_->upload(words({b, b + 1, b + 2, b + 3})));
  const auto set = [&](std::size_t a, std::size_t b) {
    return session_->bind(std::array{on[a], on[b]})->id;
  };
  // Two that share an input; a copy; one behind the image, in none with it; and one that follows
  // the copy and shares an input with the one before.
  const std::vector<MegakernelWorkItem> items{{step, on[0].id, on[1].id, 0},
                                              {step, on[0].id, on[2].id, 0},
                                              {kCopy, on[6].id, on[4].id, 0},
                                              {neighbour, set(1, 7), on[3].id, 0},
                                              {both, set(4, 7), on[5].id, 0}};
  const Plan chains = plan(items);
  EXPECT_TRUE(says(chains, "1 chain 1 lanes")) << chains.describe();
  decide(Topology::FusedDense);
  const Plan images = plan(items);
  EXPECT_TRUE(says(images, "0 chain 2 lanes")) << images.describe();
  for (const Plan* const one : {&chains, &images}) {
    for (const std::size_t b : {1u, 2u, 3u, 4u, 5u})
      ASSERT_OK(session_->write(on[b], 0, words({0, 0, 0, 0}), soon()));
    run(*one);
    EXPECT_EQ(*session_->download(on[3], soon()), words({7 + 7, 5 + 8, 3 + 9, 1 + 10}));
    EXPECT_EQ(*session_->download(on[5], soon()), words({6 + 7, 7 + 8, 8 + 9, 9 + 10}));
  }
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

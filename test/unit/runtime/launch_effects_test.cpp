// What decisions of the launch policy do to real CPU workers, streams and windows, and that no
// result depends on them.
#include <set>
#include <string>
#include <thread>

#include "launch_fixture.hpp"
#include "plan_fixture.hpp"
#include "runtime/stream.hpp"
#include "stream_fixture.hpp"

namespace vyre::runtime::test {
namespace {

/// Stops workers before every item while it is shut, and counts those that stand before it.
class WorkerGate {
 public:
  bool pass(std::uint32_t worker) {
    std::unique_lock lock(mutex_);
    seen_.insert(worker);
    most_ = std::max(most_, ++standing_);
    changed_.notify_all();
    (void)changed_.wait_for(lock, std::chrono::seconds{30}, [this] { return !shut_; });
    --standing_;
    return false;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    shut_ = false;
    changed_.notify_all();
  }
  bool await_standing(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{30}, [&] { return standing_ >= count; });
  }
  std::set<std::uint32_t> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::size_t most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool shut_{true};
  std::size_t standing_{0};
  std::size_t most_{0};
  std::set<std::uint32_t> seen_;
};

/// Four workers, and ops of which a worker takes one item at a time, because none ran yet.
class LaunchOnWorkers : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kItems{8};
  /// nullopt: the policy decides.
  void open(const std::optional<MegakernelLaunchPlan>& decided) {
    TestHooks hooks;
    hooks.decide_every = std::chrono::nanoseconds{0};
    hooks.worker_dies = [this](std::uint32_t worker, std::uint64_t) { return gate.pass(worker); };
    hooks.forced_launch = [decided](std::uint32_t, const MegakernelLaunchRequest&) {
      return decided;
    };
    SessionOptions options = test_options(4);
    options.backend = BackendKind::cpu;
    auto opened = open_for_tests(options, std::move(hooks));
    ASSERT_OK(opened);
    session.emplace(std::move(*opened));
    for (std::uint32_t i = 0; i < kItems; ++i) {
      const auto program = vir::assemble(program_of_words(i + 1));
      ASSERT_OK(program);
      const auto op = session->register_program("op" + std::to_string(i), *program);
      ASSERT_OK(op);
      items.push_back({op->id, 0, session->allocate(4 * (i + 1))->id, 0});
    }
  }
  void TearDown() override { gate.open(); }
  WorkerGate gate;
  std::optional<Session> session;
  std::vector<MegakernelWorkItem> items;
};

TEST_F(LaunchOnWorkers, AsManyWorkersLookForWorkAsWasDecided) {
  open(launch(Topology::MemoryConstrained, Pressure::Light, 2, 1'000));
  (void)session->wait_all(now());  // decides
  ASSERT_EQ(session->submit_many(items, soon()).accepted, items.size());
  EXPECT_TRUE(gate.await_standing(2));
  gate.open();
  ASSERT_OK(session->wait_all(soon()));
  EXPECT_EQ(gate.seen(), (std::set<std::uint32_t>{0, 1}));
}

TEST_F(LaunchOnWorkers, AllOfThemWithoutALimit) {
  open(launch(Topology::DenseFrontier, Pressure::Light, 4, 1'000));
  (void)session->wait_all(now());
  ASSERT_EQ(session->submit_many(items, soon()).accepted, items.size());
  EXPECT_TRUE(gate.await_standing(4));
  gate.open();
  ASSERT_OK(session->wait_all(soon()));
}

TEST_F(LaunchOnWorkers, APlansItemsKeepToTheWindow) {
  open(launch(Topology::DenseFrontier, Pressure::Light, 4, 2));
  const auto plan = session->plan(items, {.fuse = false});
  ASSERT_OK(plan);
  const auto run = session->submit(*plan, soon());
  ASSERT_OK(run);
  ASSERT_EQ(run->accepted, items.size());
  EXPECT_TRUE(gate.await_standing(2));
  gate.open();
  ASSERT_OK(session->wait_all(soon()));
  EXPECT_EQ(gate.most(), 2u);
}

TEST_F(LaunchOnWorkers, TheReportShowsHowManyWereBusy) {
  open(launch(Topology::DenseFrontier, Pressure::Light, 4, 1'000));
  ASSERT_EQ(session->submit_many(std::span(items).first(3), soon()).accepted, 3u);
  ASSERT_TRUE(gate.await_standing(3));
  for (int look = 0; look < 5; ++look) (void)session->wait_all(now());
  EXPECT_EQ(session->report().report.telemetry.occupancy_proxy_bps, 7'500) << "three of four";
  gate.open();
  ASSERT_OK(session->wait_all(soon()));
}

TEST_F(LaunchOnWorkers, WhatIsMeasuredOfThemIsReported) {
  open(std::nullopt);
  ASSERT_EQ(session->submit_many(items, soon()).accepted, items.size());
  ASSERT_TRUE(gate.await_standing(4));
  (void)session->wait_all(now());
  const MegakernelTelemetry t = session->report().report.telemetry;
  EXPECT_EQ(t.frontier_density_bps, 5'000) << "four of eight items have a worker";
  EXPECT_EQ(t.topology, Topology::DenseFrontier);
  EXPECT_EQ(t.pressure, Pressure::Balanced);
  EXPECT_EQ(t.hit_capacity, 1'024u);
  EXPECT_FALSE(t.execution_mode.has_value()) << "no program has ended";
  gate.open();
  ASSERT_OK(session->wait_all(soon()));
  EXPECT_EQ(session->report().report.telemetry.execution_mode, ExecutionMode::Interpreter);
}

/// Chunks in flight of a stream whose items stand still.
class LaunchOnStreams : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kChunk{4'096};
  void SetUp() override {
    path_ = folder_.write("file", Bytes(32 * kChunk, 'x'));
    TestHooks hooks = forced_.hooks();
    hooks.worker_dies = [this](std::uint32_t worker, std::uint64_t) { return gate_.pass(worker); };
    SessionOptions options = test_options(1);
    options.backend = BackendKind::cpu;
    auto opened = open_for_tests(options, std::move(hooks));
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
  }
  void TearDown() override {
    gate_.open();
    stream_.reset();
  }
  void decide(const MegakernelLaunchPlan& decided) { forced_.set(*session_, decided); }
  void open_stream() {
    StreamOptions options;
    options.chunk_bytes = kChunk;
    options.max_in_flight = 8;
    options.outputs = {{4, {}}};
    const auto op = session_->find_op("hash.crc32c");
    ASSERT_OK(op);
    auto stream = session_->stream(std::vector{path_}, *op, options);
    ASSERT_OK(stream);
    stream_.emplace(std::move(*stream));
  }
  /// How many chunks are read while no result comes, after it has stayed so for a while.
  std::uint64_t chunks_read(std::uint64_t expected) {
    const Deadline until = soon();
    while (stream_->progress().chunks_read < expected && Clock::now() < until) look();
    for (int more = 0; more < 5; ++more) look();
    return stream_->progress().chunks_read;
  }
  void look() {
    EXPECT_EQ(stream_->next(after(std::chrono::milliseconds{5})).error().code,
              Errc::deadline_exceeded);
  }
  /// The rest, and every byte of it.
  void finish() {
    gate_.open();
    std::uint64_t bytes = 0;
    for (;;) {
      const auto next = stream_->next(soon());
      ASSERT_OK(next);
      if (*next == nullptr) break;
      EXPECT_EQ((*next)->status, CompletionStatus::done);
      bytes += (*next)->chunk.bytes;
    }
    EXPECT_EQ(bytes, 32 * kChunk);
  }

  Folder folder_;
  std::string path_;
  WorkerGate gate_;
  ForcedLaunch forced_;
  std::optional<Session> session_;
  std::optional<Stream> stream_;
};

TEST_F(LaunchOnStreams, HalfOfTheChunksAreInFlightWhereMemoryIsShort) {
  decide(launch(Topology::MemoryConstrained, Pressure::Light, 1, 1'000));
  open_stream();
  EXPECT_EQ(chunks_read(4), 4u);
  decide(launch(Topology::DenseFrontier, Pressure::Light, 1, 1'000));
  EXPECT_EQ(chunks_read(8), 8u);
  finish();
}

TEST_F(LaunchOnStreams, NoMoreChunksAreReadAheadThanThereAreWhileTheQueueIsSaturated) {
  decide(launch(Topology::DenseFrontier, Pressure::Saturated, 1, 1'000));
  open_stream();
  EXPECT_EQ(chunks_read(1), 1u);
  decide(launch(Topology::DenseFrontier, Pressure::Light, 1, 1'000));
  EXPECT_EQ(chunks_read(8), 8u);
  decide(launch(Topology::DenseFrontier, Pressure::Saturated, 1, 1'000));
  finish();
}

/// Bytes, tickets' results and counts of random work.
struct Outcome {
  std::vector<Bytes> bytes;
  std::vector<std::string> results;
  std::uint64_t accepted{0};
};

Outcome run_random_work(std::uint64_t seed, bool forced, bool planned) {
  Outcome outcome;
  Random decisions(seed + 1);
  std::mutex mutex;
  TestHooks hooks;
  hooks.decide_every = std::chrono::nanoseconds{0};
  hooks.forced_launch = [&](std::uint32_t,
                            const MegakernelLaunchRequest&) -> std::optional<MegakernelLaunchPlan> {
    if (!forced) return std::nullopt;
    const std::lock_guard lock(mutex);
    MegakernelLaunchPlan plan =
        launch(static_cast<Topology>(decisions.below(6)), static_cast<Pressure>(decisions.below(4)),
               1 + decisions.below(4), 1 + decisions.below(9));
    plan.execution_mode = static_cast<ExecutionMode>(decisions.below(2));
    plan.dispatch_grid[0] = 1 + decisions.below(4);
    return plan;
  };
  SessionOptions options = test_options(4, 2);
  options.backend = BackendKind::cpu;
  options.fuel = 20'000;
  auto session = open_for_tests(options, std::move(hooks));
  EXPECT_OK(session);
  const auto ops = PlanOps::into(*session);
  EXPECT_OK(ops);
  const PlanBuffers on = PlanBuffers::into(*session, 6);
  Random random(seed);
  for (int round = 0; round < 6; ++round) {
    const PlanBatch batch = random_batch(random, *ops, on, 40);
    std::vector<Ticket> tickets;
    if (planned) {
      const auto plan = session->plan(batch.items, {.dedupe = false, .flags = batch.flags});
      EXPECT_OK(plan);
      const auto run = session->submit(*plan, soon());
      EXPECT_OK(run);
      tickets = run->tickets;
    } else {
      for (std::size_t i = 0; i < batch.items.size(); ++i) {
        const auto ticket = session->submit(batch.items[i], soon(), 0, batch.flags[i]);
        EXPECT_OK(ticket);
        tickets.push_back(*ticket);
      }
    }
    for (const Ticket& ticket : tickets) {
      const auto result = session->wait(ticket, soon());
      EXPECT_OK(result);
      outcome.results.push_back(ending(*result));
    }
  }
  outcome.bytes = on.bytes(*session);
  outcome.accepted = session->totals().accepted;
  return outcome;
}

TEST(LaunchDecisions, NoResultDependsOnThem) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const Outcome plain = run_random_work(seed, false, false);
    for (const bool planned : {false, true}) {
      const Outcome forced = run_random_work(seed, true, planned);
      EXPECT_EQ(forced.bytes, plain.bytes) << seed << ", planned " << planned;
      EXPECT_EQ(forced.results, plain.results) << seed << ", planned " << planned;
      EXPECT_EQ(forced.accepted, plain.accepted);
    }
  }
}

}  // namespace
}  // namespace vyre::runtime::test

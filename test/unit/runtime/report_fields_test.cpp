// Each field of the report that a session measures, against a count that the test makes itself: of
// calls that the backend gets, of its own clock, or a sum of what it did. Decisions of the launch
// policy, lineage and caches have tests of their own.
#include <thread>

#include "hand_backend.hpp"
#include "plan_fixture.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::uint64_t kSlot{16};

std::uint64_t ns_since(Deadline begin) {
  return static_cast<std::uint64_t>((Clock::now() - begin).count());
}

class ReportFields : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(hand_.session.has_value()); }
  [[nodiscard]] MegakernelTelemetry telemetry() { return hand_->report().report.telemetry; }
  HandBackend& backend() { return *hand_.backend; }
  ByHand hand_;
};

TEST_F(ReportFields, BytesThatWentBothWaysAreThoseThatTheBackendSawAndSixteenASlot) {
  const Handle a = *hand_->upload(Bytes(100, 1));
  ASSERT_OK(hand_->write(a, 10, Bytes(20, 2), soon()));
  for (int i = 0; i < 3; ++i) ASSERT_OK(hand_->submit({kFill, 0, a.id, 0}, soon()));
  backend().end_all(0);
  ASSERT_OK(hand_->download(a, soon()));
  Bytes part(7);
  ASSERT_OK(hand_->download_into(a, 3, part, soon()));
  const MegakernelTelemetry t = telemetry();
  EXPECT_EQ(*t.bytes_uploaded, backend().bytes_written + 3 * kSlot);
  EXPECT_EQ(*t.bytes_read_back, backend().bytes_read + 3 * kSlot);
  EXPECT_EQ(*t.bytes_moved, *t.bytes_uploaded + *t.bytes_read_back);
  EXPECT_EQ(*t.readback_buffers, 2u);
}

TEST_F(ReportFields, ResidentAllocationsAreBuffersSetsAndProgramsThatTheBackendMade) {
  const Handle a = *hand_->upload(Bytes(4, 1));
  const Handle b = *hand_->allocate(4);
  ASSERT_OK(hand_->bind(std::array{a, b}));
  ASSERT_OK(hand_->upload_cached(Bytes(8, 1)));
  ASSERT_OK(hand_->upload_cached(Bytes(8, 1)));  // is there already
  const auto program = vir::assemble(kAddText);
  ASSERT_OK(program);
  ASSERT_OK(hand_->register_program("add", *program));
  ASSERT_OK(hand_->register_program("add", *program));  // the same op
  EXPECT_EQ(*telemetry().resident_allocations,
            backend().allocations + backend().bound + backend().programs);
  EXPECT_EQ(*telemetry().resident_allocations, 5u);
}

TEST_F(ReportFields, SyncPointsAreWaitsThatDidNotFindTheirAnswerAtOnce) {
  const Handle a = *hand_->allocate(4);
  ASSERT_OK(hand_->write(a, 0, Bytes(4, 1), soon()));
  ASSERT_OK(hand_->download(a, soon()));
  const auto ticket = hand_->submit({kFill, 0, a.id, 0}, soon());
  ASSERT_OK(ticket);
  EXPECT_FALSE(hand_->wait(*ticket, now())) << "looks once";
  EXPECT_EQ(*telemetry().sync_points, 0u);
  std::thread waits([&] { EXPECT_OK(hand_->wait(*ticket, soon())); });
  while (*telemetry().sync_points == 0) std::this_thread::yield();
  backend().end_all(0);
  waits.join();
  ASSERT_OK(hand_->wait(*ticket, soon()));
  ASSERT_OK(hand_->wait_all(soon()));
  EXPECT_EQ(*telemetry().sync_points, 1u);
}

TEST_F(ReportFields, ItemsAreProcessedOnceTheyHaveEndedInWhateverWay) {
  for (int i = 0; i < 5; ++i) ASSERT_OK(hand_->submit({kNop, 0, 0, 0}, soon()));
  backend().end(0, 0);
  backend().end(0, 1, CompletionStatus::faulted, FaultCode::trap);
  backend().end(0, 2, CompletionStatus::cancelled, FaultCode::cancelled);
  const MegakernelReport r = hand_->report().report;
  EXPECT_EQ(r.published_items, 5u);
  EXPECT_EQ(r.items_processed, 3u);
  EXPECT_EQ(r.items_remaining, 2u);
  EXPECT_EQ(r.deduped_items, 0u);
}

TEST_F(ReportFields, TimesFitIntoThoseThatTheTestMeasures) {
  EXPECT_FALSE(hand_->report().report.backend_dispatch_ns) << "nothing ended";
  const Deadline begin = Clock::now();
  const std::vector<MegakernelWorkItem> items(2'000, {kNop, 0, 0, 0});
  const auto plan = hand_->plan(items, {});
  ASSERT_OK(plan);
  const std::uint64_t planning = ns_since(begin);
  const std::uint64_t planned = *hand_->report().report.queue_plan_ns;
  EXPECT_GT(planned, 0u);
  EXPECT_LE(planned, planning);
  EXPECT_EQ(*hand_->report().report.queue_publish_ns, 0u);
  ASSERT_OK(hand_->submit(*plan, soon()));
  backend().end_all(0);
  ASSERT_OK(hand_->wait_all(soon()));
  const std::uint64_t all = ns_since(begin);
  const MegakernelReport r = hand_->report().report;
  EXPECT_GT(*r.queue_plan_ns, planned) << "placing counts, too";
  EXPECT_GT(*r.queue_publish_ns, 0u);
  EXPECT_LE(*r.queue_plan_ns + *r.queue_publish_ns, all);
  EXPECT_GT(*r.backend_dispatch_ns, 0u);
  EXPECT_LE(*r.backend_dispatch_ns, all);
  ASSERT_OK(hand_->close());
  const auto wall = hand_->report().report.wall_time;
  EXPECT_GE(static_cast<std::uint64_t>(wall.count()), all);
  std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(hand_->report().report.wall_time, wall) << "it ended with close()";
}

/// Says of itself what a device would.
class DeviceByHand final : public HandBackend {
 public:
  using HandBackend::HandBackend;
  std::uint64_t launches{1};
  backend::DeviceFacts device_facts() const override {
    return {"a device by hand", 3, 24, launches, 1'000'000, 2'000};
  }
  std::optional<std::uint16_t> sampled_busy_bps() const noexcept override { return 1'234; }
};

TEST(ReportOfADevice, SaysWhatTheDeviceSaysOfItself) {
  DeviceByHand* device = nullptr;
  TestHooks hooks;
  hooks.make_backend =
      [&](const backend::Options& wanted) -> Result<std::unique_ptr<backend::Backend>> {
    auto made = std::make_unique<DeviceByHand>(wanted);
    device = made.get();
    return std::unique_ptr<backend::Backend>(std::move(made));
  };
  for (const std::uint64_t budget : {0u, 700'000u}) {
    SessionOptions options = test_options(1);
    options.backend = BackendKind::cuda;
    options.ingest_bytes = 0;
    options.memory_budget_bytes = budget;
    auto session = open_for_tests(options, hooks);
    ASSERT_OK(session);
    const report::Document before = session->report();
    EXPECT_EQ(before.report.telemetry.kernel_launches, 1u);
    device->launches = 4;
    const report::Document d = session->report();
    EXPECT_EQ(d.report.telemetry.kernel_launches, 4u);
    EXPECT_EQ(d.report.telemetry.occupancy_proxy_bps, 1'234);
    EXPECT_EQ(d.report.telemetry.device_memory_budget_bytes, budget != 0 ? budget : 1'000'000u);
    EXPECT_TRUE(d.caps.supported);
    EXPECT_EQ(d.caps.max_worker_count, 24u);
    EXPECT_EQ(d.run.device, "a device by hand");
    EXPECT_TRUE(report::from_json(report::to_json(d)).has_value());
  }
}

class ReportOfRegions : public PlansOnASession {};

TEST_F(ReportOfRegions, MembersAndTheirResultsCountWhereTheyWereMoved) {
  ONLY_ON_CPU("its regions are made here");
  open({}, test_options(), 4);
  const auto before = session_->report().report.telemetry;
  // The trap finds an odd word, so that the members end in different ways.
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 1, 1, 1}), soon()));
  const auto run = submit({copy(0, 1), {ops_.trap, on_.buffers[1].id, on_.buffers[2].id, 0}});
  ASSERT_FALSE(run.stopped_by);
  ASSERT_EQ(run.tickets[0].position, run.tickets[1].position) << "one chain";
  EXPECT_EQ(ended(run.tickets[0]), "done none at 0/0/0");
  const auto after = session_->report().report.telemetry;
  EXPECT_EQ(*after.bytes_uploaded - *before.bytes_uploaded, 16 + kSlot + 2 * kSlot);
  EXPECT_EQ(*after.bytes_read_back - *before.bytes_read_back, kSlot + 2 * kSlot);
  EXPECT_EQ(*after.resident_allocations - *before.resident_allocations, 1u) << "the block";
  const report::Document d = session_->report();
  EXPECT_EQ(d.report.published_items, 2u);
  EXPECT_EQ(d.report.items_processed, 2u);
}

}  // namespace
}  // namespace vyre::runtime::test

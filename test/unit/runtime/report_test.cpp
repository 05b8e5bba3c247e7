// The report's identities and what an observer is told, in order.
#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include "fixtures.hpp"
#include "report/latency.hpp"

namespace vyre::runtime::test {
namespace {

void expect_identities(const report::Document& d) {
  EXPECT_EQ(d.report.items_processed + d.report.items_remaining,
            d.report.published_items + d.report.deduped_items);
  EXPECT_EQ(*d.report.telemetry.bytes_moved,
            *d.report.telemetry.bytes_uploaded + *d.report.telemetry.bytes_read_back);
  std::uint64_t published = 0;
  for (const auto& queue : d.queues) published += queue.published;
  EXPECT_EQ(published, d.report.published_items);
  EXPECT_LE(d.faults.size(), d.faults_total);
  EXPECT_TRUE(report::from_json(report::to_json(d)).has_value());
}

TEST(Report, CountsWhatHappenedAndLeavesTheRestEmpty) {
  auto session = Session::open(test_options(2));
  ASSERT_OK(session);
  expect_identities(session->report());
  auto a = session->upload(Bytes(100, 1));
  ASSERT_OK(session->submit({kFill, 0, a->id, 7}, soon()));
  ASSERT_OK(session->submit({kFill, 0, 0, 7}, soon()));  // no output: faults
  ASSERT_OK(session->download(*a, soon()));
  ASSERT_OK(session->wait_all(soon()));
  const auto d = session->report();
  expect_identities(d);
  EXPECT_EQ(d.report.items_processed, 2u);
  EXPECT_EQ(d.report.published_items, 2u);
  EXPECT_EQ(*d.report.telemetry.bytes_uploaded, 100u + 2 * 16);
  EXPECT_EQ(*d.report.telemetry.bytes_read_back, 100u + 2 * 16);
  EXPECT_EQ(*d.report.telemetry.resident_allocations, 1u);
  EXPECT_EQ(*d.report.telemetry.readback_buffers, 1u);
  // Whether a launch decision found the items depends on who was faster.
  EXPECT_EQ(d.report.telemetry.topology.has_value(), d.report.telemetry.pressure.has_value());
  EXPECT_EQ(d.report.telemetry.kernel_launches.has_value(), kBackendName == "cuda");
  EXPECT_LE(d.report.telemetry.occupancy_proxy_bps.value_or(0), 10'000u);
  EXPECT_FALSE(d.report.telemetry.execution_mode.has_value()) << "no program ran";
  ASSERT_EQ(d.ops.size(), 1u);
  EXPECT_EQ(d.ops[0].name, "mem.fill");
  EXPECT_EQ(d.ops[0].items, 2u);
  EXPECT_EQ(d.ops[0].faults, 1u);
  EXPECT_EQ(d.ops[0].executor, kBackendName);
  ASSERT_TRUE(d.ops[0].latency.has_value());
  EXPECT_GT(d.ops[0].latency->max_ns, 0u);
  EXPECT_GE(d.ops[0].latency->max_ns, d.ops[0].latency->p50_ns);
  ASSERT_EQ(d.faults.size(), 1u);
  EXPECT_EQ(d.faults[0].op, "mem.fill");
  EXPECT_EQ(d.faults[0].position, 1u);
  EXPECT_EQ(d.faults_total, 1u);
  EXPECT_GT(d.report.wall_time.count(), 0);
  EXPECT_TRUE(d.report.backend_dispatch_ns.has_value());
}

TEST(Report, KeepsTheFirstFaultsAndCountsTheRest) {
  auto session = Session::open(test_options(2));
  ASSERT_OK(session);
  for (int i = 0; i < 100; ++i) ASSERT_OK(session->submit({kFill, 0, 0, 0}, soon()));
  const auto drained = session->wait_all(soon());
  ASSERT_OK(drained);
  EXPECT_EQ(drained->not_done, 100u);
  EXPECT_EQ(drained->first_not_done.size(), kMaxReportedFaults);
  const auto d = session->report();
  EXPECT_EQ(d.faults_total, 100u);
  EXPECT_EQ(d.faults.size(), kMaxReportedFaults);
  expect_identities(d);
}

TEST(Report, AFullRingIsCounted) {
  SessionOptions options = test_options(1);
  options.ring_slots = 32;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const std::vector<MegakernelWorkItem> items(5'000, MegakernelWorkItem{kNop, 0, 0, 0});
  ASSERT_EQ(session->submit_many(items, soon()).accepted, items.size());
  ASSERT_OK(session->wait_all(soon()));
  EXPECT_GT(session->report().queues[0].full_waits, 0u);
}

TEST(Report, QueueingAndRunningAreToldApart) {
  if (kBackendName != "cpu") GTEST_SKIP() << "a device takes no times";
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  const auto a = session->upload(Bytes(1 << 20, 1));
  ASSERT_OK(session->submit({kNop, 0, 0, 0}, soon()));
  const auto begin = Clock::now();
  for (int i = 0; i < 8; ++i) ASSERT_OK(session->submit({kFill, 0, a->id, 7}, soon()));
  ASSERT_OK(session->wait_all(soon()));
  const auto all_ns = static_cast<std::uint64_t>((Clock::now() - begin).count());
  const auto d = session->report();
  expect_identities(d);
  ASSERT_EQ(d.ops.size(), 2u);
  EXPECT_FALSE(d.ops[0].running.has_value()) << "no-ops are not timed";
  const report::OpRow& fill = d.ops[1];
  ASSERT_TRUE(fill.queueing && fill.running && fill.latency);
  EXPECT_EQ(report::values_of(*fill.queueing), 8u);
  EXPECT_EQ(report::values_of(*fill.running), 8u);
  EXPECT_EQ(report::values_of(*fill.latency), 8u);
  EXPECT_GT(*fill.running->sum_ns, 8u * 1'000) << "each writes a MiB";
  EXPECT_LE(*fill.running->sum_ns, all_ns) << "one worker runs one item at a time";
  EXPECT_GE(fill.queueing->max_ns, fill.running->p50_ns) << "the last one waits for others";
  EXPECT_LE(*fill.queueing->sum_ns + *fill.running->sum_ns, *fill.latency->sum_ns);
}

TEST(Report, ProcessorTimeIsThatSinceTheSessionOpened) {
  const platform::ProcessUse before = platform::process_use();
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  while (platform::process_use().user_ns + platform::process_use().system_ns <
         before.user_ns + before.system_ns + 30'000'000) {
  }
  const auto d = session->report();
  EXPECT_GE(d.process->user_ns + d.process->system_ns, 10'000'000u);
  const platform::ProcessUse now = platform::process_use();
  EXPECT_LE(d.process->user_ns + d.process->system_ns,
            now.user_ns + now.system_ns - before.user_ns - before.system_ns);
}

TEST(Report, ATimelineIsKeptWhereItIsAskedFor) {
  SessionOptions options = test_options(1);
  EXPECT_FALSE(Session::open(options)->timeline()) << "none was asked for";
  options.timeline_events = 100;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const auto a = session->upload(Bytes(100, 1));
  ASSERT_OK(session->submit({kNop, 0, 0, 0}, soon()));
  ASSERT_OK(session->submit({kFill, 0, a->id, 7}, soon()));
  ASSERT_OK(session->wait_all(soon()));
  ASSERT_OK(session->close());
  const auto timeline = session->timeline();
  ASSERT_OK(timeline);
  const auto times = [&](const std::string& what) {
    std::size_t count = 0;
    for (auto at = timeline->find(what); at != std::string::npos; at = timeline->find(what, at + 1))
      ++count;
    return count;
  };
  EXPECT_EQ(times("\"ph\":\"b\",\"name\":\"nop\""), 1u);
  EXPECT_EQ(times("\"ph\":\"b\",\"name\":\"mem.fill\""), 1u);
  EXPECT_EQ(times("\"ph\":\"X\""), kBackendName == "cpu" ? 1u : 0u) << "no-ops are not timed";
}

/// Writes down what it is told, and whether it makes sense.
class Notes : public SessionObserver {
 public:
  void on_program(OpHandle, std::string_view, const vir::Program&) override { ++programs; }
  void on_buffer(Handle buffer, ByteSpan bytes, bool) override {
    buffers[buffer.id] = Bytes(bytes.begin(), bytes.end());
  }
  void on_write(Handle buffer, std::uint64_t offset, ByteSpan bytes) override {
    std::copy(bytes.begin(), bytes.end(),
              buffers[buffer.id].begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void on_bind(Handle, std::span<const Handle> members) override {
    for (const Handle member : members) wrong += buffers.count(member.id) == 0;
    ++sets;
  }
  void on_release(Handle handle) override { buffers.erase(handle.id); }
  void on_submit(const Ticket& ticket, const MegakernelWorkItem&, std::uint8_t,
                 std::chrono::nanoseconds) override {
    wrong += ticket.position != next[ticket.queue]++;
  }
  void on_completion(const ItemResult& result, std::chrono::nanoseconds) override {
    wrong += result.ticket.position >= next[result.ticket.queue];
    ++completions[{result.ticket.queue, result.ticket.position}];
  }
  int programs{0};
  int sets{0};
  int wrong{0};
  std::map<std::uint32_t, Bytes> buffers;
  std::map<std::uint32_t, std::uint64_t> next;
  std::map<std::pair<std::uint32_t, std::uint64_t>, int> completions;
};

TEST(Observer, SeesSubmitsInOrderOfPositionAndEachCompletionOnceAfterwards) {
  auto session = Session::open(test_options(3, 2));
  ASSERT_OK(session);
  auto before = session->upload(Bytes{1, 2, 3});
  auto set = session->bind(std::vector<Handle>{*before});
  ASSERT_OK(set);
  auto notes = std::make_shared<Notes>();
  ASSERT_OK(session->observe(notes));
  EXPECT_EQ(notes->buffers[before->id], (Bytes{1, 2, 3})) << "what exists already is told";
  EXPECT_EQ(notes->sets, 1);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto mine = session->allocate(8);
      for (int i = 0; i < 100; ++i) {
        const std::vector<MegakernelWorkItem> items{
            {kNop, 0, 0, 0}, {kFill, 0, mine->id, t}, {kNop, 0, 0, 0}};
        std::span<const MegakernelWorkItem> rest(items);
        while (!rest.empty()) {
          const auto many = session->submit_many(rest, soon(), t % 2);
          rest = rest.subspan(many.accepted);
          if (many.stopped_by) break;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_OK(session->write(*before, 1, Bytes{9}, soon()));
  ASSERT_OK(session->wait_all(soon()));
  EXPECT_EQ(session->observe(std::make_shared<Notes>()).error().code, Errc::invalid_argument);
  EXPECT_OK(session->observe(nullptr));
  EXPECT_EQ(notes->wrong, 0);
  EXPECT_EQ(notes->buffers[before->id], (Bytes{1, 9, 3}));
  EXPECT_EQ(notes->completions.size(), 4u * 300u);
  for (const auto& [item, times] : notes->completions) EXPECT_EQ(times, 1);
}

}  // namespace
}  // namespace vyre::runtime::test

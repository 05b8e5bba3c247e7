// The resident kernel under load, through the public Session: order, faults that stay where they
// are, budgets, parking, draining, closing, many sessions. VYRE_TEST_SCALE=10 runs
// the full counts; VYRE_SOAK_ITEMS asks for the soak. The tests of test/unit/runtime run on the
// device too (runtime_device_test).
#include <algorithm>
#include <cstdio>
#include <thread>

#include "support/choice.hpp"
#include "unit/runtime/fixtures.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kTimes3{
    "workgroup 1, 1, 1;\n"
    "buffer y: u32[1] read_write;\n"
    "region \"times3\" { y[0] = y[0] * 3 + 1; }\n"};
constexpr std::string_view kTimes5{
    "workgroup 1, 1, 1;\n"
    "buffer y: u32[1] read_write;\n"
    "region \"times5\" { y[0] = y[0] * 5 + 7; }\n"};
/// Adds 1 to every word, in as many workgroups as there are.
constexpr std::string_view kCount{
    "workgroup 64, 1, 1;\n"
    "buffer x: u32[] read_write;\n"
    "region \"count\" { if gid.x < len(x) { x[gid.x] = x[gid.x] + 1; } }\n"};
constexpr std::string_view kDivide{
    "workgroup 64, 1, 1;\n"
    "buffer d: u32[1] read_only;\n"
    "buffer y: u32[64] read_write output live_out;\n"
    "region \"divide\" { y[gid.x] = u32(i32(1000) / i32(d[0])) + gid.x; }\n"};
/// Lanes of a workgroup read each other's words behind a barrier.
constexpr std::string_view kShared{
    "workgroup 128, 1, 1;\n"
    "buffer w: u32[128] workgroup;\n"
    "buffer y: u32[128] read_write output live_out;\n"
    "region \"shared\" { w[lid.x] = lid.x; barrier; y[lid.x] = w[127 - lid.x] + lid.x; }\n"};
constexpr std::string_view kSpin{
    "workgroup 1, 1, 1;\n"
    "buffer y: u32[1] read_write output live_out;\n"
    "region \"spin\" { for i in 0..4294967295 { for j in 0..4294967295 { y[0] = y[0] + j; } } }\n"};

OpHandle add(Session& session, std::string_view name, std::string_view text) {
  const auto program = vir::assemble(text);
  EXPECT_OK(program);
  const auto op = session.register_program(name, *program);
  EXPECT_OK(op);
  return op ? *op : OpHandle{};
}

SessionOptions whole_device(std::uint32_t queues = 1) {
  SessionOptions options = test_options(1, queues);
  options.max_blocks = 0;
  return options;
}

Bytes pattern(std::size_t bytes, std::uint32_t salt) {
  Bytes out(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    out[i] = static_cast<std::uint8_t>((i * 2'654'435'761u + salt) >> 13);
  return out;
}

/// No-ops in batches; how many were accepted. Less than `count` is a failure of the test.
std::uint64_t submit_no_ops(Session& session, std::uint32_t queue, std::uint64_t count,
                            std::size_t batch) {
  const std::vector<MegakernelWorkItem> items(batch, MegakernelWorkItem{kNop, 0, 0, 0});
  std::uint64_t accepted = 0;
  while (accepted != count) {
    const auto part =
        std::span(items).first(std::min<std::uint64_t>(count - accepted, items.size()));
    const auto many = session.submit_many(part, soon(), queue);
    accepted += many.accepted;
    if (many.stopped_by) {
      ADD_FAILURE() << to_string(*many.stopped_by);
      break;
    }
  }
  return accepted;
}

// ---- order

TEST(DeviceOrder, AChainOfTenThousandItemsRunsInOrder) {
  auto session = Session::open(whole_device());
  ASSERT_OK(session);
  const std::uint32_t ops[]{add(*session, "times3", kTimes3).id,
                            add(*session, "times5", kTimes5).id};
  const auto y = session->upload(words({1}));
  ASSERT_OK(y);
  Random random(test_seed());
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(test_seed()));
  std::vector<MegakernelWorkItem> items;
  std::uint32_t want = 1;
  for (int i = 0; i < 10'000; ++i) {
    const std::uint32_t which = random.below(2);
    items.push_back({ops[which], y->id, 0, 0});
    want = which == 0 ? want * 3 + 1 : want * 5 + 7;
  }
  ASSERT_EQ(session->submit_many(items, soon()).accepted, items.size());
  EXPECT_EQ(*session->download(*y, soon()), words({want}));
  EXPECT_EQ(session->wait_all(soon())->not_done, 0u);
}

TEST(DeviceOrder, TwoQueuesThatShareABufferTakeTurnsAsSubmitted) {
  auto session = Session::open(whole_device(2));
  ASSERT_OK(session);
  const std::uint32_t ops[]{add(*session, "times3", kTimes3).id,
                            add(*session, "times5", kTimes5).id};
  const auto y = session->upload(words({1}));
  std::uint32_t want = 1;
  Random random(test_seed() + 1);
  for (int i = 0; i < 1'000; ++i) {
    const std::uint32_t which = random.below(2);
    ASSERT_OK(session->submit({ops[which], y->id, 0, 0}, soon(), random.below(2)));
    want = which == 0 ? want * 3 + 1 : want * 5 + 7;
  }
  EXPECT_EQ(*session->download(*y, soon()), words({want}));
}

TEST(DeviceOrder, BigAndSmallItemsOverSharedBuffersEndAsIfRunOneByOne) {
  auto session = Session::open(whole_device());
  ASSERT_OK(session);
  const std::uint32_t count = add(*session, "count", kCount).id;
  const std::size_t sizes[]{1, 63, 64, 65, 1'000, 70'000, 300'001};
  std::vector<Handle> buffers;
  std::vector<std::uint32_t> counted(std::size(sizes), 0);
  for (const std::size_t size : sizes) {
    const auto made = session->allocate(size * 4);
    ASSERT_OK(made);
    buffers.push_back(*made);
  }
  Random random(test_seed() + 2);
  for (int step = 0; step < 3'000; ++step) {
    const std::uint32_t to = random.below(static_cast<std::uint32_t>(buffers.size()));
    if (random.below(8) == 0) {
      // A prefix of another buffer: from then on its words count from there.
      const std::uint32_t from = random.below(static_cast<std::uint32_t>(buffers.size()));
      if (from == to || sizes[from] < sizes[to]) continue;
      ASSERT_OK(session->submit({kCopy, buffers[from].id, buffers[to].id, 0}, soon()));
      counted[to] = counted[from];
      continue;
    }
    ASSERT_OK(session->submit({count, buffers[to].id, 0, 0}, soon()));
    ++counted[to];
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const Bytes have = *session->download(buffers[i], soon());
    std::size_t wrong = 0;
    for (std::size_t at = 0; at < sizes[i]; ++at)
      wrong += load_le<std::uint32_t>(have, at * 4) != counted[i];
    EXPECT_EQ(wrong, 0u) << "of " << sizes[i] << " words";
  }
}

// ---- faults and budgets

TEST(DeviceFaults, OfOneItemLeaveTheOthersAlone) {
  auto session = Session::open(whole_device());
  ASSERT_OK(session);
  const std::uint32_t divide = add(*session, "divide", kDivide).id;
  const auto zero = session->upload(words({0}));
  const auto ten = session->upload(words({10}));
  Bytes want;
  for (std::uint32_t lane = 0; lane < 64; ++lane) append_le(want, 100 + lane);
  constexpr std::size_t kItems{600};
  std::vector<Handle> outputs;
  std::vector<Ticket> tickets;
  for (std::size_t i = 0; i < kItems; ++i) {
    outputs.push_back(*session->allocate(256));
    const auto ticket =
        session->submit({divide, (i % 3 == 0 ? zero : ten)->id, outputs[i].id, 0}, soon());
    ASSERT_OK(ticket);
    tickets.push_back(*ticket);
  }
  for (std::size_t i = 0; i < kItems; ++i) {
    const auto result = session->wait(tickets[i], soon());
    ASSERT_OK(result);
    if (i % 3 == 0) {
      EXPECT_EQ(outcome(*result), "faulted i32_division_by_zero");
      EXPECT_EQ(result->fault.workgroup, 0u);
      EXPECT_EQ(result->fault.lane, 0u);
    } else {
      EXPECT_EQ(outcome(*result), "done none");
      EXPECT_EQ(*session->download(outputs[i], soon()), want) << i;
    }
  }
  EXPECT_EQ(session->wait_all(soon())->not_done, kItems / 3);
}

TEST(DeviceBudget, ABufferAboveTheDevicesMemorySaysWhatWasAskedAndWhatIsThere) {
  SessionOptions options = whole_device();
  options.device_memory_bytes = std::uint64_t{64} << 20;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const auto refused = session->allocate(std::uint64_t{100} << 20);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::out_of_memory);
  EXPECT_NE(refused.error().message.find(std::to_string(std::uint64_t{100} << 20)),
            std::string::npos)
      << refused.error().message;
  std::vector<Handle> held;
  for (;;) {
    const auto buffer = session->allocate(std::uint64_t{7} << 20);
    if (!buffer) {
      EXPECT_EQ(buffer.error().code, Errc::out_of_memory);
      break;
    }
    held.push_back(*buffer);
    ASSERT_LT(held.size(), 10u) << "more than there is";
  }
  EXPECT_GE(held.size(), 8u);
  for (const Handle handle : held) EXPECT_OK(session->release(handle, soon()));
  EXPECT_OK(session->allocate(std::uint64_t{50} << 20)) << "what was released is one piece again";
}

TEST(DeviceBudget, MoreThanTheDeviceHasIsRefusedAtOpenAndAutomaticGoesToTheCpuAndSaysWhy) {
  SessionOptions options = whole_device();
  options.device_memory_bytes = std::uint64_t{1} << 50;
  const auto refused = Session::open(options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::out_of_memory) << to_string(refused.error());
  options.backend = BackendKind::automatic;
  auto session = Session::open(options);
  ASSERT_OK(session);
  EXPECT_EQ(session->backend_name(), "cpu");
  EXPECT_FALSE(session->caps().supported);
  EXPECT_NE(session->caps().reason.find(std::to_string(options.device_memory_bytes)),
            std::string::npos)
      << session->caps().reason;
  EXPECT_EQ(run(*session, {kNop, 0, 0, 0}), "done none");
}

// ---- life

TEST(DeviceLife, AutomaticTakesTheDeviceAndTheReportShowsIt) {
  SessionOptions options = whole_device();
  options.backend = BackendKind::automatic;
  auto session = Session::open(options);
  ASSERT_OK(session);
  EXPECT_EQ(session->backend_name(), "cuda");
  EXPECT_GT(session->caps().max_worker_count, 0u);
  const auto x = session->allocate(4'000);
  const std::uint32_t count = add(*session, "count", kCount).id;
  EXPECT_EQ(run(*session, {count, x->id, 0, 0}), "done none");
  // The kernel looks at its warps every 50 us while items are in flight.
  const std::vector<MegakernelWorkItem> many(2'000, {count, x->id, 0, 0});
  const Deadline until = after(std::chrono::seconds{20});
  do {
    ASSERT_EQ(session->submit_many(many, soon()).accepted, many.size());
    ASSERT_OK(session->wait_all(soon()));
  } while (session->report().report.telemetry.occupancy_proxy_bps.value_or(0) == 0 &&
           Clock::now() < until);
  ASSERT_OK(session->close());
  const auto d = session->report();
  ASSERT_TRUE(d.run.device.has_value());
  EXPECT_FALSE(d.run.device->empty());
  EXPECT_GE(*d.report.telemetry.kernel_launches, 1u);
  EXPECT_GT(*d.report.telemetry.occupancy_proxy_bps, 0u);
  EXPECT_LE(*d.report.telemetry.occupancy_proxy_bps, 10'000u);
  ASSERT_FALSE(d.ops.empty());
  EXPECT_EQ(d.ops.back().executor, "cuda");
  EXPECT_GT(d.ops.back().steps.value_or(0), 0u);
}

TEST(DeviceLife, ManySessionsOpenAndClose) {
  for (int i = 0; i < 100 * test_scale(); ++i) {
    SessionOptions options = test_options(1, 1 + static_cast<std::uint32_t>(i) % 3);
    options.device_memory_bytes = std::uint64_t{16} << 20;
    auto session = Session::open(options);
    ASSERT_TRUE(session.has_value()) << "session " << i << ": " << to_string(session.error());
    const auto a = session->upload(words({7}));
    ASSERT_OK(a);
    ASSERT_EQ(*session->download(*a, soon()), words({7}));
    const auto ticket = session->submit({kNop, 0, 0, 0}, soon());
    ASSERT_OK(ticket);
    if (i % 2 == 0) {
      ASSERT_OK(session->wait(*ticket, soon()));
    }
    ASSERT_OK(session->close());
    ASSERT_EQ(session->report().report.items_processed, 1u);
  }
}

TEST(DeviceLife, ClosedWhileFullEveryItemEndsAndEveryProducerIsTold) {
  for (int round = 0; round < 5; ++round) {
    SessionOptions options = test_options();
    options.ring_slots = 32;
    options.fuel = ~std::uint64_t{0};
    options.close_timeout = milliseconds{20};
    auto session = Session::open(options);
    ASSERT_OK(session);
    const std::uint32_t spin = add(*session, "spin", kSpin).id;
    const auto y = session->allocate(4);
    const auto spinning = session->submit({spin, 0, y->id, 0}, soon());
    ASSERT_OK(spinning);
    std::atomic<std::uint64_t> accepted{1};
    std::vector<std::thread> producers;
    for (int t = 0; t < 3; ++t) {
      producers.emplace_back([&] {
        for (;;) {
          const auto ticket = session->submit({kNop, 0, 0, 0}, soon());
          if (!ticket) {
            EXPECT_EQ(ticket.error().code, Errc::closed) << to_string(ticket.error());
            return;
          }
          ++accepted;
        }
      });
    }
    std::this_thread::sleep_for(milliseconds{20});
    EXPECT_OK(session->close());
    for (auto& producer : producers) producer.join();
    EXPECT_EQ(accepted, 32u);
    EXPECT_EQ(session->report().queues[0].completed, accepted);
    EXPECT_EQ(outcome(*session->wait(*spinning, soon())), "cancelled shutdown");
  }
}

TEST(DeviceLife, TwoSessionsRunAtOnceAndOneOutlivesTheOther) {
  auto first = Session::open(test_options());
  auto second = Session::open(test_options());
  ASSERT_OK(first);
  ASSERT_OK(second);
  const auto chain = [](Session& session, std::uint32_t steps) {
    const std::uint32_t op = add(session, "times3", kTimes3).id;
    const auto y = session.upload(words({1}));
    std::uint32_t want = 1;
    for (std::uint32_t i = 0; i < steps; ++i) {
      EXPECT_OK(session.submit({op, y->id, 0, 0}, soon()));
      want = want * 3 + 1;
    }
    EXPECT_EQ(*session.download(*y, soon()), words({want}));
  };
  std::thread other([&] { chain(*second, 3'000); });
  chain(*first, 3'000);
  other.join();
  const auto begin = Clock::now();
  EXPECT_OK(first->close());
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{3}) << "closing waited for the other kernel";
  chain(*second, 1'000);
  auto third = Session::open(test_options());
  ASSERT_OK(third);
  chain(*third, 100);
  EXPECT_OK(second->close());
  chain(*third, 100);
}

TEST(DeviceLife, ParksWhenIdleAndComesBackWithTheNextItem) {
  SessionOptions options = test_options();
  options.park_after = milliseconds{1};
  auto session = Session::open(options);
  ASSERT_OK(session);
  const std::uint32_t op = add(*session, "times3", kTimes3).id;
  const auto y = session->upload(words({1}));
  Random random(test_seed() + 3);
  std::uint32_t want = 1;
  for (int i = 0; i < 500; ++i) {
    const auto ticket = session->submit({op, y->id, 0, 0}, soon());
    ASSERT_OK(ticket);
    want = want * 3 + 1;
    if (random.below(2) == 0) {
      const auto result = session->wait(*ticket, after(std::chrono::seconds{5}));
      ASSERT_TRUE(result.has_value()) << "item " << i << ": " << to_string(result.error());
    }
    std::this_thread::sleep_for(std::chrono::microseconds{500 + random.below(2'500)});
  }
  EXPECT_EQ(*session->download(*y, soon()), words({want}));
  EXPECT_EQ(session->wait_all(soon())->not_done, 0u);
  const auto launches = *session->report().report.telemetry.kernel_launches;
  std::printf("500 items, %u launches\n", launches);
  EXPECT_GT(launches, 50u) << "it never parked";
}

TEST(DeviceLife, DrainsAfterItsCountAndGoesOnWithTheRest) {
  SessionOptions options = test_options();
  options.drain_after = 100;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const std::uint32_t op = add(*session, "times3", kTimes3).id;
  const auto y = session->upload(words({1}));
  std::uint32_t want = 1;
  const std::vector<MegakernelWorkItem> nops(50, MegakernelWorkItem{kNop, 0, 0, 0});
  for (int i = 0; i < 60; ++i) {
    ASSERT_EQ(session->submit_many(nops, soon()).accepted, nops.size());
    ASSERT_OK(session->submit({op, y->id, 0, 0}, soon()));
    want = want * 3 + 1;
    if (i % 10 == 9) {
      ASSERT_OK(session->wait_all(soon()));
    }
  }
  EXPECT_EQ(*session->download(*y, soon()), words({want}));
  const auto drained = session->wait_all(soon());
  ASSERT_OK(drained);
  EXPECT_EQ(drained->ended, 60u * 51);
  EXPECT_EQ(drained->not_done, 0u);
  EXPECT_GT(*session->report().report.telemetry.kernel_launches, 3u);
}

/// Small enough for compute-sanitizer, which makes a kernel hundreds of times slower and reports
/// when it ends: so it ends often.
TEST(DeviceDrain, ALittleOfEverythingForSanitizers) {
  SessionOptions options = test_options(1, 2);
  options.max_blocks = 4;
  options.ring_slots = 64;
  options.drain_after = 40;
  options.device_memory_bytes = std::uint64_t{16} << 20;
  options.watchdog = std::chrono::minutes{4};
  options.close_timeout = std::chrono::minutes{1};
  auto session = Session::open(options);
  ASSERT_OK(session);
  const auto until = after(std::chrono::minutes{5});
  const std::uint32_t count = add(*session, "count", kCount).id;
  const std::uint32_t divide = add(*session, "divide", kDivide).id;
  const std::uint32_t shared = add(*session, "shared", kShared).id;
  const auto x = session->upload(pattern(4 * 1'000, 1));
  const auto copy = session->allocate(4 * 1'000);
  const auto zero = session->upload(words({0}));
  const auto y = session->allocate(256);
  const auto sums = session->allocate(4 * 128);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 20; ++i) ASSERT_OK(session->submit({kNop, 0, 0, 0}, until, 1));
    ASSERT_OK(session->submit({count, x->id, 0, 0}, until));
    ASSERT_OK(session->submit({kCopy, x->id, copy->id, 0}, until));
    ASSERT_OK(session->submit({divide, zero->id, y->id, 0}, until));
    ASSERT_OK(session->submit({shared, 0, sums->id, 0}, until));
    ASSERT_OK(session->submit({kFill, 0, y->id, 7}, until));
    ASSERT_OK(session->wait_all(until));
  }
  const Bytes have = *session->download(*copy, until);
  const Bytes in = pattern(4 * 1'000, 1);
  for (std::size_t at = 0; at < in.size(); at += 4)
    ASSERT_EQ(load_le<std::uint32_t>(have, at), load_le<std::uint32_t>(in, at) + 5);
  const Bytes summed = *session->download(*sums, until);
  for (std::uint32_t lane = 0; lane < 128; ++lane)
    ASSERT_EQ(load_le<std::uint32_t>(summed, lane * 4), 127u);
  EXPECT_EQ(session->wait_all(until)->not_done, 5u) << "the divisions";
  EXPECT_OK(session->close());
}

TEST(DeviceLife, MaxWallTimeCancelsWhatHasNotStarted) {
  SessionOptions options = test_options();
  options.max_wall_time = milliseconds{500};
  options.fuel = ~std::uint64_t{0};
  options.close_timeout = milliseconds{10};
  auto session = Session::open(options);
  ASSERT_OK(session);
  const std::uint32_t spin = add(*session, "spin", kSpin).id;
  const auto y = session->allocate(4);
  const auto spinning = session->submit({spin, 0, y->id, 0}, soon());
  ASSERT_OK(spinning);
  for (int i = 0; i < 10; ++i)
    ASSERT_OK(session->submit({kNop, 0, 0, 0}, soon(), 0, kQueueFlagAfterAll));
  const auto behind = session->wait({0, 5}, after(std::chrono::seconds{5}));
  ASSERT_OK(behind);
  EXPECT_EQ(outcome(*behind), "cancelled wall_time");
  EXPECT_EQ(session->submit({kNop, 0, 0, 0}, soon()).error().code, Errc::wall_time);
  EXPECT_OK(session->close());
  EXPECT_EQ(outcome(*session->wait(*spinning, soon())), "cancelled shutdown");
  EXPECT_EQ(session->report().report.items_remaining, 10u);
}

TEST(DeviceLife, FourProducersLoseAndDoubleNothingOverManyLaps) {
  auto session = Session::open(whole_device(4));
  ASSERT_OK(session);
  const std::uint64_t each = std::uint64_t{1'000'000} * static_cast<std::uint64_t>(test_scale());
  std::vector<std::thread> producers;
  std::atomic<std::uint64_t> accepted{0};
  for (std::uint32_t q = 0; q < 4; ++q) {
    producers.emplace_back([&, q] { accepted += submit_no_ops(*session, q, each, 1'024); });
  }
  for (auto& producer : producers) producer.join();
  const auto drained = session->wait_all(soon());
  ASSERT_OK(drained);
  EXPECT_EQ(drained->ended, 4 * each);
  EXPECT_EQ(drained->ended, accepted);
  EXPECT_EQ(drained->not_done, 0u);
  for (const auto& queue : session->report().queues) {
    EXPECT_EQ(queue.published, each);
    EXPECT_EQ(queue.completed, each);
  }
}

TEST(DeviceSoak, EveryOneOfManyNoOpsIsCounted) {
  const std::uint64_t items = vyre::test::number_from_environment("VYRE_SOAK_ITEMS", 0);
  if (items == 0) GTEST_SKIP() << "VYRE_SOAK_ITEMS=1000000000 asks for it";
  SessionOptions options = whole_device(8);
  options.ring_slots = 65'536;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const auto begin = Clock::now();
  std::vector<std::thread> producers;
  for (std::uint32_t q = 0; q < options.queues; ++q) {
    producers.emplace_back(
        [&, q] { (void)submit_no_ops(*session, q, items / options.queues, 8'192); });
  }
  for (auto& producer : producers) producer.join();
  const auto drained = session->wait_all(soon());
  ASSERT_OK(drained);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const std::uint64_t want = items / options.queues * options.queues;
  EXPECT_EQ(drained->ended, want);
  EXPECT_EQ(drained->not_done, 0u);
  for (const auto& queue : session->report().queues) {
    EXPECT_EQ(queue.published, items / options.queues);
    EXPECT_EQ(queue.completed, items / options.queues);
  }
  std::printf("%llu no-ops in %.1f s through the session: %.1f M/s\n",
              static_cast<unsigned long long>(want), seconds,
              static_cast<double>(want) / seconds / 1e6);
}

}  // namespace
}  // namespace vyre::runtime::test

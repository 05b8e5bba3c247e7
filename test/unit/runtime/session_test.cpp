// The public API on the CPU backend: one caller, every call, every refusal.
#include "fixtures.hpp"

namespace vyre::runtime::test {
namespace {

TEST(Session, RunsANoOpToItsEnd) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  EXPECT_EQ(session->backend_name(), kBackendName);
  EXPECT_EQ(session->caps().supported, kBackendName == "cuda");
  EXPECT_EQ(session->caps().reason.empty(), session->caps().supported);
  EXPECT_EQ(run(*session, {kNop, 0, 0, 0}), "done none");
  EXPECT_OK(session->close());
}

TEST(Session, AutomaticBackendRunsWithoutADeviceAndSaysWhy) {
  auto session = Session::open({});
  ASSERT_OK(session);
  if (session->caps().supported) GTEST_SKIP() << "this machine has a device";
  EXPECT_EQ(session->backend_name(), "cpu");
  EXPECT_FALSE(session->caps().reason.empty());
  EXPECT_EQ(session->report().run.why_no_device, session->caps().reason);
  EXPECT_FALSE(session->report().report.telemetry.kernel_launches.has_value());
  EXPECT_EQ(run(*session, {kNop, 0, 0, 0}), "done none");
}

TEST(Session, CudaBackendWithoutADeviceIsRefusedWithTheReasonThatAutomaticGives) {
  auto automatic = Session::open({});
  ASSERT_OK(automatic);
  if (automatic->caps().supported) GTEST_SKIP() << "this machine has a device";
  SessionOptions options;
  options.backend = BackendKind::cuda;
  const auto refused = Session::open(options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_NE(refused.error().message.find(automatic->caps().reason), std::string::npos)
      << refused.error().message;
}

TEST(Session, DeviceOptionsOutOfRangeAreRefusedByNameOnEveryBackend) {
  for (const BackendKind backend : {BackendKind::cpu, BackendKind::cuda, BackendKind::automatic}) {
    SessionOptions options;
    options.backend = backend;
    options.park_after = std::chrono::nanoseconds{-1};
    EXPECT_EQ(Session::open(options).error().code, Errc::invalid_argument);
    EXPECT_NE(Session::open(options).error().message.find("park_after"), std::string::npos);
    options.park_after = {};
    options.watchdog = {};
    EXPECT_EQ(Session::open(options).error().code, Errc::invalid_argument);
    EXPECT_NE(Session::open(options).error().message.find("watchdog"), std::string::npos);
  }
}

TEST(Session, FillsCopiesAndDownloadsInTheOrderOfTheCalls) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  auto a = session->allocate(10);
  auto b = session->allocate(6);
  ASSERT_OK(a);
  ASSERT_OK(b);
  ASSERT_OK(session->submit({kFill, 0, a->id, 0x04030201}, soon()));
  ASSERT_OK(session->submit({kCopy, a->id, b->id, 0}, soon()));
  ASSERT_OK(session->submit({kFill, 0, a->id, 0}, soon()));
  auto bytes = session->download(*b, soon());
  ASSERT_OK(bytes);
  EXPECT_EQ(*bytes, (Bytes{1, 2, 3, 4, 1, 2}));
  bytes = session->download(*a, soon());
  ASSERT_OK(bytes);
  EXPECT_EQ(*bytes, Bytes(10, 0));
}

TEST(Session, CopyTakesThePrefixThatParamAsksForAndLeavesTheRest) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  auto from = session->upload(Bytes{1, 2, 3, 4, 5});
  auto to = session->upload(Bytes{9, 9, 9, 9, 9, 9, 9});
  EXPECT_EQ(run(*session, {kCopy, from->id, to->id, 2}), "done none");
  EXPECT_EQ(*session->download(*to, soon()), (Bytes{1, 2, 9, 9, 9, 9, 9}));
  EXPECT_EQ(run(*session, {kCopy, from->id, to->id, 0}), "done none");
  EXPECT_EQ(*session->download(*to, soon()), (Bytes{1, 2, 3, 4, 5, 9, 9}));
}

TEST(Session, BuiltInOpsFaultWhenTheirBuffersDoNotFit) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  auto a = session->allocate(4);
  auto b = session->allocate(4);
  auto pair = session->bind(std::vector<Handle>{*a, *b});
  EXPECT_EQ(run(*session, {kFill, 0, 0, 1}), "faulted bad_binding");
  EXPECT_EQ(run(*session, {kFill, 0, pair->id, 1}), "faulted bad_binding");
  EXPECT_EQ(run(*session, {kCopy, 0, b->id, 0}), "faulted bad_binding");
  EXPECT_EQ(run(*session, {kCopy, a->id, a->id, 0}), "faulted bad_binding");
}

TEST(Session, WriteAndDownloadRangesAreChecked) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  auto a = session->allocate(8);
  EXPECT_OK(session->write(*a, 6, Bytes{7, 8}, soon()));
  EXPECT_EQ(session->write(*a, 7, Bytes{7, 8}, soon()).error().code, Errc::invalid_argument);
  EXPECT_EQ(session->write(*a, ~std::uint64_t{0}, Bytes{7, 8}, soon()).error().code,
            Errc::invalid_argument);
  Bytes out(3);
  EXPECT_OK(session->download_into(*a, 5, out, soon()));
  EXPECT_EQ(out, (Bytes{0, 7, 8}));
  EXPECT_EQ(session->download_into(*a, 6, out, soon()).error().code, Errc::invalid_argument);
}

TEST(Session, AHandleUsedAfterItsReleaseIsToldFromItsSuccessor) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  std::vector<Handle> old;
  for (int i = 0; i < 10'000; ++i) {
    auto buffer = session->allocate(1);
    ASSERT_OK(buffer);
    old.push_back(*buffer);
    ASSERT_OK(session->release(*buffer, soon()));
  }
  for (const Handle handle : old) {
    EXPECT_EQ(session->download(handle, soon()).error().code, Errc::not_found);
    EXPECT_EQ(session->submit({kFill, 0, handle.id, 0}, soon()).error().code,
              Errc::invalid_argument);
  }
  EXPECT_EQ(session->release(old[0], soon()).error().code, Errc::not_found);
}

TEST(Session, ABufferInALiveBindingSetIsNotReleased) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  auto a = session->allocate(4);
  auto set = session->bind(std::vector<Handle>{*a});
  ASSERT_OK(set);
  EXPECT_EQ(session->release(*a, soon()).error().code, Errc::invalid_argument);
  EXPECT_EQ(session->download(*set, soon()).error().code, Errc::invalid_argument);
  EXPECT_EQ(session->bind(std::vector<Handle>{*set}).error().code, Errc::invalid_argument);
  EXPECT_OK(session->release(*set, soon()));
  EXPECT_OK(session->release(*a, soon()));
}

TEST(Session, BudgetErrorsSayWhatWasAskedAndWhatIsLeft) {
  SessionOptions options = test_options();
  options.memory_budget_bytes = 1'000;
  auto session = Session::open(options);
  ASSERT_OK(session);
  auto a = session->allocate(600);
  ASSERT_OK(a);
  const auto refused = session->allocate(500);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::out_of_memory);
  EXPECT_NE(refused.error().message.find("500"), std::string::npos);
  EXPECT_NE(refused.error().message.find("400 bytes are available"), std::string::npos);
  EXPECT_OK(session->allocate(400));
  EXPECT_OK(session->release(*a, soon()));
  EXPECT_OK(session->allocate(600));
}

TEST(Session, HandlesWithoutBytesTakeOfTheBudgetToo) {
  SessionOptions options = test_options();
  options.memory_budget_bytes = 64 * kHandleBytes;
  auto session = Session::open(options);
  ASSERT_OK(session);
  std::vector<Handle> handles;
  for (;;) {
    const auto made = session->allocate(0);
    if (!made) {
      EXPECT_EQ(made.error().code, Errc::out_of_memory);
      EXPECT_NE(made.error().message.find("counts as 256"), std::string::npos)
          << made.error().message;
      break;
    }
    handles.push_back(*made);
    ASSERT_LE(handles.size(), 64u);
  }
  EXPECT_EQ(handles.size(), 64u);
  EXPECT_EQ(session->bind(std::vector<Handle>{handles[0]}).error().code, Errc::out_of_memory);
  ASSERT_OK(session->release(handles[1], soon()));
  const auto set = session->bind(std::vector<Handle>{handles[0]});
  ASSERT_OK(set);
  EXPECT_EQ(session->allocate(0).error().code, Errc::out_of_memory);
  ASSERT_OK(session->release(*set, soon()));
  EXPECT_OK(session->allocate(kHandleBytes)) << "what was given back is there again";
}

TEST(Session, AnImpossibleAllocationIsAnErrorNotACrash) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  EXPECT_EQ(session->allocate(~std::uint64_t{0}).error().code, Errc::out_of_memory);
  EXPECT_OK(session->allocate(0));
}

TEST(Session, OptionsOutOfRangeAreRefusedByName) {
  const auto refusal = [](auto change) {
    SessionOptions options = test_options();
    change(options);
    auto session = Session::open(options);
    return session ? std::string("opened") : session.error().message;
  };
  EXPECT_NE(refusal([](auto& o) { o.queues = 0; }).find("queues is 0"), std::string::npos);
  EXPECT_NE(refusal([](auto& o) { o.queues = 65; }).find("queues is 65"), std::string::npos);
  EXPECT_NE(refusal([](auto& o) { o.ring_slots = 100; }).find("ring_slots is 100"),
            std::string::npos);
  EXPECT_NE(refusal([](auto& o) { o.workers = 1'000; }).find("workers is 1000"), std::string::npos);
  EXPECT_NE(refusal([](auto& o) { o.fuel = 0; }).find("fuel is 0"), std::string::npos);
  EXPECT_NE(
      refusal([](auto& o) { o.close_timeout = std::chrono::seconds{-1}; }).find("close_timeout"),
      std::string::npos);
}

TEST(Session, SubmitRefusesUnknownQueuesFlagsOpsAndHandles) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  const auto code = [](const auto& result) {
    return result ? Errc::internal : result.error().code;
  };
  EXPECT_EQ(code(session->submit({kNop, 0, 0, 0}, soon(), 1)), Errc::invalid_argument);
  EXPECT_EQ(code(session->submit({kNop, 0, 0, 0}, soon(), 0, 64)), Errc::invalid_argument);
  EXPECT_EQ(code(session->submit({kFirstUserOp - 1, 0, 0, 0}, soon())), Errc::invalid_argument);
  EXPECT_EQ(code(session->submit({kFirstUserOp, 0, 0, 0}, soon())), Errc::invalid_argument);
  EXPECT_EQ(code(session->submit({~0u, 0, 0, 0}, soon())), Errc::invalid_argument);
  EXPECT_EQ(code(session->submit({kFill, 0, 77, 0}, soon())), Errc::invalid_argument);
  EXPECT_EQ(code(session->wait({0, 0}, soon())), Errc::invalid_argument);
  EXPECT_EQ(code(session->wait({9, 0}, soon())), Errc::invalid_argument);
  // Refused means that nothing was accepted.
  EXPECT_EQ(session->report().report.published_items, 0u);
}

TEST(Session, SubmitManyAcceptsThePrefixBeforeABadItem) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  auto a = session->allocate(4);
  const std::vector<MegakernelWorkItem> items{
      {kNop, 0, 0, 0}, {kNop, 0, 0, 0}, {kFill, 0, a->id, 5}, {999, 0, 0, 0}, {kFill, 0, a->id, 6}};
  const auto many = session->submit_many(items, soon());
  EXPECT_EQ(many.accepted, 3u);
  ASSERT_TRUE(many.stopped_by.has_value());
  EXPECT_EQ(many.stopped_by->code, Errc::invalid_argument);
  EXPECT_EQ(*session->download(*a, soon()), words({5}));
}

TEST(Session, PositionsOfOneSubmitManyAreNeighbours) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  auto a = session->allocate(4);
  std::vector<MegakernelWorkItem> items;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    items.push_back(i % 3 == 0 ? MegakernelWorkItem{kFill, 0, a->id, i}
                               : MegakernelWorkItem{kNop, 0, 0, 0});
  }
  const auto many = session->submit_many(items, soon());
  ASSERT_EQ(many.accepted, items.size());
  EXPECT_EQ(many.first.position, 0u);
  const auto last = session->wait({0, items.size() - 1}, soon());
  ASSERT_OK(last);
  EXPECT_EQ(*session->download(*a, soon()), words({19'998}));
}

TEST(Session, ResultsCanBeAskedAgainUntilTheHistoryBoundAndAreThenRefusedByName) {
  SessionOptions options = test_options();
  options.ring_slots = 64;
  TestHooks hooks;
  hooks.history = 128;
  auto session = open_for_tests(options, hooks);
  ASSERT_OK(session);
  const std::vector<MegakernelWorkItem> items(1'000, MegakernelWorkItem{kNop, 0, 0, 0});
  ASSERT_EQ(session->submit_many(items, soon()).accepted, 1'000u);
  ASSERT_OK(session->wait_all(soon()));
  EXPECT_OK(session->wait({0, 999}, soon()));
  EXPECT_OK(session->wait({0, 999}, soon()));
  EXPECT_OK(session->wait({0, 872}, soon()));
  const auto old = session->wait({0, 871}, soon());
  ASSERT_FALSE(old.has_value());
  EXPECT_EQ(old.error().code, Errc::not_found);
  EXPECT_NE(old.error().message.find("kDefaultHistory"), std::string::npos);
}

TEST(Session, AFaultThatManyLaterItemsPushOutOfTheHistoryIsStillFound) {
  SessionOptions options = test_options();
  options.ring_slots = 64;
  TestHooks hooks;
  hooks.history = 128;
  auto session = open_for_tests(options, hooks);
  ASSERT_OK(session);
  const auto fault = session->submit({kFill, 0, 0, 0}, soon());  // without an output
  const auto asked = session->submit({kFill, 0, 0, 0}, soon());
  ASSERT_OK(fault);
  ASSERT_OK(session->wait(*asked, soon()));
  const std::vector<MegakernelWorkItem> items(1'000, MegakernelWorkItem{kNop, 0, 0, 0});
  ASSERT_EQ(session->submit_many(items, soon()).accepted, 1'000u);
  const auto drained = session->wait_all(soon());
  ASSERT_OK(drained);
  EXPECT_EQ(drained->not_done, 2u);
  EXPECT_EQ(drained->failures_dropped, 0u);
  for (int time = 0; time < 2; ++time)
    EXPECT_EQ(outcome(*session->wait(*fault, soon())), "faulted bad_binding");
  const auto known = session->wait(*asked, soon());
  ASSERT_FALSE(known.has_value()) << "the caller has this one";
  EXPECT_NE(known.error().message.find("None of those was dropped"), std::string::npos);
  EXPECT_OK(session->close());
  EXPECT_EQ(outcome(*session->wait(*fault, soon())), "faulted bad_binding");
}

TEST(Session, AFaultNobodyAskedForIsKeptWhereOneThatWasAskedForStoodBefore) {
  SessionOptions options = test_options(1);
  options.ring_slots = 64;
  TestHooks hooks;
  hooks.history = 64;
  auto session = open_for_tests(options, hooks);
  ASSERT_OK(session);
  const std::vector<MegakernelWorkItem> nops(63, MegakernelWorkItem{kNop, 0, 0, 0});
  const MegakernelWorkItem faults{kFill, 0, 0, 0};  // without an output
  std::vector<Ticket> tickets;
  for (int round = 0; round < 3; ++round) {  // each time in the same place of the history
    const auto ticket = session->submit(faults, soon());
    ASSERT_OK(ticket);
    tickets.push_back(*ticket);
    if (round == 0) {
      ASSERT_OK(session->wait(*ticket, soon()));
    }
    ASSERT_EQ(session->submit_many(nops, soon()).accepted, nops.size());
  }
  ASSERT_EQ(session->submit_many(nops, soon()).accepted, nops.size());
  ASSERT_OK(session->wait_all(soon()));
  for (int round = 1; round < 3; ++round)
    EXPECT_EQ(outcome(*session->wait(tickets[round], soon())), "faulted bad_binding") << round;
}

TEST(Session, FaultsBeyondWhatIsKeptAreCounted) {
  SessionOptions options = test_options(1);  // items end in their order
  options.ring_slots = 64;
  TestHooks hooks;
  hooks.history = 64;
  auto session = open_for_tests(options, hooks);
  ASSERT_OK(session);
  constexpr std::uint64_t kDropped{10};
  const std::vector<MegakernelWorkItem> faults(kKeptFailures + kDropped, {kFill, 0, 0, 0});
  const std::vector<MegakernelWorkItem> items(64, MegakernelWorkItem{kNop, 0, 0, 0});
  ASSERT_EQ(session->submit_many(faults, soon()).accepted, faults.size());
  ASSERT_EQ(session->submit_many(items, soon()).accepted, items.size());
  const auto drained = session->wait_all(soon());
  ASSERT_OK(drained);
  EXPECT_EQ(drained->not_done, faults.size());
  EXPECT_EQ(drained->failures_dropped, kDropped);
  std::uint64_t found = 0;
  for (std::uint64_t p = 0; p < faults.size(); ++p) {
    const bool there = session->wait({0, p}, soon()).has_value();
    if (kBackendName == "cpu") {
      EXPECT_EQ(there, p >= kDropped) << "the oldest are dropped, not " << p;
    }
    found += there;
  }
  EXPECT_EQ(found, kKeptFailures);
  const auto lost = session->wait({0, 0}, soon());
  if (!lost) {
    EXPECT_EQ(lost.error().code, Errc::not_found);
    EXPECT_NE(lost.error().message.find("10 of those were dropped"), std::string::npos)
        << lost.error().message;
  }
}

TEST(Session, MovesAndTwoSessionsLiveSideBySide) {
  auto first = Session::open(test_options());
  auto second = Session::open(test_options());
  ASSERT_OK(first);
  ASSERT_OK(second);
  auto a = first->upload(words({1}));
  auto b = second->upload(words({2}));
  Session moved(std::move(*first));
  EXPECT_EQ(*moved.download(*a, soon()), words({1}));
  moved = std::move(*second);  // closes the first
  EXPECT_EQ(*moved.download(*b, soon()), words({2}));
  EXPECT_EQ(run(moved, {kNop, 0, 0, 0}), "done none");
}

TEST(Session, AfterCloseEverythingIsRefusedButResultsDownloadsAndTheReport) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  auto a = session->allocate(4);
  auto ticket = session->submit({kFill, 0, a->id, 3}, soon());
  ASSERT_OK(session->wait(*ticket, soon()));
  EXPECT_OK(session->close());
  EXPECT_OK(session->close());
  EXPECT_EQ(session->submit({kNop, 0, 0, 0}, soon()).error().code, Errc::closed);
  EXPECT_EQ(session->allocate(1).error().code, Errc::closed);
  EXPECT_EQ(*session->download(*a, soon()), words({3})) << "a finished result";
  EXPECT_EQ(session->write(*a, 0, Bytes{1}, soon()).error().code, Errc::closed);
  EXPECT_EQ(session->bind(std::vector<Handle>{*a}).error().code, Errc::closed);
  EXPECT_EQ(session->release(*a, soon()).error().code, Errc::closed);
  EXPECT_OK(session->wait(*ticket, soon()));
  EXPECT_EQ(session->report().report.items_processed, 1u);
}

}  // namespace
}  // namespace vyre::runtime::test

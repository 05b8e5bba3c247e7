// Orders that real workers show once in a thousand runs, made by hand: who waits for whom between
// queues, who is overtaken, and what goes on while the backend is slow.
#include <algorithm>
#include <future>
#include <thread>

#include "hand_backend.hpp"
#include "runtime/stream.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::chrono::seconds kLong{20};

class OrderByHand : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(hand_.session.has_value());
    for (Handle& buffer : buffers_) buffer = *hand_->allocate(4);
  }
  Result<Ticket> fill(std::size_t to, std::uint32_t queue, Deadline deadline = now()) {
    return hand_->submit({kFill, 0, buffers_[to].id, 7}, deadline, queue);
  }
  Result<Ticket> copy(std::size_t from, std::size_t to, std::uint32_t queue,
                      Deadline deadline = now()) {
    return hand_->submit({kCopy, buffers_[from].id, buffers_[to].id, 0}, deadline, queue);
  }
  static Errc code(const Result<Ticket>& result) {
    return result ? Errc::internal : result.error().code;
  }
  ByHand hand_;
  HandBackend& backend() { return *hand_.backend; }
  Handle buffers_[6];
};

TEST_F(OrderByHand, AWriterWaitsForEachOfSeveralReadersOfAnotherQueueWhicheverEndsLast) {
  std::vector<std::uint64_t> order{0, 1, 2};
  std::uint64_t first = 0;
  do {
    for (std::size_t k = 0; k < 3; ++k) ASSERT_OK(copy(0, 1 + k, 0));
    for (const std::uint64_t reader : order) {
      EXPECT_EQ(code(fill(0, 1)), Errc::deadline_exceeded) << "reader " << reader << " still runs";
      EXPECT_EQ(hand_->write(buffers_[0], 0, Bytes{1}, now()).error().code,
                Errc::deadline_exceeded);
      backend().end(0, first + reader);
    }
    ASSERT_OK(fill(0, 1));
    EXPECT_EQ(code(copy(0, 1, 0)), Errc::deadline_exceeded) << "a reader waits for the writer";
    backend().end_all(1);
    first += 3;
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(OrderByHand, AWriterWaitsForReadersOfSeveralOtherQueues) {
  ByHand hand(3);
  const Handle a = *hand->allocate(4);
  const Handle b = *hand->allocate(4);
  const Handle c = *hand->allocate(4);
  for (const std::uint32_t last : {0u, 1u}) {
    const auto one = hand->submit({kCopy, a.id, b.id, 0}, now(), 0);
    const auto two = hand->submit({kCopy, a.id, c.id, 0}, now(), 1);
    ASSERT_OK(one);
    ASSERT_OK(two);
    hand.backend->end(1 - last, (last == 0 ? two : one)->position);
    EXPECT_EQ(code(hand->submit({kFill, 0, a.id, 0}, now(), 2)), Errc::deadline_exceeded);
    hand.backend->end(last, (last == 0 ? one : two)->position);
    ASSERT_OK(hand->submit({kFill, 0, a.id, 0}, now(), 2));
    hand.backend->end_all(2);
  }
}

TEST_F(OrderByHand, ACancelledWriterDoesNotHideTheReadersItWasOrderedBehind) {
  ASSERT_OK(copy(0, 1, 0));
  ASSERT_OK(fill(0, 0));  // waits for the reader, by a flag
  backend().end(0, 1, CompletionStatus::cancelled, FaultCode::wall_time);
  EXPECT_EQ(code(fill(0, 1)), Errc::deadline_exceeded) << "the reader has not ended";
  backend().end(0, 0);
  EXPECT_OK(fill(0, 1));
}

TEST_F(OrderByHand, InsideAQueueConflictsBecomeFlags) {
  ASSERT_OK(copy(0, 1, 0));
  ASSERT_OK(fill(0, 0));
  EXPECT_EQ(backend().flags(0, 0), kQueueFlagNone);
  EXPECT_EQ(backend().flags(0, 1), kQueueFlagAfterPrevious);
  ASSERT_OK(fill(5, 0));
  EXPECT_EQ(backend().flags(0, 2), kQueueFlagNone) << "nothing in common";
  ASSERT_OK(copy(0, 2, 0));
  EXPECT_EQ(backend().flags(0, 3), kQueueFlagAfterAll) << "the writer is not just before";
  ASSERT_OK(copy(0, 3, 0));
  EXPECT_EQ(backend().flags(0, 4) & kQueueFlagAfterPrevious, 0u)
      << "readers do not wait for readers";
  ASSERT_OK(fill(0, 0));
  EXPECT_EQ(backend().flags(0, 5) & kQueueFlagAfterAll, kQueueFlagAfterAll) << "both readers";
  backend().end_all(0);
  ASSERT_OK(hand_->wait_all(soon()));
  ASSERT_OK(copy(0, 1, 0));
  ASSERT_OK(copy(0, 2, 0));
  ASSERT_OK(fill(0, 0));
  EXPECT_EQ(backend().flags(0, 8) & kQueueFlagAfterAll, kQueueFlagAfterAll)
      << "the reader just before is not the only one";
}

TEST_F(OrderByHand, AWriterWaitsForTheReadersAndNotForWhatLiesBetweenThem) {
  ASSERT_OK(copy(0, 1, 0));
  ASSERT_OK(hand_->submit({kNop, 0, 0, 0}, now(), 0));  // runs very long
  ASSERT_OK(copy(0, 2, 0));
  backend().end(0, 0);
  EXPECT_EQ(code(fill(0, 1)), Errc::deadline_exceeded);
  backend().end(0, 2);
  EXPECT_OK(fill(0, 1));
}

TEST_F(OrderByHand, ManyReadersInFlightAreAllWaitedFor) {
  std::vector<std::uint64_t> readers;
  for (int i = 0; i < 200; ++i) readers.push_back(copy(0, 1 + i % 5u, 0)->position);
  std::reverse(readers.begin(), readers.end());
  for (const std::uint64_t reader : readers) {
    ASSERT_EQ(code(fill(0, 1)), Errc::deadline_exceeded) << reader;
    backend().end(0, reader);
  }
  EXPECT_OK(fill(0, 1));
}

/// Readers of queue 0 come one after another, each before the last has ended, until `waits` has its
/// place; then it must come next.
template <class Call>
void expect_not_overtaken(ByHand& hand, const MegakernelWorkItem& reader, const Call& waits) {
  HandBackend& backend = *hand.backend;
  std::uint64_t running = hand->submit(reader, now(), 0)->position;
  std::future<bool> waiting = std::async(std::launch::async, waits);
  const Deadline until = after(kLong);
  for (;;) {
    const auto next = hand->submit(reader, now(), 0);
    if (!next) {
      EXPECT_EQ(next.error().code, Errc::deadline_exceeded);
      break;  // it stands behind the one that waits
    }
    if (Clock::now() >= until) {
      ADD_FAILURE() << "readers overtook for " << kLong.count() << " s";
      backend.end(0, next->position);
      break;
    }
    backend.end(0, running);
    running = next->position;
    std::this_thread::yield();
  }
  backend.end(0, running);
  EXPECT_TRUE(waiting.get());
}

TEST_F(OrderByHand, AWriterIsNotOvertakenByASteadyReaderOnAnotherQueue) {
  expect_not_overtaken(hand_, {kCopy, buffers_[0].id, buffers_[1].id, 0},
                       [&] { return fill(0, 1, after(2 * kLong)).has_value(); });
  EXPECT_EQ(code(copy(0, 1, 0)), Errc::deadline_exceeded) << "the writer runs now";
  backend().end_all(1);
  EXPECT_OK(copy(0, 1, 0));
}

TEST_F(OrderByHand, AWriteOfTheHostIsNotOvertakenByASteadyReader) {
  expect_not_overtaken(hand_, {kCopy, buffers_[0].id, buffers_[1].id, 0}, [&] {
    return hand_->write(buffers_[0], 0, Bytes{1}, after(2 * kLong)).has_value();
  });
  EXPECT_OK(copy(0, 1, 0));
}

TEST_F(OrderByHand, ADownloadIsNotOvertakenByASteadyWriter) {
  expect_not_overtaken(hand_, {kFill, 0, buffers_[0].id, 7},
                       [&] { return hand_->download(buffers_[0], after(2 * kLong)).has_value(); });
  EXPECT_OK(fill(0, 0));
}

TEST_F(OrderByHand, AWriterIsNotOvertakenByDownloadsEither) {
  ASSERT_OK(copy(0, 1, 0));
  std::future<bool> waiting =
      std::async(std::launch::async, [&] { return fill(0, 1, after(2 * kLong)).has_value(); });
  const Deadline until = after(kLong);
  for (;;) {
    const auto bytes = hand_->download(buffers_[0], now());
    if (!bytes) {
      EXPECT_EQ(bytes.error().code, Errc::deadline_exceeded);
      break;  // it stands behind the writer
    }
    if (Clock::now() >= until) {
      ADD_FAILURE() << "downloads overtook for " << kLong.count() << " s";
      break;
    }
    std::this_thread::yield();
  }
  backend().end(0, 0);
  EXPECT_TRUE(waiting.get());
}

TEST_F(OrderByHand, WhatGaveUpWaitingHoldsUpNoOther) {
  ASSERT_OK(copy(0, 1, 0));
  EXPECT_EQ(code(fill(0, 1)), Errc::deadline_exceeded);
  EXPECT_EQ(hand_->write(buffers_[0], 0, Bytes{1}, now()).error().code, Errc::deadline_exceeded);
  EXPECT_OK(copy(0, 2, 0)) << "neither of them waits any more";
}

TEST_F(OrderByHand, AnItemThatHasItsPlaceHoldsUpNobodyWhileTheRestOfItsCallWaits) {
  ASSERT_OK(hand_->submit({kNop, 0, 0, 0}, now(), 1));
  backend().end(1, 0);
  ASSERT_OK(copy(0, 2, 0));
  ASSERT_OK(copy(1, 3, 0));
  const MegakernelWorkItem both[]{{kFill, 0, buffers_[0].id, 7}, {kFill, 0, buffers_[1].id, 7}};
  std::future<std::uint64_t> call = std::async(std::launch::async, [&] {
    return std::uint64_t{hand_->submit_many(both, after(2 * kLong), 1).accepted};
  });
  backend().end(0, 0);  // the first item gets its place, the second waits for the other reader
  const Deadline until = after(kLong);
  const queue::Producer other = backend().rings(1).producer();
  while ((other.tail() == 1 || !other.published(1)) && Clock::now() < until)
    std::this_thread::yield();
  backend().end(1, 1);
  EXPECT_OK(hand_->download(buffers_[0], after(kLong)));
  backend().end(0, 1);
  EXPECT_EQ(call.get(), 2u);
}

TEST_F(OrderByHand, SubmitsThatWantEachOthersBuffersAllGetThrough) {
  ByHand hand(4);
  Handle shared[3];
  for (Handle& buffer : shared) buffer = *hand->allocate(4);
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    while (!stop) {
      for (std::uint32_t q = 0; q < 4; ++q) hand.backend->end_all(q);
      std::this_thread::yield();
    }
  });
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(test_seed() + t);
      for (int i = 0; i < 150; ++i) {
        const std::uint32_t from = random.below(3);
        const std::uint32_t to = (from + 1 + random.below(2)) % 3;
        refused += !hand->submit({kCopy, shared[from].id, shared[to].id, 0}, soon(), t);
        if (i % 10 == 0) refused += !hand->write(shared[to], 0, Bytes{1}, soon());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  stop = true;
  worker.join();
  EXPECT_EQ(refused, 0);
}

TEST_F(OrderByHand, ABackendThatIsSlowToMakeThingsHoldsUpNeitherSubmitsNorClose) {
  const auto program = vir::assemble(
      "workgroup 1, 1, 1;\nbuffer y: u32[1] read_write output live_out;\n"
      "region \"r\" { y[0] = 1; }\n");
  ASSERT_OK(program);
  struct Slow {
    const char* what;
    std::function<void(Session&, Handle)> call;
  };
  const Slow calls[]{
      {"allocate", [](Session& s, Handle) { (void)s.allocate(4); }},
      {"upload", [](Session& s, Handle) { (void)s.upload(Bytes{1}); }},
      {"bind", [](Session& s, Handle a) { (void)s.bind(std::vector<Handle>{a}); }},
      {"map_file", [](Session& s, Handle) { (void)s.map_file("/proc/self/exe"); }},
      {"register_program", [&](Session& s, Handle) { (void)s.register_program("p", *program); }},
      {"release", [](Session& s, Handle a) { (void)s.release(a, soon()); }},
  };
  for (const Slow& slow : calls) {
    SCOPED_TRACE(slow.what);
    ByHand hand(1);
    const Handle a = *hand->allocate(4);
    const Handle b = *hand->allocate(4);
    HandBackend::Gate& gate = hand.backend->memory;
    gate.shut();
    std::thread caller([&] { slow.call(*hand.session, a); });
    gate.await_caller();
    std::future<bool> others = std::async(std::launch::async, [&] {
      const bool submitted = hand->submit({kFill, 0, b.id, 1}, soon()).has_value();
      (void)hand->report();
      return hand->find_op("mem.fill").has_value() && submitted && hand->close().has_value();
    });
    EXPECT_EQ(others.wait_for(kLong), std::future_status::ready) << "they wait for the backend";
    gate.open();
    caller.join();
    EXPECT_TRUE(others.get());
  }
}

TEST_F(OrderByHand, AReportAndResultsDoNotWaitForACloseThatTakesLong) {
  const auto ticket = fill(0, 0);
  ASSERT_OK(ticket);
  backend().end(0, 0);
  backend().stopping.shut();
  std::thread closing([&] { EXPECT_OK(hand_->close()); });
  backend().stopping.await_caller();
  std::future<bool> others = std::async(std::launch::async, [&] {
    return hand_->report().report.items_processed == 1 && hand_->wait(*ticket, soon()) &&
           hand_->download(buffers_[0], soon()) && !hand_->submit({kNop, 0, 0, 0}, soon());
  });
  EXPECT_EQ(others.wait_for(kLong), std::future_status::ready);
  backend().stopping.open();
  closing.join();
  EXPECT_TRUE(others.get());
}

TEST_F(OrderByHand, WhatIsBeingReleasedIsRefusedAndWhatIsBeingMadeIsNotKnown) {
  HandBackend::Gate& gate = backend().memory;
  gate.shut();
  std::thread caller([&] { EXPECT_OK(hand_->release(buffers_[0], soon())); });
  gate.await_caller();
  EXPECT_EQ(code(fill(0, 0)), Errc::invalid_argument);
  EXPECT_EQ(hand_->release(buffers_[0], now()).error().code, Errc::not_found);
  EXPECT_EQ(hand_->download(buffers_[0], now()).error().code, Errc::not_found);
  gate.open();
  caller.join();
  EXPECT_EQ(hand_->download(buffers_[0], now()).error().code, Errc::not_found);
}

/// An observer that counts, and does in on_submit what a test wants.
class Watching : public SessionObserver {
 public:
  void on_program(OpHandle, std::string_view, const vir::Program&) override {}
  void on_buffer(Handle, ByteSpan, bool) override { ++buffers; }
  void on_write(Handle, std::uint64_t, ByteSpan) override {}
  void on_bind(Handle, std::span<const Handle>) override {}
  void on_release(Handle) override {}
  void on_submit(const Ticket&, const MegakernelWorkItem&, std::uint8_t,
                 std::chrono::nanoseconds) override {
    if (in_submit) in_submit();
    ++submits;
  }
  void on_completion(const ItemResult& result, std::chrono::nanoseconds) override {
    if (result.ticket.position >= submits) ++early;
    if (in_completion) in_completion();
    ++completions;
  }
  std::function<void()> in_submit;
  std::function<void()> in_completion;
  int buffers{0};
  std::atomic<std::uint64_t> submits{0};
  std::atomic<std::uint64_t> completions{0};
  std::atomic<int> early{0};
};

TEST_F(OrderByHand, AnItemIsPublishedBeforeASlowObserverHearsOfIt) {
  auto watching = std::make_shared<Watching>();
  watching->in_submit = [&] {
    EXPECT_TRUE(backend().rings(0).producer().published(watching->submits))
        << "its position would be given up as abandoned";
  };
  ASSERT_OK(hand_->observe(watching));
  ASSERT_OK(hand_->submit({kNop, 0, 0, 0}, now()));
  ASSERT_OK(fill(0, 0));
  EXPECT_EQ(watching->submits, 2u);
}

TEST(SlowObserver, DoesNotMakeItemsOfALiveProducerAbandoned) {
  SessionOptions options = test_options(2);
  options.producer_timeout = std::chrono::milliseconds{200};  // others use this machine, too
  auto session = Session::open(options);
  ASSERT_OK(session);
  auto watching = std::make_shared<Watching>();
  watching->in_submit = [] { std::this_thread::sleep_for(std::chrono::milliseconds{450}); };
  ASSERT_OK(session->observe(watching));
  EXPECT_EQ(run(*session, {kNop, 0, 0, 0}), "done none");
  EXPECT_OK(session->close());  // a waiting thread may see a result before its observer is told
  EXPECT_EQ(watching->early, 0) << "a completion was told before its submit";
  EXPECT_EQ(watching->completions, 1u);
}

TEST(LateObserver, IsAttachedBeforeASubmitOrRefusedButNeverMissesOne) {
  for (const bool plain : {true, false}) {
    auto watching = std::make_shared<Watching>();
    Session* opened = nullptr;
    TestHooks hooks;
    bool attached = false;
    hooks.looked_for_observer = [&] {
      if (opened != nullptr && !attached) attached = opened->observe(watching).has_value();
    };
    ByHand hand(1, test_options(1), hooks);
    const Handle a = *hand->allocate(4);
    opened = &*hand.session;
    const MegakernelWorkItem item{plain ? kNop : kFill, 0, plain ? 0 : a.id, 0};
    ASSERT_OK(hand->submit(item, now()));
    const std::vector<MegakernelWorkItem> more(3, {kNop, 0, 0, 0});
    ASSERT_EQ(hand->submit_many(more, now()).accepted, 3u);
    EXPECT_TRUE(attached);
    EXPECT_EQ(watching->submits, 4u);
    hand.backend->end_all(0);
    ASSERT_OK(hand->wait_all(soon()));
    EXPECT_EQ(watching->completions, 4u);
    EXPECT_EQ(watching->early, 0);
    ASSERT_OK(hand->observe(nullptr));
  }
}

TEST(HalfMade, ABufferWhoseBytesDoNotArriveLeavesNothingBehind) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = kHandleBytes;
  ByHand hand(1, options);
  hand.backend->fail_writes = true;
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(hand->upload(Bytes(100, 1)).error().code, Errc::device_lost);
  EXPECT_EQ(hand.backend->allocated, 0) << "buffers of the backend";
  EXPECT_OK(hand->allocate(100)) << "the budget is whole";
}

TEST(HalfMade, ABufferThatNoObserverCanBeToldOfLeavesNothingBehind) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = kHandleBytes;
  ByHand hand(1, options);
  hand.backend->hide_bytes = true;
  hand.backend->fail_reads = true;
  auto watching = std::make_shared<Watching>();
  ASSERT_OK(hand->observe(watching));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(hand->allocate(100).error().code, Errc::device_lost);
    EXPECT_EQ(hand->map_file("/proc/self/exe").error().code, Errc::device_lost);
  }
  EXPECT_EQ(hand.backend->allocated, 0);
  EXPECT_EQ(watching->buffers, 0);
  hand.backend->fail_reads = false;
  EXPECT_OK(hand->allocate(100));
  EXPECT_EQ(watching->buffers, 1);
}

TEST(HalfMade, ABindingSetThatTheBackendRefusesLeavesNothingBehind) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = 2 * kHandleBytes;
  ByHand hand(1, options);
  const Handle a = *hand->allocate(4);
  hand.backend->fail_makes = true;
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(hand->bind(std::vector<Handle>{a}).error().message, "there is no room for it");
  hand.backend->fail_makes = false;
  const auto set = hand->bind(std::vector<Handle>{a});
  ASSERT_OK(set);
  ASSERT_OK(hand->release(*set, soon()));
  EXPECT_OK(hand->release(a, soon())) << "no set names it";
}

TEST(HalfMade, AProgramThatTheBackendRefusesLeavesNothingBehind) {
  const auto program = vir::assemble(
      "workgroup 1, 1, 1;\nbuffer y: u32[1] read_write output live_out;\n"
      "region \"r\" { y[0] = 1; }\n");
  ASSERT_OK(program);
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = 32 * kHandleBytes;
  ByHand hand(1, options);
  hand.backend->fail_makes = true;
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(hand->register_program("p", *program).error().message, "there is no room for it");
  EXPECT_EQ(hand->find_op("p").error().code, Errc::not_found);
  hand.backend->fail_makes = false;
  EXPECT_OK(hand->register_program("p", *program)) << "neither its name nor its budget is taken";
}

TEST(HalfMade, AStreamThatTheBackendRefusesKeepsNoObserverOut) {
  ByHand hand(1);
  StreamOptions stream;
  stream.chunk_bytes = 4'096;
  stream.outputs = {{4, {}}};
  constexpr OpHandle kCrc32c{17};
  hand.backend->fail_makes = true;
  EXPECT_EQ(hand->stream(std::vector<std::string>{}, kCrc32c, stream).error().message,
            "there is no room for it");
  hand.backend->fail_makes = false;
  EXPECT_OK(hand->observe(std::make_shared<Watching>()));
}

TEST(HalfMade, AnObserverThatCannotBeToldOfEverythingIsNotAttached) {
  ByHand hand(1);
  ASSERT_OK(hand->allocate(4));
  hand.backend->hide_bytes = true;
  hand.backend->fail_reads = true;
  auto watching = std::make_shared<Watching>();
  EXPECT_EQ(hand->observe(watching).error().code, Errc::device_lost);
  EXPECT_OK(hand->allocate(4)) << "nobody has to be told of its bytes";
  EXPECT_OK(hand->submit({kNop, 0, 0, 0}, now()));
  hand.backend->end(0, 0);
  EXPECT_OK(hand->wait_all(soon()));
  EXPECT_EQ(watching->buffers, 0);
  EXPECT_EQ(watching->submits, 0u);
  EXPECT_EQ(watching->completions, 0u);
}

TEST(FullRing, ItemsTakeWhatRoomThereIsAtTheDeadlineEvenIfItIsLittle) {
  ByHand hand(1);
  const std::vector<MegakernelWorkItem> all(hand->options().ring_slots);
  ASSERT_EQ(hand->submit_many(all, now()).accepted, all.size());
  for (std::chrono::milliseconds patience{200};; patience *= 2) {
    const std::uint64_t waits = hand->report().queues.at(0).full_waits;
    const Deadline deadline = after(patience);
    std::future<Session::SubmitMany> call =
        std::async(std::launch::async, [&] { return hand->submit_many(all, deadline); });
    while (hand->report().queues.at(0).full_waits == waits) std::this_thread::yield();
    const std::uint64_t oldest = hand->report().queues.at(0).completed;
    for (std::uint64_t p = oldest; p < oldest + 3; ++p) hand.backend->end(0, p);
    const bool in_time = Clock::now() + patience / 4 < deadline;
    const Session::SubmitMany submitted = call.get();
    if (!in_time && patience < kLong) continue;  // this thread was kept from running
    EXPECT_EQ(submitted.accepted, 3u) << "far fewer than were asked for, but there was room";
    ASSERT_TRUE(submitted.stopped_by.has_value());
    EXPECT_EQ(submitted.stopped_by->code, Errc::queue_full);
    break;
  }
}

}  // namespace
}  // namespace vyre::runtime::test

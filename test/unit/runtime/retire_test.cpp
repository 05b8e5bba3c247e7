// Handles that are retired: over at once for callers, freed after their last use, and nothing of
// them is left. Deadlines of calls that make and release, where the backend is busy.
#include <thread>

#include "hand_backend.hpp"
#include "quiet_observer.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

/// Until `ready()`; a handle that is retired is freed by a thread of the session.
template <class Ready>
[[nodiscard]] bool eventually(const Ready& ready) {
  const Deadline until = soon();
  while (!ready()) {
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

Errc code_of(const Status& status) {
  return status ? Errc::internal : status.error().code;
}

TEST(Retire, AnIdleBufferIsFreedAtOnce) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = 10'000;
  auto session = Session::open(options);
  ASSERT_OK(session);
  for (int i = 0; i < 100; ++i) {
    const auto buffer = session->allocate(6'000);
    ASSERT_OK(buffer);
    EXPECT_OK(session->retire(*buffer));
  }
}

TEST(Retire, AHandleIsOverForEveryCallThatComesLater) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  const auto buffer = hand->allocate(64);
  ASSERT_OK(buffer);
  ASSERT_OK(hand->submit({kFill, 0, buffer->id, 1}, soon()));
  EXPECT_OK(hand->retire(*buffer));
  Bytes bytes(8);
  EXPECT_EQ(code_of(hand->retire(*buffer)), Errc::not_found) << "twice";
  EXPECT_EQ(code_of(hand->release(*buffer, soon())), Errc::not_found);
  EXPECT_EQ(code_of(hand->write(*buffer, 0, bytes, soon())), Errc::not_found);
  EXPECT_EQ(code_of(hand->download_into(*buffer, 0, bytes, soon())), Errc::not_found);
  EXPECT_EQ(hand->buffer_bytes(*buffer).error().code, Errc::not_found);
  EXPECT_EQ(hand->bind({{*buffer}}).error().code, Errc::not_found);
  EXPECT_EQ(hand->submit({kFill, 0, buffer->id, 1}, soon()).error().code, Errc::invalid_argument);
  hand.backend->end_all(0);
}

TEST(Retire, ABufferInUseIsFreedAfterItsLastItemThoughNoThreadWaits) {
  ByHand hand(2);
  ASSERT_TRUE(hand.session);
  const auto buffer = hand->allocate(64);
  const auto other = hand->allocate(64);
  ASSERT_OK(buffer);
  ASSERT_OK(hand->submit({kCopy, buffer->id, other->id, 0}, soon()));
  ASSERT_OK(hand->submit({kNop, 0, 0, 0}, soon()));
  EXPECT_OK(hand->retire(*buffer));
  hand.backend->end(0, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_EQ(hand.backend->allocated, 2) << "the item that reads it has not ended";
  hand.backend->end(0, 0);
  EXPECT_TRUE(eventually([&] { return hand.backend->allocated == 1; }));
}

TEST(Retire, NeverWaitsWhereTheBackendIsBusyAndTheBufferIsFreedLater) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  const auto buffer = hand->allocate(64);
  ASSERT_OK(buffer);
  hand.backend->busy = true;
  EXPECT_OK(hand->retire(*buffer));
  EXPECT_EQ(hand.backend->allocated, 1);
  hand.backend->busy = false;
  EXPECT_TRUE(eventually([&] { return hand.backend->allocated == 0; }));
}

TEST(Retire, ABufferInABindingSetStaysUntilTheSetIsRetired) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  const auto a = hand->allocate(64);
  const auto b = hand->allocate(64);
  const auto set = hand->bind(std::array{*a, *b});
  ASSERT_OK(set);
  EXPECT_OK(hand->retire(*a));
  const auto item = hand->submit({kFill, 0, set->id, 1}, soon());
  EXPECT_OK(item) << "the set is alive, and with it what it names";
  EXPECT_EQ(hand.backend->allocated, 2);
  EXPECT_OK(hand->retire(*set));
  EXPECT_EQ(hand.backend->allocated, 2);
  hand.backend->end_all(0);
  EXPECT_TRUE(eventually([&] { return hand.backend->allocated == 1; })) << "b is alive";
}

TEST(Retire, AnAllocationWaitsForTheRetiredBytesThatItNeeds) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = 10'000;
  ByHand hand(1, options);
  ASSERT_TRUE(hand.session);
  const auto buffer = hand->allocate(6'000);
  ASSERT_OK(buffer);
  ASSERT_OK(hand->submit({kFill, 0, buffer->id, 1}, soon()));
  EXPECT_EQ(hand->allocate(6'000, now()).error().code, Errc::out_of_memory) << "it is alive";
  EXPECT_OK(hand->retire(*buffer));
  const auto late = hand->allocate(6'000, after(std::chrono::milliseconds{5}));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Errc::deadline_exceeded) << "it can be had later";
  EXPECT_NE(late.error().message.find("retired"), std::string::npos) << late.error().message;
  std::thread ender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
    hand.backend->end_all(0);
  });
  EXPECT_OK(hand->allocate(6'000, soon()));
  ender.join();
  EXPECT_EQ(hand->allocate(20'000, soon()).error().code, Errc::out_of_memory)
      << "nothing that was retired is left to wait for";
}

TEST(Retire, AnAllocationDoesNotWaitForWhatItsOwnCallerHolds) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = 10'000;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const auto member = session->allocate(6'000);
  const auto set = session->bind({{*member}});
  ASSERT_OK(set);
  EXPECT_OK(session->retire(*member));
  EXPECT_EQ(session->allocate(6'000, soon()).error().code, Errc::out_of_memory) << "a set has it";
  EXPECT_OK(session->retire(*set));
  const auto leased = session->allocate(6'000, soon());
  ASSERT_OK(leased) << "the set has let it go";
  ASSERT_OK(session->lease(*leased, LeaseAccess::read, soon()));
  EXPECT_OK(session->retire(*leased));
  EXPECT_EQ(session->allocate(6'000, soon()).error().code, Errc::out_of_memory) << "a lease has it";
  EXPECT_OK(session->unlease(*leased));
  EXPECT_OK(session->allocate(6'000, soon()));
}

TEST(Retire, OfManyThousandsInFlightNothingIsLeft) {
  SessionOptions options = test_options(2, 2);
  options.ring_slots = 64;
  options.memory_budget_bytes = 64 * kHandleBytes;
  auto session = Session::open(options);
  ASSERT_OK(session);
  for (std::uint32_t i = 0; i < 5'000; ++i) {
    const auto buffer = session->allocate(16, soon());
    ASSERT_OK(buffer) << i;
    ASSERT_OK(session->submit({kFill, 0, buffer->id, i}, soon(), i % 2));
    ASSERT_OK(session->retire(*buffer));
  }
  const auto all = session->allocate(63 * kHandleBytes, soon());
  EXPECT_OK(all) << "the whole budget is there again";
}

TEST(Retire, CloseWithRetiredBuffersInFlightLeavesNothing) {
  for (int round = 0; round < 20; ++round) {
    auto session = Session::open(test_options(2));
    ASSERT_OK(session);
    for (std::uint32_t i = 0; i < 200; ++i) {
      const auto buffer = session->allocate(1'000);
      ASSERT_OK(session->submit({kFill, 0, buffer->id, i}, soon()));
      ASSERT_OK(session->retire(*buffer));
    }
    EXPECT_OK(session->close());
    EXPECT_EQ(session->retire({1, 0, 0}).error().code, Errc::closed);
  }
}

TEST(Retire, TheObserverHearsOfItAfterTheLastItem) {
  struct Heard : QuietObserver {
    void on_release(Handle handle) override { released.push_back(handle.id); }
    std::vector<std::uint32_t> released;
  };
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  auto heard = std::make_shared<Heard>();
  ASSERT_OK(hand->observe(heard));
  const auto buffer = hand->allocate(64);
  ASSERT_OK(hand->submit({kFill, 0, buffer->id, 1}, soon()));
  EXPECT_OK(hand->retire(*buffer));
  hand.backend->end_all(0);
  EXPECT_TRUE(eventually([&] { return hand.backend->allocated == 0; }));
  ASSERT_OK(hand->observe(nullptr));
  EXPECT_EQ(heard->released, std::vector<std::uint32_t>{buffer->id});
}

// ---- deadlines ----

TEST(MakeDeadlines, CallsThatMakeOrReleaseEndInTimeWhileAnotherHasTheBackend) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  const auto buffer = hand->allocate(64);
  ASSERT_OK(buffer);
  hand.backend->memory.shut();
  std::thread other([&] { EXPECT_OK(hand->allocate(64)); });
  hand.backend->memory.await_caller();
  const auto short_wait = [] { return after(std::chrono::milliseconds{5}); };
  const auto program = vir::assemble(
      "workgroup 1, 1, 1; buffer y: u32[1] read_write output live_out; region \"r\" { y[0] = 1; }");
  ASSERT_OK(program);
  EXPECT_EQ(hand->allocate(64, short_wait()).error().code, Errc::deadline_exceeded);
  EXPECT_EQ(hand->upload(Bytes(8), short_wait()).error().code, Errc::deadline_exceeded);
  EXPECT_EQ(hand->bind({{*buffer}}, short_wait()).error().code, Errc::deadline_exceeded);
  EXPECT_EQ(hand->map_file("/proc/self/exe", {}, short_wait()).error().code,
            Errc::deadline_exceeded);
  EXPECT_EQ(hand->register_program("p", *program, short_wait()).error().code,
            Errc::deadline_exceeded);
  EXPECT_OK(hand->release(*buffer, short_wait())) << "the handle is over; the rest comes by itself";
  EXPECT_EQ(hand->buffer_bytes(*buffer).error().code, Errc::not_found);
  hand.backend->memory.open();
  other.join();
  EXPECT_TRUE(eventually([&] { return hand.backend->allocated == 1; })) << "what `other` has";
  EXPECT_OK(hand->register_program("p", *program, soon()));
}

TEST(MakeDeadlines, WhatFailsAtItsDeadlineLeavesNothingOfTheBudget) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = 10'000;
  ByHand hand(1, options);
  ASSERT_TRUE(hand.session);
  hand.backend->memory.shut();
  std::thread other([&] { EXPECT_OK(hand->allocate(1'000)); });
  hand.backend->memory.await_caller();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(hand->allocate(5'000, now()).error().code, Errc::deadline_exceeded);
  hand.backend->memory.open();
  other.join();
  EXPECT_OK(hand->allocate(8'000, soon()));
}

}  // namespace
}  // namespace vyre::runtime::test

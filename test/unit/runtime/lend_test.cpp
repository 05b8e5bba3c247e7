// Memory that a session and its callers lend each other: leases of buffers, and buffers over memory
// of the caller.
#include <atomic>
#include <thread>

#include "hand_backend.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::uint32_t kSum{3};
constexpr LeaseAccess kRead{LeaseAccess::read};
constexpr LeaseAccess kWrite{LeaseAccess::read_write};

/// deadline_exceeded that names a lease of the handle.
void expect_leased(const std::optional<Error>& error, const Handle& handle) {
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::deadline_exceeded);
  EXPECT_TRUE(retryable(*error));
  EXPECT_NE(error->message.find("leased"), std::string::npos) << error->message;
  EXPECT_NE(error->message.find(std::to_string(handle.id)), std::string::npos) << error->message;
}
template <class T>
std::optional<Error> error_of(const Result<T>& result) {
  if (result) return std::nullopt;
  return result.error();
}

TEST(Lease, IsTheMemoryItselfAndWhatIsWrittenIsWhatItemsRead) {
  ONLY_ON_CPU("a device has a copy");
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  const auto in = session->upload(words({1, 2, 3}));
  const auto out = session->allocate(4);
  ASSERT_OK(session->submit({kFill, 0, in->id, 7}, soon()));
  {
    const auto bytes = session->lease(*in, kWrite, soon());
    ASSERT_OK(bytes);
    ASSERT_EQ(bytes->size(), 12u);
    EXPECT_EQ((*bytes)[4], 7u) << "after the items that were submitted before";
    (*bytes)[0] = 100;
    EXPECT_OK(session->unlease(*in));
  }
  ASSERT_EQ(run(*session, {kSum, in->id, out->id, 0}), "done none");
  EXPECT_EQ(session->download(*out, soon()).value()[0], 100 + 7 + 7);
}

TEST(Lease, ItemsAndCopiesThatConflictWaitAndTheirErrorNamesIt) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  const auto a = hand->allocate(16);
  const auto b = hand->allocate(16);
  Bytes bytes(4);
  ASSERT_OK(hand->lease(*a, kRead, soon()));
  ASSERT_OK(hand->lease(*a, kRead, soon())) << "readers share it";
  expect_leased(error_of(hand->submit({kFill, 0, a->id, 1}, now())), *a);
  expect_leased(error_of(hand->write(*a, 0, bytes, now())), *a);
  expect_leased(error_of(hand->lease(*a, kWrite, now())), *a);
  expect_leased(error_of(hand->release(*a, now())), *a);
  EXPECT_OK(hand->submit({kCopy, a->id, b->id, 0}, now())) << "it reads, too";
  EXPECT_OK(hand->download_into(*a, 0, bytes, soon()));
  hand.backend->end_all(0);
  EXPECT_OK(hand->unlease(*a));
  expect_leased(error_of(hand->submit({kFill, 0, a->id, 1}, now())), *a);
  EXPECT_OK(hand->unlease(*a));
  EXPECT_OK(hand->submit({kFill, 0, a->id, 1}, soon()));
  hand.backend->end_all(0);

  ASSERT_OK(hand->lease(*a, kWrite, soon()));
  expect_leased(error_of(hand->submit({kCopy, a->id, b->id, 0}, now())), *a);
  expect_leased(error_of(hand->download_into(*a, 0, bytes, now())), *a);
  expect_leased(error_of(hand->lease(*a, kRead, now())), *a);
  std::thread waits([&] { EXPECT_OK(hand->submit({kCopy, a->id, b->id, 0}, soon())); });
  EXPECT_OK(hand->unlease(*a));
  waits.join();
  hand.backend->end_all(0);
}

TEST(Lease, WaitsForTheItemsThatUseTheBufferUpToItsDeadline) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  const auto a = hand->allocate(16);
  ASSERT_OK(hand->submit({kFill, 0, a->id, 1}, soon()));
  EXPECT_EQ(hand->lease(*a, kRead, now()).error().code, Errc::deadline_exceeded);
  hand.backend->end_all(0);
  EXPECT_OK(hand->lease(*a, kRead, soon()));
  EXPECT_OK(hand->unlease(*a));
}

TEST(Lease, OfADeviceIsACopyThatGoesBackOnce) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  hand.backend->hide_bytes = true;
  const auto a = hand->upload(words({1, 2}));
  ASSERT_OK(a);
  {
    const auto first = hand->lease(*a, kRead, soon());
    const auto second = hand->lease(*a, kRead, soon());
    EXPECT_EQ(first->data(), second->data()) << "readers share one copy";
    EXPECT_EQ((*first)[4], 2u);
    EXPECT_OK(hand->unlease(*a));
    EXPECT_OK(hand->unlease(*a));
  }
  const auto bytes = hand->lease(*a, kWrite, soon());
  ASSERT_OK(bytes);
  (*bytes)[0] = 9;
  EXPECT_OK(hand->unlease(*a));
  EXPECT_EQ(hand->download(*a, soon()).value(), words({9, 2}));
  hand.backend->fail_reads = true;
  EXPECT_EQ(hand->lease(*a, kRead, soon()).error().code, Errc::device_lost);
  hand.backend->fail_reads = false;
  EXPECT_OK(hand->lease(*a, kWrite, soon())) << "nothing is left of the one that failed";
  EXPECT_OK(hand->unlease(*a));
}

TEST(Lease, MistakesGetAnswers) {
  auto session = Session::open(test_options(1));
  auto other = Session::open(test_options(1));
  ASSERT_OK(session);
  const auto a = session->allocate(16);
  const auto b = session->allocate(16);
  const auto set = session->bind(std::array{*a, *b});
  const auto file = session->map_file("/proc/self/exe");
  EXPECT_EQ(session->unlease(*a).error().code, Errc::invalid_argument) << "none was taken";
  EXPECT_EQ(session->lease(*set, kRead, soon()).error().code, Errc::invalid_argument);
  EXPECT_EQ(session->lease(*file, kRead, soon()).error().code, Errc::unsupported);
  EXPECT_EQ(other->lease(*a, kRead, soon()).error().code, Errc::invalid_argument);
  EXPECT_EQ(other->unlease(*a).error().code, Errc::invalid_argument);
  ASSERT_OK(session->lease(*a, kRead, soon()));
  EXPECT_OK(session->unlease(*a));
  EXPECT_EQ(session->unlease(*a).error().code, Errc::invalid_argument) << "twice";
  ASSERT_OK(session->release(*set, soon()));
  ASSERT_OK(session->lease(*a, kWrite, soon()));
  EXPECT_OK(session->retire(*a));
  EXPECT_EQ(session->lease(*a, kRead, soon()).error().code, Errc::not_found);
  EXPECT_OK(session->unlease(*a)) << "the lease of a retired handle can be given back";
  ASSERT_OK(session->lease(*b, kWrite, soon()));
  EXPECT_OK(session->close()) << "a lease keeps nothing from ending";
  EXPECT_EQ(session->lease(*b, kWrite, soon()).error().code, Errc::closed);
  const auto given_back = session->unlease(*b);
  EXPECT_EQ(given_back.has_value(), kBackendName == "cpu") << "a device that has ended takes none";
  EXPECT_OK(session->lease(*b, kRead, soon())) << "results stay readable";
}

// ---- imported memory ----

struct alignas(16) Memory {
  std::uint8_t bytes[64]{};
};
void count(void* counter) {
  ++*static_cast<std::atomic<int>*>(counter);
}
[[nodiscard]] bool becomes(const std::atomic<int>& counter, int value) {
  const Deadline until = soon();
  while (counter != value && Clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  return counter == value;
}

TEST(Import, ItemsReadAndWriteTheMemoryOfTheCaller) {
  Memory memory;
  std::atomic<int> done{0};
  auto session = Session::open(test_options(2));
  ASSERT_OK(session);
  const auto mine = session->import(memory.bytes, {true, count, &done});
  ASSERT_OK(mine);
  ASSERT_EQ(run(*session, {kFill, 0, mine->id, 0x01010101}), "done none");
  EXPECT_EQ(memory.bytes[63], 1);
  memory.bytes[0] = 5;
  EXPECT_EQ(session->download(*mine, soon()).value()[0], 5);
  EXPECT_EQ(session->lease(*mine, kRead, soon())->data(), memory.bytes);
  EXPECT_OK(session->unlease(*mine));
  EXPECT_EQ(done, 0);
  EXPECT_OK(session->retire(*mine));
  EXPECT_TRUE(becomes(done, 1));
}

TEST(Import, TheCallerHasItsMemoryBackAfterTheLastItemAndOnlyOnce) {
  ONLY_ON_CPU("the hook is of its workers");
  std::atomic<bool> held{true};
  TestHooks hooks;
  hooks.worker_dies = [&held](std::uint32_t, std::uint64_t) {
    while (held) std::this_thread::yield();
    return false;
  };
  Memory memory;
  std::atomic<int> done{0};
  {
    auto session = open_for_tests(test_options(1), hooks);
    ASSERT_OK(session);
    const auto mine = session->import(memory.bytes, {true, count, &done});
    const auto item = session->submit({kFill, 0, mine->id, 0x02020202}, soon());
    ASSERT_OK(item);
    EXPECT_OK(session->retire(*mine));
    EXPECT_EQ(done, 0);
    held = false;
    EXPECT_TRUE(becomes(done, 1)) << "without a call";
    EXPECT_EQ(memory.bytes[9], 2);
  }
  EXPECT_EQ(done, 1);
}

TEST(Import, WhatIsAliveWhenTheSessionIsGoneComesBackThen) {
  Memory memory;
  std::atomic<int> done{0};
  {
    auto session = Session::open(test_options(1));
    ASSERT_OK(session->import(memory.bytes, {true, count, &done}));
    EXPECT_OK(session->close());
    EXPECT_EQ(done, 0) << "its results stay readable";
  }
  EXPECT_EQ(done, 1);
}

TEST(Import, ADoneCallMayCallTheSessionAndMayEndIt) {
  struct Context {
    std::optional<Session> session;
    std::atomic<int> done{0};
  };
  for (const bool in_flight : {false, true}) {
    Memory memory;
    Context context;
    auto opened = Session::open(test_options(1));
    ASSERT_OK(opened);
    context.session.emplace(std::move(*opened));
    const auto ends_it = [](void* given) {
      auto* const it = static_cast<Context*>(given);
      EXPECT_OK(it->session->allocate(16));
      it->session.reset();
      ++it->done;
    };
    const auto mine = context.session->import(memory.bytes, {true, ends_it, &context});
    ASSERT_OK(mine);
    if (in_flight) {
      for (int i = 0; i < 2'000; ++i)
        ASSERT_OK(context.session->submit({kFill, 0, mine->id, 1}, soon()));
    }
    EXPECT_OK(context.session->retire(*mine));
    EXPECT_TRUE(becomes(context.done, 1));
  }
}

TEST(Import, MemoryLentForReadingIsNotWritten) {
  Memory memory;
  auto session = Session::open(test_options(1));
  const auto mine = session->import(memory.bytes, {false});
  ASSERT_OK(mine);
  const auto out = session->allocate(4);
  EXPECT_EQ(run(*session, {kSum, mine->id, out->id, 0}), "done none");
  EXPECT_EQ(run(*session, {kFill, 0, mine->id, 1}), "faulted bad_binding");
  EXPECT_EQ(session->write(*mine, 0, Bytes{1}, soon()).error().code, Errc::invalid_argument);
  EXPECT_EQ(session->lease(*mine, kWrite, soon()).error().code, Errc::invalid_argument);
  EXPECT_OK(session->lease(*mine, kRead, soon()));
}

TEST(Import, WhereItFailsTheMemoryStaysTheCallers) {
  Memory memory;
  std::atomic<int> done{0};
  {
    ByHand hand(1);
    ASSERT_TRUE(hand.session);
    const auto refused = hand->import(memory.bytes, {true, count, &done});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::unsupported);
    EXPECT_NE(refused.error().message.find("upload"), std::string::npos);
    const MutableByteSpan crooked{memory.bytes + 1, 16};
    EXPECT_EQ(hand->import(crooked, {true, count, &done}).error().code, Errc::invalid_argument);
    const MutableByteSpan none{static_cast<std::uint8_t*>(nullptr), 16};
    EXPECT_EQ(hand->import(none, {true, count, &done}).error().code, Errc::invalid_argument);
  }
  EXPECT_EQ(done, 0);
}

TEST(Import, TakesNothingOfTheBudgetButItsHandle) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = 2 * kHandleBytes;
  std::vector<Memory> large(1'000);
  const MutableByteSpan bytes{large[0].bytes, sizeof(Memory) * large.size()};
  auto session = Session::open(options);
  for (int i = 0; i < 3; ++i) {
    const auto mine = session->import(bytes);
    ASSERT_OK(mine);
    EXPECT_OK(session->release(*mine, soon()));
  }
  EXPECT_OK(session->allocate(1));
  EXPECT_OK(session->allocate(1));
}

}  // namespace
}  // namespace vyre::runtime::test

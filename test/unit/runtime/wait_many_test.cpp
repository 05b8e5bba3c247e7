// Waiting for many items at once: any of them, some, all; across queues; out of order; and what is
// refused. Also the descriptor that tells poll() of ends.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "hand_backend.hpp"

namespace vyre::runtime::test {
namespace {

std::vector<Ticket> submit_nops(Session& session, std::size_t count, std::uint32_t queue = 0) {
  const std::vector<MegakernelWorkItem> items(count, MegakernelWorkItem{kNop, 0, 0, 0});
  std::vector<Ticket> tickets;
  while (tickets.size() < count) {
    const auto many = session.submit_many(std::span(items).subspan(tickets.size()), soon(), queue);
    EXPECT_FALSE(many.stopped_by) << to_string(*many.stopped_by);
    if (many.accepted == 0) break;
    for (std::uint64_t i = 0; i < many.accepted; ++i)
      tickets.push_back({queue, many.first.position + i, many.first.session});
  }
  return tickets;
}

std::size_t known(const std::vector<std::optional<ItemResult>>& results) {
  return static_cast<std::size_t>(std::count_if(
      results.begin(), results.end(), [](const auto& result) { return result.has_value(); }));
}

TEST(WaitMany, AllOfManyItemsOfSeveralQueuesComeWithTheirResults) {
  auto session = Session::open(test_options(2, 3));
  ASSERT_OK(session);
  std::vector<Ticket> tickets;
  for (std::uint32_t q = 0; q < 3; ++q) {
    const auto some = submit_nops(*session, 5'000, q);
    tickets.insert(tickets.end(), some.begin(), some.end());
  }
  std::reverse(tickets.begin(), tickets.end());
  std::vector<std::optional<ItemResult>> results(tickets.size());
  const auto waited = session->wait_many(tickets, tickets.size(), soon(), results);
  EXPECT_FALSE(waited.stopped_by) << to_string(*waited.stopped_by);
  EXPECT_EQ(waited.ended, tickets.size());
  for (std::size_t i = 0; i < tickets.size(); ++i) {
    ASSERT_TRUE(results[i]);
    EXPECT_EQ(results[i]->ticket.queue, tickets[i].queue);
    EXPECT_EQ(results[i]->ticket.position, tickets[i].position);
    EXPECT_EQ(outcome(*results[i]), "done none");
  }
}

TEST(WaitMany, OneThatEndsOutOfOrderIsEnoughWhereOneIsWaitedFor) {
  ByHand hand(2);
  ASSERT_TRUE(hand.session);
  std::vector<Ticket> tickets = submit_nops(*hand.session, 20, 0);
  const auto others = submit_nops(*hand.session, 20, 1);
  tickets.insert(tickets.end(), others.begin(), others.end());
  std::vector<std::optional<ItemResult>> results(tickets.size());
  std::thread ender([&] { hand.backend->end(1, 13); });
  const auto waited = hand->wait_many(tickets, 1, soon(), results);
  ender.join();
  EXPECT_FALSE(waited.stopped_by);
  EXPECT_EQ(waited.ended, 1u);
  EXPECT_EQ(known(results), 1u);
  EXPECT_TRUE(results[33]) << "position 13 of queue 1";
  hand.backend->end_all(0);
  hand.backend->end_all(1);
}

TEST(WaitMany, SomeAreEnoughAndTheOthersStayPending) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  const auto tickets = submit_nops(*hand.session, 100);
  for (const std::uint64_t position : {90u, 10u, 50u}) hand.backend->end(0, position);
  std::vector<std::optional<ItemResult>> results(tickets.size());
  auto waited = hand->wait_many(tickets, 3, soon(), results);
  EXPECT_FALSE(waited.stopped_by);
  EXPECT_EQ(waited.ended, 3u);
  EXPECT_TRUE(results[10] && results[50] && results[90]);
  EXPECT_EQ(known(results), 3u);
  waited = hand->wait_many(tickets, 4, now(), results);
  ASSERT_TRUE(waited.stopped_by);
  EXPECT_EQ(waited.stopped_by->code, Errc::deadline_exceeded);
  EXPECT_TRUE(retryable(*waited.stopped_by));
  EXPECT_EQ(waited.ended, 3u) << "and results come all the same";
  EXPECT_EQ(known(results), 3u);
  waited = hand->wait_many(tickets, 0, now(), results);
  EXPECT_FALSE(waited.stopped_by) << "nothing was waited for";
  EXPECT_EQ(waited.ended, 3u);
  hand.backend->end_all(0);
  waited = hand->wait_many(tickets, 1'000, soon());
  EXPECT_FALSE(waited.stopped_by);
  EXPECT_EQ(waited.ended, 100u) << "no more than there are";
}

TEST(WaitMany, NothingIsTheSameAsNoTickets) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  const auto waited = session->wait_many({}, 5, now());
  EXPECT_FALSE(waited.stopped_by);
  EXPECT_EQ(waited.ended, 0u);
}

TEST(WaitMany, TheSameTicketTwiceCountsTwice) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session);
  auto tickets = submit_nops(*hand.session, 2);
  tickets[1] = tickets[0];
  hand.backend->end(0, 0);
  std::vector<std::optional<ItemResult>> results(2);
  const auto waited = hand->wait_many(tickets, 2, soon(), results);
  EXPECT_EQ(waited.ended, 2u);
  EXPECT_EQ(known(results), 2u);
  hand.backend->end_all(0);
}

TEST(WaitMany, TicketsThatAreNoneAreRefusedBeforeAnythingIsWaitedFor) {
  ByHand hand(1);
  ByHand other(1);
  ASSERT_TRUE(hand.session && other.session);
  const auto mine = submit_nops(*hand.session, 1);
  const auto theirs = submit_nops(*other.session, 1);
  const auto refused = [&](const Ticket& bad, const std::string& text) {
    const std::vector<Ticket> tickets{mine[0], bad};
    for (const auto& error : {hand->wait_many(tickets, 2, soon()).stopped_by,
                              std::optional<Error>(hand->cancel(tickets).error())}) {
      ASSERT_TRUE(error);
      EXPECT_EQ(error->code, Errc::invalid_argument);
      EXPECT_NE(error->message.find(text), std::string::npos) << error->message;
    }
  };
  refused(theirs[0], "number " + std::to_string(other->number()));
  refused(theirs[0], "session " + std::to_string(hand->number()));
  refused({1, 0, hand->number()}, "queue 1");
  refused({0, 1, hand->number()}, "never submitted");
  std::vector<std::optional<ItemResult>> wrong(3);
  EXPECT_EQ(hand->wait_many(mine, 1, soon(), wrong).stopped_by->code, Errc::invalid_argument);
  hand.backend->end_all(0);
  other.backend->end_all(0);
}

TEST(WaitMany, AResultThatWasDroppedIsSaidAndTheOthersAreThere) {
  SessionOptions options = test_options(1);
  options.ring_slots = 32;
  TestHooks hooks;
  hooks.history = 64;
  auto session = open_for_tests(options, hooks);
  ASSERT_OK(session);
  const auto tickets = submit_nops(*session, 500);
  ASSERT_OK(session->wait_all(soon()));
  const std::vector<Ticket> two{tickets.front(), tickets.back()};
  std::vector<std::optional<ItemResult>> results(2);
  const auto waited = session->wait_many(two, 2, soon(), results);
  EXPECT_EQ(waited.ended, 2u);
  ASSERT_TRUE(waited.stopped_by);
  EXPECT_EQ(waited.stopped_by->code, Errc::not_found);
  EXPECT_FALSE(results[0]);
  EXPECT_TRUE(results[1]);
  EXPECT_FALSE(session->wait_many(two, 2, soon()).stopped_by) << "no caller wants its result";
}

TEST(WaitMany, NoEndIsMissedWhileThreadsSubmitAndWait) {
  SessionOptions options = test_options(2, 2);
  options.ring_slots = 64;
  auto session = Session::open(options);
  ASSERT_OK(session);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Random random(test_seed() + t);
      for (int round = 0; round < 150 * test_scale(); ++round) {
        const auto tickets = submit_nops(*session, 1 + random.below(100), t % 2);
        const std::size_t least = random.below(static_cast<std::uint32_t>(tickets.size()) + 1);
        const auto waited = session->wait_many(tickets, least, soon());
        EXPECT_FALSE(waited.stopped_by) << to_string(*waited.stopped_by);
        EXPECT_GE(waited.ended, least);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(WaitMany, TheCostGrowsWithTheTicketsAndNotWithTheirSquare) {
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  // The tickets of a whole history, the last of which have not ended yet when the wait begins.
  const auto tickets = submit_nops(*session, 60'000);
  const auto begin = Clock::now();
  EXPECT_EQ(session->wait_many(tickets, tickets.size(), soon()).ended, tickets.size());
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{2}) << "its square is 3.6 billion";
}

// ---- the descriptor ----

bool readable(int descriptor, std::chrono::milliseconds bound = std::chrono::seconds{30}) {
  pollfd wanted{descriptor, POLLIN, 0};
  return poll(&wanted, 1, static_cast<int>(bound.count())) == 1 && (wanted.revents & POLLIN) != 0;
}
void drain(int descriptor) {
  std::uint64_t count = 0;
  while (read(descriptor, &count, sizeof(count)) == sizeof(count)) {
  }
}

TEST(NotifyDescriptor, IsReadableOnceItemsHaveEndedAndQuietAfterItWasRead) {
  ByHand hand(2);
  ASSERT_TRUE(hand.session);
  const auto fd = hand->notify_fd();
  ASSERT_OK(fd);
  EXPECT_EQ(hand->notify_fd().value(), *fd) << "one a session";
  const auto tickets = submit_nops(*hand.session, 3, 1);
  EXPECT_FALSE(readable(*fd, std::chrono::milliseconds{20})) << "nothing has ended";
  for (std::uint64_t i = 0; i < 3; ++i) {
    hand.backend->end(1, 2 - i);  // out of order, too
    ASSERT_TRUE(readable(*fd));
    drain(*fd);
    EXPECT_EQ(hand->wait_many(tickets, 0, now()).ended, i + 1) << "read first, then look";
    EXPECT_FALSE(readable(*fd, std::chrono::milliseconds{1}));
  }
}

TEST(NotifyDescriptor, TellsOfWhatEndedBeforeItWasMade) {
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  ASSERT_EQ(run(*session, {kNop, 0, 0, 0}), "done none");
  EXPECT_TRUE(readable(session->notify_fd().value()));
}

TEST(NotifyDescriptor, NoThreadNeedsToWaitAndNoCompletionNeedsToRing) {
  for (const bool nobody_rings : {false, true}) {
    TestHooks hooks;
    hooks.nobody_rings = nobody_rings;
    auto session = open_for_tests(test_options(2), hooks);
    ASSERT_OK(session);
    const int fd = session->notify_fd().value();
    for (int round = 0; round < 50; ++round) {
      const auto tickets = submit_nops(*session, 20);
      std::size_t ended = 0;
      while (ended != tickets.size()) {
        ASSERT_TRUE(readable(fd)) << ended << " of " << tickets.size() << " had ended";
        drain(fd);
        ended = session->wait_many(tickets, 0, now()).ended;
      }
    }
  }
}

TEST(NotifyDescriptor, WakesThoseThatPollWhenTheSessionCloses) {
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  const int fd = session->notify_fd().value();
  drain(fd);
  std::thread closer([&] { EXPECT_OK(session->close()); });
  EXPECT_TRUE(readable(fd));
  closer.join();
  EXPECT_EQ(session->notify_fd().error().code, Errc::closed);
}

TEST(NotifyDescriptor, IsClosedWithTheSessionAndNoneIsMadeUnasked) {
  ONLY_ON_CPU("a driver opens descriptors of its own");
  const auto open_descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 256; ++fd) count += fcntl(fd, F_GETFD) != -1 ? 1 : 0;
    return count;
  };
  const int before = open_descriptors();
  {
    auto session = Session::open(test_options(1));
    ASSERT_OK(session);
    ASSERT_EQ(run(*session, {kNop, 0, 0, 0}), "done none");
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_OK(session->notify_fd());
    EXPECT_EQ(open_descriptors(), before + 1);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace vyre::runtime::test

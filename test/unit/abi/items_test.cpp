// Items: submitting many, waiting for some, cancelling, batches, queues, stopping a wait, and the
// descriptor that tells of ends.
#include <poll.h>
#include <unistd.h>

#include <thread>

#include "fixture.hpp"

namespace vyre::test {
namespace {

using Items = OnASession;

TEST_F(Items, ManyItemsOfMixedOrderAllEndWithTheirOwnTickets) {
  const Op nop = session_.find("nop").value();
  std::vector<Item> items(3'000, Item{nop});
  for (std::size_t i = 0; i < items.size(); i += 7) items[i].flags = Order::after_previous;
  for (std::size_t i = 0; i < items.size(); i += 501) items[i].flags = Order::after_all;
  std::vector<Ticket> tickets(items.size());
  const Submitted submitted = session_.main().submit(items, tickets);
  ASSERT_EQ(submitted.accepted, items.size()) << submitted.stopped_by->text;
  const auto results = session_.wait(tickets, tickets.size()).value();
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i].done());
    ASSERT_EQ(results[i].ticket, tickets[i]);
    ASSERT_EQ(tickets[i].position, i);
  }
}

TEST_F(Items, WorkItemsByNumberAreSubmittedAsTheyAre) {
  const Op fill = session_.find("mem.fill").value();
  auto output = session_.main().allocate(4).value();
  std::uint32_t op_number = 0;
  std::uint32_t buffer_number = 0;
  ASSERT_FALSE(detail::Failed{vyre_op_number(session_.get(), fill.handle, &op_number)});
  ASSERT_FALSE(
      detail::Failed{vyre_buffer_number(session_.get(), output.ref().handle, &buffer_number)});
  const std::array items{MegakernelWorkItem{op_number, 0, buffer_number, 5},
                         MegakernelWorkItem{op_number, 0, buffer_number, 6}};
  std::array<Ticket, 2> tickets;
  const Submitted submitted = session_.main().submit(items, Order::after_previous, tickets);
  ASSERT_EQ(submitted.accepted, 2u);
  ASSERT_TRUE(session_.wait(tickets, 2));
  EXPECT_EQ(output.read<std::uint32_t>().value()[0], 6u);
}

TEST_F(Items, AWaitForSomeEndsWhenSoManyHaveEnded) {
  auto output = session_.main().allocate(4).value();
  const Ticket slow = spin(output);
  const Ticket quick = session_.main().submit(Item{session_.find("nop").value()}).value();
  const std::array tickets{slow, quick};
  const auto results = session_.wait(tickets, 1).value();
  EXPECT_EQ(results[0].status, ItemStatus::pending);
  EXPECT_EQ(results[0].ticket, slow);
  EXPECT_TRUE(results[1].done());

  // Where the time ends first, what had ended is there nevertheless.
  std::array<vyre_result, 2> cut;
  std::size_t ended = 9;
  const detail::Failed failed{
      vyre_wait(session_.get(), detail::c(tickets.data()), 2, 2, 0, cut.data(), 0, &ended)};
  EXPECT_EQ(failed.error().code, Code::deadline_exceeded);
  EXPECT_EQ(ended, 1u);
  EXPECT_EQ(cut[0].status, static_cast<std::uint32_t>(VYRE_ITEM_PENDING));
  EXPECT_EQ(cut[1].status, static_cast<std::uint32_t>(VYRE_ITEM_DONE));

  EXPECT_EQ(session_.wait(tickets, 3).error().code, Code::invalid_argument);
  EXPECT_TRUE(session_.wait(tickets, 0, Timeout::poll()));
  EXPECT_EQ(session_.wait(std::span<const Ticket>{}, 0).value().size(), 0u);
}

TEST_F(Items, AStopRequestEndsAWait) {
  auto output = session_.main().allocate(4).value();
  const std::array tickets{spin(output)};
  std::stop_source source;
  std::jthread stopper([&source] { source.request_stop(); });
  const auto stopped = session_.wait(tickets, 1, source.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::cancelled);
}

TEST_F(Items, ItemsThatHaveNotStartedAreCancelled) {
  auto output = session_.main().allocate(4).value();
  auto queue = session_.open_queue().value();
  const Op spinning = op("spin", kSpin);
  // One behind the other: the second cannot start.
  const std::array items{Item{spinning, {}, output}, Item{spinning, {}, output}};
  std::array<Ticket, 2> tickets;
  ASSERT_EQ(queue.submit(items, tickets).accepted, 2u);
  EXPECT_EQ(session_.cancel(std::array{tickets[1]}).value(), 1u);
  EXPECT_EQ(session_.cancel(std::array{tickets[1]}).value(), 0u);
  EXPECT_TRUE(session_.close());
  const ItemResult result = session_.wait(tickets[1]).value();
  EXPECT_EQ(result.status, ItemStatus::cancelled);
  EXPECT_STREQ(result.code_name(), "cancelled");
}

TEST_F(Items, BatchesCountTheirOwnItemsWhateverElseRuns) {
  const Op nop = session_.find("nop").value();
  Batch one = session_.batch().value();
  Batch two = session_.batch().value();
  const std::vector<Item> items(2'000, Item{nop});
  std::array<std::jthread, 2> threads;
  for (std::size_t t = 0; t < threads.size(); ++t) {
    threads[t] = std::jthread([&, t] {
      for (int i = 0; i < 20; ++i) {
        if (session_.main().submit(items, t == 0 ? one : two).accepted != items.size()) return;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (Batch* batch : {&one, &two}) {
    const Totals totals = batch->wait().value();
    EXPECT_EQ(totals.accepted, 40'000u);
    EXPECT_EQ(totals.done, 40'000u);
    EXPECT_TRUE(batch->failures().value().empty());
  }
  EXPECT_EQ(session_.batch().value().wait().value().accepted, 0u);
}

TEST_F(Items, ABatchOfAnotherSessionIsRefused) {
  auto other = Session::open(on_cpu()).value();
  Batch batch = other.batch().value();
  const std::array items{Item{session_.find("nop").value()}};
  const Submitted submitted = session_.main().submit(items, batch);
  EXPECT_EQ(submitted.accepted, 0u);
  ASSERT_TRUE(submitted.stopped_by);
  EXPECT_EQ(submitted.stopped_by->code, Code::invalid_argument);
}

TEST_F(Items, QueuesAreBoundedAndComeBackWhenTheyAreFreed) {
  SessionOptions options = on_cpu();
  options.queues = 3;
  auto session = Session::open(options).value();
  auto one = session.open_queue().value();
  {
    auto two = session.open_queue().value();
    EXPECT_NE(one.number(), two.number());
    const auto none = session.open_queue();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Code::limit_exceeded);
    const Queue copy = two;
    EXPECT_EQ(copy.number(), two.number());
  }
  EXPECT_TRUE(session.open_queue());
  EXPECT_EQ(session.main().number(), 0u);
}

TEST_F(Items, TheDescriptorTellsOfItemsThatEnd) {
  const int fd = session_.notify_fd().value();
  EXPECT_EQ(session_.notify_fd().value(), fd);
  const Ticket ticket = session_.main().submit(Item{session_.find("nop").value()}).value();
  pollfd poll_for{fd, POLLIN, 0};
  ASSERT_EQ(::poll(&poll_for, 1, 60'000), 1);
  std::uint64_t count = 0;
  ASSERT_EQ(::read(fd, &count, sizeof count), static_cast<ssize_t>(sizeof count));
  EXPECT_TRUE(session_.wait(ticket).value().done());
}

}  // namespace
}  // namespace vyre::test

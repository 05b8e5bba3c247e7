// The request lines: credits, turns, and a server that no line can break. Real threads, meant for
// TSan too; the orders themselves are shown in test/model.
#include "queue/io_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "queue/waiter.hpp"

namespace vyre::queue {
namespace {

std::uint64_t seed_of_run() {
  if (const char* given = std::getenv("VYRE_SEED")) return std::strtoull(given, nullptr, 0);
  return std::random_device{}();
}

class IoQueue : public testing::Test {
 protected:
  void* memory_{std::aligned_alloc(kIoBlock, IngestLayout::kStreams)};
  MutableByteSpan bytes_{zeroed(memory_), IngestLayout::kStreams};
  IoQueueView view_{IoQueueView::of(bytes_)};
  IoClient client_{view_};
  IoServer server_{view_};

  ~IoQueue() override { std::free(memory_); }
  static std::uint8_t* zeroed(void* memory) {
    std::memset(memory, 0, IngestLayout::kStreams);
    return static_cast<std::uint8_t*>(memory);
  }
  std::optional<IoClient::Line> ask(std::uint32_t tag = 0, std::uint32_t keep = 0) {
    return client_.try_ask(IoRequestOp::read, 5, 6, 7, 8, tag, keep);
  }
  /// What a worker that follows no rule writes.
  void write(std::uint32_t line, std::uint32_t lap, std::uint64_t commit) {
    auto* const words = reinterpret_cast<std::uint32_t*>(view_.requests + line);
    HostAtomics::store_payload(words, lap);
    HostAtomics::store(&view_.requests[line].commit, commit, Order::release);
  }
  static IoCompletionLine ok() {
    IoCompletionLine answer{};
    answer.status = IoStatus::ok;
    return answer;
  }
};

constexpr std::uint64_t twice(std::uint32_t lap) {
  return std::uint64_t{lap} << 32 | lap;
}

TEST_F(IoQueue, ARequestArrivesWholeAndItsAnswerComesBack) {
  const auto line = client_.try_ask(IoRequestOp::fence, 11, 3, std::uint64_t{1} << 40, 77, 99);
  ASSERT_TRUE(line);
  EXPECT_FALSE(client_.try_answer(*line));
  const auto request = server_.poll();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->op, IoRequestOp::fence);
  EXPECT_EQ(request->source, 11u);
  EXPECT_EQ(request->queue, 3u);
  EXPECT_EQ(request->offset, std::uint64_t{1} << 40);
  EXPECT_EQ(request->length, 77u);
  EXPECT_EQ(request->tag, 99u);
  EXPECT_EQ(request->order, 0u);
  EXPECT_EQ(request->destination, line->index);
  EXPECT_FALSE(server_.poll()) << "the same request came twice";
  IoCompletionLine answer = ok();
  answer.status = IoStatus::end_of_file;
  answer.error_number = -4;
  answer.bytes_done = 70;
  answer.skip = 12;
  answer.tag = 1;  // the server knows better
  answer.data_line = 63;
  server_.answer(*request, answer);
  const auto got = client_.try_answer(*line);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, IoStatus::end_of_file);
  EXPECT_EQ(got->error_number, -4);
  EXPECT_EQ(got->bytes_done, 70u);
  EXPECT_EQ(got->skip, 12u);
  EXPECT_EQ(got->tag, 99u);
  EXPECT_EQ(got->data_line, line->index);
}

TEST_F(IoQueue, LinesAreCreditsAndComeBackInAnyOrder) {
  std::vector<IoClient::Line> lines;
  std::set<std::uint32_t> indices;
  while (const auto line = ask()) {
    lines.push_back(*line);
    indices.insert(line->index);
  }
  EXPECT_EQ(lines.size(), kIoLines);
  EXPECT_EQ(indices.size(), kIoLines);
  std::set<std::uint64_t> orders;
  while (const auto request = server_.poll()) {
    orders.insert(request->order);
    server_.answer(*request, ok());
  }
  EXPECT_EQ(orders.size(), kIoLines);
  EXPECT_EQ(*orders.rbegin(), kIoLines - 1) << "a number was drawn and not posted";
  ASSERT_TRUE(client_.try_answer(lines[40]));
  client_.give_back(lines[40]);
  const auto again = ask();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->index, lines[40].index);
  EXPECT_EQ(again->lap, lines[40].lap + 1);
  EXPECT_FALSE(client_.try_answer(*again)) << "the answer of the lap before was taken";
  EXPECT_FALSE(ask());
}

TEST_F(IoQueue, KeptLinesAreThereForWhoeverKeepsFewer) {
  std::uint32_t taken = 0;
  while (ask(0, 10)) ++taken;
  EXPECT_EQ(taken, kIoLines - 10);
  EXPECT_TRUE(ask(0, 9));
  EXPECT_FALSE(ask(0, 9));
  EXPECT_TRUE(ask());
}

TEST_F(IoQueue, ATornLineIsNotTaken) {
  write(3, 1, std::uint64_t{1} << 32);  // the halves differ
  write(4, 1, 1);
  write(5, 0, twice(1));  // committed, but the request is of another lap
  EXPECT_FALSE(server_.poll());
  write(5, 1, twice(1));
  const auto request = server_.poll();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->destination, 5u);
}

TEST_F(IoQueue, TurnsThatAreNotTheNextOneAreIgnored) {
  write(9, 1, twice(1));
  const auto first = server_.poll();
  ASSERT_TRUE(first);
  server_.answer(*first, ok());
  EXPECT_FALSE(server_.poll());
  write(9, 1, twice(1));
  EXPECT_FALSE(server_.poll()) << "a lap was taken twice";
  write(9, 3, twice(3));
  EXPECT_FALSE(server_.poll());
  write(9, 0, twice(0));
  EXPECT_FALSE(server_.poll());
  write(9, 2, twice(2));
  EXPECT_TRUE(server_.poll());
}

TEST_F(IoQueue, ALineHasOneRequestUnderWayWhateverItsWorkerDoes) {
  write(2, 1, twice(1));
  const auto first = server_.poll();
  ASSERT_TRUE(first);
  write(2, 2, twice(2));
  EXPECT_FALSE(server_.poll()) << "the pump would have two reads into one slot";
  server_.answer(*first, ok());
  const auto second = server_.poll();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->lap, 2u);
  server_.answer(*first, ok());  // a second answer is none
  EXPECT_EQ(view_.completions[2].lap, 1u);
  server_.answer(*second, ok());
  EXPECT_EQ(view_.completions[2].lap, 2u);
}

TEST_F(IoQueue, TheDestinationIsTheLinesOwnSlotWhateverTheWorkerWrote) {
  for (const std::uint32_t wild : {0u, 64u, 0xFFFFFFFFu}) {
    const std::uint32_t lap = view_.completions[7].lap + 1;
    view_.requests[7].destination = wild;
    write(7, lap, twice(lap));
    const auto request = server_.poll();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->destination, 7u);
    server_.answer(*request, ok());
  }
  IoRequestLine wild{};
  wild.destination = 0xFFFFFFFF;
  server_.answer(wild, ok());  // writes nowhere
}

TEST_F(IoQueue, RandomBytesInEveryLineNeverBreakTheServer) {
  const std::uint64_t seed = seed_of_run();
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
  std::mt19937_64 random{seed};
  std::vector<IoRequestLine> under_way;
  std::uint64_t taken = 0;
  for (int round = 0; round < 3'000; ++round) {
    const auto line = static_cast<std::uint32_t>(random() % kIoLines);
    auto* const words = reinterpret_cast<std::uint32_t*>(view_.requests + line);
    for (std::uint32_t w = 0; w < kIoLineWords - 2; ++w) {
      HostAtomics::store_payload(words + w, static_cast<std::uint32_t>(random()));
    }
    const auto near = static_cast<std::uint32_t>(random() % 4);
    write(line, near, random() % 3 == 0 ? random() : twice(near));
    if (const auto request = server_.poll()) {
      ++taken;
      ASSERT_LT(request->destination, kIoLines);
      under_way.push_back(*request);
    }
    ASSERT_LE(under_way.size(), kIoLines);
    if (!under_way.empty() && random() % 4 == 0) {
      std::swap(under_way[random() % under_way.size()], under_way.back());
      server_.answer(under_way.back(), ok());
      under_way.pop_back();
    }
  }
  EXPECT_GT(taken, kIoLines);
}

TEST_F(IoQueue, AnswersGivenBeforeTheEndAreStillGood) {
  const auto answered = ask(1);
  const auto lost = ask(2);
  const auto request = server_.poll();
  ASSERT_TRUE(request);
  server_.answer(*request, ok());
  EXPECT_EQ(client_.broken(), 0u);
  server_.fail(17);
  EXPECT_EQ(client_.broken(), 17u);
  ASSERT_EQ(request->tag, 1u);
  EXPECT_TRUE(client_.try_answer(*answered));
  EXPECT_FALSE(client_.try_answer(*lost));
}

TEST_F(IoQueue, TheHeartMoves) {
  EXPECT_EQ(client_.heartbeat(), 0u);
  server_.beat();
  server_.beat();
  EXPECT_EQ(client_.heartbeat(), 2u);
}

TEST_F(IoQueue, ManyThreadsGetTheirOwnBytesOverManyTurns) {
  const std::uint64_t seed = seed_of_run();
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
  constexpr std::uint32_t kThreads{4};
  constexpr std::uint32_t kEach{3'000};
  const auto deadline = Clock::now() + std::chrono::seconds{100};
  std::atomic<bool> late{false};
  std::atomic<std::uint32_t> wrong{0};
  std::vector<std::uint8_t> ordered(kThreads * kEach, 0);

  std::thread pump([&] {
    std::mt19937_64 random{seed};
    std::vector<IoRequestLine> under_way;
    std::uint32_t ended = 0;
    while (ended < kThreads * kEach && !late) {
      if (Clock::now() > deadline) late = true;
      const auto request = server_.poll();
      if (request) under_way.push_back(*request);
      if (under_way.empty() || (request && under_way.size() < 40 && random() % 4 != 0)) {
        if (!request) std::this_thread::yield();
        continue;
      }
      std::swap(under_way[random() % under_way.size()], under_way.back());
      const IoRequestLine& one = under_way.back();
      if (one.order < ordered.size()) ++ordered[one.order];
      std::uint8_t* const to = view_.line_data + one.destination * kIoLineDataBytes;
      std::memset(to + 3, static_cast<int>(one.tag % 251), 64);
      IoCompletionLine answer = ok();
      answer.skip = 3;
      answer.bytes_done = 64;
      answer.offset = one.offset;
      server_.answer(one, answer);
      under_way.pop_back();
      ++ended;
    }
  });
  std::vector<std::thread> workers;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    workers.emplace_back([&, t] {
      std::mt19937_64 random{seed + t + 1};
      struct Under {
        IoClient::Line line;
        std::uint32_t tag;
      };
      std::vector<Under> under_way;
      std::uint32_t next = t * kEach;
      const std::uint32_t end = next + kEach;
      while ((next < end || !under_way.empty()) && !late) {
        if (next < end && (under_way.empty() || random() % 2 == 0)) {
          // One line stays free for each of the others, so that nobody starves.
          const std::uint32_t keep = under_way.empty() ? 0 : kThreads - 1;
          if (const auto line = client_.try_ask(IoRequestOp::read, t, 0, next, 64, next, keep)) {
            under_way.push_back({*line, next++});
            continue;
          }
        }
        if (under_way.empty()) continue;
        std::swap(under_way[random() % under_way.size()], under_way.back());
        const Under one = under_way.back();
        const auto answer = client_.try_answer(one.line);
        if (!answer) {
          std::this_thread::yield();
          continue;
        }
        const std::uint8_t* const bytes = client_.data_of(one.line) + answer->skip;
        const bool same = std::all_of(bytes, bytes + answer->bytes_done,
                                      [&one](std::uint8_t b) { return b == one.tag % 251; });
        if (!same || answer->tag != one.tag || answer->offset != one.tag) ++wrong;
        client_.give_back(one.line);
        under_way.pop_back();
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  pump.join();
  EXPECT_FALSE(late);
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(std::all_of(ordered.begin(), ordered.end(), [](std::uint8_t n) { return n == 1; }))
      << "order numbers are not dense";
}

}  // namespace
}  // namespace vyre::queue

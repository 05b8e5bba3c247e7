// Order: whoever just submits gets the result of running his items one by one, on any number
// of queues, workers and threads. The judge is a sequential model of fills and copies.
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "fixtures.hpp"

namespace vyre::runtime::test {
namespace {

/// Buffers as bytes, items run at once.
class Model {
 public:
  explicit Model(std::vector<std::size_t> sizes) {
    for (const std::size_t size : sizes) buffers.emplace_back(size, 0);
  }
  void fill(std::size_t to, std::uint32_t pattern) {
    for (std::size_t i = 0; i < buffers[to].size(); ++i) {
      buffers[to][i] = static_cast<std::uint8_t>(pattern >> (i % 4 * 8));
    }
  }
  void copy(std::size_t from, std::size_t to) {
    std::memcpy(buffers[to].data(), buffers[from].data(),
                std::min(buffers[from].size(), buffers[to].size()));
  }
  std::vector<Bytes> buffers;
};

struct Shape {
  std::uint32_t workers;
  std::uint32_t queues;
  std::uint32_t slots;
};

class Order : public ::testing::TestWithParam<Shape> {};

TEST_P(Order, RandomItemsOverFewBuffersEndAsIfRunOneByOne) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 6 * test_scale(); ++round) {
    SessionOptions options = test_options(GetParam().workers, GetParam().queues);
    options.ring_slots = GetParam().slots;
    auto session = Session::open(options);
    ASSERT_OK(session);
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 5; ++i)
      sizes.push_back(1 + random.below(random.below(8) == 0 ? 200'000 : 64));
    Model model(sizes);
    std::vector<Handle> handles;
    for (const std::size_t size : sizes) handles.push_back(*session->allocate(size));

    for (int step = 0; step < 400; ++step) {
      const std::uint32_t queue = random.below(options.queues);
      const auto flags = static_cast<std::uint8_t>(random.below(8) == 0 ? random.below(4) : 0);
      const std::size_t to = random.below(5);
      const std::size_t from = random.below(5);
      switch (random.below(10)) {
        case 0: {  // host bytes in the middle of the work
          const Bytes bytes{static_cast<std::uint8_t>(step)};
          const std::size_t at = random.below(static_cast<std::uint32_t>(sizes[to]));
          ASSERT_OK(session->write(handles[to], at, bytes, soon()));
          model.buffers[to][at] = bytes[0];
          break;
        }
        case 1:
          ASSERT_TRUE(*session->download(handles[to], soon()) == model.buffers[to])
              << "step " << step;
          break;
        case 2:
        case 3:
          ASSERT_OK(session->submit({kNop, 0, 0, 0}, soon(), queue, flags));
          break;
        case 4:
        case 5: {
          std::vector<MegakernelWorkItem> batch;
          for (int k = 0; k < 5; ++k) {
            const std::size_t t = random.below(5);
            const auto pattern = static_cast<std::uint32_t>(random.next());
            batch.push_back({kFill, 0, handles[t].id, pattern});
            model.fill(t, pattern);
          }
          ASSERT_EQ(session->submit_many(batch, soon(), queue, flags).accepted, batch.size());
          break;
        }
        default:
          if (from == to) continue;
          ASSERT_OK(
              session->submit({kCopy, handles[from].id, handles[to].id, 0}, soon(), queue, flags));
          model.copy(from, to);
          break;
      }
    }
    const auto drained = session->wait_all(soon());
    ASSERT_OK(drained);
    EXPECT_EQ(drained->not_done, 0u);
    for (std::size_t i = 0; i < handles.size(); ++i) {
      EXPECT_TRUE(*session->download(handles[i], soon()) == model.buffers[i]) << "buffer " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Order,
                         ::testing::Values(Shape{1, 1, 32}, Shape{2, 1, 64}, Shape{4, 3, 32},
                                           Shape{3, 2, 4'096}));

TEST(Order, ThreadsOnDisjointBuffersEachSeeTheirOwnOrder) {
  auto session = Session::open(test_options(3, 2));
  ASSERT_OK(session);
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  constexpr std::uint32_t kThreads{4};
  constexpr int kSteps{500};
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Random random(seed + t);
      Model model({24, 40});
      const Handle h[2]{*session->allocate(24), *session->allocate(40)};
      for (int step = 0; step < kSteps; ++step) {
        const std::size_t to = random.below(2);
        const std::uint32_t queue = random.below(2);
        if (random.below(2) == 0) {
          const auto pattern = static_cast<std::uint32_t>(random.next());
          wrong += !session->submit({kFill, 0, h[to].id, pattern}, soon(), queue).has_value();
          model.fill(to, pattern);
        } else {
          wrong += !session->submit({kCopy, h[1 - to].id, h[to].id, 0}, soon(), queue).has_value();
          model.copy(1 - to, to);
        }
      }
      for (std::size_t i = 0; i < 2; ++i)
        wrong += *session->download(h[i], soon()) != model.buffers[i];
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const auto report = session->report().report;
  EXPECT_EQ(report.items_processed, std::uint64_t{kThreads} * kSteps);
  EXPECT_EQ(report.items_remaining, 0u);
}

TEST(Order, ManyProducersLoseAndDoubleNothing) {
  SessionOptions options = test_options(2, 2);
  options.ring_slots = 64;
  auto session = Session::open(options);
  ASSERT_OK(session);
  constexpr std::uint64_t kEach{20'000};
  constexpr std::uint32_t kThreads{6};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Random random(test_seed() + t);
      const std::vector<MegakernelWorkItem> items(200, MegakernelWorkItem{kNop, 0, 0, t});
      for (std::uint64_t left = kEach; left != 0;) {
        const auto part =
            std::span(items).first(std::min<std::uint64_t>(left, 1 + random.below(200)));
        const auto many = session->submit_many(part, soon(), t % 2);
        if (many.stopped_by || many.accepted == 0) {
          ++wrong;
          return;
        }
        left -= many.accepted;
        const auto last = session->wait({t % 2, many.first.position + many.accepted - 1}, soon());
        wrong += !last || last->status != CompletionStatus::done;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const auto drained = session->wait_all(soon());
  ASSERT_OK(drained);
  EXPECT_EQ(drained->ended, kEach * kThreads);
  const auto document = session->report();
  ASSERT_EQ(document.queues.size(), 2u);
  EXPECT_EQ(document.queues[0].published + document.queues[1].published, kEach * kThreads);
  EXPECT_EQ(document.queues[0].completed, document.queues[0].published);
}

TEST(Order, ReleaseWaitsForTheItemsThatUseTheBuffer) {
  auto session = Session::open(test_options(2));
  ASSERT_OK(session);
  for (int i = 0; i < 200; ++i) {
    auto a = session->allocate(10'000);
    auto b = session->allocate(10'000);
    ASSERT_OK(session->submit({kFill, 0, a->id, 7}, soon()));
    ASSERT_OK(session->submit({kCopy, a->id, b->id, 0}, soon()));
    ASSERT_OK(session->release(*a, soon()));
    Bytes last(1);
    ASSERT_OK(session->download_into(*b, 9'996, last, soon()));
    EXPECT_EQ(last[0], 7);
    ASSERT_OK(session->release(*b, soon()));
  }
}

/// Stops a worker before each item while it is closed.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    if (!closed_) return;
    waits_ = true;
    changed_.notify_all();
    const int before = turns_;
    (void)changed_.wait_until(lock, soon(), [&] { return turns_ != before; });
  }
  /// The worker that waits goes on; `closed`: to its next item.
  void turn(bool closed) {
    const std::lock_guard lock(mutex_);
    closed_ = closed;
    waits_ = false;
    ++turns_;
    changed_.notify_all();
  }
  [[nodiscard]] bool await() {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, soon(), [&] { return waits_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_{true};
  bool waits_{false};
  int turns_{0};
};

TEST(Order, AnItemThatEndedIsSeenWhileTheBuiltInOpBehindItRuns) {
  ONLY_ON_CPU("about batches of CPU workers");
  const auto gate = std::make_shared<Gate>();
  TestHooks hooks;
  hooks.worker_dies = [gate](std::uint32_t, std::uint64_t) {
    gate->pass();
    return false;
  };
  auto session = open_for_tests(test_options(1), hooks);
  ASSERT_OK(session);
  const auto out = session->allocate(100'000);
  ASSERT_OK(out);
  const MegakernelWorkItem quick{kNop, 0, 0, 0};
  const MegakernelWorkItem large{kFill, 0, out->id, 1};
  ASSERT_OK(session->submit(quick, soon()));
  ASSERT_TRUE(gate->await());
  const auto first = session->submit(quick, soon());
  ASSERT_OK(first);
  ASSERT_OK(session->submit(large, soon()));
  ASSERT_OK(session->submit(quick, soon()));
  for (int item = 0; item < 3; ++item) {
    gate->turn(true);
    ASSERT_TRUE(gate->await());
  }
  // The first two of the batch have run, the third has not.
  EXPECT_OK(session->wait(*first, after(std::chrono::seconds{5})));
  gate->turn(false);
  ASSERT_OK(session->wait_all(soon()));
  EXPECT_OK(session->close());
}

}  // namespace
}  // namespace vyre::runtime::test

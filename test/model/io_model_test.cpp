// The request lines under the seeded scheduler: workers ask, the pump answers in any order, lines
// are used again and again. Every request is answered once, with its own bytes, and the planted
// bugs show what each ordering is for. A failure prints VYRE_SEED, which replays it.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "model/ring_scenario.hpp"
#include "queue/io_queue.hpp"

namespace vyre::model {
namespace {

using queue::Order;

struct IoSetup {
  std::uint32_t lines{2};
  std::uint32_t workers{2};
  std::uint32_t requests_each{3};
  std::uint32_t keep{0};
  bool gives_back_early{false};  // before the answer: a bug on purpose
};

inline constexpr std::uint32_t kMaxModelLines{2};

/// Where the scenario's lines lie, for policies that spoil one access of them.
struct IoModelMemory {
  IoQueueHead head{};
  std::array<IoRequestLine, kMaxModelLines> requests{};
  std::array<IoCompletionLine, kMaxModelLines> completions{};
  std::array<std::uint32_t, kMaxModelLines> slots{};  // one payload word stands for the bytes
};
IoModelMemory io_memory;

template <class Policy>
class IoScenario {
 public:
  explicit IoScenario(const IoSetup& setup) : setup_(setup) {}

  Outcome run(Chooser& chooser, Kill kill = Kill{}) {
    io_memory = {};
    queue::IoQueueView view;
    view.head = &io_memory.head;
    view.requests = io_memory.requests.data();
    view.completions = io_memory.completions.data();
    view.lines = setup_.lines;
    client_ = std::make_unique<queue::IoClientOver<Policy>>(view);
    server_ = std::make_unique<queue::IoServerOver<Policy>>(view);
    answered_.assign(total(), 0);
    taken_.assign(total(), 0);
    ordered_.assign(total(), 0);
    std::vector<std::function<void()>> bodies;
    for (std::uint32_t w = 0; w < setup_.workers; ++w) bodies.emplace_back([this, w] { ask(w); });
    bodies.emplace_back([this] { serve(); });
    Outcome outcome = world_.run(bodies, chooser, kill);
    if (outcome.ending != Ending::finished) return outcome;
    for (std::uint32_t id = 0; id < total(); ++id) {
      if (answered_[id] == 1 && taken_[id] == 1 && ordered_[id] == 1) continue;
      outcome.ending = Ending::failed;
      outcome.what = "request " + std::to_string(id) + " was answered " +
                     std::to_string(answered_[id]) + " times, taken in " +
                     std::to_string(taken_[id]) + " times, its number drawn " +
                     std::to_string(ordered_[id]) + " times";
    }
    return outcome;
  }

 private:
  [[nodiscard]] std::uint32_t total() const { return setup_.workers * setup_.requests_each; }

  void ask(std::uint32_t worker) {
    for (std::uint32_t i = 0; i < setup_.requests_each; ++i) {
      const std::uint32_t id = worker * setup_.requests_each + i;
      auto line = client_->try_ask(IoRequestOp::read, id + 100, worker, id + 200, id + 300, id,
                                   setup_.keep);
      while (!line) {
        world_.park();
        line = client_->try_ask(IoRequestOp::read, id + 100, worker, id + 200, id + 300, id,
                                setup_.keep);
      }
      if (setup_.gives_back_early) client_->give_back(*line);
      auto answer = client_->try_answer(*line);
      while (!answer) {
        world_.park();
        answer = client_->try_answer(*line);
      }
      const std::uint32_t bytes = Policy::load_payload(&io_memory.slots[line->index]);
      if (answer->tag != id || answer->offset != id + 200 || bytes != id + 1000 ||
          answer->data_line != line->index) {
        world_.fail("request " + std::to_string(id) + " got the answer of " +
                    std::to_string(answer->tag) + " and the bytes of " +
                    std::to_string(bytes - 1000));
        return;
      }
      ++taken_[id];
      if (!setup_.gives_back_early) client_->give_back(*line);
    }
  }

  void serve() {
    std::vector<IoRequestLine> under_way;
    std::uint32_t ended = 0;
    while (ended < total()) {
      if (const auto request = server_->poll()) {
        const std::uint64_t id = request->tag;
        if (id >= total() || request->source != id + 100 || request->offset != id + 200 ||
            request->length != id + 300 || request->op != IoRequestOp::read ||
            request->queue != id / setup_.requests_each || request->order >= total()) {
          world_.fail("a request came out as something that nobody asked");
          return;
        }
        ++ordered_[request->order];
        under_way.push_back(*request);
        if (under_way.size() < 2 && ended + under_way.size() < total())
          continue;  // look for one more
      } else if (under_way.empty()) {
        world_.park();
        continue;
      }
      // The newest first.
      const IoRequestLine request = under_way.back();
      under_way.pop_back();
      Policy::store_payload(&io_memory.slots[request.destination], request.tag + 1000);
      IoCompletionLine answer{};
      answer.status = IoStatus::ok;
      answer.bytes_done = request.length;
      answer.offset = request.offset;
      server_->answer(request, answer);
      ++answered_[request.tag];
      ++ended;
    }
  }

  IoSetup setup_;
  World world_;
  std::unique_ptr<queue::IoClientOver<Policy>> client_;
  std::unique_ptr<queue::IoServerOver<Policy>> server_;
  // Of the test, not of the memory under test; one thread runs at a time.
  std::vector<std::uint32_t> answered_;
  std::vector<std::uint32_t> taken_;
  std::vector<std::uint32_t> ordered_;
};

void expect_good(const IoSetup& setup, std::uint64_t runs) {
  IoScenario<ModelAtomics> scenario{setup};
  const Exploration found = explore_randomly(scenario, runs);
  EXPECT_TRUE(found.good()) << describe(found);
}

TEST(IoModel, EveryRequestIsAnsweredOnceWithItsOwnBytes) {
  expect_good({.lines = 2, .workers = 2, .requests_each = 4}, 1500);
}
TEST(IoModel, OneLineServesManyWorkersInTurn) {
  expect_good({.lines = 1, .workers = 3, .requests_each = 3}, 1500);
}
TEST(IoModel, MoreWorkersThanLinesAllComeToTheirTurn) {
  expect_good({.lines = 2, .workers = 4, .requests_each = 3}, 1000);
}
TEST(IoModel, LinesKeptForOthersAreNotTaken) {
  expect_good({.lines = 2, .workers = 2, .requests_each = 3, .keep = 1}, 1000);
}
TEST(IoModel, EveryScheduleOfTwoRequestsWithTwoPreemptions) {
  IoScenario<ModelAtomics> scenario{{.lines = 1, .workers = 2, .requests_each = 1}};
  const Exploration found = explore_systematically(scenario, 2, 1, 200'000);
  EXPECT_TRUE(found.good()) << describe(found);
  EXPECT_TRUE(found.exhausted) << "not every schedule was tried in " << found.runs << " executions";
}

template <class Policy>
void expect_caught(const IoSetup& setup) {
  if (std::getenv("VYRE_SEED") != nullptr) GTEST_SKIP() << "hunts need more than one seed";
  IoScenario<Policy> scenario{setup};
  const Exploration found = hunt(scenario);
  EXPECT_FALSE(found.good()) << "not caught in " << found.runs << " executions";
}

/// [IO-1], the worker's end.
struct RelaxedCommit : ModelPolicy<RelaxedCommit> {
  template <class Word>
  static void store(Word* word, Word value, Order order) noexcept {
    ModelPolicy::store(word, value, sizeof(Word) == 8 ? Order::relaxed : order);
  }
};
TEST(PlantedIoBug, RequestCommittedWithoutReleaseIsCaught) {
  expect_caught<RelaxedCommit>({});
}

/// [IO-1], the pump's end.
struct RelaxedPoll : ModelPolicy<RelaxedPoll> {
  template <class Word>
  static Word load(const Word* word, Order order) noexcept {
    return ModelPolicy::load(word, sizeof(Word) == 8 ? Order::relaxed : order);
  }
};
TEST(PlantedIoBug, RequestTakenWithoutAcquireIsCaught) {
  expect_caught<RelaxedPoll>({});
}

/// The commit word first, the request after it.
struct CommitFirst : ModelPolicy<CommitFirst> {
  static void store_payload(std::uint32_t* word, std::uint32_t value) noexcept {
    for (IoRequestLine& line : io_memory.requests) {
      if (word == reinterpret_cast<std::uint32_t*>(&line)) {
        store(&line.commit, std::uint64_t{value} << 32 | value, Order::release);
      }
    }
    ModelPolicy::store_payload(word, value);
  }
};
TEST(PlantedIoBug, CommitStoredBeforeTheRequestIsCaught) {
  expect_caught<CommitFirst>({});
}

/// [IO-2], the pump's end.
struct RelaxedAnswer : ModelPolicy<RelaxedAnswer> {
  template <class Word>
  static void store(Word* word, Word value, Order order) noexcept {
    ModelPolicy::store(word, value, sizeof(Word) == 4 ? Order::relaxed : order);
  }
};
TEST(PlantedIoBug, AnswerWithoutReleaseIsCaught) {
  expect_caught<RelaxedAnswer>({});
}

/// [IO-2], the worker's end.
struct RelaxedLook : ModelPolicy<RelaxedLook> {
  template <class Word>
  static Word load(const Word* word, Order order) noexcept {
    return ModelPolicy::load(word, sizeof(Word) == 4 ? Order::relaxed : order);
  }
};
TEST(PlantedIoBug, AnswerReadWithoutAcquireIsCaught) {
  expect_caught<RelaxedLook>({});
}

/// [IO-4], both ends: the reads of the last holder and the bytes of the next lap have no order.
struct RelaxedTake : ModelPolicy<RelaxedTake> {
  template <class Word>
  static bool compare_exchange_acquire(Word* word, Word& expected, Word desired) noexcept {
    return compare_exchange(word, expected, desired);
  }
};
TEST(PlantedIoBug, LineTakenWithoutAcquireIsCaught) {
  expect_caught<RelaxedTake>({.lines = 1});
}
struct RelaxedReturn : ModelPolicy<RelaxedReturn> {
  template <class Word>
  static Word fetch_or_release(Word* word, Word bits) noexcept {
    return fetch_or(word, bits);
  }
};
TEST(PlantedIoBug, LineGivenBackWithoutReleaseIsCaught) {
  expect_caught<RelaxedReturn>({.lines = 1});
}

TEST(PlantedIoBug, LineGivenBackBeforeItsAnswerIsCaught) {
  expect_caught<ModelAtomics>({.gives_back_early = true});
}

}  // namespace
}  // namespace vyre::model

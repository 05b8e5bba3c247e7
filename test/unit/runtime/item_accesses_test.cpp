// What an item waits for, by itself: buffers and sets in a handle table, uses that end when the
// test says so, and a random history against the rule that conflicting items never overlap.
#include "runtime/item_accesses.hpp"

#include <map>
#include <set>

#include "fixtures.hpp"

namespace vyre::runtime::test {
namespace {

using Kind = HandleRecord::Kind;

/// An op with `inputs` inputs, of which `written` is written in place, and one output.
OpRecord op_of(std::size_t inputs, std::size_t written = ~std::size_t{0}) {
  OpRecord op;
  for (std::size_t i = 0; i < inputs; ++i)
    op.info.signature.inputs.push_back({"in", 0, i == written, std::nullopt});
  op.info.signature.outputs.push_back({"out", 0, false, std::nullopt});
  return op;
}

class Accesses : public ::testing::Test {
 protected:
  using Item = std::pair<std::uint32_t, std::uint64_t>;  // queue and position

  std::uint32_t put(Kind kind, std::vector<std::uint32_t> members = {}) {
    HandleRecord& record = table_.put(lock_, *table_.take_place(lock_), kind, 4);
    table_.hold_members(lock_, members);
    record.members = std::move(members);
    return record.handle;
  }
  std::uint32_t buffer() { return put(Kind::buffer); }
  Status find(std::uint32_t in, std::uint32_t out, const OpRecord& op = op_of(1),
              std::uint32_t queue = 0) {
    return accesses_.find(lock_, queue, {kOp, in, out, 0}, op);
  }
  [[nodiscard]] auto over() const {
    return [this](const Use& use) { return ended_.count({use.queue, use.position}) != 0; };
  }
  /// What a submit does with an item that nothing keeps back.
  std::uint8_t enter(std::uint32_t in, std::uint32_t out, Item item) {
    EXPECT_OK(find(in, out, op_of(1), item.first));
    EXPECT_FALSE(accesses_.conflict_elsewhere(lock_, item.first, over()));
    const std::uint8_t flags = accesses_.order_flags(lock_, item.first, item.second, over());
    accesses_.enter(lock_, item.first, item.second, over());
    return flags;
  }
  std::optional<Use> conflict(std::uint32_t in, std::uint32_t out, std::uint32_t queue) {
    EXPECT_OK(find(in, out, op_of(1), queue));
    return accesses_.conflict_elsewhere(lock_, queue, over());
  }

  static constexpr std::uint32_t kOp{kFirstUserOp};
  OrderMutex order_;
  OrderLock lock_{order_};
  MemoryBudget budget_{0};
  HandleTable table_{1, budget_};
  ItemAccesses accesses_{table_};
  std::set<Item> ended_;
};

TEST_F(Accesses, AReaderComesBehindTheLastWriterOfItsQueueByAFlag) {
  const std::uint32_t a = buffer();
  const std::uint32_t b = buffer();
  const std::uint32_t c = buffer();
  EXPECT_EQ(enter(0, a, {0, 0}), kQueueFlagNone);
  EXPECT_EQ(enter(a, b, {0, 1}), kQueueFlagAfterPrevious) << "the item just before";
  EXPECT_EQ(enter(a, c, {0, 2}), kQueueFlagAfterAll) << "an older one";
  ended_ = {{0, 0}};
  EXPECT_EQ(enter(a, 0, {0, 3}), kQueueFlagNone) << "the writer has ended";
}

TEST_F(Accesses, ReadersDoNotWaitForReadersAndAWriterWaitsForEachOfThem) {
  const std::uint32_t a = buffer();
  EXPECT_EQ(enter(a, 0, {0, 0}), kQueueFlagNone);
  EXPECT_EQ(enter(a, 0, {0, 1}), kQueueFlagNone);
  EXPECT_FALSE(conflict(a, 0, 1)) << "a reader of another queue";
  ASSERT_TRUE(conflict(0, a, 1));
  ended_.insert({0, 1});
  EXPECT_EQ(conflict(0, a, 1), (Use{0, 0, false}));
  ended_.insert({0, 0});
  EXPECT_FALSE(conflict(0, a, 1));
}

TEST_F(Accesses, AnInputThatIsWrittenInPlaceCountsAsWritten) {
  const std::uint32_t a = buffer();
  const std::uint32_t b = buffer();
  const std::uint32_t set = put(Kind::set, {a, b});
  ASSERT_OK(find(set, 0, op_of(2, 1)));
  const auto& all = accesses_.all(lock_);
  ASSERT_EQ(all.size(), 3u) << "the set itself, so that it stays, and its members";
  EXPECT_EQ(all[0].record->handle, set);
  EXPECT_FALSE(all[0].writes);
  EXPECT_FALSE(all[1].writes);
  EXPECT_TRUE(all[2].writes);
}

TEST_F(Accesses, ABufferThatIsGoneOrGoingIsNamedInTheError) {
  const std::uint32_t a = buffer();
  table_.find(lock_, a)->releasing = true;
  const Status refused = find(a, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_NE(refused.error().message.find("input_handle " + std::to_string(a)), std::string::npos);
  EXPECT_EQ(find(0, a + 1).error().code, Errc::invalid_argument);
}

TEST_F(Accesses, AFileOfOneQueueIsRefusedToItemsOfOthersAlsoInsideASet) {
  const std::uint32_t file = put(Kind::file);
  table_.find(lock_, file)->only_queue = 1;
  const std::uint32_t set = put(Kind::set, {file});
  EXPECT_EQ(find(file, 0, op_of(1), 0).error().code, Errc::invalid_argument);
  EXPECT_EQ(find(set, 0, op_of(1), 0).error().code, Errc::invalid_argument);
  EXPECT_OK(find(set, 0, op_of(1), 1));
}

TEST_F(Accesses, AHostCopyKeepsBackWhatWouldMeetIt) {
  const std::uint32_t a = buffer();
  HandleRecord& record = *table_.find(lock_, a);
  record.host_readers = 1;
  ASSERT_OK(find(a, 0));
  EXPECT_FALSE(accesses_.copy_under_way(lock_)) << "two readers";
  ASSERT_OK(find(0, a));
  EXPECT_TRUE(accesses_.copy_under_way(lock_));
  record.host_readers = 0;
  record.host_writers = 1;
  ASSERT_OK(find(a, 0));
  EXPECT_TRUE(accesses_.copy_under_way(lock_));
}

TEST_F(Accesses, AFileIsWantedUntilThePumpKnowsItOrItIsResident) {
  const std::uint32_t file = put(Kind::file);
  bool away = true;
  const auto must_bring = [&](std::uint32_t) { return away; };
  OpRecord op = op_of(1);
  op.file_needs = {{.resident = false, .pump = true}};
  ASSERT_OK(find(file, 0, op));
  ASSERT_TRUE(accesses_.file_wanted(lock_, must_bring));
  EXPECT_TRUE(accesses_.file_wanted(lock_, must_bring)->pump);
  table_.find(lock_, file)->published = true;
  EXPECT_FALSE(accesses_.file_wanted(lock_, must_bring)) << "it need not be resident";
  op.file_needs = {{.resident = true, .pump = false}};
  ASSERT_OK(find(file, 0, op));
  ASSERT_TRUE(accesses_.file_wanted(lock_, must_bring));
  EXPECT_FALSE(accesses_.file_wanted(lock_, must_bring)->pump);
  away = false;
  EXPECT_FALSE(accesses_.file_wanted(lock_, must_bring));
}

TEST_F(Accesses, ThoseThatWaitHaveTheBufferInTheOrderOfTheirTurns) {
  const std::uint32_t a = buffer();
  ASSERT_OK(find(0, a));
  PlaceInLines first(table_);
  PlaceInLines second(table_);
  first.join(lock_, accesses_);
  second.join(lock_, accesses_);
  const std::uint64_t turn = first.turn();
  first.join(lock_, accesses_);
  EXPECT_EQ(first.turn(), turn) << "a turn is drawn once";
  EXPECT_FALSE(accesses_.behind_others(lock_, first.turn()));
  EXPECT_TRUE(accesses_.behind_others(lock_, second.turn()));
  EXPECT_TRUE(accesses_.behind_others(lock_, 0)) << "a newcomer comes after both";
  EXPECT_TRUE(first.leave(lock_));
  EXPECT_FALSE(first.leave(lock_)) << "there is none to wake";
  EXPECT_FALSE(accesses_.behind_others(lock_, second.turn()));
}

TEST_F(Accesses, ReadersInALineHoldBackWritersOnly) {
  const std::uint32_t a = buffer();
  ASSERT_OK(find(a, 0));
  PlaceInLines reader(table_);
  reader.join(lock_, accesses_);
  EXPECT_FALSE(accesses_.behind_others(lock_, 0));
  ASSERT_OK(find(0, a));
  EXPECT_TRUE(accesses_.behind_others(lock_, 0));
  EXPECT_TRUE(reader.leave(lock_));
}

/// Random items over few buffers and queues. Each item that is let in starts as its flags allow;
/// the rule is that it then meets no unfinished item with which it conflicts.
class AccessHistory : public Accesses {
 protected:
  struct Running {
    std::uint32_t in;
    std::uint32_t out;
    bool started{false};
    std::uint8_t flags;
  };
  [[nodiscard]] static bool conflicts(const Running& one, const Running& other) {
    return one.out == other.out || one.out == other.in || one.in == other.out;
  }
  [[nodiscard]] bool may_start(const Item& item, const Running& running) const {
    const auto before = [&](const Item& earlier) {
      return earlier.first == item.first && earlier.second < item.second;
    };
    for (const auto& [earlier, other] : running_) {
      if (!before(earlier)) continue;
      if (!other.started) return false;  // items of a queue start in order
      if ((running.flags & kQueueFlagAfterAll) != 0) return false;
      if ((running.flags & kQueueFlagAfterPrevious) != 0 && earlier.second + 1 == item.second)
        return false;
    }
    return true;
  }
  void submit() {
    const std::uint32_t queue = random_.below(kQueues);
    const std::uint32_t in = buffers_[random_.below(kBuffers)];
    const std::uint32_t out = buffers_[random_.below(kBuffers)];
    if (conflict(in, out, queue)) {
      ++kept_back_;
      return;
    }
    const Item item{queue, next_[queue]++};
    running_[item] = {in, out, false, enter(in, out, item)};
  }
  void start_all() {
    for (auto& [item, running] : running_) {
      if (running.started || !may_start(item, running)) continue;
      running.started = true;
      for (const auto& [other_item, other] : running_) {
        const bool meets = other_item != item && other.started && conflicts(running, other);
        EXPECT_FALSE(meets) << "items " << item.second << " of queue " << item.first << " and "
                            << other_item.second << " of queue " << other_item.first;
      }
    }
  }
  void end_one() {
    std::vector<Item> started;
    for (const auto& [item, running] : running_)
      if (running.started) started.push_back(item);
    if (started.empty()) return;
    const Item item = started[random_.below(static_cast<std::uint32_t>(started.size()))];
    running_.erase(item);
    ended_.insert(item);
  }

  static constexpr std::uint32_t kQueues{3};
  static constexpr std::uint32_t kBuffers{4};
  Random random_{test_seed()};
  std::uint32_t buffers_[kBuffers]{buffer(), buffer(), buffer(), buffer()};
  std::uint64_t next_[kQueues]{};
  std::map<Item, Running> running_;
  int kept_back_{0};
};

TEST_F(AccessHistory, ConflictingItemsNeverRunAtTheSameTime) {
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(test_seed()));
  for (int step = 0; step < 4'000 * test_scale() && !HasFailure(); ++step) {
    if (random_.below(2) == 0)
      submit();
    else
      end_one();
    start_all();
  }
  EXPECT_GT(kept_back_, 0);
  EXPECT_GT(ended_.size(), 300u);
  while (!running_.empty() && !HasFailure()) {
    const std::size_t left = running_.size();
    end_one();
    start_all();
    ASSERT_LT(running_.size(), left) << "flags let nothing start any more";
  }
}

}  // namespace
}  // namespace vyre::runtime::test

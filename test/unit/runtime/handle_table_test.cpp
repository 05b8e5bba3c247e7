// The handle table and the memory budget by themselves: which numbers mean what, and what they
// count.
#include "runtime/handle_table.hpp"

#include <map>
#include <set>

#include "fixtures.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime::test {
namespace {

using Kind = HandleRecord::Kind;

class Handles : public ::testing::Test {
 protected:
  explicit Handles(std::uint64_t budget_bytes = 0, std::uint32_t free_places_kept = 0)
      : budget_(budget_bytes), table_(kSession, budget_, free_places_kept) {}
  Handle put(Kind kind = Kind::buffer, std::uint64_t bytes = 4) {
    return table_.public_handle(table_.put(lock_, *table_.take_place(lock_), kind, bytes));
  }
  Errc why_not(const Handle& handle) {
    const auto found = table_.find_live(lock_, handle, "use");
    return found ? Errc::internal : found.error().code;
  }

  static constexpr std::uint32_t kSession{3};
  OrderMutex order_;
  OrderLock lock_{order_};
  MemoryBudget budget_;
  HandleTable table_;
};

TEST_F(Handles, AStaleHandleIsToldFromTheBufferThatHasItsNumberNow) {
  const Handle first = put();
  table_.free_place(lock_, first.id);
  EXPECT_EQ(table_.find(lock_, first.id), nullptr);
  EXPECT_EQ(why_not(first), Errc::not_found);
  Handle later;
  int releases = 0;
  while ((later = put()).id != first.id) {
    table_.free_place(lock_, later.id);
    ASSERT_LT(++releases, 1'000) << "the number has to come again";
  }
  EXPECT_GE(releases, 254) << "a stale number names nothing for as long as generations last";
  EXPECT_NE(later.serial, first.serial);
  EXPECT_EQ(why_not(first), Errc::not_found);
  EXPECT_EQ(why_not(later), Errc::internal) << "it is alive";
  EXPECT_EQ(why_not(Handle{first.id}), Errc::internal) << "a bare number names what has it";
}

TEST_F(Handles, AHandleOfAnotherSessionIsRefusedEvenWhereTheNumberIsAlive) {
  const Handle ours = put();
  EXPECT_EQ(why_not({ours.id, kSession + 1, ours.serial}), Errc::invalid_argument);
  HandleTable next(kSession + 1, budget_);
  EXPECT_NE(*next.take_place(lock_), ours.id) << "sessions begin with different generations";
}

TEST_F(Handles, WhatIsBeingReleasedIsNotAlive) {
  const Handle handle = put();
  table_.find(lock_, handle.id)->releasing = true;
  EXPECT_EQ(why_not(handle), Errc::not_found);
}

TEST_F(Handles, ASetIsNoBufferAndAViewIsOneOnlyWhereItIsAskedFor) {
  const Handle set = put(Kind::set, 0);
  const Handle alias = put(Kind::alias, 0);
  EXPECT_EQ(table_.find_buffer(lock_, set, "bind").error().code, Errc::invalid_argument);
  EXPECT_EQ(table_.find_buffer(lock_, alias, "bind").error().code, Errc::not_found);
  EXPECT_OK(table_.find_buffer(lock_, alias, "bind", true));
}

TEST_F(Handles, AMemberIsHeldOnceForEachTimeThatSetsNameIt) {
  const Handle buffer = put();
  const std::vector<std::uint32_t> members{buffer.id, buffer.id};
  HandleRecord& set = table_.put(lock_, *table_.take_place(lock_), Kind::set, 0);
  ASSERT_OK(budget_.reserve(lock_, HandleTable::set_bytes(members.size()), "a binding set"));
  set.counted = true;
  set.members = members;
  table_.hold_members(lock_, members);
  EXPECT_EQ(table_.find(lock_, buffer.id)->sets, 2u);
  table_.remove(lock_, set);
  EXPECT_EQ(table_.find(lock_, buffer.id)->sets, 0u);
  EXPECT_EQ(budget_.reserved(lock_), 0u);
}

TEST_F(Handles, AFreePlaceWaitsBehindThoseKept) {
  HandleTable table(1, budget_, 2);
  std::vector<std::uint32_t> handles;
  for (int i = 0; i < 3; ++i) handles.push_back(*table.take_place(lock_));
  table.free_place(lock_, handles[1]);
  table.free_place(lock_, handles[0]);
  const std::uint32_t fresh = *table.take_place(lock_);
  EXPECT_EQ(backend::handle_index(fresh), 4u) << "two free places wait";
  table.free_place(lock_, handles[2]);
  const std::uint32_t again = *table.take_place(lock_);
  EXPECT_EQ(backend::handle_index(again), backend::handle_index(handles[1])) << "the oldest first";
  EXPECT_NE(again, handles[1]);
}

struct SmallBudget : Handles {
  SmallBudget() : Handles(4 * kHandleBytes) {}
};

TEST_F(SmallBudget, CountsWhateverIsKeptAsAHandleAtTheLeast) {
  for (int i = 0; i < 4; ++i) ASSERT_OK(budget_.reserve(lock_, 0, "a buffer"));
  const auto refused = budget_.reserve(lock_, 1, "a buffer");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::out_of_memory);
  budget_.give_back(lock_, 0);
  EXPECT_EQ(budget_.reserve(lock_, kHandleBytes + 1, "a buffer").error().code, Errc::out_of_memory);
  EXPECT_OK(budget_.reserve(lock_, kHandleBytes, "a buffer"));
}

/// Handles, sets, budget and aliases against plain maps, through random calls.
class HandleHistory : public Handles {
 protected:
  struct Alive {
    Handle handle;
    Kind kind;
    std::uint64_t counted;
    std::vector<std::uint64_t> members;  // serials
  };

  HandleHistory() : Handles(0, 4) {}

  void make_buffer() {
    const std::uint64_t bytes = random_.below(3) * kHandleBytes;
    ASSERT_OK(budget_.reserve(lock_, bytes, "a buffer"));
    const Handle handle = put(Kind::buffer, bytes);
    alive_[handle.serial] = {handle, Kind::buffer, std::max(bytes, kHandleBytes), {}};
  }
  void make_alias() {
    table_.count_view(lock_);
    const Handle handle = put(Kind::alias, 0);
    alive_[handle.serial] = {handle, Kind::alias, 0, {}};
  }
  void make_set() {
    Alive set{{}, Kind::set, 0, {}};
    std::vector<std::uint32_t> members;
    for (const auto& [serial, one] : alive_) {
      if (one.kind != Kind::buffer || random_.below(2) == 0) continue;
      set.members.push_back(serial);
      members.push_back(one.handle.id);
    }
    const std::uint64_t bytes = HandleTable::set_bytes(members.size());
    ASSERT_OK(budget_.reserve(lock_, bytes, "a binding set"));
    set.counted = std::max(bytes, kHandleBytes);
    table_.hold_members(lock_, members);
    HandleRecord& record = table_.put(lock_, *table_.take_place(lock_), Kind::set, 0);
    record.members = members;
    record.counted = true;
    set.handle = table_.public_handle(record);
    alive_[set.handle.serial] = set;
  }
  void end_one() {
    if (alive_.empty()) return;
    auto one = std::next(alive_.begin(), random_.below(static_cast<std::uint32_t>(alive_.size())));
    if (holders(one->first) != 0) return;
    table_.remove(lock_, *table_.find(lock_, one->second.handle.id));
    ended_.push_back(one->second.handle);
    alive_.erase(one);
  }
  [[nodiscard]] std::uint32_t holders(std::uint64_t serial) const {
    std::uint32_t sets = 0;
    for (const auto& [unused, one] : alive_)
      sets +=
          static_cast<std::uint32_t>(std::count(one.members.begin(), one.members.end(), serial));
    return sets;
  }
  void check() {
    std::uint64_t counted = 0;
    std::uint32_t aliases = 0;
    std::set<std::uint32_t> numbers;
    for (const auto& [serial, one] : alive_) {
      const auto found = table_.find_live(lock_, one.handle, "use");
      ASSERT_OK(found);
      EXPECT_EQ((*found)->kind, one.kind);
      EXPECT_EQ((*found)->sets, holders(serial));
      EXPECT_TRUE(numbers.insert(one.handle.id).second) << "two handles with one number";
      counted += one.counted;
      if (one.kind == Kind::alias) ++aliases;
    }
    for (const Handle& handle : ended_) EXPECT_EQ(why_not(handle), Errc::not_found);
    EXPECT_EQ(budget_.reserved(lock_), counted);
    EXPECT_EQ(table_.aliases(lock_), aliases);
    std::size_t visited = 0;
    table_.for_each(lock_, [&](const HandleRecord& record) {
      visited += alive_.count(record.serial);
      return true;
    });
    EXPECT_EQ(visited, alive_.size());
  }

  Random random_{test_seed()};
  std::map<std::uint64_t, Alive> alive_;  // by serial
  std::vector<Handle> ended_;
};

TEST_F(HandleHistory, RandomHistoriesAgreeWithPlainMaps) {
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(test_seed()));
  for (int step = 0; step < 600 * test_scale(); ++step) {
    switch (random_.below(6)) {
      case 0:
      case 1:
        make_buffer();
        break;
      case 2:
        make_set();
        break;
      case 3:
        make_alias();
        break;
      default:
        end_one();
    }
    if (step % 20 == 0) check();
    if (HasFailure()) return;
  }
  check();
}

}  // namespace
}  // namespace vyre::runtime::test

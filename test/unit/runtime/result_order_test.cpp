// The order of results alone: every order in which chunks may end, against a plain model; late ones
// that are passed over; files that fail.
#include "runtime/result_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "fixtures.hpp"

namespace vyre::runtime::test {
namespace {

using Mode = ResultOrder::Mode;
using FileEnd = ResultOrder::FileEnd;

/// Takes what comes out and releases it at once, as a caller who reads result after result.
struct Out {
  std::vector<ChunkId> results;
  std::vector<ChunkId> dropped;
};
Out take_all(ResultOrder& order) {
  Out out;
  while (const auto next = order.take()) {
    (next->dropped ? out.dropped : out.results).push_back(next->chunk);
    (void)order.release(next->chunk);
  }
  return out;
}

using Ids = std::vector<ChunkId>;

/// Chunks 0 to count - 1 of file 0, number and index alike.
void begin_file(ResultOrder& order, std::uint32_t count) {
  for (ChunkId i = 0; i < count; ++i) order.begin(i, 0, {0, i}, i + 1 == count);
}

TEST(ResultOrder, AResultWaitsForThoseBeforeIt) {
  ResultOrder order(Mode::in_order);
  begin_file(order, 3);
  order.end(2);
  order.end(1);
  EXPECT_FALSE(order.take());
  EXPECT_EQ(order.to_come(), 3u);
  order.end(0);
  EXPECT_EQ(take_all(order).results, (Ids{0, 1, 2}));
  EXPECT_EQ(order.to_come(), 0u);
}

TEST(ResultOrder, AsTheyComeNoResultWaitsForAnother) {
  ResultOrder order(Mode::as_they_come);
  begin_file(order, 3);
  order.end(2);
  EXPECT_EQ(take_all(order).results, (Ids{2}));
  order.end(0);
  order.end(1);
  EXPECT_EQ(take_all(order).results, (Ids{0, 1}));
  EXPECT_EQ(order.to_come(), 0u);
}

TEST(ResultOrder, ALateResultThatIsPassedOverHoldsBackNoneAndIsDroppedWhenItComes) {
  ResultOrder order(Mode::in_order);
  order.begin(0, 0, {0, 0}, true);
  order.begin(1, 1, {1, 0}, true);
  order.begin(2, 2, {2, 0}, true);
  order.end(1);
  order.end(2);
  EXPECT_FALSE(order.take());
  order.pass_over({1, 0});
  EXPECT_EQ(take_all(order).results, (Ids{1, 2}));
  EXPECT_EQ(order.to_come(), 0u) << "the end does not wait for what was passed over";
  order.end(0);
  const auto late = order.take();
  ASSERT_TRUE(late);
  EXPECT_EQ(late->chunk, 0u);
  EXPECT_TRUE(late->dropped);
  EXPECT_EQ(order.release(0), FileEnd::ended);
}

TEST(ResultOrder, WhatIsBegunBeforeThePlaceThatWasPassedDoesNotComeOutEither) {
  ResultOrder order(Mode::in_order);
  order.pass_over({0, 2});
  begin_file(order, 4);
  order.end(0);
  order.end(3);
  Out out = take_all(order);
  EXPECT_EQ(out.results, Ids{});
  EXPECT_EQ(out.dropped, (Ids{0})) << "it had ended when its turn came";
  order.end(2);
  EXPECT_EQ(take_all(order).results, (Ids{2, 3}));
  order.end(1);
  EXPECT_EQ(take_all(order).dropped, (Ids{1}));
}

TEST(ResultOrder, TheErrorOfAFileIsItsLastResultInOrder) {
  ResultOrder order(Mode::in_order);
  begin_file(order, 4);
  order.begin(4, 1, {1, 0}, true);
  order.fail(2);
  order.fail(3);
  order.end(4);
  order.end(1);
  order.end(0);
  const Out out = take_all(order);
  EXPECT_EQ(out.results, (Ids{0, 1, 2, 4}));
  EXPECT_EQ(out.dropped, (Ids{3}));
}

TEST(ResultOrder, TheErrorOfAFileIsItsLastResultAsTheyCome) {
  ResultOrder order(Mode::as_they_come);
  begin_file(order, 4);
  order.fail(0);
  order.fail(3);
  order.end(2);
  Out out = take_all(order);
  EXPECT_EQ(out.results, (Ids{2}));
  EXPECT_EQ(out.dropped, (Ids{3}));
  EXPECT_EQ(order.to_come(), 2u);
  order.end(1);
  EXPECT_EQ(take_all(order).results, (Ids{1, 0}));
}

TEST(ResultOrder, AFileEndsWithItsLastReleaseAndSaysWhetherItFailed) {
  for (const Mode mode : {Mode::in_order, Mode::as_they_come}) {
    ResultOrder order(mode);
    order.begin(0, 0, {0, 0}, false);
    order.end(0);
    ASSERT_TRUE(order.take());
    EXPECT_EQ(order.release(0), FileEnd::not_yet) << "chunks of it may still be begun";
    order.begin(0, 0, {0, 1}, true);
    order.end(0);
    ASSERT_TRUE(order.take());
    EXPECT_EQ(order.release(0), FileEnd::ended);
    order.begin(0, 0, {1, 0}, false);
    order.fail(0);
    ASSERT_TRUE(order.take());
    EXPECT_EQ(order.release(0), FileEnd::failed);
  }
}

TEST(ResultOrder, TheErrorOfAFileThatWasPassedOverWhollyIsDropped) {
  ResultOrder order(Mode::in_order);
  begin_file(order, 2);
  order.begin(2, 1, {1, 0}, true);
  order.end(2);
  order.pass_over({1, 0});
  EXPECT_EQ(take_all(order).results, (Ids{2}));
  order.fail(0);
  order.fail(1);
  EXPECT_EQ(take_all(order).dropped, (Ids{0, 1}));
}

TEST(ResultOrder, AnErrorBehindTheCallerComesNextWhileTheFileIsWanted) {
  for (const bool taken_before : {false, true}) {
    ResultOrder order(Mode::in_order);
    begin_file(order, 4);
    order.pass_over({0, 2});
    order.end(2);
    if (taken_before) {
      EXPECT_EQ(take_all(order).results, (Ids{2}));
    }
    order.fail(1);
    EXPECT_EQ(take_all(order).results, (Ids{1})) << "an error is the last of its file";
    order.end(0);
    order.end(3);
    EXPECT_EQ(take_all(order).results, Ids{});
    EXPECT_EQ(order.to_come(), 0u);
  }
}

TEST(ResultOrder, AnErrorBehindAFileWhoseLastResultIsOutIsDropped) {
  ResultOrder order(Mode::in_order);
  begin_file(order, 2);
  order.begin(2, 1, {1, 0}, true);
  order.pass_over({0, 1});
  order.end(1);
  order.end(2);
  EXPECT_EQ(take_all(order).results, (Ids{1, 2}));
  order.fail(0);
  EXPECT_EQ(take_all(order).dropped, (Ids{0}));
}

TEST(ResultOrder, NoMoreAreBegunThanTheCallerAllowsAheadOfTheOldest) {
  ResultOrder order(Mode::as_they_come, 2);
  EXPECT_FALSE(order.far_ahead());
  begin_file(order, 2);
  EXPECT_TRUE(order.far_ahead());
  order.end(1);
  EXPECT_EQ(take_all(order).results, (Ids{1}));
  EXPECT_TRUE(order.far_ahead()) << "the oldest is not out";
  order.pass_over({0, 1});
  EXPECT_FALSE(order.far_ahead()) << "and is waited for no more";
}

/// One thing after the other at random, and the plain rules beside it.
class Model {
 public:
  Model(Mode mode, std::uint64_t seed) : order_(mode), mode_(mode), random_(seed) {}

  void run() {
    for (int step = 0; step < 4'000 && !::testing::Test::HasFatalFailure(); ++step) {
      const std::uint32_t what = random_.below(100);
      if (what < 40) {
        begin();
      } else if (what < 80) {
        end();
      } else if (what < 97) {
        take();
      } else if (mode_ == Mode::in_order) {
        pass_over();
      }
    }
    while (!open_.empty() && !::testing::Test::HasFatalFailure()) end();
    while (take()) {
    }
    EXPECT_EQ(order_.to_come(), 0u);
    EXPECT_TRUE(in_flight_.empty()) << "every chunk comes out or is dropped";
    EXPECT_EQ(files_left_, current_open_ ? 1u : 0u) << "every file has ended";
  }

 private:
  struct Chunk {
    ChunkAt at;
    bool ended{false};
    bool failed{false};
  };

  void begin() {
    if (in_flight_.size() == 60) return;
    if (!current_open_) {
      ++file_;
      next_chunk_ = 0;
      chunks_of_file_ = 1 + random_.below(5);
      current_open_ = true;
      ++files_left_;
    }
    ChunkId id = 0;
    while (in_flight_.contains(id)) ++id;
    const bool last = next_chunk_ + 1 == chunks_of_file_;
    const ChunkAt at{file_, next_chunk_++};
    order_.begin(id, file_id(file_), at, last);
    in_flight_[id] = {at};
    open_.push_back(id);
    if (last) current_open_ = false;
  }

  void end() {
    if (open_.empty()) return;
    const std::size_t at = random_.below(static_cast<std::uint32_t>(open_.size()));
    const ChunkId id = open_[at];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
    Chunk& chunk = in_flight_[id];
    chunk.ended = true;
    chunk.failed = random_.below(12) == 0;
    if (!chunk.failed) return order_.end(id);
    if (current_open_ && chunk.at.file == file_) current_open_ = false;
    order_.fail(id);
  }

  void pass_over() {
    if (in_flight_.empty()) return;
    auto chosen =
        std::next(in_flight_.begin(), random_.below(static_cast<std::uint32_t>(in_flight_.size())));
    passed_ = std::max(passed_, chosen->second.at);
    order_.pass_over(passed_);
  }

  /// Whether one came.
  bool take() {
    const auto next = order_.take();
    if (!next) {
      check_that_none_was_due();
      return false;
    }
    const auto found = in_flight_.find(next->chunk);
    if (found == in_flight_.end() || !found->second.ended) {
      ADD_FAILURE() << "chunk " << next->chunk << " has no result";
      return false;
    }
    const Chunk chunk = found->second;
    if (!next->dropped) {
      EXPECT_FALSE(told_.contains(chunk.at.file)) << "a result behind the error of its file";
      EXPECT_TRUE(chunk.failed || chunk.at >= passed_);
      if (chunk.failed) told_.insert(chunk.at.file);
      if (mode_ == Mode::in_order && !chunk.failed) {
        EXPECT_GE(chunk.at, last_out_);
        last_out_ = chunk.at;
      }
      if (mode_ == Mode::as_they_come && chunk.failed) {
        for (const auto& [id, other] : in_flight_)
          EXPECT_TRUE(id == next->chunk || other.at.file != chunk.at.file);
      }
    } else {
      EXPECT_TRUE(chunk.at < passed_ || told_.contains(chunk.at.file) ||
                  (mode_ == Mode::as_they_come && chunk.failed));
    }
    in_flight_.erase(found);
    if (order_.release(next->chunk) == FileEnd::not_yet) return true;
    --files_left_;
    file_ids_.erase(chunk.at.file);
    return true;
  }

  FileId file_id(std::uint64_t file) {
    const auto known = file_ids_.find(file);
    if (known != file_ids_.end()) return known->second;
    std::set<FileId> used;
    for (const auto& [index, id] : file_ids_) used.insert(id);
    FileId id = 0;
    while (used.contains(id)) ++id;
    file_ids_[file] = id;
    return id;
  }

  void check_that_none_was_due() {
    if (mode_ == Mode::as_they_come) {
      for (const auto& [id, chunk] : in_flight_)
        EXPECT_TRUE(!chunk.ended || chunk.failed) << "only an error waits for others";
      return;
    }
    const Chunk* first = nullptr;
    for (const auto& [id, chunk] : in_flight_) {
      if (chunk.at >= passed_ && (first == nullptr || chunk.at < first->at)) first = &chunk;
    }
    EXPECT_TRUE(first == nullptr || !first->ended) << "the oldest that is wanted has ended";
  }

  ResultOrder order_;
  const Mode mode_;
  Random random_;
  std::map<ChunkId, Chunk> in_flight_;
  std::vector<ChunkId> open_;  // of these: have not ended
  std::map<std::uint64_t, FileId> file_ids_;
  std::set<std::uint64_t> told_;  // files whose error is out
  std::uint64_t file_{0};
  std::uint64_t next_chunk_{0};
  std::uint64_t chunks_of_file_{0};
  bool current_open_{false};
  std::uint32_t files_left_{0};
  ChunkAt passed_;
  ChunkAt last_out_;
};

TEST(ResultOrder, HoldsForAnyOrderInWhichChunksEnd) {
  for (const Mode mode : {Mode::in_order, Mode::as_they_come}) {
    for (std::uint64_t round = 0; round < 40; ++round) {
      SCOPED_TRACE("VYRE_SEED=" + std::to_string(test_seed()) + ", round " + std::to_string(round) +
                   (mode == Mode::in_order ? ", in order" : ""));
      Model(mode, test_seed() + round).run();
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace vyre::runtime::test

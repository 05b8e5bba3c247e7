// Who uses a buffer, and what a new item therefore has to wait for, so that a caller that just
// submits gets the result of running its items one by one. Host only; everything under the
// session's order lock.
//
// Rules: a writer waits for the last writer and for every reader since; a reader waits for the last
// writer. Inside one queue the wait becomes a queue flag (after_previous if the item just before is
// all there is to wait for, else after_all: exact enough, since items of a queue start in order
// anyway). Between queues there is no flag: submit itself waits until the other queue's item has
// ended. Submits that wait for one buffer get it in the order in which they began to wait (Line).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/work_item.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

/// An item that uses a buffer.
struct Use {
  std::uint32_t queue{0};
  std::uint64_t position{0};
  bool writes{false};
  friend bool operator==(const Use&, const Use&) = default;
};

class Uses {
 public:
  /// `over(use)` says that nothing has to wait for it any more.
  template <class Over>
  void add_reader(std::uint32_t queue, std::uint64_t position, const Over& over) {
    const Use reader{queue, position, false};
    if (!readers_.empty() && readers_.back() == reader) return;  // the item names the buffer twice
    if (readers_.size() >= prune_at_) {
      std::erase_if(readers_, over);
      prune_at_ = std::max(kPruneAtLeast, 2 * readers_.size());
    }
    readers_.push_back(reader);
  }
  void set_writer(std::uint32_t queue, std::uint64_t position);

  /// Calls `visit(Use)` for everything that a new reader or writer has to wait for, without what is
  /// over.
  template <class Over, class Visit>
  void conflicts(bool writes, const Over& over, const Visit& visit) {
    if (writer_ && over(*writer_)) writer_.reset();
    if (writer_) visit(*writer_);
    if (!writes) return;  // readers are many, and a reader does not wait for them
    std::erase_if(readers_, over);
    for (const Use& reader : readers_) visit(reader);
  }

 private:
  static constexpr std::size_t kPruneAtLeast{16};
  std::optional<Use> writer_;
  /// Since the last writer, each by its position: items between two readers do not matter. At most
  /// twice as many as were in flight, so that adding one costs the same however many there are.
  std::vector<Use> readers_;
  std::size_t prune_at_{kPruneAtLeast};
};

/// Those that wait for a buffer, in the order of their turns. A turn is drawn once, when a submit
/// or a host copy first has to wait, from a count of the session; a caller without a turn (0) comes
/// after all that have one. Since turns are ordered, no two can wait for each other.
class Line {
 public:
  void join(std::uint64_t turn, bool writes) { waiting_.push_back({turn, writes}); }
  void leave(std::uint64_t turn) {
    std::erase_if(waiting_, [turn](const Waiting& one) { return one.turn == turn; });
  }
  /// Whether one that came earlier has to have the buffer first.
  [[nodiscard]] bool ahead_of(std::uint64_t turn, bool writes) const noexcept {
    return std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& one) {
      return (turn == 0 || one.turn < turn) && (writes || one.writes);
    });
  }

 private:
  struct Waiting {
    std::uint64_t turn;
    bool writes;
  };
  std::vector<Waiting> waiting_;
};

}  // namespace vyre::runtime

// Who uses a buffer, and what a new item therefore has to wait for, so that a caller who just
// submits gets the result of running his items one by one (D7). Host only; everything under the
// session's order lock.
//
// Rules: a writer waits for the last writer and for every reader since; a reader waits for the last
// writer. Inside one queue the wait becomes a queue flag (after_previous if the item just before is
// all there is to wait for, else after_all: exact enough, since items of a queue start in order
// anyway). Between queues there is no flag: submit itself waits until the other queue's item has
// ended.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vyre/protocol/work_item.hpp"
#include "vyre/runtime/session.hpp"

namespace vyre::runtime {

/// Positions [first, last] of one queue; those in between may or may not be meant.
struct QueueSpan {
  std::uint32_t queue{0};
  std::uint64_t first{0};
  std::uint64_t last{0};
};

class Uses {
 public:
  void add_reader(std::uint32_t queue, std::uint64_t position);
  void set_writer(std::uint32_t queue, std::uint64_t position);

  /// Calls `visit(QueueSpan)` for everything that a new reader or writer has to wait for.
  template <class Visit>
  void conflicts(bool writes, const Visit& visit) const {
    if (writer_) visit(QueueSpan{writer_->queue, writer_->position, writer_->position});
    if (!writes) return;
    for (const QueueSpan& readers : readers_) visit(readers);
  }
  /// Drops what has ended, so that the lists stay short.
  template <class Ended>
  void prune(const Ended& ended) {
    if (writer_ && ended(QueueSpan{writer_->queue, writer_->position, writer_->position}))
      writer_.reset();
    std::erase_if(readers_, ended);
  }

 private:
  std::optional<Ticket> writer_;
  std::vector<QueueSpan> readers_;  // since the last writer; at most one a queue
};

}  // namespace vyre::runtime

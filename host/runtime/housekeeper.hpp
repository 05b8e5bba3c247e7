// What threads that wait do for the session on the way: nothing, unless it is due. Host only.
//
// Lock: none of its own. A thread that passes by may have the close mutex or the bring lock.
#pragma once

#include <atomic>

#include "base/clock.hpp"

namespace vyre::runtime {

class Housekeeper {
 public:
  virtual ~Housekeeper() = default;
  /// Any thread that waits or looks after the session.
  void pass(Deadline now) noexcept {
    // Relaxed: a hint; look() has its own lock.
    if (now.time_since_epoch().count() >= due_.load(std::memory_order_relaxed)) look(now);
  }

 protected:
  virtual void look(Deadline now) noexcept = 0;
  void due_at(Deadline when) noexcept {
    due_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }

 private:
  std::atomic<Deadline::rep> due_{0};
};

}  // namespace vyre::runtime

// The tap through which a session tells its observer. Every event passes tell(). Host only.
//
// Lock: ObserverTap owns one mutex. A thread takes it with hold(), which asks for the lock that
// gives the event its place: the order lock, or the turn of a collector for a completion. The
// observer must not call the session. A thread that holds the tap takes no other lock, except that
// of SessionPump where an attached observer is told what a file contains.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "order_lock.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

class Turn;  // collector.hpp

class ObserverTap {
 public:
  /// The right to tell. It holds the tap's lock if an observer was attached, and nothing otherwise.
  class [[nodiscard]] Hold {
   private:
    friend class ObserverTap;
    explicit Hold(std::unique_lock<std::mutex> lock) : lock_(std::move(lock)) {}
    std::unique_lock<std::mutex> lock_;
  };

  /// A thread that sees false need not prepare an event.
  [[nodiscard]] bool active() const noexcept { return active_.load(std::memory_order_acquire); }

  Hold hold(const OrderLock&) { return hold_if(active()); }
  Hold hold(const Turn&) { return hold_if(active()); }
  /// Also without an observer, for attach() and detach().
  Hold hold_to_attach(const OrderLock&) { return hold_if(true); }

  /// Calls `event(SessionObserver&)` if an observer is attached.
  template <class Event>
  void tell(const Hold& hold, const Event& event) const {
    if (hold.lock_.owns_lock() && observer_) event(*observer_);
  }

  void attach(const Hold&, std::shared_ptr<SessionObserver> observer) {
    observer_ = std::move(observer);
    active_.store(observer_ != nullptr, std::memory_order_release);
  }
  void detach(const Hold&) {
    active_.store(false, std::memory_order_release);
    observer_.reset();
  }

 private:
  [[nodiscard]] Hold hold_if(bool wanted) {
    return Hold(wanted ? std::unique_lock(mutex_) : std::unique_lock<std::mutex>());
  }

  std::atomic<bool> active_{false};
  std::mutex mutex_;
  std::shared_ptr<SessionObserver> observer_;
};

}  // namespace vyre::runtime

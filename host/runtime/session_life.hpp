// Whether a session still accepts calls, and why not. Host only; any thread.
//
// Lock: none.
#pragma once

#include <atomic>

#include "backend/backend.hpp"
#include "session_setup.hpp"

namespace vyre::runtime {

class SessionLife {
 public:
  SessionLife(const SessionSetup& setup, const backend::Backend& backend)
      : setup_(setup), backend_(backend) {}

  [[nodiscard]] bool closing() const noexcept { return closing_.load(std::memory_order_acquire); }
  void begin_closing() noexcept { closing_.store(true, std::memory_order_release); }
  /// Errc::closed once the session is closing.
  [[nodiscard]] Status open() const {
    if (closing()) return tl::unexpected<Error>(Error{Errc::closed, "the session is closed"});
    return {};
  }
  /// Why nothing is accepted any more, in words; only where something is wrong.
  [[nodiscard]] Error closed() const;
  [[nodiscard]] bool wall_time_is_over() const {
    const auto most = setup_.options.max_wall_time;
    return most.count() > 0 && Clock::now() - setup_.opened >= most;
  }

  /// True once something could not be stopped: what it may still touch must stay where it is.
  [[nodiscard]] bool leaked() const noexcept { return leaked_.load(std::memory_order_acquire); }
  void leak() noexcept { leaked_.store(true, std::memory_order_release); }

  /// Since open; negative: still open. Relaxed: a number. The report reads it without the lock of
  /// close(), which is held while that waits for items.
  [[nodiscard]] std::int64_t closed_ns() const noexcept {
    return closed_ns_.load(std::memory_order_relaxed);
  }
  void set_closed_ns(std::int64_t ns) noexcept { closed_ns_.store(ns, std::memory_order_relaxed); }

 private:
  const SessionSetup& setup_;
  const backend::Backend& backend_;
  std::atomic<bool> closing_{false};
  std::atomic<bool> leaked_{false};
  std::atomic<std::int64_t> closed_ns_{-1};
};

}  // namespace vyre::runtime

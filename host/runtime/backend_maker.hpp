// Calls that make or release something which the backend keeps: one thread at a time. Host only.
//
// Lock: BackendMaker owns one, which a thread has during the call; on a device that may take as
// long as the call's deadline allows. The caller must not hold the order lock, so that submits and
// close() do not wait for the backend. What is called may take the order lock.
#pragma once

#include <atomic>
#include <cstdint>

#include "backend/backend.hpp"
#include "queue/waiter.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

class BackendMaker {
 public:
  explicit BackendMaker(backend::Backend& backend) : backend_(backend) {}

  /// Returns what `make(backend::Backend&)` returns, or deadline_exceeded if other calls had the
  /// backend until then. It is tried once even if the deadline has passed.
  template <class Make>
  [[nodiscard]] auto make(Deadline deadline, const Make& make)
      -> decltype(make(std::declval<backend::Backend&>())) {
    const Turn turn(*this, deadline);
    if (!turn.mine()) {
      return fail(Errc::deadline_exceeded,
                  "other calls that make or release buffers or programs were under way until the "
                  "deadline; allow more time");
    }
    return make(backend_);
  }
  /// As backend::Backend::release().
  [[nodiscard]] bool release(std::uint32_t handle, Deadline deadline) {
    const Turn turn(*this, deadline);
    return turn.mine() && backend_.release(handle, deadline);
  }

 private:
  class Turn {
   public:
    Turn(BackendMaker& maker, Deadline deadline)
        : maker_(maker),
          // [MAKER-1] acquire: what the last one did.
          mine_(maker.given_back_.wait_until(
              deadline, [&] { return !maker.taken_.exchange(true, std::memory_order_acquire); })) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (!mine_) return;
      maker_.taken_.store(false, std::memory_order_release);  // [MAKER-1]
      maker_.given_back_.notify();
    }
    [[nodiscard]] bool mine() const noexcept { return mine_; }

   private:
    BackendMaker& maker_;
    const bool mine_;
  };

  backend::Backend& backend_;
  std::atomic<bool> taken_{false};
  queue::Waiter given_back_;
};

}  // namespace vyre::runtime

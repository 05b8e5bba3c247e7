// Handles that ended while something still used them: each is freed as soon as nothing does, by the
// attendant, and no caller waits for it. Host only; any thread.
//
// Lock: take() is called with the order lock and gives it up; the others take it themselves. It is
// not held while the backend releases something.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "attendant.hpp"
#include "backend_maker.hpp"
#include "copy_until.hpp"
#include "done_call.hpp"
#include "handle_table.hpp"
#include "observer_tap.hpp"
#include "order_lock.hpp"
#include "results.hpp"
#include "session_files.hpp"

namespace vyre::runtime {

class Retirements final : public Attendant::Duty {
 public:
  struct Over {  // what it works over
    BackendMaker& maker;
    OrderMutex& order;
    HandleTable& handles;
    ObserverTap& tap;
    SessionFiles& files;
    Results& results;
    Attendant& attendant;
  };
  explicit Retirements(const Over& over) : over_(over) {}

  /// Before the caller marks a record for take(), which then needs no memory to note it.
  void make_room(const OrderLock&);
  void need_no_room(const OrderLock&) noexcept { --rooms_; }
  /// The caller has marked the record as `releasing`, so that it is in no other hands. Frees it now
  /// if nothing uses it and the backend takes it before the deadline, else by and by. The lock is
  /// given up.
  void take(OrderLock& lock, HandleRecord& record, Deadline deadline, std::vector<DoneCall>& calls);
  /// How often memory came back that an allocation may try again for. What an allocation that
  /// failed gives back itself does not count.
  [[nodiscard]] std::uint64_t freed() const noexcept {
    return freed_.load(std::memory_order_acquire);
  }
  /// Waits until it is more than `seen`. False: nothing is coming back by itself. Errors say that
  /// `until` came first.
  [[nodiscard]] Result<bool> await_freed(std::uint64_t seen, const CopyUntil& until);

  [[nodiscard]] Attendant::Need look(std::vector<DoneCall>& calls) override;

 private:
  [[nodiscard]] bool used(const OrderLock& lock, HandleRecord& record);
  /// Handles that wait for items or the backend. What a binding set or a lease holds may wait for
  /// the very caller that asks.
  [[nodiscard]] std::size_t coming(const OrderLock& lock);
  /// Gives the lock up meanwhile. False: the backend did not take it before the deadline.
  [[nodiscard]] bool free(OrderLock& lock, HandleRecord& record, Deadline deadline,
                          std::vector<DoneCall>& calls);

  const Over over_;
  std::vector<std::uint32_t> waiting_;  // under the order lock
  std::size_t rooms_{0};                // made, and not needed yet; under the order lock
  bool looking_{false};                 // one thread at a time; under the order lock
  std::atomic<std::uint64_t> freed_{0};
};

}  // namespace vyre::runtime

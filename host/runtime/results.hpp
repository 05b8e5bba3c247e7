// Results of a session's items: one Collector a queue, waiting for items, and the tails that say
// what was accepted. It is what the backend tells of completions. Host only; any thread.
//
// Lock: none of its own; each Collector has its turn. No thread may hold a lock when it waits here,
// because a predicate may take the order lock and a collector may take the observer tap.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "backend/backend.hpp"
#include "batch.hpp"
#include "collector.hpp"
#include "hazards.hpp"
#include "housekeeper.hpp"
#include "observer_tap.hpp"
#include "queue/waiter.hpp"
#include "session_counters.hpp"
#include "session_setup.hpp"

namespace vyre::runtime {

class Results final : public backend::Listener {
 public:
  /// Makes a collector for each queue of the backend.
  Results(const SessionSetup& setup, backend::Backend& backend, ObserverTap& tap,
          SessionCounters& counters);

  /// Before any thread waits. The keeper lives as long as threads do.
  void set_housekeeper(Housekeeper& keeper) noexcept { keeper_ = &keeper; }
  void keep_house(Deadline now) noexcept {
    if (keeper_ != nullptr) keeper_->pass(now);
  }

  // From threads of the backend.
  void posted() noexcept override;
  void idle() noexcept override;

  [[nodiscard]] Collector& collector(std::uint32_t queue) noexcept { return *collectors_[queue]; }
  [[nodiscard]] std::uint32_t queues() const noexcept {
    return static_cast<std::uint32_t>(collectors_.size());
  }
  std::uint64_t collect_all();
  /// What was accepted of each queue so far.
  [[nodiscard]] std::vector<std::uint64_t> tails() const;
  [[nodiscard]] bool all_ended(const std::vector<std::uint64_t>& tails) const;
  /// Closes every queue to producers; returns the final tails. A position that a submit has taken
  /// is below its tail and ends like any other.
  [[nodiscard]] std::vector<std::uint64_t> close_queues();
  /// Ends everything below the tails, for a backend that could not be stopped.
  void give_up(const std::vector<std::uint64_t>& tails, FaultCode why);

  /// Nothing has to wait for the use any more.
  [[nodiscard]] bool over(const Use& use) const noexcept {
    const Collector& collector = *collectors_[use.queue];
    return use.writes ? collector.passed(use.position) : collector.ended(use.position);
  }
  /// over(), after a look for the completion of just that item.
  [[nodiscard]] bool look_over(const Use& use);
  [[nodiscard]] bool wait_over(const Use& use, Deadline deadline);
  /// Bounded wait for something that completions or notify() bring about; collects meanwhile.
  template <class Ready>
  [[nodiscard]] bool wait_for(Deadline deadline, const Ready& ready);
  /// Wakes threads that wait. Completions do that by themselves; finished host copies, released
  /// handles, reads of files and close() need it.
  void notify() noexcept { changed_.notify(); }
  [[nodiscard]] queue::Waiter& changed() noexcept { return changed_; }
  /// Nothing tells of completions: those that wait have to look.
  [[nodiscard]] bool polls() const noexcept { return polls_; }
  /// Grows whenever results were written.
  [[nodiscard]] std::uint64_t events() const noexcept;
  /// Items of the op that ended otherwise than cancelled.
  [[nodiscard]] std::uint64_t items_run(std::uint32_t op);

  /// The public calls.
  [[nodiscard]] Result<ItemResult> wait(Ticket ticket, Deadline deadline);
  [[nodiscard]] Session::WaitedMany wait_many(std::span<const Ticket> tickets, std::size_t least,
                                              Deadline deadline,
                                              std::span<std::optional<ItemResult>> results);
  [[nodiscard]] Result<Session::Drained> wait_all(Deadline deadline);
  [[nodiscard]] Result<std::uint64_t> cancel(std::span<const Ticket> tickets);
  [[nodiscard]] Totals totals();
  [[nodiscard]] std::shared_ptr<Batch> open_batch() {
    return batches_.open(setup_.number, queues());
  }
  [[nodiscard]] Totals totals(Batch& batch);
  [[nodiscard]] std::vector<ItemResult> failures(Batch& batch);
  [[nodiscard]] Status wait_batch(Batch& batch, Deadline deadline);

 private:
  /// wait_for, where no call tells of a completion.
  template <class Look>
  [[nodiscard]] bool poll_for(Deadline deadline, const Look& look);
  [[nodiscard]] Status of_this_session(const Ticket& ticket) const;
  /// The same, and that an item was accepted at that position.
  [[nodiscard]] Status of_an_item(const Ticket& ticket);
  [[nodiscard]] Result<ItemResult> missing(Ticket ticket, Collector::Found found);

  const SessionSetup& setup_;
  backend::Backend& backend_;
  SessionCounters& counters_;
  const bool polls_;
  Housekeeper* keeper_{nullptr};
  BatchList batches_;
  std::vector<std::unique_ptr<Collector>> collectors_;
  alignas(64) queue::Waiter changed_;  // written with every notification, apart from what is read
};

template <class Ready>
bool Results::wait_for(Deadline deadline, const Ready& ready) {
  const auto look = [&] {
    (void)collect_all();
    return ready();
  };
  const Deadline begin = Clock::now();
  keep_house(begin);
  if (look()) return true;
  if (begin >= deadline) {
    backend_.tend();
    return look();
  }
  SessionCounters::add(counters_.sync_points, 1);
  if (polls_) return poll_for(deadline, look);
  for (;;) {
    const Deadline now = Clock::now();
    keep_house(now);
    const Deadline slice = std::min(deadline, later(now, std::chrono::nanoseconds{kHostLookNs}));
    if (changed_.wait_until(slice, look)) return true;
    backend_.tend();
    if (Clock::now() >= deadline) return look();
  }
}

template <class Look>
bool Results::poll_for(Deadline deadline, const Look& look) {
  const Deadline begin = Clock::now();
  keep_house(begin);
  const Deadline spin_until = begin + std::chrono::nanoseconds{kPollSpinNs};
  for (Deadline now = begin; now < spin_until; now = Clock::now()) {
    for (std::uint32_t i = 0; i < kWaitSpins; ++i) {
      if (look()) return true;
      queue::spin_pause();
    }
    if (now >= deadline) return false;
    std::this_thread::yield();  // where there are more threads than processors
  }
  for (;;) {
    backend_.tend();
    const std::uint32_t epoch = changed_.prepare();
    if (look()) {
      changed_.cancel();
      return true;
    }
    const Deadline now = Clock::now();
    keep_house(now);
    const auto pause = std::clamp<std::chrono::nanoseconds>(
        (now - begin) / 8, std::chrono::nanoseconds{kPollSleepNsMin},
        std::chrono::nanoseconds{kPollSleepNsMax});
    (void)changed_.sleep(epoch, std::min(deadline, now + pause));
    if (look()) return true;
    if (Clock::now() >= deadline) return false;
  }
}

}  // namespace vyre::runtime

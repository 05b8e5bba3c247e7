// Keeps the kernel resident: launches it, starts it again when it has parked and work comes, looks
// after its heartbeat, and ends whatever is pending when the device is lost. Host only, no CUDA;
// one a backend. Orders go to the kernel through pinned words, each with one writer. Spec:
// docs/internals/resident-host.md, "Life" and "Failure"; memory orders:
// docs/internals/memory-model.md.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "backend/backend.hpp"
#include "cancels.hpp"
#include "control_queue.hpp"
#include "cuda/host/device_backend.hpp"
#include "cuda/host/door.hpp"
#include "lending.hpp"
#include "queue/abandon_watch.hpp"
#include "reservation.hpp"
#include "transfers.hpp"
#include "watchdog.hpp"

namespace vyre::cuda {

class Resident final : public ControlQueue::Owner, public Transfers::Owner {
 public:
  /// `door` and `reserved` outlive it. The host's own queue is used by others; here it is only
  /// looked at.
  Resident(Door& door, Reservation& reserved, Cancels& cancels, Lending& lending,
           const backend::Options& options, const DeviceOptions& device);
  ~Resident() override;

  [[nodiscard]] Status start(backend::Listener& listener);
  void cancel_queued(FaultCode why) noexcept;
  void stop_running() noexcept;
  /// False: the kernel did not end in time; nothing that it may touch may be freed.
  [[nodiscard]] bool stop(Deadline deadline) noexcept;

  // Any thread.
  void ring() noexcept override;
  [[nodiscard]] std::optional<Error> broken() override;
  void lose_by_copy(Error error) noexcept override;
  void tend() noexcept;
  /// Runs `work` while no kernel is resident: the kernel leaves for it when all that it has taken
  /// has ended, and comes back with the next item. Errc::deadline_exceeded: it did not leave in
  /// time, and `work` does not run any more. One call at a time; not from housekeeping.
  [[nodiscard]] Status in_gap(const std::function<Status()>& work, Deadline deadline);
  /// Housekeeping has something to do now.
  void look_soon() noexcept;
  [[nodiscard]] std::uint64_t heartbeat() const noexcept;
  /// backend::Backend::sampled_busy_bps().
  [[nodiscard]] std::optional<std::uint16_t> busy_bps() const noexcept;
  [[nodiscard]] std::optional<Error> lost() const;
  [[nodiscard]] std::uint64_t launches() const noexcept {
    return launches_.load(std::memory_order_relaxed);  // relaxed: a count
  }
  /// No kernel was resident at the last look, and none was launched since.
  [[nodiscard]] bool parked() const noexcept {
    return parked_.load(std::memory_order_relaxed);  // relaxed: only a hint
  }
  [[nodiscard]] bool stopped() const noexcept { return ended_.load(std::memory_order_acquire); }

 private:
  enum class Life : std::uint8_t { reserved, started, stopping };
  enum class Giving : std::uint8_t { none, asked, ended };

  /// The launch after `seen`, if that is still the last one and the backend is well.
  void relaunch(std::uint32_t seen) noexcept;
  void lose(Error error) noexcept;
  void end_pending() noexcept;
  /// One look at everything; `house_` is held. True: the listener should hear of it.
  [[nodiscard]] bool keep_house() noexcept;
  void check_kernel(std::uint32_t epoch) noexcept;
  void check_producers(Deadline now) noexcept;
  void check_ended(std::uint32_t epoch) noexcept;
  /// Did the kernel find a promise of its own broken? Then the device is lost, with the values.
  [[nodiscard]] bool tells_broken() noexcept;
  /// Asks the kernel to take nothing more from a queue; its items end when it has answered.
  void give_up_queue(std::uint32_t queue) noexcept;
  /// Ends what is left in queues that were given up and that no kernel takes from any more.
  void end_given_up(bool kernel_ended) noexcept;
  void obey_clock(Deadline now) noexcept;
  /// Lets the kernel leave where lent memory or work waits for it, and brings it back.
  void make_gap() noexcept;
  void work_in_gap() noexcept;
  [[nodiscard]] bool wants_gap() const noexcept;
  [[nodiscard]] bool work_published() const noexcept;
  [[nodiscard]] bool work_outstanding() const noexcept;
  [[nodiscard]] bool completions_wait() const noexcept;
  [[nodiscard]] std::string pending_text() const;
  void housekeeper() noexcept;
  [[nodiscard]] std::uint32_t user_queues() const noexcept {
    return static_cast<std::uint32_t>(reserved_.queues.size()) - 1;
  }

  Door& door_;
  Reservation& reserved_;
  Cancels& cancels_;
  Lending& lending_;
  const backend::Options& options_;
  const DeviceOptions& device_;
  backend::Listener* listener_{nullptr};

  std::mutex launching_;  // launches, life_ and gap_
  Life life_{Life::reserved};
  bool gap_{false};                      // none is launched until the gap is over
  std::atomic<std::uint32_t> epoch_{0};  // of the last launch
  std::atomic<std::uint64_t> launches_{0};

  std::mutex house_;
  Watchdog watchdog_;
  std::vector<queue::AbandonWatch> watches_;
  std::vector<Giving> given_up_;    // queues whose ring is wedged
  std::uint32_t checked_epoch_{0};  // its end has been checked for items left behind
  bool pending_ended_{false};
  std::atomic<std::int64_t> next_tend_ns_{0};
  /// As of the last look at the last launch. Stored under launching_, with the epoch.
  std::atomic<bool> parked_{false};

  mutable std::mutex gap_mutex_;
  std::condition_variable gap_over_;
  const std::function<Status()>* gap_work_{nullptr};  // the caller's, who waits
  std::optional<Status> gap_said_;

  mutable std::mutex lost_mutex_;
  std::optional<Error> lost_error_;
  std::atomic<bool> lost_{false};
  std::atomic<bool> ended_{false};  // stop() saw the kernel's end

  std::mutex sleep_;
  std::condition_variable wake_;
  bool exit_{false};
  bool soon_{false};
  std::thread thread_;
};

}  // namespace vyre::cuda

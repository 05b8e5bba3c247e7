// The host's own queue: what fills memory and changes handles and ops while the kernel is resident
// goes through it as commands, and every command is waited for. Bytes of callers do not go through
// it (transfers.hpp). Host only, no CUDA; any thread. Spec: docs/internals/resident-host.md, "The
// host's own items".
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "base/error.hpp"
#include "cuda/megakernel/layout.hpp"
#include "queue/queue.hpp"
#include "queue/waiter.hpp"

namespace vyre::cuda {

inline constexpr std::uint32_t kMaxControlCommands{256};  // commands in flight
/// A command that has not ended after so long while the kernel is alive: workers have been busy
/// with other items for all of it.
inline constexpr std::chrono::seconds kControlWait{60};

/// How long a caller waits for the ends of its commands, and what has to outlive them if it does
/// not see them: at the deadline a command that the device has is left, keeps `keeps` until it
/// has ended, and the call fails with deadline_exceeded. kControlWait bounds any wait.
struct ControlUntil {
  Deadline deadline{Deadline::max()};
  std::shared_ptr<const void> keeps{};
  bool* published{nullptr};  // becomes true once the device has a command
};

class ControlQueue {
 public:
  /// What it asks of the backend while it waits.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void ring() noexcept = 0;  // commands were published
    /// Why no command can end any more. Looks after the kernel while at it.
    [[nodiscard]] virtual std::optional<Error> broken() = 0;
  };
  using Until = ControlUntil;

  /// `rings` have kMaxControlCommands slots and a single producer: this object. `commands` are
  /// pinned, aligned to 64 bytes. All outlive it.
  ControlQueue(const queue::Queue& rings, std::span<megakernel::ControlCommand> commands,
               Owner& owner);

  /// One command, to its end.
  [[nodiscard]] Status run(const megakernel::ControlCommand& command, const Until& until = {});

  /// How many commands that were left have ended.
  [[nodiscard]] std::uint64_t left_ended();
  /// Waits until more than `seen` of them have; false: none is left to wait for.
  [[nodiscard]] Result<bool> await_left(std::uint64_t seen, Deadline deadline);

 private:
  enum class Place : std::uint8_t {
    free,
    pending,
    ended,
    left,  // its caller has given up waiting for its end
  };
  class Patience;

  /// Position of the command; nullopt: an earlier command, perhaps the caller's own, still has its
  /// place.
  [[nodiscard]] Result<std::optional<std::uint64_t>> try_submit(
      const megakernel::ControlCommand& command);
  /// Waits for the command's end.
  [[nodiscard]] Status finish(std::uint64_t position, const Until& until);
  void collect();  // with the mutex

  std::span<megakernel::ControlCommand> commands_;
  Owner& owner_;

  /// [CTRL-1] Set to pending and ended under the mutex, to free by the thread that waits for the
  /// command.
  std::array<std::atomic<Place>, kMaxControlCommands> places_{};

  std::mutex mutex_;  // everything below
  queue::Producer producer_;
  queue::Reader reader_;
  std::uint64_t next_{0};
  std::array<Completion, kMaxControlCommands>
      results_{};  // of a place that is `ended`: its owner's
  /// Of a place that is `left`: what outlives its command.
  std::array<std::shared_ptr<const void>, kMaxControlCommands> left_{};
  std::uint32_t left_count_{0};
  std::uint64_t left_ended_{0};
};

}  // namespace vyre::cuda

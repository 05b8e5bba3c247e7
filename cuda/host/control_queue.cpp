// Publishing commands and waiting for their ends. See control_queue.hpp.
#include "control_queue.hpp"

#include <string>
#include <thread>

#include "base/message.hpp"
#include "protocol/fault_names.hpp"
#include "queue/waiter.hpp"

namespace vyre::cuda {
namespace {

using megakernel::Command;
using megakernel::ControlCommand;

constexpr std::uint32_t kSpins{4'000};  // some tens of microseconds: a few round trips
constexpr std::chrono::microseconds kNap{50};

const char* name_of(Command command) {
  switch (command) {
    case Command::fill:
      return "fill";
    case Command::copy_in:
      return "copy_in";
    case Command::copy_out:
      return "copy_out";
    case Command::put_handle:
      return "put_handle";
    case Command::put_op:
      return "put_op";
    case Command::none:
      break;
  }
  return "none";
}

}  // namespace

/// A bounded wait: spins, then naps and looks after the kernel.
class ControlQueue::Patience {
 public:
  Patience(Owner& owner, Deadline deadline) : owner_(owner), deadline_(deadline) {}

  /// Waits a little; an error ends the wait for good.
  [[nodiscard]] Status wait(const char* what) {
    if (++looks_ < kSpins) {
      queue::spin_pause();
      return {};
    }
    if (looks_ == kSpins) began_ = Clock::now();
    if (auto why = owner_.broken()) return tl::unexpected<Error>(std::move(*why));
    const Deadline now = Clock::now();
    if (now >= deadline_) {
      return fail(Errc::deadline_exceeded,
                  message("{} had not ended at the deadline: the device's workers are busy with "
                          "other items; allow more time",
                          what));
    }
    if (now - began_ >= kControlWait) {
      return fail(
          Errc::deadline_exceeded,
          message("{} had to wait for {} s (kControlWait) although the kernel is alive: its "
                  "workers are busy with items that run very long; use less fuel or smaller items",
                  what, kControlWait.count()));
    }
    std::this_thread::sleep_for(kNap);
    return {};
  }

 private:
  Owner& owner_;
  const Deadline deadline_;
  std::uint32_t looks_{0};
  Deadline began_{};
};

ControlQueue::ControlQueue(const queue::Queue& rings, std::span<ControlCommand> commands,
                           Owner& owner)
    : commands_(commands), owner_(owner), producer_(rings.producer()), reader_(rings.reader()) {}

void ControlQueue::collect() {
  std::array<queue::TakenCompletion, 32> batch;
  for (;;) {
    const std::uint32_t count =
        reader_.take(batch.data(), static_cast<std::uint32_t>(batch.size()), next_);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint64_t place = batch[i].position % kMaxControlCommands;
      results_[place] = batch[i].completion;
      const bool left = places_[place].load(std::memory_order_relaxed) == Place::left;
      if (left) {
        left_[place].reset();
        --left_count_;
        ++left_ended_;
      }
      // [CTRL-1] release: the result; or that the place is free.
      places_[place].store(left ? Place::free : Place::ended, std::memory_order_release);
    }
    if (count != 0) reader_.release();
    if (count < batch.size()) return;
  }
}

Result<std::optional<std::uint64_t>> ControlQueue::try_submit(const ControlCommand& command) {
  const std::lock_guard lock(mutex_);
  collect();
  const std::uint64_t place = next_ % kMaxControlCommands;
  // [CTRL-1] acquire: the last result of this place has been read.
  if (places_[place].load(std::memory_order_acquire) != Place::free) return std::nullopt;
  const queue::Reservation got = producer_.try_reserve(1);
  if (got.outcome == queue::TakeOutcome::closed) return fail(Errc::closed, "the session is closed");
  if (got.count == 0) return std::nullopt;
  next_ = got.first + 1;
  places_[place].store(Place::pending, std::memory_order_relaxed);  // relaxed: under the mutex
  commands_[place] = command;
  // A command that was left may change the place in a table that this one changes: it goes first.
  producer_.publish_owned(got.first,
                          {megakernel::kControlOp, 0, 0, static_cast<std::uint32_t>(place)},
                          left_count_ != 0 ? kQueueFlagAfterAll : kQueueFlagNone);
  owner_.ring();
  return got.first;
}

Status ControlQueue::finish(std::uint64_t position, const Until& until) {
  const std::uint64_t place = position % kMaxControlCommands;
  Patience patience(owner_, until.deadline);
  // [CTRL-1] acquire: the result. The thread that gets the mutex collects for all that wait.
  while (places_[place].load(std::memory_order_acquire) != Place::ended) {
    if (const std::unique_lock lock(mutex_, std::try_to_lock); lock.owns_lock()) collect();
    if (places_[place].load(std::memory_order_acquire) == Place::ended) break;
    if (Status waited = patience.wait(name_of(commands_[place].command)); !waited) {
      const std::lock_guard lock(mutex_);
      collect();
      if (places_[place].load(std::memory_order_acquire) == Place::ended) break;
      left_[place] = until.keeps;
      ++left_count_;
      // [CTRL-1] Under the mutex, as collect().
      places_[place].store(Place::left, std::memory_order_release);
      return waited;
    }
  }
  const Completion end = results_[place];
  const Command what = commands_[place].command;
  places_[place].store(Place::free,
                       std::memory_order_release);  // [CTRL-1] the result has been read
  if (end.status() == CompletionStatus::done) return {};
  return fail(
      end.status() == CompletionStatus::cancelled ? Errc::cancelled : Errc::internal,
      message("the device ended a {} command as {}", name_of(what), fault_name(end.code())));
}

Status ControlQueue::run(const ControlCommand& command, const Until& until) {
  Patience patience(owner_, until.deadline);
  for (;;) {
    VYRE_ASSIGN(const std::optional<std::uint64_t> position, try_submit(command));
    if (position) {
      if (until.published != nullptr) *until.published = true;
      return finish(*position, until);
    }
    VYRE_TRY(patience.wait(name_of(command.command)));
  }
}

std::uint64_t ControlQueue::left_ended() {
  const std::lock_guard lock(mutex_);
  collect();
  return left_ended_;
}

Result<bool> ControlQueue::await_left(std::uint64_t seen, Deadline deadline) {
  Patience patience(owner_, deadline);
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      collect();
      if (left_ended_ != seen) return true;
      if (left_count_ == 0) return false;
    }
    VYRE_TRY(patience.wait("a command that was left, whose memory is needed,"));
  }
}

}  // namespace vyre::cuda

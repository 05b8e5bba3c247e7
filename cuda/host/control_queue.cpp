// Publishing commands, waiting for their ends, and moving bytes in pieces. See control_queue.hpp.
#include "control_queue.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>

#include "base/message.hpp"
#include "protocol/fault_names.hpp"
#include "queue/waiter.hpp"

namespace vyre::cuda {
namespace {

using megakernel::Command;
using megakernel::ControlCommand;

/// One warp copies one piece, so a transfer wants many pieces rather than large ones; a larger one
/// would have to be shared among warps first.
constexpr std::uint64_t kMaxChunk{std::uint64_t{64} << 10};
constexpr std::uint64_t kMinPiece{std::uint64_t{16} << 10};
constexpr std::uint64_t kPiecesWanted{16};
/// A thread for so many bytes of one transfer, and at most so many threads.
constexpr std::uint64_t kPartBytes{std::uint64_t{8} << 20};
constexpr std::uint64_t kMovers{4};
/// Pieces of one thread on their way: so many warps fill the link, and others want slots too.
constexpr std::uint64_t kFlight{64};
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

  void reset() { looks_ = 0; }

 private:
  Owner& owner_;
  const Deadline deadline_;
  std::uint32_t looks_{0};
  Deadline began_{};
};

ControlQueue::ControlQueue(const queue::Queue& rings, std::span<ControlCommand> commands,
                           MutableByteSpan staging, Owner& owner)
    : commands_(commands),
      staging_(staging),
      owner_(owner),
      chunk_bytes_(std::min<std::uint64_t>(kMaxChunk, staging.size() / 2 / 64 * 64)),
      producer_(rings.producer()),
      reader_(rings.reader()) {
  for (std::uint32_t i = 0; i < staging.size() / chunk_bytes_; ++i) free_chunks_.push_back(i);
}

MutableByteSpan ControlQueue::chunk(std::uint32_t index) const noexcept {
  return staging_.subspan(index * chunk_bytes_, chunk_bytes_);
}

std::uint32_t ControlQueue::try_take_chunk() {
  const std::lock_guard lock(mutex_);
  if (free_chunks_.empty()) return kNoChunk;
  const std::uint32_t taken = free_chunks_.back();
  free_chunks_.pop_back();
  return taken;
}

void ControlQueue::give_chunk(std::uint32_t index) {
  const std::lock_guard lock(mutex_);
  free_chunks_.push_back(index);  // within the capacity it was born with
}

std::uint64_t ControlQueue::piece_bytes(std::uint64_t total) const noexcept {
  const std::uint64_t share = (total / kPiecesWanted + 4095) / 4096 * 4096;
  return std::min(chunk_bytes_, std::max(kMinPiece, share));
}

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
        if (left_[place].chunk != kNoChunk) free_chunks_.push_back(left_[place].chunk);
        left_[place] = {};
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
  const bool changes_table =
      command.command != Command::copy_in && command.command != Command::copy_out;
  producer_.publish_owned(got.first,
                          {megakernel::kControlOp, 0, 0, static_cast<std::uint32_t>(place)},
                          changes_table && left_count_ != 0 ? kQueueFlagAfterAll : kQueueFlagNone);
  owner_.ring();
  return got.first;
}

Status ControlQueue::finish(std::uint64_t position, const Until& until, std::uint32_t chunk) {
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
      left_[place] = {until.keeps, chunk};
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
  if (chunk != kNoChunk) give_chunk(chunk);
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
      return finish(*position, until, kNoChunk);
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

template <class Before, class After>
Status ControlQueue::transfer(std::uint64_t bytes, const Until& until, const Before& before,
                              const After& after) {
  const std::uint64_t step = piece_bytes(bytes);
  const std::uint64_t cpus = std::max(1u, std::thread::hardware_concurrency() / 2);
  const std::uint64_t parts =
      std::clamp<std::uint64_t>(bytes / kPartBytes, 1, std::min(kMovers, cpus));
  const std::uint64_t part = (bytes / parts + step - 1) / step * step;
  std::array<Status, kMovers> results{};
  const auto move_part = [&](std::uint64_t i) {
    const std::uint64_t begin = std::min(bytes, i * part);
    const std::uint64_t end = i + 1 == parts ? bytes : std::min(bytes, begin + part);
    results[i] = transfer_part(begin, end, step, until, before, after);
  };
  std::array<std::thread, kMovers> movers;
  for (std::uint64_t i = 1; i < parts; ++i) {
    try {
      movers[i] = std::thread(move_part, i);
    } catch (const std::system_error&) {
      move_part(i);  // slower, that is all
    }
  }
  move_part(0);
  for (std::thread& mover : movers) {
    if (mover.joinable()) mover.join();
  }
  for (Status& result : results) {
    if (!result) return std::move(result);
  }
  return {};
}

template <class Before, class After>
Status ControlQueue::transfer_part(std::uint64_t begin, std::uint64_t end, std::uint64_t step,
                                   const Until& until, const Before& before, const After& after) {
  std::array<Piece, kFlight> flight;  // a ring
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  // The first error stops new pieces; those in flight are seen to their end, since the device
  // still reads or writes their chunks. One that cannot be waited for keeps its chunk until it
  // ends.
  Status result;
  const auto finish_oldest = [&] {
    const Piece& piece = flight[first++ % flight.size()];
    Status ended = finish(piece.position, until, piece.chunk);
    if (ended) {
      after(piece.offset, ByteSpan{chunk(piece.chunk).first(piece.bytes)});
      give_chunk(piece.chunk);
    } else if (result) {
      result = std::move(ended);
    }
  };
  std::uint32_t ready = kNoChunk;  // a chunk that is prepared and not submitted
  ControlCommand command{};
  Patience patience(owner_, until.deadline);
  for (std::uint64_t at = begin; at < end && result;) {
    const std::uint64_t size = std::min(step, end - at);
    bool moved = false;
    if (ready == kNoChunk && last - first < flight.size()) ready = try_take_chunk();
    if (ready != kNoChunk) {
      if (command.command == Command::none) {
        auto made = before(at, chunk(ready).first(size));
        if (!made) {
          result = tl::unexpected<Error>(std::move(made).error());
          break;
        }
        command = *made;
      }
      auto position = try_submit(command);
      if (!position) {
        result = tl::unexpected<Error>(std::move(position).error());
        break;
      }
      if (*position) {
        flight[last++ % flight.size()] = {**position, at, size, ready};
        ready = kNoChunk;
        command.command = Command::none;
        at += size;
        moved = true;
        patience.reset();
      }
    }
    // No room: this thread first ends its own commands, whose slots and chunks others may wait for.
    if (moved) continue;
    if (last != first) {
      finish_oldest();
    } else {
      result = patience.wait("a transfer");
    }
  }
  if (ready != kNoChunk) give_chunk(ready);
  while (first != last) finish_oldest();
  return result;
}

Status ControlQueue::write(std::uint64_t to, std::uint64_t bytes, const Fill& fill,
                           const Until& until) {
  return transfer(
      bytes, until,
      [&](std::uint64_t at, MutableByteSpan piece) -> Result<ControlCommand> {
        VYRE_TRY(fill(at, piece));
        ControlCommand command{};
        command.command = Command::copy_in;
        command.from = reinterpret_cast<std::uintptr_t>(piece.data());
        command.to = to + at;
        command.bytes = piece.size();
        return command;
      },
      [](std::uint64_t, ByteSpan) {});
}

Status ControlQueue::write(std::uint64_t to, ByteSpan bytes, const Until& until) {
  const Fill fill = [bytes](std::uint64_t at, MutableByteSpan piece) -> Status {
    std::memcpy(piece.data(), bytes.data() + at, piece.size());
    return {};
  };
  return write(to, bytes.size(), fill, until);
}

Status ControlQueue::read(std::uint64_t from, MutableByteSpan out) {
  return transfer(
      out.size(), {},
      [&](std::uint64_t at, MutableByteSpan piece) -> Result<ControlCommand> {
        ControlCommand command{};
        command.command = Command::copy_out;
        command.from = from + at;
        command.to = reinterpret_cast<std::uintptr_t>(piece.data());
        command.bytes = piece.size();
        return command;
      },
      [&](std::uint64_t at, ByteSpan piece) {
        std::memcpy(out.data() + at, piece.data(), piece.size());
      });
}

}  // namespace vyre::cuda

// The host's own queue: what changes memory, handles and ops while the kernel is resident goes
// through it as commands, and every command is waited for. Uploads and downloads go in pieces
// through a ring of pinned chunks, several in flight, so that the host copies one while the device
// copies the last. Host only, no CUDA; any thread. Spec: docs/internals/resident-host.md, "The
// host's own items".
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
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
  /// Writes piece [offset, offset + piece.size()) of what is uploaded. Any thread, several at once.
  using Fill = std::function<Status(std::uint64_t offset, MutableByteSpan piece)>;

  /// `rings` have kMaxControlCommands slots and a single producer: this object. `commands` and
  /// `staging` are pinned, aligned to 64 bytes. All outlive it.
  ControlQueue(const queue::Queue& rings, std::span<megakernel::ControlCommand> commands,
               MutableByteSpan staging, Owner& owner);

  /// One command, to its end.
  [[nodiscard]] Status run(const megakernel::ControlCommand& command, const Until& until = {});
  /// `bytes` bytes to the device address `to`. On an error some pieces may have been written.
  [[nodiscard]] Status write(std::uint64_t to, std::uint64_t bytes, const Fill& fill,
                             const Until& until = {});
  [[nodiscard]] Status write(std::uint64_t to, ByteSpan bytes, const Until& until = {});
  [[nodiscard]] Status read(std::uint64_t from, MutableByteSpan out);

  /// How many commands that were left have ended.
  [[nodiscard]] std::uint64_t left_ended();
  /// Waits until more than `seen` of them have; false: none is left to wait for.
  [[nodiscard]] Result<bool> await_left(std::uint64_t seen, Deadline deadline);

 private:
  static constexpr std::uint32_t kNoChunk{~0u};
  enum class Place : std::uint8_t {
    free,
    pending,
    ended,
    left,  // its caller has given up waiting for its end
  };
  struct Piece {
    std::uint64_t position;
    std::uint64_t offset;
    std::uint64_t bytes;
    std::uint32_t chunk;
  };
  class Patience;
  /// What a command that was left holds on to.
  struct Left {
    std::shared_ptr<const void> keeps;
    std::uint32_t chunk{kNoChunk};
  };

  /// Position of the command; nullopt: an earlier command, perhaps the caller's own, still has its
  /// place.
  [[nodiscard]] Result<std::optional<std::uint64_t>> try_submit(
      const megakernel::ControlCommand& command);
  /// Waits for the command's end. `chunk` is given back unless it ended well.
  [[nodiscard]] Status finish(std::uint64_t position, const Until& until, std::uint32_t chunk);
  void collect();                                // with the mutex
  [[nodiscard]] std::uint32_t try_take_chunk();  // kNoChunk: all are in use
  void give_chunk(std::uint32_t chunk);
  [[nodiscard]] MutableByteSpan chunk(std::uint32_t index) const noexcept;
  [[nodiscard]] std::uint64_t piece_bytes(std::uint64_t total) const noexcept;
  /// `before` prepares a chunk and gives the command, `after` sees its bytes once it has ended.
  /// Large transfers are shared by a few threads, since one cannot copy as fast as the link
  /// carries: both are then called from any of them, for different bytes.
  template <class Before, class After>
  [[nodiscard]] Status transfer(std::uint64_t bytes, const Until& until, const Before& before,
                                const After& after);
  template <class Before, class After>
  [[nodiscard]] Status transfer_part(std::uint64_t begin, std::uint64_t end, std::uint64_t step,
                                     const Until& until, const Before& before, const After& after);

  std::span<megakernel::ControlCommand> commands_;
  MutableByteSpan staging_;
  Owner& owner_;
  std::uint64_t chunk_bytes_;

  /// [CTRL-1] Set to pending and ended under the mutex, to free by the thread that waits for the
  /// command.
  std::array<std::atomic<Place>, kMaxControlCommands> places_{};

  std::mutex mutex_;  // everything below
  queue::Producer producer_;
  queue::Reader reader_;
  std::uint64_t next_{0};
  std::array<Completion, kMaxControlCommands>
      results_{};  // of a place that is `ended`: its owner's
  std::vector<std::uint32_t> free_chunks_;
  std::array<Left, kMaxControlCommands> left_{};  // of a place that is `left`
  std::uint32_t left_count_{0};
  std::uint64_t left_ended_{0};
};

}  // namespace vyre::cuda

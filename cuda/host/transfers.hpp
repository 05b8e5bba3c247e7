// Bytes between host memory and the arena, by the copy engines of the device: beside the kernel,
// whatever its workers do, and without waking a parked one. Memory that the device has locked is
// read and written in place; other memory goes through slots of pinned staging memory, and several
// threads fill or empty the slots of a large transfer. Host only, no CUDA; any thread. Spec:
// docs/internals/resident-host.md, "Transfers".
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "copy_pool.hpp"
#include "cuda/host/door.hpp"
#include "lending.hpp"

namespace vyre::cuda {

class Transfers {
 public:
  /// What it asks of the backend.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// Why nothing can be copied any more.
    [[nodiscard]] virtual std::optional<Error> broken() = 0;
    /// The driver refused a copy, or one that has not ended in time may yet write: the device is
    /// lost.
    virtual void lose_by_copy(Error error) noexcept = 0;
  };
  /// Writes piece [offset, offset + piece.size()) of what is uploaded. Any thread, several at once.
  using Fill = std::function<Status(std::uint64_t offset, MutableByteSpan piece)>;

  /// `pinned`: all memory that the door has pinned for this backend; `staging`, a part of it, is
  /// used by transfers alone. A copy that has not ended after `patience` loses the device. All
  /// outlive it.
  Transfers(Door& door, MutableByteSpan pinned, MutableByteSpan staging, Lending& lending,
            Owner& owner, std::chrono::nanoseconds patience);

  /// To the device address `to`. On an error some of the bytes may have been written.
  [[nodiscard]] Status write(std::uint64_t to, ByteSpan bytes);
  [[nodiscard]] Status write(std::uint64_t to, std::uint64_t bytes, const Fill& fill);
  [[nodiscard]] Status read(std::uint64_t from, MutableByteSpan out);

  /// False: a copy that was given up may still write, so nothing that it uses may be freed.
  [[nodiscard]] bool settled() noexcept;

 private:
  struct Job;
  /// Of a job, in a slot, under way.
  struct Piece {
    std::uint32_t mark{0};
    std::uint64_t offset{0};
  };

  [[nodiscard]] Status stage(Job& job);
  /// Takes pieces of the job until none is left.
  void work(Job& job);
  /// Fills the slot of an upload. An error has given the mark back, or lost the device.
  [[nodiscard]] Result<std::uint32_t> begin_piece(Job& job, std::uint64_t at, std::uint32_t mark);
  /// After the copy has ended; for a download, empties the slot.
  void finish(Job& job, const Piece& piece);
  /// begin_copy() of the door. After an error the mark stays taken, for the copy may be under way.
  [[nodiscard]] Status begin(CopyWay way, std::uint64_t device, std::uint8_t* host,
                             std::uint64_t bytes, std::uint32_t mark);
  [[nodiscard]] Status in_place(CopyWay way, std::uint64_t device, MutableByteSpan host,
                                Lending::Hold& hold);
  [[nodiscard]] bool is_in_pinned(ByteSpan host) const noexcept;
  /// Waits for the end of the copy with that mark; after an error, as begin().
  [[nodiscard]] Status await(std::uint32_t mark);
  [[nodiscard]] MutableByteSpan slot(std::uint32_t mark) const noexcept;

  /// Marks that no copy has; below `slots_` the number of a slot.
  [[nodiscard]] std::optional<std::uint32_t> try_take(bool slot);
  /// Waits for one; an error where the device is lost meanwhile.
  [[nodiscard]] Result<std::uint32_t> take(bool slot);
  void give(std::uint32_t mark) noexcept;

  Door& door_;
  const MutableByteSpan pinned_;
  const MutableByteSpan staging_;
  Lending& lending_;
  Owner& owner_;
  const std::chrono::nanoseconds patience_;
  const std::uint64_t slot_bytes_;
  const std::uint32_t slots_;
  std::mutex mutex_;                       // what follows, but for the pool
  std::vector<std::uint32_t> free_slots_;  // have room for all
  std::vector<std::uint32_t> free_marks_;
  std::vector<std::uint32_t> given_up_;  // marks of copies that did not end in time; has room
  CopyPool pool_;
};

}  // namespace vyre::cuda

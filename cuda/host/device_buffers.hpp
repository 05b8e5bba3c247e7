// Buffers, files and binding sets of the CUDA backend: their places in the arena on this side,
// their entries in the device's handle table through commands; aliases, whose places are words of
// ingest memory and need none. Host only, no CUDA. Threads as backend::Backend says: one at a time,
// but read, write and place_alias any. Spec: docs/internals/resident-host.md, "Memory".
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "arena.hpp"
#include "backend/backend.hpp"
#include "backend/stable_table.hpp"
#include "control_queue.hpp"
#include "cuda/host/door.hpp"
#include "cuda/megakernel/layout.hpp"
#include "lending.hpp"
#include "protocol/io_request.hpp"
#include "resident.hpp"
#include "transfers.hpp"

namespace vyre::cuda {

/// The arena as buffers and programs share it: any thread, addresses instead of offsets.
class DeviceArena {
 public:
  DeviceArena(std::uint8_t* base, std::uint64_t bytes)
      : base_(reinterpret_cast<std::uintptr_t>(base)), arena_(bytes) {}

  /// Errc::out_of_memory with what was requested and what is available. `what` names the thing.
  [[nodiscard]] Result<std::uint64_t> allocate(std::uint64_t bytes, const std::string& what);
  void free(std::uint64_t address) noexcept;

  /// Memory that is freed with the last one who holds the claim, unless keep() was called: held by
  /// a command that its caller does not wait for any more (ControlQueue::Until), it outlives that.
  class Claim {
   public:
    Claim(DeviceArena& arena, std::uint64_t address) : arena_(arena), address_(address) {}
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    ~Claim() {
      if (!kept_) arena_.free(address_);
    }
    [[nodiscard]] std::uint64_t address() const noexcept { return address_; }
    void keep() noexcept { kept_ = true; }

   private:
    DeviceArena& arena_;
    const std::uint64_t address_;
    bool kept_{false};
  };
  /// allocate() that waits, where memory is short, for commands that were left to end.
  [[nodiscard]] Result<std::shared_ptr<Claim>> claim(std::uint64_t bytes, const std::string& what,
                                                     ControlQueue& control, Deadline deadline);
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::uint64_t used() const;

 private:
  std::uint64_t base_;
  mutable std::mutex mutex_;
  Arena arena_;
};

class DeviceBuffers {
 public:
  /// `ingest`: as Reservation has it.
  DeviceBuffers(DeviceArena& arena, ControlQueue& control, Transfers& transfers, Lending& lending,
                Resident& resident, MutableByteSpan ingest)
      : arena_(arena),
        control_(control),
        transfers_(transfers),
        lending_(lending),
        resident_(resident),
        ingest_(ingest) {}

  [[nodiscard]] Status allocate(std::uint32_t handle, std::uint64_t bytes, Deadline deadline);
  [[nodiscard]] Status import_memory(std::uint32_t handle, MutableByteSpan host, bool writable,
                                     Deadline deadline);
  [[nodiscard]] Status map_file(std::uint32_t handle, const backend::MappableFile& file,
                                Deadline deadline);
  [[nodiscard]] Status make_read_only(std::uint32_t handle, Deadline deadline);
  [[nodiscard]] bool must_bring(std::uint32_t handle) const noexcept;
  [[nodiscard]] Status bring_file(std::uint32_t handle, const backend::Backend::ReadPiece& read);
  [[nodiscard]] Status make_alias(std::uint32_t handle);
  void place_alias(std::uint32_t alias, std::uint32_t of, std::uint64_t offset,
                   std::uint64_t bytes) noexcept;
  [[nodiscard]] Status bind(std::uint32_t set, std::span<const std::uint32_t> buffers,
                            Deadline deadline);
  [[nodiscard]] bool release(std::uint32_t handle, Deadline deadline) noexcept;
  [[nodiscard]] Status write(std::uint32_t handle, std::uint64_t offset, ByteSpan bytes);
  [[nodiscard]] Status read(std::uint32_t handle, std::uint64_t offset, MutableByteSpan out);
  /// Once the kernel has ended and runs no commands any more: by the door itself.
  [[nodiscard]] Status read_after_end(Door& door, std::uint32_t handle, std::uint64_t offset,
                                      MutableByteSpan out);

 private:
  using Entry = megakernel::HandleEntry;
  /// Publishes the entry and keeps it here.
  [[nodiscard]] Status put(megakernel::Command command, const Entry& entry,
                           const ControlQueue::Until& until);
  /// Of a live handle, else null.
  [[nodiscard]] const Entry* find(std::uint32_t handle) const noexcept;
  /// False: the bytes are not lent.
  [[nodiscard]] bool copy_lent(std::uint32_t handle, std::uint64_t offset,
                               MutableByteSpan out) const noexcept;
  /// Waits for the gap in which the memory of a handle that is over is unlocked, if it is lent.
  [[nodiscard]] bool unlock(std::uint32_t handle, Deadline deadline) noexcept;
  [[nodiscard]] Result<const Entry*> range(std::uint32_t handle, std::uint64_t offset,
                                           std::uint64_t bytes) const;

  DeviceArena& arena_;
  ControlQueue& control_;
  Transfers& transfers_;
  Lending& lending_;
  Resident& resident_;  // makes the gap in which lent memory is unlocked
  MutableByteSpan ingest_;
  backend::StableTable<Entry> entries_;
  std::uint32_t places_used_{0};            // of IngestLayout's alias places, ever
  std::vector<std::uint32_t> free_places_;  // of those, not used now
};

}  // namespace vyre::cuda

// Programs on the device: their blocks in the arena, their entries in the device's op table, and
// what they have executed. Host only, no CUDA. add() one thread at a time, steps() any. Spec:
// docs/internals/resident-host.md, "Programs".
#pragma once

#include <atomic>
#include <cstdint>

#include "backend/stable_table.hpp"
#include "compiled_code.hpp"
#include "control_queue.hpp"
#include "cuda/host/door.hpp"
#include "device_buffers.hpp"
#include "reservation.hpp"
#include "transfers.hpp"

namespace vyre::cuda {

class DeviceOps {
 public:
  DeviceOps(Door& door, const Reservation& reserved, DeviceArena& arena, ControlQueue& control,
            Transfers& transfers, CompiledCode& code)
      : door_(door),
        reserved_(reserved),
        arena_(arena),
        control_(control),
        transfers_(transfers),
        code_(code) {}

  [[nodiscard]] Status add(std::uint32_t op, const backend::ProgramOp& program, Deadline deadline);
  /// Read beside the kernel, parked or not; what was read last if the device does not answer soon.
  [[nodiscard]] std::uint64_t steps(std::uint32_t op) noexcept;
  /// As steps().
  [[nodiscard]] backend::CompiledUnits compiled_units(std::uint32_t op) noexcept;
  /// Reads all counts a last time; from now on steps() does not ask the device.
  void settle() noexcept;

 private:
  struct Record {
    std::uint64_t address{0};
    std::atomic<std::uint64_t> steps{0};
    std::atomic<std::uint64_t> compiled_units{0};
    std::atomic<std::uint64_t> rerun_units{0};
  };
  /// The op's, its counts read anew if the device answers; null: there is no such op.
  [[nodiscard]] Record* counted(std::uint32_t op) noexcept;
  void refresh(Record& record, Deadline deadline) noexcept;

  Door& door_;
  const Reservation& reserved_;
  DeviceArena& arena_;
  ControlQueue& control_;
  Transfers& transfers_;
  CompiledCode& code_;
  backend::StableTable<Record> records_;  // by op id - kFirstUserOp
  std::atomic<std::uint32_t> count_{0};
  std::atomic<bool> settled_{false};
};

}  // namespace vyre::cuda

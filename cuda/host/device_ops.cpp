// Adding programs and reading their counters. See device_ops.hpp.
#include "device_ops.hpp"

#include <chrono>
#include <string>

#include "base/message.hpp"
#include "cuda/megakernel/compiled_form.hpp"
#include "programs.hpp"

namespace vyre::cuda {
namespace {

using megakernel::Command;
using megakernel::CompiledForm;
using megakernel::ControlCommand;
using megakernel::DeviceProgram;

constexpr std::chrono::milliseconds kStepsWait{50};      // for one count
constexpr std::chrono::milliseconds kSettleWait{1'000};  // for all of them, at the end

}  // namespace

Status DeviceOps::add(std::uint32_t op, const backend::ProgramOp& program, Deadline deadline) {
  const std::uint32_t index = op - kFirstUserOp;
  if (op < kFirstUserOp || index >= megakernel::kMaxDeviceOps) {
    return fail(Errc::limit_exceeded,
                message("program '{}' would be op {}, the device's table holds {} programs "
                        "(kMaxDeviceOps); open a new session or use the cpu backend",
                        program.name, op, megakernel::kMaxDeviceOps));
  }
  VYRE_ASSIGN(const std::uint64_t bytes, program_block_bytes(program));
  VYRE_TRY(fits_scratch(door_, reserved_, program));
  VYRE_ASSIGN(const std::shared_ptr<DeviceArena::Claim> claim,
              arena_.claim(bytes, message("program '{}'", program.name), control_, deadline));
  std::uint64_t compiled = 0;
  if (code_.jit() == backend::Jit::force) {
    VYRE_ASSIGN(compiled, code_.now(program, deadline));
  }
  const Bytes block = program_block(program, claim->address(), nullptr, compiled);
  VYRE_TRY(transfers_.write(claim->address(), block));
  ControlCommand put{};
  put.command = Command::put_op;
  put.op = index;
  put.from = claim->address();
  VYRE_TRY(control_.run(put, {deadline, claim}));
  claim->keep();
  records_.at(index).address = claim->address();
  if (index >= count_.load(std::memory_order_relaxed))
    count_.store(index + 1, std::memory_order_release);  // [TABLE-1] what the record holds
  if (code_.jit() == backend::Jit::automatic) {
    const std::uint64_t word =
        claim->address() + sizeof(DeviceProgram) + offsetof(CompiledForm, address);
    code_.later(program, reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(word)));
  }
  return {};
}

void DeviceOps::refresh(Record& record, Deadline deadline) noexcept {
  struct Counted {
    DeviceProgram program;
    CompiledForm form;
  } header;
  static_assert(offsetof(Counted, form) == sizeof(DeviceProgram));
  const auto* at =
      reinterpret_cast<const std::uint8_t*>(static_cast<std::uintptr_t>(record.address));
  if (!door_.peek(&header, at, sizeof(header), deadline)) return;
  // Relaxed: counts.
  record.steps.store(header.program.steps, std::memory_order_relaxed);
  record.compiled_units.store(header.form.units, std::memory_order_relaxed);
  record.rerun_units.store(header.form.units_again, std::memory_order_relaxed);
}

DeviceOps::Record* DeviceOps::counted(std::uint32_t op) noexcept {
  // [TABLE-1] acquire: what the record holds.
  if (op < kFirstUserOp || op - kFirstUserOp >= count_.load(std::memory_order_acquire))
    return nullptr;
  Record* record = records_.find(op - kFirstUserOp);
  if (record == nullptr || record->address == 0) return nullptr;
  if (!settled_.load(std::memory_order_acquire)) refresh(*record, Clock::now() + kStepsWait);
  return record;
}

std::uint64_t DeviceOps::steps(std::uint32_t op) noexcept {
  const Record* const record = counted(op);
  return record == nullptr ? 0 : record->steps.load(std::memory_order_relaxed);
}

backend::CompiledUnits DeviceOps::compiled_units(std::uint32_t op) noexcept {
  const Record* const record = counted(op);
  if (record == nullptr) return {};
  return {record->compiled_units.load(std::memory_order_relaxed),
          record->rerun_units.load(std::memory_order_relaxed)};
}

void DeviceOps::settle() noexcept {
  const Deadline deadline = Clock::now() + kSettleWait;
  // [TABLE-1] acquire, as in steps().
  for (std::uint32_t i = 0; i < count_.load(std::memory_order_acquire); ++i) {
    Record* record = records_.find(i);
    if (record == nullptr || record->address == 0) continue;
    if (Clock::now() >= deadline) break;
    refresh(*record, deadline);
  }
  settled_.store(true, std::memory_order_release);
}

}  // namespace vyre::cuda

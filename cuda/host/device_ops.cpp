// Adding programs and reading their counters. See device_ops.hpp.
#include "device_ops.hpp"

#include <chrono>
#include <string>

#include "base/message.hpp"
#include "programs.hpp"

namespace vyre::cuda {
namespace {

using megakernel::Command;
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
  const Bytes block = program_block(program, claim->address());
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
  return {};
}

void DeviceOps::refresh(Record& record, Deadline deadline) noexcept {
  std::uint64_t steps = 0;
  const auto* at = reinterpret_cast<const std::uint8_t*>(
      static_cast<std::uintptr_t>(record.address + offsetof(DeviceProgram, steps)));
  if (door_.peek(&steps, at, sizeof(steps), deadline))
    record.steps.store(steps, std::memory_order_relaxed);  // relaxed: a count
}

std::uint64_t DeviceOps::steps(std::uint32_t op) noexcept {
  // [TABLE-1] acquire: what the record holds.
  if (op < kFirstUserOp || op - kFirstUserOp >= count_.load(std::memory_order_acquire)) return 0;
  Record* record = records_.find(op - kFirstUserOp);
  if (record == nullptr || record->address == 0) return 0;
  if (!settled_.load(std::memory_order_acquire)) refresh(*record, Clock::now() + kStepsWait);
  return record->steps.load(std::memory_order_relaxed);
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

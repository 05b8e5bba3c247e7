// CudaBackend: wires door, reservation, life, buffers and ops behind the Backend interface, and
// keeps all of it where it is if the kernel cannot be stopped. See backend.hpp.
#include "cuda/host/backend.hpp"

#include <atomic>
#include <utility>

#include "cancels.hpp"
#include "compiled_code.hpp"
#include "control_queue.hpp"
#include "device_buffers.hpp"
#include "device_ops.hpp"
#include "fused_images.hpp"
#include "lending.hpp"
#include "regions.hpp"
#include "reservation.hpp"
#include "resident.hpp"
#include "transfers.hpp"

namespace vyre::cuda {
namespace {

/// A copy that has not ended after so many times the watchdog loses the device: an engine is slower
/// to answer than a kernel, for copies wait for each other.
constexpr int kCopyWatchdogs{12};

/// Everything that the kernel, or a thread that looks after it, may touch. Members are destroyed
/// in reverse: the door, and with it the memory, goes last.
struct Parts {
  Parts(std::unique_ptr<Door> given, Reservation made, const backend::Options& wanted,
        const DeviceOptions& how)
      : options(wanted),
        device(how),
        door(std::move(given)),
        reserved(std::move(made)),
        cancels(reserved),
        regions(reserved, cancels),
        lending(*door),
        resident(*door, reserved, cancels, lending, options, device),
        arena(reserved.arena, reserved.arena_bytes),
        control(reserved.queues.back(), reserved.commands, resident),
        transfers(*door, reserved.pinned, reserved.staging, lending, resident,
                  kCopyWatchdogs * device.watchdog),
        buffers(arena, control, transfers, lending, resident, reserved.ingest),
        code(*door, reserved, resident, device),
        ops(*door, reserved, arena, control, transfers, code),
        images(*door, reserved, arena, control, transfers) {}

  backend::Options options;
  DeviceOptions device;
  std::unique_ptr<Door> door;
  Reservation reserved;
  Cancels cancels;
  Regions regions;
  Lending lending;
  Resident resident;
  DeviceArena arena;
  ControlQueue control;  // its commands may hold memory of the arena
  Transfers transfers;
  DeviceBuffers buffers;
  CompiledCode code;
  DeviceOps ops;
  FusedImages images;
};

class CudaBackend final : public backend::Backend {
 public:
  explicit CudaBackend(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
  ~CudaBackend() override {
    parts_->code.stop();
    // A kernel or a copy that does not end may touch all of it for ever: it stays where it is.
    if (!parts_->resident.stop(Clock::now()) || !parts_->transfers.settled())
      (void)parts_.release();
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "cuda"; }

  [[nodiscard]] Status start(backend::Listener& listener) override {
    return parts_->resident.start(listener);
  }
  void cancel_queued(FaultCode why) noexcept override { parts_->resident.cancel_queued(why); }
  [[nodiscard]] std::uint64_t cancel(std::uint32_t queue,
                                     std::span<const std::uint64_t> positions) override {
    return parts_->cancels.items(queue, positions);
  }
  [[nodiscard]] bool runs_regions() const noexcept override { return true; }
  [[nodiscard]] std::optional<std::uint32_t> make_region(std::span<const MegakernelWorkItem> items,
                                                         bool side_by_side) override {
    return parts_->regions.make(items, side_by_side);
  }
  [[nodiscard]] bool runs_fused() const noexcept override { return true; }
  [[nodiscard]] Status load_fused(const std::shared_ptr<const backend::FusedProgram>& fused,
                                  Deadline deadline) override {
    return parts_->images.load(fused, deadline);
  }
  [[nodiscard]] std::optional<std::uint32_t> make_fused_region(
      std::span<const MegakernelWorkItem> items, const backend::FusedRegion& region) override {
    const auto at = parts_->images.find(region.program);
    if (!at) return make_region(items, false);
    return parts_->regions.make_fused(items, region, *at);
  }
  [[nodiscard]] std::uint64_t cancel_members(std::uint32_t queue, std::uint64_t position,
                                             std::uint32_t region, std::uint64_t members) override {
    return parts_->regions.cancel(queue, position, region, members);
  }
  [[nodiscard]] std::span<const Completion> region_results(std::uint32_t region) noexcept override {
    return parts_->regions.results(region);
  }
  void free_region(std::uint32_t region) noexcept override { parts_->regions.free(region); }
  void stop_running() noexcept override { parts_->resident.stop_running(); }
  [[nodiscard]] bool stop(Deadline deadline) noexcept override {
    parts_->code.stop();
    const bool ended = parts_->resident.stop(deadline) && parts_->transfers.settled();
    if (ended && !retired_.load(std::memory_order_relaxed)) {  // one thread stops
      parts_->ops.settle();
      parts_->lending.unlock_ended();
      parts_->door->retire();
      retired_.store(true, std::memory_order_release);  // [RETIRED-1]
    }
    return ended;
  }

  [[nodiscard]] backend::QueuePort port(std::uint32_t queue) noexcept override {
    const queue::Queue& rings = parts_->reserved.queues[queue];
    return {rings.producer(), rings.reader()};
  }
  void doorbell() noexcept override { parts_->resident.ring(); }
  void tend() noexcept override { parts_->resident.tend(); }
  [[nodiscard]] bool polls() const noexcept override { return true; }
  [[nodiscard]] std::uint64_t heartbeat() const noexcept override {
    return parts_->resident.heartbeat();
  }
  [[nodiscard]] std::optional<Error> lost() const override { return parts_->resident.lost(); }

  [[nodiscard]] Status allocate(std::uint32_t handle, std::uint64_t bytes,
                                Deadline deadline) override {
    return parts_->buffers.allocate(handle, bytes, deadline);
  }
  [[nodiscard]] Status make_read_only(std::uint32_t handle, Deadline deadline) override {
    return parts_->buffers.make_read_only(handle, deadline);
  }
  [[nodiscard]] Status import_memory(std::uint32_t handle, MutableByteSpan host, bool writable,
                                     Deadline deadline) override {
    return parts_->buffers.import_memory(handle, host, writable, deadline);
  }
  [[nodiscard]] Status map_file(std::uint32_t handle, const backend::MappableFile& file,
                                Deadline deadline) override {
    return parts_->buffers.map_file(handle, file, deadline);
  }
  [[nodiscard]] bool must_bring(std::uint32_t handle) const noexcept override {
    return parts_->buffers.must_bring(handle);
  }
  [[nodiscard]] Status bring_file(std::uint32_t handle, const ReadPiece& read) override {
    return parts_->buffers.bring_file(handle, read);
  }
  [[nodiscard]] MutableByteSpan ingest_memory() noexcept override {
    return parts_->reserved.ingest;
  }
  void leak_ingest_memory() noexcept override { parts_->door->leak_pinned_memory(); }
  [[nodiscard]] Status make_alias(std::uint32_t handle) override {
    return parts_->buffers.make_alias(handle);
  }
  void place_alias(std::uint32_t alias, std::uint32_t of, std::uint64_t offset,
                   std::uint64_t bytes) noexcept override {
    parts_->buffers.place_alias(alias, of, offset, bytes);
  }
  [[nodiscard]] Status bind(std::uint32_t set, std::span<const std::uint32_t> buffers,
                            Deadline deadline) override {
    return parts_->buffers.bind(set, buffers, deadline);
  }
  bool release(std::uint32_t handle, Deadline deadline) noexcept override {
    return parts_->buffers.release(handle, deadline);
  }
  [[nodiscard]] Status write(std::uint32_t handle, std::uint64_t offset, ByteSpan bytes) override {
    return parts_->buffers.write(handle, offset, bytes);
  }
  [[nodiscard]] Status read(std::uint32_t handle, std::uint64_t offset,
                            MutableByteSpan out) override {
    if (retired_.load(std::memory_order_acquire))  // [RETIRED-1]
      return parts_->buffers.read_after_end(*parts_->door, handle, offset, out);
    return parts_->buffers.read(handle, offset, out);
  }
  [[nodiscard]] std::optional<ByteSpan> host_bytes(std::uint32_t handle) const noexcept override {
    // Of lent memory; other bytes lie on the device.
    const auto lent = parts_->lending.find(handle);
    return lent ? std::optional<ByteSpan>(*lent) : std::nullopt;
  }

  [[nodiscard]] Status add_program(std::uint32_t op, backend::ProgramOp program,
                                   Deadline deadline) override {
    return parts_->ops.add(op, program, deadline);
  }
  [[nodiscard]] std::uint64_t steps(std::uint32_t op) const noexcept override {
    return parts_->ops.steps(op);
  }

  [[nodiscard]] backend::CompiledUnits compiled_units(std::uint32_t op) const noexcept override {
    return parts_->ops.compiled_units(op);
  }
  [[nodiscard]] backend::CodeFacts code_facts() const override { return parts_->code.facts(); }

  [[nodiscard]] backend::DeviceFacts device_facts() const override {
    const Reservation& reserved = parts_->reserved;
    backend::DeviceFacts facts;
    facts.device = reserved.facts.device;
    facts.blocks = reserved.facts.blocks;
    facts.workers = reserved.worker_blocks() * megakernel::kBlockWarps;
    facts.launches = parts_->resident.launches();
    facts.arena_bytes = parts_->arena.bytes();
    facts.arena_used = parts_->arena.used();
    return facts;
  }
  [[nodiscard]] std::optional<std::uint16_t> sampled_busy_bps() const noexcept override {
    return parts_->resident.busy_bps();
  }
  [[nodiscard]] backend::Workforce workforce() const noexcept override {
    return {parts_->reserved.worker_blocks(), megakernel::kBlockWarps, megakernel::kBlockThreads};
  }

 private:
  std::unique_ptr<Parts> parts_;
  std::atomic<bool> retired_{false};  // the kernel has ended for good
};

}  // namespace

Result<std::unique_ptr<backend::Backend>> make_backend_over(std::unique_ptr<Door> door,
                                                            const backend::Options& options,
                                                            const DeviceOptions& device) {
  VYRE_ASSIGN(Reservation reserved, reserve(*door, options, device));
  auto parts = std::make_unique<Parts>(std::move(door), std::move(reserved), options, device);
  VYRE_TRY(parts->code.open());
  return std::make_unique<CudaBackend>(std::move(parts));
}

}  // namespace vyre::cuda

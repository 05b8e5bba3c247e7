#include "megakernel/machine.hpp"

#include "backend/handle.hpp"
#include "cpu/backend/backend.hpp"
#include "cuda/host/device_backend.hpp"
#include "protocol/limits.hpp"
#include "runtime/op_table.hpp"
#include "vir/text/text.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint32_t kCpuWorkers{2};

Result<std::unique_ptr<backend::Backend>> make(const Settings& settings,
                                               const MachineOptions& options) {
  backend::Options wanted;
  wanted.queues = options.queues;
  wanted.ring_slots = options.ring_slots;
  wanted.completion_slots = options.ring_slots;
  wanted.workers = kCpuWorkers;
  wanted.fuel = kDefaultFuel;
  wanted.producer_timeout = std::chrono::seconds{1};
  if (settings.cpu) return cpu::make_backend(wanted);
  cuda::DeviceOptions device;
  device.arena_bytes = options.arena_bytes;
  device.park_after = options.park_after;
  device.jit = options.jit;
  return cuda::make_backend(wanted, device);
}

}  // namespace

Result<std::unique_ptr<Machine>> Machine::open(const Settings& settings,
                                               const MachineOptions& options) {
  std::unique_ptr<Machine> machine(new Machine);
  VYRE_ASSIGN(machine->backend_, make(settings, options));
  VYRE_TRY(machine->backend_->start(*machine));
  for (std::uint32_t q = 0; q < options.queues; ++q)
    machine->ports_.push_back(machine->backend_->port(q));
  return machine;
}

Machine::~Machine() {
  if (backend_) (void)backend_->stop(Clock::now() + std::chrono::seconds{3});
}

Result<std::uint32_t> Machine::add_program(const std::string& text) {
  VYRE_ASSIGN(const vir::Program assembled, vir::assemble(text));
  VYRE_ASSIGN(runtime::PreparedOp prepared,
              runtime::prepare_op("bench", assembled, {Deadline::max()}));
  const std::uint32_t id = kFirstUserOp + next_op_;
  VYRE_TRY(backend_->add_program(id, std::move(prepared.op)));
  ++next_op_;
  return id;
}

Result<std::uint32_t> Machine::buffer(std::uint64_t bytes) {
  const std::uint32_t handle = backend::make_handle(next_handle_, 0);
  VYRE_TRY(backend_->allocate(handle, bytes));
  ++next_handle_;
  return handle;
}

Result<std::uint32_t> Machine::buffer(ByteSpan contents) {
  VYRE_ASSIGN(const std::uint32_t handle, buffer(contents.size()));
  VYRE_TRY(backend_->write(handle, 0, contents));
  return handle;
}

Status Machine::lend(MutableByteSpan host) {
  return backend_->import_memory(backend::make_handle(next_handle_++, 0), host, true,
                                 after(std::chrono::seconds{30}));
}

Result<std::uint32_t> Machine::set(std::span<const std::uint32_t> buffers) {
  const std::uint32_t handle = backend::make_handle(next_handle_, 0);
  VYRE_TRY(backend_->bind(handle, buffers));
  ++next_handle_;
  return handle;
}

Status Machine::run(const MegakernelWorkItem& item) {
  backend::QueuePort& port = ports_[0];
  const queue::Reservation got = port.submissions.try_reserve(1);
  if (got.count != 1) return fail(Errc::queue_full, "an empty ring took no item");
  if (!port.submissions.try_publish(got.first, item, 0))
    return fail(Errc::cancelled, "the slot was given up while it was written");
  backend_->doorbell();
  queue::TakenCompletion ended{};
  Clock::time_point since{};
  for (std::uint32_t looks = 1; port.completions.take(&ended, 1, port.submissions.tail()) == 0;
       ++looks) {
    if (looks % 65'536 != 0) continue;
    backend_->tend();
    if (since == Clock::time_point{}) since = Clock::now();
    if (const auto lost = backend_->lost()) return tl::unexpected<Error>(*lost);
    if (seconds_since(since) > kMachineSeconds)
      return fail(Errc::deadline_exceeded, "an item did not end in time");
  }
  port.completions.release();
  if (ended.position != got.first || ended.completion.status() != CompletionStatus::done) {
    return fail(Errc::faulted, "an item ended with code " +
                                   std::to_string(static_cast<int>(ended.completion.code())));
  }
  return {};
}

Result<std::vector<double>> Machine::round_trips_ns(const MegakernelWorkItem& item,
                                                    std::uint32_t rounds) {
  std::vector<double> ns;
  ns.reserve(rounds);
  for (std::uint32_t i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    VYRE_TRY(run(item));
    ns.push_back(seconds_since(start) * 1e9);
  }
  return ns;
}

Result<Spread> Machine::spread_seconds(const MegakernelWorkItem& item, int runs) {
  VYRE_TRY(run(item));
  VYRE_ASSIGN(std::vector<double> ns, round_trips_ns(item, static_cast<std::uint32_t>(runs)));
  const Spread spread = spread_of(std::move(ns));
  return Spread{spread.p50 * 1e-9, spread.p99 * 1e-9, spread.max * 1e-9};
}

runtime::SessionOptions session_options(const Settings& settings, const MachineOptions& options) {
  runtime::SessionOptions wanted;
  wanted.backend = settings.cpu ? runtime::BackendKind::cpu : runtime::BackendKind::cuda;
  wanted.queues = options.queues;
  wanted.ring_slots = options.ring_slots;
  wanted.device_memory_bytes = options.arena_bytes;
  wanted.park_after = options.park_after;
  return wanted;
}

}  // namespace vyre::bench

// The thread that plays the kernel. See fake_door.hpp.
#include "fake_door.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <chrono>
#include <cstring>

#include "backend/handle.hpp"
#include "queue/cancel_marks.hpp"

namespace vyre::cuda {

using namespace megakernel;
using queue::HostAtomics;
using queue::Order;

FakeDriver::Memory::~Memory() {
  const auto until = std::chrono::steady_clock::now() + driver.free_takes;
  driver.freeing = true;
  bool hung = false;
  do {
    hung = driver.kernels != 0;
    std::this_thread::yield();
  } while (!hung && std::chrono::steady_clock::now() < until);
  if (hung) ++driver.frees_hung;
  ++driver.frees;
}

FakeDoor::FakeDoor(std::shared_ptr<FakeDevice> device)
    : device_(std::move(device)), thread_([this] { stream(); }) {
  device_->open = true;
  device_->door = this;
}

FakeDoor::~FakeDoor() {
  {
    const std::lock_guard lock(mutex_);
    exit_ = true;
  }
  changed_.notify_all();
  thread_.join();
  for (const Mapping& mapping : mappings_) {
    if (!(mapping.pinned && device_->leaked)) ::munmap(mapping.data, mapping.bytes);
  }
  device_->open = false;
}

Result<DoorFacts> FakeDoor::open(std::uint32_t max_blocks, std::uint32_t least) {
  share_ = device_->driver->memory.join(*device_->driver);
  DoorFacts facts;
  facts.device = "a host thread";
  facts.blocks = max_blocks == 0 ? device_->blocks : std::min(max_blocks, device_->blocks);
  facts.shared_bytes = 200'000;
  facts.warp_shared_bytes = 12'000;
  facts.free_bytes = device_->free_bytes;
  facts.architecture = device_->architecture;
  facts.why_no_code = "a host thread runs no code of a device";
  facts.kernel_registers = 128;
  facts.driver = "none";
  if (facts.blocks < least) return fail(Errc::unsupported, "too few blocks");
  return facts;
}

Result<std::uint8_t*> FakeDoor::map(std::uint64_t bytes, bool pinned) {
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return fail(Errc::out_of_memory, "no host memory");
  mappings_.push_back({static_cast<std::uint8_t*>(data), bytes, pinned});
  return mappings_.back().data;
}

Result<std::uint8_t*> FakeDoor::device_memory(std::uint64_t bytes) {
  return map(bytes, false);
}
Result<MutableByteSpan> FakeDoor::pinned_memory(std::uint64_t bytes) {
  VYRE_ASSIGN(std::uint8_t* const data, map(bytes, true));
  return MutableByteSpan{data, bytes};
}
void FakeDoor::leak_pinned_memory() noexcept {
  device_->leaked = true;
}

Result<std::uint64_t> FakeDoor::lock_memory(MutableByteSpan host, bool writable) {
  if (device_->refuse_lock) return fail(Errc::invalid_argument, "the pages are locked already");
  EXPECT_TRUE(device_->locked.emplace(host.data(), writable).second) << "it is locked already";
  const std::lock_guard lock(device_->locked_mutex);
  device_->locked_bytes[host.data()] = host.size();
  return reinterpret_cast<std::uintptr_t>(host.data());
}
void FakeDoor::unlock_memory(MutableByteSpan host) noexcept {
  if (device_->driver->kernels != 0) ++device_->unlocks_beside_a_kernel;
  EXPECT_EQ(device_->locked.erase(host.data()), 1u) << "it was not locked";
  const std::lock_guard lock(device_->locked_mutex);
  device_->locked_bytes.erase(host.data());
  ++device_->unlocks;
}

Status FakeDoor::fill_device(std::uint8_t* to, const std::uint8_t* pinned_from,
                             std::uint64_t bytes) {
  std::memcpy(to, pinned_from, bytes);
  return {};
}

Status FakeDoor::launch(const KernelArguments& arguments, std::uint32_t) {
  if (device_->refuse_launch) return fail(Errc::device_lost, "the launch was refused");
  ++device_->launches;
  {
    const std::lock_guard lock(mutex_);
    launches_.push_back(arguments);
    arguments_ = arguments;
  }
  changed_.notify_all();
  return {};
}

Result<KernelState> FakeDoor::state() {
  if (device_->sticky) return fail(Errc::device_lost, "a sticky error");
  KernelState state{};
  {
    const std::lock_guard lock(mutex_);
    state = running_ || !launches_.empty() ? KernelState::running : KernelState::ended;
  }
  ++device_->looks;
  if (device_->after_look) device_->after_look(state);
  return state;
}

Status FakeDoor::peek(void* to, const std::uint8_t* from, std::uint64_t bytes, Deadline) {
  const std::lock_guard lock(memory_);
  std::memcpy(to, from, bytes);
  return {};
}

void FakeDevice::set_busy(bool busy) {
  door->set_busy(busy);
}

void FakeDoor::set_busy(bool busy) {
  // Between two rounds, so that none that began before takes commands afterwards.
  const std::lock_guard memory(memory_);
  busy_ = busy;
}

FakeEntry FakeDevice::seen(std::uint32_t handle) const {
  return door->find_entry(handle);
}

FakeEntry FakeDoor::find_entry(std::uint32_t handle) {
  const std::lock_guard memory(memory_);
  const HandleEntry entry = [&] {
    const std::lock_guard lock(mutex_);
    return arguments_.handles[backend::handle_index(handle)];
  }();
  const auto address = [](std::uint64_t at) {
    return reinterpret_cast<const std::uint8_t*>(static_cast<std::uintptr_t>(at));
  };
  if (entry.handle != handle || entry.kind == EntryKind::none) return {};
  if (entry.kind != EntryKind::alias) return {entry.kind, address(entry.data), entry.bytes};
  const auto* const place = reinterpret_cast<const AliasPlace*>(address(entry.data));
  return {EntryKind::memory, address(HostAtomics::load(&place->data, Order::relaxed)),
          HostAtomics::load(&place->bytes, Order::relaxed)};
}

std::uint64_t FakeDoor::scratch_needed(const core::ImageView&, std::uint64_t, bool,
                                       std::uint32_t) const {
  return device_->scratch_needed;
}

void FakeDoor::stream() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return exit_ || !launches_.empty(); });
    if (launches_.empty()) return;
    const KernelArguments arguments = launches_.front();
    launches_.pop_front();
    running_ = true;
    lock.unlock();
    ++device_->driver->kernels;
    run_kernel(arguments);
    --device_->driver->kernels;
    lock.lock();
    running_ = false;
  }
}

void FakeDoor::run_kernel(const KernelArguments& a) {
  const std::uint64_t ended_before = a.queues[0].ended_count;
  Clock::time_point busy = Clock::now();
  const auto leave = [&] {
    HostAtomics::store(&a.report->leaving, a.epoch, Order::relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // [PARK-1]
  };
  for (;;) {
    while (HostAtomics::load(&a.orders->fault, Order::relaxed) != 0)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    HostAtomics::store(&a.report->heartbeat, std::uint64_t{a.epoch} << 40 | ++beats_,
                       Order::relaxed);
    if (device_->forgetful) {
      DeviceQueue& queue = a.queues[0];
      queue::SubmissionConsumer<HostAtomics> consumer{
          queue.submissions, queue.taken, queue::RingGeometry::of(1u << queue.slots_log2),
          queue.position};
      queue::TakenItem taken;
      if (consumer.take(&taken, 1) == 1) {
        consumer.release();
        queue.position = consumer.position;
        // Only this one: if the producer's bell launched again meanwhile, the next launch has to
        // park like any other before the loss can be seen.
        device_->forgetful = false;
        leave();
        return;
      }
      std::this_thread::yield();
      continue;
    }
    HostAtomics::store(&a.report->busy_warps, device_->busy_warps.load(), Order::relaxed);
    HostAtomics::store(&a.report->samples, device_->samples.load(), Order::relaxed);
    if (const std::uint32_t broken = device_->breaks.exchange(0); broken != 0) {
      HostAtomics::store(&a.report->broken_number, std::uint64_t{1'234}, Order::relaxed);
      HostAtomics::store(&a.report->broken_seen, std::uint64_t{0x83} << 24, Order::relaxed);
      HostAtomics::store(&a.report->broken, broken, Order::release);  // [BROKEN-1]
    }
    if (round(a) != 0) {
      busy = Clock::now();
      if (a.drain_after != 0 && a.queues[0].ended_count - ended_before >= a.drain_after) {
        leave();
        return;
      }
      continue;
    }
    const bool stop = HostAtomics::load(&a.orders->stop, Order::relaxed) != 0 && !device_->lingers;
    const bool idle = a.park_after_ns != 0 && !device_->stays &&
                      Clock::now() - busy >= std::chrono::nanoseconds{a.park_after_ns};
    if (stop || idle) {
      leave();
      if (!stop && device_->wavers && ++parkings_ % 2 != 0) {
        // The last look found work that runs long: the kernel stays, though it was told to be gone.
        std::this_thread::yield();
        HostAtomics::store(&a.report->leaving, 0u, Order::relaxed);
        busy = Clock::now();
        continue;
      }
      while (round(a) != 0) {
      }
      return;
    }
    std::this_thread::yield();
  }
}

std::uint64_t FakeDoor::round(const KernelArguments& a) {
  const std::lock_guard lock(memory_);
  std::uint64_t sum = 0;
  const std::uint64_t given_up =
      HostAtomics::load(&a.orders->given_up, Order::acquire);         // [GIVE-1]
  HostAtomics::store(&a.report->given_up, given_up, Order::release);  // [GIVE-2]
  for (std::uint32_t q = 0; q < a.queue_count; ++q) {
    DeviceQueue& queue = a.queues[q];
    if ((given_up >> q & 1) != 0) continue;
    if (busy_ && q + 1 == a.queue_count) continue;
    queue::SubmissionConsumer<HostAtomics> consumer{queue.submissions, queue.taken,
                                                    queue::RingGeometry::of(1u << queue.slots_log2),
                                                    queue.position};
    queue::TakenItem taken[8];
    const std::uint32_t count = consumer.take(taken, 8);
    if (count == 0) continue;
    consumer.release();
    for (std::uint32_t i = 0; i < count; ++i) run_item(a, q, queue.position + i, taken[i]);
    queue.position += count;
    sum += count;
    if (q < device_->taken.size()) device_->taken[q] += count;
  }
  return sum;
}

FaultCode FakeDoor::run_op(const KernelArguments& a, const MegakernelWorkItem& item) {
  if (item.op_handle < kFirstUserOp) return FaultCode::none;
  auto* const program = const_cast<DeviceProgram*>(a.ops[item.op_handle - kFirstUserOp]);
  if (program == nullptr) return FaultCode::unknown_op;
  program->steps += item.param;
  return FaultCode::none;
}

bool FakeDoor::fits_image(const KernelArguments& a, const RegionBlock& block) {
  const auto* const image = reinterpret_cast<const DeviceProgram*>(block.image);
  if (image->members != block.members || image->image.buffer_count != block.buffer_count)
    return false;
  for (std::uint32_t m = 0; m < image->members; ++m) {
    if (image->member_ops[m] != block.items[m].op_handle) return false;
  }
  for (std::uint32_t i = 0; i < block.buffer_count; ++i) {
    const RegionBuffer& named = block.buffers[i];
    const HandleEntry& entry = a.handles[backend::handle_index(named.handle)];
    if (entry.handle != named.handle || entry.kind != EntryKind::memory ||
        entry.bytes != named.bytes)
      return false;
  }
  return true;
}

CompletionStatus FakeDoor::run_region(const KernelArguments& a, std::uint64_t position,
                                      std::uint32_t number) {
  RegionBlock& block = a.region_blocks[number];
  CompletionStatus all = CompletionStatus::done;
  if (block.form == RegionForm::image) {
    if (HostAtomics::load(&block.cancelled, Order::relaxed) == 0 && fits_image(a, block)) {
      ++device_->images_run;
      return all;
    }
    ++device_->images_void;
  }
  for (std::uint32_t m = 0; m < block.members; ++m) {
    if (device_->before_member) device_->before_member(m);
    const std::uint32_t order = HostAtomics::load(&a.orders->cancel, Order::relaxed);
    const bool marked = (order & kItemsCancelled) != 0 &&
                        (HostAtomics::load(&block.cancelled, Order::relaxed) >> m & 1) != 0;
    FaultCode why = cancel_reason(order);
    if (why == FaultCode::none && marked) why = FaultCode::cancelled;
    CompletionStatus status = CompletionStatus::cancelled;
    if (why == FaultCode::none) {
      why = run_op(a, block.items[m]);
      if (why == FaultCode::none) continue;
      status = CompletionStatus::faulted;
    }
    block.results[m] = Completion::make(status, why, static_cast<std::uint32_t>(position), 0, 0, 0);
    all = CompletionStatus::faulted;
  }
  return all;
}

void FakeDoor::run_item(const KernelArguments& a, std::uint32_t q, std::uint64_t position,
                        const queue::TakenItem& taken) {
  DeviceQueue& queue = a.queues[q];
  const bool own = q + 1 == a.queue_count;
  const std::uint32_t order = own ? 0 : HostAtomics::load(&a.orders->cancel, Order::relaxed);
  FaultCode cancel = cancel_reason(order);
  if ((order & kItemsCancelled) != 0 && cancel == FaultCode::none) {
    device_->mark_looks += 1;
    const queue::CancelMarks<HostAtomics> marks{
        const_cast<std::uint64_t*>(queue.cancels),
        queue::RingGeometry::of(1u << queue.completion_slots_log2)};
    if (marks.is_set(position)) cancel = FaultCode::cancelled;
  }
  CompletionStatus status = CompletionStatus::done;
  FaultCode why = FaultCode::none;
  if ((taken.flags & kQueueFlagAbandoned) != 0) {
    status = CompletionStatus::cancelled;
    why = FaultCode::abandoned;
  } else if (cancel != FaultCode::none) {
    status = CompletionStatus::cancelled;
    why = cancel;
  } else if (own) {
    const ControlCommand& command = a.commands[taken.item.param];
    auto* const to = reinterpret_cast<std::uint8_t*>(command.to);
    const auto* const from = reinterpret_cast<const std::uint8_t*>(command.from);
    switch (command.command) {
      case Command::fill:
        std::memset(to, 0, command.bytes);
        break;
      case Command::copy_in:
      case Command::copy_out:
        std::memcpy(to, from, command.bytes);
        break;
      case Command::put_op:
        a.ops[command.op] = reinterpret_cast<const DeviceProgram*>(command.from);
        break;
      case Command::put_handle:
      case Command::none:
        break;
    }
    if (command.entry.handle != 0)
      a.handles[backend::handle_index(command.entry.handle)] = command.entry;
  } else if (taken.item.op_handle == kRegionOp) {
    status = run_region(a, position, taken.item.param);
  } else {
    why = run_op(a, taken.item);
    if (why != FaultCode::none) status = CompletionStatus::faulted;
  }
  const queue::CompletionWriter<HostAtomics> writer{
      queue.completions, queue::RingGeometry::of(1u << queue.completion_slots_log2)};
  ++queue.ended_count;
  writer.post(position,
              Completion::make(status, why, static_cast<std::uint32_t>(position), 0, 0, 0));
}

}  // namespace vyre::cuda

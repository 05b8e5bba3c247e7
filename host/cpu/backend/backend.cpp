// CpuBackend: threads, life and the short calls of the Backend interface. Items run in worker.cpp.
#include "cpu/backend/backend.hpp"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <thread>

#include "base/copy_bytes.hpp"
#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "worker.hpp"

namespace vyre::cpu {
namespace {

class CpuBackend final : public backend::Backend {
 public:
  explicit CpuBackend(const backend::Options& options) : state_(std::make_shared<State>(options)) {}
  ~CpuBackend() override { (void)stop(Clock::now()); }

  [[nodiscard]] Status prepare() {
    const backend::Options& options = state_->options;
    for (std::uint32_t q = 0; q < options.queues; ++q) {
      VYRE_ASSIGN(auto rings, queue::Queue::create({options.ring_slots, options.completion_slots}));
      state_->queues.push_back(
          std::make_unique<WorkerQueue>(std::move(rings), options.producer_timeout));
    }
#define VYRE_BUILTIN_OP(id, symbol, op_name, inputs, outputs, meaning) \
  state_->ops.at(id).program.name = op_name;                           \
  state_->ops.at(id).estimate_ns.store(id == 0 ? 15 : 1'000, std::memory_order_relaxed);
#include "protocol/op_table.def"
    return {};
  }

  [[nodiscard]] std::string_view name() const noexcept override {
    return "cpu";
  }

  [[nodiscard]] Status start(backend::Listener& listener) override {
    state_->listener = &listener;
    for (std::uint32_t w = 0; w < state_->options.workers; ++w) {
      state_->waiters.push_back(std::make_unique<queue::Waiter>());
      workers_.push_back(std::make_shared<Worker>(*state_, w));
    }
    state_->alive.store(state_->options.workers, std::memory_order_release);
    try {
      for (std::uint32_t w = 0; w < state_->options.workers; ++w) {
        state_->threads_left.fetch_add(1, std::memory_order_acq_rel);
        threads_.emplace_back([state = state_, worker = workers_[w]] {
          worker->run();
          state->threads_left.fetch_sub(1, std::memory_order_acq_rel);
          state->thread_ended.notify();
        });
      }
    } catch (const std::system_error& e) {
      state_->threads_left.fetch_sub(1, std::memory_order_acq_rel);
      return fail(Errc::out_of_memory,
                  message("cannot start worker thread {} of {}: {}; ask for fewer workers",
                          threads_.size(), state_->options.workers, e.what()));
    }
    return {};
  }

  void cancel_queued(FaultCode why) noexcept override {
    state_->cancel(why);
  }

  void stop_running() noexcept override {
    state_->stop_running.store(true,
                               std::memory_order_relaxed);  // relaxed: looked at again and again
  }

  [[nodiscard]] bool stop(Deadline deadline) noexcept override {
    state_->exit.store(true, std::memory_order_release);
    state_->stop_running.store(true, std::memory_order_relaxed);
    state_->wake_all();
    const auto until = std::max(deadline, Clock::now() + std::chrono::nanoseconds{kStopGraceNs});
    const bool ended = state_->thread_ended.wait_until(
        until, [this] { return state_->threads_left.load(std::memory_order_acquire) == 0; });
    for (std::thread& thread : threads_) {
      if (!thread.joinable()) continue;
      // A worker that cannot be stopped keeps what it needs alive (shared state) and is left
      // behind.
      if (ended)
        thread.join();
      else
        thread.detach();
    }
    threads_.clear();
    return ended;
  }

  [[nodiscard]] backend::QueuePort port(std::uint32_t queue) noexcept override {
    WorkerQueue& of = *state_->queues[queue];
    return {of.rings.producer(), of.rings.reader(), of.times.get()};
  }

  [[nodiscard]] std::uint64_t cancel(std::uint32_t queue,
                                     std::span<const std::uint64_t> positions) override {
    return state_->cancel_items(queue, positions);
  }

  [[nodiscard]] bool runs_regions() const noexcept override {
    return true;
  }
  [[nodiscard]] std::optional<std::uint32_t> make_region(std::span<const MegakernelWorkItem> items,
                                                         bool side_by_side) override {
    return state_->make_region(items, side_by_side);
  }
  [[nodiscard]] bool runs_fused() const noexcept override {
    return true;
  }
  [[nodiscard]] std::optional<std::uint32_t> make_fused_region(
      std::span<const MegakernelWorkItem> items, const backend::FusedRegion& region) override {
    return state_->regions.put(items, region.program);
  }
  [[nodiscard]] std::uint64_t cancel_members(std::uint32_t queue, std::uint64_t position,
                                             std::uint32_t region, std::uint64_t members) override {
    return state_->cancel_members(queue, position, region, members);
  }
  [[nodiscard]] std::span<const Completion> region_results(std::uint32_t region) noexcept override {
    return state_->regions.at(region).results;
  }
  void free_region(std::uint32_t region) noexcept override {
    state_->regions.free(region);
  }

  void doorbell() noexcept override {
    state_->ring();
  }

  [[nodiscard]] backend::Workforce workforce() const noexcept override {
    return {state_->options.workers, 1, 1, true, true};
  }
  [[nodiscard]] std::optional<std::uint32_t> busy_groups() const noexcept override {
    return static_cast<std::uint32_t>(std::count_if(
        workers_.begin(), workers_.end(), [](const auto& worker) { return worker->busy(); }));
  }
  [[nodiscard]] std::optional<std::uint64_t> items_running(
      std::uint32_t queue) const noexcept override {
    const WorkerQueue& worker_queue = *state_->queues[queue];
    const std::uint64_t ended = worker_queue.marks.count();
    const std::uint64_t started = worker_queue.started.load(std::memory_order_relaxed);
    return started - std::min(started, ended);
  }
  void keep_awake(const backend::AwakeGroups& groups) noexcept override {
    state_->keep_awake(groups);
  }
  void set_window(std::uint32_t queue, std::uint64_t items, std::uint64_t until) noexcept override {
    state_->set_window(queue, items, until);
  }

  void tend() noexcept override {
    if (Clock::now() >= state_->options.start_until) state_->cancel(FaultCode::wall_time);
    if (state_->alive.load(std::memory_order_acquire) == 0 &&
        state_->cancel_reason() != FaultCode::none) {
      state_->cancel_all_queued();
    }
  }

  [[nodiscard]] std::uint64_t heartbeat() const noexcept override {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) sum += worker->heartbeat();
    return sum;
  }

  [[nodiscard]] std::optional<Error> lost() const override {
    if (state_->promise_broken.load(std::memory_order_relaxed)) {
      const std::lock_guard lock(state_->broken_mutex);
      return state_->broken;
    }
    if (state_->alive.load(std::memory_order_acquire) == 0 &&
        !state_->exit.load(std::memory_order_acquire)) {
      return Error{Errc::device_lost, message("all {} worker threads have died; open a new session",
                                              state_->options.workers)};
    }
    return std::nullopt;
  }

  [[nodiscard]] Status allocate(std::uint32_t handle, std::uint64_t bytes, Deadline) override {
    return state_->memory.allocate(handle, bytes);
  }
  [[nodiscard]] Status map_file(std::uint32_t handle, const backend::MappableFile& file,
                                Deadline) override {
    return state_->memory.map_file(handle, file);
  }
  [[nodiscard]] Status make_read_only(std::uint32_t handle, Deadline) override {
    state_->memory.make_read_only(handle);
    return {};
  }
  [[nodiscard]] Status import_memory(std::uint32_t handle, MutableByteSpan host, bool writable,
                                     Deadline) override {
    state_->memory.import(handle, host, writable);
    return {};
  }
  [[nodiscard]] bool must_bring(std::uint32_t) const noexcept override {
    return false;
  }
  [[nodiscard]] Status bring_file(std::uint32_t, const ReadPiece&) override {
    return {};
  }
  [[nodiscard]] MutableByteSpan ingest_memory() noexcept override {
    return state_->ingest.memory(state_->options.ingest_bytes);
  }
  void leak_ingest_memory() noexcept override {
    state_->ingest.leak();
  }
  [[nodiscard]] Status make_alias(std::uint32_t handle) override {
    return state_->memory.make_alias(handle);
  }
  void place_alias(std::uint32_t alias, std::uint32_t of, std::uint64_t offset,
                   std::uint64_t bytes) noexcept override {
    std::uint8_t* from = nullptr;
    if (of == 0) {
      from = state_->ingest.bytes().data();
    } else if (const MemoryEntry* entry = state_->memory.find(of); entry != nullptr) {
      from = entry->data;
    }
    state_->memory.place_alias(alias, from == nullptr ? nullptr : from + offset,
                               from == nullptr ? 0 : bytes);
  }
  [[nodiscard]] Status bind(std::uint32_t set, std::span<const std::uint32_t> buffers,
                            Deadline) override {
    return state_->memory.bind(set, buffers);
  }
  bool release(std::uint32_t handle, Deadline) noexcept override {
    state_->memory.release(handle);
    return true;
  }

  [[nodiscard]] Status write(std::uint32_t handle, std::uint64_t offset, ByteSpan bytes) override {
    VYRE_ASSIGN(const MemoryEntry* entry, state_->memory.range(handle, offset, bytes.size()));
    if (entry->kind != MemoryEntry::Kind::memory) {
      return fail(Errc::invalid_argument,
                  message("buffer {} is for reading only and cannot be written", handle));
    }
    copy_bytes(entry->data + offset, bytes.data(), bytes.size());
    return {};
  }

  [[nodiscard]] Status read(std::uint32_t handle, std::uint64_t offset,
                            MutableByteSpan out) override {
    VYRE_ASSIGN(const MemoryEntry* entry, state_->memory.range(handle, offset, out.size()));
    copy_bytes(out.data(), entry->data + offset, out.size());
    return entry->file ? entry->file->check() : Status{};
  }

  [[nodiscard]] std::optional<ByteSpan> host_bytes(std::uint32_t handle) const noexcept override {
    const MemoryEntry* entry = state_->memory.find(handle);
    if (entry == nullptr || entry->kind == MemoryEntry::Kind::set) return std::nullopt;
    return ByteSpan{entry->data, entry->bytes};
  }

  [[nodiscard]] Status add_program(std::uint32_t op, backend::ProgramOp program,
                                   Deadline) override {
    state_->ops.at(op).program = std::move(program);
    return {};
  }
  [[nodiscard]] std::uint64_t steps(std::uint32_t op) const noexcept override {
    const OpRecord* record = state_->ops.find(op);
    return record == nullptr ? 0 : record->steps.load(std::memory_order_relaxed);
  }
  [[nodiscard]] backend::ItemCosts item_costs() const noexcept override {
    return {median_of(&Costs::slots), median_of(&Costs::bytes), median_of(&Costs::steps),
            median_of(&Costs::fused)};
  }
  [[nodiscard]] BySizeClass lane_costs(std::uint32_t op) const noexcept override {
    const OpRecord* record = state_->ops.find(op);
    return record == nullptr ? BySizeClass{} : record->lane_ns();
  }

 private:
  /// In ns a unit, of all workers.
  [[nodiscard]] std::optional<double> median_of(CostHistogram Costs::*of) const noexcept {
    const auto count = [&](std::uint32_t bucket) {
      std::uint64_t sum = 0;
      for (const auto& worker : workers_) sum += (worker->costs().*of).count(bucket);
      return sum;
    };
    return median_ns(count);
  }

  std::shared_ptr<State> state_;
  std::vector<std::shared_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
};

}  // namespace

Result<std::unique_ptr<backend::Backend>> make_backend(const backend::Options& options) {
  if (options.workers == 0 || options.workers > kMaxCpuWorkers) {
    return fail(Errc::invalid_argument, message("{} CPU workers are not possible: choose 1 to {}",
                                                options.workers, kMaxCpuWorkers));
  }
  if (options.queues == 0 || options.queues > kMaxQueues) {
    return fail(Errc::invalid_argument,
                message("{} queues are not possible: choose 1 to {}", options.queues, kMaxQueues));
  }
  if (options.ingest_bytes != 0 && options.ingest_bytes < IngestLayout::kStreams) {
    return fail(Errc::invalid_argument,
                message("ingest memory of {} bytes has no room for the requests of items: give at "
                        "least {} bytes, or 0 for none",
                        options.ingest_bytes, IngestLayout::kStreams));
  }
  auto made = std::make_unique<CpuBackend>(options);
  VYRE_TRY(made->prepare());
  return made;
}

}  // namespace vyre::cpu

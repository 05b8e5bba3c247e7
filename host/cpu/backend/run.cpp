// What a worker does with one item: programs are bound, zero-filled, planned and run, alone or
// shared with other workers; built-in ops are in builtin.cpp.
#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "builtin/rules.hpp"
#include "protocol/limits.hpp"
#include "worker.hpp"

namespace vyre::cpu {
namespace {

/// Below this many lanes waking a second worker costs more than half of the item.
constexpr std::uint64_t kSpreadLanes{16'384};
/// An op whose items were slower than this is spread whatever its lanes.
constexpr std::uint32_t kSpreadNs{200'000};
/// Lanes of a share: enough to fill the interpreter's batches, few enough to notice a stop soon.
constexpr std::uint64_t kShareLanes{8'192};
constexpr std::uint64_t kSharesAWorker{8};
/// Bytes of an output that are zeroed between two looks at the stop word.
constexpr std::uint64_t kZeroBytes{std::uint64_t{16} << 20};

Completion done(const Work& work) {
  return Completion::make(CompletionStatus::done, FaultCode::none,
                          static_cast<std::uint32_t>(work.position), 0, 0, 0);
}
Completion faulted(const Work& work, const Fault& fault) {
  return Completion::make(CompletionStatus::faulted, fault.code,
                          static_cast<std::uint32_t>(work.position),
                          static_cast<std::uint32_t>(fault.workgroup), fault.lane, fault.statement);
}
Completion cancelled(const Work& work, FaultCode why) {
  return Completion::make(CompletionStatus::cancelled, why,
                          static_cast<std::uint32_t>(work.position), 0, 0, 0);
}

Completion builtin_ended(const Work& work, FaultCode why) {
  if (why == FaultCode::none) return done(work);
  return why == FaultCode::shutdown ? cancelled(work, why) : faulted(work, {why, 0, 0, 0});
}

}  // namespace

Completion Worker::run_item(const Work& work) {
  const Deadline ended_before = std::exchange(item_ended_at_, Deadline{});
  if ((work.taken.flags & (kQueueFlagAbandoned | kWorkCancelled)) != 0) {
    const bool abandoned = (work.taken.flags & kQueueFlagAbandoned) != 0;
    return cancelled(work, abandoned ? FaultCode::abandoned : FaultCode::cancelled);
  }
  if (const FaultCode why = state_.cancel_reason(); why != FaultCode::none)
    return cancelled(work, why);
  const std::uint32_t id = work.taken.item.op_handle;
  if (id == static_cast<std::uint32_t>(builtin::Op::nop)) return done(work);

  OpRecord* op = state_.ops.find(id);
  if (op == nullptr) return faulted(work, {FaultCode::unknown_op, 0, 0, 0});
  const Deadline begin = ended_before == Deadline{} ? Clock::now() : ended_before;
  Completion completion = op->program.image == nullptr
                              ? builtin_ended(work, run_builtin(work.taken.item, *op))
                              : run_program(work, *op);
  item_ended_at_ = Clock::now();
  const auto ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(item_ended_at_ - begin).count();
  ran_ns_ += ns;
  state_.queues[work.queue]->note_time(work.position, begin, ns, index_);
  costs_.bytes.add(std::exchange(moved_bytes_, 0), std::chrono::nanoseconds{ns});
  // Relaxed: a hint, and losing one update of two workers costs nothing.
  const std::uint32_t before = op->estimate_ns.load(std::memory_order_relaxed);
  const auto now = static_cast<std::uint32_t>(std::clamp<std::int64_t>(ns, 1, 1'000'000'000));
  op->estimate_ns.store(std::max(now, before - before / 8), std::memory_order_relaxed);
  return completion;
}

bool Worker::run_region(const Work& work, Completion& completion) {
  const bool void_slot = (work.taken.flags & (kQueueFlagAbandoned | kWorkCancelled)) != 0;
  if (void_slot || state_.cancel_reason() != FaultCode::none) {
    completion = run_item(work);  // which does not start it either
    return true;
  }
  RegionBlock& block = state_.regions.at(work.taken.item.param);
  members_ended_ = 0;
  if (block.fused != nullptr && block.cancelled == 0) {
    const auto& dies = state_.options.worker_dies;
    for (std::size_t m = 0; dies && m < block.items.size(); ++m) {
      if (dies(index_, items_run_ + m)) return false;
    }
    if (run_fused(work, block)) {
      completion = done(work);
      std::fill(block.results.begin(), block.results.end(), completion);
      items_run_ += block.items.size();
      return true;
    }
  }
  bool all_done = true;
  for (std::size_t m = 0; m < block.items.size(); ++m) {
    const bool cancel = (block.cancelled >> m & 1) != 0;
    const Work member{{block.items[m], cancel ? kWorkCancelled : 0}, work.queue, work.position};
    if (!run_or_die(member, block.results[m])) return false;
    all_done = all_done && block.results[m].status() == CompletionStatus::done;
    ++members_ended_;
  }
  completion = all_done ? done(work) : faulted(work, {FaultCode::none, 0, 0, 0});
  return true;
}

FaultCode Worker::bind(const Work& work, const OpRecord& op) {
  bool known = true;
  const auto inputs = state_.memory.members(work.taken.item.input_handle, known);
  const auto outputs = state_.memory.members(work.taken.item.output_handle, known);
  if (!known) return FaultCode::unknown_handle;
  views_.clear();
  lengths_.clear();
  files_.clear();
  ranges_.clear();
  asked_files_.clear();
  asks_.client = nullptr;
  queue::IoClient* const client = state_.ingest.served();
  std::size_t next_input = 0;
  std::size_t next_output = 0;
  bool written = false;
  for (const backend::ProgramBuffer& declared : op.program.buffers) {
    if (declared.role == backend::BufferRole::workgroup) {
      views_.push_back({nullptr, declared.min_bytes});
      lengths_.push_back(declared.min_bytes);
      asked_files_.push_back(0);
      continue;
    }
    const bool output = declared.role == backend::BufferRole::allocated;
    const auto& list = output ? outputs : inputs;
    std::size_t& next = output ? next_output : next_input;
    if (next == list.size()) return FaultCode::bad_binding;
    const MemoryEntry* entry = state_.memory.find(list[next++]);
    if (entry == nullptr) return FaultCode::unknown_handle;
    const bool writes = declared.role != backend::BufferRole::read;
    if (entry->kind == MemoryEntry::Kind::set || entry->bytes < declared.min_bytes ||
        (writes && entry->kind != MemoryEntry::Kind::memory)) {
      return FaultCode::bad_binding;
    }
    // A file that is only copied asynchronously is read through the request lines, whose answers
    // say if it became shorter. A file that is read otherwise, too, is read where it is mapped, as
    // on a device.
    const bool asked = entry->file && declared.only_async && client != nullptr;
    asked_files_.push_back(asked ? entry->handle : 0);
    if (asked) asks_.client = client;
    if (entry->file && !asked) files_.push_back(entry->file.get());
    // An allocated buffer is exactly as long as declared, so that BufLen is the same on every
    // executor; what a longer buffer has behind it stays as it was.
    const std::uint64_t bytes = output ? declared.min_bytes : entry->bytes;
    views_.push_back({entry->data, bytes});
    lengths_.push_back(bytes);
    if (entry->data != nullptr) {
      ranges_.push_back({entry->data, entry->data + std::max<std::uint64_t>(entry->bytes, 1),
                         writes, entry->handle});
    }
    written = written || writes;
  }
  if (next_input != inputs.size() || next_output != outputs.size()) return FaultCode::bad_binding;
  // Executors would differ where one name is written and another one read.
  if (written && ranges_.size() > 1 && !apart(ranges_)) return FaultCode::bad_binding;
  asks_.files = asked_files_;
  asks_.queue = work.queue;
  asks_.workers = state_.options.workers;
  return FaultCode::none;
}

bool Worker::apart(std::vector<BoundRange>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const BoundRange& a, const BoundRange& b) { return a.begin < b.begin; });
  const std::uint8_t* end = nullptr;          // of all ranges so far
  const std::uint8_t* written_end = nullptr;  // of those that are written
  for (const BoundRange& range : ranges) {
    if (range.begin < (range.writes ? end : written_end)) return false;
    end = std::max(end, range.end);
    if (range.writes) written_end = std::max(written_end, range.end);
  }
  return true;
}

const Worker::Launch* Worker::plan(const Work& work, const OpRecord& op) {
  Launch& launch = launches_[work.taken.item.op_handle];
  const std::uint32_t param = work.taken.item.param;
  if (launch.total != 0 && launch.param == param && launch.lengths == lengths_) return &launch;
  launch.total = 0;
  core::Grid grid{};
  if (!core::find_grid(op.program.grid_rule, op.program.grid_buffers.data(),
                       static_cast<std::uint32_t>(op.program.grid_buffers.size()), lengths_, param,
                       grid.data()))
    return nullptr;
  const std::uint64_t plane = std::uint64_t{grid[0]} * grid[1];
  const std::uint32_t depth = grid[2];
  if (plane == 0 || depth == 0 || plane > std::numeric_limits<std::uint64_t>::max() / depth)
    return nullptr;
  launch.lengths = lengths_;
  launch.param = param;
  launch.grid = grid;
  launch.total = plane * depth;
  return &launch;
}

Completion Worker::run_program(const Work& work, OpRecord& op) {
  if (const FaultCode why = bind(work, op); why != FaultCode::none)
    return faulted(work, {why, 0, 0, 0});
  const Launch* launch = plan(work, op);
  if (launch == nullptr) return faulted(work, {FaultCode::id_overflow, 0, 0, 0});
  flush_before_long_work();  // zero-filling may take long, too
  if (!zero_fill(op.program.buffers, {})) return cancelled(work, FaultCode::shutdown);
  Run run{op.program.image, *launch, &op,
          op.estimate_ns.load(std::memory_order_relaxed) >= kSpreadNs};
  const Fault fault = this->run(run);
  op.steps.fetch_add(run.steps, std::memory_order_relaxed);  // relaxed: a count
  if (fault.code == FaultCode::shutdown || fault.code == FaultCode::worker_lost ||
      fault.code == FaultCode::out_of_memory) {
    return cancelled(work, fault.code);
  }
  for (const platform::MappedFile* file : files_) {
    if (fault.code == FaultCode::io_error) break;  // a lane said where
    if (!file->intact()) return faulted(work, {FaultCode::io_error, 0, 0, 0});
  }
  return fault.code == FaultCode::none ? done(work) : faulted(work, fault);
}

bool Worker::zero_fill(const std::vector<backend::ProgramBuffer>& buffers,
                       const std::vector<bool>& unzeroed) {
  for (std::size_t i = 0; i < views_.size(); ++i) {
    if (buffers[i].role != backend::BufferRole::allocated || (!unzeroed.empty() && unzeroed[i]))
      continue;
    for (std::uint64_t at = 0; at < views_[i].bytes; at += kZeroBytes) {
      // Relaxed: the flag carries no data, and a late look only costs another piece.
      if (state_.stop_running.load(std::memory_order_relaxed)) return false;
      std::memset(views_[i].data + at, 0, std::min(kZeroBytes, views_[i].bytes - at));
    }
  }
  return true;
}

Fault Worker::run(Run& one) {
  const std::uint64_t total = one.launch.total;
  if (state_.options.workers > 1 && total > 1 && (one.slow || one.lanes() >= kSpreadLanes))
    return run_spread(one);
  const bool fused = !one.passed.empty();
  const bool timed = is_timed(fused ? images_++ : programs_++);
  const Deadline begin = timed ? Clock::now() : Deadline{};
  const core::RunResult result =
      interpreter_.run(*one.image, views_, one.launch.grid, {0, total}, state_.options.fuel,
                       &state_.stop_running, asks(), fused ? one.passed.data() : nullptr);
  if (timed) [[unlikely]] {
    one.took = Clock::now() - begin;
    const std::uint64_t lanes = one.lanes();
    if (!fused) {
      costs_.steps.add(result.instructions, *one.took);
      const auto ps = static_cast<std::uint64_t>(one.took->count()) * CostHistogram::kPsPerNs;
      if (lanes != 0) one.op->lane_ps[size_class(lanes)].add(ps / lanes);
    }
  }
  one.steps = result.instructions;
  return result.fault;
}

Fault Worker::run_spread(Run& one) {
  const Launch& launch = one.launch;
  auto item = std::make_shared<SpreadItem>();
  item->image = one.image;
  item->passed.resize(one.passed.size());
  item->views = views_;
  item->files = asked_files_;
  item->asks = asks_;
  item->asks.files = item->files;
  item->grid = launch.grid;
  item->total = launch.total;
  const std::uint64_t lanes = std::max<std::uint64_t>(one.image->lanes(), 1);
  item->share = std::clamp<std::uint64_t>(launch.total / (state_.options.workers * kSharesAWorker),
                                          1, std::max<std::uint64_t>(1, 64 * kShareLanes / lanes));
  if (!one.slow) {
    item->share = std::max<std::uint64_t>(item->share, kShareLanes / lanes);
  }
  const Fault fault = run_shared(item, true);
  one.steps = item->steps.load(std::memory_order_relaxed);  // ordered by [SPREAD-1]
  const std::lock_guard lock(item->mutex);
  one.passed = item->passed;
  return fault;
}

Fault Worker::run_shared(const std::shared_ptr<SpreadItem>& item, bool open) {
  if (open && state_.options.workers > 1) {
    {
      const std::lock_guard lock(state_.spread_mutex);
      state_.spread.push_back(item);
      // [WAKE-1] release, before wake_one(): an idle worker's last look sees the open item.
      state_.spread_count.store(static_cast<std::uint32_t>(state_.spread.size()),
                                std::memory_order_release);
    }
    state_.wake_one();
  }
  share(*item);
  // Helpers are in the middle of a share, which ends: fuel bounds it, and stop_running cuts it
  // short.
  while (!item->all_finished.wait_until(Clock::now() + std::chrono::nanoseconds{kIdleLookNs}, [&] {
    return item->finished.load(std::memory_order_acquire) == item->total;  // [SPREAD-1]
  })) {
  }
  if (const FaultCode why = item->broken.load(std::memory_order_relaxed); why != FaultCode::none)
    return {why, 0, 0, 0};
  const std::lock_guard lock(item->mutex);
  return item->fault;
}

bool Worker::help() {
  std::shared_ptr<SpreadItem> item;
  {
    const std::lock_guard lock(state_.spread_mutex);
    for (const auto& candidate : state_.spread) {
      if (candidate->next.load(std::memory_order_relaxed) < candidate->total) item = candidate;
      if (item) break;
    }
  }
  if (!item) return false;
  state_.wake_one();  // one more hand, as long as there are idle ones
  busy_.store(1, std::memory_order_relaxed);
  share(*item);
  busy_.store(0, std::memory_order_relaxed);
  return true;
}

void Worker::retire(const SpreadItem& item) {
  const std::lock_guard lock(state_.spread_mutex);
  // [WAKE-1] as where the item was opened; the list itself is under the mutex.
  std::erase_if(state_.spread, [&item](const auto& open) { return open.get() == &item; });
  state_.spread_count.store(static_cast<std::uint32_t>(state_.spread.size()),
                            std::memory_order_release);
}

Fault Worker::run_share(SpreadItem& item, core::WorkgroupSpan span, std::uint64_t* passed) {
  if (item.op != nullptr) {
    for (std::uint64_t k = 0; k < span.count; ++k) item.op->run(item.phase, span.first + k);
    return {};
  }
  const core::RunResult result = interpreter_.run(
      *item.image, item.views, item.grid, span, state_.options.fuel, &state_.stop_running,
      item.asks.client == nullptr ? nullptr : &item.asks, passed);
  item.steps.fetch_add(result.instructions, std::memory_order_relaxed);
  return result.fault;
}

void Worker::share(SpreadItem& item) {
  std::vector<std::uint64_t> passed(item.passed.size());
  for (;;) {
    const std::uint64_t first = item.next.fetch_add(item.share, std::memory_order_relaxed);
    if (first >= item.total) return;
    const std::uint64_t count = std::min(item.share, item.total - first);
    if (first + count == item.total) retire(item);
    // A fault in a lower share makes this share moot; one in a higher share does not.
    if (first < item.lowest_fault.load(std::memory_order_relaxed)) {
      Fault fault;
      if (state_.stop_running.load(std::memory_order_relaxed)) {
        fault.code = FaultCode::shutdown;
        fault.workgroup = first;
      } else {
        try {
          fault = run_share(item, {first, count}, passed.empty() ? nullptr : passed.data());
        } catch (const std::bad_alloc&) {
          item.broken.store(FaultCode::out_of_memory, std::memory_order_relaxed);
        } catch (...) {
          item.broken.store(FaultCode::worker_lost, std::memory_order_relaxed);
        }
      }
      if (fault.code != FaultCode::none) {
        const std::lock_guard lock(item.mutex);
        if (item.fault.code == FaultCode::none || fault.workgroup < item.fault.workgroup) {
          item.fault = fault;
          item.lowest_fault.store(fault.workgroup, std::memory_order_relaxed);
        }
      }
    }
    if (!passed.empty()) {
      const std::lock_guard lock(item.mutex);
      for (std::uint64_t& here : passed)
        item.passed[static_cast<std::size_t>(&here - passed.data())] += std::exchange(here, 0);
    }
    // [SPREAD-1] acq_rel: what the share wrote, for the worker that ends the item.
    if (item.finished.fetch_add(count, std::memory_order_acq_rel) + count == item.total) {
      item.all_finished.notify();
    }
  }
}

}  // namespace vyre::cpu

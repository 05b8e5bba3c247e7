// Opening a session, and the public calls, which only forward. The work is in the other files of
// this folder.
#include "vyre/runtime/session.hpp"

#include <algorithm>
#include <bit>
#include <chrono>

#include "cpu/backend/backend.hpp"
#include "cuda/door/device_probe.hpp"
#include "cuda/host/device_backend.hpp"
#include "platform/host_info.hpp"
#include "state.hpp"

namespace vyre::runtime {
namespace {

Status check(const SessionOptions& options) {
  const auto text = [](auto value) { return std::to_string(value); };
  if (options.queues == 0 || options.queues > kMaxQueues) {
    return fail(Errc::invalid_argument,
                "queues is " + text(options.queues) + ": choose 1 to " + text(kMaxQueues));
  }
  if (!std::has_single_bit(options.ring_slots) || options.ring_slots < kMinRingSlots ||
      options.ring_slots > kMaxRingSlots) {
    return fail(Errc::invalid_argument, "ring_slots is " + text(options.ring_slots) +
                                            ": choose a power of two from " + text(kMinRingSlots) +
                                            " to " + text(kMaxRingSlots));
  }
  if (options.workers > kMaxCpuWorkers) {
    return fail(Errc::invalid_argument, "workers is " + text(options.workers) +
                                            ": choose at most " + text(kMaxCpuWorkers) +
                                            ", or 0 for one a logical CPU");
  }
  if (options.fuel == 0) {
    return fail(Errc::invalid_argument, "fuel is 0: no loop could run; choose at least 1");
  }
  if (options.max_wall_time.count() < 0 || options.close_timeout.count() < 0 ||
      options.producer_timeout.count() <= 0) {
    return fail(
        Errc::invalid_argument,
        "max_wall_time and close_timeout must not be negative, producer_timeout must be positive");
  }
  if (options.park_after.count() < 0 || options.watchdog.count() <= 0) {
    return fail(Errc::invalid_argument,
                "park_after must not be negative (0: the kernel never parks), watchdog must be "
                "positive");
  }
  if (options.ingest_bytes != 0 && options.ingest_bytes < kLeastIngestBytes) {
    return fail(Errc::invalid_argument, "ingest_bytes is " + text(options.ingest_bytes) +
                                            ": choose at least " + text(kLeastIngestBytes) +
                                            ", or 0 for no streams and no copies out of files");
  }
  return {};
}

/// Beyond it no wait is told from one without a bound, and sums with the clock do not overflow.
std::chrono::nanoseconds bounded(std::chrono::nanoseconds d) {
  return std::min<std::chrono::nanoseconds>(d, std::chrono::hours{24 * 365});
}

std::uint32_t next_session_number() {
  static std::atomic<std::uint32_t> count{0};
  return count.fetch_add(1, std::memory_order_relaxed) + 1;  // relaxed: only a number
}

}  // namespace

Error moved_from(const char* what) {
  return {Errc::closed, std::string("this ") + what +
                            " was moved from and holds nothing; use the one that it was moved to"};
}

Session::State::State(const SessionOptions& options, TestHooks hooks)
    : options_(options),
      hooks_(std::move(hooks)),
      number_(next_session_number()),
      opened_(Clock::now()),
      id_(platform::random_id()),
      started_at_(platform::utc_now_rfc3339()) {
  if (options_.workers == 0)
    options_.workers = std::clamp(platform::logical_cpus(), 1u, kMaxCpuWorkers);
#define VYRE_BUILTIN_OP(id, symbol, op_name, input_count, output_count, meaning) \
  {                                                                              \
    OpInfo& info = ops_.at(id).info;                                             \
    info.handle = OpHandle{id};                                                  \
    info.name = op_name;                                                         \
    info.builtin = true;                                                         \
    for (int i = 0; i < (input_count); ++i)                                      \
      info.signature.inputs.push_back({"input", 0, false, std::nullopt});        \
    for (int i = 0; i < (output_count); ++i)                                     \
      info.signature.outputs.push_back({"output", 0, false, std::nullopt});      \
    op_ids_.emplace(op_name, id);                                                \
  }
#include "protocol/op_table.def"
}

Session::State::~State() {
  stop_pump();       // it reads into the backend's memory
  backend_.reset();  // its threads call us until they have ended
}

Status Session::State::start() {
  backend::Options wanted;
  wanted.queues = options_.queues;
  wanted.ring_slots = options_.ring_slots;
  wanted.completion_slots = options_.ring_slots;
  wanted.workers = options_.workers;
  wanted.fuel = options_.fuel;
  wanted.producer_timeout = bounded(options_.producer_timeout);
  if (options_.max_wall_time.count() > 0)
    wanted.start_until = later(opened_, options_.max_wall_time);
  wanted.worker_dies = hooks_.worker_dies;
  wanted.ingest_bytes = options_.ingest_bytes;
  wanted.ring_pump = [this] { ring_pump(); };
  full_waits_.reset(new std::atomic<std::uint64_t>[options_.queues]);
  begun_.reset(new std::atomic<bool>[options_.queues]);
  for (std::uint32_t q = 0; q < options_.queues; ++q) {
    full_waits_[q].store(0, std::memory_order_relaxed);
    begun_[q].store(false, std::memory_order_relaxed);
  }
  if (hooks_.make_backend) {
    VYRE_ASSIGN(auto ours, hooks_.make_backend(wanted));
    return start_on(std::move(ours));
  }

  if (options_.backend == BackendKind::cpu) {
    caps_ = MegakernelCaps::unsupported("the CPU backend was asked for; no device was probed");
  } else {
    Status resident = start_on_device(wanted);
    if (resident) return resident;
    caps_ = MegakernelCaps::unsupported(resident.error().message);
    if (options_.backend == BackendKind::cuda) {
      return fail(resident.error().code,
                  "the CUDA backend cannot run here: " + caps_.reason + "; use the cpu backend");
    }
  }
  VYRE_ASSIGN(auto made, cpu::make_backend(wanted));
  return start_on(std::move(made));
}

Status Session::State::start_on_device(const backend::Options& wanted) {
  const cuda::DeviceProbe probe = cuda::probe_device();
  device_ = probe.device;
  if (!probe.caps.supported) return fail(Errc::unsupported, probe.caps.reason);
  cuda::DeviceOptions how;
  how.arena_bytes = options_.device_memory_bytes;
  if (options_.staging_bytes != 0) how.staging_bytes = options_.staging_bytes;
  how.park_after = bounded(options_.park_after);
  how.watchdog = bounded(options_.watchdog);
  how.drain_after = options_.drain_after;
  how.max_blocks = options_.max_blocks;
  how.inject = hooks_.device_fault;
  VYRE_ASSIGN(auto made, cuda::make_backend(wanted, how));
  VYRE_TRY(start_on(std::move(made)));
  const cuda::DeviceFacts facts = cuda::facts_of(*backend_);
  caps_ = MegakernelCaps::with_workers(facts.workers);
  device_warps_ = probe.warps;
  on_device_ = true;
  return {};
}

Status Session::State::start_on(std::unique_ptr<backend::Backend> made) {
  collectors_.clear();  // of a backend that could not start: nothing was submitted yet
  backend_ = std::move(made);
  const std::uint32_t history =
      std::max(hooks_.history != 0 ? hooks_.history : kDefaultHistory, options_.ring_slots);
  for (std::uint32_t q = 0; q < options_.queues; ++q) {
    collectors_.push_back(std::make_unique<Collector>(
        CollectorOptions{number_, q, history, opened_}, backend_->port(q), observer_, changed_));
  }
  return backend_->start(*this);
}

void Session::State::posted() noexcept {
  if (!hooks_.nobody_rings) changed_.notify();
}

void Session::State::idle() noexcept {
  // Where no thread waits, latencies and slots should not wait either.
  if (!hooks_.nobody_rings) (void)collect_all();
}

Status Session::State::observe(std::shared_ptr<SessionObserver> observer) {
  // Buffers are filled, files brought and handles released without the lock: not while we tell.
  const auto filled = [this] {
    for (std::uint32_t i = 1; i < handles_used_; ++i) {
      const HandleRecord* record = handles_.find(i);
      if (record != nullptr && (record->host_writers != 0 || record->releasing)) return false;
    }
    return true;
  };
  const std::lock_guard bringing(bring_mutex_);
  OrderLock lock(order_);
  const Deadline until = after(options_.close_timeout);
  while (observer && !filled()) {
    lock.unlock();
    const bool in_time = wait_for(until, [&] {
      const std::lock_guard again(order_);
      return filled();
    });
    if (!in_time) {
      return fail(Errc::deadline_exceeded,
                  "buffers were still being written or released, or files brought, after "
                  "close_timeout; attach the observer when that has ended");
    }
    lock.lock();
  }
  const std::lock_guard observing(observer_.mutex);
  if (observer) {
    for (const auto& collector : collectors_) {
      if (collector->producer().tail() != 0) {
        return fail(Errc::invalid_argument, "an observer must be attached before the first submit");
      }
    }
    if (views_ != 0) {
      return fail(Errc::invalid_argument,
                  "an observer must be attached before a stream has begun; end the stream first");
    }
  }
  observer_.observer = std::move(observer);
  observer_.active.store(observer_.observer != nullptr, std::memory_order_release);
  if (!observer_.observer) return {};
  // What exists already is told as if it were made now, sets after their buffers.
  const std::uint32_t count = user_ops_.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < count; ++i) {
    const OpRecord* op = ops_.find(kFirstUserOp + i);
    observer_.observer->on_program(op->info.handle, op->info.name, *op->program);
  }
  for (const bool sets : {false, true}) {
    for (std::uint32_t i = 1; i < handles_used_; ++i) {
      const HandleRecord* record = handles_.find(i);
      if (record == nullptr || record->kind == HandleRecord::Kind::none) continue;
      if ((record->kind == HandleRecord::Kind::set) != sets) continue;
      if (sets) {
        tell_set(*record);
        continue;
      }
      auto contents = contents_of(record->handle, record->bytes, record->file);
      if (!contents) {
        observer_.active.store(false, std::memory_order_release);
        observer_.observer.reset();
        return tl::unexpected<Error>(std::move(contents).error());
      }
      observer_.observer->on_buffer(public_handle(*record), contents->bytes,
                                    record->kind == HandleRecord::Kind::file);
    }
  }
  return {};
}

Result<Session> open_for_tests(const SessionOptions& options, TestHooks hooks) {
  return SessionOpener::open(options, std::move(hooks));
}

Result<Session> SessionOpener::open(const SessionOptions& options, TestHooks hooks) {
  VYRE_TRY(check(options));
  auto state = std::make_shared<Session::State>(options, std::move(hooks));
  VYRE_TRY(state->start());
  return Session(std::move(state));
}

Result<Session> Session::open(const SessionOptions& options) {
  return SessionOpener::open(options, {});
}

Session::Session(std::shared_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&& other) noexcept {
  if (this != &other) {
    Session ended(std::move(*this));
    state_ = std::move(other.state_);
  }
  return *this;
}
Session::~Session() {
  if (!state_) return;
  (void)state_->close();  // a caller that wants to know calls close() first
  // A worker that did not stop may still touch the session: leave it where it is rather than free
  // it under that worker.
  if (state_->leaked()) (void)new std::shared_ptr<State>(std::move(state_));
}

#define VYRE_NOT_MOVED_FROM \
  if (!state_) return tl::unexpected<Error>(moved_from("Session"))

const SessionOptions& Session::options() const {
  static const SessionOptions none{};
  return state_ ? state_->options() : none;
}
std::string_view Session::backend_name() const {
  return state_ ? state_->backend_name() : "none";
}
MegakernelCaps Session::caps() const {
  return state_ ? state_->caps() : MegakernelCaps::unsupported(moved_from("Session").message);
}

Result<OpHandle> Session::register_program(std::string_view name, const vir::Program& program,
                                           Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  return state_->register_program(name, program, deadline);
}
Result<OpHandle> Session::register_wire(std::string_view name, ByteSpan blob, vir::Profile profile,
                                        Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  Interrupt interrupt([deadline] { return Clock::now() >= deadline; });
  VYRE_ASSIGN(const vir::Program program, vir::decode(blob, {profile, &interrupt}));
  return state_->register_program(name, program, deadline);
}
Result<OpHandle> Session::find_op(std::string_view name) const {
  VYRE_NOT_MOVED_FROM;
  return state_->find_op(name);
}
Result<OpInfo> Session::op_info(OpHandle op) const {
  VYRE_NOT_MOVED_FROM;
  return state_->op_info(op);
}

Result<Handle> Session::allocate(std::uint64_t bytes) {
  VYRE_NOT_MOVED_FROM;
  return state_->allocate(bytes, nullptr, {});
}
Result<Handle> Session::upload(ByteSpan bytes, Deadline deadline, bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return state_->allocate(bytes.size(), &bytes, {deadline, stopped});
}
Status Session::write(Handle buffer, std::uint64_t offset, ByteSpan bytes, Deadline deadline,
                      bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return state_->write(buffer, offset, bytes, {deadline, stopped});
}
Result<Handle> Session::map_file(const std::string& path, const MapOptions& options) {
  VYRE_NOT_MOVED_FROM;
  return state_->map_file(path, options);
}
Result<Handle> Session::load_file(const std::string& path, Deadline deadline, bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return state_->load_file(path, {deadline, stopped});
}
Result<Handle> Session::bind(std::span<const Handle> buffers) {
  VYRE_NOT_MOVED_FROM;
  return state_->bind(buffers);
}
Result<std::uint64_t> Session::buffer_bytes(Handle buffer) const {
  VYRE_NOT_MOVED_FROM;
  return state_->buffer_bytes(buffer);
}
Status Session::release(Handle handle, Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  return state_->release(handle, deadline);
}

Result<Ticket> Session::submit(const MegakernelWorkItem& item, Deadline deadline,
                               std::uint32_t queue, std::uint8_t flags) {
  SubmitMany result = submit_many({&item, 1}, deadline, queue, flags);
  if (result.accepted == 0) return tl::unexpected<Error>(std::move(*result.stopped_by));
  return result.first;
}
Session::SubmitMany Session::submit_many(std::span<const MegakernelWorkItem> items,
                                         Deadline deadline, std::uint32_t queue,
                                         std::uint8_t flags) {
  if (!state_) return {{}, 0, moved_from("Session")};
  return state_->submit_many(items, deadline, queue, flags);
}
Result<ItemResult> Session::wait(Ticket ticket, Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  return state_->wait(ticket, deadline);
}
Result<Session::Drained> Session::wait_all(Deadline deadline) {
  VYRE_NOT_MOVED_FROM;
  return state_->wait_all(deadline);
}
Result<Bytes> Session::download(Handle buffer, Deadline deadline, bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return state_->download(buffer, {deadline, stopped});
}
Status Session::download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                              Deadline deadline, bool (*stopped)()) {
  VYRE_NOT_MOVED_FROM;
  return state_->download_into(buffer, offset, out, {deadline, stopped});
}
report::Document Session::report() const {
  return state_ ? state_->report() : report::Document{};
}
Status Session::close() {
  VYRE_NOT_MOVED_FROM;
  return state_->close();
}
Status Session::observe(std::shared_ptr<SessionObserver> observer) {
  VYRE_NOT_MOVED_FROM;
  return state_->observe(std::move(observer));
}

#undef VYRE_NOT_MOVED_FROM

}  // namespace vyre::runtime

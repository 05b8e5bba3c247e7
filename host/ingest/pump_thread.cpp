// The loop of the pump's thread, and how it is called.
//
// One word holds what the callers want and whether the thread sleeps, and is only ever changed by
// read-modify-writes: either a caller's comes first, then the thread sees the wish before it waits,
// or the thread's does, then the caller sees that it has to wake it. [PUMP-2]
#include "pump_thread.hpp"

#include <pthread.h>

#include <cerrno>
#include <new>
#include <utility>

#include "base/message.hpp"

namespace vyre::ingest {
namespace {

/// Beyond the drain, for a thread that hangs in the system.
constexpr std::chrono::seconds kStopGrace{5};

}  // namespace

void keep_for_ever(const void* what) {
  // The one thing in this room that outlives its owners: no event says that it may go.
  static std::mutex mutex;
  try {
    static auto* const kept = new std::vector<const void*>;
    const std::lock_guard lock(mutex);
    kept->push_back(what);
  } catch (const std::bad_alloc&) {
    // Kept all the same; only leak checkers do not know.
  }
}

void PumpThread::main(const std::shared_ptr<PumpThread>& self) {
  (void)::pthread_setname_np(::pthread_self(), "vyre-pump");
  self->id_.store(std::this_thread::get_id(), std::memory_order_relaxed);  // before up_
  Status up;
  try {
    self->no_memory_ = Error{Errc::out_of_memory,
                             "the pump's thread had no memory left for what it was asked; ask less "
                             "at once, or give the process more",
                             kNoOffset,
                             0,
                             0,
                             ENOMEM};
    up = self->open();
  } catch (const std::bad_alloc&) {
    up = tl::unexpected<Error>(std::move(self->no_memory_));
  }
  bool wanted = false;
  {
    const std::lock_guard lock(self->mutex_);
    // When its caller has given up waiting, there is no Pump, and the memory may be gone.
    wanted = up.has_value() && !self->hangs_;
    self->up_ = std::move(up);
    if (!wanted) self->done_ = true;
    self->changed_.notify_all();
  }
  if (wanted) {
    self->run();
  } else {
    self->core_.reset();
    self->io_.reset();
  }
}

Status PumpThread::open() {
  Door door;
  if (options_.make_io) {
    VYRE_ASSIGN(door.io, options_.make_io());
    door.best = door.io->name() == "thread pool" ? Tier::thread_pool : Tier::direct_fixed;
  } else {
    VYRE_ASSIGN(door, open_door(options_.tier));
  }
  {
    const std::lock_guard lock(door_mutex_);
    io_ = std::move(door.io);
  }
  counters.describe_door(std::string(io_->name()), door.reason, door.setup);

  if (hangs()) return fail(Errc::closed, "the pump started after its caller had stopped waiting");

  PumpCore::Options core;
  core.reads.depth = options_.depth;
  core.reads.thread_pool = door.best == Tier::thread_pool;
  core.reads.parallel_copies = options_.parallel_copies;
  core.reads.timeline = options_.timeline;
  core.request_timeout = options_.request_timeout;
  core.drain = options_.drain;
  core.device_asks = options_.device_asks;
  core.fixed = options_.tier != TierChoice::direct && !core.reads.thread_pool;
  core.dying = [this](const Error& why) {
    // Before the sinks: a thread that they wake asks broken(), and a healthy file must not be
    // blamed.
    const std::lock_guard lock(mutex_);
    stopping_ = true;  // no caller posts any more
    try {
      broken_ = why;
    } catch (const std::bad_alloc&) {
      broken_ = Error{why.code, {}, kNoOffset, 0, 0, why.detail};
    }
  };
  core_ = std::make_unique<PumpCore>(*io_, core, memory_, files, counters);
  if (options_.tier == TierChoice::direct_fixed) {
    core_->register_all();
    if (const std::string& why = io_->registration().reason; !why.empty()) {
      return fail(Errc::unsupported,
                  message("tier A needs all {} bytes of ingest memory registered with the ring: "
                          "{}; or use B, E or automatic",
                          memory_.size(), why));
    }
  }
  thread_pool_.store(core.reads.thread_pool, std::memory_order_relaxed);  // up_ publishes both
  fixes_.store(core.fixed && io_->registration().reason.empty(), std::memory_order_relaxed);
  return {};
}

void PumpThread::run() {
  while (!core_->finished()) {
    try {
      round();
    } catch (const std::bad_alloc&) {
      core_->die(std::move(no_memory_));  // waiting callers hear of it, and the process goes on
    }
  }
  close();
}

void PumpThread::round() {
  const std::uint32_t calls = word_.exchange(0, std::memory_order_acq_rel);  // [PUMP-2]
  if ((calls & kMail) != 0) take_mail();
  auto patience = core_->patience();
  if (patience.count() > 0 &&
      (word_.fetch_or(kAsleep, std::memory_order_acq_rel) & (kMail | kRing)) != 0) {  // [PUMP-2]
    patience = std::chrono::nanoseconds{0};
  }
  core_->step((calls & kRing) != 0, patience);
}

/// Where memory gives out on the way, what is left stays in taken_, for close().
void PumpThread::take_mail() {
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    std::swap(box_, taken_);
    stopping = stopping_;
  }
  hand_over_taken();
  if (const std::string& why = io_->registration().reason; !why.empty()) {
    fixes_.store(false, std::memory_order_relaxed);  // a description, nothing hangs on it
  }
  if (stopping) core_->stop();
}

void PumpThread::hand_over_taken() {
  for (; true; ++reads_taken_) {
    for (; cancels_taken_ < taken_.cancels.size() &&
           taken_.cancels[cancels_taken_].after == reads_taken_;
         ++cancels_taken_) {
      core_->cancel(taken_.cancels[cancels_taken_].sink);
    }
    if (reads_taken_ == taken_.reads.size()) break;
    const ReadRequest& request = taken_.reads[reads_taken_];  // keeps the file until it is added
    core_->add(Read{source_of(request.file), request.offset, request.bytes, request.to,
                    request.sink, request.tag});
  }
  taken_.reads.clear();
  taken_.cancels.clear();
  reads_taken_ = cancels_taken_ = 0;
}

/// Nothing ends any more. Callers that posted in time hear of it; the door is let go or kept for
/// ever.
void PumpThread::close() {
  const std::uint32_t abandoned = core_->abandoned();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;  // no caller posts any more
    abandoned_ = abandoned != 0;
  }
  hand_over_taken();  // what a lack of memory left there
  take_mail();
  core_.reset();
  {
    const std::lock_guard lock(door_mutex_);
    if (abandoned == 0) {
      io_.reset();
    } else {
      keep_for_ever(io_.release());
    }
  }
  const std::lock_guard lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

void PumpThread::call(std::uint32_t what) noexcept {
  if ((word_.fetch_or(what, std::memory_order_acq_rel) & kAsleep) == 0) return;  // [PUMP-2]
  if (on_this_thread()) return;  // a sink: the thread looks again before it waits
  // One caller wakes; relaxed: the wish is there already.
  if ((word_.fetch_and(~kAsleep, std::memory_order_relaxed) & kAsleep) == 0) return;
  const std::lock_guard lock(door_mutex_);
  if (io_) io_->wake();
}

Status PumpThread::wait_until_up() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, options_.start_patience, [&] { return up_.has_value(); })) {
    hangs_ = true;
    stopping_ = true;
    const auto waited =
        std::chrono::duration_cast<std::chrono::milliseconds>(options_.start_patience);
    return fail(Errc::deadline_exceeded,
                message("the pump's ring was not up after {} ms: the system hangs in setting it up "
                        "or in registering memory",
                        waited.count()));
  }
  return *up_;
}

Status PumpThread::post(std::span<const ReadRequest> requests) {
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return tl::unexpected<Error>(*broken_);
    if (stopping_) return fail(Errc::closed, "the pump has been stopped and reads nothing more");
    try {
      box_.reads.insert(box_.reads.end(), requests.begin(), requests.end());
    } catch (const std::bad_alloc&) {
      return fail(Errc::out_of_memory, message("no memory for {} more reads", requests.size()));
    }
  }
  call(kMail);
  return {};
}

void PumpThread::post_cancel(ReadSink* sink) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;  // everything ends
    box_.cancels.push_back({sink, box_.reads.size()});
  }
  call(kMail);
}

bool PumpThread::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  call(kMail);
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, options_.drain + kStopGrace, [&] { return done_; })) hangs_ = true;
  return done_ && !abandoned_;
}

Tier PumpThread::tier_of(const File& file) const {
  if (thread_pool_.load(std::memory_order_relaxed)) return Tier::thread_pool;
  if (!file.direct()) return Tier::buffered;
  return fixes_.load(std::memory_order_relaxed) ? Tier::direct_fixed : Tier::direct;
}

std::optional<Error> PumpThread::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

bool PumpThread::hangs() const {
  const std::lock_guard lock(mutex_);
  return hangs_;
}

bool PumpThread::abandoned() const {
  const std::lock_guard lock(mutex_);
  return abandoned_;
}

}  // namespace vyre::ingest

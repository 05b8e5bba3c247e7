// The life of the resident kernel as its host sees it. See resident.hpp.
#include "resident.hpp"

#include <algorithm>
#include <string>
#include <system_error>

#include "base/message.hpp"
#include "dump.hpp"
#include "queue/waiter.hpp"

namespace vyre::cuda {
namespace {

using queue::HostAtomics;
using queue::Order;

constexpr std::chrono::milliseconds kHouseLook{50};      // between two looks while resident
constexpr std::chrono::milliseconds kParkedLook{1'000};  // while parked with nothing to do
constexpr std::chrono::milliseconds kGapLook{1};         // while the kernel is to leave
constexpr std::chrono::milliseconds kGapWait{20};        // between two looks at a gap's end
constexpr std::int64_t kTendNs{1'000'000};               // between two looks of waiting threads
constexpr std::chrono::nanoseconds kStopGrace{kStopGraceNs};
constexpr std::chrono::seconds kLostStopGrace{2};  // for a kernel that was found stuck
constexpr std::chrono::microseconds kStopLook{50};

void post_cancelled(const queue::Writer& writer, std::uint64_t position, FaultCode why) {
  writer.post(position, Completion::make(CompletionStatus::cancelled, why,
                                         static_cast<std::uint32_t>(position), 0, 0, 0));
}

std::uint64_t taken_of(const queue::Producer& producer) {
  return HostAtomics::load(&producer.taken->position, Order::acquire);  // [RING-2]
}
std::uint64_t collected_of(const queue::Producer& producer) {
  return HostAtomics::load(&producer.collected->position, Order::acquire);  // [RING-5]
}

}  // namespace

Resident::Resident(Door& door, Reservation& reserved, Cancels& cancels, Lending& lending,
                   const backend::Options& options, const DeviceOptions& device)
    : door_(door),
      reserved_(reserved),
      cancels_(cancels),
      lending_(lending),
      options_(options),
      device_(device),
      watchdog_(device.watchdog),
      watches_(user_queues(), queue::AbandonWatch(options.producer_timeout)),
      given_up_(user_queues(), Giving::none) {}

Resident::~Resident() {
  if (thread_.joinable()) (void)stop(Clock::now());
}

Status Resident::start(backend::Listener& listener) {
  listener_ = &listener;
  {
    const std::lock_guard lock(launching_);
    megakernel::KernelArguments arguments = reserved_.arguments;
    arguments.epoch = 1;
    VYRE_TRY(door_.launch(arguments, reserved_.facts.blocks));
    epoch_.store(1, std::memory_order_release);
    launches_.store(1, std::memory_order_relaxed);
    life_ = Life::started;
  }
  try {
    thread_ = std::thread([this] { housekeeper(); });
  } catch (const std::system_error& e) {
    return fail(Errc::out_of_memory,
                message("cannot start the housekeeping thread of the device: {}", e.what()));
  }
  return {};
}

// ---- orders ----

void Resident::cancel_queued(FaultCode why) noexcept {
  cancels_.all(why);
}

void Resident::stop_running() noexcept {
  HostAtomics::store(&reserved_.orders->stop_running, 1u, Order::relaxed);  // looked at again
}

void Resident::ring() noexcept {
  // [PARK-1] Between the publication and this look, as the kernel has one between its word and its
  // last look at the rings: one of the two sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const std::uint32_t leaving = HostAtomics::load(&reserved_.report->leaving, Order::relaxed);
  if (leaving != 0 && leaving == epoch_.load(std::memory_order_acquire)) relaunch(leaving);
}

void Resident::relaunch(std::uint32_t seen) noexcept {
  std::optional<Error> failed;
  {
    const std::lock_guard lock(launching_);
    if (life_ != Life::started || epoch_.load(std::memory_order_relaxed) != seen) return;
    if (gap_) return;  // make_gap() looks for work at its end
    if (lost_.load(std::memory_order_acquire)) return;
    megakernel::KernelArguments arguments = reserved_.arguments;
    arguments.epoch = seen + 1;
    Status launched = door_.launch(arguments, reserved_.facts.blocks);
    if (launched) {
      epoch_.store(seen + 1, std::memory_order_release);
      launches_.fetch_add(1, std::memory_order_relaxed);
      parked_.store(false, std::memory_order_relaxed);
    } else {
      failed = std::move(launched).error();
    }
  }
  if (failed) {
    lose(std::move(*failed));
    return;
  }
  const std::lock_guard lock(sleep_);
  wake_.notify_one();
}

// ---- loss ----

void Resident::lose(Error error) noexcept {
  {
    const std::lock_guard lock(lost_mutex_);
    if (lost_error_) return;  // the first reason stays
    lost_error_ = std::move(error);
  }
  lost_.store(true, std::memory_order_release);
  // If the kernel comes to itself again, it has nothing more to do.
  cancel_queued(FaultCode::worker_lost);
  stop_running();
}

void Resident::lose_by_copy(Error error) noexcept {
  lose(std::move(error));
}

std::optional<Error> Resident::lost() const {
  if (!lost_.load(std::memory_order_acquire)) return std::nullopt;
  const std::lock_guard lock(lost_mutex_);
  return lost_error_;
}

std::optional<Error> Resident::broken() {
  tend();
  if (auto why = lost()) return why;
  const std::lock_guard lock(launching_);
  if (life_ == Life::reserved)
    return Error{Errc::invalid_argument, "the backend was not started: no command can run yet"};
  if (life_ == Life::stopping) return Error{Errc::closed, "the session is closed"};
  return std::nullopt;
}

void Resident::end_pending() noexcept {
  for (std::uint32_t q = 0; q < user_queues(); ++q) {
    const queue::Producer producer = reserved_.queues[q].producer();
    const queue::Writer writer = reserved_.queues[q].writer();
    const std::uint64_t tail = producer.close();
    // Positions below the tail were accepted, so their slots had been collected. A kernel that is
    // not dead after all can only write the same slot of the same position.
    for (std::uint64_t p = collected_of(producer); p < tail; ++p) {
      if (!writer.posted(p)) post_cancelled(writer, p, FaultCode::worker_lost);
    }
  }
  pending_ended_ = true;
}

// ---- housekeeping ----

bool Resident::work_published() const noexcept {
  for (std::uint32_t q = 0; q < reserved_.queues.size(); ++q) {
    // What a late producer leaves in a queue that was given up is taken by no launch.
    if (q < user_queues() && given_up_[q] != Giving::none) continue;
    const queue::Producer producer = reserved_.queues[q].producer();
    const std::uint64_t taken = taken_of(producer);
    if (producer.tail() > taken && producer.published(taken)) return true;
  }
  return false;
}

bool Resident::work_outstanding() const noexcept {
  for (const queue::Queue& ring : reserved_.queues) {
    const queue::Producer producer = ring.producer();
    if (producer.tail() > collected_of(producer)) return true;
  }
  return false;
}

bool Resident::completions_wait() const noexcept {
  for (std::uint32_t q = 0; q < user_queues(); ++q) {
    const queue::Producer producer = reserved_.queues[q].producer();
    const std::uint64_t collected = collected_of(producer);
    if (producer.tail() > collected && reserved_.queues[q].writer().posted(collected)) return true;
  }
  return false;
}

std::string Resident::pending_text() const {
  std::uint64_t pending = 0;
  for (std::uint32_t q = 0; q < user_queues(); ++q) {
    const queue::Producer producer = reserved_.queues[q].producer();
    const std::uint64_t collected = collected_of(producer);
    pending += producer.tail() - std::min(producer.tail(), collected);
  }
  return message("{} items were pending", pending);
}

void Resident::obey_clock(Deadline now) noexcept {
  if (now >= options_.start_until) cancel_queued(FaultCode::wall_time);
  if (device_.inject) {
    HostAtomics::store(&reserved_.orders->fault, device_.inject->load(std::memory_order_relaxed),
                       Order::relaxed);
  }
}

bool Resident::wants_gap() const noexcept {
  if (lending_.wants_gap()) return true;
  const std::lock_guard lock(gap_mutex_);
  return gap_work_ != nullptr;
}

Status Resident::in_gap(const std::function<Status()>& work, Deadline deadline) {
  {
    const std::lock_guard lock(launching_);
    if (life_ == Life::reserved) return work();  // nothing was launched yet
  }
  {
    const std::lock_guard lock(gap_mutex_);
    gap_work_ = &work;
    gap_said_.reset();
  }
  std::unique_lock lock(gap_mutex_);
  while (!gap_said_) {
    lock.unlock();
    look_soon();
    const std::optional<Error> why = broken();
    lock.lock();
    if (gap_said_) break;
    if (why || Clock::now() >= deadline) {
      gap_work_ = nullptr;
      if (why) return tl::unexpected<Error>(*why);
      return fail(Errc::deadline_exceeded,
                  "the kernel had not left the device when the time was over, because items that "
                  "it has taken still run; allow more time");
    }
    (void)gap_over_.wait_until(lock, std::min(deadline, Clock::now() + kGapWait));
  }
  return std::move(*gap_said_);
}

void Resident::work_in_gap() noexcept {
  const std::lock_guard lock(gap_mutex_);  // its owner waits until it has run
  if (gap_work_ == nullptr) return;
  gap_said_ = (*gap_work_)();
  gap_work_ = nullptr;
  gap_over_.notify_all();
}

void Resident::make_gap() noexcept {
  if (!wants_gap()) return;
  {
    const std::lock_guard lock(launching_);
    if (life_ != Life::started) return;  // stop() ends the kernel
    gap_ = true;
    HostAtomics::store(&reserved_.orders->stop, 1u, Order::relaxed);  // looked at again
  }
  const Result<KernelState> state = door_.state();
  if (state && *state != KernelState::ended) return;  // a sticky error has ended the kernel, too
  lending_.unlock_ended();
  work_in_gap();
  std::uint32_t epoch = 0;
  {
    const std::lock_guard lock(launching_);
    gap_ = false;
    if (life_ == Life::started) HostAtomics::store(&reserved_.orders->stop, 0u, Order::relaxed);
    epoch = epoch_.load(std::memory_order_relaxed);
  }
  // A bell that rang in the gap launched nothing; what it rang for was published before.
  if (work_published()) relaunch(epoch);
}

void Resident::check_kernel(std::uint32_t epoch) noexcept {
  // The heartbeat is read first: a kernel that ends in between is then no stuck one.
  const std::uint64_t beat = heartbeat();
  const Result<KernelState> state = door_.state();
  if (!state) {
    Error error = state.error();
    error.message += message("; {} on launch {}", pending_text(), epoch);
    lose(std::move(error));
    return;
  }
  const bool running = *state == KernelState::running;
  {
    // A bell may have launched since the look: then what was seen is not of the last launch.
    const std::lock_guard lock(launching_);
    if (epoch_.load(std::memory_order_relaxed) == epoch)
      parked_.store(!running, std::memory_order_relaxed);
  }
  if (watchdog_.stuck(beat, running, Clock::now())) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(device_.watchdog).count();
    lose(
        {Errc::device_lost, message("the resident kernel gave no heartbeat for {} ms (watchdog); "
                                    "{}, no item can run any more: open a new session\n{}",
                                    ms, pending_text(), describe_kernel(door_, reserved_, epoch))});
    return;
  }
  if (tells_broken()) return;
  if (running) return;
  // Work without a bell, or with one that was not heard: bounds what that could cost.
  if (work_published()) {
    relaunch(epoch);
    return;
  }
  check_ended(epoch);
}

bool Resident::tells_broken() noexcept {
  const megakernel::KernelReport& report = *reserved_.report;
  // [BROKEN-1] acquire: the values.
  const auto broken =
      static_cast<megakernel::Broken>(HostAtomics::load(&report.broken, Order::acquire));
  if (broken == megakernel::Broken::none) return false;
  const std::uint64_t number = HostAtomics::load(&report.broken_number, Order::relaxed);
  const std::uint64_t seen = HostAtomics::load(&report.broken_seen, Order::relaxed);
  const std::uint32_t log2 = reserved_.arguments.run.entries_log2;
  std::string what =
      message("entry {} of the run queue, which has {}, ", number, std::uint64_t{1} << log2);
  if (broken == megakernel::Broken::entry_overwritten) {
    what += message("was not there: a worker found the mark {} of a later lap", seen >> 24);
  } else if (broken == megakernel::Broken::no_room) {
    what += message("could not be written: {} entries of its section had been read", seen);
  } else {
    what =
        message("the fault lock of spread item {} was not given back within {} tries of a worker",
                number, seen);
  }
  lose({Errc::internal,
        message("{}; {}\n{}", what, pending_text(),
                describe_kernel(door_, reserved_, epoch_.load(std::memory_order_relaxed)))});
  return true;
}

void Resident::check_ended(std::uint32_t epoch) noexcept {
  // Once a launch: a kernel that has ended leaves nothing that it took behind.
  if (checked_epoch_ == epoch || epoch_.load(std::memory_order_acquire) != epoch) return;
  checked_epoch_ = epoch;
  for (std::uint32_t q = 0; q < user_queues(); ++q) {
    const queue::Producer producer = reserved_.queues[q].producer();
    const queue::Writer writer = reserved_.queues[q].writer();
    const std::uint64_t taken = taken_of(producer);
    for (std::uint64_t p = collected_of(producer); p < taken; ++p) {
      if (writer.posted(p)) continue;
      // A launch is queued and its epoch stored under this lock. Either there was none, or this
      // thread sees its epoch and has no proof. And what was collected meanwhile had been posted.
      const std::lock_guard lock(launching_);
      if (epoch_.load(std::memory_order_acquire) != epoch) return;
      if (collected_of(producer) > p || writer.posted(p)) continue;
      lose({Errc::internal,
            message("launch {} of the resident kernel ended without ending the item at position {} "
                    "of queue {}; {}\n{}",
                    epoch, p, q, pending_text(), describe_kernel(door_, reserved_, epoch))});
      return;
    }
  }
}

void Resident::give_up_queue(std::uint32_t q) noexcept {
  // Its producer died between two stores, or is only late: then its items become readable after
  // they have ended here, and the memory that they name may belong to other items. So the kernel is
  // told first, and answers how far it has taken; what is behind that is ended without being read.
  (void)reserved_.queues[q].producer().close();
  // [GIVE-1] release: nothing more may be taken from the queue.
  (void)HostAtomics::fetch_or_release(&reserved_.orders->given_up, std::uint64_t{1} << q);
  given_up_[q] = Giving::asked;
}

void Resident::end_given_up(bool kernel_ended) noexcept {
  // [GIVE-2] acquire: `taken` of these queues stays as it is.
  const std::uint64_t answered = HostAtomics::load(&reserved_.report->given_up, Order::acquire);
  for (std::uint32_t q = 0; q < user_queues(); ++q) {
    if (given_up_[q] != Giving::asked) continue;
    if (!kernel_ended && (answered >> q & 1) == 0) {
      // A launch that begins later reads the order before it takes anything. [GIVE-1]
      const std::lock_guard lock(launching_);
      const Result<KernelState> state = door_.state();
      if (!state || *state != KernelState::ended) continue;
    }
    const queue::Producer producer = reserved_.queues[q].producer();
    const queue::Writer writer = reserved_.queues[q].writer();
    const std::uint64_t tail = producer.close();
    (void)producer.limit();  // [RING-5] the completion slots below the tail may be written
    for (std::uint64_t p = taken_of(producer); p < tail; ++p)
      post_cancelled(writer, p, FaultCode::abandoned);
    given_up_[q] = Giving::ended;
  }
}

void Resident::check_producers(Deadline now) noexcept {
  bool reaped = false;
  for (std::uint32_t q = 0; q < user_queues(); ++q) {
    if (given_up_[q] != Giving::none) continue;
    const queue::Producer producer = reserved_.queues[q].producer();
    switch (watches_[q].check(producer, taken_of(producer), now)) {
      case queue::WatchVerdict::reaped:
        reaped = true;
        break;
      case queue::WatchVerdict::wedged:
        give_up_queue(q);
        break;
      case queue::WatchVerdict::idle:
      case queue::WatchVerdict::waiting:
        break;
    }
  }
  end_given_up(false);
  if (reaped) ring();
}

bool Resident::keep_house() noexcept {
  const Deadline now = Clock::now();
  obey_clock(now);
  cancels_.settle();
  make_gap();
  {
    const std::lock_guard lock(launching_);
    if (life_ != Life::started) return false;
  }
  if (!lost_.load(std::memory_order_acquire)) {
    check_kernel(epoch_.load(std::memory_order_acquire));
    if (!lost_.load(std::memory_order_acquire)) check_producers(now);
  }
  if (lost_.load(std::memory_order_acquire) && !pending_ended_) {
    end_pending();
    return true;
  }
  return false;
}

void Resident::tend() noexcept {
  const std::int64_t now = Clock::now().time_since_epoch().count();
  if (now < next_tend_ns_.load(std::memory_order_relaxed)) return;  // relaxed: only a rate
  bool tell = false;
  {
    const std::unique_lock lock(house_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    tell = keep_house();
    next_tend_ns_.store(Clock::now().time_since_epoch().count() + kTendNs,
                        std::memory_order_relaxed);
  }
  if (tell && listener_ != nullptr) listener_->posted();
}

void Resident::look_soon() noexcept {
  const std::lock_guard lock(sleep_);
  soon_ = true;
  wake_.notify_one();
}

void Resident::housekeeper() noexcept {
  for (;;) {
    bool tell = false;
    {
      const std::lock_guard lock(house_);
      tell = keep_house();
    }
    if (tell) listener_->posted();
    // Perhaps no thread waits; then latencies and credits should not wait either.
    if (completions_wait()) listener_->idle();
    std::unique_lock lock(sleep_);
    const bool idle = parked_.load(std::memory_order_relaxed) && !work_outstanding();
    Deadline until = Clock::now() + (wants_gap() ? std::chrono::nanoseconds{kGapLook}
                                     : idle      ? std::chrono::nanoseconds{kParkedLook}
                                                 : std::min<std::chrono::nanoseconds>(
                                                  kHouseLook, device_.watchdog / 4));
    if (options_.start_until > Clock::now()) until = std::min(until, options_.start_until);
    if (!exit_ && !soon_) (void)wake_.wait_until(lock, until);
    soon_ = false;
    if (exit_) return;
  }
}

std::uint64_t Resident::heartbeat() const noexcept {
  return HostAtomics::load(&reserved_.report->heartbeat, Order::relaxed);  // a count
}

std::optional<std::uint16_t> Resident::busy_bps() const noexcept {
  // Relaxed: counts. The sum is read first, so that it is of no more samples than are counted.
  const std::uint64_t busy = HostAtomics::load(&reserved_.report->busy_warps, Order::relaxed);
  const std::uint64_t samples = HostAtomics::load(&reserved_.report->samples, Order::relaxed);
  const std::uint64_t warps = std::uint64_t{reserved_.worker_blocks()} * megakernel::kBlockWarps;
  if (samples == 0) return std::nullopt;
  const double share =
      static_cast<double>(busy) / static_cast<double>(samples) / static_cast<double>(warps);
  return static_cast<std::uint16_t>(std::min(share, 1.0) * 10'000);
}

bool Resident::stop(Deadline deadline) noexcept {
  Life before{};
  {
    const std::lock_guard lock(launching_);
    before = life_;
    life_ = Life::stopping;
  }
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(sleep_);
      exit_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  if (before == Life::reserved) ended_.store(true, std::memory_order_release);
  if (ended_.load(std::memory_order_acquire)) return true;

  HostAtomics::store(&reserved_.orders->fault, 0u, Order::relaxed);
  cancel_queued(FaultCode::shutdown);
  stop_running();
  HostAtomics::store(&reserved_.orders->stop, 1u, Order::relaxed);
  const auto grace =
      lost_.load(std::memory_order_acquire) ? std::chrono::nanoseconds{kLostStopGrace} : kStopGrace;
  const Deadline until = std::max(deadline, Clock::now() + grace);
  for (;;) {
    const Result<KernelState> state = door_.state();
    // A sticky error has ended the kernel, too.
    if (!state || *state == KernelState::ended) {
      const std::lock_guard lock(house_);
      if (!pending_ended_) end_given_up(true);
      ended_.store(true, std::memory_order_release);
      return true;
    }
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(kStopLook);
  }
}

}  // namespace vyre::cuda

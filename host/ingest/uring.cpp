// io_uring as the pump sees it. See uring.hpp.
//
// No SQPOLL: the kernel's polling thread gave the same throughput here and burnt a core (measured
// on 6.18; docs/internals/ingest.md, "Ring"). No IOPOLL: making such a ring succeeds, and the first
// read then says EOPNOTSUPP where the device does not poll (virtio, measured): it could only be had
// by trying each device.
#include "uring.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/message.hpp"
#include "doors.hpp"
#include "protocol/limits.hpp"

// Of Linux 6.0, 6.1 and 6.10; the header of liburing 2.3 lacks the last.
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_NOP_INJECT_RESULT
#define IORING_NOP_INJECT_RESULT (1U << 0)
#endif

namespace vyre::ingest {
namespace {

constexpr std::uint64_t kOwnData{~std::uint64_t{0}};  // of the read that wake() ends
constexpr std::uint64_t kProofData{kOwnData - 1};     // of the nop that proves a new ring
constexpr unsigned kMaxRegions{1024};                 // of the ring's table: 1 TiB in whole regions
constexpr std::uint64_t kSmallestRegion{std::uint64_t{2} << 20};  // halving stops below it
/// Of one enter(): what a caller means by "for ever" must not overflow a clock.
constexpr std::chrono::nanoseconds kLongestWait{std::chrono::hours{1}};
constexpr int kBusySleepMs{1};       // where the kernel is short of memory and nothing ends
constexpr long kTeardownSeconds{1};  // for what is under way when a ring is let go

constexpr const char* kRemedy{"; raise RLIMIT_MEMLOCK or grant CAP_IPC_LOCK"};  // against ENOMEM

struct Rung {
  unsigned flags;
  const char* name;
};
constexpr unsigned kCommon{IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE};
/// Best first; each is tried where the one before gave EINVAL.
constexpr std::array<Rung, 5> kLadder{{
    {kCommon | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
         IORING_SETUP_TASKRUN_FLAG,
     "SUBMIT_ALL|CLAMP|CQSIZE|SINGLE_ISSUER|DEFER_TASKRUN|TASKRUN_FLAG"},
    {kCommon | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
     "SUBMIT_ALL|CLAMP|CQSIZE|SINGLE_ISSUER|DEFER_TASKRUN"},
    {kCommon | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
     "SUBMIT_ALL|CLAMP|CQSIZE|COOP_TASKRUN|TASKRUN_FLAG"},
    {kCommon, "CLAMP|CQSIZE"},
    {0,
     "none"},  // before 5.6: refused further below for want of EXT_ARG, which says more than EINVAL
}};

tl::unexpected<Error> call_error(const char* call, int error) {
  return tl::unexpected<Error>(
      Error{Errc::io, message("{}: {} ({})", call, errno_name(error), std::strerror(error)),
            kNoOffset, 0, 0, error});
}

/// Soft limit up to the hard one; what is locked above it needs CAP_IPC_LOCK.
void raise_locked_memory() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_MEMLOCK, &limit);
}

}  // namespace

Result<std::unique_ptr<Uring>> Uring::create() {
  std::unique_ptr<Uring> made(new Uring);
  VYRE_TRY(made->set_up());
  VYRE_TRY(made->prove_nop());
  return made;
}

Status Uring::set_up() {
  raise_locked_memory();  // newer kernels count the ring itself, too
  int error = EINVAL;
  for (const Rung& rung : kLadder) {
    io_uring_params params{};
    params.flags = rung.flags;
    if ((rung.flags & IORING_SETUP_CQSIZE) != 0) params.cq_entries = kIoCompletionEntries;
    error = -::io_uring_queue_init_params(kMaxIoDepth, &ring_, &params);
    if (error == 0) {
      up_ = true;
      deferred_ = (rung.flags & IORING_SETUP_DEFER_TASKRUN) != 0;
      setup_ = message("{}, {} entries, {} completions", rung.name, params.sq_entries,
                       params.cq_entries);
      break;
    }
    if (error != EINVAL) break;
  }
  if (!up_) {
    auto refused = call_error("io_uring_setup", error);
    if (error == ENOMEM) refused.value().message += kRemedy;
    return refused;
  }
  // Without it liburing puts timeouts of its own among the pump's operations.
  if ((ring_.features & IORING_FEAT_EXT_ARG) == 0) {
    return fail(Errc::unsupported, "io_uring_setup: no IORING_FEAT_EXT_ARG (Linux 5.11 has it)");
  }
  if (::io_uring_register_ring_fd(&ring_) == 1) setup_ += ", registered";
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC);
  if (wake_fd_ < 0) return call_error("eventfd", errno);
  return {};
}

/// A sandbox may let a ring be made and refuse to have it entered.
Status Uring::prove_nop() {
  io_uring_sqe* const sqe = ::io_uring_get_sqe(&ring_);
  std::memset(sqe, 0, sizeof *sqe);
  ::io_uring_prep_nop(sqe);
  sqe->user_data = kProofData;
  const int submitted = ::io_uring_submit_and_wait(&ring_, 1);
  if (submitted < 0) return call_error("io_uring_enter", -submitted);
  io_uring_cqe* cqe = nullptr;
  const int peeked = ::io_uring_peek_cqe(&ring_, &cqe);
  if (peeked != 0) return call_error("io_uring_enter", -peeked);
  ::io_uring_cqe_seen(&ring_, cqe);
  looked_ = *ring_.cq.khead;
  return {};
}

Uring::~Uring() {
  if (up_) {
    // What is under way ends before memory and eventfd may go, as far as it can be ended: reads
    // that the device has begun are waited for. Refused by kernels before 6.0, and from other
    // threads.
    io_uring_sync_cancel_reg all{};
    all.fd = -1;
    all.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
    all.timeout.tv_sec = kTeardownSeconds;
    (void)::io_uring_register_sync_cancel(&ring_, &all);
    if (!regions_.empty()) (void)::io_uring_unregister_buffers(&ring_);
    ::io_uring_queue_exit(&ring_);
  }
  if (wake_fd_ >= 0) (void)::close(wake_fd_);
}

// ---- registered memory

/// An empty table that later calls fill; a table filled at once could not grow.
bool Uring::open_table() {
  if (table_ != Table::none) return table_ == Table::sparse;
  const int error = -::io_uring_register_buffers_sparse(&ring_, kMaxRegions);
  table_ = error == 0 ? Table::sparse : Table::refused;
  if (error != 0)
    registered_.reason = message("io_uring_register(BUFFERS2, sparse): {}", errno_name(error));
  return error == 0;
}

/// 0 or an errno.
std::int32_t Uring::add_region(const std::uint8_t* begin, std::uint64_t bytes) {
  const iovec region{const_cast<std::uint8_t*>(begin), bytes};
  // The call returns how many regions it took. Fewer than asked for is no error of the call, and
  // still a refusal.
  const __u64 tag = 0;
  const int taken = ::io_uring_register_buffers_update_tag(
      &ring_, static_cast<unsigned>(regions_.size()), &region, &tag, 1);
  if (taken < 0) return -taken;
  if (taken == 0) return ENOMEM;
  regions_.push_back({begin, bytes});
  ++registered_.regions;
  registered_.bytes += bytes;
  return 0;
}

void Uring::register_memory(MutableByteSpan memory) {
  if (memory.empty() || !open_table()) return;
  std::uint64_t at = 0;
  std::uint64_t step = kMaxRegisteredRegionBytes;
  while (at < memory.size()) {
    if (regions_.size() == kMaxRegions) {
      registered_.reason = message("the table of {} regions is full", kMaxRegions);
      return;
    }
    const std::uint64_t bytes = std::min<std::uint64_t>(step, memory.size() - at);
    const std::int32_t error = add_region(memory.data() + at, bytes);
    if (error == 0) {
      at += bytes;
      continue;
    }
    // ENOMEM: more than RLIMIT_MEMLOCK lets a ring pin, perhaps; half may fit.
    if (error == ENOMEM && bytes / 2 >= kSmallestRegion) {
      step = bytes / 2 / kSmallestRegion * kSmallestRegion;
      continue;
    }
    registered_.reason = message("io_uring_register(BUFFERS_UPDATE): {} at {} of {} bytes",
                                 errno_name(error), at, memory.size());
    if (error == ENOMEM) registered_.reason += kRemedy;
    return;
  }
}

const Uring::Region* Uring::region_of(const std::uint8_t* begin, std::uint64_t bytes) const {
  for (const Region& region : regions_) {
    if (begin >= region.begin && bytes <= region.bytes &&
        static_cast<std::uint64_t>(begin - region.begin) <= region.bytes - bytes) {
      return &region;
    }
  }
  return nullptr;
}

bool Uring::fixed(const std::uint8_t* begin, std::uint64_t bytes) const {
  return region_of(begin, bytes) != nullptr;
}

// ---- operations

bool Uring::push(const IoOperation& operation) {
  if (::io_uring_sq_space_left(&ring_) == 0) return false;
  io_uring_sqe* const sqe = ::io_uring_get_sqe(&ring_);
  if (sqe == nullptr) return false;
  std::memset(sqe, 0, sizeof *sqe);  // what another operation left there is no default
  switch (operation.code) {
    case IoCode::nop:
      sqe->opcode = IORING_OP_NOP;
      sqe->fd = -1;
      if (operation.bytes != 0) {
        sqe->rw_flags = IORING_NOP_INJECT_RESULT;
        sqe->len = operation.bytes;
      }
      break;
    case IoCode::read:
      ::io_uring_prep_read(sqe, operation.descriptor, operation.to, operation.bytes,
                           operation.offset);
      break;
    case IoCode::read_fixed: {
      const Region* const region = region_of(operation.to, operation.bytes);
      // Not in one: the kernel answers EFAULT for index 0.
      const auto index = region == nullptr ? 0 : static_cast<int>(region - regions_.data());
      ::io_uring_prep_read_fixed(sqe, operation.descriptor, operation.to, operation.bytes,
                                 operation.offset, index);
      break;
    }
    case IoCode::cancel:
      ::io_uring_prep_cancel64(sqe, operation.target, 0);
      break;
  }
  if (operation.in_worker) sqe->flags |= IOSQE_ASYNC;
  sqe->user_data = operation.user_data;
  return true;
}

void Uring::arm_wake() {
  if (wake_armed_) return;
  io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
  if (sqe == nullptr) {  // full of operations: those first
    ++counters_.enters;
    (void)::io_uring_submit(&ring_);
    sqe = ::io_uring_get_sqe(&ring_);
    if (sqe == nullptr) return;  // the kernel takes none just now; the next enter() tries again
  }
  std::memset(sqe, 0, sizeof *sqe);
  ::io_uring_prep_read(sqe, wake_fd_, &wake_value_, sizeof wake_value_, 0);
  sqe->user_data = kOwnData;
  wake_armed_ = true;
}

std::uint32_t Uring::look(bool& woken) {
  const unsigned tail = io_uring_smp_load_acquire(ring_.cq.ktail);
  const unsigned head = *ring_.cq.khead;
  if (static_cast<int>(looked_ - head) < 0) looked_ = head;
  for (; looked_ != tail; ++looked_) {
    if (ring_.cq.cqes[looked_ & *ring_.cq.kring_mask].user_data == kOwnData) woken = true;
  }
  return tail - head;
}

void Uring::count_kept_aside(std::uint32_t ready_before) {
  const std::uint32_t ready = ::io_uring_cq_ready(&ring_);
  if (ready > ready_before) counters_.cq_overflows += ready - ready_before;
}

Status Uring::enter(std::uint32_t least, std::chrono::nanoseconds patience) {
  arm_wake();
  bool woken = wake_owed_ || !wake_armed_;
  wake_owed_ = false;
  std::chrono::steady_clock::time_point deadline{};
  if (patience.count() > 0)
    deadline = std::chrono::steady_clock::now() + std::min(patience, kLongestWait);
  bool first = true;
  while (true) {
    const std::uint32_t ready = look(woken);
    const bool enough = ready >= least || woken || patience.count() <= 0;
    if (!first && enough) return {};
    const bool overflowed = ::io_uring_cq_has_overflow(&ring_);
    ++counters_.enters;
    int result = 0;
    if (enough || overflowed) {
      result = ::io_uring_submit_and_get_events(&ring_);
    } else {
      const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(
          deadline - std::chrono::steady_clock::now());
      if (!first && rest.count() <= 0) return {};
      const std::int64_t ns = std::max<std::int64_t>(rest.count(), 0);
      __kernel_timespec timeout{ns / 1'000'000'000, ns % 1'000'000'000};
      io_uring_cqe* cqe = nullptr;
      // One at a time beyond those that are there: a wake is one completion, however many are
      // wanted.
      result = ::io_uring_submit_and_wait_timeout(&ring_, &cqe, ready + 1, &timeout, nullptr);
    }
    if (overflowed) count_kept_aside(ready);
    first = false;
    if (result == -ETIME || result == -EINTR) {
      (void)look(woken);
      return {};
    }
    if (result == -EAGAIN || result == -EBUSY) {
      // Completions must be taken in first; where there are none, memory is short for a moment.
      if (look(woken) == 0 && patience.count() > 0) (void)::poll(nullptr, 0, kBusySleepMs);
      return {};
    }
    if (result < 0) return call_error("io_uring_enter", -result);
  }
}

std::uint32_t Uring::reap(std::span<IoCompletion> out) {
  std::uint32_t taken = 0;
  while (taken < out.size()) {
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_cqe* cqe = nullptr;
    const unsigned looked = looked_;
    const unsigned first = *ring_.cq.khead;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      if (taken == out.size()) break;
      ++seen;
      if (cqe->user_data == kOwnData) {
        wake_armed_ = false;
        // Seen by enter() it has ended that wait; come since, it ends the next.
        if (static_cast<int>(first + seen - looked) > 0) wake_owed_ = true;
        continue;
      }
      out[taken++] = {cqe->user_data, cqe->res};
    }
    ::io_uring_cq_advance(&ring_, seen);
    if (taken == out.size() || !::io_uring_cq_has_overflow(&ring_)) break;
    ++counters_.enters;
    if (::io_uring_get_events(&ring_) < 0) break;
    count_kept_aside(0);
    if (::io_uring_cq_ready(&ring_) == 0) break;
  }
  return taken;
}

void Uring::wake() noexcept {
  const std::uint64_t one = 1;
  // Fails only at 2^64 - 1 wakes that the pump did not take in.
  (void)!::write(wake_fd_, &one, sizeof one);
}

}  // namespace vyre::ingest

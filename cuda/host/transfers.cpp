// Taking slots, beginning copies and waiting for them. See transfers.hpp.
#include "transfers.hpp"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "queue/waiter.hpp"

namespace vyre::cuda {
namespace {

/// Of one slot. Smaller ones leave an engine idle between two copies: of 256 MiB eight threads move
/// 45 GB/s in pieces of 1 MiB and 19 in pieces of 256 KiB (the probe of
/// bench/results/transfers_h200.json).
constexpr std::uint64_t kSlotBytes{std::uint64_t{1} << 20};
/// Below it a second piece costs more than what it overlaps.
constexpr std::uint64_t kMinPiece{std::uint64_t{256} << 10};
constexpr std::uint64_t kPiecesWanted{4};
/// Pieces from this size on are written past the caches: of 16 MiB that is a third faster (the same
/// probe).
constexpr std::uint64_t kStreamed{std::uint64_t{128} << 10};
/// Slots that one thread has under way: it fills one while the engine empties the other.
constexpr std::uint32_t kSlotsOfThread{2};
/// Threads of one transfer, the caller's among them.
constexpr std::uint32_t kMovers{8};
static_assert(kMovers * kSlotsOfThread <= kCopyMarks - kPlainMarks);
/// A thread looks at a copy for so long before it sleeps between looks: longer than the engine
/// takes for the pieces that a session asks for. The first looks are made without the clock.
constexpr std::chrono::microseconds kCopySpin{500};
constexpr std::uint32_t kFirstLooks{32};
constexpr std::chrono::microseconds kNapMin{50};
constexpr std::chrono::microseconds kNapMax{1'000};

/// As memcpy, past the caches. `to` is aligned to 16 bytes.
void stream_bytes(std::uint8_t* to, const std::uint8_t* from, std::uint64_t bytes) {
#if defined(__x86_64__)
  constexpr std::uint64_t kLine{64};
  const std::uint64_t whole = bytes / kLine * kLine;
  for (std::uint64_t at = 0; at < whole; at += kLine) {
    const auto* const source = reinterpret_cast<const __m128i*>(from + at);
    auto* const target = reinterpret_cast<__m128i*>(to + at);
    const __m128i a = _mm_loadu_si128(source);
    const __m128i b = _mm_loadu_si128(source + 1);
    const __m128i c = _mm_loadu_si128(source + 2);
    const __m128i d = _mm_loadu_si128(source + 3);
    _mm_stream_si128(target, a);
    _mm_stream_si128(target + 1, b);
    _mm_stream_si128(target + 2, c);
    _mm_stream_si128(target + 3, d);
  }
  _mm_sfence();  // such stores are ordered by nothing else
  std::memcpy(to + whole, from + whole, bytes - whole);
#else
  std::memcpy(to, from, bytes);
#endif
}

std::uint64_t whole_pages(std::uint64_t bytes) {
  return bytes / 4096 * 4096;
}

std::uint32_t movers() {
  return std::clamp(std::thread::hardware_concurrency() / 2, 1u, kMovers);
}

}  // namespace

struct Transfers::Job {
  CopyWay way;
  std::uint64_t device;
  std::uint64_t bytes;
  std::uint64_t step{0};
  const Fill* fill{nullptr};           // of an upload
  std::uint8_t* out{nullptr};          // of a download
  std::atomic<std::uint64_t> next{0};  // relaxed: each thread only takes a piece of its own
  std::atomic<bool> failed{false};     // relaxed: no new pieces; the reason is under the mutex
  std::mutex mutex{};
  Status result{};

  [[nodiscard]] std::uint64_t size_of(std::uint64_t at) const noexcept {
    return std::min(step, bytes - at);
  }
  void fail_with(Error error) {
    const std::lock_guard lock(mutex);
    if (result) result = tl::unexpected<Error>(std::move(error));
    failed.store(true, std::memory_order_relaxed);
  }
};

Transfers::Transfers(Door& door, MutableByteSpan pinned, MutableByteSpan staging, Lending& lending,
                     Owner& owner, std::chrono::nanoseconds patience)
    : door_(door),
      pinned_(pinned),
      staging_(staging),
      lending_(lending),
      owner_(owner),
      patience_(patience),
      slot_bytes_(std::min(kSlotBytes, whole_pages(staging.size() / kSlotsOfThread))),
      slots_(static_cast<std::uint32_t>(
          std::min<std::uint64_t>(kCopyMarks - kPlainMarks, staging.size() / slot_bytes_))),
      pool_(movers() - 1) {
  for (std::uint32_t i = slots_; i-- > 0;) free_slots_.push_back(i);
  given_up_.reserve(kCopyMarks);
  for (std::uint32_t i = 0; i < kPlainMarks; ++i) free_marks_.push_back(slots_ + i);
}

MutableByteSpan Transfers::slot(std::uint32_t mark) const noexcept {
  return staging_.subspan(mark * slot_bytes_, slot_bytes_);
}

std::optional<std::uint32_t> Transfers::try_take(bool slot) {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint32_t>& free = slot ? free_slots_ : free_marks_;
  if (free.empty()) return std::nullopt;
  const std::uint32_t mark = free.back();
  free.pop_back();
  return mark;
}

Result<std::uint32_t> Transfers::take(bool slot) {
  // A thread that has one ends its copy without waiting for another.
  for (std::uint32_t looks = 0;; ++looks) {
    if (const auto mark = try_take(slot)) return *mark;
    if (looks < kWaitSpins) {
      queue::spin_pause();
      continue;
    }
    if (auto why = owner_.broken()) return tl::unexpected<Error>(std::move(*why));
    std::this_thread::sleep_for(kNapMin);
  }
}

void Transfers::give(std::uint32_t mark) noexcept {
  const std::lock_guard lock(mutex_);
  (mark < slots_ ? free_slots_ : free_marks_)
      .push_back(mark);  // within the capacity from the start
}

bool Transfers::is_in_pinned(ByteSpan host) const noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(host.data());
  const auto begin = reinterpret_cast<std::uintptr_t>(pinned_.data());
  return at >= begin && at - begin <= pinned_.size() &&
         host.size() <= pinned_.size() - (at - begin);
}

Status Transfers::begin(CopyWay way, std::uint64_t device, std::uint8_t* host, std::uint64_t bytes,
                        std::uint32_t mark) {
  Status begun = door_.begin_copy(way, device, host, bytes, mark);
  if (!begun) owner_.lose_by_copy(begun.error());
  return begun;
}

Status Transfers::await(std::uint32_t mark) {
  Deadline begin{};
  for (std::uint32_t looks = 0;; ++looks) {
    const Result<bool> ended = door_.copy_ended(mark);
    if (ended && *ended) return {};
    if (!ended) {
      owner_.lose_by_copy(ended.error());
      return tl::unexpected<Error>(ended.error());
    }
    if (looks < kFirstLooks) {
      queue::spin_pause();
      continue;
    }
    const Deadline now = Clock::now();
    if (looks == kFirstLooks) begin = now;
    if (now - begin < kCopySpin) {
      queue::spin_pause();
      continue;
    }
    if (now - begin >= patience_) {
      Error late{Errc::device_lost,
                 message("a copy engine of the device did not end a copy within {} ms; open a new "
                         "session",
                         std::chrono::duration_cast<std::chrono::milliseconds>(patience_).count())};
      {
        const std::lock_guard lock(mutex_);
        given_up_.push_back(mark);
      }
      owner_.lose_by_copy(late);
      return tl::unexpected<Error>(std::move(late));
    }
    std::this_thread::sleep_for(
        std::clamp<std::chrono::nanoseconds>((now - begin) / 16, kNapMin, kNapMax));
  }
}

bool Transfers::settled() noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(given_up_, [this](std::uint32_t mark) {
    const Result<bool> ended = door_.copy_ended(mark);
    return !ended || *ended;  // a sticky error has ended it
  });
  return given_up_.empty();
}

Status Transfers::in_place(CopyWay way, std::uint64_t device, MutableByteSpan host,
                           Lending::Hold& hold) {
  VYRE_ASSIGN(const std::uint32_t mark, take(false));
  VYRE_TRY(begin(way, device, host.data(), host.size(), mark));
  if (Status ended = await(mark); !ended) {
    hold.keep();  // the engine may still use the memory
    return ended;
  }
  give(mark);
  return {};
}

void Transfers::finish(Job& job, const Piece& piece) {
  if (Status ended = await(piece.mark); !ended) {
    job.fail_with(std::move(ended).error());
    return;  // the engine may still use the slot
  }
  if (job.way == CopyWay::to_host)
    std::memcpy(job.out + piece.offset, slot(piece.mark).data(), job.size_of(piece.offset));
  give(piece.mark);
}

Result<std::uint32_t> Transfers::begin_piece(Job& job, std::uint64_t at, std::uint32_t mark) {
  const MutableByteSpan piece = slot(mark).first(job.size_of(at));
  if (job.fill != nullptr) {
    if (Status filled = (*job.fill)(at, piece); !filled) {
      give(mark);
      return tl::unexpected<Error>(std::move(filled).error());
    }
  }
  VYRE_TRY(begin(job.way, job.device + at, piece.data(), piece.size(), mark));
  return mark;
}

void Transfers::work(Job& job) {
  std::array<Piece, kSlotsOfThread> under_way;  // a ring
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  const auto finish_oldest = [&] { finish(job, under_way[first++ % under_way.size()]); };
  while (!job.failed.load(std::memory_order_relaxed)) {
    if (last - first == under_way.size()) finish_oldest();
    const std::uint64_t at = job.next.fetch_add(job.step, std::memory_order_relaxed);
    if (at >= job.bytes) break;
    std::optional<std::uint32_t> mark = try_take(true);
    while (!mark && first != last) {  // it is the first to give slots back
      finish_oldest();
      mark = try_take(true);
    }
    auto begun =
        (mark ? Result<std::uint32_t>(*mark) : take(true)).and_then([&](std::uint32_t slot) {
          return begin_piece(job, at, slot);
        });
    if (!begun) {
      job.fail_with(std::move(begun).error());
      break;
    }
    under_way[last++ % under_way.size()] = {*begun, at};
  }
  while (first != last) finish_oldest();
}

Status Transfers::stage(Job& job) {
  const std::uint64_t share = (job.bytes / kPiecesWanted + 4095) / 4096 * 4096;
  job.step = std::min(slot_bytes_, std::max(kMinPiece, share));
  const std::uint64_t pieces = (job.bytes + job.step - 1) / job.step;
  const auto helpers = static_cast<std::uint32_t>(std::min<std::uint64_t>(pieces, movers()) - 1);
  pool_.run(helpers, [this, &job] { work(job); });
  return std::move(job.result);
}

Status Transfers::write(std::uint64_t to, std::uint64_t bytes, const Fill& fill) {
  if (auto why = owner_.broken()) return tl::unexpected<Error>(std::move(*why));
  if (bytes == 0) return {};
  Job job{CopyWay::to_device, to, bytes};
  job.fill = &fill;
  return stage(job);
}

Status Transfers::write(std::uint64_t to, ByteSpan bytes) {
  // The engine only reads it.
  const MutableByteSpan host{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  if (Lending::Hold hold = lending_.hold(host.data(), host.size(), false);
      !bytes.empty() && (hold || is_in_pinned(host))) {
    if (auto why = owner_.broken()) return tl::unexpected<Error>(std::move(*why));
    return in_place(CopyWay::to_device, to, host, hold);
  }
  return write(to, bytes.size(), [bytes](std::uint64_t at, MutableByteSpan piece) -> Status {
    if (piece.size() >= kStreamed) {
      stream_bytes(piece.data(), bytes.data() + at, piece.size());
    } else {
      std::memcpy(piece.data(), bytes.data() + at, piece.size());
    }
    return {};
  });
}

Status Transfers::read(std::uint64_t from, MutableByteSpan out) {
  if (auto why = owner_.broken()) return tl::unexpected<Error>(std::move(*why));
  if (out.empty()) return {};
  if (Lending::Hold hold = lending_.hold(out.data(), out.size(), true); hold || is_in_pinned(out))
    return in_place(CopyWay::to_host, from, out, hold);
  Job job{CopyWay::to_host, from, out.size()};
  job.out = out.data();
  return stage(job);
}

}  // namespace vyre::cuda

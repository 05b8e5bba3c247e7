// The state machine of a read: queued, ready, under way, again ready or ended. Only user_data
// decides to which read a completion belongs: index of the active read and generation of the
// operation. One that names neither a current operation nor a current cancel is counted and
// forgotten.
#include "reads.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace vyre::ingest {
namespace {

constexpr std::uint64_t kCancelBit{std::uint64_t{1} << 31};  // beside index and generation
constexpr std::uint32_t kReapBatch{64};
/// From here on a copy out of the page cache costs more than handing it to a worker of the kernel.
constexpr std::uint64_t kParallelCopyBytes{std::uint64_t{256} << 10};
/// Of a wait while the door has no room although it was just entered.
constexpr std::chrono::nanoseconds kRefusedPatience{std::chrono::milliseconds{1}};

std::uint64_t user_data_of(std::uint32_t index, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | index;
}

}  // namespace

Source source_of(std::shared_ptr<const File> file) {
  Source source;
  source.bytes = file->bytes();
  source.descriptor = file->descriptor();
  source.alignment = file->offset_alignment();
  source.direct = file->direct();
  source.bytes_now = [](const void* of) -> std::int64_t {
    const auto now = static_cast<const File*>(of)->bytes_now();
    if (!now) return -(now.error().detail != 0 ? now.error().detail : EIO);
    return static_cast<std::int64_t>(*now);
  };
  source.file = std::move(file);
  return source;
}

Read Reads::Queue::pop() {
  Read read = std::move(reads_[head_++]);
  if (head_ == reads_.size()) {
    reads_.clear();
    head_ = 0;
  } else if (head_ >= 1024 && head_ * 2 >= reads_.size()) {  // moves each read once at most
    reads_.erase(reads_.begin(), reads_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  return read;
}

template <class Wanted>
std::size_t Reads::Queue::count_if(const Wanted& wanted) const {
  const auto first = reads_.begin() + static_cast<std::ptrdiff_t>(head_);
  return static_cast<std::size_t>(std::count_if(first, reads_.end(), wanted));
}

template <class Keep>
void Reads::Queue::take_if(const Keep& wanted, std::vector<Read>& out) {
  std::size_t kept = head_;
  for (std::size_t i = head_; i < reads_.size(); ++i) {
    if (wanted(reads_[i])) {
      out.push_back(std::move(reads_[i]));
    } else {
      if (kept != i) reads_[kept] = std::move(reads_[i]);
      ++kept;
    }
  }
  reads_.resize(kept);
}

Reads::Reads(Io& io, const ReadsOptions& options, Counters& counters)
    : io_(io), options_(options), counters_(counters) {
  options_.depth = std::clamp(options_.depth, 1u, kMaxIoDepth);
  active_.resize(options_.depth);
  for (std::uint32_t i = options_.depth; i-- > 0;) free_.push_back(i);
  ready_.reserve(options_.depth);
  cancels_.reserve(options_.depth);
}

std::uint64_t Reads::now_ns() const {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(io_.now().time_since_epoch()).count());
}

Tier Reads::tier_of(const Source& source, bool fixed) const noexcept {
  if (options_.thread_pool) return Tier::thread_pool;
  if (!source.direct) return Tier::buffered;
  return fixed ? Tier::direct_fixed : Tier::direct;
}

void Reads::add(Read&& read, bool urgent) {
  if (all_ended_) {
    end_unstarted(read, all_ended_->status, all_ended_->error_number);
  } else if (read.bytes == 0) {
    end_unstarted(read, ReadStatus::ok, 0);
  } else {
    (urgent ? urgent_ : queue_).push(std::move(read));
  }
}

void Reads::start_queued() {
  while (!free_.empty() && queued() != 0) {
    const std::uint32_t index = free_.back();
    free_.pop_back();
    ActiveRead& active = active_[index];
    active.read = urgent_.size() != 0 ? urgent_.pop() : queue_.pop();
    const std::uint64_t mask = active.read.source.alignment - 1;
    active.start = active.read.offset & ~mask;
    active.end = (active.read.offset + active.read.bytes + mask) & ~mask;
    active.have = active.from = active.start;
    active.interrupted = active.again = active.io_error = active.fruitless = 0;
    active.cancelled = false;
    active.tier = tier_of(active.read.source, false);
    active.state = State::ready;
    ready_.push_back(index);
  }
}

/// False: the door has no room for all that is ready.
bool Reads::hand_over() {
  std::size_t cancelled = 0;
  bool room = true;
  for (; cancelled < cancels_.size(); ++cancelled) {
    const std::uint32_t index = cancels_[cancelled];
    ActiveRead& active = active_[index];
    // It has ended meanwhile; another read in its place is not handed over before these are.
    if (active.state != State::under_way) continue;
    IoOperation operation;
    operation.code = IoCode::cancel;
    operation.target = user_data_of(index, active.generation);
    operation.user_data = operation.target | kCancelBit;
    room = io_.push(operation);
    if (!room) break;
    active.cancel_under_way = true;
    active.cancel_generation = active.generation;
  }
  cancels_.erase(cancels_.begin(), cancels_.begin() + static_cast<std::ptrdiff_t>(cancelled));
  if (!room) return false;
  if (ready_.empty()) return true;

  const std::uint64_t now = now_ns();
  std::size_t handed = 0;
  for (; handed < ready_.size(); ++handed) {
    const std::uint32_t index = ready_[handed];
    ActiveRead& active = active_[index];
    const std::uint64_t mask = active.read.source.alignment - 1;
    active.from = active.have & ~mask;
    active.length = std::min(active.end - active.from, options_.max_operation_bytes & ~mask);
    IoOperation operation;
    operation.descriptor = active.read.source.descriptor;
    operation.to = active.read.to + (active.from - active.start);
    operation.bytes = static_cast<std::uint32_t>(active.length);
    operation.offset = active.from;
    operation.in_worker =
        active.again >= 2 || (options_.parallel_copies && !active.read.source.direct &&
                              active.length >= kParallelCopyBytes);
    const bool fixed = io_.fixed(operation.to, active.length);
    operation.code = fixed ? IoCode::read_fixed : IoCode::read;
    operation.user_data = user_data_of(index, active.generation + 1);
    if (!io_.push(operation)) break;
    ++active.generation;
    active.tier = tier_of(active.read.source, fixed);
    active.submitted_ns = now;
    active.state = State::under_way;
    counters_.submitted(active.tier, fixed, active.length, ++under_way_);
  }
  room = handed == ready_.size();
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(handed));
  return room;
}

Status Reads::step(std::chrono::nanoseconds patience) {
  start_queued();
  if (hand_over()) {
    refused_ = 0;
  } else {
    // Entering makes room; a door that goes on refusing is not asked at full speed.
    patience = refused_++ == 0 ? std::chrono::nanoseconds{0} : std::min(patience, kRefusedPatience);
  }
  VYRE_TRY(io_.enter(patience.count() > 0 ? 1 : 0, patience));
  std::array<IoCompletion, kReapBatch> ended;
  for (std::uint32_t n = kReapBatch; n == kReapBatch;) {
    n = io_.reap(ended);
    if (n == 0) break;
    const std::uint64_t now = now_ns();
    for (std::uint32_t i = 0; i < n; ++i) take(ended[i], now);
  }
  const IoCounters door = io_.counters();
  counters_.enters.set(door.enters);
  counters_.cq_overflows.set(door.cq_overflows);
  return {};
}

void Reads::take(const IoCompletion& completion, std::uint64_t now_ns) {
  const auto generation = static_cast<std::uint32_t>(completion.user_data >> 32);
  const auto low = static_cast<std::uint32_t>(completion.user_data);
  const std::uint32_t index = low & ~static_cast<std::uint32_t>(kCancelBit);
  if (index >= active_.size()) {
    counters_.stray_completions.add(1);
    return;
  }
  ActiveRead& active = active_[index];
  if ((low & kCancelBit) != 0) {
    if (!active.cancel_under_way || active.cancel_generation != generation) {
      counters_.stray_completions.add(1);
    } else {
      active.cancel_under_way = false;  // how it went shows in the read's own end
    }
    return;
  }
  if (active.state != State::under_way || active.generation != generation) {
    counters_.stray_completions.add(1);
    return;
  }
  --under_way_;
  active.state = State::ready;  // the operation is over, the read not yet
  counters_.ended(active.tier, active.read.source.direct, completion.result,
                  now_ns > active.submitted_ns ? now_ns - active.submitted_ns : 0);
  if (options_.timeline) {
    report::TimelineEvent event{.kind = report::TimelineEvent::Kind::read,
                                .done = completion.result >= 0,
                                .line = static_cast<std::uint32_t>(active.tier)};
    event.number = completion.result < 0 ? 0 : static_cast<std::uint64_t>(completion.result);
    const std::chrono::nanoseconds opened = options_.timeline->opened().time_since_epoch();
    event.asked_ns = static_cast<std::int64_t>(active.submitted_ns) - opened.count();
    event.seen_ns = static_cast<std::int64_t>(now_ns) - opened.count();
    options_.timeline->add(event);
  }
  if (completion.result < 0) {
    failed(active, -completion.result);
  } else if (static_cast<std::uint64_t>(completion.result) > active.length) {
    end(active, ReadStatus::error,
        EIO);  // more bytes than there was room for: the system cannot be trusted with this read
  } else {
    came(active, static_cast<std::uint64_t>(completion.result));
  }
}

/// Bytes of [from, from + length) are there now.
void Reads::came(ActiveRead& active, std::uint64_t bytes) {
  const std::uint64_t had = active.have;
  const std::uint64_t wanted = active.read.offset + active.read.bytes;
  // Also where it is less than before: then the file became shorter in between.
  active.have = active.from + bytes;
  if (active.have >= wanted) return end(active, ReadStatus::ok, 0);
  if (bytes < active.length) {
    counters_.short_reads.add(1);
    const std::int64_t size = active.read.source.bytes_now(active.read.source.file.get());
    if (size < 0) return end(active, ReadStatus::error, static_cast<std::int32_t>(-size));
    if (active.have >= static_cast<std::uint64_t>(size)) {
      return end(active, ReadStatus::end_of_file, 0);
    }
    counters_.resubmits.add(1);
    if (active.have > had) {
      active.fruitless = 0;
    } else if (++active.fruitless > kRetriesShort) {
      return end(active, ReadStatus::error, ENODATA);
    }
  }
  again(active);
}

void Reads::failed(ActiveRead& active, std::int32_t error_number) {
  // A cancelled operation says ECANCELED, or EINTR where a worker of the kernel was at it.
  if (active.cancelled && (error_number == ECANCELED || error_number == EINTR)) {
    return end(active, ReadStatus::cancelled, 0);
  }
  if (error_number == EINTR && active.interrupted < kRetriesInterrupted) {
    ++active.interrupted;
    counters_.retries_interrupted.add(1);
    return retry(active);
  }
  if (error_number == EAGAIN && active.again < kRetriesAgain) {
    ++active.again;
    counters_.retries_again.add(1);
    return retry(active);
  }
  if (error_number == EIO && active.io_error < kRetriesIoError) {
    ++active.io_error;
    counters_.retries_io_error.add(1);
    return retry(active);
  }
  end(active, ReadStatus::error, error_number);
}

void Reads::retry(ActiveRead& active) {
  counters_.resubmits.add(1);
  again(active);
}

void Reads::again(ActiveRead& active) {
  if (active.cancelled) return end(active, ReadStatus::cancelled, 0);
  ready_.push_back(static_cast<std::uint32_t>(&active - active_.data()));
}

void Reads::end(ActiveRead& active, ReadStatus status, std::int32_t error_number) {
  const Read& read = active.read;
  ReadResult result;
  result.tag = read.tag;
  result.status = status;
  result.error_number = error_number;
  // What a failed operation may have written over is not counted as there.
  const bool whole = status == ReadStatus::ok || status == ReadStatus::end_of_file;
  const std::uint64_t valid = whole ? active.have : std::min(active.have, active.from);
  result.bytes = std::min(valid > read.offset ? valid - read.offset : 0, read.bytes);
  result.skip = static_cast<std::uint32_t>(read.offset - active.start);
  result.tier = active.tier;
  ReadSink* const sink = read.sink;
  active.read.source.file.reset();
  active.state = State::free;
  free_.push_back(static_cast<std::uint32_t>(&active - active_.data()));
  sink->ended(result);
}

void Reads::end_unstarted(const Read& read, ReadStatus status, std::int32_t error_number) {
  ReadResult result;
  result.tag = read.tag;
  result.status = status;
  result.error_number = error_number;
  result.skip = static_cast<std::uint32_t>(read.offset & (read.source.alignment - 1));
  result.tier = tier_of(read.source, false);
  read.sink->ended(result);
}

void Reads::cancel(const ReadSink* sink, std::optional<std::uint64_t> tag) {
  const auto wanted = [&](const Read& read) {
    return (sink == nullptr || read.sink == sink) && (!tag || read.tag == *tag);
  };
  std::vector<Read> leaving = std::move(leaving_);
  leaving.reserve(urgent_.count_if(wanted) + queue_.count_if(wanted));
  urgent_.take_if(wanted, leaving);
  queue_.take_if(wanted, leaving);
  for (const Read& read : leaving) end_unstarted(read, ReadStatus::cancelled, 0);
  leaving.clear();
  leaving_ = std::move(leaving);
  for (std::uint32_t i = 0; i < active_.size(); ++i) {
    ActiveRead& active = active_[i];
    if (active.state == State::free || active.cancelled || !wanted(active.read)) continue;
    active.cancelled = true;
    if (active.state == State::under_way) {
      cancels_.push_back(i);
    } else {
      ready_.erase(std::find(ready_.begin(), ready_.end(), i));
      end(active, ReadStatus::cancelled, 0);
    }
  }
}

std::uint32_t Reads::end_all(ReadStatus status, std::int32_t error_number) {
  all_ended_ = Ended{status, error_number};
  for (Queue* const queue : {&urgent_, &queue_}) {
    while (queue->size() != 0) end_unstarted(queue->pop(), status, error_number);
  }
  ready_.clear();
  cancels_.clear();
  for (ActiveRead& active : active_) {
    if (active.state == State::free) continue;
    abandoning_ = active.state == State::under_way;
    end(active, status, error_number);
  }
  abandoning_ = false;
  return std::exchange(under_way_, 0);
}

}  // namespace vyre::ingest

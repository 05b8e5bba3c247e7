// The dice, the clock and the memory of the simulated door.
#include "support/simulated_io.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vyre::test {
namespace {

using ingest::IoCode;
using ingest::IoCompletion;
using ingest::IoOperation;
using std::chrono::nanoseconds;

constexpr nanoseconds kEnterCost{200};
/// Of a wait in threaded mode, so that a wake-up that is lost shows as slowness at worst.
constexpr std::chrono::milliseconds kRealWait{1};

}  // namespace

void SimulatedIo::add_file(int descriptor, const SimulatedFile* file) {
  files_.push_back({descriptor, file});
}

const SimulatedFile* SimulatedIo::file_of(int descriptor) const {
  for (const Descriptor& known : files_) {
    if (known.number == descriptor) return known.file;
  }
  return nullptr;
}

void SimulatedIo::register_memory(MutableByteSpan memory) {
  if (!options_.fixed) {
    registration_.reason = "the simulator registers nothing";
    return;
  }
  registered_.push_back(memory);
  ++registration_.regions;
  registration_.bytes += memory.size();
}

bool SimulatedIo::fixed(const std::uint8_t* begin, std::uint64_t bytes) const {
  return std::any_of(registered_.begin(), registered_.end(), [&](MutableByteSpan region) {
    return begin >= region.data() && begin + bytes <= region.data() + region.size();
  });
}

bool SimulatedIo::push(const IoOperation& operation) {
  if (pushed_.size() >= options_.entries || chance(options_.refuse_one_in)) return false;
  pushed_.push_back(operation);
  return true;
}

void SimulatedIo::begin(const IoOperation& operation) {
  if (operation.code == IoCode::cancel) return cancel(operation);
  const SimulatedFile* const file = file_of(operation.descriptor);
  if (file == nullptr) return wrong("a read of a descriptor that is nobody's");
  if (operation.bytes == 0) wrong("a read of nothing");
  if (operation.code == IoCode::read_fixed && !fixed(operation.to, operation.bytes)) {
    wrong("a fixed read into memory that is not registered");
  }
  for (const Flight& flight : under_way_) {
    if (flight.operation.user_data == operation.user_data) wrong("user_data in use");
    if (operation.to < flight.operation.to + flight.operation.bytes &&
        flight.operation.to < operation.to + operation.bytes) {
      wrong("two operations write the same memory");
    }
  }
  Flight flight{operation, enters_, now_ + nanoseconds{choice_.next() % options_.most_latency_ns},
                0, 0};
  if (operation.offset % file->alignment != 0 || operation.bytes % file->alignment != 0 ||
      reinterpret_cast<std::uintptr_t>(operation.to) % file->alignment != 0) {
    wrong("a direct read that is not aligned");
    flight.fate = -EINVAL;
  }
  if (chance(options_.io_error_one_in)) flight.fate = -EIO;
  if (chance(options_.again_one_in)) flight.fate = -EAGAIN;
  if (chance(options_.interrupted_one_in)) flight.fate = -EINTR;
  if (chance(options_.other_error_one_in)) {
    flight.fate = choice_.of({-EBADF, -EINVAL, -EFAULT, -ENOMEM, -ENXIO, -ESTALE, -EPERM});
  }
  if (chance(options_.short_one_in)) flight.cut = 1 + choice_.below(operation.bytes);
  if (chance(options_.stuck_one_in)) flight.due = Time::max();
  under_way_.push_back(flight);
  most_under_way = std::max(most_under_way, under_way_.size());
}

void SimulatedIo::cancel(const IoOperation& operation) {
  const auto target = std::find_if(under_way_.begin(), under_way_.end(), [&](const Flight& flight) {
    return flight.operation.user_data == operation.target;
  });
  std::int32_t result = -ENOENT;
  if (target != under_way_.end()) {
    const bool late = chance(options_.cancel_late_one_in);
    result = late ? -EALREADY : 0;
    if (!late) {
      const Flight flight = *target;
      *target = under_way_.back();
      under_way_.pop_back();
      finish(flight, choice_.one_in(3) ? -EINTR : -ECANCELED);
    }
  }
  done_.push_back({{operation.user_data, result}, false});
}

/// What is written, and how many bytes of it are the file's.
std::int32_t SimulatedIo::read(const Flight& flight) {
  const IoOperation& operation = flight.operation;
  const SimulatedFile& file = *file_of(operation.descriptor);
  if (script) {
    if (const auto result = script(operation)) {
      if (*result > 0) std::memcpy(operation.to, file.content + operation.offset, *result);
      return *result;
    }
  }
  std::uint64_t there = operation.offset < file.bytes ? file.bytes - operation.offset : 0;
  there = std::min<std::uint64_t>(there, operation.bytes);
  if (flight.fate != 0) there = 0;
  there -= std::min<std::uint64_t>(there, flight.cut);
  std::memcpy(operation.to, file.content + operation.offset, there);
  // The rest of the buffer is the system's to spoil.
  const std::uint64_t spoilt = std::min<std::uint64_t>(operation.bytes - there, 64);
  std::memset(operation.to + there, 0xEE, spoilt);
  return flight.fate != 0 ? flight.fate : static_cast<std::int32_t>(there);
}

void SimulatedIo::finish(const Flight& flight, std::int32_t result) {
  done_.push_back({{flight.operation.user_data, result}, false});
  ended_.push_back({flight.operation, flight.begun, result});
  if (chance(options_.twice_one_in)) {
    strays_.push_back({flight.operation.user_data,
                       now_ + nanoseconds{choice_.next() % (4 * options_.most_latency_ns)}});
    ++invented_;
  }
}

void SimulatedIo::finish_due() {
  for (std::size_t i = 0; i < under_way_.size();) {
    if (under_way_[i].due > now_) {
      ++i;
      continue;
    }
    const Flight flight = under_way_[i];
    under_way_[i] = under_way_.back();  // ends that are due together come in any order
    under_way_.pop_back();
    finish(flight, read(flight));
  }
  for (std::size_t i = 0; i < strays_.size();) {
    if (strays_[i].due > now_) {
      ++i;
      continue;
    }
    done_.push_back(
        {{strays_[i].user_data, choice_.of({0, 1, 4096, -EIO, -ECANCELED, -EINTR})}, true});
    strays_[i] = strays_.back();
    strays_.pop_back();
  }
}

void SimulatedIo::invent() {
  std::uint64_t user_data = choice_.next();
  if (!ended_.empty() && choice_.one_in(2)) {  // one that was good once, or nearly
    user_data = ended_[choice_.next() % ended_.size()].operation.user_data;
    if (choice_.one_in(2)) user_data ^= std::uint64_t{1} << (24 + choice_.below(8));
  }
  for (const Flight& flight : under_way_) {
    if (flight.operation.user_data == user_data) return;  // that would be a lie, not a stray
  }
  for (const IoOperation& operation : pushed_) {
    if (operation.user_data == user_data) return;
  }
  // Of an end that is not taken yet: it may come before its original, which none could tell apart.
  for (std::size_t i = done_head_; i < done_.size(); ++i) {
    if (done_[i].completion.user_data == user_data) return;
  }
  done_.push_back({{user_data, choice_.of({0, 512, -EIO, -ECANCELED})}, true});
  ++invented_;
}

SimulatedIo::Time SimulatedIo::next_due() const {
  Time first = Time::max();
  for (const Flight& flight : under_way_) first = std::min(first, flight.due);
  for (const Stray& stray : strays_) first = std::min(first, stray.due);
  return first;
}

bool SimulatedIo::woken() {
  if (!options_.threaded) return false;
  const std::lock_guard lock(wake_mutex_);
  return std::exchange(woken_, false);
}

Status SimulatedIo::enter(std::uint32_t least, nanoseconds patience) {
  if (dead_) wrong("entered after its death");
  if (enters_++ >= options_.dies_at_enter) {
    dead_ = true;
    return tl::unexpected<Error>(
        Error{Errc::io, "the simulated ring died: EBADFD", kNoOffset, 0, 0, EBADFD});
  }
  now_ += kEnterCost;
  for (const IoOperation& operation : pushed_) begin(operation);
  pushed_.clear();
  if (chance(options_.unknown_one_in)) invent();
  const Time until = now_ + patience;
  finish_due();
  while (done_.size() - done_head_ < least && now_ < until) {
    if (woken()) break;
    const Time due = next_due();
    if (options_.threaded && due > until) {
      std::unique_lock lock(wake_mutex_);
      (void)wake_.wait_for(lock, std::min<nanoseconds>(patience, kRealWait),
                           [this] { return woken_; });
      now_ = until;
      break;
    }
    now_ = std::min(due, until);
    finish_due();
  }
  return {};
}

std::uint32_t SimulatedIo::reap(std::span<IoCompletion> out) {
  std::uint32_t taken = 0;
  for (; taken < out.size() && done_head_ != done_.size(); ++taken) {
    // Any of those that are there, but never a stray before its original.
    const auto head = done_.begin() + static_cast<std::ptrdiff_t>(done_head_);
    const auto pick =
        head + static_cast<std::ptrdiff_t>(choice_.next() % (done_.size() - done_head_));
    if (!pick->stray) std::rotate(head, pick, pick + 1);
    strays_reaped_ += done_[done_head_].stray;
    out[taken] = done_[done_head_++].completion;
  }
  if (done_head_ == done_.size()) {
    done_.clear();
    done_head_ = 0;
  }
  return taken;
}

void SimulatedIo::wake() noexcept {
  const std::lock_guard lock(wake_mutex_);
  woken_ = true;
  wake_.notify_all();
}

}  // namespace vyre::test

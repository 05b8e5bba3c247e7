// A copy is found by lane and tag through a table, however many are pending; the list of its lane
// says what the oldest is. Snapshots are shared between neighbouring lanes of one statement, so
// that a workgroup in which every lane starts the same copy holds the bytes once. They count in
// full for every lane all the same, so that the limit is that of the reference executor.
#include "async.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "protocol/limits.hpp"

namespace vyre::cpu {

AsyncCopies::Run::Run(AsyncCopies& copies, const core::BoundBuffer* buffers, const FileAsks* asks,
                      const std::atomic<bool>* stop)
    : copies_(copies) {
  copies_.clear();
  copies_.buffers_ = buffers;
  copies_.files_.begin(asks, stop);
}

AsyncCopies::Run::~Run() {
  copies_.clear();
  copies_.files_.settle();
  copies_.files_.begin(nullptr, nullptr);
}

std::size_t AsyncCopies::home(std::uint32_t lane, std::uint32_t tag) const noexcept {
  const std::uint64_t key = std::uint64_t{tag} << 32 | lane;
  const auto bits = static_cast<unsigned>(std::countr_zero(table_.size()));
  return key * 0x9E37'79B9'7F4A'7C15u >> (64 - bits);  // golden ratio: neighbours lie far apart
}

std::size_t AsyncCopies::place(std::uint32_t lane, std::uint32_t tag) const noexcept {
  std::size_t at = home(lane, tag);
  while (table_[at] != kNone) {
    const Copy& copy = copies_[table_[at]];
    if (copy.lane == lane && copy.tag == tag) break;
    at = after(at);
  }
  return at;
}

void AsyncCopies::grow() {
  constexpr std::size_t kLeast{64};
  const std::vector<std::uint32_t> old = std::move(table_);
  table_.assign(std::max(kLeast, 2 * old.size()), kNone);
  for (const std::uint32_t copy : old) {
    if (copy != kNone) table_[place(copies_[copy].lane, copies_[copy].tag)] = copy;
  }
}

/// Takes a place of the table out and closes the gap, so that every search still ends right.
void AsyncCopies::forget(std::size_t at) noexcept {
  for (std::size_t next = after(at); table_[next] != kNone; next = after(next)) {
    const Copy& copy = copies_[table_[next]];
    const std::size_t wanted = home(copy.lane, copy.tag);
    const std::size_t mask = table_.size() - 1;
    if (((next - wanted) & mask) < ((next - at) & mask)) continue;  // it may stay behind the gap
    table_[at] = table_[next];
    at = next;
  }
  table_[at] = kNone;
}

FaultCode AsyncCopies::start(std::uint32_t lane, std::uint32_t tag, std::uint32_t statement,
                             const core::BoundBuffer& source, std::uint64_t read_at,
                             std::uint32_t destination, std::uint64_t write_at,
                             std::uint64_t count) {
  if (lane >= lanes_.size()) lanes_.resize(lane + 1);
  if (2 * (pending_count_ + 1) > table_.size()) grow();
  const std::size_t at = place(lane, tag);
  if (table_[at] != kNone) return FaultCode::async_misuse;
  const std::uint64_t cost = count + kPendingCopyOverhead;
  if (cost > kMaxPendingCopyBytes - pending_bytes_) return FaultCode::copy_limit;
  pending_bytes_ += cost;
  const std::uint64_t there = read_at < source.bytes ? std::min(count, source.bytes - read_at) : 0;
  const bool same = latest_ && latest_source_ == source.data && latest_at_ == read_at &&
                    latest_->bytes.size() == there;
  if (!same) {
    auto fresh = std::make_shared<Snapshot>();
    fresh->bytes.resize(there);
    fresh->file = files_.file(static_cast<std::uint64_t>(&source - buffers_));
    if (fresh->file != 0) {
      fresh->at = read_at;
      files_.start(fresh);
    } else {
      if (there != 0) std::memcpy(fresh->bytes.data(), source.data + read_at, there);
      fresh->landed = there;
    }
    latest_ = std::move(fresh);
    latest_source_ = source.data;
    latest_at_ = read_at;
  }
  Lane& mine = lanes_[lane];
  Copy copy{lane, tag, statement, destination, write_at, count, latest_, mine.newest, kNone};
  std::uint32_t index = over_;
  if (index != kNone) {
    over_ = copies_[index].after;
    copies_[index] = std::move(copy);
  } else {
    index = static_cast<std::uint32_t>(copies_.size());
    copies_.push_back(std::move(copy));
  }
  (mine.newest == kNone ? mine.oldest : copies_[mine.newest].after) = index;
  mine.newest = index;
  table_[at] = index;
  ++pending_count_;
  return FaultCode::none;
}

FaultCode AsyncCopies::wait(std::uint32_t lane, std::uint32_t tag,
                            const core::BoundBuffer* buffers) {
  if (pending_count_ == 0) return FaultCode::async_misuse;
  const std::size_t at = place(lane, tag);
  if (table_[at] == kNone) return FaultCode::async_misuse;
  const std::uint32_t index = table_[at];
  Copy& copy = copies_[index];
  if (const FaultCode fault = files_.finish(*copy.snapshot); fault != FaultCode::none) return fault;
  // `count` was clipped to the destination when the copy started.
  std::uint8_t* const to = buffers[copy.destination].data + copy.write_at;
  const std::uint64_t there = copy.snapshot->bytes.size();
  if (there != 0) std::memcpy(to, copy.snapshot->bytes.data(), there);
  if (copy.count > there) std::memset(to + there, 0, copy.count - there);
  pending_bytes_ -= copy.count + kPendingCopyOverhead;
  forget(at);
  Lane& mine = lanes_[lane];
  (copy.before == kNone ? mine.oldest : copies_[copy.before].after) = copy.after;
  (copy.after == kNone ? mine.newest : copies_[copy.after].before) = copy.before;
  copy.snapshot.reset();
  copy.after = std::exchange(over_, index);
  --pending_count_;
  return FaultCode::none;
}

bool AsyncCopies::pending(std::uint32_t lane) const {
  return lane < lanes_.size() && lanes_[lane].oldest != kNone;
}

void AsyncCopies::clear() noexcept {
  copies_.clear();
  over_ = kNone;
  if (pending_count_ != 0) table_.clear();  // else it is empty already
  if (pending_count_ != 0) lanes_.clear();
  pending_count_ = 0;
  pending_bytes_ = 0;
  latest_.reset();
  files_.drop();
}

AsyncDoor AsyncCopies::door() noexcept {
  return {this,
          [](void* p) { static_cast<AsyncCopies*>(p)->latest_.reset(); },
          [](void* p, std::uint32_t lane, std::uint32_t tag, std::uint32_t statement,
             const core::BoundBuffer& source, std::uint64_t read_at, std::uint32_t destination,
             std::uint64_t write_at, std::uint64_t count) {
            return static_cast<AsyncCopies*>(p)->start(lane, tag, statement, source, read_at,
                                                       destination, write_at, count);
          },
          [](void* p, std::uint32_t lane, std::uint32_t tag, const core::BoundBuffer* buffers) {
            return static_cast<AsyncCopies*>(p)->wait(lane, tag, buffers);
          },
          [](void* p) { return static_cast<AsyncCopies*>(p)->pending_count_ != 0; },
          [](void* p, std::uint32_t lane) { return static_cast<AsyncCopies*>(p)->pending(lane); },
          [](void* p, std::uint32_t lane) {
            const auto* const copies = static_cast<AsyncCopies*>(p);
            return copies->copies_[copies->lanes_[lane].oldest].statement;
          },
          [](void* p) { static_cast<AsyncCopies*>(p)->clear(); }};
}

}  // namespace vyre::cpu

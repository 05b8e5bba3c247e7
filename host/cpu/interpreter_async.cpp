// Snapshots are shared between neighbouring lanes of one statement, so that a workgroup in which
// every lane starts the same copy holds the bytes once. They count in full for every lane all the
// same, so that the limit is that of the reference executor.
#include "interpreter_async.hpp"

#include <algorithm>
#include <cstring>

#include "vyre/protocol/limits.hpp"

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

FaultCode AsyncCopies::start(std::uint32_t lane, std::uint32_t tag, std::uint32_t statement,
                             const core::BoundBuffer& source, std::uint64_t read_at,
                             std::uint32_t destination, std::uint64_t write_at,
                             std::uint64_t count) {
  if (lane >= lanes_.size()) lanes_.resize(lane + 1);
  for (const Copy& copy : lanes_[lane]) {
    if (copy.tag == tag) return FaultCode::async_misuse;
  }
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
  lanes_[lane].push_back({statement, tag, destination, write_at, count, latest_});
  ++pending_count_;
  return FaultCode::none;
}

FaultCode AsyncCopies::wait(std::uint32_t lane, std::uint32_t tag,
                            const core::BoundBuffer* buffers) {
  if (lane >= lanes_.size()) return FaultCode::async_misuse;
  auto& copies = lanes_[lane];
  const auto found =
      std::find_if(copies.begin(), copies.end(), [tag](const Copy& c) { return c.tag == tag; });
  if (found == copies.end()) return FaultCode::async_misuse;
  if (const FaultCode fault = files_.finish(*found->snapshot); fault != FaultCode::none)
    return fault;
  // `count` was clipped to the destination when the copy started.
  std::uint8_t* const to = buffers[found->destination].data + found->write_at;
  const std::uint64_t there = found->snapshot->bytes.size();
  if (there != 0) std::memcpy(to, found->snapshot->bytes.data(), there);
  if (found->count > there) std::memset(to + there, 0, found->count - there);
  pending_bytes_ -= found->count + kPendingCopyOverhead;
  copies.erase(found);
  --pending_count_;
  return FaultCode::none;
}

bool AsyncCopies::pending(std::uint32_t lane) const {
  return lane < lanes_.size() && !lanes_[lane].empty();
}

void AsyncCopies::clear() noexcept {
  lanes_.clear();
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
            return static_cast<AsyncCopies*>(p)->lanes_[lane].front().statement;
          },
          [](void* p) { static_cast<AsyncCopies*>(p)->clear(); }};
}

}  // namespace vyre::cpu

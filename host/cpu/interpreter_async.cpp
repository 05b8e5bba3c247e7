// Snapshots are shared between neighbouring lanes of one statement, so that a workgroup in which
// every lane starts the same copy holds the bytes once.
#include "interpreter_async.hpp"

#include <algorithm>
#include <cstring>

namespace vyre::cpu {

bool AsyncCopies::start(std::uint32_t lane, std::uint32_t tag, std::uint32_t statement,
                        const core::BoundBuffer& source, std::uint64_t read_at,
                        std::uint32_t destination, std::uint64_t write_at, std::uint64_t count) {
  if (lane >= lanes_.size()) lanes_.resize(lane + 1);
  for (const Copy& copy : lanes_[lane]) {
    if (copy.tag == tag) return false;
  }
  const std::uint64_t there = read_at < source.bytes ? std::min(count, source.bytes - read_at) : 0;
  Snapshot bytes = latest_.lock();
  const bool same = bytes && latest_source_ == source.data && latest_at_ == read_at &&
                    bytes->size() == there && latest_tag_ == tag && lane == latest_lane_ + 1;
  if (!same) {
    if (pending_bytes_ + there > kMaxPendingBytes) return false;
    pending_bytes_ += there;
    auto fresh = std::make_shared<std::vector<std::uint8_t>>(there);
    if (there != 0) std::memcpy(fresh->data(), source.data + read_at, there);
    bytes = std::move(fresh);
  }
  latest_ = bytes;
  latest_source_ = source.data;
  latest_at_ = read_at;
  latest_lane_ = lane;
  latest_tag_ = tag;
  lanes_[lane].push_back({statement, tag, destination, write_at, count, std::move(bytes)});
  ++pending_count_;
  return true;
}

bool AsyncCopies::wait(std::uint32_t lane, std::uint32_t tag, const core::BoundBuffer* buffers) {
  if (lane >= lanes_.size()) return false;
  auto& copies = lanes_[lane];
  const auto found =
      std::find_if(copies.begin(), copies.end(), [tag](const Copy& c) { return c.tag == tag; });
  if (found == copies.end()) return false;
  // `count` was clipped to the destination when the copy started.
  std::uint8_t* const to = buffers[found->destination].data + found->write_at;
  const std::uint64_t there = found->bytes->size();
  if (there != 0) std::memcpy(to, found->bytes->data(), there);
  if (found->count > there) std::memset(to + there, 0, found->count - there);
  if (found->bytes.use_count() == 1) pending_bytes_ -= there;
  copies.erase(found);
  --pending_count_;
  return true;
}

bool AsyncCopies::pending(std::uint32_t lane) const {
  return lane < lanes_.size() && !lanes_[lane].empty();
}

AsyncDoor AsyncCopies::door() noexcept {
  return {this,
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
          [](void* p) {
            auto* copies = static_cast<AsyncCopies*>(p);
            copies->lanes_.clear();
            copies->pending_count_ = 0;
            copies->pending_bytes_ = 0;
            copies->latest_.reset();
          }};
}

}  // namespace vyre::cpu

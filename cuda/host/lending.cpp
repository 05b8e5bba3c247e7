// Keeping account of what is locked. See lending.hpp.
#include "lending.hpp"

#include <algorithm>

namespace vyre::cuda {

Lending::~Lending() {
  unlock_ended();
  for (const auto& [handle, host] : lent_) door_.unlock_memory(host);
}

Result<std::uint64_t> Lending::lend(std::uint32_t handle, MutableByteSpan host, bool writable) {
  const std::lock_guard lock(mutex_);
  ended_.reserve(ended_.size() + lent_.size() + 1);  // end() needs no memory
  const auto at = lent_.emplace(handle, host).first;
  auto address = door_.lock_memory(host, writable);
  if (!address) lent_.erase(at);
  return address;
}

std::optional<MutableByteSpan> Lending::find(std::uint32_t handle) const noexcept {
  const std::lock_guard lock(mutex_);
  const auto at = lent_.find(handle);
  return at == lent_.end() ? std::nullopt : std::optional(at->second);
}

void Lending::end(std::uint32_t handle) noexcept {
  const std::lock_guard lock(mutex_);
  const auto at = lent_.find(handle);
  if (at == lent_.end()) return;
  ended_.push_back({handle, at->second});
  lent_.erase(at);
}

bool Lending::is_ending(std::uint32_t handle) const noexcept {
  const std::lock_guard lock(mutex_);
  return std::any_of(ended_.begin(), ended_.end(),
                     [handle](const Ended& ended) { return ended.handle == handle; });
}

bool Lending::wants_gap() const noexcept {
  const std::lock_guard lock(mutex_);
  return !ended_.empty();
}

void Lending::unlock_ended() noexcept {
  const std::lock_guard lock(mutex_);
  for (const Ended& ended : ended_) door_.unlock_memory(ended.host);
  ended_.clear();
}

}  // namespace vyre::cuda

// Keeping account of what is locked. See lending.hpp.
#include "lending.hpp"

#include <algorithm>

namespace vyre::cuda {

Lending::~Lending() {
  for (const Ended& ended : ended_) door_.unlock_memory(ended.lent.host);
  for (const auto& [handle, lent] : lent_) door_.unlock_memory(lent.host);
}

Result<std::uint64_t> Lending::lend(std::uint32_t handle, MutableByteSpan host, bool writable) {
  const std::lock_guard lock(mutex_);
  ended_.reserve(ended_.size() + lent_.size() + 1);  // end() needs no memory
  const auto at = lent_.emplace(handle, Lent{host, writable, 0}).first;
  auto address = door_.lock_memory(host, writable);
  if (!address) lent_.erase(at);
  return address;
}

std::optional<MutableByteSpan> Lending::find(std::uint32_t handle) const noexcept {
  const std::lock_guard lock(mutex_);
  const auto at = lent_.find(handle);
  return at == lent_.end() ? std::nullopt : std::optional(at->second.host);
}

void Lending::end(std::uint32_t handle) noexcept {
  const std::lock_guard lock(mutex_);
  const auto at = lent_.find(handle);
  if (at == lent_.end()) return;
  ended_.push_back({handle, at->second});
  lent_.erase(at);
}

Lending::Hold Lending::hold(const std::uint8_t* host, std::uint64_t bytes, bool writable) noexcept {
  const std::lock_guard lock(mutex_);
  const auto at = reinterpret_cast<std::uintptr_t>(host);
  for (auto& [handle, lent] : lent_) {
    const auto begin = reinterpret_cast<std::uintptr_t>(lent.host.data());
    const bool inside =
        at >= begin && at - begin <= lent.host.size() && bytes <= lent.host.size() - (at - begin);
    if (!inside || (writable && !lent.writable)) continue;
    ++lent.holds;
    return {this, lent.host.data()};
  }
  return {nullptr, nullptr};
}

void Lending::let_go(const std::uint8_t* at) noexcept {
  const std::lock_guard lock(mutex_);
  // Its handle may have ended meanwhile.
  for (auto& [handle, lent] : lent_) {
    if (lent.host.data() == at) --lent.holds;
  }
  for (Ended& ended : ended_) {
    if (ended.lent.host.data() == at) --ended.lent.holds;
  }
}

bool Lending::is_ending(std::uint32_t handle) const noexcept {
  const std::lock_guard lock(mutex_);
  return std::any_of(ended_.begin(), ended_.end(),
                     [handle](const Ended& ended) { return ended.handle == handle; });
}

bool Lending::wants_gap() const noexcept {
  const std::lock_guard lock(mutex_);
  return std::any_of(ended_.begin(), ended_.end(),
                     [](const Ended& ended) { return ended.lent.holds == 0; });
}

void Lending::unlock_ended() noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(ended_, [this](const Ended& ended) {
    if (ended.lent.holds != 0) return false;
    door_.unlock_memory(ended.lent.host);
    return true;
  });
}

}  // namespace vyre::cuda

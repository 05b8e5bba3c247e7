// Best fit over an ordered set of free runs. See arena.hpp.
#include "arena.hpp"

#include <iterator>

namespace vyre::cuda {

Arena::Arena(std::uint64_t bytes) : bytes_(bytes / kArenaGranule * kArenaGranule) {
  if (bytes_ == 0) return;
  runs_.emplace(0, Run{bytes_, {}});
  free_by_size_.emplace(bytes_, 0);
}

std::uint64_t Arena::largest_free() const noexcept {
  return free_by_size_.empty() ? 0 : free_by_size_.rbegin()->first;
}

std::optional<std::uint64_t> Arena::allocate(std::uint64_t bytes) {
  if (bytes > bytes_) return std::nullopt;  // also what the rounding below could overflow
  const std::uint64_t wanted =
      bytes == 0 ? kArenaGranule : (bytes + kArenaGranule - 1) / kArenaGranule * kArenaGranule;
  const auto found = free_by_size_.lower_bound({wanted, 0});
  if (found == free_by_size_.end()) return std::nullopt;
  const auto [found_bytes, offset] = *found;
  const auto run = runs_.find(offset);
  if (found_bytes != wanted) {
    // What may throw comes first, and is undone if its second half does.
    const auto rest = runs_.emplace(offset + wanted, Run{found_bytes - wanted, {}}).first;
    try {
      free_by_size_.emplace(found_bytes - wanted, offset + wanted);
    } catch (...) {
      runs_.erase(rest);
      throw;
    }
  }
  run->second.bytes = wanted;
  run->second.size_node = free_by_size_.extract(found);
  used_ += wanted;
  return offset;
}

bool Arena::free(std::uint64_t offset) noexcept {
  auto run = runs_.find(offset);
  if (run == runs_.end() || run->second.size_node.empty()) return false;
  used_ -= run->second.bytes;
  BySize::node_type node = std::move(run->second.size_node);
  if (const auto next = std::next(run); next != runs_.end() && next->second.size_node.empty()) {
    free_by_size_.erase({next->second.bytes, next->first});
    run->second.bytes += next->second.bytes;
    runs_.erase(next);
  }
  if (run != runs_.begin()) {
    if (const auto before = std::prev(run); before->second.size_node.empty()) {
      free_by_size_.erase({before->second.bytes, before->first});
      before->second.bytes += run->second.bytes;
      runs_.erase(run);
      run = before;
    }
  }
  node.value() = {run->second.bytes, run->first};
  free_by_size_.insert(std::move(node));
  return true;
}

}  // namespace vyre::cuda

// See imported_ranges.hpp.
#include "imported_ranges.hpp"

#include <algorithm>

#include "base/message.hpp"

namespace vyre::runtime {

Status ImportedRanges::disjoint(const Ranges& from, std::uintptr_t begin, std::uintptr_t end) {
  // What begins further in front than the longest one is long ends before `begin`.
  auto range = from.by_begin.upper_bound(begin - std::min(begin, from.longest));
  for (; range != from.by_begin.end() && range->first < end; ++range) {
    if (range->second.end <= begin) continue;
    return fail(
        Errc::invalid_argument,
        message("the memory to import, {} bytes from address {} on, overlaps that of handle {}, {} "
                "bytes from {} on; retire that one and wait for its `done` first, use its handle, "
                "or import both to read only",
                end - begin, begin, range->second.handle, range->second.end - range->first,
                range->first));
  }
  return {};
}

Status ImportedRanges::add(const OrderLock&, std::uint32_t handle, ByteSpan host, bool writable) {
  if (host.empty()) return {};
  const auto begin = reinterpret_cast<std::uintptr_t>(host.data());
  const std::uintptr_t end = begin + host.size();
  VYRE_TRY(disjoint(written_, begin, end));
  if (writable) VYRE_TRY(disjoint(only_read_, begin, end));
  Ranges& into = writable ? written_ : only_read_;
  const auto [known, added] = by_handle_.try_emplace(handle, Known{&into, {}});
  try {
    known->second.place = into.by_begin.emplace(begin, Range{end, handle});
  } catch (...) {
    by_handle_.erase(known);
    throw;
  }
  into.longest = std::max(into.longest, end - begin);
  return {};
}

void ImportedRanges::remove(const OrderLock&, std::uint32_t handle) noexcept {
  if (by_handle_.empty()) return;
  const auto known = by_handle_.find(handle);
  if (known == by_handle_.end()) return;
  known->second.in->by_begin.erase(known->second.place);
  by_handle_.erase(known);
}

}  // namespace vyre::runtime

// The memory that callers lend to a session. What uses a buffer is found by its handle, so no two
// handles name the same bytes, unless nothing writes them. Host only.
//
// Lock: the caller holds the order lock.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "order_lock.hpp"

namespace vyre::runtime {

class ImportedRanges {
 public:
  /// Refuses what overlaps memory of a live handle and is written through either of both.
  [[nodiscard]] Status add(const OrderLock&, std::uint32_t handle, ByteSpan host, bool writable);
  /// Of any handle that ends; most are of no memory of a caller.
  void remove(const OrderLock&, std::uint32_t handle) noexcept;

 private:
  struct Range {
    std::uintptr_t end{0};
    std::uint32_t handle{0};
  };
  /// By where they begin.
  struct Ranges {
    std::multimap<std::uintptr_t, Range> by_begin;
    std::uintptr_t longest{0};  // of all that there ever were
  };
  using Place = std::multimap<std::uintptr_t, Range>::const_iterator;
  struct Known {
    Ranges* in;
    Place place;
  };
  [[nodiscard]] static Status disjoint(const Ranges& from, std::uintptr_t begin,
                                       std::uintptr_t end);

  Ranges written_;  // none overlaps another one
  Ranges only_read_;
  std::unordered_map<std::uint32_t, Known> by_handle_;
};

}  // namespace vyre::runtime

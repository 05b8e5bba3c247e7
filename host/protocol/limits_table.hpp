// The rows of limits.def as data, for `vyre caps` and docs. Host only.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace vyre {

struct Limit {
  std::string_view identifier;  // the constant, "kMaxRingSlots"
  std::string_view name;        // for people and JSON, "max_ring_slots"
  std::uint64_t value;
  std::string_view unit;
  std::string_view reason;
};

[[nodiscard]] std::span<const Limit> limits() noexcept;

}  // namespace vyre

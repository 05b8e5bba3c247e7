// From buffer lengths to the dispatch grid, in integers, so that host and device agree to the last
// workgroup. Host and device; plain data. The rule is vir::infer_grid's and vir::grid_for's, which
// tests compare it with; made by vir::grid_rule. Spec: docs/internals/vir0.md, "Buffers and grid".
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/host_device.hpp"
#include "core/run.hpp"

namespace vyre::core {

/// How one declared buffer counts. `unit` 0: not at all (workgroup memory).
struct GridBuffer {
  std::uint32_t unit;     // bits of an element if `in_bits`, else bytes
  std::uint16_t in_bits;  // packed elements: bytes * 8 / unit
  std::uint16_t counts;   // 1: always; 0: only where the rule says all_buffers
};

struct GridRule {
  std::uint32_t workgroup[3];
  std::uint32_t all_buffers;  // inputs count beside what is returned
  std::uint64_t at_least;     // elements, whatever the buffers hold (1 or more)
};
static_assert(std::is_trivially_copyable_v<GridRule> && std::is_trivially_copyable_v<GridBuffer>);

[[nodiscard]] VYRE_HD constexpr std::uint64_t grid_elements(const GridBuffer& buffer,
                                                            std::uint64_t bytes) noexcept {
  if (buffer.unit == 0) return 0;
  if (buffer.in_bits == 0) return bytes / buffer.unit;
  // Where bytes * 8 would overflow, the rule rounds to whole bytes first.
  return bytes >> 61 != 0 ? bytes / buffer.unit * 8 : bytes * 8 / buffer.unit;
}

/// The least b with b^power >= total; total below 2^32, power 1 to 3.
[[nodiscard]] VYRE_HD constexpr std::uint32_t root_up(std::uint64_t total,
                                                      std::uint32_t power) noexcept {
  if (power <= 1) return static_cast<std::uint32_t>(total);
  std::uint64_t low = 0;
  std::uint64_t high = power == 2 ? 65'536 : 1'626;  // high^power >= 2^32
  while (high - low > 1) {
    const std::uint64_t middle = (low + high) / 2;
    const std::uint64_t value = power == 2 ? middle * middle : middle * middle * middle;
    (value >= total ? high : low) = middle;
  }
  return static_cast<std::uint32_t>(high);
}

/// The smallest grid of the rule's shape over `elements` invocations; false: an id or a count would
/// not fit 32 bits.
[[nodiscard]] VYRE_HD constexpr bool shape_grid(const GridRule& rule, std::uint64_t elements,
                                                std::uint32_t grid[3]) noexcept {
  std::uint64_t lanes = 1;
  std::uint32_t active = 0;
  for (int axis = 0; axis < 3; ++axis) {
    lanes *= rule.workgroup[axis];
    active += rule.workgroup[axis] > 1 ? 1u : 0u;
    grid[axis] = 1;
  }
  const std::uint64_t n = elements == 0 ? 1 : elements;
  const std::uint64_t total = n / lanes + (n % lanes != 0 ? 1 : 0);
  if (total > 0xFFFF'FFFFu) return false;
  if (active == 0) {
    grid[0] = static_cast<std::uint32_t>(total);
    return true;
  }
  const std::uint32_t base = root_up(total, active);
  for (int axis = 0; axis < 3; ++axis) {
    if (rule.workgroup[axis] > 1) grid[axis] = base;
    if (std::uint64_t{grid[axis]} * rule.workgroup[axis] - 1 > 0xFFFF'FFFFu) return false;
  }
  return true;
}

/// `lengths` and `buffers` by declaration index. param 0: from the buffers; else invocations.
template <class Lengths>
[[nodiscard]] VYRE_HD constexpr bool find_grid(const GridRule& rule, const GridBuffer* buffers,
                                               std::uint32_t count, const Lengths& lengths,
                                               std::uint32_t param,
                                               std::uint32_t grid[3]) noexcept {
  if (param != 0) return shape_grid(rule, param, grid);
  std::uint64_t n = rule.at_least;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (buffers[i].counts == 0 && rule.all_buffers == 0) continue;
    const std::uint64_t elements = grid_elements(buffers[i], lengths[i]);
    n = elements > n ? elements : n;
  }
  return shape_grid(rule, n, grid);
}

}  // namespace vyre::core

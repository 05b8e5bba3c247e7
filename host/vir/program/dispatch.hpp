// How a program meets its buffers: which take input bytes, which are zero-filled, what is returned,
// and the grid. Host only, pure. Spec: docs/internals/vir0.md, "Buffers and grid".
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/buffer_role.hpp"
#include "core/grid.hpp"
#include "vir/program/program.hpp"

namespace vyre::vir {

using core::BufferRole;
[[nodiscard]] BufferRole role_of(const BufferDecl& buffer) noexcept;
[[nodiscard]] constexpr bool takes_input(BufferRole role) noexcept {
  return role == BufferRole::read_write || role == BufferRole::read;
}
[[nodiscard]] constexpr bool is_returned(BufferRole role) noexcept {
  return role == BufferRole::read_write || role == BufferRole::allocated;
}

/// Bytes that an index of a load or store steps over: 0 for types that are only ever addressed as a
/// whole.
[[nodiscard]] std::uint64_t element_stride(const Program& program, TypeId type);

/// Bytes that `count` elements of the declaration need; an unsized element with count > 0 is an
/// error.
[[nodiscard]] Result<std::uint64_t> required_bytes(const Program& program,
                                                   const BufferDecl& buffer);
/// Bits of what a length counts (BufLen): 4 for 4-bit types, 8 for those that are only ever
/// addressed as a whole, else an element.
[[nodiscard]] std::uint64_t length_bits(const Program& program, const BufferDecl& buffer);
/// Elements in `byte_length` real bytes (what BufLen returns); 4-bit types count two a byte.
[[nodiscard]] std::uint64_t element_count(const Program& program, const BufferDecl& buffer,
                                          std::uint64_t byte_length);

/// Bytes of all workgroup buffers together; more than kMaxWorkgroupBytes is an error.
[[nodiscard]] Result<std::uint64_t> workgroup_bytes(const Program& program);

/// The bytes of a returned buffer that the caller gets: output_byte_range if it fits, else all of
/// them.
[[nodiscard]] ByteRange returned_range(const BufferDecl& buffer,
                                       std::uint64_t byte_length) noexcept;

using Grid = std::array<std::uint32_t, 3>;  // workgroups in x, y, z

/// The reference's dispatch grid, from the real byte length of every buffer (by declaration index;
/// workgroup buffers: ignored).
[[nodiscard]] Result<Grid> infer_grid(const Program& program,
                                      std::span<const std::uint64_t> byte_lengths);
/// The smallest grid of the same shape rule that covers `elements` invocations.
[[nodiscard]] Result<Grid> grid_for(const Program& program, std::uint64_t elements);

/// The same rule as plain data, for code that knows lengths but no program (core::find_grid):
/// infer_grid for param 0, grid_for for the rest. The errors of those two that no length changes
/// come here.
struct GridPlan {
  core::GridRule rule{};
  std::vector<core::GridBuffer> buffers;  // by declaration index
};
[[nodiscard]] Result<GridPlan> grid_rule(const Program& program);

/// How a program reaches the bytes of a declared buffer. BufLen alone reaches none.
struct BufferReach {
  bool plain{false};  // otherwise than as below: loads, stores, atomics, destinations, collectives
  bool copied_from{false};  // it is the source of an AsyncLoad or AsyncStore
};
/// By declaration index, of a prepared program, whether the statement can be reached or not.
[[nodiscard]] std::vector<BufferReach> buffer_reach(const Program& program);

/// Input byte lengths in declaration order of the buffers that take input -> length of every
/// declared buffer. Also accepts the legacy form (one value per non-workgroup buffer). Too few, too
/// many, too short: errors.
struct BufferPlan {
  std::vector<BufferRole> roles;            // by declaration index
  std::vector<std::uint64_t> byte_lengths;  // by declaration index
  std::vector<std::uint32_t> input_index;   // by declaration index: index into inputs, or kNone
  std::uint64_t workgroup_bytes{0};
};
[[nodiscard]] Result<BufferPlan> plan_buffers(const Program& program,
                                              std::span<const std::uint64_t> input_lengths);

}  // namespace vyre::vir

// Which registers an instruction reads and writes. Host only, private to the room.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/image.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::jit {

/// Registers from an operand on that the instruction may read. It may say more than are read.
[[nodiscard]] inline std::uint32_t operand_words(const core::Instruction& i, unsigned which) {
  using core::Opcode;
  using vir::lowering::Shape;
  const Shape shape = vir::lowering::facts_of(i.op).shape;
  if (i.op == Opcode::assign) return i.aux;
  if (i.op == Opcode::store_n && which == 1) return i.c;
  if (i.op == Opcode::store_bytes && which == 1) return (i.c + 3u) / 4u;
  return shape == Shape::pure64 || shape == Shape::checked ? 2 : 1;
}

/// f(scalar, register) for each that the instruction reads.
template <class F>
void each_read(const core::Image& image, const core::Instruction& i, F f) {
  using core::Opcode;
  const std::uint16_t registers[3] = {i.a, i.b, i.c};
  const bool scalars = i.op == Opcode::loop_enter_s || i.op == Opcode::loop_next_s;
  for (unsigned k = 0; k < vir::lowering::facts_of(i.op).sources; ++k) {
    const bool scalar = scalars || (i.form >> k & 1) != 0;
    const std::uint32_t end = std::min(registers[k] + operand_words(i, k),
                                       scalar ? image.scalar_registers : image.vector_registers);
    for (std::uint32_t r = registers[k]; r < end; ++r) f(scalar, r);
  }
}

/// f(scalar, register) for each that the instruction writes.
template <class F>
void each_write(const core::Image& image, const core::Instruction& i, F f) {
  using core::Opcode;
  if (i.op == Opcode::loop_next_v) f(false, std::uint32_t{i.a});
  if (i.op == Opcode::loop_next_s) f(true, std::uint32_t{i.a});
  if (i.op == Opcode::uniform_check) f(true, std::uint32_t{i.dst});
  const bool scalar = (i.form & core::kScalarResult) != 0;
  for (std::uint32_t k = 0; k < vir::lowering::result_words(image, i); ++k) f(scalar, i.dst + k);
}

}  // namespace vyre::jit

// Which registers an instruction reads and writes. Host only, private to the room.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/image.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::jit {

/// f(scalar, register) for each that the instruction reads.
template <class F>
void each_read(const core::Image& image, const core::Instruction& i, F f) {
  using core::Opcode;
  const std::uint16_t registers[3] = {i.a, i.b, i.c};
  const bool scalars = i.op == Opcode::loop_enter_s || i.op == Opcode::loop_next_s;
  for (unsigned k = 0; k < vir::lowering::facts_of(i.op).sources; ++k) {
    const bool scalar = scalars || (i.form >> k & 1) != 0;
    const std::uint32_t end = std::min(registers[k] + vir::lowering::operand_words(i, k),
                                       scalar ? image.scalar_registers : image.vector_registers);
    for (std::uint32_t r = registers[k]; r < end; ++r) f(scalar, r);
  }
  if (i.op == Opcode::fmul_add_chain) {
    f(true, i.imm & 0xFFFFu);
    f(true, i.imm >> 16);
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

// What opcodes.def says of an opcode, as values. Host only.
#pragma once

#include <cstdint>

#include "core/image.hpp"

namespace vyre::vir::lowering {

enum class Shape : std::uint8_t { flow, move, pure, pure64, checked, memory, group };

struct OpcodeFacts {
  const char* name{"?"};
  unsigned sources{0};  // operands read: a, b, c
  Shape shape{Shape::flow};
};

[[nodiscard]] constexpr OpcodeFacts facts_of(core::Opcode op) noexcept {
  switch (op) {
#define VYRE_OPCODE(name, sources, shape) \
  case core::Opcode::name:                \
    return {#name, sources, Shape::shape};
#include "core/opcodes.def"
  }
  return {};
}

[[nodiscard]] constexpr bool is_load(core::Opcode op) noexcept {
  return op == core::Opcode::load32 || op == core::Opcode::load_f32 || op == core::Opcode::load8 ||
         op == core::Opcode::load_n;
}

[[nodiscard]] constexpr bool is_store(core::Opcode op) noexcept {
  return op == core::Opcode::store32 || op == core::Opcode::store_f32 ||
         op == core::Opcode::store_n || op == core::Opcode::store_bytes;
}

/// Whether dst is a result. (uniform_check keeps a scalar there, which is none.)
[[nodiscard]] constexpr bool has_result(core::Opcode op) noexcept {
  const Shape shape = facts_of(op).shape;
  if (shape == Shape::memory)
    return is_load(op) || op == core::Opcode::buf_len || op == core::Opcode::atomic;
  return shape != Shape::flow;
}

/// Whether an instruction on pairs gives one word.
[[nodiscard]] constexpr bool is_word_of_pairs(core::Opcode op) noexcept {
  using core::Opcode;
  return (op >= Opcode::eq64 && op <= Opcode::lor64) || op == Opcode::truth64 ||
         op == Opcode::lnot64 || op == Opcode::f32_from_u64 || op == Opcode::f32_from_f64 ||
         op == Opcode::u32_from_f64 || op == Opcode::i32_from_f64 || op == Opcode::truth_f64;
}

/// Registers from an operand on that the instruction may read. It may say more than are read.
[[nodiscard]] constexpr std::uint32_t operand_words(const core::Instruction& i,
                                                    unsigned which) noexcept {
  using core::Opcode;
  if (i.op == Opcode::assign) return i.aux;
  if (i.op == Opcode::store_n && which == 1) return i.c;
  if (i.op == Opcode::store_bytes && which == 1) return (i.c + 3u) / 4u;
  const Shape shape = facts_of(i.op).shape;
  return shape == Shape::pure64 || shape == Shape::checked ? 2 : 1;
}

/// The registers from dst on that are written.
[[nodiscard]] inline std::uint32_t result_words(const core::Image& image,
                                                const core::Instruction& i) noexcept {
  using core::Opcode;
  if (!has_result(i.op)) return 0;
  if (i.op == Opcode::assign) return i.aux;
  if (i.op == Opcode::load_n) return (image.buffers[i.imm].stride + 3) / 4;
  const bool wide_check = i.op == Opcode::check_u64_i32 || i.op == Opcode::check_u64_f32 ||
                          i.op == Opcode::check_u64_f64;
  return wide_check || (facts_of(i.op).shape == Shape::pure64 && !is_word_of_pairs(i.op)) ? 2 : 1;
}

/// Whether every lane of a vector result, all of its words, is written.
[[nodiscard]] constexpr bool writes_all(const core::Instruction& i) noexcept {
  if ((i.form & core::kScalarResult) != 0 || i.op == core::Opcode::assign) return false;
  const Shape shape = facts_of(i.op).shape;
  return shape == Shape::pure || shape == Shape::move || shape == Shape::pure64 ||
         (is_load(i.op) && i.op != core::Opcode::load_n);
}

/// Whether the result is the lane's id along the first dimension of the grid.
[[nodiscard]] constexpr bool is_lane_id(const core::Instruction& i) noexcept {
  return i.op == core::Opcode::global_id && i.aux == 0 && (i.form & core::kScalarResult) == 0;
}

}  // namespace vyre::vir::lowering

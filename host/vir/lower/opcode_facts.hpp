// What opcodes.def says of an opcode, as values. Host only, private to lowering.
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

}  // namespace vyre::vir::lowering

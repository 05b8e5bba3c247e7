// Byte runs: stretches of straight code that a CPU may execute on rows of bytes, 64 lanes an
// instruction of the processor, because all their values fit. A run loads bytes at the lane's id
// plus a scalar and compares and combines them. Where what it assumes does not hold (a frame at the
// end of a buffer, a scalar above 255), its instructions are executed as they are written. Devices
// do not know them. Plain data. Spec: docs/internals/image.md, "Byte runs".
#pragma once

#include <cstdint>

namespace vyre::core {

enum class ByteCode : std::uint8_t {
  load,     // row at the lane's id plus scalar a, of buffer imm
  load_eq,  // the same, compared with scalar b
  fill,     // of scalar a
  eq,       // rows or scalars a, b; 1 or 0, like all comparisons
  ne,
  ult,
  ule,
  bit_and,
  bit_or,
  bit_xor,
  umin,
  umax,
  lnot,
  truth,
  select,         // a != 0 ? b : c
  id_below,       // the lane's id < scalar b
  below_from_id,  // scalar a <= scalar b - the lane's id; `scalars` 1: <
  scalar,         // the instruction imm, which has a scalar result
  widen,          // row a into vector register dst
  put_id,         // the lane's id plus scalar a into vector register dst
  put_from_id,    // scalar a minus the lane's id into vector register dst
  and_word,       // last in its run: vector register dst = vector register b & row a
  branch          // if_begin on row a; `scalars`: its aux; imm: its target; b 1: all that it guards
                  // is the atomic behind it, of scalars
};

struct ByteStep {
  ByteCode code;
  std::uint8_t scalars;  // bit k: operand k is a scalar and no row
  std::uint16_t dst;     // row, unless the code says otherwise
  std::uint16_t a;
  std::uint16_t b;
  std::uint16_t c;
  std::uint32_t imm;
};

/// Instructions [first, next) are steps [step, step + steps).
struct ByteRun {
  std::uint32_t first;
  std::uint32_t next;
  std::uint32_t step;
  std::uint32_t steps;
};

/// Rows of one run.
inline constexpr std::uint16_t kByteSlots{32};
inline constexpr std::uint16_t kNoScalar{0xFFFF};
inline constexpr std::uint32_t kNoInstruction{~std::uint32_t{0}};

}  // namespace vyre::core

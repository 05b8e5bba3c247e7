// The part of PTX that host/jit prints, read from its text. Test support, host only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace vyre::test::ptx {

enum class Op : std::uint8_t {
  mov,
  add,
  sub,
  mul,
  mad,
  div,
  rem,
  min,
  max,
  neg,
  not_,
  and_,
  or_,
  xor_,
  shl,
  shr,
  shf,
  popc,
  clz,
  brev,
  setp,
  selp,
  cvt,
  fma,
  sqrt,
  ld,
  st,
  atom,
  red,
  bra,
  ret,
  call,
  vote,
  shfl,
  redux,
  barrier,
  cvta,
  exch,
  cas,
  ballot,
  any  // these stand behind a dot alone
};
enum class Type : std::uint8_t { none, u8, u16, u32, u64, s32, s64, b32, b64, f32, f64, pred };
enum class Compare : std::uint8_t { eq, ne, lt, le, gt, ge, neu, nan };

struct Operand {
  enum class Kind : std::uint8_t { none, cell, number, address, pair, place } kind{Kind::none};
  std::uint32_t cell{0};   // a register or parameter; of an address its base
  std::uint32_t other{0};  // of a pair: the upper half
  std::uint64_t number{0};
};

struct Instruction {
  static constexpr std::uint32_t kNoCell{~std::uint32_t{0}};

  Op op{Op::mov};
  Op inner{Op::mov};  // of an atomic, a vote, a reduction: what it does
  Type type{Type::none};
  Type to{Type::none};  // of a conversion, `type` being what it is made from
  Compare compare{Compare::eq};
  char round{'n'};  // to an integer: z, m, p
  bool flushes{false};
  bool saturates{false};
  bool wide{false};
  bool high{false};
  bool left{false};
  std::uint32_t guard{kNoCell};  // a predicate
  bool guard_negated{false};
  std::vector<Operand> operands;
  std::string function;  // of a call
  std::uint32_t line{0};
};

struct Function {
  std::vector<Instruction> code;
  std::map<std::string, std::uint32_t, std::less<>> cells;  // registers and parameters by name
};

/// Functions by name. An Error names the line that is not understood.
[[nodiscard]] Result<std::map<std::string, Function, std::less<>>> read_module(
    std::string_view text);

}  // namespace vyre::test::ptx

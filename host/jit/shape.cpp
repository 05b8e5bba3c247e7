#include "shape.hpp"

namespace vyre::jit {

using core::Instruction;
using core::Opcode;

std::optional<Construct> construct_at(const core::Image& image, std::uint32_t at) {
  const Instruction& i = image.code[at];
  Construct c;
  c.begin = at;
  switch (i.op) {
    case Opcode::if_begin:
    case Opcode::if_id_below:
      c.lanes = true;
      if (i.op == Opcode::if_begin && i.aux != 0) c.middle = i.imm;
      c.end = c.middle == kNowhere ? i.imm : image.code[c.middle].imm;
      c.next = c.end + 1;
      return c;
    case Opcode::loop_enter_v:
    case Opcode::loop_enter_s:
      c.loop = true;
      c.lanes = i.op == Opcode::loop_enter_v;
      c.end = i.imm - 1;
      c.next = i.imm;
      return c;
    case Opcode::jump_if_zero: {
      // The body of an If with an else-side ends with a jump over it. If there is nothing in that
      // side, the jump goes nowhere.
      const Instruction& last = image.code[i.imm - 1];
      const bool has_else = i.imm - 1 > at && last.op == Opcode::jump && last.imm > i.imm;
      if (has_else) c.middle = i.imm - 1;
      c.end = has_else ? last.imm : i.imm;
      c.next = c.end;
      return c;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace vyre::jit

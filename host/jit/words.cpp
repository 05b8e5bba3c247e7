// Instructions on 32-bit integers, moves, and ids.
#include "base/message.hpp"
#include "emitter.hpp"

namespace vyre::jit {

using core::kScalarResult;
using core::Opcode;

namespace {

/// The PTX instruction that is one of the image, where there is one on two operands.
const char* two_operands(Opcode op) {
  switch (op) {
    case Opcode::add:
      return "add.u32";
    case Opcode::sub:
      return "sub.u32";
    case Opcode::mul:
      return "mul.lo.u32";
    case Opcode::umulhi:
      return "mul.hi.u32";
    case Opcode::bit_and:
      return "and.b32";
    case Opcode::bit_or:
      return "or.b32";
    case Opcode::bit_xor:
      return "xor.b32";
    case Opcode::umin:
      return "min.u32";
    case Opcode::umax:
      return "max.u32";
    default:
      return nullptr;
  }
}

/// The same on signed integers, whose immediates are written as such.
const char* two_signed(Opcode op) {
  switch (op) {
    case Opcode::imin:
      return "min.s32";
    case Opcode::imax:
      return "max.s32";
    case Opcode::isat_add:
      return "add.sat.s32";
    case Opcode::isat_sub:
      return "sub.sat.s32";
    default:
      return nullptr;
  }
}

struct Comparison {
  const char* name{nullptr};
  As as{As::bits};
};

Comparison comparison(Opcode op) {
  switch (op) {
    case Opcode::eq:
      return {"eq.u32"};
    case Opcode::ne:
      return {"ne.u32"};
    case Opcode::ult:
      return {"lt.u32"};
    case Opcode::ule:
      return {"le.u32"};
    case Opcode::ilt:
      return {"lt.s32", As::integer};
    case Opcode::ile:
      return {"le.s32", As::integer};
    default:
      return {};
  }
}

}  // namespace

void Emitter::saturate(const Text& dst, const Text& value, const Text& condition,
                       const char* type) {
  op(message("selp.{} {}, {}, {}, {}", type, dst,
             std::string_view(type) == "b64" ? "0xFFFFFFFFFFFFFFFF" : "0xFFFFFFFF", value,
             condition));
}

bool Emitter::integer(const Instruction& i) {
  const Text d = result(i);
  if (const char* const name = two_operands(i.op)) {
    op(message("{} {}, {}, {}", name, d, source(i, 0), source(i, 1)));
    return true;
  }
  if (const char* const name = two_signed(i.op)) {
    op(message("{} {}, {}, {}", name, d, source(i, 0, As::integer), source(i, 1, As::integer)));
    return true;
  }
  if (const Comparison c = comparison(i.op); c.name != nullptr) {
    truth_to(d, test(c.name, source(i, 0, c.as), source(i, 1, c.as)));
    return true;
  }
  const Text t = word();
  switch (i.op) {
    case Opcode::udiv: {
      const Text zero = test("eq.u32", source(i, 1), "0");
      op(message("div.u32 {}, {}, {}", t, source(i, 0), source(i, 1)));
      saturate(d, t, zero, "b32");
      return true;
    }
    case Opcode::umod: {
      const Text zero = test("eq.u32", source(i, 1), "0");
      op(message("rem.u32 {}, {}, {}", t, source(i, 0), source(i, 1)));
      op(message("selp.b32 {}, 0, {}, {}", d, t, zero));
      return true;
    }
    case Opcode::uabsdiff:
    case Opcode::iabsdiff: {
      const bool is_signed = i.op == Opcode::iabsdiff;
      const As as = is_signed ? As::integer : As::bits;
      const char* const type = is_signed ? "s32" : "u32";
      const Text low = word();
      op(message("max.{} {}, {}, {}", type, t, source(i, 0, as), source(i, 1, as)));
      op(message("min.{} {}, {}, {}", type, low, source(i, 0, as), source(i, 1, as)));
      op(message("sub.u32 {}, {}, {}", d, t, low));
      return true;
    }
    case Opcode::usat_add: {
      op(message("add.u32 {}, {}, {}", t, source(i, 0), source(i, 1)));
      saturate(d, t, test("lt.u32", t, source(i, 0)), "b32");
      return true;
    }
    case Opcode::usat_sub:
      op(message("max.u32 {}, {}, {}", t, source(i, 0), source(i, 1)));
      op(message("sub.u32 {}, {}, {}", d, t, source(i, 1)));
      return true;
    case Opcode::usat_mul: {
      const Text high = word();
      op(message("mul.hi.u32 {}, {}, {}", high, source(i, 0), source(i, 1)));
      op(message("mul.lo.u32 {}, {}, {}", t, source(i, 0), source(i, 1)));
      saturate(d, t, test("ne.u32", high, "0"), "b32");
      return true;
    }
    case Opcode::isat_mul: {
      const Text product = wide();
      op(message("mul.wide.s32 {}, {}, {}", product, source(i, 0, As::integer),
                 source(i, 1, As::integer)));
      op(message("min.s64 {}, {}, 2147483647", product, product));
      op(message("max.s64 {}, {}, -2147483648", product, product));
      op(message("cvt.u32.u64 {}, {}", d, product));
      return true;
    }
    case Opcode::mul_add:
      op(message("mad.lo.u32 {}, {}, {}, {}", d, source(i, 0), source(i, 1), source(i, 2)));
      return true;
    case Opcode::neg:
      op(message("neg.s32 {}, {}", d, source(i, 0, As::integer)));
      return true;
    default:
      return false;
  }
}

bool Emitter::bits(const Instruction& i) {
  const Text d = result(i);
  switch (i.op) {
    case Opcode::mov:
      op(message("mov.b32 {}, {}", d, source(i, 0)));
      return true;
    case Opcode::assign:
      for (u32 k = 0; k < i.aux; ++k)
        op(message("mov.b32 {}, {}", result(i, k),
                   name_of((i.form & core::kScalarA) != 0, i.a + k)));
      return true;
    case Opcode::select: {
      const Text p = test("ne.u32", source(i, 0), "0");
      op(message("selp.b32 {}, {}, {}, {}", d, source(i, 1), source(i, 2), p));
      return true;
    }
    case Opcode::shl:
    case Opcode::ushr:
    case Opcode::ishr: {
      const Text by = word();
      op(message("and.b32 {}, {}, 31", by, source(i, 1)));
      if (i.op == Opcode::ishr) {
        op(message("shr.s32 {}, {}, {}", d, source(i, 0, As::integer), by));
      } else {
        op(message("{} {}, {}, {}", i.op == Opcode::shl ? "shl.b32" : "shr.u32", d, source(i, 0),
                   by));
      }
      return true;
    }
    case Opcode::shl_add: {
      const Text t = word();
      op(message("and.b32 {}, {}, 31", t, source(i, 1)));
      op(message("shl.b32 {}, {}, {}", t, source(i, 0), t));
      op(message("add.u32 {}, {}, {}", d, t, source(i, 2)));
      return true;
    }
    case Opcode::rotl:
    case Opcode::rotr:
      op(message("shf.{}.wrap.b32 {}, {}, {}, {}", i.op == Opcode::rotl ? "l" : "r", d,
                 source(i, 0), source(i, 0), source(i, 1)));
      return true;
    case Opcode::land: {
      const Text a = test("ne.u32", source(i, 0), "0");
      truth_to(d, both(a, test("ne.u32", source(i, 1), "0")));
      return true;
    }
    case Opcode::lor: {
      const Text t = word();
      op(message("or.b32 {}, {}, {}", t, source(i, 0), source(i, 1)));
      truth_to(d, test("ne.u32", t, "0"));
      return true;
    }
    case Opcode::lnot:
      truth_to(d, test("eq.u32", source(i, 0), "0"));
      return true;
    case Opcode::truth:
      truth_to(d, test("ne.u32", source(i, 0), "0"));
      return true;
    case Opcode::bit_not:
      op(message("not.b32 {}, {}", d, source(i, 0)));
      return true;
    case Opcode::popcount:
      op(message("popc.b32 {}, {}", d, source(i, 0)));
      return true;
    case Opcode::clz:
      op(message("clz.b32 {}, {}", d, source(i, 0)));
      return true;
    case Opcode::reverse_bits:
      op(message("brev.b32 {}, {}", d, source(i, 0)));
      return true;
    case Opcode::ctz: {
      const Text t = word();
      op(message("brev.b32 {}, {}", t, source(i, 0)));
      op(message("clz.b32 {}, {}", d, t));
      return true;
    }
    default:
      return false;
  }
}

void Emitter::id(const Instruction& i) {
  const Text d = result(i);
  const Text axis(1, "xyz"[i.aux]);
  const Text of = wide_ ? numbered("", copy_) : Text();
  switch (i.op) {
    case Opcode::global_id:
      op(message("mad.lo.u32 {}, %group_{}{}, {}, %local_{}{}", d, axis, of,
                 image_.workgroup[i.aux], axis, of));
      return;
    case Opcode::local_id:
      op(message("mov.b32 {}, %local_{}{}", d, axis, of));
      return;
    case Opcode::workgroup_id:
      op(message("mov.b32 {}, %group_{}{}", d, axis, of));
      return;
    default:  // the lane's place in its slice of 32
      op(message("mov.b32 {}, %lane", d));
      return;
  }
}

void Emitter::length(const Instruction& i) {
  const u32 unit = image_.buffers[i.imm].length_bits;
  const Text n = wide();
  if (unit == 4) {
    op(message("shl.b64 {}, {}, 1", n, bytes(i.imm)));
  } else {
    op(message("div.u64 {}, {}, {}", n, bytes(i.imm), unit == 0 ? 1 : unit / 8));
  }
  op(message("min.u64 {}, {}, 0xFFFFFFFF", n, n));
  op(message("cvt.u32.u64 {}, {}", result(i), n));
}

}  // namespace vyre::jit

// Instructions on 64-bit integers, which lie in two registers.
#include "base/message.hpp"
#include "emitter.hpp"

namespace vyre::jit {

using core::Opcode;

namespace {

const char* two_wide_operands(Opcode op) {
  switch (op) {
    case Opcode::add64:
      return "add.u64";
    case Opcode::sub64:
      return "sub.u64";
    case Opcode::mul64:
      return "mul.lo.u64";
    case Opcode::mulhi64:
      return "mul.hi.u64";
    case Opcode::and64:
      return "and.b64";
    case Opcode::or64:
      return "or.b64";
    case Opcode::xor64:
      return "xor.b64";
    case Opcode::min64:
      return "min.u64";
    case Opcode::max64:
      return "max.u64";
    default:
      return nullptr;
  }
}

const char* wide_comparison(Opcode op) {
  switch (op) {
    case Opcode::eq64:
      return "eq.u64";
    case Opcode::ne64:
      return "ne.u64";
    case Opcode::lt64:
      return "lt.u64";
    case Opcode::le64:
      return "le.u64";
    default:
      return nullptr;
  }
}

}  // namespace

bool Emitter::wide_integer(const Instruction& i) {
  const Text d = wide();
  if (const char* const name = two_wide_operands(i.op)) {
    const Text a = pair(i, 0);
    op(message("{} {}, {}, {}", name, d, a, pair(i, 1)));
    pair_to(i, d);
    return true;
  }
  switch (i.op) {
    case Opcode::udiv64:
    case Opcode::umod64: {
      const bool divides = i.op == Opcode::udiv64;
      const Text a = pair(i, 0);
      const Text b = pair(i, 1);
      const Text zero = test("eq.u64", b, "0");
      op(message("{}.u64 {}, {}, {}", divides ? "div" : "rem", d, a, b));
      if (divides) {
        saturate(d, d, zero, "b64");
      } else {
        op(message("selp.b64 {}, 0, {}, {}", d, d, zero));
      }
      break;
    }
    case Opcode::shl64:
    case Opcode::shr64: {
      const Text a = pair(i, 0);
      const Text by = word();
      op(message("and.b32 {}, {}, 63", by, source(i, 1)));
      op(message("{} {}, {}, {}", i.op == Opcode::shl64 ? "shl.b64" : "shr.u64", d, a, by));
      break;
    }
    case Opcode::absdiff64: {
      const Text a = pair(i, 0);
      const Text b = pair(i, 1);
      const Text low = wide();
      op(message("max.u64 {}, {}, {}", d, a, b));
      op(message("min.u64 {}, {}, {}", low, a, b));
      op(message("sub.u64 {}, {}, {}", d, d, low));
      break;
    }
    case Opcode::sat_add64: {
      const Text a = pair(i, 0);
      op(message("add.u64 {}, {}, {}", d, a, pair(i, 1)));
      saturate(d, d, test("lt.u64", d, a), "b64");
      break;
    }
    case Opcode::sat_sub64: {
      const Text a = pair(i, 0);
      const Text b = pair(i, 1);
      op(message("max.u64 {}, {}, {}", d, a, b));
      op(message("sub.u64 {}, {}, {}", d, d, b));
      break;
    }
    case Opcode::sat_mul64: {
      const Text a = pair(i, 0);
      const Text b = pair(i, 1);
      const Text high = wide();
      op(message("mul.hi.u64 {}, {}, {}", high, a, b));
      op(message("mul.lo.u64 {}, {}, {}", d, a, b));
      saturate(d, d, test("ne.u64", high, "0"), "b64");
      break;
    }
    case Opcode::neg64:
      op(message("neg.s64 {}, {}", d, pair(i, 0)));
      break;
    case Opcode::not64:
      op(message("not.b64 {}, {}", d, pair(i, 0)));
      break;
    case Opcode::reverse_bits64:
      op(message("brev.b64 {}, {}", d, pair(i, 0)));
      break;
    case Opcode::popcount64:
    case Opcode::clz64:
    case Opcode::ctz64: {
      const Text t = word();
      const Text a = pair(i, 0);
      if (i.op == Opcode::ctz64) op(message("brev.b64 {}, {}", a, a));
      op(message("{} {}, {}", i.op == Opcode::popcount64 ? "popc.b64" : "clz.b64", t, a));
      op(message("cvt.u64.u32 {}, {}", d, t));
      break;
    }
    default:
      return false;
  }
  pair_to(i, d);
  return true;
}

bool Emitter::wide_test(const Instruction& i) {
  const Text d = result(i);
  if (const char* const name = wide_comparison(i.op)) {
    const Text a = pair(i, 0);
    truth_to(d, test(name, a, pair(i, 1)));
    return true;
  }
  switch (i.op) {
    case Opcode::land64: {
      const Text a = test("ne.u64", pair(i, 0), "0");
      truth_to(d, both(a, test("ne.u64", pair(i, 1), "0")));
      return true;
    }
    case Opcode::lor64: {
      const Text a = pair(i, 0);
      op(message("or.b64 {}, {}, {}", a, a, pair(i, 1)));
      truth_to(d, test("ne.u64", a, "0"));
      return true;
    }
    case Opcode::truth64:
      truth_to(d, test("ne.u64", pair(i, 0), "0"));
      return true;
    case Opcode::lnot64:
      truth_to(d, test("eq.u64", pair(i, 0), "0"));
      return true;
    default:
      return false;
  }
}

}  // namespace vyre::jit

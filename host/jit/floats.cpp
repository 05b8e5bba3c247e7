// Instructions on f32, conversions, and checks. Registers hold flushed values whose NaN may have
// any bits; it gets the one NaN's bits where a value leaves f32. Products, quotients and fused sums
// are rounded first and flushed afterwards, by adding -0 (docs/internals/f32.md).
#include "base/message.hpp"
#include "emitter.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::jit {

using core::Opcode;

namespace {

constexpr const char* kNegativeZero{"0f80000000"};
constexpr const char* kNan{"0x7FC00000"};

/// Our own function of f32 that is linked, or null.
const char* function_of(Opcode op) {
  switch (op) {
    case Opcode::fsin:
      return "sin";
    case Opcode::fcos:
      return "cos";
    case Opcode::ftan:
      return "tan";
    case Opcode::fasin:
      return "asin";
    case Opcode::facos:
      return "acos";
    case Opcode::fatan:
      return "atan";
    case Opcode::fsinh:
      return "sinh";
    case Opcode::fcosh:
      return "cosh";
    case Opcode::ftanh:
      return "tanh";
    case Opcode::fexp:
      return "exp";
    case Opcode::fexp2:
      return "exp2";
    case Opcode::flog:
      return "log";
    case Opcode::flog2:
      return "log2";
    default:
      return nullptr;
  }
}

}  // namespace

void Emitter::flush(const Text& dst, const Text& value) {
  op(message("add.rn.ftz.f32 {}, {}, {}", dst, value, kNegativeZero));
}

void Emitter::canonical(const Text& dst, const Text& value) {
  const Text t = word();
  flush(t, value);
  const Text p = test("nan.f32", t, t);
  op(message("selp.b32 {}, {}, {}, {}", dst, kNan, t, p));
}

/// The other operand where one is NaN; of two equal ones the left.
void Emitter::least_or_most(const Text& dst, const Text& a, const Text& b, bool most) {
  const Text t = word();
  const Text better = test(most ? "gt.f32" : "lt.f32", b, a);
  op(message("selp.b32 {}, {}, {}, {}", t, b, a, better));
  const Text nan = test("nan.f32", a, a);
  op(message("selp.b32 {}, {}, {}, {}", dst, b, t, nan));
}

void Emitter::call(const char* function, const Text& dst, const Text& operand) {
  const Text in = numbered("in", calls_);
  const Text out = numbered("out", calls_++);
  body_ += "  {\n";
  op(message(".param .b32 {}", in));
  op(message(".param .b32 {}", out));
  op(message("st.param.b32 [{}], {}", in, operand));
  op(message("call ({}), vyre_f32_{}, ({})", out, function, in));
  op(message("ld.param.b32 {}, [{}]", dst, out));
  body_ += "  }\n";
}

bool Emitter::real(const Instruction& i) {
  const Text d = result(i);
  const auto f = [&](unsigned which) { return source(i, which, As::real); };
  const Text t = word();
  switch (i.op) {
    case Opcode::fadd:
    case Opcode::fsub:
      op(message("{}.rn.ftz.f32 {}, {}, {}", i.op == Opcode::fadd ? "add" : "sub", d, f(0), f(1)));
      return true;
    case Opcode::fmul:
    case Opcode::fdiv:
      op(message("{}.rn.f32 {}, {}, {}", i.op == Opcode::fmul ? "mul" : "div", t, f(0), f(1)));
      flush(d, t);
      return true;
    case Opcode::fmul_add:
      // The sum flushes the product.
      op(message("mul.rn.f32 {}, {}, {}", t, f(0), f(1)));
      op(message("add.rn.ftz.f32 {}, {}, {}", d, t, f(2)));
      return true;
    case Opcode::fmul_add_chain: {
      const u32 addends[3] = {i.c, i.imm & 0xFFFFu, i.imm >> 16};
      Text sum = f(0);
      for (u32 k = 0; k < i.aux; ++k) {
        const Text product = word();
        const Text next = k + 1 == i.aux ? d : word();
        op(message("mul.rn.f32 {}, {}, {}", product, sum, f(1)));
        op(message("add.rn.ftz.f32 {}, {}, {}", next, product,
                   name_of(true, addends[k], As::real)));
        sum = next;
      }
      return true;
    }
    case Opcode::fma: {
      // The bits of a u32 may come in, which need not be flushed.
      Text operands[3];
      for (unsigned k = 0; k < 3; ++k) {
        operands[k] = word();
        flush(operands[k], f(k));
      }
      op(message("fma.rn.f32 {}, {}, {}, {}", t, operands[0], operands[1], operands[2]));
      flush(d, t);
      return true;
    }
    case Opcode::fmin:
    case Opcode::fmax:
      least_or_most(d, f(0), f(1), i.op == Opcode::fmax);
      return true;
    case Opcode::fneg:
      op(message("xor.b32 {}, {}, 0x80000000", d, source(i, 0)));
      return true;
    case Opcode::fabs:
      op(message("and.b32 {}, {}, 0x7FFFFFFF", d, source(i, 0)));
      return true;
    case Opcode::fsqrt:
      op(message("sqrt.rn.f32 {}, {}", d, f(0)));
      return true;
    case Opcode::finverse_sqrt:
      op(message("sqrt.rn.f32 {}, {}", t, f(0)));
      op(message("div.rn.f32 {}, 0f3F800000, {}", t, t));
      flush(d, t);
      return true;
    case Opcode::freciprocal:
      op(message("div.rn.f32 {}, 0f3F800000, {}", t, f(0)));
      flush(d, t);
      return true;
    case Opcode::ffloor:
    case Opcode::fceil:
    case Opcode::ftrunc:
      op(message("cvt.{}.f32.f32 {}, {}",
                 i.op == Opcode::ffloor ? "rmi" : (i.op == Opcode::fceil ? "rpi" : "rzi"), d,
                 f(0)));
      return true;
    case Opcode::fround: {
      // Half away from zero; what is beyond 2^23 is whole and comes out as it is.
      const Text size = word();
      const Text rest = word();
      op(message("and.b32 {}, {}, 0x7FFFFFFF", size, source(i, 0)));
      op(message("cvt.rzi.f32.f32 {}, {}", t, size));
      op(message("sub.rn.f32 {}, {}, {}", rest, size, t));
      const Text up = test("ge.f32", rest, "0f3F000000");
      op(message("add.rn.f32 {}, {}, 0f3F800000", rest, t));
      op(message("selp.b32 {}, {}, {}, {}", t, rest, t, up));
      op(message("and.b32 {}, {}, 0x80000000", size, source(i, 0)));
      op(message("or.b32 {}, {}, {}", d, t, size));
      return true;
    }
    case Opcode::fsign: {
      const Text x = word();
      op(message("mov.b32 {}, {}", x, source(i, 0)));
      op(message("and.b32 {}, {}, 0x80000000", t, x));
      op(message("or.b32 {}, {}, 0x3F800000", t, t));
      const Text nan = test("nan.f32", x, x);
      op(message("selp.b32 {}, {}, {}, {}", t, x, t, nan));
      const Text zero = test("eq.f32", x, "0f00000000");
      op(message("selp.b32 {}, 0, {}, {}", d, t, zero));
      return true;
    }
    case Opcode::fcanon:
      canonical(d, f(0));
      return true;
    default:
      break;
  }
  const char* const function = function_of(i.op);
  if (function == nullptr) return false;
  canonical(t, f(0));
  call(function, d, t);
  return true;
}

bool Emitter::real_test(const Instruction& i) {
  const Text d = result(i);
  const auto f = [&](unsigned which) { return source(i, which, As::real); };
  const auto magnitude = [&](const char* comparison, const char* bound) {
    const Text t = word();
    op(message("and.b32 {}, {}, 0x7FFFFFFF", t, source(i, 0)));
    truth_to(d, test(comparison, t, bound));
    return true;
  };
  switch (i.op) {
    case Opcode::feq:
      truth_to(d, test("eq.f32", f(0), f(1)));
      return true;
    case Opcode::fne:
      truth_to(d, test("neu.f32", f(0), f(1)));
      return true;
    case Opcode::flt:
      truth_to(d, test("lt.f32", f(0), f(1)));
      return true;
    case Opcode::fle:
      truth_to(d, test("le.f32", f(0), f(1)));
      return true;
    case Opcode::fis_nan:
      return magnitude("gt.u32", "0x7F800000");
    case Opcode::fis_inf:
      return magnitude("eq.u32", "0x7F800000");
    case Opcode::fis_finite:
      return magnitude("lt.u32", "0x7F800000");
    case Opcode::ftruth:
      return magnitude("ge.u32", "0x00800000");
    default:
      return false;
  }
}

bool Emitter::conversion(const Instruction& i) {
  const Text d = result(i);
  switch (i.op) {
    case Opcode::f32_from_u32:
      op(message("cvt.rn.f32.u32 {}, {}", d, source(i, 0)));
      return true;
    case Opcode::f32_from_i32:
      op(message("cvt.rn.f32.s32 {}, {}", d, source(i, 0, As::integer)));
      return true;
    case Opcode::f32_from_u64:
      op(message("cvt.rn.f32.u64 {}, {}", d, pair(i, 0)));
      return true;
    case Opcode::f32_from_f64: {
      const Text t = word();
      op(message("cvt.rn.f32.f64 {}, {}", t, pair(i, 0)));
      flush(d, t);
      return true;
    }
    case Opcode::f64_from_f32: {
      const Text t = word();
      const Text x = wide();
      flush(t, source(i, 0, As::real));
      const Text nan = test("nan.f32", t, t);
      op(message("cvt.f64.f32 {}, {}", x, t));
      op(message("selp.b64 {}, 0x7FF8000000000000, {}, {}", x, x, nan));
      pair_to(i, x);
      return true;
    }
    case Opcode::u32_from_f32:
    case Opcode::i32_from_f32: {
      const Text t = word();
      flush(t, source(i, 0, As::real));
      op(message("cvt.rzi.{}.f32 {}, {}", i.op == Opcode::u32_from_f32 ? "u32" : "s32", d, t));
      return true;
    }
    case Opcode::u32_from_f64:
    case Opcode::i32_from_f64: {
      const Text x = pair(i, 0);
      const Text t = word();
      const Text nan = test("nan.f64", x, x);
      op(message("cvt.rzi.{}.f64 {}, {}", i.op == Opcode::u32_from_f64 ? "u32" : "s32", t, x));
      op(message("selp.b32 {}, 0, {}, {}", d, t, nan));
      return true;
    }
    case Opcode::truth_f64: {
      const Text x = wide();
      op(message("and.b64 {}, {}, 0x7FFFFFFFFFFFFFFF", x, pair(i, 0)));
      truth_to(d, test("ne.u64", x, "0"));
      return true;
    }
    default:
      return false;
  }
}

void Emitter::division(u32 at, const Instruction& i) {
  const Text a = word();
  const Text b = word();
  op(message("mov.b32 {}, {}", a, source(i, 0)));
  op(message("mov.b32 {}, {}", b, source(i, 1)));
  if (analysis_.may_fail(at)) {
    end_where(test("eq.u32", b, "0"), Answer::run_again);
    const Text overflow = test("eq.u32", b, "0xFFFFFFFF");
    end_where(both(overflow, test("eq.u32", a, "0x80000000")), Answer::run_again);
  }
  op(message("{}.s32 {}, {}, {}", i.op == Opcode::idiv ? "div" : "rem", result(i), a, b));
}

void Emitter::checked(u32 at, const Instruction& i) {
  if (i.op == Opcode::idiv || i.op == Opcode::imod) return division(at, i);
  const bool may_fail = analysis_.may_fail(at);
  const Text failed = predicate();
  // A float fits if it is from 0 to a bound; a NaN is neither.
  const auto fits = [&](const char* type, const Text& x, const char* comparison, const char* zero,
                        const char* bound) {
    if (!may_fail) return;
    const Text fit = both(test(message("ge.{}", type).c_str(), x, zero),
                          test(message("{}.{}", comparison, type).c_str(), x, bound));
    op(message("not.pred {}, {}", failed, fit));
    end_where(failed, Answer::run_again);
  };
  switch (i.op) {
    case Opcode::check_u32_i32:
    case Opcode::check_u64_i32:
      if (may_fail) {
        op(message("setp.lt.s32 {}, {}, 0", failed, source(i, 0, As::integer)));
        end_where(failed, Answer::run_again);
      }
      op(message("mov.b32 {}, {}", result(i), source(i, 0)));
      if (i.op == Opcode::check_u64_i32) op(message("mov.b32 {}, 0", result(i, 1)));
      return;
    case Opcode::check_u32_u64:
      if (may_fail) {
        op(message("setp.ne.u32 {}, {}, 0", failed,
                   name_of((i.form & core::kScalarA) != 0, i.a + 1u)));
        end_where(failed, Answer::run_again);
      }
      op(message("mov.b32 {}, {}", result(i), source(i, 0)));
      return;
    case Opcode::check_u32_f32:
    case Opcode::check_u64_f32: {
      const bool narrow = i.op == Opcode::check_u32_f32;
      const Text x = word();
      flush(x, source(i, 0, As::real));
      fits("f32", x, "lt", "0f00000000", narrow ? "0f4F800000" : "0f5F800000");
      if (narrow) {
        op(message("cvt.rzi.u32.f32 {}, {}", result(i), x));
      } else {
        const Text value = wide();
        op(message("cvt.rzi.u64.f32 {}, {}", value, x));
        pair_to(i, value);
      }
      return;
    }
    default: {
      const bool narrow = i.op == Opcode::check_u32_f64;
      const Text x = pair(i, 0);
      fits("f64", x, narrow ? "le" : "lt", "0d0000000000000000",
           narrow ? "0d41EFFFFFFFE00000" : "0d43F0000000000000");
      const Text value = wide();
      op(message("cvt.rzi.u64.f64 {}, {}", value, x));
      if (narrow) {
        op(message("cvt.u32.u64 {}, {}", result(i), value));
      } else {
        pair_to(i, value);
      }
      return;
    }
  }
}

}  // namespace vyre::jit

// Names of registers and immediates, and the smallest pieces of text.
#include "base/message.hpp"
#include "emitter.hpp"

namespace vyre::jit {

using core::kScalarResult;

namespace {

std::string digits(std::uint64_t value, int least) {
  std::string text;
  for (; value != 0 || static_cast<int>(text.size()) < least; value >>= 4)
    text.insert(text.begin(), "0123456789ABCDEF"[value & 15]);
  return text;
}

}  // namespace

std::string hexadecimal(std::uint64_t value) {
  return message("0x{}", digits(value, 1));
}

void Emitter::jump(const Text& to) {
  op(message("bra {}", to));
}
void Emitter::jump_if(const Text& condition, const Text& to) {
  op(message("@{} bra {}", condition, to));
}
void Emitter::jump_if_not(const Text& condition, const Text& to) {
  op(message("@!{} bra {}", condition, to));
}
void Emitter::jump_if_answered(const Text& to) {
  const Text answered = test("ne.u32", "%answer", "0");
  const Text any = predicate();
  op(message("vote.sync.any.pred {}, {}, 0xffffffff", any, answered));
  jump_if(any, to);
}

std::string Emitter::numbered(const char* begin, u64 number) {
  return message("{}{}", begin, number);
}

std::string Emitter::name_of(bool scalar, u32 reg, As as) const {
  if (!scalar) return numbered("%v", reg + copy_ * image_.vector_registers);
  if (reg >= image_.constants.size()) return numbered("%s", reg);
  const u32 value = image_.constants[reg];
  if (as == As::real) return message("0f{}", digits(value, 8));
  if (as == As::integer) return std::to_string(static_cast<std::int32_t>(value));
  return hexadecimal(value);
}

std::string Emitter::source(const Instruction& i, unsigned which, As as) const {
  const u32 registers[3] = {i.a, i.b, i.c};
  return name_of((i.form >> which & 1) != 0, registers[which], as);
}

std::string Emitter::result(const Instruction& i, u32 word) const {
  if ((i.form & kScalarResult) != 0) return numbered("%s", u64{i.dst} + word);
  return numbered("%v", u64{i.dst} + word + u64{copy_} * image_.vector_registers);
}

std::string Emitter::test(const char* comparison, const Text& a, const Text& b) {
  const Text p = predicate();
  op(message("setp.{} {}, {}, {}", comparison, p, a, b));
  return p;
}

std::string Emitter::both(const Text& a, const Text& b) {
  const Text p = predicate();
  op(message("and.pred {}, {}, {}", p, a, b));
  return p;
}

void Emitter::truth_to(const Text& dst, const Text& condition) {
  op(message("selp.u32 {}, 1, 0, {}", dst, condition));
}

std::string Emitter::pair(const Instruction& i, unsigned which) {
  const u32 registers[3] = {i.a, i.b, i.c};
  const bool scalar = (i.form >> which & 1) != 0;
  Text halves[2];
  for (u32 k = 0; k < 2; ++k) {
    const Text name = name_of(scalar, registers[which] + k);
    halves[k] = word();
    op(message("mov.b32 {}, {}", halves[k], name));
  }
  const Text value = wide();
  op(message("mov.b64 {}, {{{}, {}}}", value, halves[0], halves[1]));
  return value;
}

void Emitter::pair_to(const Instruction& i, const Text& value) {
  op(message("mov.b64 {{{}, {}}}, {}", result(i), result(i, 1), value));
}

}  // namespace vyre::jit

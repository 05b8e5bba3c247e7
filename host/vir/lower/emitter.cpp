// Registers are handed out by size and reused; a group freed is reused only as a whole, so that the
// words of a result never overlap part of an operand.
#include "emitter.hpp"

#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::vir::lowering {

using core::Instruction;
using core::kScalarA;
using core::kScalarB;
using core::kScalarC;
using core::kScalarResult;
using core::Opcode;

namespace {

constexpr std::uint32_t kScalarsBeforeReuse{256};

// Every field of an instruction is as wide as the limit on what goes into it.
constexpr std::uint64_t kMaxWords{kMaxValueBytes / 4};
/// Each instruction before the code writes a register of its own.
constexpr std::uint32_t kMaxPrologue{kMaxScalarRegisters + kMaxVectorRegisters};
static_assert(kMaxVectorRegisters <= 0x1'0000, "dst, a, b, c: 16 bits");
static_assert(std::uint64_t{kMaxScalarRegisters} + kMaxImageConstants <= 0xFFFF,
              "scalars are numbered behind the constants, with one to spare");
static_assert(kMaxScalarRegisters <= Emitter::kConstantBit &&
                  kMaxImageConstants <= Emitter::kConstantBit,
              "one bit of an operand says which kind it is");
static_assert(kMaxBuffers <= 0x1'0000, "imm of a copy: two buffers of 16 bits");
static_assert(kMaxCopyTags <= 0x1'0000, "c of a copy: 16 bits");
static_assert(kMaxWords <= 0xFF && kMaxValueBytes <= 0xFFFF, "aux and c of moves and stores");
static_assert(kMaxStatements <= 1u << 20, "the statement of a completion has 20 bits");
static_assert(kMaxElementBytes * 8 <= 0xFFFF'FFFFu && kMaxWorkgroupBytes <= 0xFFFF'FFFFu,
              "BufferFacts: 32 bits");
static_assert(std::uint64_t{kMaxImageInstructions} * sizeof(Instruction) <= 0xFFFF'FFFFu,
              "imm: 32 bits, and so have sizes on the device");

/// Instructions without a side effect, so that code whose result is never read may go.
bool is_droppable(Opcode op) {
  switch (facts_of(op).shape) {
    case Shape::move:
    case Shape::pure:
    case Shape::pure64:
      return op != Opcode::assign;
    case Shape::memory:
      return is_load(op) || op == Opcode::buf_len;
    default:
      return false;
  }
}

}  // namespace

Value Emitter::constant(std::uint32_t bits, Kind kind) {
  const auto found = constant_index_.find(bits);
  if (found != constant_index_.end()) return {kind, true, false, false, found->second};
  if (constants_.size() >= kMaxImageConstants) {
    refuse("the program has more than 32,767 different constants; load them from a buffer");
    return {kind, true, false, false, kConstantBit};
  }
  const auto index = static_cast<std::uint16_t>(kConstantBit | constants_.size());
  constants_.push_back(bits);
  constant_index_.emplace(bits, index);
  return {kind, true, false, false, index};
}

std::optional<std::uint32_t> Emitter::constant_of(const Value& value) const {
  if (!value.scalar || value.kind.words() != 1 || (value.reg & kConstantBit) == 0)
    return std::nullopt;
  return constants_[value.reg & ~kConstantBit];
}

std::uint16_t Emitter::take(std::map<std::uint32_t, std::vector<std::uint16_t>>& pool,
                            std::uint32_t words, std::uint32_t& next, std::uint32_t limit,
                            const char* what) {
  auto& free = pool[words];
  // Scalar registers cost next to nothing: not reusing the first few keeps coefficients apart, so
  // that sums of products can be chained.
  if (!free.empty() && (&pool != &free_scalars_ || next >= kScalarsBeforeReuse)) {
    const std::uint16_t reg = free.back();
    free.pop_back();
    return reg;
  }
  if (next + words > limit) {
    refuse(
        message("the program needs more than {} {} registers; split it or use fewer live variables",
                limit, what));
    return 0;
  }
  const auto reg = static_cast<std::uint16_t>(next);
  next += words;
  return reg;
}

Value Emitter::new_vector(Kind kind) {
  if (kind.words() == 0) return {kind, false, false, false, 0};
  return {kind, false, true, false,
          take(free_vectors_, kind.words(), next_vector_, kMaxVectorRegisters, "vector")};
}

Value Emitter::new_scalar(Kind kind) {
  if (kind.words() == 0) return {kind, true, false, false, 0};
  return {kind, true, true, false,
          take(free_scalars_, kind.words(), next_scalar_, kMaxScalarRegisters, "scalar")};
}

std::uint16_t Emitter::fresh_vector() {
  std::map<std::uint32_t, std::vector<std::uint16_t>> none;
  return take(none, 1, next_vector_, kMaxVectorRegisters, "vector");
}

std::uint16_t Emitter::fresh_scalar() {
  std::map<std::uint32_t, std::vector<std::uint16_t>> none;
  return take(none, 1, next_scalar_, kMaxScalarRegisters, "scalar");
}

void Emitter::release(const Value& value) {
  if (!value.temp || value.kind.words() == 0) return;
  (value.scalar ? free_scalars_ : free_vectors_)[value.kind.words()].push_back(value.reg);
}

std::uint32_t Emitter::emit(Instruction instruction) {
  if (code_.size() >= kMaxImageInstructions - kMaxPrologue) {
    refuse(message("the program lowers to more than {} instructions; split it",
                   kMaxImageInstructions - kMaxPrologue));
    return position() - 1;
  }
  code_.push_back(instruction);
  statements_.push_back(statement_);
  return position() - 1;
}

void Emitter::emit_prologue(Instruction instruction) {
  prologue_.push_back(instruction);
}

void Emitter::emit_once(Instruction instruction) {
  once_.push_back(instruction);
}

Value Emitter::finish_pure(Instruction i, Kind result, bool scalar, bool foldable) {
  if (foldable && optimise_ && result.words() == 1 && facts_of(i.op).shape == Shape::pure) {
    const auto word = [&](std::uint16_t reg) {
      return (reg & kConstantBit) != 0 ? constants_[reg & ~kConstantBit] : 0u;
    };
    return constant(fold(i.op, word(i.a), word(i.b), word(i.c)), result);
  }
  const Value out = scalar ? new_scalar(result) : new_vector(result);
  if (scalar) i.form |= kScalarResult;
  i.dst = out.reg;
  emit(i);
  return out;
}

Value Emitter::emit_pure(Opcode op, Kind result, const Value& a) {
  Instruction i{op, static_cast<std::uint8_t>(a.scalar ? kScalarA : 0), 0, 0, a.reg, 0, 0, 0};
  release(a);
  return finish_pure(i, result, a.scalar, constant_of(a).has_value());
}

Value Emitter::emit_pure(Opcode op, Kind result, const Value& a, const Value& b) {
  Instruction i{op, 0, 0, 0, a.reg, b.reg, 0, 0};
  i.form = static_cast<std::uint8_t>((a.scalar ? kScalarA : 0) | (b.scalar ? kScalarB : 0));
  release(a);
  release(b);
  return finish_pure(i, result, a.scalar && b.scalar,
                     constant_of(a).has_value() && constant_of(b).has_value());
}

Value Emitter::emit_pure(Opcode op, Kind result, const Value& a, const Value& b, const Value& c) {
  Instruction i{op, 0, 0, 0, a.reg, b.reg, c.reg, 0};
  i.form = static_cast<std::uint8_t>((a.scalar ? kScalarA : 0) | (b.scalar ? kScalarB : 0) |
                                     (c.scalar ? kScalarC : 0));
  release(a);
  release(b);
  release(c);
  return finish_pure(
      i, result, a.scalar && b.scalar && c.scalar,
      constant_of(a).has_value() && constant_of(b).has_value() && constant_of(c).has_value());
}

Value Emitter::emit_checked(Opcode op, FaultCode code, Kind result, const Value& a,
                            const Value* b) {
  Instruction i{op, 0, static_cast<std::uint8_t>(code), 0, a.reg, 0, 0, 0};
  if (a.scalar) i.form |= kScalarA;
  if (b != nullptr) {
    i.b = b->reg;
    if (b->scalar) i.form |= kScalarB;
    release(*b);
  }
  release(a);
  const Value out = new_vector(result);
  i.dst = out.reg;
  emit(i);
  return out;
}

void Emitter::emit_fault(FaultCode code) {
  emit({Opcode::fault, 0, static_cast<std::uint8_t>(code), 0, 0, 0, 0, 0});
}

void Emitter::copy_into(const Value& to, const Value& from) {
  for (std::uint32_t k = 0; k < to.kind.words(); ++k) {
    const auto form =
        static_cast<std::uint8_t>((from.scalar ? kScalarA : 0) | (to.scalar ? kScalarResult : 0));
    emit({Opcode::mov, form, 0, static_cast<std::uint16_t>(to.reg + k),
          static_cast<std::uint16_t>(from.reg + k), 0, 0, 0});
  }
}

Value Emitter::as_vector(const Value& value) {
  if (!value.scalar) return value;
  const Value out = new_vector(value.kind);
  copy_into(out, value);
  release(value);
  return out;
}

Value Emitter::owned_copy(const Value& value) {
  if (value.temp && !value.scalar) return value;
  const Value out = new_vector(value.kind);
  copy_into(out, value);
  release(value);
  return out;
}

bool Emitter::retarget_last(const Value& value, const Value& to) {
  if (!optimise_ || !value.temp || value.scalar || code_.empty()) return false;
  Instruction& last = code_.back();
  const std::uint32_t words = facts_of(last.op).shape == Shape::pure64 ? 2 : 1;
  if (!writes_all(last) || value.kind.words() != words || last.dst != value.reg) return false;
  // Pairs are written word by word only after both operands were read, so any overlap is the same
  // lane's.
  last.dst = to.reg;
  release(value);
  return true;
}

void Emitter::forget_old(const Value& value) {
  if (!optimise_ || code_.empty() || value.scalar) return;
  Instruction& last = code_.back();
  if (last.op == Opcode::atomic && last.dst == value.reg) last.form |= core::kOldUnread;
}

std::optional<Instruction> Emitter::take_last_compare(const Value& value, std::uint16_t left) {
  if (!optimise_ || !value.temp || code_.empty()) return std::nullopt;
  const Instruction last = code_.back();
  if (last.op != Opcode::ult || last.form != kScalarB || last.dst != value.reg || last.a != left) {
    return std::nullopt;
  }
  code_.pop_back();
  statements_.pop_back();
  release(value);
  return last;
}

bool Emitter::drop_if_pure(std::uint32_t from) {
  for (std::uint32_t at = from; at < position(); ++at) {
    if (!is_droppable(code_[at].op)) return false;
  }
  code_.resize(from);
  statements_.resize(from);
  return true;
}

/// Joins up to three in-place `d = d * b + scalar` that follow each other with nothing but scalar
/// work between.
void Emitter::chain_sums() {
  std::vector<bool> is_target(code_.size() + 1, false);
  for (const Instruction& i : code_) {
    if (core::has_target(i.op)) is_target[i.imm] = true;
  }
  constexpr std::size_t kNone{~std::size_t{0}};
  std::vector<bool> dead(code_.size(), false);
  std::size_t head = kNone;
  for (std::size_t at = 0; at < code_.size(); ++at) {
    if (is_target[at]) head = kNone;
    Instruction& i = code_[at];
    const bool sum = i.op == Opcode::fmul_add && i.form == kScalarC;
    if (sum && head != kNone && i.a == i.dst && code_[head].dst == i.a && code_[head].b == i.b &&
        i.b != i.dst) {
      const Instruction first = code_[head];
      Instruction joined = first;
      joined.op = Opcode::fmul_add_chain;
      joined.aux = first.op == Opcode::fmul_add ? 2 : 3;
      joined.imm = joined.aux == 2 ? std::uint32_t{i.c} | std::uint32_t{i.c} << 16
                                   : (first.imm & 0xFFFFu) | std::uint32_t{i.c} << 16;
      dead[head] = true;
      i = joined;
      head = joined.aux == 3 ? kNone : at;
    } else if (sum && i.b != i.dst) {
      head = at;
    } else if ((i.form & kScalarResult) == 0 || !is_droppable(i.op)) {
      head = kNone;
    } else if (head != kNone && (i.dst == code_[head].c || i.dst == (code_[head].imm & 0xFFFFu) ||
                                 i.dst == code_[head].imm >> 16)) {
      head = kNone;  // the scalar that the sum adds changes
    }
  }
  std::vector<std::uint32_t> moved(code_.size() + 1, 0);
  std::uint32_t kept = 0;
  for (std::size_t at = 0; at < code_.size(); ++at) {
    moved[at] = kept;
    if (dead[at]) continue;
    code_[kept] = code_[at];
    statements_[kept] = statements_[at];
    ++kept;
  }
  moved[code_.size()] = kept;
  code_.resize(kept);
  statements_.resize(kept);
  for (Instruction& i : code_) {
    if (core::has_target(i.op)) i.imm = moved[i.imm];
  }
}

std::vector<core::TallyFacts> Emitter::tallies(std::size_t buffers) const {
  enum class Seen : std::uint8_t { nothing, atomics, others };
  struct Use {
    Seen seen{Seen::nothing};
    std::uint8_t code{0};
  };
  std::vector<Use> uses(buffers);
  for (const Instruction& i : code_) {
    if (i.op == Opcode::async_load || i.op == Opcode::async_store) {
      uses[i.imm & 0xFFFFu].seen = Seen::others;
      uses[i.imm >> 16].seen = Seen::others;
    } else if (is_load(i.op) || is_store(i.op)) {
      uses[i.imm].seen = Seen::others;
    } else if (i.op == Opcode::atomic) {
      Use& use = uses[i.imm];
      const bool same = use.seen == Seen::nothing || use.code == i.aux;
      const bool counts = i.aux != static_cast<std::uint8_t>(core::AtomicCode::exchange) &&
                          i.aux != static_cast<std::uint8_t>(core::AtomicCode::compare_exchange);
      const bool alone = (i.form & core::kOldUnread) != 0 && same && counts;
      use = {alone && use.seen != Seen::others ? Seen::atomics : Seen::others, i.aux};
    }
  }
  std::vector<core::TallyFacts> found;
  for (std::size_t b = 0; b < buffers; ++b) {
    if (uses[b].seen == Seen::atomics) {
      found.push_back({static_cast<std::uint32_t>(b), static_cast<core::AtomicCode>(uses[b].code)});
    }
  }
  return found;
}

Result<core::Image> Emitter::finish(core::Image image) {
  if (error_) return tl::unexpected<Error>(*error_);
  if (optimise_) chain_sums();
  image.once_count = static_cast<std::uint32_t>(once_.size());
  prologue_.insert(prologue_.begin(), once_.begin(), once_.end());
  const auto shift = static_cast<std::uint32_t>(prologue_.size());
  const auto constant_count = static_cast<std::uint32_t>(constants_.size());
  for (Instruction& i : code_) {
    if (core::has_target(i.op)) i.imm += shift;
  }
  code_.insert(code_.begin(), prologue_.begin(), prologue_.end());
  statements_.insert(statements_.begin(), prologue_.size(), 0u);
  const auto number = [&](std::uint16_t& reg) {
    reg = static_cast<std::uint16_t>((reg & kConstantBit) != 0 ? reg & ~kConstantBit
                                                               : reg + constant_count);
  };
  for (Instruction& i : code_) {
    if ((i.form & kScalarA) != 0) number(i.a);
    if ((i.form & kScalarB) != 0) number(i.b);
    if ((i.form & kScalarC) != 0) number(i.c);
    if (i.op == Opcode::fmul_add_chain) {
      auto second = static_cast<std::uint16_t>(i.imm);
      auto third = static_cast<std::uint16_t>(i.imm >> 16);
      number(second);
      number(third);
      i.imm = std::uint32_t{second} | std::uint32_t{third} << 16;
    }
    if ((i.form & kScalarResult) != 0 || i.op == Opcode::uniform_check) number(i.dst);
  }
  image.tallies = tallies(image.buffers.size());
  image.code = std::move(code_);
  image.statements = std::move(statements_);
  image.constants = std::move(constants_);
  image.vector_registers =
      next_vector_ == 0 ? 1 : next_vector_;  // operands of unused forms name register 0
  image.scalar_registers = constant_count + next_scalar_ + 1;
  return image;
}

}  // namespace vyre::vir::lowering

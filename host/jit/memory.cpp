// Loads, stores and atomics. Each is predicated: a load out of bounds gives zero, a store and an
// atomic do nothing. Where threads without a lane run the code too, what they would change is
// predicated with %alive.
#include <algorithm>

#include "base/message.hpp"
#include "emitter.hpp"

namespace vyre::jit {

using core::AtomicCode;
using core::Opcode;

namespace {

/// Bytes of one access to elements of this stride, which are aligned to it.
std::uint32_t piece_of(std::uint32_t stride) {
  if (stride % 4 == 0) return 4;
  return stride % 2 == 0 ? 2 : 1;
}
const char* type_of_piece(std::uint32_t bytes) {
  if (bytes == 4) return "u32";
  return bytes == 2 ? "u16" : "u8";
}

const char* atomic_name(AtomicCode code) {
  switch (code) {
    case AtomicCode::add:
      return "add.u32";
    case AtomicCode::bit_or:
      return "or.b32";
    case AtomicCode::bit_and:
      return "and.b32";
    case AtomicCode::bit_xor:
      return "xor.b32";
    case AtomicCode::umin:
      return "min.u32";
    case AtomicCode::umax:
      return "max.u32";
    case AtomicCode::exchange:
      return "exch.b32";
    default:
      return "cas.b32";
  }
}

}  // namespace

/// Of the element, which is inside where the predicate holds.
std::string Emitter::address(const Instruction& i, const Text& index, Text& inside) {
  const Text at = wide();
  inside = test("lt.u32", index, count(i.imm));
  op(message("mad.wide.u32 {}, {}, {}, {}", at, index, image_.buffers[i.imm].stride, base(i.imm)));
  return at;
}

/// A scalar decides branches for all threads that run together, so they must have one value of it,
/// also where lanes race.
void Emitter::agree(const Instruction& i) {
  if ((i.form & core::kScalarResult) == 0 || !grouped()) return;
  if (depth() != 0 && !analysis_.meets) return;
  Text from = "0";
  if (depth() != 0) {
    from = word();
    op(message("brev.b32 {}, {}", from, members()));
    op(message("clz.b32 {}, {}", from, from));
  }
  for (u32 k = 0; k < (image_.buffers[i.imm].stride + 3) / 4; ++k)
    op(message("shfl.sync.idx.b32 {}, {}, {}, 31, {}", result(i, k), result(i, k), from,
               members()));
}

void Emitter::load(const Instruction& i) {
  const u32 stride = image_.buffers[i.imm].stride;
  const char* const where = space(i.imm);
  if (stride == 0) {
    op(message("mov.b32 {}, 0", result(i)));
    return;
  }
  Text inside;
  const Text at = address(i, source(i, 0), inside);
  if (i.op == Opcode::load_f32) {
    const Text bits = word();
    op(message("mov.b32 {}, 0", bits));
    op(message("@{} ld{}.u32 {}, [{}]", inside, where, bits, at));
    return flush(result(i), bits);
  }
  const u32 piece = piece_of(stride);
  for (u32 k = 0; k < (stride + 3) / 4; ++k) {
    const Text d = result(i, k);
    op(message("mov.b32 {}, 0", d));
    for (u32 byte = 4 * k; byte < std::min(stride, 4 * k + 4); byte += piece) {
      const Text part = byte == 4 * k ? d : word();
      if (part != d) op(message("mov.b32 {}, 0", part));
      op(message("@{} ld{}.{} {}, [{}+{}]", inside, where, type_of_piece(piece), part, at, byte));
      if (part == d) continue;
      op(message("shl.b32 {}, {}, {}", part, part, 8 * (byte % 4)));
      op(message("or.b32 {}, {}, {}", d, d, part));
    }
  }
}

void Emitter::store(const Instruction& i) {
  const u32 stride = image_.buffers[i.imm].stride;
  if (stride == 0 || spares(i.imm)) return;
  const char* const where = space(i.imm);
  Text inside;
  const Text at = address(i, source(i, 0), inside);
  if (all_threads()) inside = both(inside, "%alive");
  const u32 words = i.op == Opcode::store_n ? i.c : 1;
  const u32 piece = piece_of(stride);
  for (u32 k = 0; k < (stride + 3) / 4; ++k) {
    Text value = word();
    if (k >= words) {
      op(message("mov.b32 {}, 0", value));
    } else if (i.op == Opcode::store_f32) {
      canonical(value, source(i, 1, As::real));
    } else {
      op(message("mov.b32 {}, {}", value, name_of((i.form & core::kScalarB) != 0, i.b + k)));
    }
    for (u32 byte = 4 * k; byte < std::min(stride, 4 * k + 4); byte += piece) {
      const Text part = byte == 4 * k ? value : word();
      if (part != value) op(message("shr.u32 {}, {}, {}", part, value, 8 * (byte % 4)));
      op(message("@{} st{}.{} [{}+{}], {}", inside, where, type_of_piece(piece), at, byte, part));
    }
  }
}

/// Byte by byte from a byte index on, clipped at the end.
void Emitter::store_bytes(const Instruction& i) {
  if (spares(i.imm)) return;
  const Text narrow = word();
  const Text at = wide();
  const Text end = wide();
  op(message("mov.b32 {}, {}", narrow, source(i, 0)));
  op(message("cvt.u64.u32 {}, {}", at, narrow));
  op(message("add.u64 {}, {}, {}", end, at, base(i.imm)));
  for (u32 k = 0; k < i.c; ++k) {
    const Text index = wide();
    const Text value = word();
    op(message("add.u64 {}, {}, {}", index, at, k));
    Text inside = test("lt.u64", index, bytes(i.imm));
    if (all_threads()) inside = both(inside, "%alive");
    op(message("mov.b32 {}, {}", value, name_of((i.form & core::kScalarB) != 0, i.b + k / 4)));
    op(message("shr.u32 {}, {}, {}", value, value, 8 * (k % 4)));
    op(message("@{} st{}.u8 [{}+{}], {}", inside, space(i.imm), end, k, value));
  }
}

void Emitter::atomic(const Instruction& i) {
  const auto code = static_cast<AtomicCode>(i.aux);
  const bool unread = (i.form & core::kOldUnread) != 0;
  if (image_.buffers[i.imm].stride < 4 || spares(i.imm)) {
    op(message("mov.b32 {}, 0", result(i)));
    return;
  }
  Text inside;
  const Text at = address(i, source(i, 0), inside);
  if (all_threads()) inside = both(inside, "%alive");
  const char* const where = space(i.imm);
  const bool returns =
      !unread || code == AtomicCode::exchange || code == AtomicCode::compare_exchange;
  if (!returns) {
    op(message("@{} red{}.{} [{}], {}", inside, where, atomic_name(code), at, source(i, 1)));
    return;
  }
  const Text old = word();
  op(message("mov.b32 {}, 0", old));
  const Text expected =
      code == AtomicCode::compare_exchange ? message("{}, ", source(i, 2)) : Text{};
  op(message("@{} atom{}.{} {}, [{}], {}{}", inside, where, atomic_name(code), old, at, expected,
             source(i, 1)));
  op(message("mov.b32 {}, {}", result(i), old));
}

bool Emitter::memory(const Instruction& i) {
  switch (i.op) {
    case Opcode::buf_len:
      length(i);
      return true;
    case Opcode::load32:
    case Opcode::load_f32:
    case Opcode::load8:
    case Opcode::load_n:
      load(i);
      agree(i);
      return true;
    case Opcode::store32:
    case Opcode::store_f32:
    case Opcode::store_n:
      store(i);
      return true;
    case Opcode::store_bytes:
      store_bytes(i);
      return true;
    case Opcode::atomic:
      atomic(i);
      return true;
    case Opcode::async_load:
    case Opcode::async_store:
      start_copy(i);
      return true;
    case Opcode::async_wait:
      finish_copy(i);
      return true;
    default:
      return false;
  }
}

}  // namespace vyre::jit

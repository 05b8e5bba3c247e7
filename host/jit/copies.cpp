// Asynchronous copies. The start keeps offset and size, and the wait moves the bytes: nothing
// writes the source in between (Analysis::find_copies).
#include "base/message.hpp"
#include "emitter.hpp"
#include "protocol/limits.hpp"

namespace vyre::jit {

using core::Opcode;

void Emitter::start_copy(const Instruction& i) {
  const u32 to = i.imm >> 16;
  const Text at = numbered("%copy_at", i.c);
  const Text size = numbered("%copy_size", i.c);
  const Text room = wide();
  op(message("mov.b32 {}, {}", at, source(i, 0)));
  op(message("cvt.u64.u32 {}, {}", room, at));
  // What fits behind the place that is written.
  if (i.op == Opcode::async_load) op(message("mov.u64 {}, 0", room));
  op(message("min.u64 {}, {}, {}", room, room, bytes(to)));
  op(message("sub.u64 {}, {}, {}", room, bytes(to), room));
  const Text narrow = word();
  const Text wanted = wide();
  op(message("mov.b32 {}, {}", narrow, source(i, 1)));
  op(message("cvt.u64.u32 {}, {}", wanted, narrow));
  op(message("min.u64 {}, {}, {}", size, wanted, room));
  if (analysis_.counted) pay_for_copy(size);
  if (analysis_.copies[i.c].at_start) move_bytes(i);
}

/// One turn, and one for each kCopyBytesPerFuel whole bytes.
void Emitter::pay_for_copy(const Text& size) {
  const Text cost = wide();
  const Text turns = word();
  op(message("div.u64 {}, {}, {}", cost, size, kCopyBytesPerFuel));
  op(message("cvt.u32.u64 {}, {}", turns, cost));
  op(message("add.u32 {}, {}, 1", turns, turns));
  op(message("add.u32 %turns, %turns, {}", turns));
  end_where(test("gt.u32", "%turns", "%share"), Answer::run_again);
}

void Emitter::finish_copy(const Instruction& i) {
  const CopyPair& copy = analysis_.copies[i.c];
  if (!copy.at_start) move_bytes(image_.code[copy.start]);
}

void Emitter::move_bytes(const Instruction& start) {
  const u32 from = start.imm & 0xFFFFu;
  const u32 to = start.imm >> 16;
  if (spares(to)) return;
  const bool loads = start.op == Opcode::async_load;
  const Text at = wide();
  const Text done = wide();
  const Text read = wide();
  const Text write = wide();
  const Text left = wide();  // bytes of the source from the place that is read on
  op(message("cvt.u64.u32 {}, %copy_at{}", at, start.c));
  if (loads) {
    op(message("add.u64 {}, {}, {}", read, base(from), at));
    op(message("mov.u64 {}, {}", write, base(to)));
    op(message("min.u64 {}, {}, {}", at, at, bytes(from)));
    op(message("sub.u64 {}, {}, {}", left, bytes(from), at));
  } else {
    op(message("mov.u64 {}, {}", read, base(from)));
    op(message("add.u64 {}, {}, {}", write, base(to), at));
    op(message("mov.u64 {}, {}", left, bytes(from)));
  }
  const Text size = numbered("%copy_size", start.c);
  if (all_threads()) op(message("selp.b64 {}, {}, 0, %alive", size, size));
  op(message("mov.u64 {}, 0", done));
  const Text again = new_label();
  const Text over = new_label();
  label(again);
  jump_if(test("ge.u64", done, size), over);
  const Text byte = word();
  op(message("mov.b32 {}, 0", byte));
  const Text there = test("lt.u64", done, left);
  op(message("@{} ld{}.u8 {}, [{}]", there, space(from), byte, read));
  op(message("st{}.u8 [{}], {}", space(to), write, byte));
  op(message("add.u64 {}, {}, 1", read, read));
  op(message("add.u64 {}, {}, 1", write, write));
  op(message("add.u64 {}, {}, 1", done, done));
  jump(again);
  label(over);
}

/// What would end a unit with copies is looked for before it begins: more bytes pending in a
/// workgroup than there may be. Each tag is pending once a lane at the most.
void Emitter::copies_before() {
  const Text bytes_pending = wide();
  op(message("mov.u64 {}, 0", bytes_pending));
  for (const CopyPair& copy : analysis_.copies) {
    const u32 to = image_.code[copy.start].imm >> 16;
    op(message("add.u64 {}, {}, {}", bytes_pending, bytes_pending, bytes(to)));
    op(message("add.u64 {}, {}, {}", bytes_pending, bytes_pending, kPendingCopyOverhead));
  }
  // The sum of a few lengths times at most 1,024 lanes stays below 2^64.
  op(message("mul.lo.u64 {}, {}, {}", bytes_pending, bytes_pending, image_.lanes()));
  const Text many = test("gt.u64", bytes_pending, std::to_string(kMaxPendingCopyBytes));
  jump_if(many, "RUN_AGAIN");
}

}  // namespace vyre::jit

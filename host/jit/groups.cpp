// Subgroup operations. Lanes keep the mask of those that run a branch or loop with them (%m and its
// depth); where all threads run, those with a lane that has not ended are asked for.
#include "base/message.hpp"
#include "emitter.hpp"

namespace vyre::jit {

using core::GroupCode;
using core::Opcode;

namespace {

/// The warp's own reduction, and what a lane that is off adds to it.
struct Reduction {
  const char* name{nullptr};
  const char* neutral{nullptr};
};

Reduction reduction(GroupCode code) {
  switch (code) {
    case GroupCode::add_u32:
      return {"add.u32", "0"};
    case GroupCode::min_u32:
      return {"min.u32", "0xFFFFFFFF"};
    case GroupCode::max_u32:
      return {"max.u32", "0"};
    case GroupCode::and_u32:
      return {"and.b32", "0xFFFFFFFF"};
    case GroupCode::or_u32:
      return {"or.b32", "0"};
    case GroupCode::xor_u32:
      return {"xor.b32", "0"};
    default:
      return {};
  }
}

}  // namespace

void Emitter::group(const Instruction& i) {
  if (i.op == Opcode::ballot) {
    Text asked = test("ne.u32", source(i, 0), "0");
    if (all_threads()) asked = both(asked, "%alive");
    op(message("vote.sync.ballot.b32 {}, {}, {}", result(i), asked, members()));
    return;
  }
  const auto code = static_cast<GroupCode>(i.aux);
  const Reduction whole = reduction(code);
  if (i.op == Opcode::group_reduce && whole.name != nullptr) {
    const Text x = word();
    op(message("mov.b32 {}, {}", x, source(i, 0)));
    if (all_threads()) op(message("selp.b32 {}, {}, {}, %alive", x, x, whole.neutral));
    op(message("redux.sync.{} {}, {}, {}", whole.name, result(i), x, members()));
    return;
  }
  Text active = members();
  if (all_threads()) {
    active = word();
    op(message("vote.sync.ballot.b32 {}, %alive, 0xffffffff", active));
  }
  if (i.op == Opcode::group_reduce) return reduce_in_order(i, active);
  const Text value = word();
  const Text lane = word();
  const Text got = word();
  const Text bit = word();
  op(message("mov.b32 {}, {}", value, source(i, 0)));
  op(message("mov.b32 {}, {}", lane, source(i, 1)));
  op(message("shfl.sync.idx.b32 {}, {}, {}, 31, {}", got, value, lane, members()));
  // A shift by 32 or more gives 0.
  op(message("shr.u32 {}, {}, {}", bit, active, lane));
  op(message("and.b32 {}, {}, 1", bit, bit));
  const Text on = test("ne.u32", bit, "0");
  op(message("selp.b32 {}, {}, 0, {}", result(i), got, on));
}

/// Lane after lane, as the meaning of f32 wants: one value comes to all at each step.
void Emitter::reduce_in_order(const Instruction& i, const Text& active) {
  const auto code = static_cast<GroupCode>(i.aux);
  const bool real = code != GroupCode::mul_u32;
  const Text value = word();
  const Text rest = word();
  const Text lane = word();
  const Text sum = word();
  const Text next = word();
  const auto take = [&](const Text& to) {
    op(message("brev.b32 {}, {}", lane, rest));
    op(message("clz.b32 {}, {}", lane, lane));
    op(message("shfl.sync.idx.b32 {}, {}, {}, 31, {}", to, value, lane, members()));
    op(message("sub.u32 {}, {}, 1", lane, rest));
    op(message("and.b32 {}, {}, {}", rest, rest, lane));
  };
  op(message("mov.b32 {}, {}", value, source(i, 0)));
  if (real) flush(value, value);
  op(message("mov.b32 {}, {}", rest, active));
  take(sum);
  const Text again = new_label();
  const Text over = new_label();
  label(again);
  jump_if(test("eq.u32", rest, "0"), over);
  take(next);
  switch (code) {
    case GroupCode::mul_u32:
      op(message("mul.lo.u32 {}, {}, {}", sum, sum, next));
      break;
    case GroupCode::add_f32:
      op(message("add.rn.ftz.f32 {}, {}, {}", sum, sum, next));
      break;
    case GroupCode::mul_f32:
      op(message("mul.rn.f32 {}, {}, {}", sum, sum, next));
      flush(sum, sum);
      break;
    default:
      least_or_most(sum, sum, next, code == GroupCode::max_f32);
      break;
  }
  jump(again);
  label(over);
  op(message("mov.b32 {}, {}", result(i), sum));
}

}  // namespace vyre::jit

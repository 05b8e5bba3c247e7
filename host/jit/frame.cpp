// What stands around the code of the image: what is looked at before a unit begins, and the walk
// over its lanes or workgroups.
#include <utility>

#include "base/message.hpp"
#include "emitter.hpp"
#include "protocol/limits.hpp"
#include "vir/lower/opcode_facts.hpp"

namespace vyre::jit {

using core::Opcode;

void Emitter::instruction(u32 at) {
  const Instruction& i = image_.code[at];
  if (integer(i) || bits(i) || real(i) || real_test(i) || conversion(i) || wide_integer(i) ||
      wide_test(i) || memory(i))
    return;
  switch (i.op) {
    case Opcode::global_id:
    case Opcode::local_id:
    case Opcode::workgroup_id:
    case Opcode::subgroup_local_id:
      return id(i);
    case Opcode::ballot:
    case Opcode::shuffle:
    case Opcode::group_reduce:
      return group(i);
    default:
      return checked(at, i);
  }
}

/// A unit that could run out of fuel, of room for copies or of ids is not begun.
void Emitter::check_before() {
  for (const Instruction& i : image_.code) {
    if (i.op != Opcode::id_guard) continue;
    const Text ids = wide();
    op(message("mul.wide.u32 {}, %grid_{}, {}", ids, Text(1, "xyz"[i.aux]),
               image_.workgroup[i.aux]));
    jump_if(test("gt.u64", ids, "0x100000000"), "RUN_AGAIN");
  }
  if (!analysis_.copies.empty()) copies_before();
  if (!image_.loops || analysis_.counted) return;
  const Text most = wide();
  if (analysis_.copies.empty() && analysis_.most_turns != Analysis::kUnknownTurns) {
    op(message("mov.u64 {}, {}", most, analysis_.most_turns));
  } else {
    op(message("mov.u64 {}, 0", most));
    turns_before(0, static_cast<u32>(image_.code.size()), most);
  }
  const Text share = wide();
  op(message("cvt.u64.u32 {}, %share", share));
  jump_if(test("gt.u64", most, share), "RUN_AGAIN");
}

/// Adds what the loops and copies in [from, to) cost a lane at the most.
void Emitter::turns_before(u32 from, u32 to, const Text& sum) {
  constexpr const char* kMany{"0x4000000000000000"};
  while (from < to) {
    const Instruction& i = image_.code[from];
    const auto c = construct_at(image_, from);
    if (!c) {
      if (i.op == Opcode::async_load || i.op == Opcode::async_store) {
        const Text cost = wide();
        op(message("div.u64 {}, {}, {}", cost, bytes(i.imm >> 16), kCopyBytesPerFuel));
        op(message("add.u64 {}, {}, 1", cost, cost));
        op(message("add.u64 {}, {}, {}", sum, sum, cost));
        op(message("min.u64 {}, {}, {}", sum, sum, kMany));
      }
      ++from;
      continue;
    }
    from = c->next;
    if (!c->loop) {
      turns_before(c->begin + 1, c->end, sum);
      continue;
    }
    const Text inside = wide();
    op(message("mov.u64 {}, 1", inside));
    turns_before(c->begin + 1, c->end, inside);
    const Text trips = wide();
    if (analysis_.is_bounded(c->begin)) {
      op(message("mov.u64 {}, {}", trips, analysis_.ranges.trips[c->begin].most));
    } else {
      op(message("cvt.u64.u32 {}, %s{}", trips, analysis_.ranges.trips[c->begin].end_register));
    }
    const Text high = wide();
    op(message("mul.hi.u64 {}, {}, {}", high, trips, inside));
    op(message("mul.lo.u64 {}, {}, {}", trips, trips, inside));
    op(message("selp.b64 {}, {}, {}, {}", trips, kMany, trips, test("ne.u64", high, "0")));
    op(message("min.u64 {}, {}, {}", trips, trips, kMany));
    op(message("add.u64 {}, {}, {}", sum, sum, trips));
    op(message("min.u64 {}, {}, {}", sum, sum, kMany));
  }
}

/// %group_x, y, z of workgroup %group.
void Emitter::place_group() {
  const Text whole = new_label();
  op("cvt.u32.u64 %group_x, %group");
  op("mov.b32 %group_y, 0");
  op("mov.b32 %group_z, 0");
  jump_if("%line", whole);
  const Text size = wide();
  const Text rest = wide();
  const Text part = wide();
  op(message("cvt.u64.u32 {}, %grid_x", size));
  op(message("rem.u64 {}, %group, {}", part, size));
  op(message("cvt.u32.u64 %group_x, {}", part));
  op(message("div.u64 {}, %group, {}", rest, size));
  op(message("cvt.u64.u32 {}, %grid_y", size));
  op(message("rem.u64 {}, {}, {}", part, rest, size));
  op(message("cvt.u32.u64 %group_y, {}", part));
  op(message("div.u64 {}, {}, {}", rest, rest, size));
  op(message("cvt.u32.u64 %group_z, {}", rest));
  label(whole);
}

/// %local_x, y, z of lane %l of its workgroup.
void Emitter::place_lane() {
  const auto& size = image_.workgroup;
  if (size[1] == 1 && size[2] == 1) {
    op("mov.b32 %local_x, %l");
    op("mov.b32 %local_y, 0");
    op("mov.b32 %local_z, 0");
    return;
  }
  op(message("rem.u32 %local_x, %l, {}", size[0]));
  op(message("div.u32 %local_z, %l, {}", size[0]));
  op(message("rem.u32 %local_y, %local_z, {}", size[1]));
  op(message("div.u32 %local_z, %local_z, {}", size[1]));
}

void Emitter::place_row(const Text& row) {
  const u32 lanes = image_.lanes();
  const Text group = word();
  op(message("div.u32 {}, {}, {}", group, row, lanes));
  op(message("rem.u32 %l, {}, {}", row, lanes));
  op(message("cvt.u64.u32 %group, {}", group));
  op("add.u64 %group, %group, %first");
}

std::optional<std::uint32_t> Emitter::straight_guard() const {
  const auto end = static_cast<u32>(image_.code.size());
  if (analysis_.foresees || !analysis_.copies.empty() || analysis_.may_end(image_.once_count, end))
    return std::nullopt;
  for (u32 at = 0; at < image_.once_count; ++at) {
    const Instruction& i = image_.code[at];
    if (vir::lowering::has_result(i.op) && (i.form & core::kScalarResult) == 0) return std::nullopt;
  }
  u32 guard = kNowhere;
  for (u32 at = image_.once_count; at < end; ++at) {
    const auto c = construct_at(image_, at);
    if (!c) continue;
    // One bound of the id around all that follows; what comes before it changes nothing.
    if (guard != kNowhere || c->loop || c->middle != kNowhere || !c->lanes ||
        image_.code[at].op != Opcode::if_id_below)
      return std::nullopt;
    for (u32 before = image_.once_count; before < at; ++before) {
      const Opcode op = image_.code[before].op;
      if (vir::lowering::is_store(op) || op == Opcode::atomic) return std::nullopt;
    }
    for (u32 behind = c->next; behind < end; ++behind) {
      const Opcode op = image_.code[behind].op;
      if (op != Opcode::end && op != Opcode::poll && op != Opcode::id_guard) return std::nullopt;
    }
    guard = at;
  }
  return guard;
}

void Emitter::wide_rows(u32 guard, const Text& rows) {
  const u32 registers = image_.vector_registers;
  copies_ = registers <= 8 ? 8 : registers <= 20 ? 4 : registers <= 40 ? 2 : 1;
  if (copies_ == 1) return;
  wide_ = true;
  jump_if_not("%line", rows);
  const Text again = new_label();
  label(again);
  const Text last = word();
  op(message("add.u32 {}, %row, {}", last, 32 * (copies_ - 1)));
  jump_if(test("ge.u32", last, "%row_end"), rows);
  for (copy_ = 0; copy_ < copies_; ++copy_) {
    const Text row = word();
    op(message("add.u32 {}, %row, {}", row, 32 * copy_));
    place_row(row);
    op("cvt.u32.u64 %group_x, %group");
    place_lane();
    op(message("mov.b32 %group_x{}, %group_x", copy_));
    op(message("mov.b32 %group_y{}, 0", copy_));
    op(message("mov.b32 %group_z{}, 0", copy_));
    for (const char axis : {'x', 'y', 'z'})
      op(message("mov.b32 %local_{}{}, %local_{}", Text(1, axis), copy_, Text(1, axis)));
  }
  for (u32 at = image_.once_count; at < image_.code.size(); ++at) {
    const Instruction& i = image_.code[at];
    if (guard != kNowhere && at == construct_at(image_, guard)->end) continue;
    const bool once = vir::lowering::has_result(i.op) && (i.form & core::kScalarResult) != 0 &&
                      i.op != Opcode::atomic;
    for (copy_ = 0; copy_ < (once ? 1 : copies_); ++copy_) {
      if (at == guard) {
        jump_if_not(test("lt.u32", source(i, 0), source(i, 1)), rows);
      } else {
        one(at);
      }
    }
  }
  copy_ = 0;
  wide_ = false;
  op(message("add.u32 %row, %row, {}", 32 * copies_));
  jump(again);
}

/// A flat program: the lanes of the unit in one row, of which a thread does every 32nd.
void Emitter::rows_of_lanes() {
  const u32 lanes = image_.lanes();
  op("cvt.u32.u64 %l, %count");
  op(message("mul.lo.u32 %row_end, %l, {}", lanes));
  op("mov.b32 %row, %lane");
  const Text rows = new_label();
  next_row_ = new_label();
  if (const auto guard = straight_guard()) wide_rows(*guard, rows);
  label(rows);
  jump_if(test("ge.u32", "%row", "%row_end"), over());
  place_row("%row");
  place_group();
  place_lane();
  op("mov.b32 %turns, 0");
  list(image_.once_count, static_cast<u32>(image_.code.size()));
  label(next_row_);
  op("add.u32 %row, %row, 32");
  jump(rows);
}

void Emitter::zero_workgroup_memory() {
  if (image_.workgroup_bytes == 0) return;
  const Text at = word();
  const Text again = new_label();
  const Text over = new_label();
  const Text to = wide();
  op(message("mov.b32 {}, %lane", at));
  label(again);
  jump_if(test("ge.u32", at, std::to_string(image_.workgroup_bytes / 4)), over);
  op(message("mad.wide.u32 {}, {}, 4, %memory", to, at));
  op(message("st.u32 [{}], 0", to));
  op(message("add.u32 {}, {}, 32", at, at));
  jump(again);
  label(over);
  op("bar.warp.sync 0xffffffff");  // publishes the zeros to all lanes
}

/// Any other program: one workgroup after the other.
void Emitter::workgroups() {
  op("mov.u64 %group, %first");
  op("add.u64 %group_end, %first, %count");
  const Text groups = new_label();
  end_group_ = new_label();
  label(groups);
  jump_if(test("ge.u64", "%group", "%group_end"), over());
  place_group();
  zero_workgroup_memory();
  op("mov.b32 %rounds, 0");
  if (!multi_) {
    op("mov.b32 %l, %lane");
    place_lane();
    op("mov.b32 %turns, 0");
    op(message("selp.u32 %dead, 1, 0, {}", test("ge.u32", "%l", std::to_string(image_.lanes()))));
    op("setp.eq.u32 %alive, %dead, 0");
  }
  list(image_.once_count, static_cast<u32>(image_.code.size()));
  label(end_group_);
  op("bar.warp.sync 0xffffffff");  // nothing of this workgroup is read after it
  jump_if_answered(over());
  op("add.u64 %group, %group, 1");
  jump(groups);
}

void Emitter::pass() {
  next_run_ = 0;
  grouped() ? workgroups() : rows_of_lanes();
}

Function Emitter::run() {
  if (multi_) {
    runs_ = find_runs(image_, analysis_);
    scratch_bytes_ = (runs_.carried.size() + 2) * analysis_.slices * 128;
  }
  for (u32 at = 0; at < image_.once_count; ++at) instruction(at);
  check_before();
  if (analysis_.foresees) {
    looks_ = true;
    pass();
    label("LOOKED");
    jump_if_answered("DONE");
    looks_ = false;
  }
  pass();
  label("RUN_AGAIN");
  op("mov.b32 %answer, 1");
  label("DONE");
  op("st.param.b32 [p_answer], %answer");
  op("ret");
  Text text = head();
  text.append(buffers_text()).append(body_).append("}\n");
  return {name_, std::move(text), scratch_bytes_ + image_.workgroup_bytes};
}

}  // namespace vyre::jit

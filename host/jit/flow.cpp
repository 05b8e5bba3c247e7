// Branches, loops, ends of lanes, and runs. In a workgroup all threads walk through the code that
// no lane decides for itself; %dead is 1 for those whose lane has ended or does not exist. A lane
// that ends inside a branch goes to the branch's end, and from there to the next one out, so that
// lanes meet where the format says they do.
#include <algorithm>

#include "base/message.hpp"
#include "emitter.hpp"

namespace vyre::jit {

using core::Opcode;

void Emitter::list(u32 from, u32 to) {
  const auto at_run = [&] { return multi_ && nested_ == 0 && next_run_ < runs_.list.size(); };
  while (from < to) {
    if (at_run() && runs_.list[next_run_].from == from) open_run(runs_.list[next_run_]);
    if (const auto c = construct_at(image_, from)) {
      construct(*c);
      from = c->next;
    } else {
      one(from++);
    }
    if (at_run() && in_run_ && runs_.list[next_run_].to == from) close_run(runs_.list[next_run_++]);
  }
}

void Emitter::one(u32 at) {
  const Instruction& i = image_.code[at];
  switch (i.op) {
    case Opcode::end:
    case Opcode::jump:      // over an else-side in which there is nothing
    case Opcode::poll:      // loops look at the stop word; straight code is over soon
    case Opcode::id_guard:  // check_before() looks
      return;
    case Opcode::leave:
      return leave();
    case Opcode::fault:
      return end_where(test("eq.u32", "%lane", "%lane"), Answer::run_again);
    case Opcode::uniform_check:
      if (analysis_.may_fail(at)) uniform_check(i);
      return;
    case Opcode::barrier:
      return op("bar.warp.sync 0xffffffff");  // publishes the lanes' memory to each other
    default:
      return instruction(at);
  }
}

void Emitter::construct(const Construct& c) {
  const bool inside = !is_between(analysis_, c);
  nested_ += inside ? 1 : 0;
  if (c.loop) {
    c.lanes ? lanes_loop(c) : uniform_loop(c);
  } else {
    c.lanes ? lanes_branch(c) : uniform_branch(c);
  }
  nested_ -= inside ? 1 : 0;
}

void Emitter::enter(const Text& end) {
  rejoins_.push_back(end);
  deepest_ = depth() > deepest_ ? depth() : deepest_;
}

void Emitter::lanes_branch(const Construct& c) {
  const Instruction& i = image_.code[c.begin];
  const bool has_else = c.middle != kNowhere;
  Text yes = i.op == Opcode::if_id_below ? test("lt.u32", source(i, 0), source(i, 1))
                                         : test("ne.u32", source(i, 0), "0");
  Text no;
  const Text mask = numbered("%m", depth() + 1);
  const Text other_mask = numbered("%e", depth() + 1);
  const bool all = all_threads();
  if (has_else) {
    no = predicate();
    op(message("not.pred {}, {}", no, yes));
    if (all) no = both(no, "%alive");
  }
  if (all) yes = both(yes, "%alive");
  if (analysis_.meets) {
    op(message("vote.sync.ballot.b32 {}, {}, {}", mask, yes, members()));
    if (has_else) op(message("vote.sync.ballot.b32 {}, {}, {}", other_mask, no, members()));
  }
  const Text end = new_label();
  const Text other = has_else ? new_label() : end;
  jump_if_not(yes, other);
  enter(end);
  list(c.begin + 1, c.body_end());
  if (has_else) {
    jump(end);
    label(other);
    if (all) jump_if_not(no, end);
    if (analysis_.meets) op(message("mov.b32 {}, {}", mask, other_mask));
    list(c.middle + 1, c.end);
  }
  rejoins_.pop_back();
  label(end);
  rejoin(analysis_.may_end(c.begin, c.end));
}

void Emitter::lanes_loop(const Construct& c) {
  const Instruction& i = image_.code[c.begin];
  const Text counter = source(i, 0);
  const Text bound = source(i, 1);
  const bool may_end = grouped() && analysis_.may_end(c.begin, c.end);
  Text goes_on = test("lt.u32", counter, bound);
  if (all_threads()) goes_on = both(goes_on, "%alive");
  const Text mask = numbered("%m", depth() + 1);
  const Text turn_mask = numbered("%o", depth() + 1);  // of those that began the turn
  if (analysis_.meets) op(message("vote.sync.ballot.b32 {}, {}, {}", mask, goes_on, members()));
  const Text again = new_label();
  const Text next = new_label();
  const Text end = new_label();
  jump_if_not(goes_on, end);
  label(again);
  if (analysis_.meets) op(message("mov.b32 {}, {}", turn_mask, mask));
  enter(next);
  turn();
  list(c.begin + 1, c.end);
  label(next);
  op(message("add.u32 {}, {}, 1", counter, counter));
  goes_on = test("lt.u32", counter, bound);
  if (may_end) goes_on = both(goes_on, test("eq.u32", "%dead", "0"));
  if (analysis_.meets) op(message("vote.sync.ballot.b32 {}, {}, {}", mask, goes_on, turn_mask));
  jump_if(goes_on, again);
  rejoins_.pop_back();
  label(end);
  rejoin(may_end);
}

void Emitter::uniform_branch(const Construct& c) {
  const Text yes = test("ne.u32", source(image_.code[c.begin], 0), "0");
  const Text end = new_label();
  const Text other = c.middle != kNowhere ? new_label() : end;
  jump_if_not(yes, other);
  list(c.begin + 1, c.body_end());
  if (c.middle != kNowhere) {
    jump(end);
    label(other);
    list(c.middle + 1, c.end);
  }
  label(end);
}

void Emitter::uniform_loop(const Construct& c) {
  const Instruction& i = image_.code[c.begin];
  const Text counter = source(i, 0);
  const Text bound = source(i, 1);
  const Text again = new_label();
  const Text end = new_label();
  jump_if(test("ge.u32", counter, bound), end);
  label(again);
  turn();
  list(c.begin + 1, c.end);
  const Text next = word();
  op(message("add.u32 {}, {}, 1", next, counter));
  // The counter may be at its last value.
  Text goes_on = both(test("lt.u32", counter, bound), test("lt.u32", next, bound));
  if (between()) {
    jump_if_answered(end_group_);
  } else if (all_threads() && analysis_.may_end(c.begin, c.end)) {
    const Text any = predicate();
    op(message("vote.sync.any.pred {}, %alive, 0xffffffff", any));
    goes_on = both(goes_on, any);
  }
  jump_if_not(goes_on, end);
  op(message("mov.b32 {}, {}", counter, next));
  jump(again);
  label(end);
}

/// Lanes meet behind a branch or loop; those that have ended go on to the next such place.
void Emitter::rejoin(bool may_have_ended) {
  if (!grouped()) return;
  if (analysis_.meets) op(message("bar.warp.sync {}", members()));  // lanes run together again
  if (!may_have_ended) return;
  if (depth() == 0) return op("setp.eq.u32 %alive, %dead, 0");
  const Text alive = test("eq.u32", "%dead", "0");
  if (analysis_.meets) op(message("vote.sync.ballot.b32 {}, {}, {}", members(), alive, members()));
  jump_if_not(alive, rejoins_.back());
}

/// At the beginning of each turn of a loop.
void Emitter::turn() {
  if (analysis_.counted && between()) {
    op("add.u32 %rounds, %rounds, 1");
    end_where(test("gt.u32", "%rounds", "%share"), Answer::run_again);
  } else if (analysis_.counted) {
    op("add.u32 %turns, %turns, 1");
    Text spent = "%turns";
    if (multi_) {
      spent = word();
      op(message("add.u32 {}, %turns, %rounds", spent));
    }
    end_where(test("gt.u32", spent, "%share"), Answer::run_again);
  }
  if (analysis_.polled) look_at_stop();
}

void Emitter::look_at_stop() {
  const Text due = word();
  const Text stop = word();
  op("add.u32 %ticks, %ticks, 1");
  op(message("and.b32 {}, %ticks, 255", due));
  op(message("mov.b32 {}, 0", stop));
  const Text looks = test("eq.u32", due, "0");
  op(message("@{} ld.relaxed.sys.u32 {}, [%stop]", looks, stop));
  end_where(test("ne.u32", stop, "0"), Answer::stopped);
}

void Emitter::end_where(const Text& condition, Answer answer) {
  const Text set = message("mov.b32 %answer, {}", static_cast<u32>(answer));
  const Text where = all_threads() && !between() ? both(condition, "%alive") : condition;
  op(message("@{} {}", where, set));
  if (between()) return;  // the loop looks at the answers
  if (!grouped()) return jump_if(where, over());
  op(message("@{} mov.b32 %dead, 1", where));
  if (depth() == 0) return op("setp.eq.u32 %alive, %dead, 0");
  if (analysis_.meets) {  // the others go on without them
    const Text on = predicate();
    op(message("not.pred {}, {}", on, where));
    op(message("vote.sync.ballot.b32 {}, {}, {}", members(), on, members()));
  }
  jump_if(where, rejoins_.back());
}

void Emitter::leave() {
  if (!grouped()) return jump(next_row_);
  op("mov.b32 %dead, 1");
  if (depth() == 0) return op("setp.eq.u32 %alive, %dead, 0");
  jump(rejoins_.back());
}

/// Both sides of an If around a barrier, in the turns of one loop, end the unit.
void Emitter::uniform_check(const Instruction& i) {
  const Text side = numbered("%s", i.dst);
  const Text now = word();
  op(message("selp.u32 {}, 2, 1, {}", now, test("ne.u32", source(i, 0), "0")));
  const Text known = test("ne.u32", side, "0");
  end_where(both(known, test("ne.u32", side, now)), Answer::run_again);
  op(message("@!{} mov.b32 {}, {}", known, side, now));
}

std::string Emitter::slot(u64 number) const {
  return message("[%lane_state+{}]", number * analysis_.slices * 128);
}

/// All 32-lane slices of the workgroup do what follows, one after the other.
void Emitter::open_run(const Run& run) {
  const bool first = next_run_ == 0;
  in_run_ = true;
  op("mov.b32 %slice, 0");
  slice_ = new_label();
  label(slice_);
  op("shl.b32 %l, %slice, 5");
  op("add.u32 %l, %l, %lane");
  place_lane();
  op("mad.wide.u32 %lane_state, %l, 4, %scratch");
  const u64 registers = runs_.carried.size();
  const Text missing = test("ge.u32", "%l", std::to_string(image_.lanes()));
  op(message("selp.u32 %dead, 1, 0, {}", missing));
  if (first) {
    op("mov.b32 %turns, 0");
  } else {
    op(message("ld.u32 %dead, {}", slot(registers)));
    op(message("ld.u32 %turns, {}", slot(registers + 1)));
  }
  op("setp.eq.u32 %alive, %dead, 0");
  for (const u32 r : run.loads) {
    const auto at = std::lower_bound(runs_.carried.begin(), runs_.carried.end(), r);
    op(message("ld.u32 {}, {}", numbered("%v", r),
               slot(static_cast<u64>(at - runs_.carried.begin()))));
  }
}

void Emitter::close_run(const Run& run) {
  const u64 registers = runs_.carried.size();
  for (const u32 r : run.stores) {
    const auto at = std::lower_bound(runs_.carried.begin(), runs_.carried.end(), r);
    op(message("st.u32 {}, {}", slot(static_cast<u64>(at - runs_.carried.begin())),
               numbered("%v", r)));
  }
  if (runs_.list.size() > 1) {
    op(message("st.u32 {}, %dead", slot(registers)));
    op(message("st.u32 {}, %turns", slot(registers + 1)));
  }
  op("add.u32 %slice, %slice, 1");
  const Text more = test("lt.u32", "%slice", std::to_string(analysis_.slices));
  jump_if(more, slice_);
  in_run_ = false;
}

}  // namespace vyre::jit

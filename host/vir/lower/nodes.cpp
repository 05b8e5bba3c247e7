// Statements: scopes, variables, branches, loops. Masks are pushed only where lanes can differ.
#include "base/message.hpp"
#include "program.hpp"
#include "protocol/limits.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::vir::lowering {

using core::Instruction;
using core::kScalarA;
using core::kScalarB;
using core::kScalarResult;
using core::Opcode;
using Tag = Kind::Tag;

namespace {
Instruction flow(Opcode op, std::uint32_t imm = 0) {
  return {op, 0, 0, 0, 0, 0, 0, imm};
}
}  // namespace

void ProgramLowering::open_scope() {
  scopes_.push_back({names_.size(), guarded_});
}

void ProgramLowering::close_scope() {
  while (names_.size() > scopes_.back().names) {
    Name& name = names_.back();
    bound_[name.symbol] = name.before;
    if (name.bound.owned) {
      Value value = name.bound.value;
      value.temp = true;
      out_.release(value);
    }
    names_.pop_back();
  }
  guarded_ = scopes_.back().guarded;
  scopes_.pop_back();
}

void ProgramLowering::declare(Symbol symbol, Bound bound) {
  bound.divergence = divergence_;
  bound.value.temp = false;
  names_.push_back({symbol, bound_[symbol], std::move(bound)});
  bound_[symbol] = static_cast<std::uint32_t>(names_.size() - 1);
}

ProgramLowering::Bound* ProgramLowering::find(Symbol name) {
  return bound_[name] == kNone ? nullptr : &names_[bound_[name]].bound;
}

void ProgramLowering::enter_masks(std::uint32_t count) {
  mask_depth_ += count;
  mask_depth_max_ = mask_depth_ > mask_depth_max_ ? mask_depth_ : mask_depth_max_;
}

void ProgramLowering::leave_masks(std::uint32_t count) {
  mask_depth_ -= count;
}

void ProgramLowering::patch_leaves(std::uint32_t target) {
  for (const std::uint32_t at : constructs_.back().leaves) out_.patch(at, target);
  constructs_.back().leaves.clear();
}

void ProgramLowering::list(Range range) {
  open_scope();
  for (const NodeId id : program_.list(range)) {
    if (out_.failed()) break;
    node(id);
  }
  close_scope();
}

/// Between two operands at the finest, each of which is a few instructions beside its own operands:
/// half of what may be leaves room for the widest.
void ProgramLowering::poll_at_times() {
  if (out_.position() < last_poll_ + kPollInstructions / 2) return;
  out_.emit(flow(Opcode::poll));
  last_poll_ = out_.position();
}

void ProgramLowering::node(NodeId id) {
  const Node& n = program_.nodes[id];
  out_.set_statement(statement_[id] == kNone ? 0 : statement_[id]);
  poll_at_times();
  switch (n.tag) {
    case NodeTag::Let:
      return let(n);
    case NodeTag::Assign:
      return assign(n);
    case NodeTag::Store:
      return store(n);
    case NodeTag::If:
      return branch(n, id);
    case NodeTag::Loop:
      return loop(n);
    case NodeTag::Block:
    case NodeTag::Region:
      return list(n.body);
    case NodeTag::Return:
      return leave();
    case NodeTag::Barrier:
      out_.emit(flow(Opcode::barrier));
      return;
    case NodeTag::Trap: {
      const Value address = expression(n.e0);
      if (address.never()) return;
      out_.release(address);
      return out_.emit_fault(FaultCode::trap);
    }
    case NodeTag::AsyncLoad:
    case NodeTag::AsyncStore:
      return copy(n);
    case NodeTag::AsyncWait:
      out_.emit({Opcode::async_wait, 0, 0, 0, 0, 0, tag_index(n.name3), 0});
      return;
    case NodeTag::Resume:
    case NodeTag::IndirectDispatch:
    case NodeTag::AllReduce:
    case NodeTag::AllGather:
    case NodeTag::ReduceScatter:
    case NodeTag::Broadcast:
    case NodeTag::Opaque:
      return out_.emit_fault(FaultCode::bad_operation);
  }
}

void ProgramLowering::let(const Node& n) {
  const std::uint32_t before = out_.position();
  Value value = expression(n.e0);
  const Variable facts = facts_.variables[next_variable_++];
  Bound bound{value, facts, 0, false};
  if (facts.kind.tag == Tag::conflict) {
    out_.refuse(
        message("variable '{}' holds values of different widths; use one variable for each type",
                program_.name(n.name)));
    return;
  }
  if (out_.optimise() && !facts.read && !facts.assigned && out_.drop_if_pure(before)) {
    out_.release(value);
    bound.value = Value{};
    declare(n.name, bound);
    return;
  }
  if (!facts.read && !facts.assigned) out_.forget_old(value);
  if (value.never()) {
    bound.value = facts.assigned ? out_.new_vector(facts.kind) : Value{};
    bound.owned = facts.assigned;
  } else if (facts.assigned) {
    bound.value = out_.owned_copy(converted(value, facts.kind));
    bound.owned = true;
  } else if (value.temp) {
    bound.owned = true;
  } else if (value.changing) {
    bound.value = out_.owned_copy(value);
    bound.owned = true;
  }
  bound.value.changing = facts.assigned;
  declare(n.name, bound);
}

void ProgramLowering::assign(const Node& n) {
  Value value = expression(n.e0);
  Bound* bound = find(n.name);
  if (bound == nullptr || value.never()) {
    out_.release(value);
    return;
  }
  value = converted(value, bound->facts.kind);
  Value to = bound->value;
  to.temp = false;
  // Lanes that are off here were off at the declaration too, or have left for good: nothing sees
  // the write.
  if (out_.optimise() && bound->divergence == divergence_) {
    if (out_.retarget_last(value, to)) return;
    out_.copy_into(to, value);
    out_.release(value);
    return;
  }
  if (to.kind.words() == 0) return;
  out_.emit({Opcode::assign, static_cast<std::uint8_t>(value.scalar ? kScalarA : 0),
             static_cast<std::uint8_t>(to.kind.words()), to.reg, value.reg, 0, 0, 0});
  out_.release(value);
}

void ProgramLowering::store(const Node& n) {
  const Value index = as_u32(expression(n.e0), FaultCode::bad_index);
  Value value = expression(n.e1);
  if (index.never() || value.never()) {
    out_.release(index);
    out_.release(value);
    return;
  }
  const std::uint32_t buffer = buffer_index(n.name);
  if (buffer == kNone) return out_.emit_fault(FaultCode::bad_operation);
  Instruction i{Opcode::store_n, 0, 0, 0, index.reg, 0, 0, buffer};
  if (element(buffer).tag == TypeTag::F32) {
    i.op = Opcode::store_f32;
    if (value.kind.tag == Tag::word) {
      (void)unclear(value, "stored into an f32 buffer");
      return;
    }
    if (value.kind.is_float()) {
      value = as_f32(value);
    } else if (value.kind != kU32) {  // only a float or the bits of a u32 have a meaning there
      out_.release(value);
      value = out_.constant(0, kF32);
    }
  } else {
    value = stored_form(value);
    i.c = static_cast<std::uint16_t>(value.kind.words());
    if (element(buffer).tag == TypeTag::Bytes) {
      i.op = Opcode::store_bytes;
      i.c = static_cast<std::uint16_t>(value.kind.stored_bytes());
    } else if (element_stride(program_, program_.buffers[buffer].element) == 4 && i.c != 0) {
      i.op = Opcode::store32;
    }
  }
  i.b = value.reg;
  i.form = static_cast<std::uint8_t>((index.scalar ? kScalarA : 0) | (value.scalar ? kScalarB : 0));
  if ((i.op == Opcode::store32 || i.op == Opcode::store_f32) && is_global_x(index)) {
    i.aux = core::kIndexIsGlobalId;
  }
  if (value.kind.words() == 0) i.form &= static_cast<std::uint8_t>(~kScalarB);
  out_.emit(i);
  out_.release(index);
  out_.release(value);
}

void ProgramLowering::branch(const Node& n, NodeId id) {
  const Value condition = truth(expression(n.e0));
  if (condition.never()) {
    // No lane arrives in the bodies, but their variables still count in the walk's order.
    list(n.body);
    list(n.otherwise);
    return;
  }
  if (guards_barrier_[id]) {
    const std::uint16_t side = out_.fresh_scalar();
    const Value zero = out_.constant(0, kU32);
    out_.emit_prologue({Opcode::mov, kScalarA | kScalarResult, 0, side, zero.reg, 0, 0, 0});
    out_.emit({Opcode::uniform_check, static_cast<std::uint8_t>(condition.scalar ? kScalarA : 0), 0,
               side, condition.reg, 0, 0, 0});
  }
  if (condition.scalar) return branch_scalar(n, condition);
  branch_vector(n, condition);
}

void ProgramLowering::branch_scalar(const Node& n, const Value& condition) {
  const std::uint32_t test =
      out_.emit({Opcode::jump_if_zero, kScalarA, 0, 0, condition.reg, 0, 0, 0});
  out_.release(condition);
  list(n.body);
  if (n.otherwise.count == 0) return out_.patch(test, out_.position());
  const std::uint32_t over = out_.emit(flow(Opcode::jump));
  out_.patch(test, out_.position());
  list(n.otherwise);
  out_.patch(over, out_.position());
}

void ProgramLowering::branch_vector(const Node& n, const Value& condition) {
  const bool has_else = n.otherwise.count != 0;
  const Value id{kU32, false, false, false, ids_[0][0].value_or(0)};
  const auto below =
      has_else || !is_global_x(id) ? std::nullopt : out_.take_last_compare(condition, id.reg);
  std::uint32_t begin = 0;
  if (below) {
    begin = out_.emit({Opcode::if_id_below, kScalarB, 0, 0, below->a, below->b, 0, 0});
  } else {
    const auto aux = static_cast<std::uint8_t>(has_else ? 1 : 0);
    begin = out_.emit({Opcode::if_begin, 0, aux, 0, condition.reg, 0, 0, 0});
    out_.release(condition);
  }
  constructs_.emplace_back();
  enter_masks(has_else ? 2 : 1);
  ++divergence_;
  list(n.body);
  if (has_else) {
    const std::uint32_t otherwise = out_.emit(flow(Opcode::else_begin));
    out_.patch(begin, otherwise);
    patch_leaves(otherwise);
    leave_masks(1);
    list(n.otherwise);
    out_.patch(otherwise, out_.position());
  } else {
    out_.patch(begin, out_.position());
  }
  patch_leaves(out_.position());
  out_.emit(flow(Opcode::if_end));
  leave_masks(1);
  --divergence_;
  constructs_.pop_back();
}

void ProgramLowering::loop(const Node& n) {
  const Value from = as_u32(expression(n.e0), FaultCode::bad_index);
  const Value to = as_u32(expression(n.e1), FaultCode::bad_index);
  if (from.never() || to.never()) {
    ++next_variable_;
    out_.release(from);
    out_.release(to);
    open_scope();
    declare(n.name, {});
    list(n.body);
    close_scope();
    return;
  }
  loops_ = true;
  if (from.scalar && to.scalar) return loop_scalar(n, from, to);
  loop_vector(n, from, to);
}

void ProgramLowering::loop_scalar(const Node& n, const Value& from, const Value& to) {
  // The bound may be a loop counter further out, which is fixed while this loop runs.
  const Value counter = out_.new_scalar(kU32);
  out_.copy_into(counter, from);
  out_.release(from);
  const std::uint8_t form = kScalarA | kScalarB;
  const std::uint32_t enter =
      out_.emit({Opcode::loop_enter_s, form, 0, 0, counter.reg, to.reg, 0, 0});
  const std::uint32_t statement_of_loop = out_.statement();
  const std::uint32_t body = out_.position();
  open_scope();
  Bound bound{counter, facts_.variables[next_variable_++], 0, true};
  declare(n.name, bound);
  list(n.body);
  out_.set_statement(statement_of_loop);
  out_.emit({Opcode::loop_next_s, form, 0, 0, counter.reg, to.reg, 0, body});
  close_scope();
  out_.patch(enter, out_.position());
  out_.release(to);
}

void ProgramLowering::loop_vector(const Node& n, const Value& from, const Value& to) {
  diverges_ = true;
  const Value counter = out_.owned_copy(from);
  const Value bound_value = out_.owned_copy(to);
  const std::uint32_t enter =
      out_.emit({Opcode::loop_enter_v, 0, 0, 0, counter.reg, bound_value.reg, 0, 0});
  const std::uint32_t statement_of_loop = out_.statement();
  const std::uint32_t body = out_.position();
  constructs_.emplace_back();
  enter_masks(1);
  ++divergence_;
  open_scope();
  Bound bound{counter, facts_.variables[next_variable_++], 0, true};
  declare(n.name, bound);
  list(n.body);
  out_.set_statement(statement_of_loop);
  patch_leaves(out_.position());
  out_.emit({Opcode::loop_next_v, 0, 0, 0, counter.reg, bound_value.reg, 0, body});
  close_scope();
  --divergence_;
  leave_masks(1);
  constructs_.pop_back();
  out_.patch(enter, out_.position());
  out_.release(bound_value);
}

void ProgramLowering::leave() {
  const std::uint32_t at = out_.emit(flow(Opcode::leave));
  if (constructs_.empty()) {
    final_leaves_.push_back(at);
  } else {
    constructs_.back().leaves.push_back(at);
  }
}

std::uint16_t ProgramLowering::tag_index(Symbol tag) {
  if (const auto known = tags_.find(tag); known != tags_.end()) return known->second;
  if (tags_.size() >= kMaxCopyTags) {
    out_.refuse(
        message("the program uses more than {} different copy tags; wait for copies and use their "
                "tags again",
                kMaxCopyTags));
    return 0;
  }
  const auto index = static_cast<std::uint16_t>(tags_.size());
  tags_.emplace(tag, index);
  return index;
}

void ProgramLowering::copy(const Node& n) {
  const Value offset = as_u32(expression(n.e0), FaultCode::bad_index);
  const Value size = as_u32(expression(n.e1), FaultCode::bad_index);
  const std::uint32_t source = buffer_index(n.name);
  const std::uint32_t destination = buffer_index(n.name2);
  if (!offset.never() && !size.never()) {
    if (source == kNone || destination == kNone) {
      out_.emit_fault(FaultCode::bad_operation);
    } else {
      const Opcode op = n.tag == NodeTag::AsyncLoad ? Opcode::async_load : Opcode::async_store;
      const auto form =
          static_cast<std::uint8_t>((offset.scalar ? kScalarA : 0) | (size.scalar ? kScalarB : 0));
      out_.emit(
          {op, form, 0, 0, offset.reg, size.reg, tag_index(n.name3), source | destination << 16});
    }
  }
  out_.release(offset);
  out_.release(size);
}

}  // namespace vyre::vir::lowering

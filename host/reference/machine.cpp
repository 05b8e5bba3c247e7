// The schedule of a workgroup and the meaning of every statement. Spec: docs/vir0.md, "Semantics",
// scheduling.
#include "machine.hpp"

#include <algorithm>

#include "vyre/vir/statements.hpp"

namespace vyre::reference {
namespace {

/// Turns of lanes between two looks at the clock: some tens of microseconds.
constexpr std::uint32_t kTurnsBetweenLooks{1'024};

tl::unexpected<Stop> pass_on(const Stop& why) {
  return tl::unexpected<Stop>(why);
}

/// Per If: whether a Barrier is below it. Children come after their parents in pre-order, so one
/// pass backwards sees every child before its parent.
std::vector<bool> find_guards(const vir::Program& program) {
  std::vector<bool> below(program.nodes.size(), false);
  const std::vector<vir::NodeId> order = vir::statements_in_order(program);
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const vir::Node& node = program.nodes[*it];
    if (node.tag == vir::NodeTag::Region) continue;  // not searched, as in the format's reference
    bool found = node.tag == vir::NodeTag::Barrier;
    const vir::ChildLists lists = vir::child_lists(node);
    for (const vir::Range list : {lists.first, lists.second}) {
      for (const vir::NodeId child : program.list(list)) found = found || below[child];
    }
    below[*it] = found;
  }
  for (std::size_t i = 0; i < below.size(); ++i) {
    if (program.nodes[i].tag != vir::NodeTag::If) below[i] = false;
  }
  return below;
}

}  // namespace

Names::Names(const vir::Program& program)
    : variable(program.names.size(), vir::kNone),
      buffer(program.names.size(), vir::kNone),
      guards_barrier(find_guards(program)) {
  for (const vir::Node& node : program.nodes) {
    if (node.tag != vir::NodeTag::Let && node.tag != vir::NodeTag::Loop) continue;
    if (variable[node.name] == vir::kNone) variable[node.name] = variables++;
  }
  for (std::size_t i = program.buffers.size(); i-- > 0;) {
    buffer[program.buffers[i].name] = static_cast<std::uint32_t>(i);
  }
  has_subgroup_ops = vir::any_expression(program, [](const vir::Expr& expr) {
    return expr.tag == vir::ExprTag::SubgroupAdd || expr.tag == vir::ExprTag::SubgroupShuffle ||
           expr.tag == vir::ExprTag::SubgroupBallot;
  });
}

Machine::Machine(const vir::Program& program, Names names, std::vector<Buffer>& buffers,
                 std::uint64_t fuel, Deadline deadline)
    : program_(program),
      names_(std::move(names)),
      buffers_(buffers),
      fuel_per_workgroup_(fuel),
      deadline_(deadline) {
  const auto& size = program.workgroup;
  lanes_.resize(std::size_t{size[0]} * size[1] * size[2]);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const auto linear = static_cast<std::uint32_t>(i);
    lanes_[i].local_id = {linear % size[0], linear / size[0] % size[1], linear / size[0] / size[1]};
  }
}

void Machine::start_workgroup() {
  for (Buffer& buffer : buffers_) {
    if (buffer.in_workgroup) std::fill(buffer.bytes.begin(), buffer.bytes.end(), std::uint8_t{0});
  }
  for (Lane& lane : lanes_) {
    lane.frames.clear();
    lane.bound.clear();
    lane.variables.assign(names_.variables, Unbound{});
    lane.copies.clear();
    lane.waiting = false;
    open(lane, program_.entry);
  }
  side_taken_.assign(program_.nodes.size(), 0);
  pending_copy_bytes_ = 0;
  fuel_ = fuel_per_workgroup_;
}

Maybe<Unbound> Machine::run_workgroup(const std::array<std::uint32_t, 3>& id) {
  workgroup_ = id;
  // Before the work of a workgroup too: its memory may be large and its program empty.
  if (const auto in_time = check_deadline(); !in_time) return pass_on(in_time.error());
  start_workgroup();
  while (std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& l) { return l.live(); })) {
    const auto progressed = run_round();
    if (!progressed) return pass_on(progressed.error());
    if (!release_barrier() && !*progressed) {
      current_ = 0;
      while (!lanes_[current_].waiting) ++current_;
      return stop(FaultCode::barrier_deadlock, "some lanes wait for others that cannot come");
    }
  }
  return check_copies_done();
}

/// One statement of every lane that is not waiting. Says whether any lane moved.
Maybe<bool> Machine::run_round() {
  if (names_.has_subgroup_ops) {
    snapshot_.resize(lanes_.size());
    for (std::size_t i = 0; i < lanes_.size(); ++i) snapshot_[i] = lanes_[i].variables;
  }
  bool progressed = false;
  for (current_ = 0; current_ < lanes_.size(); ++current_) {
    Lane& lane = lanes_[current_];
    if (!lane.live() || lane.waiting) continue;
    if (const auto in_time = count_turn(); !in_time) return pass_on(in_time.error());
    if (const auto done = step(lane); !done) return pass_on(done.error());
    progressed = true;
  }
  return progressed;
}

/// Lets all lanes go when every live one waits, at whatever barrier. Says whether it did.
bool Machine::release_barrier() {
  bool any = false;
  for (const Lane& lane : lanes_) {
    if (lane.live() && !lane.waiting) return false;
    any = any || lane.waiting;
  }
  for (Lane& lane : lanes_) lane.waiting = false;
  return any;
}

Maybe<Unbound> Machine::check_copies_done() {
  for (current_ = 0; current_ < lanes_.size(); ++current_) {
    Lane& lane = lanes_[current_];
    if (lane.copies.empty()) continue;
    lane.at = lane.copies.front().node;
    return stop(FaultCode::async_misuse, "a copy was started and never waited for");
  }
  return Unbound{};
}

Maybe<Unbound> Machine::check_deadline() {
  turns_ = 0;
  if (deadline_ && std::chrono::steady_clock::now() >= *deadline_) {
    return stop(FaultCode::wall_time, "the deadline has passed; allow more time");
  }
  return Unbound{};
}

Maybe<Unbound> Machine::count_turn() {
  return ++turns_ < kTurnsBetweenLooks ? Maybe<Unbound>{Unbound{}} : check_deadline();
}

Maybe<Unbound> Machine::spend_fuel() {
  if (fuel_ == 0) return stop(FaultCode::fuel_exhausted, "the workgroup has spent its fuel");
  --fuel_;
  return count_turn();  // nested subgroup operations are long within one turn of a lane
}

void Machine::open(Lane& lane, vir::Range list) {
  lane.frames.push_back(Frame{list, vir::kNone, 0, 0, lane.bound.size()});
}

void Machine::close(Lane& lane) {
  const std::size_t keep = lane.frames.back().bound_before;
  while (lane.bound.size() > keep) {
    lane.variables[lane.bound.back()] = Unbound{};
    lane.bound.pop_back();
  }
  lane.frames.pop_back();
}

Maybe<Unbound> Machine::bind(Lane& lane, vir::Symbol name, Value value) {
  const std::uint32_t slot = names_.variable[name];
  if (!std::holds_alternative<Unbound>(lane.variables[slot])) {
    return stop(FaultCode::bad_operation, "a name is bound twice");
  }
  lane.variables[slot] = std::move(value);
  lane.bound.push_back(slot);
  return Unbound{};
}

/// One turn: a statement, the start of an iteration, or the end of a scope.
Maybe<Unbound> Machine::step(Lane& lane) {
  Frame& frame = lane.frames.back();
  if (frame.loop != vir::kNone) return step_loop(lane);
  if (frame.list.count == 0) {
    close(lane);
    return Unbound{};
  }
  const vir::NodeId id = program_.node_lists[frame.list.begin];
  ++frame.list.begin;
  --frame.list.count;
  lane.at = id;
  return execute(lane, program_.nodes[id], id);
}

Maybe<Unbound> Machine::step_loop(Lane& lane) {
  Frame& frame = lane.frames.back();
  lane.at = frame.loop;
  if (frame.next >= frame.end) {
    close(lane);
    return Unbound{};
  }
  if (const auto fuel = spend_fuel(); !fuel) return fuel;
  const std::uint32_t value = frame.next++;
  const vir::Node& node = program_.nodes[frame.loop];
  open(lane, node.body);  // invalidates `frame`
  return bind(lane, node.name, value);
}

Maybe<Unbound> Machine::execute(Lane& lane, const vir::Node& node, vir::NodeId id) {
  using vir::NodeTag;
  switch (node.tag) {
    case NodeTag::Let: {
      auto value = evaluate(lane, node.e0);
      if (!value) return pass_on(value.error());
      return bind(lane, node.name, std::move(*value));
    }
    case NodeTag::Assign:
      return do_assign(lane, node);
    case NodeTag::Store:
      return do_store(lane, node);
    case NodeTag::If:
      return do_if(lane, node, id);
    case NodeTag::Loop:
      return do_loop(lane, node, id);
    case NodeTag::Block:
    case NodeTag::Region:
      open(lane, node.body);
      return Unbound{};
    case NodeTag::Return:
      lane.frames.clear();  // what was bound stays visible to subgroup operations of other lanes
      return Unbound{};
    case NodeTag::Barrier:
      lane.waiting = true;
      return Unbound{};
    case NodeTag::AsyncLoad:
    case NodeTag::AsyncStore:
      return do_copy(lane, node, id);
    case NodeTag::AsyncWait:
      return do_wait(lane, node);
    case NodeTag::Trap: {
      const auto address = evaluate(lane, node.e0);
      if (!address) return pass_on(address.error());
      return stop(FaultCode::trap, "the program trapped");
    }
    case NodeTag::Resume:
    case NodeTag::IndirectDispatch:
    case NodeTag::AllReduce:
    case NodeTag::AllGather:
    case NodeTag::ReduceScatter:
    case NodeTag::Broadcast:
    case NodeTag::Opaque:
      break;
  }
  return stop(FaultCode::bad_operation, "the statement is defined to fail");
}

Maybe<Unbound> Machine::do_assign(Lane& lane, const vir::Node& node) {
  auto value = evaluate(lane, node.e0);
  if (!value) return pass_on(value.error());
  const std::uint32_t slot = names_.variable[node.name];
  if (slot == vir::kNone || std::holds_alternative<Unbound>(lane.variables[slot])) {
    return stop(FaultCode::unbound_variable, "an assigned variable does not exist");
  }
  lane.variables[slot] = std::move(*value);
  return Unbound{};
}

Maybe<Unbound> Machine::do_store(Lane& lane, const vir::Node& node) {
  const auto index = eval_u32(Scope{&lane, &lane.variables, 0, 0}, node.e0);
  if (!index) return pass_on(index.error());
  const auto value = evaluate(lane, node.e1);
  if (!value) return pass_on(value.error());
  const auto buffer = buffer_of(node.name);
  if (!buffer) return pass_on(buffer.error());
  (*buffer)->store(*index, *value);
  return Unbound{};
}

Maybe<Unbound> Machine::do_if(Lane& lane, const vir::Node& node, vir::NodeId id) {
  const auto condition = evaluate(lane, node.e0);
  if (!condition) return pass_on(condition.error());
  const bool taken = truthy(*condition);
  if (names_.guards_barrier[id]) {
    const std::uint8_t side = taken ? 1 : 2;
    if (side_taken_[id] != 0 && side_taken_[id] != side) {
      return stop(FaultCode::divergent_barrier,
                  "an if around a barrier took both sides in this workgroup");
    }
    side_taken_[id] = side;
  }
  open(lane, taken ? node.body : node.otherwise);
  return Unbound{};
}

Maybe<Unbound> Machine::do_loop(Lane& lane, const vir::Node& node, vir::NodeId id) {
  const Scope scope{&lane, &lane.variables, 0, 0};
  const auto from = eval_u32(scope, node.e0);
  if (!from) return pass_on(from.error());
  const auto to = eval_u32(scope, node.e1);
  if (!to) return pass_on(to.error());
  lane.frames.push_back(Frame{{}, id, *from, *to, lane.bound.size()});
  return Unbound{};
}

/// Reads the source now; AsyncWait writes. A load reads from `offset` and writes at 0, a store the
/// other way round. Bytes beyond the source are 0; bytes that cannot reach the destination are not
/// kept.
Maybe<Unbound> Machine::do_copy(Lane& lane, const vir::Node& node, vir::NodeId id) {
  const Scope scope{&lane, &lane.variables, 0, 0};
  const auto offset = eval_u32(scope, node.e0);
  if (!offset) return pass_on(offset.error());
  const auto size = eval_u32(scope, node.e1);
  if (!size) return pass_on(size.error());
  const auto source = buffer_of(node.name);
  if (!source) return pass_on(source.error());
  const auto destination = buffer_of(node.name2);
  if (!destination) return pass_on(destination.error());
  for (const PendingCopy& copy : lane.copies) {
    if (copy.tag == node.name3) return stop(FaultCode::async_misuse, "a copy's tag is in use");
  }
  const bool is_load = node.tag == vir::NodeTag::AsyncLoad;
  const std::uint64_t read_at = is_load ? *offset : 0;
  const std::uint64_t write_at = is_load ? 0 : *offset;
  const std::uint64_t room = (*destination)->bytes.size();
  const std::uint64_t count = write_at < room ? std::min<std::uint64_t>(*size, room - write_at) : 0;
  const std::uint64_t cost = count + kPendingCopyOverhead;
  if (cost > kMaxPendingCopyBytes - pending_copy_bytes_) {
    return stop(FaultCode::copy_limit, "the workgroup's started copies hold too many bytes");
  }
  pending_copy_bytes_ += cost;
  const Bytes& from = (*source)->bytes;
  PendingCopy copy{node.name3, names_.buffer[node.name2], write_at, Bytes(count, 0), id};
  if (read_at < from.size()) {
    const std::uint64_t there = std::min<std::uint64_t>(count, from.size() - read_at);
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(read_at), there, copy.bytes.begin());
  }
  lane.copies.push_back(std::move(copy));
  return Unbound{};
}

Maybe<Unbound> Machine::do_wait(Lane& lane, const vir::Node& node) {
  for (auto copy = lane.copies.begin(); copy != lane.copies.end(); ++copy) {
    if (copy->tag != node.name3) continue;
    buffers_[copy->destination].write_clipped(copy->offset, copy->bytes);
    pending_copy_bytes_ -= copy->bytes.size() + kPendingCopyOverhead;
    lane.copies.erase(copy);
    return Unbound{};
  }
  return stop(FaultCode::async_misuse, "a wait names a copy that was not started");
}

}  // namespace vyre::reference

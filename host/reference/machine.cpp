// The lanes of a workgroup and the meaning of every statement. Spec:
// docs/internals/vir0-semantics.md, "Semantics", execution.
#include "machine.hpp"

#include <algorithm>

#include "vir/program/statements.hpp"

namespace vyre::reference {
namespace {

/// Operations of lanes between two looks at the clock: some tens of microseconds.
constexpr std::size_t kWorkBetweenLooks{1'024};

constexpr WorkgroupFault kLate{
    {FaultCode::wall_time, "the deadline has passed; allow more time"}, 0, 0};

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
}

Machine::Machine(const vir::Program& program, Names names, std::vector<Buffer>& buffers,
                 std::uint64_t fuel, std::function<bool()> wanted_no_more, RaceDetector* detector)
    : program_(program),
      names_(std::move(names)),
      buffers_(buffers),
      fuel_per_workgroup_(fuel),
      wanted_no_more_(std::move(wanted_no_more)),
      detector_(detector) {
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
    lane.copies.clear();
    lane.ended = false;
  }
  variables_.assign(names_.variables, Values(lanes_.size()));
  side_taken_.assign(program_.nodes.size(), 0);
  pending_copy_bytes_ = 0;
  fuel_ = fuel_per_workgroup_;
}

std::optional<WorkgroupFault> Machine::run_workgroup(const std::array<std::uint32_t, 3>& id) {
  workgroup_ = id;
  fault_.reset();
  // Before the work of a workgroup too: its memory may be large and its program empty.
  if (is_late()) return kLate;
  start_workgroup();
  Lanes all(lanes_.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint32_t>(i);
  execute_list(program_.entry, std::move(all));
  if (!fault_) check_copies_done();
  return fault_;
}

// ---- lanes ----

/// The lane at `position` faults. It and all higher lanes of the workgroup end there; lower ones
/// go on, and a fault of theirs replaces this one.
void Machine::fail(Lanes& lanes, std::size_t position, const Stop& why) {
  fault_ = WorkgroupFault{why, lanes[position], node_};
  stop_from(lanes[position]);
  lanes.resize(position);
}

void Machine::stop_from(std::uint32_t lane) {
  for (std::size_t i = lane; i < lanes_.size(); ++i) lanes_[i].ended = true;
}

void Machine::drop_ended(Lanes& lanes) const {
  std::erase_if(lanes, [this](std::uint32_t lane) { return lanes_[lane].ended; });
}

/// Lanes come to where they see others: at a barrier, in a subgroup operation. After a fault no
/// lane goes beyond such a place. Says whether there are lanes that do.
bool Machine::meet(Lanes& lanes) {
  if (lanes.empty()) return false;
  if (!fault_) return true;
  stop_from(0);
  lanes.clear();
  return false;
}

void Machine::check_copies_done() {
  for (std::uint32_t lane = 0; lane < lanes_.size(); ++lane) {
    const auto& copies = lanes_[lane].copies;
    if (copies.empty()) continue;
    const auto oldest = std::min_element(
        copies.begin(), copies.end(),
        [](const auto& a, const auto& b) { return a.second.number < b.second.number; });
    fault_ = WorkgroupFault{{FaultCode::async_misuse, "a copy was started and never waited for"},
                            lane,
                            oldest->second.node};
    return;
  }
}

bool Machine::is_late() {
  work_ = 0;
  return wanted_no_more_();
}

/// Past the deadline it ends all lanes, those of the list too.
void Machine::count_work(Lanes& lanes) {
  work_ += lanes.size();
  if (work_ < kWorkBetweenLooks || !is_late()) return;
  fault_ = kLate;
  stop_from(0);
  lanes.clear();
}

// ---- statements ----

void Machine::execute_list(vir::Range list, Lanes lanes) {
  for (const vir::NodeId id : program_.list(list)) {
    if (lanes.empty()) return;
    execute(id, lanes);
    drop_ended(lanes);
  }
}

void Machine::execute(vir::NodeId id, Lanes& lanes) {
  using vir::NodeTag;
  const vir::Node& node = program_.nodes[id];
  node_ = id;
  count_work(lanes);
  switch (node.tag) {
    case NodeTag::Let:
    case NodeTag::Assign: {
      Values values = eval(node.e0, lanes);
      return bind(node.name, lanes, std::move(values));
    }
    case NodeTag::Store: {
      const auto index = eval_u32(node.e0, lanes);
      const Values value = eval(node.e1, lanes);
      (void)each<Unbound>(
          lanes, [&](std::size_t k) { return store(lanes[k], node.name, index[k], value[k]); });
      return;
    }
    case NodeTag::If:
      return do_if(node, id, lanes);
    case NodeTag::Loop:
      return do_loop(node, id, lanes);
    case NodeTag::Block:
    case NodeTag::Region:
      return execute_list(node.body, lanes);
    case NodeTag::Return:
      for (const std::uint32_t lane : lanes) lanes_[lane].ended = true;
      return;
    case NodeTag::Barrier:
      return do_barrier(lanes);
    case NodeTag::AsyncLoad:
    case NodeTag::AsyncStore:
      return do_copy(node, lanes);
    case NodeTag::AsyncWait:
      (void)each<Unbound>(lanes, [&](std::size_t k) { return finish_copy(lanes[k], node.name3); });
      return;
    case NodeTag::Trap:
      (void)eval(node.e0, lanes);
      return fail_all(lanes, FaultCode::trap, "the program trapped");
    case NodeTag::Resume:
    case NodeTag::IndirectDispatch:
    case NodeTag::AllReduce:
    case NodeTag::AllGather:
    case NodeTag::ReduceScatter:
    case NodeTag::Broadcast:
    case NodeTag::Opaque:
      return fail_all(lanes, FaultCode::bad_operation, "the statement is defined to fail");
  }
}

/// Let and Assign, which differ for the validator only.
void Machine::bind(vir::Symbol name, const Lanes& lanes, Values values) {
  const std::uint32_t variable = names_.variable[name];
  if (variable == vir::kNone) return;  // assigned and never declared: refused by the validator
  for (std::size_t k = 0; k < lanes.size(); ++k)
    variables_[variable][lanes[k]] = std::move(values[k]);
}

/// All lanes together decide; then those of the body run, then those of the other side.
void Machine::do_if(const vir::Node& node, vir::NodeId id, Lanes& lanes) {
  const Values condition = eval(node.e0, lanes);
  std::vector<bool> taken;
  for (std::size_t k = 0; k < lanes.size(); ++k) taken.push_back(truthy(condition[k]));
  if (names_.guards_barrier[id]) check_side(id, taken, lanes);
  Lanes body;
  Lanes otherwise;
  for (std::size_t k = 0; k < lanes.size(); ++k) (taken[k] ? body : otherwise).push_back(lanes[k]);
  execute_list(node.body, std::move(body));
  drop_ended(otherwise);  // a fault in the body ends lanes here too
  execute_list(node.otherwise, std::move(otherwise));
}

/// An If around a barrier takes the side that its first lane took first, in the whole workgroup.
void Machine::check_side(vir::NodeId id, const std::vector<bool>& taken, Lanes& lanes) {
  (void)each<Unbound>(lanes, [&](std::size_t k) -> Maybe<Unbound> {
    const std::uint8_t side = taken[k] ? 1 : 2;
    if (side_taken_[id] == 0) side_taken_[id] = side;
    if (side_taken_[id] == side) return Unbound{};
    return stop(
        FaultCode::divergent_barrier,
        "an if around a barrier took both sides in this workgroup, at once or in two passes "
        "of a loop");
  });
}

/// Every iteration is begun by all lanes that still loop; those that are through wait behind it.
void Machine::do_loop(const vir::Node& node, vir::NodeId id, Lanes& lanes) {
  const auto from = eval_u32(node.e0, lanes);
  const auto to = eval_u32(node.e1, lanes);
  std::vector<std::uint32_t> next(lanes_.size(), 0);
  std::vector<std::uint32_t> end(lanes_.size(), 0);
  for (std::size_t k = 0; k < lanes.size(); ++k) {
    next[lanes[k]] = from[k];
    end[lanes[k]] = to[k];
  }
  const auto drop_finished = [&](Lanes& looping) {
    std::erase_if(looping, [&](std::uint32_t lane) { return next[lane] >= end[lane]; });
  };
  Lanes looping = lanes;
  drop_finished(looping);
  while (!looping.empty()) {
    node_ = id;
    count_work(looping);
    Values values = each<Value>(looping, [&](std::size_t k) -> Maybe<Value> {
      if (fuel_ == 0) return stop(FaultCode::fuel_exhausted, "the workgroup has spent its fuel");
      --fuel_;
      return next[looping[k]]++;
    });
    bind(node.name, looping, std::move(values));
    execute_list(node.body, looping);
    drop_ended(looping);
    drop_finished(looping);
  }
}

void Machine::do_barrier(Lanes& lanes) {
  if (!meet(lanes)) return;
  const auto live =
      std::count_if(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return !lane.ended; });
  if (static_cast<std::size_t>(live) != lanes.size()) {
    return fail_all(lanes, FaultCode::barrier_deadlock,
                    "some lanes wait for others that cannot come");
  }
  if (detector_ != nullptr) detector_->pass_barrier();
}

void Machine::do_copy(const vir::Node& node, Lanes& lanes) {
  const auto offset = eval_u32(node.e0, lanes);
  const auto size = eval_u32(node.e1, lanes);
  (void)each<Unbound>(
      lanes, [&](std::size_t k) { return start_copy(lanes[k], node, offset[k], size[k]); });
}

}  // namespace vyre::reference

// Pre-order walk over the nodes, without recursion: nesting is not bounded before validation.
#include "vir/program/statements.hpp"

#include <algorithm>

namespace vyre::vir {

std::vector<NodeId> statements_in_order(const Program& program) {
  std::vector<NodeId> order;
  std::vector<bool> seen(program.nodes.size());
  std::vector<Range> pending;  // lists still to be walked, innermost last
  const auto push = [&](Range list) {
    const std::uint64_t size = program.node_lists.size();
    if (list.begin >= size) return;
    list.count = static_cast<std::uint32_t>(std::min<std::uint64_t>(list.count, size - list.begin));
    if (list.count != 0) pending.push_back(list);
  };
  push(program.entry);
  while (!pending.empty()) {
    Range& list = pending.back();
    const NodeId id = program.node_lists[list.begin];
    ++list.begin;
    if (--list.count == 0) pending.pop_back();  // invalidates `list`
    if (id >= seen.size() || seen[id]) continue;
    seen[id] = true;
    order.push_back(id);
    const ChildLists lists = child_lists(program.nodes[id]);
    push(lists.second);
    push(lists.first);
  }
  return order;
}

namespace {

/// By node: it is a watch's region, or lies in one.
std::vector<bool> added_by_watches(const Program& program, const std::vector<NodeId>& order) {
  std::vector<bool> added(program.nodes.size());
  const auto mark = [&](Range list) {
    const std::uint64_t size = program.node_lists.size();
    const std::uint64_t end = std::min<std::uint64_t>(std::uint64_t{list.begin} + list.count, size);
    for (std::uint64_t i = list.begin; i < end; ++i) {
      const NodeId id = program.node_lists[i];
      if (id < added.size()) added[id] = true;
    }
  };
  for (const NodeId id : order) {  // a node comes before what lies in it
    const Node& node = program.nodes[id];
    if (node.tag == NodeTag::Region && is_watch_name(program, node.name)) added[id] = true;
    if (!added[id]) continue;
    const ChildLists lists = child_lists(node);
    mark(lists.first);
    mark(lists.second);
  }
  return added;
}

}  // namespace

bool is_watch_name(const Program& program, Symbol name) noexcept {
  return name < program.names.size() &&
         std::string_view(program.names[name]).starts_with(kWatchName);
}

std::vector<std::uint32_t> statement_numbers(const Program& program) {
  std::vector<std::uint32_t> numbers(program.nodes.size(), kNone);
  const std::vector<NodeId> order = statements_in_order(program);
  const std::vector<bool> added = added_by_watches(program, order);
  std::uint32_t next = 0;
  for (const NodeId id : order) {
    numbers[id] = next;
    next += added[id] ? 0u : 1u;
  }
  return numbers;
}

std::vector<NodeId> numbered_statements(const Program& program) {
  std::vector<NodeId> order = statements_in_order(program);
  const std::vector<bool> added = added_by_watches(program, order);
  std::erase_if(order, [&](NodeId id) { return added[id]; });
  return order;
}

}  // namespace vyre::vir

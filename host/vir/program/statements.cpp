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

std::vector<std::uint32_t> statement_numbers(const Program& program) {
  std::vector<std::uint32_t> numbers(program.nodes.size(), kNone);
  std::uint32_t next = 0;
  for (const NodeId id : statements_in_order(program)) numbers[id] = next++;
  return numbers;
}

}  // namespace vyre::vir

// See work.hpp.
#include "planner/work.hpp"

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::planner {
namespace {

std::uint8_t input_bits(const OpFacts& op, std::size_t index) noexcept {
  const bool read_write = index < op.inputs.size() && op.inputs[index].read_write;
  return read_write ? kReads | kWrites | kKeeps : kReads;
}

std::uint8_t output_bits(const OpFacts& op, std::size_t index) noexcept {
  const bool whole = index < op.outputs.size() && op.outputs[index].whole;
  return whole ? kWrites : kWrites | kKeeps;
}

Status check_item(const Work& work, std::size_t index) {
  const Item& item = work.items[index];
  if (item.op >= work.ops.size()) {
    return fail(Errc::invalid_argument,
                message("item {} of the plan names op {} of {}; name one of the list", index,
                        item.op, work.ops.size()));
  }
  const std::uint64_t count = std::uint64_t{item.inputs} + item.outputs;
  if (item.first_use > work.uses.size() || count > work.uses.size() - item.first_use) {
    return fail(Errc::invalid_argument,
                message("item {} of the plan has its buffers from {} on and {} of them, of {}",
                        index, item.first_use, count, work.uses.size()));
  }
  for (const BufferUse& use : work.uses_of(item)) {
    if (use.buffer < work.buffers.size()) continue;
    return fail(Errc::invalid_argument,
                message("item {} of the plan uses buffer {} of {}; name one of the list", index,
                        use.buffer, work.buffers.size()));
  }
  return {};
}

Status check_op(const Work& work, std::size_t index) {
  for (const std::uint32_t rule : work.ops[index].rules) {
    if (rule < work.rules) continue;
    return fail(Errc::invalid_argument,
                message("op {} of the plan has lineage rule {} of {}; name one of the list", index,
                        rule, work.rules));
  }
  return {};
}

}  // namespace

Item& Work::add(std::uint32_t op, std::span<const std::uint32_t> inputs,
                std::span<const std::uint32_t> outputs, std::uint32_t param, std::uint8_t flags) {
  Item item;
  item.op = op;
  item.param = param;
  item.first_use = uses.size();
  item.inputs = static_cast<std::uint32_t>(inputs.size());
  item.outputs = static_cast<std::uint32_t>(outputs.size());
  item.flags = flags;
  const OpFacts& facts = ops[op];
  for (std::size_t i = 0; i < inputs.size(); ++i) uses.push_back({inputs[i], input_bits(facts, i)});
  for (std::size_t i = 0; i < outputs.size(); ++i)
    uses.push_back({outputs[i], output_bits(facts, i)});
  return items.emplace_back(item);
}

Status check(const Work& work) {
  if (work.items.size() > kMaxPlanItems) {
    return fail(Errc::limit_exceeded,
                message("the plan has {} items, at most {} fit; plan it in parts",
                        work.items.size(), kMaxPlanItems));
  }
  if (work.uses.size() > kMaxPlanItems) {
    return fail(Errc::limit_exceeded,
                message("the items of the plan name {} buffers, at most {} fit; plan it in parts",
                        work.uses.size(), kMaxPlanItems));
  }
  for (std::size_t i = 0; i < work.ops.size(); ++i) VYRE_TRY(check_op(work, i));
  for (const CarriedRule& one : work.carried) {
    if (one.buffer < work.buffers.size() && one.rule < work.rules) continue;
    return fail(Errc::invalid_argument,
                message("buffer {} of {} carries lineage rule {} of {}; name one of the lists",
                        one.buffer, work.buffers.size(), one.rule, work.rules));
  }
  for (std::size_t i = 0; i < work.items.size(); ++i) VYRE_TRY(check_item(work, i));
  return {};
}

}  // namespace vyre::planner

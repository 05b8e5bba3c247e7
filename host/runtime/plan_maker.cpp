// See plan_maker.hpp.
#include "plan_maker.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/message.hpp"
#include "builtin/rules.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {
namespace {

constexpr std::uint32_t kNop{0};  // looks at no buffer
/// Items between two moments at which others may have the order lock.
constexpr std::size_t kSliceItems{4'096};

planner::OpFacts facts_of(const OpRecord& record) {
  planner::OpFacts facts;
  facts.id = record.info.handle.id;
  facts.name = record.info.name;
  facts.repeatable = facts.id != kNop;
  for (const OpSignature::Buffer& input : record.info.signature.inputs) {
    facts.inputs.push_back({.read_write = input.read_write});
    if (input.read_write) facts.repeatable = false;
  }
  facts.outputs.resize(record.info.signature.outputs.size());
  return facts;
}

/// Fills in the batch, item by item.
class WorkBuilder {
 public:
  WorkBuilder(PlanContents& plan, HandleTable& handles, const OpTable& ops)
      : plan_(plan), handles_(handles), ops_(ops) {}

  Status add(const OrderLock& lock, std::size_t index, std::uint8_t flags) {
    const MegakernelWorkItem& item = plan_.items[index];
    if (!ops_.known(item.op_handle)) {
      return fail(
          Errc::invalid_argument,
          message("item {} of the plan names op {}, which is not registered in this session", index,
                  item.op_handle));
    }
    VYRE_ASSIGN(const auto inputs, members(lock, index, "input_handle", item.input_handle));
    VYRE_ASSIGN(const auto outputs, members(lock, index, "output_handle", item.output_handle));
    const bool touches = item.op_handle != kNop;
    plan_.work.add(op(item.op_handle), touches ? in_pool(inputs) : std::span<const std::uint32_t>(),
                   touches ? in_pool(outputs) : std::span<const std::uint32_t>(), item.param,
                   flags);
    return {};
  }

 private:
  struct Members {  // buffers of one handle, in pool_
    std::size_t first{0};
    std::size_t count{0};
  };

  std::span<const std::uint32_t> in_pool(const Members& members) const {
    return std::span(pool_).subspan(members.first, members.count);
  }

  std::uint32_t op(std::uint32_t id) {
    const auto [found, fresh] =
        op_index_.try_emplace(id, static_cast<std::uint32_t>(plan_.work.ops.size()));
    if (fresh) plan_.work.ops.push_back(facts_of(ops_.record(id)));
    return found->second;
  }

  Result<Members> members(const OrderLock& lock, std::size_t index, const char* field,
                          std::uint32_t handle) {
    if (handle == 0) return Members{};
    if (const auto known = members_.find(handle); known != members_.end()) return known->second;
    const HandleRecord* const record = handles_.find(lock, handle);
    if (record == nullptr || record->releasing) {
      return fail(Errc::invalid_argument,
                  message("{} {} of item {} of the plan is not a live buffer or binding set of "
                          "this session",
                          field, handle, index));
    }
    plan_.handles.push_back({handle, record->serial});
    Members made{pool_.size(), 0};
    if (record->kind != HandleRecord::Kind::set) {
      pool_.push_back(buffer(*record));
    } else {
      for (const std::uint32_t member : record->members)
        pool_.push_back(buffer(*handles_.find(lock, member)));  // alive: the set holds it
    }
    made.count = pool_.size() - made.first;
    members_.emplace(handle, made);
    return made;
  }

  std::uint32_t buffer(const HandleRecord& record) {
    const auto [found, fresh] = buffer_index_.try_emplace(
        record.handle, static_cast<std::uint32_t>(plan_.work.buffers.size()));
    if (fresh) {
      plan_.work.buffers.push_back({.handle = record.handle,
                                    .version = record.version,
                                    .bytes = record.bytes,
                                    .plain = record.kind == HandleRecord::Kind::buffer});
    }
    return found->second;
  }

  PlanContents& plan_;
  HandleTable& handles_;
  const OpTable& ops_;
  std::unordered_map<std::uint32_t, std::uint32_t> op_index_;
  std::unordered_map<std::uint32_t, std::uint32_t> buffer_index_;
  std::unordered_map<std::uint32_t, Members> members_;
  std::vector<std::uint32_t> pool_;
};

/// Bytes of the least output of the items that write hits.
std::optional<std::uint64_t> least_hit_bytes(const planner::Work& work) {
  const auto writes_hits = [](const planner::OpFacts& op) {
    return op.id == static_cast<std::uint32_t>(builtin::Op::match_literals);
  };
  std::optional<std::uint64_t> least;
  if (std::none_of(work.ops.begin(), work.ops.end(), writes_hits)) return least;
  for (const planner::Item& item : work.items) {
    if (!writes_hits(work.ops[item.op])) continue;
    for (const planner::BufferUse& use : work.uses_of(item).subspan(item.inputs)) {
      const std::uint64_t bytes = work.buffers[use.buffer].bytes;
      least = std::min(least.value_or(bytes), bytes);
    }
  }
  return least;
}

/// Removed items by the item that stands for them.
void sort_removed(PlanContents& plan) {
  const auto& removed = plan.plan.removed;
  if (removed.empty()) return;
  const std::size_t items = plan.items.size();
  plan.perhaps.assign(items, false);
  plan.first_stood_for.assign(items + 1, 0);
  for (const planner::Removed& one : removed) {
    if (one.standing.earlier)
      plan.perhaps[one.item] = true;
    else
      ++plan.first_stood_for[one.standing.item + 1];
  }
  for (std::size_t i = 0; i < items; ++i) plan.first_stood_for[i + 1] += plan.first_stood_for[i];
  plan.stood_for.resize(plan.first_stood_for[items]);
  std::vector<std::uint64_t> next(plan.first_stood_for.begin(), plan.first_stood_for.end() - 1);
  for (const planner::Removed& one : removed) {
    if (!one.standing.earlier) plan.stood_for[next[one.standing.item]++] = one.item;
  }
}

}  // namespace

Status check_plan_size(std::size_t items) {
  if (items <= kMaxPlanItems) return {};
  return fail(Errc::limit_exceeded,
              message("a plan of {} items was asked for; the limit is {} (kMaxPlanItems): make "
                      "several",
                      items, kMaxPlanItems));
}

Status PlanMaker::check(std::span<const MegakernelWorkItem> items,
                        const PlanOptions& options) const {
  VYRE_TRY(over_.life.open());
  if (options.queue >= over_.setup.options.queues)
    return tl::unexpected<Error>(over_.setup.no_such_queue(options.queue));
  VYRE_TRY(check_plan_size(items.size()));
  if (!options.flags.empty() && options.flags.size() != items.size()) {
    return fail(Errc::invalid_argument,
                message("{} queue flags were given with {} items; give none or one for each item",
                        options.flags.size(), items.size()));
  }
  for (std::size_t i = 0; i < options.flags.size(); ++i) {
    if ((options.flags[i] & ~kQueueFlagsOfCallers) == 0) continue;
    return fail(
        Errc::invalid_argument,
        message("queue flags {} of item {} of the plan are not known: after_previous is {}, "
                "after_all is {}",
                options.flags[i], i, std::uint32_t{kQueueFlagAfterPrevious},
                std::uint32_t{kQueueFlagAfterAll}));
  }
  return {};
}

planner::Measured PlanMaker::measure() const {
  const auto mean = [](std::uint64_t sum, std::uint64_t count) {
    return static_cast<double>(sum) / static_cast<double>(count);
  };
  const backend::ItemCosts costs = over_.backend.item_costs();
  planner::Measured measured;
  if (costs.slots != 0) {
    std::uint64_t published = 0;
    for (const std::uint64_t tail : over_.results.tails()) published += tail;
    measured.item_ns = mean(costs.slots_ns, costs.slots) +
                       mean(over_.counters.publish_ns.load(std::memory_order_relaxed), published);
  }
  if (costs.bytes_ns != 0) measured.bytes_per_ns = mean(costs.bytes, costs.bytes_ns);
  if (costs.steps != 0) measured.step_ns = mean(costs.steps_ns, costs.steps);
  return measured;
}

std::optional<double> PlanMaker::mean_steps(std::uint32_t op) const {
  if (op < kFirstUserOp) return std::nullopt;
  const std::uint64_t items = over_.results.items_run(op);
  if (items == 0) return std::nullopt;
  return static_cast<double>(over_.backend.steps(op)) / static_cast<double>(items);
}

Result<Plan> PlanMaker::make(std::span<const MegakernelWorkItem> items,
                             const PlanOptions& options) {
  VYRE_TRY(check(items, options));
  const std::int64_t begin_ns = over_.setup.since_open_ns();
  auto plan = std::make_shared<PlanContents>();
  plan->session = over_.setup.number;
  plan->queue = options.queue;
  plan->items.assign(items.begin(), items.end());
  plan->work.items.reserve(items.size());
  plan->work.uses.reserve(2 * items.size());
  WorkBuilder builder(*plan, over_.handles, over_.ops);
  // Of what the queue has done, only what items of this batch would do again.
  planner::DedupeTable earlier(items.size());
  std::vector<planner::BufferVersion> versions;
  for (std::size_t i = 0; i < items.size();) {
    const OrderLock lock(over_.order);
    const bool looks_back = options.dedupe && over_.done_work.any(lock, options.queue);
    for (const std::size_t end = std::min(items.size(), i + kSliceItems); i < end; ++i) {
      VYRE_TRY(builder.add(lock, i, options.flags.empty() ? std::uint8_t{0} : options.flags[i]));
      const planner::Item& item = plan->work.items.back();
      if (!looks_back || !plan->work.ops[item.op].repeatable) continue;
      const auto key = key_of(lock, over_.handles, plan->work, item, versions);
      const auto at = key ? over_.done_work.find(lock, options.queue, *key) : std::nullopt;
      if (at) earlier.remember(*key, at->number());
    }
  }
  plan->least_hit_bytes = least_hit_bytes(plan->work);
  plan->measured = measure();
  for (planner::OpFacts& op : plan->work.ops) op.steps = mean_steps(op.id);
  VYRE_ASSIGN(plan->plan, planner::make_plan(plan->work,
                                             {.dedupe = options.dedupe,
                                              .fuse = options.fuse && over_.backend.runs_regions(),
                                              .lineage = false,
                                              .lanes = false},
                                             plan->measured, &earlier));
  sort_removed(*plan);
  SessionCounters::add(over_.counters.plan_ns,
                       static_cast<std::uint64_t>(over_.setup.since_open_ns() - begin_ns));
  return Plan(std::move(plan));
}

std::size_t Plan::items() const noexcept {
  return contents_->items.size();
}
std::size_t Plan::removed() const noexcept {
  return contents_->plan.removed.size();
}
std::string Plan::describe() const {
  return planner::describe(contents_->work, contents_->plan, contents_->measured);
}
std::string Plan::describe_json() const {
  return planner::describe_json(contents_->work, contents_->plan, contents_->measured);
}

}  // namespace vyre::runtime

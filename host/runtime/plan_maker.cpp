// See plan_maker.hpp.
#include "plan_maker.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/message.hpp"
#include "builtin/rules.hpp"
#include "output_sizes.hpp"
#include "plan_lanes.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {
namespace {

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
  if (record.fusion != nullptr) describe_lanes(*record.fusion, facts);
  return facts;
}

/// Fills in the batch, item by item.
class WorkBuilder {
 public:
  WorkBuilder(PlanContents& plan, HandleTable& handles, const OpTable& ops,
              const LineageLog* lineage)
      : plan_(plan), handles_(handles), ops_(ops), lineage_(lineage) {}

  Status add(const OrderLock& lock, std::size_t index, std::uint8_t flags) {
    const MegakernelWorkItem& item = plan_.items[index];
    if (!ops_.known(item.op_handle)) {
      return fail(
          Errc::invalid_argument,
          message("item {} of the plan names op {}, which is not registered in this session", index,
                  item.op_handle));
    }
    const std::uint32_t op_index = op(lock, item.op_handle);
    VYRE_ASSIGN(const auto inputs, members(lock, index, "input_handle", item.input_handle));
    VYRE_ASSIGN(const auto outputs, members(lock, index, "output_handle", item.output_handle));
    const bool touches = item.op_handle != kNop;
    plan_.work.add(op_index, touches ? in_pool(inputs) : std::span<const std::uint32_t>(),
                   touches ? in_pool(outputs) : std::span<const std::uint32_t>(), item.param,
                   flags);
    if (lineage_ != nullptr) look_for_whole_outputs(ops_.record(item.op_handle));
    return {};
  }
  /// Of all that was added.
  void name_rules() {
    plan_.work.rule_names = rules_.names();
    plan_.work.rules = plan_.work.rule_names.size();
  }

  /// Buffers, or sets of buffers, of which the bytes do not matter once the plan has run.
  Status scratch(const OrderLock& lock, std::span<const Handle> scratch) {
    for (const Handle& handle : scratch) {
      VYRE_ASSIGN(const HandleRecord* const record,
                  handles_.find_live(lock, handle, "declare as scratch"));
      const std::uint32_t own[] = {record->handle};
      for (const std::uint32_t buffer : record->kind == HandleRecord::Kind::set
                                            ? std::span<const std::uint32_t>(record->members)
                                            : std::span<const std::uint32_t>(own)) {
        const auto found = buffer_index_.find(buffer);
        if (found != buffer_index_.end()) plan_.work.buffers[found->second].scratch = true;
      }
    }
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

  std::uint32_t op(const OrderLock& lock, std::uint32_t id) {
    const auto [found, fresh] =
        op_index_.try_emplace(id, static_cast<std::uint32_t>(plan_.work.ops.size()));
    if (!fresh) return found->second;
    plan_.work.ops.push_back(facts_of(ops_.record(id)));
    if (lineage_ == nullptr) return found->second;
    for (const std::string& name : lineage_->rule_names(lock, id))
      plan_.work.ops.back().rules.push_back(*rules_.slot(name));
    return found->second;
  }

  /// Outputs of the last item of which it writes every byte keep nothing of what was there.
  void look_for_whole_outputs(const OpRecord& op) {
    const planner::Item& item = plan_.work.items.back();
    std::array<std::uint64_t, builtin::kMaxOpBuffers> input_bytes{};
    for (std::size_t i = 0; i < std::min<std::size_t>(item.inputs, input_bytes.size()); ++i)
      input_bytes[i] = plan_.work.buffers[plan_.work.uses[item.first_use + i].buffer].bytes;
    for (std::size_t i = 0; i < item.outputs; ++i) {
      planner::BufferUse& use = plan_.work.uses[item.first_use + item.inputs + i];
      if (writes_whole(op, i, plan_.work.buffers[use.buffer].bytes, input_bytes, item.inputs,
                       item.param))
        use.bits = planner::kWrites;
    }
  }

  void carry(const OrderLock& lock, const HandleRecord& record, std::uint32_t buffer) {
    if (lineage_ == nullptr || !record.lineage) return;
    const std::vector<std::string>& names = lineage_->all_names(lock);
    for (const std::uint32_t slot : record.lineage->rules.slots()) {
      const auto [local, fresh] = carried_.try_emplace(slot, 0);
      if (fresh) local->second = *rules_.slot(names[slot]);
      plan_.work.carried.push_back({buffer, local->second});
    }
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
      pool_.push_back(buffer(lock, *record));
    } else {
      for (const std::uint32_t member : record->members)
        pool_.push_back(buffer(lock, *handles_.find(lock, member)));  // alive: the set holds it
    }
    made.count = pool_.size() - made.first;
    members_.emplace(handle, made);
    return made;
  }

  std::uint32_t buffer(const OrderLock& lock, const HandleRecord& record) {
    const auto [found, fresh] = buffer_index_.try_emplace(
        record.handle, static_cast<std::uint32_t>(plan_.work.buffers.size()));
    if (fresh) {
      plan_.work.buffers.push_back({.handle = record.handle,
                                    .version = record.version,
                                    .bytes = record.bytes,
                                    .plain = record.kind == HandleRecord::Kind::buffer});
      carry(lock, record, found->second);
    }
    return found->second;
  }

  PlanContents& plan_;
  HandleTable& handles_;
  const OpTable& ops_;
  const LineageLog* const lineage_;  // null: it is not asked for
  planner::RuleBook rules_;          // of the plan, in the order in which its items come
  std::unordered_map<std::uint32_t, std::uint32_t> carried_;  // slots of the session: of rules_
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
  const backend::ItemCosts costs = over_.backend.item_costs();
  planner::Measured measured;
  const std::uint64_t publish_ps = over_.counters.slot_publish_ps.value();
  if (costs.slot_ns) measured.item_ns = *costs.slot_ns + static_cast<double>(publish_ps) / 1e3;
  if (costs.byte_ns && *costs.byte_ns > 0) measured.bytes_per_ns = 1 / *costs.byte_ns;
  measured.step_ns = costs.step_ns;
  measured.fused_ratio = costs.fused_ratio;
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
  WorkBuilder builder(*plan, over_.handles, over_.ops, options.lineage ? &over_.lineage : nullptr);
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
  if (!options.scratch.empty()) {
    const OrderLock lock(over_.order);
    VYRE_TRY(builder.scratch(lock, options.scratch));
  }
  look_at_lengths(plan->work, over_.ops);
  plan->least_hit_bytes = least_hit_bytes(plan->work);
  for (planner::OpFacts& op : plan->work.ops) op.steps = mean_steps(op.id);
  if (!over_.setup.hooks.nothing_measured) {
    plan->measured = measure();
    for (planner::OpFacts& op : plan->work.ops) op.lane_ns = over_.backend.lane_costs(op.id);
  }
  builder.name_rules();
  VYRE_ASSIGN(plan->plan,
              planner::make_plan(plan->work,
                                 {.dedupe = options.dedupe,
                                  .fuse = options.fuse && over_.backend.runs_regions(),
                                  .lineage = false,
                                  .lanes = over_.backend.runs_fused(),
                                  .lanes_first = over_.launch.lanes_first(options.queue)},
                                 plan->measured, &earlier));
  make_images(*plan, over_.ops, over_.fused, over_.backend, over_.launch.memory_is_short());
  sort_removed(*plan);
  SessionCounters::add(over_.counters.plan_ns,
                       static_cast<std::uint64_t>(over_.setup.since_open_ns() - begin_ns));
  if (options.lineage) VYRE_TRY(add_lineage(*plan));
  return Plan(std::move(plan));
}

Status PlanMaker::add_lineage(PlanContents& plan) {
  const std::int64_t begin_ns = over_.setup.since_open_ns();
  plan.plan.options.lineage = true;
  VYRE_ASSIGN(plan.plan.lineage, planner::lineage_of(plan.work, plan.plan));
  const OrderLock lock(over_.order);
  over_.lineage.add_ns(lock, static_cast<std::uint64_t>(over_.setup.since_open_ns() - begin_ns));
  return {};
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

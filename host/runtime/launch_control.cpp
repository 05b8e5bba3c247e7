// See launch_control.hpp.
#include "launch_control.hpp"

#include <algorithm>
#include <iterator>
#include <new>

namespace vyre::runtime {
namespace {

using planner::MegakernelLaunchPlan;
using planner::MegakernelLaunchPolicy;

constexpr std::chrono::milliseconds kDecideEvery{10};
/// Between two looks at what workers do.
constexpr std::chrono::milliseconds kSampleEvery{1};
/// Decisions take at most one part of so many of a thread's time.
constexpr int kLeastRest{100};

/// Bytes up to which the policy does not call memory short.
std::uint64_t threshold_of(std::uint64_t budget) {
  constexpr std::uint64_t kFullBps{10'000};
  const std::uint64_t bps = MegakernelLaunchPolicy::standard().memory_pressure_threshold_bps;
  return budget / kFullBps * bps + budget % kFullBps * bps / kFullBps;
}

std::uint64_t since(std::uint64_t now, std::uint64_t before) {
  return now - std::min(now, before);
}

/// Why a backend, or this runtime, does not do what an output asks for.
constexpr std::string_view kWhyRefused[]{
    "a worker block that finds nothing takes nothing from others, so it does not sleep",
    "a poller knows its window from the launch on",
    "",
    "no compiled form of a program is kept",
    "no queue has priorities",
    "",
    "",
    ""};
static_assert(std::size(kWhyRefused) == kLaunchActs);

}  // namespace

std::string_view name(LaunchAct act) noexcept {
  constexpr std::array<std::string_view, kLaunchActs> kNames{
      "worker_groups",     "slot_count",         "hit_capacity", "execution_mode",
      "age_priority_work", "memory_constrained", "fused_dense",  "saturated"};
  return kNames[static_cast<std::size_t>(act)];
}

std::string_view why_refused(LaunchAct act) noexcept {
  return kWhyRefused[static_cast<std::size_t>(act)];
}

LaunchControl::LaunchControl(const Over& over)
    : over_(over),
      workforce_(over.backend.workforce()),
      every_(over.setup.hooks.decide_every.value_or(kDecideEvery)),
      queues_(new Queue[over.setup.options.queues]) {
  if (workforce_.groups == 0) due_at(Deadline::max());
}

void LaunchControl::sample() {
  const auto busy = over_.backend.busy_groups();
  if (!busy) return;
  bool in_flight = false;
  for (std::uint32_t q = 0; q < over_.results.queues() && !in_flight; ++q) {
    const Collector& collector = over_.results.collector(q);
    in_flight = collector.ended_below() < collector.producer().tail();
  }
  if (!in_flight) return;
  ++samples_;
  busy_ += std::min(*busy, workforce_.groups);
}

void LaunchControl::look(Deadline now) noexcept {
  try {
    // Where the system gives no thread, allocations that find no room evict.
    if (look_at_all(now)) (void)over_.attendant.call(*this);
  } catch (const std::bad_alloc&) {
    // The next look decides, when there may be memory.
  }
}

bool LaunchControl::look_at_all(Deadline now) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;  // another thread is at it
  due_at(now + std::min<std::chrono::nanoseconds>(kSampleEvery, every_));
  sample();
  if (now < next_decision_) return false;
  next_decision_ = now + every_;
  const Seen& seen = see();
  bool over_budget = false;
  for (std::uint32_t q = 0; q < over_.results.queues(); ++q) {
    const auto decided = decide(q, seen, nullptr);
    if (decided)
      act(q, *decided, 0);
    else if (decided.error().code == Errc::out_of_memory)
      over_budget = true;  // what was decided before stays
  }
  if (over_budget) short_.store(true, std::memory_order_relaxed);
  keep_awake(0);
  if (!over_.setup.hooks.decide_every)
    next_decision_ = std::max(next_decision_, now + kLeastRest * (Clock::now() - now));
  return memory_is_short() && !over_.life.closing();
}

LaunchControl::Memory LaunchControl::memory() const {
  const std::uint64_t budget = over_.setup.options.memory_budget_bytes;
  if (budget == 0 && over_.setup.on_device) {
    const backend::DeviceFacts facts = over_.backend.device_facts();
    return {facts.arena_used, facts.arena_bytes};
  }
  const OrderLock lock(over_.order);
  return {over_.budget.reserved(lock), budget};
}

const LaunchControl::Seen& LaunchControl::see() {
  Activity& ops = seen_.ops;
  ops.clear();
  seen_.ended.clear();
  for (std::uint32_t q = 0; q < over_.results.queues(); ++q) {
    seen_.ended.push_back(
        over_.results.collector(q).ended_items([&](std::uint32_t op, std::uint64_t items) {
          ops.push_back({op, {items, 0}});
        }));
  }
  std::sort(ops.begin(), ops.end(), [](const OpSeen& a, const OpSeen& b) { return a.op < b.op; });
  std::size_t kept = 0;  // one of each op
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (kept != 0 && ops[kept - 1].op == ops[i].op)
      ops[kept - 1].activity.items += ops[i].activity.items;
    else
      ops[kept++] = ops[i];
  }
  ops.resize(kept);
  for (OpSeen& seen : ops) {
    if (seen.op >= kFirstUserOp) seen.activity.steps = over_.backend.steps(seen.op);
  }
  seen_.memory = memory();
  return seen_;
}

planner::MegakernelLaunchRequest LaunchControl::request(std::uint32_t queue, const Seen& seen,
                                                        const PlanContents* plan) {
  Queue& of = queues_[queue];
  const Collector& collector = over_.results.collector(queue);
  planner::LaunchSignals signals;
  signals.items_not_ended = since(collector.accepted(), seen.ended[queue]);
  const std::uint64_t at_once = std::uint64_t{workforce_.groups} * workforce_.items_a_group;
  signals.items_running = std::min(
      signals.items_not_ended, over_.backend.items_running(queue).value_or(std::min(
                                   at_once, since(collector.taken(), collector.ended_below()))));
  if (plan != nullptr) {
    signals.plan = &plan->plan.regions;
    signals.least_hit_buffer_bytes = plan->least_hit_bytes;
  }
  signals.worker_groups = workforce_.groups;
  signals.items_a_group = workforce_.items_a_group;
  signals.most_groups = workforce_.groups;
  signals.threads_a_group = workforce_.threads_a_group;
  const std::uint64_t headers = over_.counters.hit_headers.load(std::memory_order_relaxed);
  if (headers != 0) {
    const std::uint64_t hits = over_.counters.hits.load(std::memory_order_relaxed);
    signals.mean_hits = static_cast<double>(hits) / static_cast<double>(headers);
  }
  ops_.clear();
  auto before = of.seen.begin();
  for (const OpSeen& op : seen.ops) {
    while (before != of.seen.end() && before->op < op.op) ++before;
    const bool known = before != of.seen.end() && before->op == op.op;
    const planner::OpActivity then = known ? before->activity : planner::OpActivity{};
    ops_.push_back({since(op.activity.items, then.items), since(op.activity.steps, then.steps)});
  }
  signals.ops = ops_;
  std::vector<std::uint64_t> shapes;
  for (const auto& [shape, times] : of.shapes) shapes.push_back(times);
  signals.shapes = shapes;
  signals.resident_bytes = seen.memory.resident;
  signals.budget_bytes = seen.memory.budget;
  return planner::launch_request(signals);
}

Result<MegakernelLaunchPlan> LaunchControl::decide(std::uint32_t queue, const Seen& seen,
                                                   const PlanContents* plan) {
  Queue& of = queues_[queue];
  const planner::MegakernelLaunchRequest request = this->request(queue, seen, plan);
  const auto& forced = over_.setup.hooks.forced_launch;
  const auto launch = forced ? forced(queue, request) : std::nullopt;
  if (launch) of.history.note(*launch);
  auto decided = launch ? Result<MegakernelLaunchPlan>(*launch) : of.history.decide(request);
  if (!decided) return decided;
  of.seen = seen.ops;
  of.shapes.clear();
  return decided;
}

void LaunchControl::act(std::uint32_t queue, const MegakernelLaunchPlan& decided,
                        std::size_t planned) {
  Queue& of = queues_[queue];
  const bool empty = decided.topology == Topology::Empty;
  if (!empty) {
    last_ = decided;
    hit_capacity_.store(decided.hit_capacity, std::memory_order_relaxed);
  }
  of.lanes_first.store(decided.topology == Topology::FusedDense, std::memory_order_relaxed);
  of.saturated.store(decided.pressure == Pressure::Saturated, std::memory_order_relaxed);
  of.wants = empty ? 0 : std::min(decided.dispatch_grid[0], decided.worker_groups);
  of.wants_then = empty ? 0 : decided.worker_groups;
  if (!empty) count(decided, of.wants);
  const std::uint64_t tail = over_.results.collector(queue).producer().tail();
  over_.backend.set_window(queue, std::min(decided.slot_count, over_.setup.options.ring_slots),
                           empty ? 0 : tail + planned);
  const std::uint16_t threshold = MegakernelLaunchPolicy::standard().memory_pressure_threshold_bps;
  short_.store(empty ? decided.memory_pressure_bps >= threshold
                     : decided.topology == Topology::MemoryConstrained,
               std::memory_order_relaxed);
}

void LaunchControl::count(const MegakernelLaunchPlan& decided, std::uint32_t wants) {
  const auto asks = [&](LaunchAct act, bool asked, bool acts) {
    if (!asked) return;
    LaunchActCount& of = acts_[static_cast<std::size_t>(act)];
    ++(acts ? of.applied : of.refused);
  };
  asks(LaunchAct::worker_groups, wants < workforce_.groups, workforce_.naps);
  asks(LaunchAct::slot_count, decided.slot_count < over_.setup.options.ring_slots,
       workforce_.windows);
  asks(LaunchAct::hit_capacity, true, true);
  asks(LaunchAct::execution_mode, decided.execution_mode == ExecutionMode::Jit, false);
  asks(LaunchAct::age_priority_work, decided.age_priority_work, false);
  asks(LaunchAct::memory_constrained, decided.topology == Topology::MemoryConstrained, true);
  asks(LaunchAct::fused_dense, decided.topology == Topology::FusedDense, true);
  asks(LaunchAct::saturated, decided.pressure == Pressure::Saturated, true);
}

void LaunchControl::keep_awake(std::size_t planned) {
  std::uint32_t now = 0;
  std::uint32_t then = 0;
  std::uint64_t until = planned;
  for (std::uint32_t q = 0; q < over_.results.queues(); ++q) {
    now = std::max(now, queues_[q].wants);
    then = std::max(then, queues_[q].wants_then);
    until += over_.results.collector(q).producer().tail();
  }
  if (now == 0) now = then = workforce_.groups;  // nothing to do
  over_.backend.keep_awake({now, until, then});
}

Status LaunchControl::decide(const PlanContents& plan) {
  if (workforce_.groups == 0) return {};
  for (;;) {
    auto decided = decide_now(plan);
    if (decided) break;
    // What no caller holds counts as free, so it goes before a plan is refused.
    const bool may_fit = decided.error().code == Errc::out_of_memory;
    if (!may_fit || over_.buffers.evict(1) == 0) return decided;
  }
  if (memory_is_short()) (void)over_.attendant.call(*this);
  return {};
}

Status LaunchControl::decide_now(const PlanContents& plan) {
  const planner::Regions& regions = plan.plan.regions;
  const std::lock_guard lock(mutex_);
  VYRE_ASSIGN(const MegakernelLaunchPlan decided, decide(plan.queue, see(), &plan));
  act(plan.queue, decided, regions.members.size());
  keep_awake(regions.members.size());
  for (const planner::Region& region : regions.regions) {
    if (region.members > 1) ++queues_[plan.queue].shapes[region.shape];
  }
  return {};
}

Attendant::Need LaunchControl::look(std::vector<DoneCall>&) {
  const Memory now = memory();
  (void)over_.buffers.evict(since(now.resident, threshold_of(now.budget)));
  return Attendant::Need::none;
}

LaunchSummary LaunchControl::summary() {
  const std::lock_guard lock(mutex_);
  LaunchSummary sum;
  sum.last = last_;
  sum.acts = acts_;
  for (std::uint32_t q = 0; q < over_.results.queues(); ++q)
    sum.counts.add(queues_[q].history.counts());
  if (samples_ != 0) {
    sum.busy_bps =
        static_cast<std::uint16_t>(busy_ * 10'000 / (samples_ * std::uint64_t{workforce_.groups}));
  }
  return sum;
}

}  // namespace vyre::runtime

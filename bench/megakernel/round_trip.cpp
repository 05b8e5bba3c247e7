// One item at a time, submitted and waited for by one thread: at ring level and through a Session.
// Inside the timed region: reserve, publish, doorbell, polling until the completion has been read.
// Baselines: the bare two-hop ping-pong, the one-hop one, launch and synchronize.
#include "megakernel/machine.hpp"
#include "megakernel/tiny_items.hpp"
#include "support/bare_kernels.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint32_t kRounds{20'000};
constexpr int kRuns{5};
constexpr double kGoalRatio{1.3};

/// `one(rounds)` -> Result<vector of ns>, kRuns times after a tenth of one.
template <class One>
Result<Spread> spread_over_runs(std::uint32_t rounds, const One& one) {
  VYRE_TRY(one(rounds / 10 + 1));
  std::vector<double> p50;
  std::vector<double> p99;
  double most = 0;
  for (int run = 0; run < kRuns; ++run) {
    VYRE_ASSIGN(std::vector<double> ns, one(rounds));
    const Spread spread = spread_of(std::move(ns));
    p50.push_back(spread.p50);
    p99.push_back(spread.p99);
    most = std::max(most, spread.max);
  }
  return Spread{median(p50), median(p99), most};
}

struct Baseline {
  const char* name;
  Result<Spread> spread;
};

void add(const RowSink& sink, const char* name, const Result<Spread>& ours,
         std::span<const Baseline> baselines, std::optional<double> goal) {
  Row row;
  row.section = "round_trip";
  row.name = name;
  row.unit = "us p50";
  row.less_is_better = true;
  row.goal = goal;
  row.goal_is_ratio = goal.has_value();
  const auto p50 = [](const Result<Spread>& s) -> Result<double> {
    if (!s) return tl::unexpected<Error>(s.error());
    return s->p50 * 1e-3;
  };
  row.ours = Number(name, p50(ours));
  if (ours)
    row.details = {
        {"p50_us", ours->p50 * 1e-3}, {"p99_us", ours->p99 * 1e-3}, {"max_us", ours->max * 1e-3}};
  for (const Baseline& baseline : baselines) {
    row.baselines.emplace_back(baseline.name, p50(baseline.spread));
    if (baseline.spread) {
      row.details.emplace_back(std::string(baseline.name) + " p99_us", baseline.spread->p99 * 1e-3);
      row.details.emplace_back(std::string(baseline.name) + " max_us", baseline.spread->max * 1e-3);
    }
  }
  sink.add(row);
}

Result<Spread> through_session(runtime::Session& session, const MegakernelWorkItem& item,
                               std::uint32_t rounds) {
  return spread_over_runs(rounds, [&](std::uint32_t n) -> Result<std::vector<double>> {
    std::vector<double> ns;
    ns.reserve(n);
    const Deadline deadline = after(std::chrono::seconds{10});
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto start = Clock::now();
      VYRE_ASSIGN(const runtime::Ticket ticket, session.submit(item, deadline));
      VYRE_ASSIGN(const runtime::ItemResult result, session.wait(ticket, deadline));
      ns.push_back(seconds_since(start) * 1e9);
      if (result.status != CompletionStatus::done)
        return fail(Errc::faulted, "an item of a session was not done");
    }
    return ns;
  });
}

}  // namespace

Status round_trip_section(const Settings& settings, const RowSink& sink) {
  const auto rounds = static_cast<std::uint32_t>(settings.scaled(kRounds));
  const std::vector<Baseline> baselines{
      {"bare two hops", spread_over_runs(rounds, two_hop_ns)},
      {"bare ping-pong", spread_over_runs(rounds, ping_pong_ns)},
      {"launch + synchronize", spread_over_runs(rounds, launch_sync_ns)},
  };
  const std::vector<Baseline> tiny_baselines{baselines[0],
                                             {"launch of the compiled program + synchronize",
                                              spread_over_runs(rounds, tiny_launch_sync_ns)}};
  {
    VYRE_ASSIGN(const auto machine, Machine::open(settings, {}));
    add(sink, "ring/no_op",
        spread_over_runs(rounds,
                         [&](std::uint32_t n) {
                           return machine->round_trips_ns({0, 0, 0, 0}, n);
                         }),
        baselines, kGoalRatio);
    VYRE_ASSIGN(const std::vector<MegakernelWorkItem> items, make_tiny_items(*machine, 1));
    add(sink, "ring/tiny_program",
        spread_over_runs(rounds,
                         [&](std::uint32_t n) { return machine->round_trips_ns(items[0], n); }),
        tiny_baselines, std::nullopt);
    VYRE_TRY(check_tiny_items(*machine, items));
  }
  MachineOptions options;
  VYRE_ASSIGN(runtime::Session session, runtime::Session::open(session_options(settings, options)));
  add(sink, "session/no_op", through_session(session, {0, 0, 0, 0}, rounds), baselines,
      std::nullopt);
  VYRE_ASSIGN(const MegakernelWorkItem item, make_tiny_item(session));
  add(sink, "session/tiny_program", through_session(session, item, rounds), tiny_baselines,
      std::nullopt);
  return session.close();
}

}  // namespace vyre::bench

// Items a second: no-ops from 1, 2, 4 and 8 producers, each with a queue and a collector of its
// own, and tiny programs. Inside the timed region: from the first store of the first producer until
// the last completion has been read. Baselines: the same host code against a kernel that only
// echoes slots; empty and compiled kernels by stream launches and as CUDA graphs of 1,000 nodes.
#include <optional>

#include "megakernel/machine.hpp"
#include "megakernel/ring_load.hpp"
#include "megakernel/tiny_items.hpp"
#include "support/bare_kernels.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint32_t kSlots{65'536};
constexpr std::uint32_t kSmallSlots{4'096};
constexpr int kRuns{5};
constexpr std::uint32_t kGraphNodes{1'000};
constexpr double kMillion{1e6};

/// Median of kRuns after one that is not counted (it first touches rings and caches).
template <class One>
Result<double> median_rate(const One& one) {
  std::vector<double> rates;
  for (int run = 0; run <= kRuns; ++run) {
    VYRE_ASSIGN(const double rate, one());
    if (run > 0) rates.push_back(rate / kMillion);
  }
  return median(rates);
}

/// Rings in pinned memory and the echo kernel, under the same load.
template <Publish kPublish>
Result<double> bare_rate(std::uint32_t producers, std::uint64_t count, Waits& waits) {
  const queue::QueueOptions options{kSlots, kSlots, true};
  const auto layout = queue::SharedLayout::of(options);
  const MegakernelWorkItem no_op{0, 0, 0, 0};
  return median_rate([&]() -> Result<double> {
    VYRE_ASSIGN(const PinnedMemory<std::uint8_t> memory,
                pinned_memory<std::uint8_t>(layout.bytes * producers));
    std::vector<queue::Queue> queues;
    std::vector<queue::Reader> readers;
    std::vector<BareRing> rings;
    for (std::uint32_t p = 0; p < producers; ++p) {
      std::uint8_t* base = memory.get() + layout.bytes * p;
      VYRE_ASSIGN(queue::Queue made, queue::Queue::adopt(options, {base, layout.bytes}));
      readers.push_back(made.reader());
      queues.push_back(std::move(made));
      rings.push_back({reinterpret_cast<RingSlot*>(base + layout.submission_slots_offset),
                       reinterpret_cast<RingSlot*>(base + layout.completion_slots_offset),
                       reinterpret_cast<RingPosition*>(base + layout.taken_offset),
                       queue::RingGeometry::of(kSlots), queue::RingGeometry::of(kSlots)});
    }
    std::vector<Lane> lanes;
    for (std::uint32_t p = 0; p < producers; ++p)
      lanes.push_back({queues[p].producer(), &readers[p], {&no_op, 1}});
    waits = {};
    VYRE_ASSIGN(EchoKernel echo, EchoKernel::start(rings, count));
    const Result<double> rate = items_per_s<kPublish>(
        std::span(lanes), count, [] {}, &waits);
    VYRE_TRY(echo.finish());
    return rate;
  });
}

template <Publish kPublish>
Result<double> machine_rate(const Settings& settings, std::uint32_t producers, std::uint32_t slots,
                            std::uint64_t count, Waits& waits) {
  MachineOptions options;
  options.queues = producers;
  options.ring_slots = slots;
  VYRE_ASSIGN(const auto machine, Machine::open(settings, options));
  const std::vector<std::vector<MegakernelWorkItem>> items(producers, {{0, 0, 0, 0}});
  std::vector<Lane> lanes = lanes_of(*machine, producers, items);
  return median_rate([&] {
    waits = {};
    return items_per_s<kPublish>(
        std::span(lanes), count, [&] { machine->backend().doorbell(); }, &waits);
  });
}

Result<double> session_rate(const Settings& settings, std::uint32_t producers,
                            std::uint64_t count) {
  constexpr std::uint64_t kBatch{1'024};
  MachineOptions options;
  options.queues = producers;
  options.ring_slots = kSlots;
  VYRE_ASSIGN(runtime::Session session, runtime::Session::open(session_options(settings, options)));
  const std::vector<MegakernelWorkItem> batch(kBatch, MegakernelWorkItem{0, 0, 0, 0});
  const platform::ProcessorShare share(producers);
  std::uint64_t ended_before = 0;
  const auto rate = median_rate([&]() -> Result<double> {
    const Deadline deadline = after(std::chrono::seconds{10});
    std::atomic<bool> refused{false};
    std::vector<std::thread> threads;
    const auto start = Clock::now();
    for (std::uint32_t p = 0; p < producers; ++p) {
      threads.emplace_back([&, p] {
        (void)share.pin(p);
        for (std::uint64_t left = count; left != 0;) {
          const auto part = std::span(batch).first(std::min(left, kBatch));
          const auto many = session.submit_many(part, deadline, p);
          if (many.stopped_by) {
            refused = true;
            return;
          }
          left -= many.accepted;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    VYRE_ASSIGN(const runtime::Session::Drained drained, session.wait_all(deadline));
    const double seconds = seconds_since(start);
    if (refused || drained.ended - ended_before != count * producers || drained.not_done != 0)
      return fail(Errc::mismatch, "a session lost, refused or did not do an item");
    ended_before = drained.ended;
    return static_cast<double>(count * producers) / seconds;
  });
  VYRE_TRY(session.close());
  return rate;
}

Row rate_row(const char* section, const std::string& name, const Result<double>& ours) {
  Row row;
  row.section = section;
  row.name = name;
  row.unit = "M items/s";
  row.ours = Number(name, ours);
  return row;
}

}  // namespace

Status no_op_section(const Settings& settings, const RowSink& sink) {
  const Number launches(
      "stream launches", median_rate([&] {
        return empty_launches_per_s(static_cast<std::uint32_t>(settings.scaled(20'000)));
      }));
  const Number graphs("CUDA graph of 1,000 nodes", median_rate([&] {
                        return empty_graph_nodes_per_s(
                            kGraphNodes, static_cast<std::uint32_t>(settings.scaled(40)));
                      }));
  for (const std::uint32_t producers : {1u, 8u, 2u, 4u}) {  // those with goals first
    const std::uint64_t count = settings.scaled(producers == 1 ? 8'000'000 : 5'000'000);
    Waits bare_waits;
    Waits waits;
    const Number bare("bare ring", bare_rate<Publish::owned>(producers, count, bare_waits));
    Waits lean_waits;
    const Number bare_lean("bare ring, the same lean host",
                           bare_rate<Publish::lean>(producers, count, lean_waits));
    const std::string suffix = "/producers:" + std::to_string(producers);
    const auto add = [&](const std::string& name, const Result<double>& rate,
                         std::optional<double> goal) {
      Row row = rate_row("no_op", name + suffix, rate);
      row.baselines = {bare, launches, graphs};
      row.goal = goal;
      row.details = {{"items", static_cast<double>(count * producers)},
                     {"full_looks", static_cast<double>(waits.full_looks)},
                     {"empty_looks", static_cast<double>(waits.empty_looks)},
                     {"bare_full_looks", static_cast<double>(bare_waits.full_looks)},
                     {"bare_empty_looks", static_cast<double>(bare_waits.empty_looks)}};
      sink.add(row);
    };
    std::optional<double> goal;
    if (producers == 1) goal = 250;
    if (producers == 8) goal = 800;
    {
      const auto rate = machine_rate<Publish::lean>(settings, producers, kSlots, count, waits);
      Row row = rate_row("no_op", "ring/lean_host" + suffix, rate);
      row.baselines = {bare_lean, launches, graphs};
      row.goal = goal;
      row.details = {{"items", static_cast<double>(count * producers)},
                     {"full_looks", static_cast<double>(waits.full_looks)},
                     {"empty_looks", static_cast<double>(waits.empty_looks)}};
      sink.add(row);
    }
    add("ring/owned", machine_rate<Publish::owned>(settings, producers, kSlots, count, waits),
        goal);
    // Whether rings that stay in a near cache are faster.
    add("ring/owned/slots:4096",
        machine_rate<Publish::owned>(settings, producers, kSmallSlots, count / 2, waits),
        std::nullopt);
    add("ring/contended",
        machine_rate<Publish::contended>(settings, producers, kSlots, count / 2, waits),
        std::nullopt);
    waits = {};
    add("session", session_rate(settings, producers, count / 4), std::nullopt);
  }
  return {};
}

Status tiny_section(const Settings& settings, const RowSink& sink) {
  constexpr std::uint32_t kItems{2'048};  // distinct, a queue
  const Number launches("stream launches of the compiled program", median_rate([&] {
                          return tiny_launches_per_s(
                              static_cast<std::uint32_t>(settings.scaled(20'000)), kItems);
                        }));
  const Number graphs("CUDA graph of 1,000 nodes", median_rate([&] {
                        return tiny_graph_nodes_per_s(
                            kGraphNodes, static_cast<std::uint32_t>(settings.scaled(40)));
                      }));
  for (const std::uint32_t queues : {1u, 4u}) {
    const std::uint64_t count = settings.scaled(4'000'000) / queues;
    MachineOptions options;
    options.queues = queues;
    options.ring_slots = kSlots;
    VYRE_ASSIGN(const auto machine, Machine::open(settings, options));
    VYRE_ASSIGN(const std::vector<MegakernelWorkItem> all,
                make_tiny_items(*machine, static_cast<std::uint32_t>(kItems * queues)));
    std::vector<std::vector<MegakernelWorkItem>> items(queues);
    for (std::size_t i = 0; i < all.size(); ++i) items[i / kItems].push_back(all[i]);
    std::vector<Lane> lanes = lanes_of(*machine, queues, items);
    const auto rate = median_rate([&] {
      return items_per_s<Publish::owned>(std::span(lanes), count,
                                         [&] { machine->backend().doorbell(); });
    });
    Row row = rate_row("tiny", "ring/queues:" + std::to_string(queues), rate);
    row.baselines = {launches, graphs};
    row.goal = 20;
    row.details = {{"items", static_cast<double>(count * queues)},
                   {"distinct_items", kItems * queues}};
    if (rate && count >= kItems) VYRE_TRY(check_tiny_items(*machine, all));
    sink.add(row);
  }
  return {};
}

}  // namespace vyre::bench

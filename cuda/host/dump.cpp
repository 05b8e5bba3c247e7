// Reading and wording the state of a kernel that does not answer. See dump.hpp.
#include "dump.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <vector>

#include "base/message.hpp"
#include "queue/atomics.hpp"

namespace vyre::cuda {
namespace {

using namespace megakernel;
using queue::HostAtomics;
using queue::Order;

constexpr std::chrono::milliseconds kPeekTime{200};  // for all reads of one dump
constexpr std::size_t kNamedWarps{8};  // spelled out of each role; the rest is counted
constexpr std::size_t kActivities{7};

const char* name_of(std::uint32_t activity) {
  static constexpr std::array<const char*, kActivities> kNames{
      "absent", "waiting", "item", "sharing", "polling", "ordering", "gone"};
  return activity < kNames.size() ? kNames[activity] : "unknown";
}

std::string hex(std::uint32_t value) {
  std::array<char, 16> out{};
  std::snprintf(out.data(), out.size(), "%08x", value);
  return out.data();
}
template <class Word>
Word look(const Word& word) {
  return HostAtomics::load(&word, Order::relaxed);  // relaxed: a dump proves nothing
}

/// "ingress warps: 16 polling; warp 3 ordering queue 0 position 12, ..."
std::string describe_role(const char* role, const std::vector<WarpState>& warps, std::size_t begin,
                          std::size_t end) {
  std::array<std::uint64_t, kActivities + 1> counts{};
  std::string named;
  std::size_t spelled = 0;
  for (std::size_t w = begin; w < end; ++w) {
    const auto activity = static_cast<std::uint32_t>(warps[w].activity);
    ++counts[std::min<std::size_t>(activity, kActivities)];
    const bool tells = warps[w].activity == WarpActivity::item ||
                       warps[w].activity == WarpActivity::sharing ||
                       warps[w].activity == WarpActivity::ordering;
    if (!tells || spelled == kNamedWarps) continue;
    ++spelled;
    named += message("; block {} warp {}: {} queue {} position {}", w / kBlockWarps,
                     w % kBlockWarps, name_of(activity), warps[w].queue, warps[w].position);
  }
  std::string line = message("{} warps:", role);
  for (std::uint32_t a = 0; a < counts.size(); ++a) {
    if (counts[a] != 0) line += message(" {} {}", counts[a], name_of(a));
  }
  return line + named;
}

std::string describe_slot(const RingSlot& slot) {
  std::string words;
  for (const std::uint32_t& word : slot.word) words += message(" {}", hex(look(word)));
  return words;
}

}  // namespace

std::string describe_kernel(Door& door, const Reservation& reserved, std::uint32_t epoch) {
  const Deadline deadline = Clock::now() + kPeekTime;
  const KernelArguments& a = reserved.arguments;
  const auto read = [&](void* to, const void* from, std::uint64_t bytes) {
    return door.peek(to, static_cast<const std::uint8_t*>(from), bytes, deadline);
  };

  std::string out =
      message("launch {} of {} blocks on {}", epoch, reserved.facts.blocks, reserved.facts.device);
  const KernelReport& report = *reserved.report;
  out += message(
      "\nreport: heartbeat {}, leaving {}, broken {}, ended {}, entries of the run queue waiting "
      "{}",
      look(report.heartbeat), look(report.leaving), look(report.broken), look(report.ended),
      look(report.waiting));
  const HostOrders& orders = *reserved.orders;
  out += message("\norders: stop {}, cancel {}, stop_running {}, fault {}", look(orders.stop),
                 look(orders.cancel), look(orders.stop_running), look(orders.fault));

  std::vector<WarpState> warps(std::size_t{reserved.facts.blocks} * kBlockWarps);
  std::vector<DeviceQueue> queues(a.queue_count);
  std::array<std::uint64_t, 2> run{};
  Status seen = read(warps.data(), a.warps, warps.size() * sizeof(WarpState));
  if (seen) seen = read(queues.data(), a.queues, queues.size() * sizeof(DeviceQueue));
  if (seen) seen = read(run.data(), a.run.head, sizeof(std::uint64_t));
  if (seen) seen = read(run.data() + 1, a.run.tail, sizeof(std::uint64_t));
  if (seen) {
    const std::size_t ingress = std::size_t{a.ingress_blocks} * kBlockWarps;
    out += message("\n{}", describe_role("ingress", warps, 0, ingress));
    out += message("\n{}", describe_role("worker", warps, ingress, warps.size()));
    out += message("\nrun queue: head {}, tail {}", run[0], run[1]);
  } else {
    out += message("\nroles: the device's memory could not be read: {}", seen.error().message);
  }

  for (std::size_t q = 0; q < reserved.queues.size(); ++q) {
    const queue::Producer producer = reserved.queues[q].producer();
    const std::uint64_t tail = producer.tail();
    const std::uint64_t taken = look(producer.taken->position);
    const std::uint64_t collected = look(producer.collected->position);
    // A queue where nothing happened says nothing.
    if (tail == 0) continue;
    out +=
        message("\nqueue {}{}: tail {}, taken {}, collected {}", q,
                q + 1 == reserved.queues.size() ? " (the host's own)" : "", tail, taken, collected);
    if (seen) {
      out += message(", device position {}, ended {}", queues[q].position, queues[q].ended_count);
    }
    out +=
        message(", slot at taken{}", describe_slot(producer.slots[producer.geometry.index(taken)]));
    const queue::Writer writer = reserved.queues[q].writer();
    out += message(", completion at collected{}",
                   describe_slot(writer.slots[writer.geometry.index(collected)]));
  }
  return out;
}

}  // namespace vyre::cuda

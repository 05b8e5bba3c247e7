// Laying out pinned and device memory, and filling what must not start as it is found. See
// reservation.hpp.
#include "reservation.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/message.hpp"
#include "control_queue.hpp"
#include "cuda/megakernel/run_queue_rules.hpp"
#include "protocol/io_request.hpp"

namespace vyre::cuda {
namespace {

using namespace megakernel;

constexpr std::uint64_t kLine{128};
constexpr std::uint64_t kMinStaging{std::uint64_t{64} << 10};
constexpr std::uint64_t kMaxStaging{std::uint64_t{1} << 30};
constexpr std::uint64_t kMinArena{std::uint64_t{1} << 20};
constexpr std::uint64_t kPage{4096};

/// Places parts of one block one behind the other.
class Places {
 public:
  std::uint64_t add(std::uint64_t bytes) {
    const std::uint64_t here = bytes_;
    bytes_ = (bytes_ + bytes + kLine - 1) / kLine * kLine;
    return here;
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t bytes_{0};
};

std::uint32_t ingress_blocks(const backend::Options& options, const DeviceOptions& device) {
  if (device.ingress_blocks != 0) return device.ingress_blocks;
  return std::min(options.queues, kMaxIngressBlocks);
}

Status check(const backend::Options& options, const DeviceOptions& device) {
  if (options.queues == 0 || options.queues > kMaxQueues) {
    return fail(Errc::invalid_argument,
                message("{} queues are not possible: choose 1 to {}", options.queues, kMaxQueues));
  }
  if (device.staging_bytes < kMinStaging || device.staging_bytes > kMaxStaging) {
    return fail(Errc::invalid_argument,
                message("staging of {} bytes is not possible: choose {} to {}",
                        device.staging_bytes, kMinStaging, kMaxStaging));
  }
  if (device.watchdog.count() <= 0 || device.park_after.count() < 0) {
    return fail(Errc::invalid_argument,
                "the watchdog's time must be positive, park_after must not be negative");
  }
  if (options.ingest_bytes != 0 && options.ingest_bytes < IngestLayout::kStreams) {
    return fail(Errc::invalid_argument,
                message("{} bytes of ingest memory are not enough: its request lines and "
                        "their data take {}; choose more, or 0 for none",
                        options.ingest_bytes, IngestLayout::kStreams));
  }
  if (device.ingress_blocks > kMaxIngressBlocks) {
    return fail(Errc::invalid_argument,
                message("{} ingress blocks are not possible: choose at most {}",
                        device.ingress_blocks, kMaxIngressBlocks));
  }
  // The last warp of an ingress block keeps; each queue, and the host's own, wants one of the
  // others.
  const std::uint32_t blocks = ingress_blocks(options, device);
  if (options.queues + 1 > blocks * (kBlockWarps - 1)) {
    return fail(Errc::invalid_argument,
                message("{} ingress blocks serve at most {} queues; {} were asked for: use more "
                        "ingress blocks or fewer queues",
                        blocks, blocks * (kBlockWarps - 1) - 1, options.queues));
  }
  return {};
}

std::uint32_t log2_of(std::uint32_t slots) {
  return queue::RingGeometry::of(slots).shift;
}

/// Device memory that the kernel keeps, as offsets into one block.
struct SystemLayout {
  std::uint64_t queues;
  std::vector<std::uint64_t> ended;  // of each queue
  std::uint64_t ended_end;
  std::uint64_t run_head;
  std::uint64_t run_tail;
  std::uint64_t run_read;
  std::uint64_t entries;
  std::uint64_t handles;
  std::uint64_t ops;
  std::uint64_t spread;
  std::uint64_t relay;
  std::uint64_t regions;
  std::uint64_t io;
  std::uint64_t warps;
  std::uint64_t zeroed_end;  // everything below starts as zero, but for `queues` and `ended`
  std::uint64_t spread_memory;
  std::uint64_t scratch;
  std::uint64_t bytes;
  std::uint32_t entries_log2;
};

SystemLayout lay_out(const std::vector<queue::Queue>& rings, std::uint32_t grid_warps,
                     std::uint64_t scratch_bytes) {
  SystemLayout layout{};
  Places places;
  layout.queues = places.add(rings.size() * sizeof(DeviceQueue));
  std::uint64_t items = 0;
  for (const queue::Queue& ring : rings) {
    layout.ended.push_back(places.add(ring.completion_slots() * sizeof(std::uint32_t)));
    items += ring.completion_slots();
  }
  layout.ended_end = places.bytes();
  // Every item in flight may have an entry, and in place of a bundle each of its members. So may
  // every warp that each spread item asks for help.
  items += std::uint64_t{kRegionBlocks} * kMaxRegionMembers;
  layout.entries_log2 =
      run_queue_log2(items, std::uint64_t{kMaxSpreadItems} * grid_warps, rings.size());
  layout.run_head = places.add(sizeof(std::uint64_t));
  layout.run_tail = places.add(sizeof(std::uint64_t));
  layout.run_read = places.add(kRunSections * sizeof(std::uint64_t));
  layout.entries = places.add((std::uint64_t{1} << layout.entries_log2) * sizeof(RunEntry));
  layout.handles = places.add(std::uint64_t{kMaxDeviceHandles} * sizeof(HandleEntry));
  layout.ops = places.add(std::uint64_t{kMaxDeviceOps} * sizeof(DeviceProgram*));
  layout.spread = places.add(kMaxSpreadItems * sizeof(SpreadItem));
  layout.relay = places.add(sizeof(Relay));
  layout.regions = places.add(kRegionBlocks * sizeof(RegionRun));
  layout.io = places.add(sizeof(interpreter::IoWords));
  layout.warps = places.add(grid_warps * sizeof(WarpState));
  layout.zeroed_end = places.bytes();
  // What programs use starts at 256 bytes.
  (void)places.add((256 - places.bytes() % 256) % 256);
  layout.spread_memory = places.add(kMaxSpreadItems * kSpreadBytes);
  (void)places.add((256 - places.bytes() % 256) % 256);
  layout.scratch = places.add(grid_warps * scratch_bytes);
  layout.bytes = places.bytes();
  return layout;
}

/// Fills [begin, end) of the device with one byte, through staging.
Status fill_with(Door& door, MutableByteSpan staging, std::uint8_t* device, std::uint64_t begin,
                 std::uint64_t end, int value) {
  std::memset(staging.data(), value, std::min<std::uint64_t>(staging.size(), end - begin));
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t bytes = std::min<std::uint64_t>(staging.size(), end - at);
    VYRE_TRY(door.fill_device(device + at, staging.data(), bytes));
    at += bytes;
  }
  return {};
}

/// What the kernel knows of one ring pair, from the views of its host side.
DeviceQueue device_queue(const queue::Queue& ring, std::uint32_t* ended,
                         const std::uint64_t* cancels) {
  const queue::Producer producer = ring.producer();
  DeviceQueue device{};
  device.submissions = producer.slots;
  device.completions = ring.writer().slots;
  device.taken = const_cast<RingPosition*>(producer.taken);
  device.ended = ended;
  device.cancels = cancels;
  device.slots_log2 = log2_of(ring.slots());
  device.completion_slots_log2 = log2_of(ring.completion_slots());
  device.window = ring.completion_slots();
  return device;
}

}  // namespace

Result<Reservation> reserve(Door& door, const backend::Options& options,
                            const DeviceOptions& device) {
  VYRE_TRY(check(options, device));
  const std::uint32_t ingress = ingress_blocks(options, device);
  Reservation made;
  VYRE_ASSIGN(made.facts, door.open(device.max_blocks, ingress + 1));
  const std::uint32_t warps = made.facts.blocks * kBlockWarps;

  // Pinned: words between host and kernel, commands, regions, rings, the queues' first image,
  // staging, ingest memory.
  const queue::QueueOptions users{options.ring_slots, options.completion_slots, false};
  const queue::QueueOptions own{kMaxControlCommands, kMaxControlCommands, true};
  Places pinned;
  const std::uint64_t orders = pinned.add(sizeof(HostOrders));
  const std::uint64_t report = pinned.add(sizeof(KernelReport));
  const std::uint64_t commands = pinned.add(kMaxControlCommands * sizeof(ControlCommand));
  const std::uint64_t regions = pinned.add(kRegionBlocks * sizeof(RegionBlock));
  const std::uint64_t images = pinned.add((options.queues + 1) * sizeof(DeviceQueue));
  std::vector<std::uint64_t> rings;
  for (std::uint32_t q = 0; q < options.queues; ++q)
    rings.push_back(pinned.add(queue::SharedLayout::of(users).bytes));
  rings.push_back(pinned.add(queue::SharedLayout::of(own).bytes));
  const std::uint32_t mark_count =
      options.completion_slots == 0 ? options.ring_slots : options.completion_slots;
  std::vector<std::uint64_t> cancels;
  for (std::uint32_t q = 0; q < options.queues; ++q)
    cancels.push_back(pinned.add(mark_count * sizeof(std::uint64_t)));
  (void)pinned.add((kPage - pinned.bytes() % kPage) % kPage);
  const std::uint64_t staging = pinned.add(device.staging_bytes);
  (void)pinned.add((kPage - pinned.bytes() % kPage) % kPage);
  const std::uint64_t ingest = pinned.add((options.ingest_bytes + kPage - 1) / kPage * kPage);
  VYRE_ASSIGN(const MutableByteSpan host, door.pinned_memory(pinned.bytes()));
  made.orders = new (host.data() + orders) HostOrders{};
  made.report = new (host.data() + report) KernelReport{};
  made.commands = {new (host.data() + commands) ControlCommand[kMaxControlCommands]{},
                   kMaxControlCommands};
  made.region_blocks = {new (host.data() + regions) RegionBlock[kRegionBlocks]{}, kRegionBlocks};
  made.pinned = host;
  made.staging = host.subspan(staging, device.staging_bytes);
  made.ingest = host.subspan(ingest, options.ingest_bytes);
  for (std::uint32_t q = 0; q <= options.queues; ++q) {
    const queue::QueueOptions& wanted = q == options.queues ? own : users;
    VYRE_ASSIGN(
        auto ring,
        queue::Queue::adopt(wanted, host.subspan(rings[q], queue::SharedLayout::of(wanted).bytes)));
    made.queues.push_back(std::move(ring));
  }
  for (std::uint32_t q = 0; q < options.queues; ++q) {
    made.cancels.push_back(new (host.data() + cancels[q]) std::uint64_t[mark_count]{});
  }

  // Device: what the kernel keeps, then the buffers' arena.
  made.program_scratch_bytes = (device.scratch_bytes + 255) / 256 * 256;
  const std::uint64_t scratch_bytes = kNotesBytes + made.program_scratch_bytes;
  const SystemLayout layout = lay_out(made.queues, warps, scratch_bytes);
  if (layout.bytes > made.facts.free_bytes) {
    return fail(Errc::out_of_memory,
                message("the resident kernel needs {} bytes of device memory ({} bytes of scratch "
                        "for each of {} warps among them), {} are available; ask for less scratch, "
                        "fewer slots or fewer blocks",
                        layout.bytes, scratch_bytes, warps, made.facts.free_bytes));
  }
  VYRE_ASSIGN(std::uint8_t* const system, door.device_memory(layout.bytes));
  const std::uint64_t left = made.facts.free_bytes - layout.bytes;
  // By default half of what is free, or what a closed backend left, if that is more.
  made.arena_bytes =
      device.arena_bytes != 0 ? device.arena_bytes : std::max(left / 2, made.facts.waiting_bytes);
  made.arena_bytes = std::max(made.arena_bytes, kMinArena) / 256 * 256;
  if (made.arena_bytes > std::max(left, made.facts.waiting_bytes)) {
    return fail(
        Errc::out_of_memory,
        message(
            "an arena of {} bytes of device memory was requested, {} are available; ask for less",
            made.arena_bytes, left));
  }
  VYRE_ASSIGN(made.arena, door.device_memory(made.arena_bytes));

  VYRE_TRY(fill_with(door, made.staging, system, layout.ended_end, layout.zeroed_end, 0));
  // All ones is no position of the first lap: nothing has ended.
  VYRE_TRY(fill_with(door, made.staging, system, layout.ended.front(), layout.ended_end, 0xFF));
  auto* const first = new (host.data() + images) DeviceQueue[made.queues.size()]{};
  for (std::size_t q = 0; q < made.queues.size(); ++q) {
    first[q] =
        device_queue(made.queues[q], reinterpret_cast<std::uint32_t*>(system + layout.ended[q]),
                     q < options.queues ? made.cancels[q] : nullptr);
  }
  VYRE_TRY(door.fill_device(system + layout.queues, host.data() + images,
                            made.queues.size() * sizeof(DeviceQueue)));

  KernelArguments& a = made.arguments;
  a.queues = reinterpret_cast<DeviceQueue*>(system + layout.queues);
  a.queue_count = static_cast<std::uint32_t>(made.queues.size());
  a.ingress_blocks = ingress;
  a.handle_count = kMaxDeviceHandles;
  a.op_count = kMaxDeviceOps;
  a.shared_bytes = made.facts.shared_bytes;
  a.handles = reinterpret_cast<HandleEntry*>(system + layout.handles);
  a.ops = reinterpret_cast<const DeviceProgram**>(system + layout.ops);
  a.commands = made.commands.data();
  a.orders = made.orders;
  a.report = made.report;
  a.relay = reinterpret_cast<Relay*>(system + layout.relay);
  a.region_blocks = made.region_blocks.data();
  a.region_runs = reinterpret_cast<RegionRun*>(system + layout.regions);
  a.run.entries = reinterpret_cast<RunEntry*>(system + layout.entries);
  a.run.head = reinterpret_cast<std::uint64_t*>(system + layout.run_head);
  a.run.tail = reinterpret_cast<std::uint64_t*>(system + layout.run_tail);
  a.run.read = reinterpret_cast<std::uint64_t*>(system + layout.run_read);
  a.run.entries_log2 = layout.entries_log2;
  a.spread = reinterpret_cast<SpreadItem*>(system + layout.spread);
  a.spread_memory = system + layout.spread_memory;
  a.scratch = system + layout.scratch;
  a.scratch_bytes = scratch_bytes;
  a.warps = reinterpret_cast<WarpState*>(system + layout.warps);
  if (!made.ingest.empty()) {
    std::uint8_t* const base = made.ingest.data();
    a.io.head = reinterpret_cast<IoQueueHead*>(base + IngestLayout::kHead);
    a.io.requests = reinterpret_cast<IoRequestLine*>(base + IngestLayout::kRequests);
    a.io.completions = reinterpret_cast<IoCompletionLine*>(base + IngestLayout::kCompletions);
    a.io.line_data = base + IngestLayout::kLineData;
    a.io.words = reinterpret_cast<interpreter::IoWords*>(system + layout.io);
    a.io.stop = &a.relay->stop_running;
    a.io.give_up_ns = kRequestGiveUpNs;
  }
  a.arena = made.arena;
  a.arena_bytes = made.arena_bytes;
  a.fuel = options.fuel != 0 ? options.fuel : kDefaultFuel;
  a.park_after_ns = static_cast<std::uint64_t>(device.park_after.count());
  a.drain_after = device.drain_after;
  return made;
}

}  // namespace vyre::cuda

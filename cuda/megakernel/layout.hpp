// What the host side of the CUDA backend and the resident kernel agree on: every structure that
// both touch, its writer, and where it lies. Plain old data, read by g++ and nvcc.
// "pinned": host memory, registered once; the device reads and writes it over the link. "device":
// memory of the device, which the host never touches while the kernel is resident.
// One writer a word: the comment of each names it. Spec: docs/internals/megakernel.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/host_device.hpp"
#include "core/buffer_role.hpp"
#include "core/grid.hpp"
#include "core/image.hpp"
#include "core/machine.hpp"
#include "cuda/interpreter/io_access.hpp"
#include "cuda/interpreter/passed.hpp"
#include "protocol/completion.hpp"
#include "protocol/limits.hpp"
#include "protocol/ring.hpp"
#include "protocol/work_item.hpp"

namespace vyre::cuda::megakernel {

inline constexpr std::uint32_t kWarp{32};
inline constexpr std::uint32_t kBlockWarps{16};
inline constexpr std::uint32_t kBlockThreads{kWarp * kBlockWarps};
/// Blocks that only take items. Queues are dealt to them in turn; each queue has at least one warp
/// of its own, and one warp of a block polls none, which bounds the queues.
inline constexpr std::uint32_t kMaxIngressBlocks{8};
inline constexpr std::uint32_t kMaxDeviceQueues{kMaxQueues + 1};  // the last one is the host's own
static_assert(kMaxDeviceQueues <= kMaxIngressBlocks * (kBlockWarps - 1));
/// Entries of the device's tables, reserved at open; a handle or op above is refused by name.
inline constexpr std::uint32_t kMaxDeviceHandles{1u << 20};
inline constexpr std::uint32_t kMaxDeviceOps{1u << 16};
/// Op of the items in the host's own queue; param is the index of their ControlCommand.
inline constexpr std::uint32_t kControlOp{kSlotOpMask};

// ---- handles and ops (device; written by control items only) ----

enum class EntryKind : std::uint32_t {
  none,
  memory,
  file,  // data 0: its bytes are not here; items ask for them (io_requests.cuh)
  set,
  alias,  // data: address of an AliasPlace, which says where the bytes are
};

/// What a handle means. `handle` carries the generation: an entry of another generation is unknown.
struct HandleEntry {
  std::uint64_t data;  // device address of the bytes; of a set: of its u32 members
  std::uint64_t bytes;
  std::uint32_t handle;
  EntryKind kind;
  std::uint32_t members;  // of a set
  std::uint32_t reserved;
};
static_assert(sizeof(HandleEntry) == 32);

using core::BufferRole;

struct ProgramBuffer {
  std::uint64_t min_bytes;
  BufferRole role;
  core::GridBuffer grid;
  std::uint32_t traits;  // kOnlyAsync, kUnzeroed
};
inline constexpr std::uint32_t kOnlyAsync{1};  // backend::ProgramBuffer
inline constexpr std::uint32_t kUnzeroed{2};   // backend::FusedProgram
static_assert(sizeof(ProgramBuffer) == 24);

/// A program as workers read it: one block of device memory, the header first, its arrays behind it
/// (addresses are absolute).
struct DeviceProgram {
  core::ImageView image;
  core::GridRule rule;
  const ProgramBuffer* buffers;
  std::uint64_t workgroup_bytes;
  std::uint64_t steps;  // workers add what they executed
  std::uint32_t uses_async;
  std::uint32_t diverges;
  // Of an image of several members, which no op names; else 0.
  std::uint32_t members;
  std::uint32_t reserved;
  const std::uint32_t* member_ops;  // op ids
};

// ---- queues ----

/// One ring pair as the kernel sees it (device). The rings themselves are pinned.
struct alignas(128) DeviceQueue {
  const RingSlot* submissions;  // pinned
  RingSlot* completions;        // pinned; completion of position p in slot p mod completion_slots
  RingPosition* taken;          // pinned; written by the queue's ingress alone
  /// Device, [completion_slots]: low word of the position that ended there last; the host starts
  /// it with all ones, which is no position of the first lap.
  std::uint32_t* ended;
  /// Pinned, [completion_slots]: queue::cancel_mark() of a position whose item is not to start;
  /// written by the host. Looked at only while the orders say kItemsCancelled.
  const std::uint64_t* cancels;
  std::uint32_t slots_log2;
  std::uint32_t completion_slots_log2;
  std::uint32_t window;  // items handed to workers and not ended, at most: the queue's weight
  /// Numbers that the queue's pollers gave back unused in this launch and workers have taken.
  std::uint32_t spares_taken;
  /// Items ended; added to by the warps that end them. Equal to `position` of a closed ring:
  /// everything taken has ended.
  alignas(128) std::uint64_t ended_count;
  /// First position not taken. Ingress keeps it between launches.
  alignas(128) std::uint64_t position;
};
static_assert(sizeof(DeviceQueue) == 384);

// ---- the run queue: ingress -> workers (device) ----

enum class RunEntryKind : std::uint32_t {
  item,
  help,    // look at spread item `spread`
  empty,   // taken in advance and not used
  member,  // an item of a bundle; `spread` says which (region_rules.hpp)
};
/// Two 16-byte halves, each with the mark of its lap (run_queue_rules.hpp) in the high byte of its
/// first word, so that a reader knows of each whether it is new.
struct alignas(32) RunEntry {
  // First half: word 0 = mark | op, then the item's other words.
  std::uint32_t head;
  std::uint32_t input;
  std::uint32_t output;
  std::uint32_t param;
  // Second half: mark | kind << 16 | queue, position low and high, spread item.
  std::uint32_t tail;
  std::uint32_t position_low;
  std::uint32_t position_high;
  std::uint32_t spread;
};
static_assert(sizeof(RunEntry) == 32);

inline constexpr std::uint32_t kRunSections{8};
struct RunQueue {
  RunEntry* entries;    // device, zeroed before the first launch
  std::uint64_t* head;  // next entry a worker will wait for
  std::uint64_t* tail;  // next entry to write
  std::uint64_t* read;  // [kRunSections]: entries of a section that workers have read [RUN-2]
  std::uint32_t entries_log2;
  std::uint32_t reserved;
};

// ---- items that many warps share (device) ----

inline constexpr std::uint32_t kMaxSpreadItems{128};
/// Buffers of one program on the device; more is refused when the program is added.
inline constexpr std::uint32_t kMaxDeviceBuffers{256};
inline constexpr std::uint64_t kBuiltinScratchBytes{std::uint64_t{1} << 20};
/// Bytes at the start of a warp's scratch, and of a spread item's memory, that hold bound buffers.
inline constexpr std::uint64_t kBoundBytes{kMaxDeviceBuffers * sizeof(core::BoundBuffer)};
/// Bytes behind them: what an image of several members executed (interpreter::Passed).
inline constexpr std::uint64_t kPassedBytes{768};
static_assert(sizeof(interpreter::Passed) <= kPassedBytes);
inline constexpr std::uint64_t kNotesBytes{kBoundBytes + kPassedBytes};

/// Bytes for a warp's notes on what it runs (job.cuh).
inline constexpr std::uint64_t kJobBytes{512};
/// Device memory beside one spread item: bound buffers, what members executed, the job, then
/// scratch of built-in ops.
inline constexpr std::uint64_t kSpreadBytes{kNotesBytes + kJobBytes + kBuiltinScratchBytes};

/// An item whose units (runs of workgroups, tiles of a built-in op) many warps share. It goes
/// through phases; the warp that ends the last unit of one prepares the next.
struct alignas(128) SpreadItem {
  /// Units of the phase << 32 | next unit. A claim is an addition to the low half; a claim at or
  /// above the high half got nothing. A fault puts kClaimsOver (claims.cuh) into the low half. 0:
  /// no phase is open.
  std::uint64_t claim;
  std::uint32_t taken;                  // 1: an item owns the slot
  std::uint32_t helpers;                // help entries in the run queue that name this slot
  /// Units of the phase that have ended; each warp adds its own at once when it finds none left.
  alignas(128) std::uint32_t finished;
  std::uint32_t fault_lock;
  std::uint64_t lowest_fault;  // workgroup of `fault`; all ones: none
  Fault fault;
  std::uint64_t steps;
  /// Written between two phases, before claims are opened: constant while a claimed unit has not
  /// ended.
  alignas(128) std::uint32_t serial;  // of the item: a copy of another serial's job is stale
  std::uint32_t phase;
  std::uint32_t reserved[30];
};
static_assert(std::is_trivially_copyable_v<SpreadItem>);

// ---- regions: several items in one slot ----

/// Regions in flight, of all queues; without a free block, items are published one by one.
inline constexpr std::uint32_t kRegionBlocks{256};
enum class RegionForm : std::uint32_t {
  chain,   // members one after another
  bundle,  // members side by side
  image,   // all members at once; a run with a fault is void, and a chain follows
};
/// A buffer of a region's image: what the plan saw of it.
struct RegionBuffer {
  std::uint32_t handle;
  std::uint32_t reserved;
  std::uint64_t bytes;
};
static_assert(sizeof(RegionBuffer) == 16);
/// What a slot with kRegionOp names (pinned). Written by the host before the slot is published,
/// but for `cancelled`, and for the results that the kernel writes before the completion.
struct alignas(128) RegionBlock {
  std::uint32_t members;
  RegionForm form;
  /// Members that are not to start, a bit each; written by the host at any time. Looked at only
  /// while the orders say kItemsCancelled.
  std::uint64_t cancelled;
  // Of an image: address of its DeviceProgram; which of all that ever lay there; its buffers.
  std::uint64_t image;
  std::uint32_t image_serial;
  std::uint32_t buffer_count;
  std::uint32_t grid[3];
  std::uint32_t reserved[21];
  MegakernelWorkItem items[kMaxRegionMembers];
  /// Done at first; the kernel writes those of members that were not done.
  Completion results[kMaxRegionMembers];
  RegionBuffer buffers[kMaxDeviceBuffers];
};
static_assert(offsetof(RegionBlock, image) == 16 && offsetof(RegionBlock, grid) == 32);
static_assert(sizeof(RegionBlock) == 128 + kMaxRegionMembers * 32 + kMaxDeviceBuffers * 16);
/// The same region as warps run it (device).
struct alignas(128) RegionRun {
  std::uint32_t ended;  // of a bundle: how its members ended so far (region_rules.hpp)
  std::uint32_t reserved[31];
  MegakernelWorkItem items[kMaxRegionMembers];  // of a chain, by the warp that took the slot
};
static_assert(sizeof(RegionRun) == 128 + kMaxRegionMembers * 16);

// ---- the host's own items ----

enum class Command : std::uint32_t {
  none,
  fill,        // `bytes` at `to` become zero; then the entry, if it has a handle, is put
  copy_in,     // pinned `from` -> device `to`
  copy_out,    // device `from` -> pinned `to`
  put_handle,  // handles[entry.handle's index] = entry
  put_op,      // ops[op] = from (device address of a DeviceProgram, 0: gone)
};
/// What a control item does; its param is the index (pinned; written by the host before the item is
/// published, read by workers, free again when the item has ended). Addresses are 16-byte aligned
/// on the pinned side; the device side and the length may be odd.
struct alignas(64) ControlCommand {
  Command command;
  std::uint32_t op;
  std::uint64_t from;
  std::uint64_t to;
  std::uint64_t bytes;
  HandleEntry entry;
};
static_assert(sizeof(ControlCommand) == 64);

// ---- words between host and kernel (pinned) ----

/// In HostOrders::cancel and its copies, beside the FaultCode: single items are cancelled, by the
/// marks of their queues.
inline constexpr std::uint32_t kItemsCancelled{1u << 31};
[[nodiscard]] VYRE_HD constexpr FaultCode cancel_reason(std::uint32_t word) {
  return static_cast<FaultCode>(word & ~kItemsCancelled);
}

/// Written by the host, read by the first ingress block now and then.
struct alignas(64) HostOrders {
  std::uint32_t stop;          // take what is published, and leave when all of it has ended
  std::uint32_t cancel;        // FaultCode of all items not started, and kItemsCancelled
  std::uint32_t stop_running;  // running items end as cancelled (shutdown)
  std::uint32_t fault;         // InjectedFault, for tests
  /// Bit q: queue q is given up, nothing more is taken from it. Looked at with every report, by one
  /// 16-byte access. [GIVE-1]
  alignas(16) std::uint64_t given_up;
  std::uint64_t reserved0;
  std::uint32_t reserved1[8];
};
static_assert(kMaxQueues <= 64);
enum class InjectedFault : std::uint32_t {
  none,
  ingress_stops,  // the first ingress block spins in silence, until the order is withdrawn
};
/// Promises of the kernel that a warp found broken. The host then gives the device up as lost.
enum class Broken : std::uint32_t {
  none,
  entry_overwritten,  // a worker found an entry of a later lap than its number's; seen: its mark
  no_room,            // a number cannot be written: older entries are not read; seen: how many were
  lock_kept,  // the fault lock of a spread item is not given back; number: the slot; seen: looks
};
/// Written by the first ingress block, except `broken` and its two values.
struct alignas(64) KernelReport {
  std::uint64_t heartbeat;  // grows while the kernel looks at its rings
  std::uint32_t leaving;    // epoch of the launch that is about to end: publish, then ring
  std::uint32_t broken;     // a Broken, with the two values below; written once, by any warp
  std::uint64_t ended;      // items ended, all queues, as of the last heartbeat
  std::uint64_t waiting;    // entries written and not taken yet, as of the last heartbeat
  /// Queues of HostOrders::given_up from which nothing is taken any more: `taken` stays. [GIVE-2]
  std::uint64_t given_up;
  std::uint64_t broken_number;  // of the entry
  std::uint64_t broken_seen;
  std::uint64_t reserved0;
  /// Looks at what all worker warps are at, while items were in flight, and the sum of those that
  /// ran something; of all launches.
  alignas(16) std::uint64_t samples;
  std::uint64_t busy_warps;
  std::uint64_t reserved1[6];
};
static_assert(sizeof(HostOrders) == 64 && sizeof(KernelReport) == 128);
static_assert(offsetof(KernelReport, samples) == 64);

// ---- words inside the kernel (device) ----

enum class Leave : std::uint32_t {
  stay,
  park,     // ingress: close where nothing is there; may be followed by `stay`
  finish,   // ingress: take what is there, then nothing more
  halt,     // ingress: take nothing more
  go,       // every warp: everything taken has ended
  give_up,  // the pollers of one ring: as halt, for good
};

/// Passed on from the host's orders by the first ingress block, so that no other block looks across
/// the link.
struct alignas(128) Relay {
  std::uint32_t cancel;
  std::uint32_t stop_running;
  std::uint32_t leave;     // leave_word(): written by the leader
  std::uint32_t broken;    // a Broken: by the first warp that found one
  std::uint64_t given_up;  // HostOrders::given_up; by the leader
  /// The given-up queues from which nothing is taken any more; by the keepers of their blocks.
  alignas(128) std::uint64_t gave_up;
  /// The try (departure.hpp) in which all rings of an ingress block are closed; by its keeper.
  std::uint32_t closed[kMaxIngressBlocks];
  std::uint32_t reserved[22];
};
static_assert(sizeof(Relay) == 256);

/// What a warp is at, for the dump of a stuck kernel. Written by that warp.
enum class WarpActivity : std::uint32_t { absent, waiting, item, sharing, polling, ordering, gone };
struct WarpState {
  WarpActivity activity;
  std::uint32_t queue;
  std::uint64_t position;
};
static_assert(sizeof(WarpState) == 16);

/// The kernel's only argument.
struct KernelArguments {
  DeviceQueue* queues;
  std::uint32_t queue_count;     // the host's own queue included, as the last one
  std::uint32_t ingress_blocks;  // the first blocks of the grid
  std::uint32_t epoch;           // of this launch, from 1
  std::uint32_t handle_count;    // entries of `handles`
  std::uint32_t op_count;        // entries of `ops`
  std::uint32_t shared_bytes;    // dynamic shared memory of a block
  HandleEntry* handles;
  const DeviceProgram** ops;  // by op id - kFirstUserOp; null: unknown
  const ControlCommand* commands;
  const HostOrders* orders;
  KernelReport* report;
  Relay* relay;
  RegionBlock* region_blocks;  // [kRegionBlocks]; pinned
  RegionRun* region_runs;      // [kRegionBlocks]
  RunQueue run;
  SpreadItem* spread;
  std::uint8_t* spread_memory;  // device, kMaxSpreadItems * kSpreadBytes
  std::uint8_t* scratch;        // device, scratch_bytes a warp of the grid: its bound buffers first
  std::uint64_t scratch_bytes;
  WarpState* warps;     // [grid warps]
  std::uint8_t* arena;  // device; what is written elsewhere is written for the host
  std::uint64_t arena_bytes;
  interpreter::IoAccess io;
  std::uint64_t fuel;
  std::uint64_t park_after_ns;  // 0: never
  std::uint64_t drain_after;  // items; leave as soon as so many have ended in this launch; 0: never
};

}  // namespace vyre::cuda::megakernel

// The interface between a Session and what runs its items: CPU workers here, a resident kernel on a
// device. Host only. The Session owns a Backend; every call below says which threads may call it
// and when.
//
// What a resident kernel forces on this interface: everything a driver call would be needed
// for is given before start() (queues, slots, workers, memory budget); afterwards memory, handles,
// bindings and bytes change through calls that a device backend turns into items of a control
// queue. The Session calls them only when no unfinished item conflicts (runtime/hazards), so their
// place in the order of work is fixed by the caller. Spec: docs/internals/backends.md.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/jit.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/size_class.hpp"
#include "core/buffer_role.hpp"
#include "core/grid.hpp"
#include "core/run.hpp"
#include "protocol/completion.hpp"
#include "protocol/work_item.hpp"
#include "queue/completion_ring.hpp"
#include "queue/submission_ring.hpp"

namespace vyre::core {
class Image;
}

namespace vyre::backend {

struct Options {
  std::uint32_t queues{1};
  std::uint32_t ring_slots{0};  // submission slots a queue, a power of two
  std::uint32_t completion_slots{
      0};  // items in flight a queue, a power of two, at least ring_slots
  std::uint32_t workers{1};
  std::uint64_t fuel{0};
  std::chrono::nanoseconds producer_timeout{0};
  Deadline start_until{Deadline::max()};  // later than this no item starts (max_wall_time)
  /// Host memory that items read in place and ask for bytes of files through; 0: none of it.
  std::uint64_t ingest_bytes{0};
  /// A CPU worker has asked for bytes of a file (protocol/io_request.hpp). Any thread.
  std::function<void()> ring_pump;
  /// Fault injection for tests: asked before a worker runs an item, with the worker and how many
  /// items it has run; true makes the worker die there, std::bad_alloc is what the item then meets.
  std::function<bool(std::uint32_t worker, std::uint64_t items_run)> worker_dies;
};

/// A file for map_file(): the caller has opened and looked at it, and keeps the descriptor open.
struct MappableFile {
  std::string path;  // for messages
  int descriptor{-1};
  std::uint64_t bytes{0};
};

using core::BufferRole;

struct ProgramBuffer {
  BufferRole role{BufferRole::read};
  /// read: its bytes are only ever the source of asynchronous copies (its length may be asked), so
  /// a file need not be resident.
  bool only_async{false};
  std::uint64_t min_bytes{0};  // read, read_write: at least; allocated, workgroup: exactly
};

/// A VIR0 program ready to run. Immutable once added; shared by workers.
struct ProgramOp {
  std::string name;
  std::shared_ptr<const core::Image> image;
  std::vector<ProgramBuffer> buffers;  // by declaration index
  /// Byte length of every declared buffer and the item's param -> workgroups (core::find_grid).
  core::GridRule grid_rule{};
  std::vector<core::GridBuffer> grid_buffers;  // by declaration index
};

/// One image that does what the members of a region do one after another (vir::fuse).
struct FusedProgram {
  /// A program as any other. Its buffers are the members', one member's behind the other's, and its
  /// grid is that of the first member.
  ProgramOp program;
  /// Of these, by index: a run need not begin with zeros there. Every byte is stored, or none is
  /// and the bytes do not matter.
  std::vector<bool> unzeroed;
  /// Of the grid in axis 0, so that what is said to be stored is.
  std::uint64_t least_lanes{0};
  /// The same: the image holds for no more.
  std::uint64_t most_lanes{~std::uint64_t{0}};
  /// Two of them are one buffer, which a member writes and a later one reads. The image holds where
  /// the reader sees `longer`: more elements than the writer has.
  struct Handed {
    std::uint32_t writer{0};
    std::uint32_t reader{0};
    bool longer{false};
  };
  std::vector<Handed> handed;
  std::vector<std::uint32_t> ops;  // of the members
};

/// A region in one image as its plan saw it. What is different when the region runs makes it void.
struct FusedRegion {
  std::shared_ptr<const FusedProgram> program;
  struct Bound {
    std::uint32_t handle{0};
    std::uint64_t bytes{0};
  };
  std::vector<Bound> bound;  // of the program's buffers, by index
  core::Grid grid{};         // of every member
};

/// When an item began and how long it ran. The worker that ran it writes this before it posts the
/// completion, the thread that took the completion reads it; both by the functions here, whose
/// accesses are relaxed. Zeros are of no item.
struct ItemTime {
  void set(std::uint64_t position, std::int64_t item_began_ns, std::uint64_t item_ran_ns,
           std::uint32_t by_worker) noexcept {
    word(worker).store(by_worker, std::memory_order_relaxed);
    word(began_ns).store(static_cast<std::uint64_t>(item_began_ns), std::memory_order_relaxed);
    word(ran_ns).store(item_ran_ns, std::memory_order_relaxed);
    word(mark).store(~position, std::memory_order_relaxed);
  }
  /// False: the item at the position never began.
  [[nodiscard]] bool get(std::uint64_t position, std::int64_t& item_began_ns,
                         std::uint64_t& item_ran_ns) noexcept {
    if (word(mark).load(std::memory_order_relaxed) != ~position) return false;
    item_began_ns = static_cast<std::int64_t>(word(began_ns).load(std::memory_order_relaxed));
    item_ran_ns = word(ran_ns).load(std::memory_order_relaxed);
    return true;
  }
  /// After get(), of the same item.
  [[nodiscard]] std::uint32_t by_worker() noexcept {
    return static_cast<std::uint32_t>(word(worker).load(std::memory_order_relaxed));
  }

  std::uint64_t began_ns;  // of Clock
  std::uint64_t ran_ns;
  std::uint64_t worker;
  std::uint64_t mark;

 private:
  static std::atomic_ref<std::uint64_t> word(std::uint64_t& of) noexcept {
    return std::atomic_ref<std::uint64_t>(of);
  }
};

/// The host's ends of one queue. Views over memory that the backend owns until it is destroyed.
struct QueuePort {
  queue::SubmissionProducer<queue::HostAtomics> submissions{};
  queue::CompletionReader<queue::HostAtomics> completions{};
  /// By position modulo completion_slots, of items and regions that are no no-ops; null: the
  /// backend takes no times.
  ItemTime* times{nullptr};
};

/// What a device backend has reserved and done, for reports and benches. All zero where the backend
/// has no device.
struct DeviceFacts {
  std::string device;        // "NVIDIA H100 80GB HBM3 (sm_90, driver 13.0)"
  std::uint32_t blocks{0};   // of the grid
  std::uint32_t workers{0};  // warps that run items
  std::uint64_t launches{0};
  std::uint64_t arena_bytes{0};
  std::uint64_t arena_used{0};
};

/// What a backend runs items with, as the launch policy counts.
struct Workforce {
  std::uint32_t groups{0};           // worker threads, or worker blocks; 0: not known
  std::uint32_t items_a_group{1};    // that it runs at once
  std::uint32_t threads_a_group{1};  // of the device
  bool naps{false};                  // keep_awake() has an effect
  bool windows{false};               // set_window() has one
};

/// How many groups look for work, at least one: `now` until positions of all queues together are
/// more than `until`, and `then` from there on.
struct AwakeGroups {
  std::uint32_t now{0};
  std::uint64_t until{0};
  std::uint32_t then{0};
};

/// What items cost so far: the medians of those that were timed. nullopt: none was.
struct ItemCosts {
  std::optional<double> slot_ns;  // to take one and to post its end
  std::optional<double> byte_ns;  // that copies and fills read or wrote
  std::optional<double> step_ns;  // of programs that one worker ran alone
  /// An image of several programs, against what they take one after another.
  std::optional<double> fused_ratio;
};

/// What a backend tells its Session; called from backend threads, never under a lock of the
/// backend.
class Listener {
 public:
  virtual ~Listener() = default;
  /// Completions were posted.
  virtual void posted() noexcept = 0;
  /// A worker has nothing to do: a good moment to collect completions.
  virtual void idle() noexcept = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;  // stops at once, if stop() was not called
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  // Life. One thread.
  [[nodiscard]] virtual Status start(Listener& listener) = 0;
  /// From now on queued items are completed as cancelled with `why` instead of started. The first
  /// reason stays.
  virtual void cancel_queued(FaultCode why) noexcept = 0;
  /// Asks running items to end as cancelled (shutdown).
  virtual void stop_running() noexcept = 0;
  /// Joins everything; false if something did not stop in time. No item may be in flight.
  [[nodiscard]] virtual bool stop(Deadline deadline) noexcept = 0;

  // Queues. Any thread.
  [[nodiscard]] virtual QueuePort port(std::uint32_t queue) noexcept = 0;
  /// Items at these positions that no worker has started will end as cancelled
  /// (FaultCode::cancelled) when their turn comes; returns how many that are, without those that an
  /// earlier call has counted. A device does not tell which items it has started: it counts those
  /// that have not ended, and the ones among them that run go on.
  [[nodiscard]] virtual std::uint64_t cancel(std::uint32_t queue,
                                             std::span<const std::uint64_t> positions) = 0;

  // Regions: several items in one slot (kRegionOp), which a plan makes. They end with one
  // completion: done if all members are, cancelled if none was started, and otherwise faulted
  // without a code, where the members' own results say how each ended.
  /// False: the backend runs none, and every item has a slot of its own.
  [[nodiscard]] virtual bool runs_regions() const noexcept { return false; }
  /// A block for the items, one after another as they stand; `side_by_side`: in any order. nullopt:
  /// publish them one by one, because no block is free, or because they gain more from several
  /// workers than from one slot. Any thread.
  [[nodiscard]] virtual std::optional<std::uint32_t> make_region(
      std::span<const MegakernelWorkItem>, bool) {
    return std::nullopt;
  }
  /// True: of members in one image, the backend runs the image.
  [[nodiscard]] virtual bool runs_fused() const noexcept { return false; }
  /// The image of a plan, which is kept as long as one holds on to it. An error: its regions have
  /// to run otherwise. Any thread, after start().
  [[nodiscard]] virtual Status load_fused(const std::shared_ptr<const FusedProgram>&, Deadline) {
    return {};
  }
  /// make_region() for members in one image, which load_fused() has loaded. A run of the image with
  /// a fault is void, and so is one of members whose grids or lengths are not what the image needs:
  /// then they run one after another from the same inputs.
  [[nodiscard]] virtual std::optional<std::uint32_t> make_fused_region(
      std::span<const MegakernelWorkItem> items, const FusedRegion&) {
    return make_region(items, false);
  }
  /// cancel() for members of a region, a bit each, that was published at `position`.
  [[nodiscard]] virtual std::uint64_t cancel_members(std::uint32_t, std::uint64_t, std::uint32_t,
                                                     std::uint64_t) {
    return 0;
  }
  /// How the members ended, once the region's completion was taken.
  [[nodiscard]] virtual std::span<const Completion> region_results(std::uint32_t) noexcept {
    return {};
  }
  /// Only of a region that was not published, or whose completion was taken.
  virtual void free_region(std::uint32_t) noexcept {}

  // The launch policy. Any thread. No result depends on the limits, which a backend may leave out.
  [[nodiscard]] virtual Workforce workforce() const noexcept { return {}; }
  /// Groups that run something at this moment; nullopt: the backend does not know.
  [[nodiscard]] virtual std::optional<std::uint32_t> busy_groups() const noexcept {
    return std::nullopt;
  }
  /// The mean share of workers that ran something while items were in flight, in basis points,
  /// where the backend takes samples by itself; nullopt: it does not, or took none.
  [[nodiscard]] virtual std::optional<std::uint16_t> sampled_busy_bps() const noexcept {
    return std::nullopt;
  }
  /// Items of the queue that workers have taken and not ended; nullopt: the backend does not know.
  [[nodiscard]] virtual std::optional<std::uint64_t> items_running(std::uint32_t) const noexcept {
    return std::nullopt;
  }
  virtual void keep_awake(const AwakeGroups&) noexcept {}
  /// At most `items` of the queue are with workers, as long as the next one to start is at a
  /// position below `until`.
  virtual void set_window(std::uint32_t, std::uint64_t, std::uint64_t) noexcept {}

  /// Items were published. Cheap when workers are awake.
  virtual void doorbell() noexcept = 0;
  /// Called now and then by threads that wait: fires start_until and clears up after the last dead
  /// worker.
  virtual void tend() noexcept = 0;
  /// True: completions come without posted() (a device cannot call the host), so a waiting
  /// thread must poll for completions itself.
  [[nodiscard]] virtual bool polls() const noexcept { return false; }
  /// Grows while any worker is alive and looks at its queues.
  [[nodiscard]] virtual std::uint64_t heartbeat() const noexcept = 0;
  /// Why no item can run any more; nullopt while the backend is well.
  [[nodiscard]] virtual std::optional<Error> lost() const = 0;

  // Memory, one thread at a time; read, write and bring_file: any thread, on distinct bytes, while
  // another makes or releases other handles; of bring_file one at a time. Handles are the
  // Session's. Calls with a deadline wait for no device beyond it (deadline_exceeded); what they
  // had begun then ends by itself and leaves nothing behind.
  [[nodiscard]] virtual Status allocate(std::uint32_t handle, std::uint64_t bytes,
                                        Deadline deadline = Deadline::max()) = 0;  // zeroed
  /// A buffer over memory of the caller, which is the backend's until release() has returned true;
  /// not `writable`: as a mapped file.
  [[nodiscard]] virtual Status import_memory(std::uint32_t handle, MutableByteSpan host,
                                             bool writable,
                                             Deadline deadline = Deadline::max()) = 0;
  /// Items only read the buffer from now on; one that writes it faults (bad_binding). No unfinished
  /// item names it.
  [[nodiscard]] virtual Status make_read_only(std::uint32_t handle,
                                              Deadline deadline = Deadline::max()) = 0;
  /// A regular file that stays open until release(), as a read-only buffer of `bytes`. The cpu
  /// backend maps it; on a device its bytes are not there before bring_file(), and until then only
  /// asynchronous copies may read it.
  [[nodiscard]] virtual Status map_file(std::uint32_t handle, const MappableFile& file,
                                        Deadline deadline = Deadline::max()) = 0;
  /// True: an item that reads this file otherwise than by asynchronous copies needs bring_file().
  [[nodiscard]] virtual bool must_bring(std::uint32_t handle) const noexcept = 0;
  /// Makes the bytes of a mapped file resident; `read` gives any piece of them, from any thread.
  using ReadPiece = std::function<Status(std::uint64_t offset, MutableByteSpan piece)>;
  [[nodiscard]] virtual Status bring_file(std::uint32_t handle, const ReadPiece& read) = 0;
  /// Page-aligned, zeroed memory of options.ingest_bytes, laid out as IngestLayout says, which
  /// items can read and write in place. The backend's until it is destroyed; empty: none.
  [[nodiscard]] virtual MutableByteSpan ingest_memory() noexcept = 0;
  /// The system or a device may write the memory for ever, so it is never freed.
  virtual void leak_ingest_memory() noexcept = 0;
  /// A handle that means a piece of memory which place_alias() chooses; none at first. At most
  /// kMaxAliases are alive. release() as for any handle.
  [[nodiscard]] virtual Status make_alias(std::uint32_t handle) = 0;
  /// From now on `bytes` from `offset` of ingest memory, or of buffer `of` (0: ingest memory; a
  /// alias is no buffer). `offset` is a multiple of 16 and the range lies inside: the caller's
  /// word. Only while no unfinished item names the alias. Any thread, one an alias.
  virtual void place_alias(std::uint32_t alias, std::uint32_t of, std::uint64_t offset,
                           std::uint64_t bytes) noexcept = 0;
  [[nodiscard]] virtual Status bind(std::uint32_t set, std::span<const std::uint32_t> buffers,
                                    Deadline deadline = Deadline::max()) = 0;
  /// True: the handle is over, and its memory comes back, perhaps a little later, without another
  /// call. False: the device took no command before the deadline; ask again.
  virtual bool release(std::uint32_t handle, Deadline deadline = Deadline::max()) noexcept = 0;
  [[nodiscard]] virtual Status write(std::uint32_t handle, std::uint64_t offset,
                                     ByteSpan bytes) = 0;
  /// Also after stop() has returned true.
  [[nodiscard]] virtual Status read(std::uint32_t handle, std::uint64_t offset,
                                    MutableByteSpan out) = 0;
  /// The bytes of a buffer where they lie in host memory and stay until it is released. A
  /// caller that only looks at them need not copy a file of any size. Empty optional: read() is the
  /// way.
  [[nodiscard]] virtual std::optional<ByteSpan> host_bytes(std::uint32_t handle) const noexcept = 0;

  // Ops, one thread at a time; an op is added before the first item that names it is published.
  [[nodiscard]] virtual Status add_program(std::uint32_t op, ProgramOp program,
                                           Deadline deadline = Deadline::max()) = 0;
  /// Instructions executed for `op` so far (core::RunResult::instructions).
  [[nodiscard]] virtual std::uint64_t steps(std::uint32_t op) const noexcept = 0;
  /// Any thread; zeros where nothing compiles.
  [[nodiscard]] virtual CompiledUnits compiled_units(std::uint32_t) const noexcept { return {}; }
  [[nodiscard]] virtual CodeFacts code_facts() const { return {}; }
  /// Any thread, after start().
  [[nodiscard]] virtual ItemCosts item_costs() const noexcept { return {}; }
  /// Medians of what a program takes on one worker, in ns a lane, by the lanes of its items.
  [[nodiscard]] virtual BySizeClass lane_costs(std::uint32_t) const noexcept { return {}; }

  /// Any thread, from the moment the backend is made.
  [[nodiscard]] virtual DeviceFacts device_facts() const { return {}; }
};

}  // namespace vyre::backend

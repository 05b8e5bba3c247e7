// Session: the public door of the runtime. It owns a backend, its rings, buffers and ops, and wires
// the rooms. Host only. Thread-safe: any number of threads may submit, wait, upload and download on
// one Session. Spec: docs/ARCHITECTURE.md, docs/api.md.
#pragma once

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
#include "ingest/tier.hpp"
#include "protocol/completion.hpp"
#include "protocol/limits.hpp"
#include "protocol/work_item.hpp"
#include "report/report.hpp"
#include "vir/program/program.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::runtime {

enum class BackendKind : std::uint8_t { automatic, cpu, cuda };

struct SessionOptions {
  BackendKind backend{
      BackendKind::automatic};  // automatic: cuda if it is supported here, else cpu, and says so
  std::uint32_t workers{0};     // CPU worker threads; 0 = one a logical CPU
  std::uint32_t queues{1};
  std::uint32_t ring_slots{kDefaultRingSlots};  // power of two
  /// Buffers, binding sets and programs together; each counts kHandleBytes at the least. 0 =
  /// unbounded.
  std::uint64_t memory_budget_bytes{0};
  std::uint64_t fuel{kDefaultFuel};  // loop iterations a workgroup may spend
  std::chrono::nanoseconds max_wall_time{
      0};  // 0 = unbounded; then items not started are cancelled (wall_time)
  std::chrono::nanoseconds close_timeout{std::chrono::seconds{5}};
  std::chrono::nanoseconds producer_timeout{
      std::chrono::seconds{1}};  // a taken slot not published by then is abandoned

  /// Memory that files stream through and that bytes for asynchronous copies out of files come
  /// into: pinned at open on a device, mapped on first use on the CPU. 0: no streams, and programs
  /// that copy asynchronously out of files are refused by name.
  std::uint64_t ingest_bytes{std::uint64_t{64} << 20};
  /// How files are read. Anything but automatic is for tests and measurements: a tier that the
  /// machine or the file refuses is then an error, never replaced.
  ingest::TierChoice ingest_tier{ingest::TierChoice::automatic};

  /// Items, regions and reads that timeline() keeps at most; 0: there is none.
  std::uint32_t timeline_events{0};

  // CUDA only; the cpu backend ignores them.
  /// Number or UUID of the device (docs/device.md, "Which device"). Empty: what VYRE_DEVICE says,
  /// else the first that can run the kernel.
  std::string device{};
  std::uint64_t device_memory_bytes{0};  // reserved for buffers at open; 0 = half of what is free
  std::uint32_t max_blocks{0};           // of the resident grid; 0 = all that other sessions left
  std::uint64_t staging_bytes{0};        // pinned, for uploads and downloads; 0 = 16 MiB
  /// The kernel leaves the device after so long without an item and comes back with the next; 0 =
  /// never.
  std::chrono::nanoseconds park_after{std::chrono::seconds{1}};
  std::chrono::nanoseconds watchdog{
      std::chrono::seconds{5}};  // a kernel without a heartbeat for so long is lost
  /// The kernel leaves after so many items and starts again on the next, for profilers and
  /// sanitizers that look at kernels when they end; 0 = never.
  std::uint64_t drain_after{0};
  /// Whether programs are compiled for the device. force: what cannot be is refused at open, and
  /// registering a program waits for its compiled form. Without a device automatic has no effect.
  backend::Jit jit{backend::Jit::off};
  /// Folder of compiled forms. Empty: "vyre" in the user's cache folder; "-": none.
  std::string cache_dir{};
};

// What a session gives out carries the session's number (`session`, counted in this process), and a
// handle also its own (`serial`, counted in its session, so that it never comes again). A session
// refuses what another session gave out, and handles that were released. A value made from bare
// numbers (`session` is 0) names whatever has those numbers in the session that is asked, as an
// item does, which has room for nothing else.
struct OpHandle {
  std::uint32_t id{0};
  std::uint32_t session{0};  // 0 also for built-in ops, which are the same in every session
  friend bool operator==(const OpHandle&, const OpHandle&) = default;
};
/// A buffer or a binding set. `id` is what MegakernelWorkItem::input_handle and output_handle hold.
/// 0 is "none".
struct Handle {
  std::uint32_t id{0};
  std::uint32_t session{0};
  std::uint64_t serial{0};
  friend bool operator==(const Handle&, const Handle&) = default;
};
/// What submit returns: a queue and a position in it. Items that one submit_many() accepted have
/// neighbouring positions: copy the first ticket and add to its position.
struct Ticket {
  std::uint32_t queue{0};
  std::uint64_t position{0};
  std::uint32_t session{0};
  std::uint32_t member{0};  // of the region at that position, which a plan made
};

/// How an accepted item ended.
struct ItemResult {
  Ticket ticket;
  CompletionStatus status{CompletionStatus::done};
  Fault fault;
};

/// What a program needs bound, in declaration order. `inputs`: buffers that take input bytes
/// (ReadOnly, Uniform, ReadWrite); the item's input_handle names one buffer or a binding set of
/// exactly these. `outputs`: buffers the backend zero-fills before the run (is_output, WriteOnly,
/// live-out ReadWrite); output_handle likewise.
struct OpSignature {
  struct Buffer {
    std::string name;
    std::uint64_t min_bytes{0};  // bytes(count); 0 when sized at run time
    bool read_write{false};      // an input that is written in place and returned
    std::optional<vir::ByteRange> output_byte_range;
  };
  std::vector<Buffer> inputs;
  std::vector<Buffer> outputs;
};

struct OpInfo {
  OpHandle handle;
  std::string name;
  bool builtin{false};
  OpSignature signature;
  std::optional<Digest> fingerprint;  // programs only
};

/// For map_file().
struct MapOptions {
  /// Only items of this queue may name the file; submit() refuses others. The pump checks it of
  /// asynchronous copies once more (io_error).
  std::optional<std::uint32_t> only_queue;
};

/// Counts of items since a session, or a batch, began. What is accepted and not in the other counts
/// has not ended.
struct Totals {
  std::uint64_t accepted{0};
  std::uint64_t done{0};
  std::uint64_t faulted{0};
  std::uint64_t cancelled{0};
  std::uint64_t unasked{0};  // of faulted and cancelled: no caller has asked for the result
};

enum class LeaseAccess : std::uint8_t { read, read_write };

/// For import().
struct ImportOptions {
  bool writable{true};  // false: as a mapped file, items that write it fault and writes are refused
  /// Called once, with `context`, when the session will not touch the memory any more: after the
  /// handle was released or retired and its last item has ended, or when the session is gone. From
  /// any thread, without locks; it must not throw, and may call the session. Never, where workers
  /// that did not stop had to be left behind: they may touch it for ever.
  void (*done)(void* context){nullptr};
  void* context{nullptr};
};

/// How long one output of an op is.
struct OutputSize {
  enum class Kind : std::uint8_t {
    exact,
    at_most,  // the data decide how much of it is used; an output of `bytes` always holds it
    unknown,  // the caller has to know: at least `bytes`
  };
  Kind kind{Kind::exact};
  std::uint64_t bytes{0};
};

class Batch;
class Plan;
struct OpOptions;
struct PlanOptions;
struct SubmittedPlan;
class SessionCore;
class Stream;
struct StreamOptions;

/// Observes what a session does, in order; the trace recorder is one. Called under the session's
/// lock of the thing observed, from the calling thread or one of the session; must not call back
/// into the session.
class SessionObserver;

/// A Session that was moved from refuses every call (invalid_argument). Streams may outlive it:
/// they then hand out what had ended and say `closed`. In a child that the process forks every call
/// on the parent's sessions and streams gives `closed`, and nothing of them is ended there.
class Session {
 public:
  /// Starts workers and rings. Without a device `automatic` gives the CPU backend and caps()
  /// carries the reason.
  [[nodiscard]] static Result<Session> open(const SessionOptions& options = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();  // close() if still open

  [[nodiscard]] const SessionOptions& options() const;
  /// What happened when, so far or after close all of it, as Chrome's trace event format.
  [[nodiscard]] Result<std::string> timeline() const;
  [[nodiscard]] std::string_view backend_name() const;  // "cpu", "cuda"
  /// Counted in this process from 1; what it gives out carries it.
  [[nodiscard]] std::uint32_t number() const;
  [[nodiscard]] MegakernelCaps caps() const;
  /// What became of compiling programs.
  [[nodiscard]] backend::CodeFacts code_facts() const;

  // Ops. Built-ins have fixed ids (test/golden/builtin_ops.txt); programs are appended from
  // kFirstUserOp. Making a large program ready takes seconds: deadline_exceeded where it took too
  // long, cancelled where `stopped` said true; nothing is registered then.
  [[nodiscard]] Result<OpHandle> register_program(std::string_view name,
                                                  const vir::Program& program,
                                                  Deadline deadline = Deadline::max());
  /// The same with lineage rules of the op's own (runtime/op_options.hpp).
  [[nodiscard]] Result<OpHandle> register_program(std::string_view name,
                                                  const vir::Program& program, Deadline deadline,
                                                  const OpOptions& options,
                                                  bool (*stopped)() = nullptr);
  [[nodiscard]] Result<OpHandle> register_wire(std::string_view name, ByteSpan blob,
                                               vir::Profile profile = vir::Profile::v4_0_6_3,
                                               Deadline deadline = Deadline::max());
  [[nodiscard]] Result<OpHandle> find_op(std::string_view name) const;
  [[nodiscard]] Result<OpInfo> op_info(OpHandle op) const;

  /// How long the outputs of an item will be, in the order of OpSignature::outputs, from the sizes
  /// of its inputs and its param. invalid_argument where the number of inputs is not the op's.
  [[nodiscard]] Result<std::vector<OutputSize>> output_bytes(
      OpHandle op, std::span<const std::uint64_t> input_bytes, std::uint32_t param = 0) const;

  // Buffers. A handle stays valid until release(), retire() or close(); bytes are zero until
  // written. Calls wait until their deadline for a device, for each other, and for retired buffers
  // whose bytes they need; where they fail nothing is left.
  // Calls that copy look at their deadline, and at `stopped` if it is given (true: give up,
  // Errc::cancelled), before each piece of kCopyPieceBytes but the first. All look at both while
  // they wait.
  [[nodiscard]] Result<Handle> allocate(std::uint64_t bytes, Deadline deadline = Deadline::max(),
                                        bool (*stopped)() = nullptr);
  /// An output for match.literals, with room for as many hits as the launch policy expects.
  [[nodiscard]] Result<Handle> allocate_hits(Deadline deadline = Deadline::max(),
                                             bool (*stopped)() = nullptr);
  [[nodiscard]] Result<Handle> upload(ByteSpan bytes, Deadline deadline = Deadline::max(),
                                      bool (*stopped)() = nullptr);
  /// A read-only buffer with these bytes. Callers with equal bytes share it: the second one sends
  /// nothing, and pays for a digest. Each of them releases it; then it stays until its memory is
  /// wanted, so that the next one finds it.
  [[nodiscard]] Result<Handle> upload_cached(ByteSpan bytes, Deadline deadline = Deadline::max(),
                                             bool (*stopped)() = nullptr);
  /// Bytes reach the buffer after the items submitted so far that use it (bounded by `deadline`). A
  /// write that is cut leaves a prefix of `bytes` in the buffer, up to the place
  /// in it that Error::offset says; what the buffer held from there on stays.
  [[nodiscard]] Status write(Handle buffer, std::uint64_t offset, ByteSpan bytes, Deadline deadline,
                             bool (*stopped)() = nullptr);
  /// Read-only buffer of a regular file, of the size it has now. Programs that only copy
  /// asynchronously out of it (AsyncLoad) read it piece by piece as they ask; for others the CPU
  /// maps it and a device gets its bytes with the first item that needs them. A file that shrinks
  /// or fails meanwhile faults the items that read it (io_error).
  [[nodiscard]] Result<Handle> map_file(const std::string& path, const MapOptions& options = {},
                                        Deadline deadline = Deadline::max());
  /// A buffer with the bytes of a file, read through the pump; written like any other.
  [[nodiscard]] Result<Handle> load_file(const std::string& path, Deadline deadline,
                                         bool (*stopped)() = nullptr);
  /// load_file() as upload_cached(), found by device, inode, size and times of the file instead of
  /// its bytes. A file that changes while it is read is read again.
  [[nodiscard]] Result<Handle> load_file_cached(const std::string& path, Deadline deadline,
                                                bool (*stopped)() = nullptr);
  /// A buffer over memory of the caller, aligned to 16 bytes, which is the session's until `done`:
  /// import no byte of it twice. Nothing is copied. A device locks it, which its driver may refuse:
  /// upload a copy then. Where this fails `done` is not called.
  [[nodiscard]] Result<Handle> import(MutableByteSpan host, const ImportOptions& options = {},
                                      Deadline deadline = Deadline::max());
  /// Binding set: an ordered list of buffers under one handle.
  [[nodiscard]] Result<Handle> bind(std::span<const Handle> buffers,
                                    Deadline deadline = Deadline::max(),
                                    bool (*stopped)() = nullptr);
  [[nodiscard]] Result<std::uint64_t> buffer_bytes(Handle buffer) const;
  /// Waits for the items submitted so far that use it, then frees; a buffer in a live binding set
  /// is refused. Where a device does not answer until the deadline, the rest happens by itself.
  [[nodiscard]] Status release(Handle handle, Deadline deadline);
  /// The handle ends now: not_found for every later call. Memory is given back, by itself, after
  /// the last item that uses it, and after the last binding set that names it. Never waits.
  [[nodiscard]] Status retire(Handle handle);

  /// The bytes of a buffer in memory of this process, between items, until unlease(). Waits for the
  /// items and copies under way; those that come later wait for the lease where one of the two
  /// writes, and their deadline_exceeded names it. Readers are counted; a lease to write is alone.
  /// On a device it is a copy, which unlease() writes back. Mapped files are refused (unsupported).
  /// Reading leases can be taken after close(), too. A handle that was retired can be unleased.
  [[nodiscard]] Result<MutableByteSpan> lease(Handle buffer, LeaseAccess access, Deadline deadline,
                                              bool (*stopped)() = nullptr);
  /// deadline_exceeded: the device has not taken the bytes; the lease goes on, call again.
  [[nodiscard]] Status unlease(Handle buffer, Deadline deadline = Deadline::max());
  /// Adds lineage rules to the bytes that the items submitted so far leave in a buffer, until it is
  /// overwritten whole. Regions that read it get them, and the session tracks lineage from now on.
  [[nodiscard]] Status tag(Handle buffer, std::span<const std::string> rules);

  // Items. param of a VIR0 op: 0 = the reference's grid; n > 0 = a grid that covers n invocations.
  /// Accepted or refused, never half: queue_full at the deadline, closed, invalid_argument (unknown
  /// queue, op or handle).
  [[nodiscard]] Result<Ticket> submit(const MegakernelWorkItem& item, Deadline deadline,
                                      std::uint32_t queue = 0, std::uint8_t flags = kQueueFlagNone);
  /// Accepts a prefix; the count accepted and the first ticket come back. The rest is untouched.
  struct SubmitMany {
    Ticket first;
    std::uint64_t accepted{0};
    std::optional<Error> stopped_by;
  };
  /// `batch`, if it is given, counts the accepted items.
  [[nodiscard]] SubmitMany submit_many(std::span<const MegakernelWorkItem> items, Deadline deadline,
                                       std::uint32_t queue = 0, std::uint8_t flags = kQueueFlagNone,
                                       Batch* batch = nullptr);
  /// Looks at a batch of one queue and changes nothing (runtime/plan.hpp): which items need not run
  /// because an earlier one did the same work and no buffer was written in between.
  [[nodiscard]] Result<Plan> plan(std::span<const MegakernelWorkItem> items,
                                  const PlanOptions& options) const;
  /// Submits what was planned, in an order that gives the results of submitting the items one by
  /// one; what the plan proposes is looked at again for each item. A plan larger than the ring goes
  /// in pieces. An error: nothing was accepted.
  [[nodiscard]] Result<SubmittedPlan> submit(const Plan& plan, Deadline deadline);
  /// Every ticket ends exactly once: done, faulted or cancelled. May be asked any number of times,
  /// also after close(), until the history bound (kDefaultHistory items a queue) drops it. Of items
  /// that were not done and that no caller has asked for, kKeptFailures a queue stay beyond that.
  [[nodiscard]] Result<ItemResult> wait(Ticket ticket, Deadline deadline);
  /// Waits until at least `least` of the tickets (at most all of them; 0 only looks) have ended.
  /// `results` is empty or as long as `tickets`, and gets every result there is, also where the
  /// call stops early; nullopt: not ended. A ticket that is none of this session is refused before
  /// anything is waited for; not_found where results were dropped that `results` should get.
  struct WaitedMany {
    std::size_t ended{0};
    std::optional<Error> stopped_by;
  };
  [[nodiscard]] WaitedMany wait_many(std::span<const Ticket> tickets, std::size_t least,
                                     Deadline deadline,
                                     std::span<std::optional<ItemResult>> results = {});
  /// Items that have not started will end as cancelled (FaultCode::cancelled) when their turn in
  /// the queue comes; running and ended ones go on as they are. Returns how many this call keeps
  /// from running. A CPU worker starts up to 256 short items at once. A device does not tell which
  /// items it has started: there the count is of those that had not ended.
  [[nodiscard]] Result<std::uint64_t> cancel(std::span<const Ticket> tickets);
  /// An eventfd of this session, one and the same for every call: readable while items have ended
  /// since it was last read, and once more when the session has closed. A caller reads its 8 bytes
  /// first, which never blocks, and then looks for results. Non-blocking, close-on-exec; the
  /// session closes it. From the first call on a thread of the session collects results.
  [[nodiscard]] Result<int> notify_fd();

  /// Counts the items that are submitted with it, whatever else the session does. Batches may be
  /// dropped at any time, also after the session; their items go on.
  [[nodiscard]] Result<std::shared_ptr<Batch>> open_batch();
  [[nodiscard]] Result<Totals> batch_totals(Batch& batch) const;
  /// The first that were not done, in the order of discovery, at most kMaxReportedFaults; the
  /// caller has asked for them thereby.
  [[nodiscard]] Result<std::vector<ItemResult>> batch_failures(Batch& batch);
  /// Until every item of the batch has ended.
  [[nodiscard]] Status wait_batch(Batch& batch, Deadline deadline);
  /// All items accepted before the call have ended. Results that were not done are in `not_done`
  /// (first N).
  struct Drained {
    std::uint64_t ended{0};
    std::uint64_t not_done{0};
    std::uint64_t failures_dropped{0};  // of not_done: no caller asked, and they are kept no more
    std::vector<ItemResult> first_not_done;
  };
  [[nodiscard]] Result<Drained> wait_all(Deadline deadline);

  /// Files in chunks, an item each (runtime/stream.hpp). Several streams may be open; they share
  /// ingest memory.
  [[nodiscard]] Result<Stream> stream(std::vector<std::string> files, OpHandle op,
                                      const StreamOptions& options);
  [[nodiscard]] Result<Stream> stream(std::function<std::optional<std::string>()> files,
                                      OpHandle op, const StreamOptions& options);

  // Also after close(): what items wrote is there until the session is destroyed.
  [[nodiscard]] Result<Bytes> download(Handle buffer, Deadline deadline,
                                       bool (*stopped)() = nullptr);
  /// Cut, `out` has the bytes before the place in the buffer that Error::offset says.
  [[nodiscard]] Status download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                                     Deadline deadline, bool (*stopped)() = nullptr);

  /// Counters so far; after close() the final ones.
  [[nodiscard]] report::Document report() const;
  /// The same; after close() it counts every item, and the failures that no caller has asked for.
  [[nodiscard]] Totals totals() const;
  /// Stops accepting, lets running items end within options().close_timeout or `timeout`, cancels
  /// the rest (shutdown). Idempotent.
  [[nodiscard]] Status close();
  [[nodiscard]] Status close(std::chrono::nanoseconds timeout);

  /// Before the first submit; null to remove.
  [[nodiscard]] Status observe(std::shared_ptr<SessionObserver> observer);

 private:
  friend struct SessionOpener;
  [[nodiscard]] bool usable() const noexcept;
  [[nodiscard]] Error why_unusable() const;
  explicit Session(std::shared_ptr<SessionCore> core);
  std::shared_ptr<SessionCore> core_;  // streams hold it, too
};

class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void on_program(OpHandle op, std::string_view name, const vir::Program& program) = 0;
  /// Contents after creation or write; `bytes` is the whole buffer.
  virtual void on_buffer(Handle buffer, ByteSpan bytes, bool file_backed) = 0;
  /// What arrived of a write: all of it, unless it was cut.
  virtual void on_write(Handle buffer, std::uint64_t offset, ByteSpan bytes) = 0;
  virtual void on_bind(Handle set, std::span<const Handle> buffers) = 0;
  virtual void on_release(Handle handle) = 0;
  virtual void on_submit(const Ticket& ticket, const MegakernelWorkItem& item, std::uint8_t flags,
                         std::chrono::nanoseconds since_open) = 0;
  virtual void on_completion(const ItemResult& result, std::chrono::nanoseconds since_open) = 0;
};

}  // namespace vyre::runtime

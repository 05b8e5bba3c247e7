// SessionCore: everything that one session owns, wired by constructors. It has no work of its own
// but closing; each part has a header. The parts never call the session: each holds references to
// the parts that it needs, and those are declared before it. Host only; any number of threads.
// Session (the public API) and streams hold it. The list of parts and the order of locks are in
// README.md.
//
// Lock: SessionCore owns close_mutex_, which is the first of all.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "attendant.hpp"
#include "backend/backend.hpp"
#include "backend_maker.hpp"
#include "buffer_waits.hpp"
#include "buffers.hpp"
#include "done_work.hpp"
#include "fused_programs.hpp"
#include "handle_table.hpp"
#include "host_copies.hpp"
#include "launch_control.hpp"
#include "leases.hpp"
#include "lineage_log.hpp"
#include "memory_budget.hpp"
#include "notify_descriptor.hpp"
#include "observer_attach.hpp"
#include "observer_tap.hpp"
#include "op_table.hpp"
#include "order_lock.hpp"
#include "output_sizes.hpp"
#include "plan_maker.hpp"
#include "results.hpp"
#include "retirements.hpp"
#include "rule_table.hpp"
#include "runtime/forks.hpp"
#include "runtime/session.hpp"
#include "session_counters.hpp"
#include "session_files.hpp"
#include "session_life.hpp"
#include "session_pump.hpp"
#include "session_report.hpp"
#include "session_setup.hpp"
#include "submitter.hpp"

namespace vyre::runtime {

class SessionCore {
 public:
  /// `bell` is what the backend was given as Options::ring_pump.
  SessionCore(SessionSetup setup, std::unique_ptr<backend::Backend> backend,
              std::shared_ptr<PumpBell> bell);
  SessionCore(const SessionCore&) = delete;
  SessionCore& operator=(const SessionCore&) = delete;
  ~SessionCore();
  /// The backend begins to take items.
  [[nodiscard]] Status start() { return backend_->start(results_); }

  // Public calls.
  [[nodiscard]] Result<OpHandle> register_program(std::string_view name,
                                                  const vir::Program& program,
                                                  const CopyUntil& until,
                                                  const OpOptions& options) {
    VYRE_TRY(life_.open());
    return ops_.register_program(name, program, until, options);
  }
  [[nodiscard]] Result<OpHandle> find_op(std::string_view name) const { return ops_.find(name); }
  [[nodiscard]] Result<OpInfo> op_info(OpHandle op) const { return ops_.info(op); }
  [[nodiscard]] Result<std::vector<OutputSize>> output_bytes(
      OpHandle op, std::span<const std::uint64_t> input_bytes, std::uint32_t param) const {
    VYRE_TRY(ops_.info(op));
    return output_sizes(ops_.record(op.id), input_bytes, param);
  }
  [[nodiscard]] Result<Handle> allocate(std::uint64_t bytes, const ByteSpan* contents,
                                        const CopyUntil& until) {
    return buffers_.allocate(bytes, contents, until);
  }
  [[nodiscard]] Result<Handle> allocate_hits(const CopyUntil& until) {
    return buffers_.allocate(launch_.hit_bytes(), nullptr, until);
  }
  [[nodiscard]] Result<Handle> upload_cached(ByteSpan bytes, const CopyUntil& until) {
    return buffers_.upload_cached(bytes, until);
  }
  [[nodiscard]] Result<Handle> map_file(const std::string& path, const MapOptions& options,
                                        Deadline deadline) {
    return buffers_.map_file(path, options, deadline);
  }
  [[nodiscard]] Result<Handle> import(MutableByteSpan host, const ImportOptions& options,
                                      Deadline deadline) {
    return buffers_.import(host, options, deadline);
  }
  [[nodiscard]] Result<MutableByteSpan> lease(Handle buffer, LeaseAccess access,
                                              const CopyUntil& until) {
    return leases_.take(buffer, access, until);
  }
  [[nodiscard]] Status unlease(Handle buffer, Deadline deadline) {
    return leases_.give_back(buffer, deadline);
  }
  [[nodiscard]] Status tag(Handle buffer, std::span<const std::string> rules) {
    VYRE_TRY(life_.open());
    const OrderLock lock(order_);
    VYRE_ASSIGN(HandleRecord* const record, handles_.find_buffer(lock, buffer, "tag"));
    return lineage_.tag(lock, *record, rules);
  }
  [[nodiscard]] Result<Handle> load_file(const std::string& path, const CopyUntil& until) {
    return buffers_.load_file(path, until);
  }
  [[nodiscard]] Result<Handle> load_file_cached(const std::string& path, const CopyUntil& until) {
    return buffers_.load_file_cached(path, until);
  }
  [[nodiscard]] Result<Handle> bind(std::span<const Handle> buffers, const CopyUntil& until) {
    return buffers_.bind(buffers, false, until);
  }
  // The caller makes `calls` when it holds no lock and needs the session no more.
  [[nodiscard]] Status release(Handle handle, Deadline deadline, std::vector<DoneCall>& calls) {
    return buffers_.release(handle, deadline, calls);
  }
  [[nodiscard]] Status retire(Handle handle, std::vector<DoneCall>& calls) {
    return buffers_.retire(handle, calls);
  }
  [[nodiscard]] Result<std::uint64_t> buffer_bytes(Handle buffer) {
    return copies_.buffer_bytes(buffer);
  }
  [[nodiscard]] Status write(Handle buffer, std::uint64_t offset, ByteSpan bytes,
                             const CopyUntil& until) {
    return copies_.write(buffer, offset, bytes, until);
  }
  [[nodiscard]] Result<Bytes> download(Handle buffer, const CopyUntil& until) {
    return copies_.download(buffer, until);
  }
  [[nodiscard]] Status download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                                     const CopyUntil& until) {
    return copies_.download_into(buffer, offset, out, until);
  }
  [[nodiscard]] Session::SubmitMany submit_many(std::span<const MegakernelWorkItem> items,
                                                Deadline deadline, std::uint32_t queue,
                                                std::uint8_t flags, Batch* batch = nullptr,
                                                PlaceInLines* kept = nullptr) {
    return submitter_.submit_many(items, deadline, queue, flags, batch, kept);
  }
  [[nodiscard]] Result<Plan> plan(std::span<const MegakernelWorkItem> items,
                                  const PlanOptions& options) {
    return plan_maker_.make(items, options);
  }
  [[nodiscard]] Result<SubmittedPlan> submit_plan(const Plan& plan, Deadline deadline) {
    return submitter_.submit_plan(plan.contents(), deadline);
  }
  [[nodiscard]] Result<ItemResult> wait(Ticket ticket, Deadline deadline) {
    return results_.wait(ticket, deadline);
  }
  [[nodiscard]] Result<Session::Drained> wait_all(Deadline deadline) {
    return results_.wait_all(deadline);
  }
  /// Waiting for many, cancelling, counting.
  [[nodiscard]] Results& results() noexcept { return results_; }
  [[nodiscard]] Result<int> notify_fd() {
    VYRE_TRY(life_.open());
    return notify_.descriptor();
  }
  [[nodiscard]] Status owns(const Batch& batch) const { return setup_.owns(batch); }
  [[nodiscard]] report::Document report() {
    return make_report({setup_, *backend_, life_, ops_, submitter_, launch_, pump_, counters_,
                        results_, lineage_, order_});
  }
  [[nodiscard]] Status observe(std::shared_ptr<SessionObserver> observer) {
    return attach_observer({order_, handles_, ops_, tap_, files_, buffers_, results_},
                           std::move(observer), after(setup_.options.close_timeout));
  }
  /// `timeout` in place of options().close_timeout.
  [[nodiscard]] Status close(std::chrono::nanoseconds timeout);
  [[nodiscard]] std::uint32_t number() const noexcept { return setup_.number; }
  [[nodiscard]] const SessionOptions& options() const noexcept { return setup_.options; }
  [[nodiscard]] Result<std::string> timeline() const {
    if (!setup_.timeline) {
      return fail(Errc::invalid_argument,
                  "the session keeps no timeline; open it with the option \"timeline\"");
    }
    return setup_.timeline->chrome_trace([this](std::uint32_t op) { return ops_.name(op); });
  }
  [[nodiscard]] const MegakernelCaps& caps() const noexcept { return setup_.caps; }
  [[nodiscard]] std::string_view backend_name() const noexcept { return backend_->name(); }
  [[nodiscard]] bool leaked() const noexcept { return life_.leaked(); }
  /// This process is a child of the one that opened the session, whose threads it does not have.
  [[nodiscard]] bool forked() const noexcept { return forks() != forks_at_open_; }

  // For streams.
  [[nodiscard]] Error no_such_queue(std::uint32_t queue) const {
    return setup_.no_such_queue(queue);
  }
  [[nodiscard]] PlaceInLines place_in_lines() { return PlaceInLines(handles_); }
  void leave_place(PlaceInLines& place) { submitter_.leave_place(place); }
  [[nodiscard]] Result<Handle> make_alias() { return buffers_.make_alias(); }
  /// bind(), where aliases may be members.
  [[nodiscard]] Result<Handle> bind_aliases(std::span<const Handle> buffers, Deadline deadline) {
    return buffers_.bind(buffers, true, {deadline});
  }
  [[nodiscard]] backend::Backend& backend() noexcept { return *backend_; }
  [[nodiscard]] Collector& collector(std::uint32_t queue) noexcept {
    return results_.collector(queue);
  }
  [[nodiscard]] queue::Waiter& changed() noexcept { return results_.changed(); }
  template <class Ready>
  [[nodiscard]] bool wait_for(Deadline deadline, const Ready& ready) {
    return results_.wait_for(deadline, ready);
  }
  [[nodiscard]] Result<ingest::Pump*> pump() { return pump_.start(); }
  [[nodiscard]] StreamSpace& stream_space() noexcept { return pump_.stream_space(); }
  void keep(std::unique_ptr<ingest::ReadSink> sink) noexcept { pump_.keep(std::move(sink)); }
  void count_file(const ingest::Pump& pump, const ingest::File& file) noexcept {
    pump_.count_file(pump, file);
  }
  void count_hits(std::uint64_t hits) noexcept {
    SessionCounters::add(counters_.hit_headers, 1);
    SessionCounters::add(counters_.hits, hits);
  }
  [[nodiscard]] const LaunchControl& launch() const noexcept { return launch_; }
  void count(std::atomic<std::uint64_t> SessionCounters::*counter, std::uint64_t by) noexcept {
    SessionCounters::add(counters_.*counter, by);
  }
  void count_streamed(std::uint64_t bytes) noexcept {
    SessionCounters::add(counters_.bytes_in, bytes);
  }
  [[nodiscard]] bool on_device() const noexcept { return setup_.on_device; }
  [[nodiscard]] const TestHooks& hooks() const noexcept { return setup_.hooks; }
  [[nodiscard]] bool observed() const noexcept { return tap_.active(); }
  [[nodiscard]] bool closing() const noexcept { return life_.closing(); }
  [[nodiscard]] Error closed() const { return life_.closed(); }

 private:
  /// Lets items end, by and by less gently; returns what went wrong, in words.
  [[nodiscard]] std::string end_items(std::chrono::nanoseconds timeout);
  [[nodiscard]] Status close_result() const;

  /// Of memory that callers lent and have not got back.
  [[nodiscard]] std::vector<DoneCall> last_calls();

  const std::uint32_t forks_at_open_{forks()};
  const SessionSetup setup_;
  const std::shared_ptr<PumpBell> bell_;
  std::unique_ptr<backend::Backend> backend_;  // its threads call the bell and the results
  SessionCounters counters_;
  SessionLife life_;
  ObserverTap tap_;
  Results results_;
  BackendMaker maker_;
  OrderMutex order_;
  MemoryBudget budget_;
  HandleTable handles_;
  RuleTable rules_;
  OpTable ops_;
  DoneWork done_work_;
  LineageLog lineage_;
  SessionPump pump_;
  SessionFiles files_;
  BufferWaits waits_;
  HostCopies copies_;
  Attendant attendant_;
  NotifyDescriptor notify_;
  Retirements retirements_;
  ResidentInputs inputs_;
  Buffers buffers_;
  Leases leases_;
  LaunchControl launch_;
  FusedPrograms fused_;
  PlanMaker plan_maker_;
  Submitter submitter_;

  std::mutex close_mutex_;
  bool closed_{false};
  std::string close_error_;
};

[[nodiscard]] Error moved_from(const char* what);
[[nodiscard]] Error of_the_parent(const char* what);

}  // namespace vyre::runtime

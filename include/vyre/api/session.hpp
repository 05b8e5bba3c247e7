// Session: owns a backend (the device's kernel, or CPU workers), its queues, buffers and ops. Its
// destructor closes it; buffers and results that were made before stay readable. Any thread.
// Spec: docs/api.md.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "vyre/api/batch.hpp"
#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/item.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/api/op_info.hpp"
#include "vyre/api/program.hpp"
#include "vyre/api/queue.hpp"
#include "vyre/api/report.hpp"
#include "vyre/api/report_options.hpp"
#include "vyre/api/timeout.hpp"
#include "vyre/api/trace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// Zero means the default, as in vyre_session_options.
struct SessionOptions {
  std::string device{};  // "auto" (default), "cpu" or "cuda"
  std::uint32_t queues{0};
  std::uint32_t workers{0};
  std::uint32_t ring_slots{0};
  std::uint64_t memory_bytes{0};
  std::uint64_t fuel{0};
  std::chrono::nanoseconds default_timeout{0};
  std::chrono::nanoseconds max_wall_time{0};
  std::chrono::nanoseconds close_timeout{0};
  std::vector<std::pair<std::string, std::string>> more{};  // by name: vyre.h lists them
};

/// What an op is added with.
struct OpOptions {
  std::vector<std::string> rules{};  // names of lineage rules; empty: the op's name is the only one
};

class Session {
 public:
  [[nodiscard]] static Result<Session> open(const SessionOptions& options = {}) {
    vyre_session_options c = VYRE_INIT(vyre_session_options);
    std::vector<vyre_option> more;
    more.reserve(options.more.size());
    for (const auto& [key, value] : options.more) more.push_back({key.c_str(), value.c_str()});
    if (!options.device.empty()) c.device = options.device.c_str();
    c.queues = options.queues;
    c.workers = options.workers;
    c.ring_slots = options.ring_slots;
    c.memory_bytes = options.memory_bytes;
    c.fuel = options.fuel;
    c.default_timeout = options.default_timeout.count();
    c.max_wall_time = options.max_wall_time.count();
    c.close_timeout = options.close_timeout.count();
    c.options = more.data();
    c.option_count = more.size();
    vyre_session* opened = nullptr;
    if (const detail::Failed failed{vyre_session_open(&c, &opened)}) return failed.error();
    Session session{detail::SharedSession(opened)};
    vyre_queue* main = nullptr;
    if (const detail::Failed failed{vyre_queue_main(opened, &main)}) return failed.error();
    session.main_ = Queue(main);
    return session;
  }
  Session(Session&&) noexcept = default;
  Session& operator=(Session&& other) noexcept {
    if (this != &other) {
      end();
      session_ = std::move(other.session_);
      main_ = std::move(other.main_);
    }
    return *this;
  }
  ~Session() { end(); }

  /// The queue that every session has.
  [[nodiscard]] Queue& main() noexcept { return main_; }
  /// A queue of its own, until its last copy is gone.
  [[nodiscard]] Result<Queue> open_queue() {
    vyre_queue* queue = nullptr;
    if (const detail::Failed failed{vyre_queue_open(get(), nullptr, &queue)}) {
      return failed.error();
    }
    return Queue(queue);
  }

  /// Verifies a program and makes it ready to run.
  [[nodiscard]] Result<Op> add(const std::string& name, const Program& program,
                               Timeout timeout = {}) {
    return add(name, program, OpOptions{}, timeout);
  }
  [[nodiscard]] Result<Op> add(const std::string& name, const Program& program,
                               const OpOptions& options, Timeout timeout = {}) {
    const std::vector<const char*> rules = detail::c_strings(options.rules);
    vyre_op_options c = VYRE_INIT(vyre_op_options);
    c.rules = rules.data();
    c.rule_count = rules.size();
    Op op;
    if (const detail::Failed failed{
            vyre_op_add(get(), name.c_str(), program.get(), &c, timeout.ns(), &op.handle)}) {
      return failed.error();
    }
    return op;
  }
  /// Adds lineage rules to the bytes that the items submitted so far leave in a buffer, until it is
  /// overwritten whole. The session tracks lineage from now on.
  [[nodiscard]] Result<void> tag(BufferRef buffer, const std::vector<std::string>& rules) {
    const std::vector<const char*> names = detail::c_strings(rules);
    return detail::status(vyre_buffer_tag(get(), buffer.handle, names.data(), names.size()));
  }
  /// A built-in op (docs/ops.md), or one that was added.
  [[nodiscard]] Result<Op> find(const std::string& name) const {
    Op op;
    if (const detail::Failed failed{vyre_op_find(get(), name.c_str(), &op.handle)}) {
      return failed.error();
    }
    return op;
  }
  /// Built-in ops first, then added ones in the order in which they were added.
  [[nodiscard]] Result<std::vector<Op>> ops() const {
    std::vector<Op> ops;
    for (std::size_t count = 0;;) {  // until no other thread has added one meanwhile
      ops.resize(count);
      if (const detail::Failed failed{
              vyre_session_ops(get(), detail::c(ops.data()), ops.size(), &count)}) {
        return failed.error();
      }
      if (count == ops.size()) return ops;
    }
  }
  /// As reports and traces name it.
  [[nodiscard]] Result<std::uint32_t> number(Op op) const {
    std::uint32_t number = 0;
    if (const detail::Failed failed{vyre_op_number(get(), op.handle, &number)}) {
      return failed.error();
    }
    return number;
  }
  [[nodiscard]] Result<OpInfo> describe(Op op) const {
    vyre_op_info c = VYRE_INIT(vyre_op_info);
    if (const detail::Failed failed{vyre_op_describe(get(), op.handle, &c)}) {
      return failed.error();
    }
    OpInfo info{c.name, c.builtin != 0, {}, {}, c.meaning, c.param};
    for (std::uint32_t i = 0; i < c.input_count; ++i) {
      auto buffer = describe_buffer(op, VYRE_INPUT, i);
      if (!buffer) return buffer.error();
      info.inputs.push_back(*std::move(buffer));
    }
    for (std::uint32_t i = 0; i < c.output_count; ++i) {
      auto buffer = describe_buffer(op, VYRE_OUTPUT, i);
      if (!buffer) return buffer.error();
      info.outputs.push_back(*std::move(buffer));
    }
    return info;
  }

  /// How large the outputs of an op have to be for inputs of these sizes, in declaration order.
  [[nodiscard]] Result<std::vector<OutputSize>> output_sizes(
      Op op, std::span<const std::uint64_t> input_bytes, std::uint32_t param = 0) const {
    vyre_op_info c = VYRE_INIT(vyre_op_info);
    if (const detail::Failed failed{vyre_op_describe(get(), op.handle, &c)}) {
      return failed.error();
    }
    std::vector<std::uint64_t> bytes(c.output_count);
    std::vector<std::uint32_t> kinds(c.output_count);
    if (const detail::Failed failed{vyre_op_output_sizes(get(), op.handle, input_bytes.data(),
                                                         input_bytes.size(), param, bytes.data(),
                                                         kinds.data(), bytes.size())}) {
      return failed.error();
    }
    std::vector<OutputSize> sizes;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      sizes.push_back({bytes[i], static_cast<OutputSize::Kind>(kinds[i])});
    return sizes;
  }

  /// One item. A fault is a result, not an Error.
  [[nodiscard]] Result<ItemResult> wait(Ticket ticket, Timeout timeout = {}) {
    ItemResult result;
    const detail::Failed failed{vyre_wait(get(), detail::c(&ticket), 1, 1, timeout.ns(),
                                          detail::c(&result), sizeof(result), nullptr)};
    if (failed) return failed.error();
    return result;
  }
  /// Waits until `least` of the items have ended; gives the results of all, pending ones too.
  [[nodiscard]] Result<std::vector<ItemResult>> wait(std::span<const Ticket> tickets,
                                                     std::size_t least, Timeout timeout = {}) {
    std::vector<ItemResult> results(tickets.size());
    const detail::Failed failed{vyre_wait(get(), detail::c(tickets.data()), tickets.size(), least,
                                          timeout.ns(), detail::c(results.data()),
                                          sizeof(ItemResult), nullptr)};
    if (failed) return failed.error();
    return results;
  }
  /// The same until `stop` is requested, which gives Code::cancelled within 5 ms.
  [[nodiscard]] Result<std::vector<ItemResult>> wait(std::span<const Ticket> tickets,
                                                     std::size_t least, std::stop_token stop) {
    for (;;) {
      auto results = wait(tickets, least, std::chrono::milliseconds{5});
      if (results || results.error().code != Code::deadline_exceeded) return results;
      if (stop.stop_requested()) {
        return Error::of(Code::cancelled, "a stop was requested while waiting for " +
                                              std::to_string(least) + " of " +
                                              std::to_string(tickets.size()) + " items");
      }
    }
  }
  /// Everything that was accepted before the call has ended; counts since the session was opened.
  [[nodiscard]] Result<Totals> wait_all(Timeout timeout = {}) {
    vyre_totals totals = VYRE_INIT(vyre_totals);
    if (const detail::Failed failed{vyre_session_wait(get(), timeout.ns(), &totals)}) {
      return failed.error();
    }
    return Totals::from(totals);
  }
  /// Cancels items that have not started; gives how many. On a device these are the ones that had
  /// not ended, and a running one among them goes on.
  [[nodiscard]] Result<std::size_t> cancel(std::span<const Ticket> tickets) {
    std::size_t cancelled = 0;
    if (const detail::Failed failed{
            vyre_cancel(get(), detail::c(tickets.data()), tickets.size(), &cancelled)}) {
      return failed.error();
    }
    return cancelled;
  }
  [[nodiscard]] Result<Batch> batch() {
    vyre_batch* batch = nullptr;
    if (const detail::Failed failed{vyre_batch_new(get(), &batch)}) return failed.error();
    return Batch(batch);
  }
  /// Becomes readable when items end; the session owns it. Read it to reset it.
  [[nodiscard]] Result<int> notify_fd() {
    int fd = -1;
    if (const detail::Failed failed{vyre_session_notify_fd(get(), &fd)}) return failed.error();
    return fd;
  }

  /// Records everything from now on; before the first submit.
  [[nodiscard]] Result<Recorder> record(const std::string& directory,
                                        std::uint64_t max_buffer_bytes = 0) {
    vyre_recorder* recorder = nullptr;
    if (const detail::Failed failed{
            vyre_record(get(), directory.c_str(), max_buffer_bytes, &recorder)}) {
      return failed.error();
    }
    return Recorder(recorder);
  }

  [[nodiscard]] Result<MegakernelCaps> caps() const {
    vyre_caps c = VYRE_INIT(vyre_caps);
    if (const detail::Failed failed{vyre_session_caps(get(), &c)}) return failed.error();
    return MegakernelCaps{c.supported != 0, c.max_worker_count, c.reason};
  }
  /// "cpu" or "cuda"
  [[nodiscard]] Result<std::string> backend() const {
    vyre_caps c = VYRE_INIT(vyre_caps);
    if (const detail::Failed failed{vyre_session_caps(get(), &c)}) return failed.error();
    return std::string(c.backend);
  }
  /// Threads or device workers.
  [[nodiscard]] Result<std::uint32_t> workers() const {
    vyre_caps c = VYRE_INIT(vyre_caps);
    if (const detail::Failed failed{vyre_session_caps(get(), &c)}) return failed.error();
    return c.workers;
  }
  /// The name of the device; empty on the CPU.
  [[nodiscard]] Result<std::string> device_name() const {
    vyre_caps c = VYRE_INIT(vyre_caps);
    if (const detail::Failed failed{vyre_session_caps(get(), &c)}) return failed.error();
    return std::string(c.device_name);
  }
  [[nodiscard]] Result<MegakernelReport> report() const;
  /// docs/report.md; `indent` below 0: one line.
  [[nodiscard]] Result<Blob> report_json(int indent = 2) const {
    vyre_blob* json = nullptr;
    if (const detail::Failed failed{vyre_report_json(get(), indent, &json)}) return failed.error();
    return Blob(json);
  }
  /// What happened when, for Perfetto, of a session that was opened with the option "timeline".
  [[nodiscard]] Result<Blob> timeline_json() const {
    vyre_blob* json = nullptr;
    if (const detail::Failed failed{vyre_session_timeline(get(), &json)}) return failed.error();
    return Blob(json);
  }
  /// The same with what the options say.
  [[nodiscard]] Result<Blob> report_json(const ReportOptions& options) const {
    return detail::report_json(options, [this](const vyre_report_options* c, vyre_blob** json) {
      return vyre_session_report(get(), c, json);
    });
  }

  /// Accepts nothing more, lets running items end for `grace` (default: close_timeout), cancels
  /// the others.
  [[nodiscard]] Result<Totals> close(Timeout grace = {}) {
    vyre_totals totals = VYRE_INIT(vyre_totals);
    if (const detail::Failed failed{vyre_session_close(get(), grace.ns(), &totals)}) {
      return failed.error();
    }
    return Totals::from(totals);
  }
  [[nodiscard]] vyre_session* get() const noexcept { return session_.get(); }

 private:
  explicit Session(detail::SharedSession session) : session_(std::move(session)) {}
  void end() noexcept {
    if (get() != nullptr) {
      vyre_error_free(vyre_session_close(get(), VYRE_DEFAULT_TIMEOUT, nullptr));
    }
  }
  [[nodiscard]] Result<OpBuffer> describe_buffer(Op op, std::uint32_t side,
                                                 std::uint32_t index) const {
    vyre_op_buffer c = VYRE_INIT(vyre_op_buffer);
    if (const detail::Failed failed{vyre_op_describe_buffer(get(), op.handle, side, index, &c)}) {
      return failed.error();
    }
    return OpBuffer{c.name,         c.least_bytes, c.read_write != 0,
                    c.result_begin, c.result_end,  c.element};
  }

  detail::SharedSession session_;
  Queue main_;
};

inline Result<MegakernelReport> Session::report() const {
  vyre_counters c = VYRE_INIT(vyre_counters);
  if (const detail::Failed failed{vyre_report_counters(get(), &c)}) return failed.error();
  const auto set = [&](auto& into, int bit, std::uint64_t value) {
    using Value = typename std::remove_reference_t<decltype(into)>::value_type;
    if ((c.present >> bit & 1) != 0) into = static_cast<Value>(value);
  };
  MegakernelReport report;
  report.items_processed = c.items_processed;
  report.items_remaining = c.items_remaining;
  report.wall_time = std::chrono::nanoseconds{c.wall_time_ns};
  report.deduped_items = c.deduped_items;
  report.published_items = c.published_items;
  report.lineage_items = c.lineage_items;
  for (std::size_t count = 0;;) {  // until no other thread has submitted meanwhile
    report.region_lineage.resize(count);
    if (const detail::Failed failed{
            vyre_report_regions(get(), report.region_lineage.data(), count, &count)}) {
      return failed.error();
    }
    if (count <= report.region_lineage.size()) break;
  }
  set(report.queue_plan_ns, VYRE_HAS_QUEUE_PLAN_NS, c.queue_plan_ns);
  set(report.queue_publish_ns, VYRE_HAS_QUEUE_PUBLISH_NS, c.queue_publish_ns);
  set(report.backend_dispatch_ns, VYRE_HAS_BACKEND_DISPATCH_NS, c.backend_dispatch_ns);
  set(report.lineage_ns, VYRE_HAS_LINEAGE_NS, c.lineage_ns);
  MegakernelTelemetry& t = report.telemetry;
  set(t.bytes_uploaded, VYRE_HAS_BYTES_UPLOADED, c.bytes_uploaded);
  set(t.bytes_read_back, VYRE_HAS_BYTES_READ_BACK, c.bytes_read_back);
  set(t.bytes_moved, VYRE_HAS_BYTES_MOVED, c.bytes_moved);
  set(t.resident_allocations, VYRE_HAS_RESIDENT_ALLOCATIONS, c.resident_allocations);
  set(t.kernel_launches, VYRE_HAS_KERNEL_LAUNCHES, c.kernel_launches);
  set(t.sync_points, VYRE_HAS_SYNC_POINTS, c.sync_points);
  set(t.occupancy_proxy_bps, VYRE_HAS_OCCUPANCY_PROXY_BPS, c.occupancy_proxy_bps);
  set(t.frontier_density_bps, VYRE_HAS_FRONTIER_DENSITY_BPS, c.frontier_density_bps);
  set(t.readback_buffers, VYRE_HAS_READBACK_BUFFERS, c.readback_buffers);
  set(t.compiled_pipeline_cache_hit, VYRE_HAS_COMPILED_PIPELINE_CACHE_HIT,
      c.compiled_pipeline_cache_hit);
  set(t.resident_input_cache_hit, VYRE_HAS_RESIDENT_INPUT_CACHE_HIT, c.resident_input_cache_hit);
  set(t.topology, VYRE_HAS_TOPOLOGY, c.topology);
  set(t.pressure, VYRE_HAS_PRESSURE, c.pressure);
  set(t.execution_mode, VYRE_HAS_EXECUTION_MODE, c.execution_mode);
  set(t.hit_capacity, VYRE_HAS_HIT_CAPACITY, c.hit_capacity);
  set(t.estimated_peak_device_bytes, VYRE_HAS_ESTIMATED_PEAK_DEVICE_BYTES,
      c.estimated_peak_device_bytes);
  set(t.device_memory_budget_bytes, VYRE_HAS_DEVICE_MEMORY_BUDGET_BYTES,
      c.device_memory_budget_bytes);
  return report;
}

}  // namespace vyre::VYRE_V0

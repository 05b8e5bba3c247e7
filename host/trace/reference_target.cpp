// Replay on the reference: items one after another in the order of the trace, programs by the tree
// walker, built-in ops in their plain form. The binding rules are those of docs/api.md and
// docs/ops.md. See target.hpp.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "base/message.hpp"
#include "builtin/ops.hpp"
#include "protocol/limits.hpp"
#include "reference/evaluate.hpp"
#include "target.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::trace {
namespace {

std::string_view builtin_name(std::uint32_t op) noexcept {
  switch (op) {
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) \
  case id:                                                          \
    return name;
#include "protocol/op_table.def"
    default:
      return "unknown";
  }
}

class ReferenceTarget final : public Target {
 public:
  ReferenceTarget(std::uint64_t fuel, Deadline deadline, std::uint64_t file_budget,
                  bool (*stopped)(), const RaceWatch& watch)
      : fuel_(fuel),
        deadline_(deadline),
        file_budget_(file_budget),
        stopped_(stopped),
        watch_(watch),
        started_(Clock::now()) {
    document_.run = report::describe_run({});
    document_.run.why_no_device = "the reference executor runs on the host";
    document_.caps = MegakernelCaps::unsupported(document_.run.why_no_device);
  }

  std::string_view name() const override { return "reference"; }

  Status define(std::uint32_t op, const std::string& name, const vir::Program& program) override {
    Interrupt late([this] { return over(); });
    VYRE_ASSIGN(vir::Program prepared, vir::prepare(program, &late));
    VYRE_TRY(vir::validate(prepared, &late));
    Op made;
    made.name = name;
    made.program = program;
    // A session's buffer keeps the whole result; the range only narrows what upstream's caller gets
    // back.
    for (vir::BufferDecl& buffer : made.program.buffers) {
      buffer.output_byte_range.reset();
      made.roles.push_back(vir::role_of(buffer));
    }
    ops_[op] = std::move(made);
    return {};
  }

  Status set_buffer(std::uint32_t handle, const Contents& contents) override {
    if (contents.file_backed && contents.bytes > file_budget_ - file_bytes_) {
      return fail(Errc::limit_exceeded,
                  message("the files of this trace need more than {} bytes on the reference "
                          "executor; raise memory_bytes",
                          file_budget_));
    }
    Bytes bytes(contents.zeros ? contents.bytes : 0);
    if (!contents.zeros) {
      VYRE_ASSIGN(const Blob blob, contents.blob());
      bytes.assign(blob.bytes().begin(), blob.bytes().end());
    }
    if (contents.file_backed) file_bytes_ += contents.bytes;
    buffers_[handle] = Buffer{std::move(bytes), contents.file_backed};
    return {};
  }

  Status write(std::uint32_t handle, std::uint64_t offset, ByteSpan bytes) override {
    std::copy(bytes.begin(), bytes.end(),
              buffers_[handle].bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }

  Status bind(std::uint32_t set, std::span<const std::uint32_t> members) override {
    sets_[set].assign(members.begin(), members.end());
    return {};
  }

  Status release(std::uint32_t handle) override {
    if (const auto found = buffers_.find(handle); found != buffers_.end()) {
      if (found->second.read_only) file_bytes_ -= found->second.bytes.size();
      buffers_.erase(found);
    }
    sets_.erase(handle);
    return {};
  }

  Status submit(std::span<const MegakernelWorkItem> items, std::uint32_t queue,
                std::uint8_t) override {
    for (const MegakernelWorkItem& item : items) {
      const Fault fault = over() ? Fault{FaultCode::wall_time, 0, 0, 0} : run(item);
      ++next_item_;
      if (stopped_ != nullptr && stopped_()) return fail(Errc::cancelled, "told to stop");
      if (fault.code == FaultCode::wall_time) {
        return fail(Errc::deadline_exceeded,
                    "the replay ran into its timeout on the reference executor; allow more time");
      }
      Counters& counters = counters_[item.op_handle];
      ++counters.items;
      if (fault.code != FaultCode::none) {
        ++counters.faults;
        not_done_.push_back({since_settle_, CompletionStatus::faulted, fault});
        ++document_.faults_total;
        if (document_.faults.size() < kMaxReportedFaults) {
          document_.faults.push_back({queue, positions_[queue], op_name(item.op_handle),
                                      CompletionStatus::faulted, fault});
        }
      }
      ++since_settle_;
      ++positions_[queue];
    }
    return {};
  }

  void number_next(std::uint64_t item) override { next_item_ = item; }
  std::vector<RacyItem> racy_items() override { return racy_; }

  Result<std::vector<NotDone>> settle(bool) override {
    since_settle_ = 0;
    return std::exchange(not_done_, {});
  }

  Result<Bytes> read(std::uint32_t handle) override { return buffers_[handle].bytes; }

  Result<report::Document> finish() override {
    MegakernelReport& r = document_.report;
    document_.ops.clear();
    document_.queues.clear();
    r.items_processed = 0;
    for (const auto& [op, counters] : counters_) {
      document_.ops.push_back({op_name(op), op, counters.items, counters.faults, 0, "reference",
                               std::nullopt, std::nullopt});
      r.items_processed += counters.items;
    }
    for (const auto& [queue, count] : positions_)
      document_.queues.push_back({queue, 0, count, count, 0});
    r.published_items = r.items_processed;
    r.wall_time = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - started_);
    return document_;
  }

 private:
  struct Op {
    std::string name;
    vir::Program program;
    std::vector<vir::BufferRole> roles;  // by declaration index
  };
  struct Buffer {
    Bytes bytes;
    bool read_only{false};
  };
  struct Counters {
    std::uint64_t items{0};
    std::uint64_t faults{0};
  };

  [[nodiscard]] std::string op_name(std::uint32_t op) const {
    const auto found = ops_.find(op);
    return found == ops_.end() ? std::string(builtin_name(op)) : found->second.name;
  }
  [[nodiscard]] std::vector<std::uint32_t> members(std::uint32_t handle) const {
    if (handle == 0) return {};
    const auto set = sets_.find(handle);
    return set == sets_.end() ? std::vector<std::uint32_t>{handle} : set->second;
  }

  [[nodiscard]] bool over() const noexcept { return Clock::now() >= deadline_; }

  Fault run(const MegakernelWorkItem& item) {
    if (item.op_handle < kFirstUserOp) return {run_builtin(item), 0, 0, 0};
    const auto op = ops_.find(item.op_handle);
    return op == ops_.end() ? Fault{FaultCode::unknown_op, 0, 0, 0} : run_program(item, op->second);
  }

  FaultCode run_builtin(const MegakernelWorkItem& item) {
    const auto gather = [this](std::uint32_t handle) {
      std::vector<builtin::Buffer> list;
      for (const std::uint32_t member : members(handle)) {
        Buffer& buffer = buffers_[member];
        list.push_back({buffer.bytes.data(), buffer.bytes.size(), member, buffer.read_only});
      }
      return list;
    };
    const builtin::StopWord late(
        [](const void* of) noexcept { return static_cast<const ReferenceTarget*>(of)->over(); },
        this);
    const FaultCode ended = builtin::run(item.op_handle, gather(item.input_handle),
                                         gather(item.output_handle), item.param, late);
    return ended == FaultCode::shutdown ? FaultCode::wall_time : ended;
  }

  Fault run_program(const MegakernelWorkItem& item, const Op& op) {
    const Fault bad{FaultCode::bad_binding, 0, 0, 0};
    const auto inputs = members(item.input_handle);
    const auto outputs = members(item.output_handle);
    std::vector<Bytes> values;
    std::vector<std::uint32_t> returned;  // handle of every returned buffer, in declaration order
    std::vector<std::uint64_t> lengths;
    std::multiset<std::uint32_t> bound;
    std::vector<std::uint32_t> memory_of;  // by declaration index; a buffer's first declaration
    std::map<std::uint32_t, std::uint32_t> first_declared;
    std::size_t next_input = 0;
    std::size_t next_output = 0;
    for (std::size_t i = 0; i < op.roles.size(); ++i) {
      const vir::BufferRole role = op.roles[i];
      const auto required = vir::required_bytes(op.program, op.program.buffers[i]);
      if (!required) return bad;
      memory_of.push_back(static_cast<std::uint32_t>(i));
      if (role == vir::BufferRole::workgroup) {
        lengths.push_back(*required);
        continue;
      }
      const bool output = role == vir::BufferRole::allocated;
      const auto& list = output ? outputs : inputs;
      std::size_t& next = output ? next_output : next_input;
      if (next == list.size()) return bad;
      const std::uint32_t handle = list[next++];
      const Buffer& buffer = buffers_[handle];
      if (buffer.bytes.size() < *required || (vir::is_returned(role) && buffer.read_only))
        return bad;
      if (!output) values.push_back(buffer.bytes);
      if (vir::is_returned(role)) returned.push_back(handle);
      lengths.push_back(output ? *required : buffer.bytes.size());
      bound.insert(handle);
      memory_of.back() = first_declared.try_emplace(handle, memory_of.back()).first->second;
    }
    if (next_input != inputs.size() || next_output != outputs.size()) return bad;
    // A buffer that is written must not be bound under a second name.
    for (const std::uint32_t handle : returned) {
      if (bound.count(handle) > 1) return bad;
    }
    const auto grid = item.param == 0 ? vir::infer_grid(op.program, lengths)
                                      : vir::grid_for(op.program, item.param);
    if (!grid) return {FaultCode::id_overflow, 0, 0, 0};
    reference::Options options;
    options.grid = *grid;
    options.fuel = fuel_;
    options.deadline = deadline_;
    options.stopped = stopped_;
    options.validate = false;  // define() did
    options.check_races = watched(returned);
    options.memory_of = std::move(memory_of);
    const reference::Outcome outcome = reference::evaluate(op.program, values, options);
    note_races(op, outcome.races);
    if (outcome.verdict == reference::Verdict::faulted ||
        outcome.verdict == reference::Verdict::cancelled)
      return outcome.fault;
    if (outcome.verdict == reference::Verdict::refused || outcome.outputs.size() != returned.size())
      return bad;
    for (std::size_t i = 0; i < returned.size(); ++i) {
      // Only the declared length is written: what a longer buffer has behind it stays.
      Bytes& to = buffers_[returned[i]].bytes;
      std::copy_n(outcome.outputs[i].begin(), std::min(outcome.outputs[i].size(), to.size()),
                  to.begin());
    }
    return {};
  }

  [[nodiscard]] bool watched(const std::vector<std::uint32_t>& returned) const {
    if (next_item_ < watch_.first || next_item_ > watch_.last) return false;
    return watch_.buffer == 0 ||
           std::find(returned.begin(), returned.end(), watch_.buffer) != returned.end();
  }

  void note_races(const Op& op, const reference::Races& races) {
    if ((races.none() && !races.out_of_memory) || racy_.size() >= kMaxReportedFaults) return;
    RacyItem racy{next_item_, op.name, {}, races.total};
    if (races.out_of_memory) racy.races.push_back(reference::shadow_exceeded());
    const auto prepared = vir::prepare(op.program);  // it ran, so it can be
    for (const reference::Race& race : races.list)
      racy.races.push_back(reference::to_string(*prepared, {}, {}, race));
    racy_.push_back(std::move(racy));
  }

  std::uint64_t fuel_;
  Deadline deadline_;
  std::uint64_t file_budget_;
  bool (*stopped_)();
  RaceWatch watch_;
  std::uint64_t next_item_{0};  // its number in the trace
  std::vector<RacyItem> racy_;
  std::uint64_t file_bytes_{0};
  Clock::time_point started_;
  std::unordered_map<std::uint32_t, Op> ops_;
  std::unordered_map<std::uint32_t, Buffer> buffers_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> sets_;
  std::map<std::uint32_t, Counters> counters_;
  std::map<std::uint32_t, std::uint64_t> positions_;  // items by queue
  std::vector<NotDone> not_done_;
  std::uint64_t since_settle_{0};
  report::Document document_;
};

}  // namespace

std::unique_ptr<Target> make_reference_target(std::uint64_t fuel, Deadline deadline,
                                              std::uint64_t file_budget_bytes, bool (*stopped)(),
                                              const RaceWatch& watch) {
  return std::make_unique<ReferenceTarget>(fuel, deadline, file_budget_bytes, stopped, watch);
}

}  // namespace vyre::trace

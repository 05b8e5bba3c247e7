// Replay through a Session, cpu and cuda through the same door. Handles of the trace are mapped
// to the session's own. See target.hpp.
#include <unordered_map>
#include <unordered_set>

#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "runtime/slices.hpp"
#include "target.hpp"

namespace vyre::trace {
namespace {

/// Files a target maps at most; two targets may be open, and the process has files of its own.
/// The rest is loaded within the memory budget.
constexpr std::uint32_t kMaxTargetFiles{kMaxMappedFiles / 4};

class SessionTarget final : public Target {
 public:
  SessionTarget(runtime::Session session, const TargetOptions& options)
      : session_(std::move(session)),
        executor_(options.executor),
        deadline_(options.deadline),
        file_budget_(options.file_budget_bytes),
        stopped_(options.stopped) {}

  std::string_view name() const override { return executor_name(executor_); }

  Status define(std::uint32_t op, const std::string& name, const vir::Program& program) override {
    VYRE_ASSIGN(const runtime::OpHandle handle,
                session_.register_program(name, program, deadline_));
    ops_[op] = handle.id;
    same_ = same_ && op == handle.id;
    return {};
  }

  Status set_buffer(std::uint32_t handle, const Contents& contents) override {
    if (const auto known = handles_.find(handle); known != handles_.end()) {
      VYRE_ASSIGN(const Blob blob, contents.blob());
      return session_.write({known->second}, 0, blob.bytes(), deadline_, stopped_);
    }
    const bool map =
        contents.file_backed && !contents.path.empty() && mapped_.size() < kMaxTargetFiles;
    const bool in_place_of_map = contents.file_backed && !map;
    const bool load = in_place_of_map && !contents.path.empty();
    if (in_place_of_map && contents.bytes > file_budget_ - loaded_files_) {
      return fail(Errc::limit_exceeded,
                  message("files beyond the {} that a replay maps need more than {} bytes; raise "
                          "memory_bytes",
                          kMaxTargetFiles, file_budget_));
    }
    if (map || load) VYRE_TRY(contents.source->verify(contents.digest, contents.bytes));
    const auto upload = [&]() -> Result<runtime::Handle> {
      VYRE_ASSIGN(const Blob blob, contents.blob());
      return session_.upload(blob.bytes(), deadline_, stopped_);
    };
    auto made = contents.zeros ? session_.allocate(contents.bytes)
                : map          ? session_.map_file(contents.path)
                : load         ? session_.load_file(contents.path, deadline_, stopped_)
                               : upload();
    if (!made) return tl::unexpected<Error>(std::move(made).error());
    add(handle, *made);
    if (map) mapped_.insert(handle);
    if (in_place_of_map) {
      loaded_[handle] = contents.bytes;
      loaded_files_ += contents.bytes;
    }
    return {};
  }

  Status write(std::uint32_t handle, std::uint64_t offset, ByteSpan bytes) override {
    return session_.write({mapped(handle)}, offset, bytes, deadline_, stopped_);
  }

  Status bind(std::uint32_t set, std::span<const std::uint32_t> members) override {
    std::vector<runtime::Handle> buffers;
    buffers.reserve(members.size());
    for (const std::uint32_t member : members) buffers.push_back({mapped(member)});
    VYRE_ASSIGN(const runtime::Handle made, session_.bind(buffers));
    add(set, made);
    return {};
  }

  Status release(std::uint32_t handle) override {
    VYRE_TRY(session_.release({mapped(handle)}, deadline_));
    handles_.erase(handle);
    mapped_.erase(handle);
    if (const auto file = loaded_.find(handle); file != loaded_.end()) {
      loaded_files_ -= file->second;
      loaded_.erase(file);
    }
    return {};
  }

  Status submit(std::span<const MegakernelWorkItem> items, std::uint32_t queue,
                std::uint8_t flags) override {
    if (!same_) {
      scratch_.assign(items.begin(), items.end());
      for (MegakernelWorkItem& item : scratch_) {
        if (item.op_handle >= kFirstUserOp) item.op_handle = ops_[item.op_handle];
        item.input_handle = mapped(item.input_handle);
        item.output_handle = mapped(item.output_handle);
      }
      items = scratch_;
    }
    // What stopped a part that was accepted stops the next part, too, and is told then.
    const auto submit_some = [&](Deadline soon) -> Result<runtime::Session::SubmitMany> {
      auto accepted = session_.submit_many(items, soon, queue, flags);
      if (accepted.accepted != 0) return accepted;
      if (accepted.stopped_by) return tl::unexpected<Error>(std::move(*accepted.stopped_by));
      return fail(Errc::internal, "the session accepted no item and gave no reason");
    };
    while (!items.empty()) {
      VYRE_ASSIGN(const auto accepted, runtime::in_slices(deadline_, stopped_, submit_some));
      runs_.push_back({accepted.first, accepted.accepted});
      items = items.subspan(accepted.accepted);
    }
    return {};
  }

  Result<std::vector<NotDone>> settle(bool details) override {
    VYRE_ASSIGN(const auto drained, runtime::in_slices(deadline_, stopped_, [this](Deadline soon) {
                  return session_.wait_all(soon);
                }));
    std::vector<NotDone> found;
    // The count is of the whole session, so an unchanged count spares asking for each item.
    if (details && drained.not_done != not_done_before_) {
      std::uint64_t index = 0;
      for (const Run& run : runs_) {
        for (std::uint64_t i = 0; i < run.count; ++i, ++index) {
          VYRE_ASSIGN(const auto result,
                      session_.wait({run.first.queue, run.first.position + i}, deadline_));
          if (result.status != CompletionStatus::done)
            found.push_back({index, result.status, result.fault});
        }
      }
    }
    not_done_before_ = drained.not_done;
    runs_.clear();
    return found;
  }

  Result<Bytes> read(std::uint32_t handle) override {
    return session_.download({mapped(handle)}, deadline_, stopped_);
  }

  Result<report::Document> finish() override {
    VYRE_TRY(session_.close());
    return session_.report();
  }
  Result<std::string> timeline() const override { return session_.timeline(); }

 private:
  struct Run {
    runtime::Ticket first;
    std::uint64_t count{0};
  };

  void add(std::uint32_t handle, runtime::Handle made) {
    handles_[handle] = made.id;
    same_ = same_ && handle == made.id;
  }
  /// Handles that the trace names exist: TraceState checked it. 0 stays none.
  [[nodiscard]] std::uint32_t mapped(std::uint32_t handle) const {
    if (handle == 0) return 0;
    const auto found = handles_.find(handle);
    return found == handles_.end() ? 0 : found->second;
  }

  runtime::Session session_;
  Executor executor_;
  Deadline deadline_;
  std::uint64_t file_budget_;
  bool (*stopped_)();
  std::uint64_t loaded_files_{0};                            // bytes, at most file_budget_
  std::unordered_map<std::uint32_t, std::uint64_t> loaded_;  // files by handle: bytes
  std::unordered_set<std::uint32_t> mapped_;                 // files by handle
  std::unordered_map<std::uint32_t, std::uint32_t> handles_;
  std::unordered_map<std::uint32_t, std::uint32_t> ops_;
  bool same_{true};  // every handle and op so far has the number it had in the recording
  std::vector<MegakernelWorkItem> scratch_;
  std::vector<Run> runs_;  // since the last settle()
  std::uint64_t not_done_before_{0};
};

}  // namespace

Result<std::unique_ptr<Target>> open_target(const TargetOptions& options) {
  if (options.executor == Executor::reference)
    return make_reference_target(options.session.fuel, options.deadline, options.file_budget_bytes,
                                 options.stopped, options.watch);
  runtime::SessionOptions session = options.session;
  session.backend =
      on_device(options.executor) ? runtime::BackendKind::cuda : runtime::BackendKind::cpu;
  session.jit = options.executor == Executor::jit ? backend::Jit::force : backend::Jit::off;
  session.workers = options.workers;
  session.memory_budget_bytes = 0;  // what the recording refused is not in the trace; the budget of
                                    // the replay is checked before
  VYRE_ASSIGN(auto opened, runtime::Session::open(session));
  return std::make_unique<SessionTarget>(std::move(opened), options);
}

}  // namespace vyre::trace

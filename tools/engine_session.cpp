// Items on a session: buffers of their own, one submission each, any number in flight.
#include <algorithm>
#include <deque>

#include "run_engine.hpp"
#include "shell.hpp"
#include "vyre/protocol/fault_names.hpp"
#include "vyre/protocol/limits.hpp"
#include "vyre/runtime/session.hpp"
#include "vyre/trace/trace.hpp"

namespace vyre::cli {
namespace {

using runtime::Handle;

/// One item: its ticket, what to read back and what to free.
struct Running {
  runtime::Ticket ticket;
  std::vector<Handle> returned;  // in declaration order
  std::vector<std::optional<vir::ByteRange>> ranges;
  std::vector<Handle> sets;  // binding sets go before the buffers in them
  std::vector<Handle> read;
  std::vector<Handle> written;  // read-write and output buffers
};

/// Items in flight: half a ring, so that submitting never has to wait for the ring itself, and half
/// the files that may be mapped, so that late items and the rest of the process have room.
constexpr std::size_t kMaxItemFiles{kMaxMappedFiles / 2};

class SessionEngine : public Engine {
 public:
  SessionEngine(const RunPlan& plan, const RunOptions& options, runtime::Session session)
      : plan_(plan), options_(options), session_(std::move(session)) {}

  Status prepare() {
    if (!options_.trace_directory.empty()) {
      trace::RecordOptions how;
      how.session = session_.options();
      VYRE_ASSIGN(recorder_, trace::Recorder::create(options_.trace_directory, how));
      VYRE_TRY(session_.observe(recorder_));
    }
    VYRE_ASSIGN(op_, session_.register_program(options_.program, plan_.program));
    shared_.resize(plan_.sources.size());
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      const BufferSource& source = plan_.sources[i];
      if (source.kind == SourceKind::bound && source.buffer_class == vir::BufferClass::read) {
        VYRE_ASSIGN(shared_[i], session_.upload(source.bound));
      }
    }
    return {};
  }

  Status start(ItemInput input, const std::vector<std::uint64_t>& buffer_bytes) override {
    Running running;
    const runtime::Deadline until = deadline();
    Status started = try_start(input, buffer_bytes, running, until);
    if (started) {
      running_.push_back(std::move(running));
    } else {
      free(running, true, until);
    }
    return started;
  }

  Result<std::vector<Bytes>> finish_oldest() override {
    Running running = std::move(running_.front());
    running_.pop_front();
    // One deadline for all of an item: what was late is not waited for a second time.
    const runtime::Deadline until = deadline();
    Result<std::vector<Bytes>> outcome = outcome_of(running, until);
    // A recording keeps what items wrote until it has stored it.
    free(running, recorder_ == nullptr, until);
    return outcome;
  }

  std::size_t max_in_flight() const override {
    return std::clamp<std::size_t>(session_.options().ring_slots / 2, 1, kMaxItemFiles);
  }
  std::string_view executor() const override { return session_.backend_name(); }

  Result<report::Document> end() override {
    Status recorded;
    if (recorder_ != nullptr) {
      recorded = recorder_->status();
      if (recorded) recorded = recorder_->finish(session_, deadline());
      if (!recorded && late_items_ != 0 && recorded.error().code == Errc::invalid_argument) {
        recorded = fail(Errc::cancelled,
                        "the trace is left unsealed, because " + std::to_string(late_items_) +
                            " items did not end within --timeout; it replays up to its last "
                            "complete record. Record anew with a larger --timeout");
      }
    }
    const Status closed = session_.close();
    report::Document document = session_.report();
    VYRE_TRY(recorded);
    VYRE_TRY(closed);
    return document;
  }

 private:
  [[nodiscard]] runtime::Deadline deadline() const {
    return runtime::after(
        std::chrono::nanoseconds(static_cast<std::int64_t>(options_.timeout_s * 1e9)));
  }

  Status try_start(ItemInput& input, const std::vector<std::uint64_t>& buffer_bytes,
                   Running& running, runtime::Deadline until) {
    std::vector<Handle> inputs;
    std::vector<Handle> outputs;
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      const BufferSource& source = plan_.sources[i];
      if (source.buffer_class == vir::BufferClass::workgroup) continue;
      VYRE_ASSIGN(const Handle handle, buffer(i, input, buffer_bytes[i]));
      const bool returned = vir::is_returned(source.buffer_class);
      if (returned) {
        running.returned.push_back(handle);
        running.ranges.push_back(plan_.program.buffers[i].output_byte_range);
        running.written.push_back(handle);
      } else if (shared_[i].id == 0) {
        running.read.push_back(handle);
      }
      (vir::takes_input(source.buffer_class) ? inputs : outputs).push_back(handle);
    }
    MegakernelWorkItem item{};
    item.op_handle = op_.id;
    VYRE_ASSIGN(item.input_handle, one_handle(inputs, running));
    VYRE_ASSIGN(item.output_handle, one_handle(outputs, running));
    item.param = options_.invocations;
    VYRE_ASSIGN(running.ticket, session_.submit(item, until));
    return {};
  }

  Result<Handle> buffer(std::size_t index, ItemInput& input, std::uint64_t bytes) {
    const BufferSource& source = plan_.sources[index];
    if (shared_[index].id != 0) return shared_[index];
    if (source.kind == SourceKind::bound) return session_.upload(source.bound);
    if (source.kind != SourceKind::item) return session_.allocate(bytes);
    if (input.mapped) return session_.map_file(input.path);
    Result<Handle> uploaded = session_.upload(input.bytes);
    input.bytes = {};
    return uploaded;
  }

  Result<std::uint32_t> one_handle(const std::vector<Handle>& buffers, Running& running) {
    if (buffers.empty()) return 0;
    if (buffers.size() == 1) return buffers[0].id;
    VYRE_ASSIGN(const Handle set, session_.bind(buffers));
    running.sets.push_back(set);
    return set.id;
  }

  Result<std::vector<Bytes>> outcome_of(const Running& running, runtime::Deadline until) {
    const auto waited = session_.wait(running.ticket, until);
    if (!waited) {
      late_items_ += waited.error().code == Errc::deadline_exceeded;
      return tl::unexpected<Error>(waited.error());
    }
    const runtime::ItemResult result = *waited;
    if (result.status != CompletionStatus::done) {
      const bool faulted = result.status == CompletionStatus::faulted;
      std::string text(fault_name(result.fault.code));
      if (faulted) {
        text += " at workgroup " + std::to_string(result.fault.workgroup) + ", lane " +
                std::to_string(result.fault.lane) + ", statement " +
                std::to_string(result.fault.statement);
      }
      return fail(faulted ? Errc::faulted : Errc::cancelled, text);
    }
    std::vector<Bytes> outputs;
    for (std::size_t i = 0; i < running.returned.size(); ++i) {
      VYRE_ASSIGN(Bytes bytes, session_.download(running.returned[i], until));
      const auto& range = running.ranges[i];
      if (range && range->start <= range->end && range->end <= bytes.size()) {
        bytes.resize(range->end);
        bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(range->start));
      }
      outputs.push_back(std::move(bytes));
    }
    return outputs;
  }

  /// What an item that is late still holds is tried again without waiting, and goes with the
  /// session at last; it is not worth failing an item that has its result.
  void free(const Running& running, bool written, runtime::Deadline until) {
    std::vector<Handle> late;
    const auto release = [&](const std::vector<Handle>& handles, runtime::Deadline by) {
      for (const Handle handle : handles) {
        const Status released = session_.release(handle, by);
        if (!released && released.error().code != Errc::not_found) late.push_back(handle);
      }
    };
    release(late_, runtime::Clock::now());
    release(running.sets, until);
    release(running.read, until);
    if (written) release(running.written, until);
    late_ = std::move(late);
  }

  const RunPlan& plan_;
  const RunOptions& options_;
  runtime::Session session_;
  std::shared_ptr<trace::Recorder> recorder_;
  runtime::OpHandle op_;
  std::vector<Handle> shared_;  // by declaration index; 0: every item has its own
  std::deque<Running> running_;
  std::uint64_t late_items_{0};  // not ended when their time was up
  std::vector<Handle> late_;     // sets before the buffers in them
};

}  // namespace

Result<std::unique_ptr<Engine>> make_session_engine(const RunPlan& plan,
                                                    const RunOptions& options) {
  runtime::SessionOptions session_options;
  if (options.executor == "cpu") session_options.backend = runtime::BackendKind::cpu;
  if (options.executor == "cuda") session_options.backend = runtime::BackendKind::cuda;
  session_options.workers = options.workers;
  if (options.fuel != 0) session_options.fuel = options.fuel;
  VYRE_ASSIGN(runtime::Session session, runtime::Session::open(session_options));
  auto engine = std::make_unique<SessionEngine>(plan, options, std::move(session));
  VYRE_TRY(engine->prepare());
  return engine;
}

}  // namespace vyre::cli

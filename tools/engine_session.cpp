// Items on a session: files that stream through its ingest memory, and items with buffers of their
// own, one submission each, any number in flight. Which of the two is decided once a run
// (stream_limit()) and then by the size of each file.
#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/message.hpp"
#include "chunk_stream.hpp"
#include "platform/stop.hpp"
#include "protocol/io_request.hpp"
#include "protocol/limits.hpp"
#include "run_engine.hpp"
#include "runtime/plan.hpp"
#include "runtime/session.hpp"
#include "runtime/slices.hpp"
#include "shell.hpp"
#include "trace/trace.hpp"

namespace vyre::cli {
namespace {

using runtime::Handle;

/// One item: its ticket, what to read back and what to free.
struct Running {
  runtime::Ticket ticket;
  std::optional<Error> refused{};                // why the item has no ticket
  std::vector<Handle> returned;                  // in declaration order
  std::vector<const vir::BufferDecl*> declared;  // what they are
  std::vector<Handle> sets;                      // binding sets go before the buffers in them
  std::vector<Handle> read;
  std::vector<Handle> written;  // read-write and output buffers
};

/// Files that items in flight have mapped: a quarter of what may be, by this process's table and by
/// its limit of descriptors. Each holds two of those, and late items and everybody else need some.
std::size_t most_item_files() {
  rlimit open_files{};
  rlim_t most = kMaxMappedFiles;
  if (getrlimit(RLIMIT_NOFILE, &open_files) == 0) most = std::min(most, open_files.rlim_cur);
  return static_cast<std::size_t>(std::max<rlim_t>(most / 4, 1));
}

/// Items of one plan: enough for a region of the largest size.
constexpr std::size_t kPlanItems{kMaxRegionMembers};

/// For items in flight to end by themselves, once a stop was asked for.
constexpr std::chrono::milliseconds kStopPatience{500};
/// For items in flight when the session closes: each was waited for already.
constexpr std::chrono::milliseconds kCloseTimeout{500};

/// A file of at most this part of ingest memory streams whole: enough of them are read at once to
/// keep storage busy. Larger ones are mapped.
constexpr std::uint64_t kStreamShare{64};

/// Outputs of one item are at most this part of what streams have, where results may pass through
/// it: so that several are under way.
constexpr std::uint64_t kOutputShare{8};

class SessionEngine : public Engine {
 public:
  SessionEngine(const RunPlan& plan, const RunOptions& options, runtime::Session session)
      : plan_(plan), options_(options), session_(std::move(session)) {}

  Status prepare(Deadline ready_by) {
    VYRE_ASSIGN(op_, session_.register_program(options_.program, plan_.program, ready_by));
    shared_.resize(plan_.sources.size());
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      const BufferSource& source = plan_.sources[i];
      if (source.kind == SourceKind::bound && source.buffer_class == vir::BufferRole::read) {
        VYRE_ASSIGN(shared_[i], upload(source.bound));
      }
    }
    VYRE_TRY(plan_stream());
    // Last, so that what is refused before leaves no trace behind; it is told of what there is.
    if (!options_.trace_directory.empty()) {
      trace::RecordOptions how;
      how.session = session_.options();
      VYRE_ASSIGN(recorder_, trace::Recorder::create(options_.trace_directory, how));
      VYRE_TRY(session_.observe(recorder_));
    }
    return {};
  }

  std::uint64_t stream_limit() const override { return stream_limit_; }

  Status stream(FileSource files) override {
    StreamPlan common;
    common.chunk_bytes = options_.chunk_bytes != 0 ? options_.chunk_bytes : stream_limit_;
    common.overlap_bytes = options_.overlap_bytes;
    common.invocations = options_.invocations;
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      const vir::BufferRole buffer_class = plan_.sources[i].buffer_class;
      if (vir::takes_input(buffer_class)) common.inputs.push_back(shared_[i]);
      if (!vir::is_returned(buffer_class)) continue;
      common.outputs.push_back({plan_.sources[i].required_bytes, {}});
      common.returned.push_back(&plan_.program.buffers[i]);
    }
    // What chunks hold beside ingest memory: half of what other items may.
    common.max_in_flight = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
        options_.max_memory_bytes / 2 / std::max<std::uint64_t>(output_bytes(), 1), 1,
        kMaxStreamItems));
    VYRE_ASSIGN(stream_, ChunkStream::open(session_, op_, std::move(common), std::move(files)));
    return {};
  }

  Result<StreamedItem> next_streamed(std::uint64_t file, std::uint64_t chunk) override {
    auto item = runtime::in_slices(deadline(), platform::stop_asked, [&](Deadline until) {
      return stream_->wait_for(file, chunk, until);
    });
    late_items_ += !item && item.error().code == Errc::deadline_exceeded;
    return item;
  }

  Status start(ItemInput input, const std::vector<std::uint64_t>& buffer_bytes) override {
    Running running;
    const Deadline until = deadline();
    Status started = try_start(input, buffer_bytes, running, until);
    if (started) {
      running_.push_back(std::move(running));
      if (planned_.size() == kPlanItems) submit_planned();
    } else {
      free(running, true, until);
    }
    return started;
  }

  Result<std::vector<Bytes>> finish_oldest() override {
    if (running_.size() == planned_.size()) submit_planned();
    Running running = std::move(running_.front());
    running_.pop_front();
    // One deadline for all of an item: what was late is not waited for a second time.
    const Deadline until = deadline();
    Result<std::vector<Bytes>> outcome = outcome_of(running, until);
    // A recording keeps what items wrote until it has stored it.
    free(running, recorder_ == nullptr, until);
    return outcome;
  }

  /// Half a ring, so that submitting never has to wait for the ring itself.
  std::size_t max_in_flight() const override {
    return std::clamp<std::size_t>(session_.options().ring_slots / 2, 1, item_files_);
  }
  FileWay file_way() const override {
    const auto item_class = plan_.sources[plan_.item_buffer].buffer_class;
    // A mapped file is read as the system sees fit, so a tier that was asked for means loading.
    if (item_class == vir::BufferRole::read && options_.tier == "auto") return FileWay::map;
    return session_.options().ingest_bytes != 0 ? FileWay::load : FileWay::read;
  }
  std::string plans() const override {
    if (plans_ <= 1) return first_plan_;
    return message("{}\nand {} more plans", first_plan_, plans_ - 1);
  }
  std::string_view executor() const override { return session_.backend_name(); }

  Status end(report::Document& document) override {
    stream_.reset();
    const Status recorded = end_recording();
    const Status closed = session_.close();
    document = session_.report();
    return recorded ? closed : recorded;
  }

 private:
  [[nodiscard]] Deadline deadline() const {
    return after(std::chrono::nanoseconds(static_cast<std::int64_t>(options_.timeout_s * 1e9)));
  }

  Status end_recording() {
    if (recorder_ == nullptr) return {};
    VYRE_TRY(recorder_->status());
    if (platform::stop_signal() != 0) {
      (void)session_.wait_all(after(kStopPatience));
      return recorder_->cut_short(session_);
    }
    Status recorded = recorder_->finish(session_, deadline());
    if (!recorded && late_items_ != 0 && recorded.error().code == Errc::invalid_argument) {
      recorded = fail(
          Errc::cancelled,
          message("the trace is left unsealed, because {} items did not end within --timeout; it "
                  "replays up to its last complete record. Record anew with a larger --timeout",
                  late_items_));
    }
    return recorded;
  }

  [[nodiscard]] std::uint64_t output_bytes() const {
    std::uint64_t sum = 0;
    for (const BufferSource& source : plan_.sources) {
      if (!vir::is_returned(source.buffer_class)) continue;
      if (__builtin_add_overflow(sum, source.required_bytes, &sum)) return ~std::uint64_t{0};
    }
    return sum;
  }

  /// Whether files stream, and what their items share then.
  Status plan_stream() {
    const std::uint64_t ingest_bytes = session_.options().ingest_bytes;
    if (options_.plan) return {};  // every item has buffers of its own
    if (ingest_bytes == 0 || plan_.item_buffer == vir::kNone) return {};
    const std::uint64_t least = plan_.sources[plan_.item_buffer].required_bytes;
    const bool chunked = options_.chunk_bytes != 0;
    // The last chunk of a file may be too short for a program that declares how much it needs: an
    // error of that item, not a fault.
    const bool outputs_fit =
        output_bytes() <= (ingest_bytes - IngestLayout::kStreams) / kOutputShare;
    if (!plan_.items_share_inputs() || !outputs_fit || (chunked && least != 0)) {
      if (!chunked || options_.tier == "auto") return {};
      return fail(
          Errc::invalid_argument,
          message("--tier {} with --chunk is for programs whose chunks stream; {}", options_.tier,
                  (outputs_fit ? "the buffers of this one depend on each chunk or are written "
                                 "in place: leave --tier or --chunk away"
                               : "the outputs of this one are too large for --ingest-memory")));
    }
    const auto bytes = plan_.buffer_bytes(least);
    if (!bytes) return {};  // every item says so
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      if (plan_.sources[i].kind != SourceKind::zeros) continue;
      VYRE_ASSIGN(shared_[i], session_.allocate((*bytes)[i]));
    }
    stream_limit_ =
        options_.chunk_bytes != 0
            ? ~std::uint64_t{0}
            : std::min(ingest_bytes / kStreamShare / kIoBlock * kIoBlock, kMaxChunkBytes);
    return {};
  }

  Status try_start(ItemInput& input, const std::vector<std::uint64_t>& buffer_bytes,
                   Running& running, Deadline until) {
    std::vector<Handle> inputs;
    std::vector<Handle> outputs;
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      const BufferSource& source = plan_.sources[i];
      if (source.buffer_class == vir::BufferRole::workgroup) continue;
      VYRE_ASSIGN(const Handle handle, buffer(i, input, buffer_bytes[i]));
      const bool returned = vir::is_returned(source.buffer_class);
      if (returned) {
        running.returned.push_back(handle);
        running.declared.push_back(&plan_.program.buffers[i]);
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
    if (options_.plan) {
      planned_.push_back(item);
      return {};
    }
    VYRE_ASSIGN(running.ticket, runtime::in_slices(until, platform::stop_asked, [&](Deadline soon) {
                  return session_.submit(item, soon);
                }));
    return {};
  }

  /// The last items that were started, as one plan: each gets its ticket, or why it has none.
  void submit_planned() {
    if (planned_.empty()) return;
    const auto plan = session_.plan(planned_, {});
    std::optional<Error> refused;
    std::vector<runtime::Ticket> tickets(planned_.size());
    if (plan) {
      if (plans_++ == 0) first_plan_ = plan->describe();
      while (first_plan_.ends_with('\n')) first_plan_.pop_back();
      auto run = session_.submit(*plan, deadline());
      if (run) {
        tickets = std::move(run->tickets);
        refused = std::move(run->stopped_by);
      } else {
        refused = std::move(run).error();
      }
    } else {
      refused = plan.error();
    }
    for (std::size_t i = 0; i < tickets.size(); ++i) {
      Running& running = running_[running_.size() - tickets.size() + i];
      running.ticket = tickets[i];
      if (tickets[i].session == 0) running.refused = refused;
    }
    planned_.clear();
  }

  Result<Handle> buffer(std::size_t index, ItemInput& input, std::uint64_t bytes) {
    const BufferSource& source = plan_.sources[index];
    if (shared_[index].id != 0) return shared_[index];
    if (source.kind == SourceKind::bound) return upload(source.bound);
    if (source.kind != SourceKind::item) return session_.allocate(bytes);
    if (input.in_file) {
      return file_way() == FileWay::map
                 ? session_.map_file(input.path)
                 : session_.load_file(input.path, deadline(), platform::stop_asked);
    }
    Result<Handle> uploaded = upload(input.bytes);
    input.bytes = {};
    return uploaded;
  }

  Result<Handle> upload(ByteSpan bytes) {
    return session_.upload(bytes, Deadline::max(), platform::stop_asked);
  }

  Result<std::uint32_t> one_handle(const std::vector<Handle>& buffers, Running& running) {
    if (buffers.empty()) return 0;
    if (buffers.size() == 1) return buffers[0].id;
    VYRE_ASSIGN(const Handle set, session_.bind(buffers));
    running.sets.push_back(set);
    return set.id;
  }

  Result<std::vector<Bytes>> outcome_of(const Running& running, Deadline until) {
    if (running.refused) return tl::unexpected<Error>(*running.refused);
    const auto waited = runtime::in_slices(until, platform::stop_asked, [&](Deadline soon) {
      return session_.wait(running.ticket, soon);
    });
    if (!waited) {
      late_items_ += waited.error().code == Errc::deadline_exceeded;
      return tl::unexpected<Error>(waited.error());
    }
    const runtime::ItemResult result = *waited;
    if (result.status != CompletionStatus::done) {
      return tl::unexpected<Error>(error_of(result.status, result.fault));
    }
    std::vector<Bytes> outputs;
    for (std::size_t i = 0; i < running.returned.size(); ++i) {
      VYRE_ASSIGN(Bytes bytes, session_.download(running.returned[i], until, platform::stop_asked));
      const vir::ByteRange range = vir::returned_range(*running.declared[i], bytes.size());
      bytes.resize(range.end);
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(range.start));
      outputs.push_back(std::move(bytes));
    }
    return outputs;
  }

  /// What an item that is late still holds is tried again without waiting, and goes with the
  /// session at last; it is not worth failing an item that has its result.
  void free(const Running& running, bool written, Deadline until) {
    std::vector<Handle> late;
    const auto release = [&](const std::vector<Handle>& handles, Deadline by) {
      for (const Handle handle : handles) {
        const Status released = session_.release(handle, by);
        if (!released && released.error().code != Errc::not_found) late.push_back(handle);
      }
    };
    if (platform::stop_signal() != 0) until = Clock::now();  // goes with the session
    release(late_, Clock::now());
    release(running.sets, until);
    release(running.read, until);
    if (written) release(running.written, until);
    late_ = std::move(late);
  }

  const RunPlan& plan_;
  const RunOptions& options_;
  const std::size_t item_files_{most_item_files()};
  runtime::Session session_;
  std::shared_ptr<trace::Recorder> recorder_;
  runtime::OpHandle op_;
  std::vector<Handle> shared_;  // by declaration index; 0: every item has its own
  std::uint64_t stream_limit_{0};
  std::optional<ChunkStream> stream_;
  std::deque<Running> running_;
  std::vector<MegakernelWorkItem> planned_;  // of the last of these, which are not submitted yet
  std::uint64_t plans_{0};
  std::string first_plan_;       // what it said of itself
  std::uint64_t late_items_{0};  // not ended when their time was up
  std::vector<Handle> late_;     // sets before the buffers in them
};

/// One of the names that --tier takes.
ingest::TierChoice tier_of(const std::string& name) {
  using ingest::TierChoice;
  constexpr TierChoice kForced[]{TierChoice::direct_fixed, TierChoice::direct, TierChoice::buffered,
                                 TierChoice::gpudirect, TierChoice::thread_pool};
  return name == "auto" ? TierChoice::automatic : kForced[name[0] - 'A'];
}

}  // namespace

Status Engine::stream(FileSource) {
  return fail(Errc::internal, "this executor does not stream");
}

Result<StreamedItem> Engine::next_streamed(std::uint64_t, std::uint64_t) {
  return fail(Errc::internal, "this executor does not stream");
}

Result<std::unique_ptr<Engine>> make_session_engine(const RunPlan& plan, const RunOptions& options,
                                                    Deadline ready_by) {
  runtime::SessionOptions session_options;
  if (options.executor == "cpu") session_options.backend = runtime::BackendKind::cpu;
  if (options.executor == "cuda") session_options.backend = runtime::BackendKind::cuda;
  session_options.workers = options.workers;
  session_options.close_timeout = kCloseTimeout;
  if (options.fuel != 0) session_options.fuel = options.fuel;
  if (options.ingest_bytes) session_options.ingest_bytes = *options.ingest_bytes;
  session_options.ingest_tier = tier_of(options.tier);
  VYRE_ASSIGN(runtime::Session session, runtime::Session::open(session_options));
  auto engine = std::make_unique<SessionEngine>(plan, options, std::move(session));
  VYRE_TRY(engine->prepare(ready_by));
  return engine;
}

}  // namespace vyre::cli

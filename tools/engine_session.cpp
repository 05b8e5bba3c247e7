// Items on a session: files that stream through its ingest memory, and items with buffers of their
// own, one submission each, any number in flight. Which of the two is decided once a run
// (stream_limit()) and then by the size of each file.
#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "base/message.hpp"
#include "chunk_stream.hpp"
#include "flag_checks.hpp"
#include "platform/stop.hpp"
#include "run_engine.hpp"
#include "shell.hpp"

namespace vyre::cli {
namespace {

/// One item: its ticket, what to read back and what goes with it.
struct Running {
  v0::Ticket ticket;
  std::optional<Error> refused{};                  // why the item has no ticket
  std::vector<v0::Buffer> sets;                    // binding sets go before the buffers in them
  std::vector<v0::Buffer> read;                    // buffers of its own that it only reads
  std::vector<v0::Buffer> returned;                // in declaration order
  std::vector<const v0::ProgramBuffer*> declared;  // what they are
};

/// Files that items in flight have mapped: a quarter of what may be, by this process's table and by
/// its limit of descriptors. Each holds two of those, and late items and everybody else need some.
std::size_t most_item_files() {
  rlimit open_files{};
  rlim_t most = limit("max_mapped_files");
  if (getrlimit(RLIMIT_NOFILE, &open_files) == 0) most = std::min(most, open_files.rlim_cur);
  return static_cast<std::size_t>(std::max<rlim_t>(most / 4, 1));
}

/// For items in flight to end by themselves, once a stop was asked for.
constexpr std::chrono::milliseconds kStopPatience{500};
/// For items in flight when the session closes: each was waited for already.
constexpr std::chrono::milliseconds kCloseTimeout{500};

/// Of the session's ring and of the memory that files stream through, if no flag says.
constexpr std::uint32_t kRingSlots{4'096};
constexpr std::uint64_t kIngestBytes{std::uint64_t{64} << 20};
/// So much of ingest memory, or less, holds what the session reads by for itself.
constexpr std::uint64_t kIngestHead{std::uint64_t{5} << 20};
/// Files are read in blocks.
constexpr std::uint64_t kBlockBytes{4'096};

/// A file of at most this part of ingest memory streams whole: enough of them are read at once to
/// keep storage busy. Larger ones are mapped.
constexpr std::uint64_t kStreamShare{64};

/// Outputs of one item are at most this part of what streams have, where results may pass through
/// it: so that several are under way.
constexpr std::uint64_t kOutputShare{8};

class SessionEngine : public Engine {
 public:
  SessionEngine(const RunPlan& plan, const RunOptions& options, v0::Session session,
                std::string executor)
      : plan_(plan),
        options_(options),
        ingest_bytes_(options.ingest_bytes.value_or(kIngestBytes)),
        executor_(std::move(executor)),
        session_(std::move(session)) {}

  Status prepare(Deadline ready_by) {
    VYRE_ASSIGN(op_, op(ready_by));
    shared_.resize(plan_.sources.size());
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      const BufferSource& source = plan_.sources[i];
      if (source.kind == SourceKind::bound && plan_.buffers[i].role == v0::Role::read) {
        VYRE_ASSIGN(shared_[i], share(source.bound));
      }
    }
    VYRE_TRY(plan_stream());
    // Last, so that what is refused before leaves no trace behind; it is told of what there is.
    if (!options_.trace_directory.empty()) {
      VYRE_ASSIGN(recorder_, taken(session_.record(options_.trace_directory)));
    }
    return {};
  }

  std::uint64_t stream_limit() const override { return stream_limit_; }

  Status stream(FileSource files) override {
    v0::StreamOptions how;
    std::vector<const v0::ProgramBuffer*> returned;
    how.chunk_bytes = options_.chunk_bytes != 0 ? options_.chunk_bytes : stream_limit_;
    how.overlap_bytes = options_.overlap_bytes;
    how.param = plan_.param;
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      const v0::ProgramBuffer& buffer = plan_.buffers[i];
      if (buffer.takes_bytes())
        how.inputs.push_back(shared_[i] ? shared_[i]->ref() : v0::BufferRef{});
      if (!buffer.is_result()) continue;
      how.outputs.push_back({buffer.least_bytes, {}});
      returned.push_back(&buffer);
    }
    // What chunks hold beside ingest memory: half of what other items may.
    how.max_in_flight = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
        options_.max_memory_bytes / 2 / std::max<std::uint64_t>(output_bytes(), 1), 1,
        limit("max_stream_items")));
    VYRE_ASSIGN(stream_, ChunkStream::open(session_.main(), op_, how, plan_.target.program,
                                           std::move(returned), std::move(files)));
    return {};
  }

  Result<StreamedItem> next_streamed(std::uint64_t file, std::uint64_t chunk) override {
    auto item = stream_->wait_for(file, chunk, left_until(deadline()));
    late_items_ += !item && item.error().code == Errc::deadline_exceeded;
    return item;
  }

  Status start(ItemInput input, const std::vector<std::uint64_t>& buffer_bytes) override {
    Running running;
    Status started = try_start(input, buffer_bytes, running, deadline());
    if (!started) {
      let_go(running, true);
      return started;
    }
    running_.push_back(std::move(running));
    if (planned_.size() == plan_items_) submit_planned();
    return {};
  }

  Result<std::vector<Bytes>> finish_oldest() override {
    if (running_.size() == planned_.size()) submit_planned();
    Running running = std::move(running_.front());
    running_.pop_front();
    Result<std::vector<Bytes>> outcome = outcome_of(running);
    // A recording keeps what items wrote until it has stored it.
    let_go(running, !recorder_);
    return outcome;
  }

  /// Half a ring, so that submitting never has to wait for the ring itself.
  std::size_t max_in_flight() const override {
    return std::clamp<std::size_t>(kRingSlots / 2, 1, item_files_);
  }
  FileWay file_way() const override {
    // A mapped file is read as the system sees fit, so a tier that was asked for means loading.
    if (plan_.buffers[plan_.item_buffer].role == v0::Role::read && options_.tier == "auto")
      return FileWay::map;
    return ingest_bytes_ != 0 ? FileWay::load : FileWay::read;
  }
  std::string plans() const override {
    if (plans_ <= 1) return first_plan_;
    return message("{}\nand {} more plans", first_plan_, plans_ - 1);
  }
  std::string_view executor() const override { return executor_; }

  void end_soon() override { end_by_ = after(kStopPatience); }

  Status end() override {
    const v0::InterruptBy nothing(nullptr);  // a stop is why it ends
    stream_.reset();
    Status recorded = end_recording();
    const auto closed = taken(session_.close());
    if (recorded && !closed) return tl::unexpected<Error>(closed.error());
    return recorded;
  }
  Result<v0::Blob> report(const v0::ReportOptions& options) const override {
    return taken(session_.report_json(options));
  }
  Result<v0::Blob> timeline() const override { return taken(session_.timeline_json()); }

 private:
  /// Of an item that is waited for from now on. One for all of it: what was late is not waited for
  /// a second time.
  [[nodiscard]] Deadline deadline() const {
    return std::min(
        end_by_,
        after(std::chrono::nanoseconds(static_cast<std::int64_t>(options_.timeout_s * 1e9))));
  }

  Result<v0::Op> op(Deadline ready_by) {
    if (plan_.target.builtin != nullptr) return taken(session_.find(plan_.target.builtin_name()));
    return taken(session_.add(options_.program, *plan_.target.program,
                              v0::OpOptions{options_.rules}, left_until(ready_by)));
  }

  /// Bytes that all items read. A built-in op may know a faster way for those that never change.
  Result<v0::Buffer> share(ByteSpan bytes) {
    if (plan_.target.builtin == nullptr) return upload(bytes);
    return taken(session_.main().upload_cached(bytes, v0::Timeout::forever()));
  }

  /// Few numbers come again and again: 0 of the first chunk, and what chunks share.
  Result<v0::BufferRef> seen(std::uint64_t seen, std::size_t bytes) {
    constexpr std::size_t kMostNumbers{64};
    auto found = seen_.find({seen, bytes});
    if (found == seen_.end()) {
      if (seen_.size() == kMostNumbers) seen_.clear();  // items in flight keep theirs
      VYRE_ASSIGN(v0::Buffer made, upload(seen_number(seen, bytes)));
      found = seen_.emplace(std::pair(seen, bytes), std::move(made)).first;
    }
    return found->second.ref();
  }

  Status end_recording() {
    if (!recorder_) return {};
    if (platform::stop_signal() != 0) {
      (void)session_.wait_all(kStopPatience);
      return taken(recorder_->cut_short());
    }
    if (late_items_ != 0 && !session_.wait_all(v0::Timeout::poll())) {
      return fail(
          Errc::cancelled,
          message("the trace is left unsealed, because {} items did not end within --timeout; it "
                  "replays up to its last complete record. Record anew with a larger --timeout",
                  late_items_));
    }
    return taken(recorder_->finish(left_until(deadline())));
  }

  [[nodiscard]] std::uint64_t output_bytes() const {
    std::uint64_t sum = 0;
    for (const v0::ProgramBuffer& buffer : plan_.buffers) {
      if (!buffer.is_result()) continue;
      if (__builtin_add_overflow(sum, buffer.least_bytes, &sum)) return ~std::uint64_t{0};
    }
    return sum;
  }

  /// Whether files stream, and what their items share then.
  Status plan_stream() {
    if (options_.plan) return {};  // every item has buffers of its own
    if (ingest_bytes_ == 0 || plan_.item_buffer == kNoBuffer) return {};
    const std::uint64_t least = plan_.buffers[plan_.item_buffer].least_bytes;
    const bool chunked = options_.chunk_bytes != 0;
    // The last chunk of a file may be too short for a program that declares how much it needs: an
    // error of that item, not a fault.
    const std::uint64_t of_streams = ingest_bytes_ - std::min(ingest_bytes_, kIngestHead);
    const bool outputs_fit = output_bytes() <= of_streams / kOutputShare;
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
      if (plan_.sources[i].kind != SourceKind::zeros || plan_.buffers[i].is_result()) continue;
      VYRE_ASSIGN(shared_[i], allocate((*bytes)[i]));
    }
    stream_limit_ = options_.chunk_bytes != 0
                        ? ~std::uint64_t{0}
                        : std::min(ingest_bytes_ / kStreamShare / kBlockBytes * kBlockBytes,
                                   limit("max_chunk_bytes"));
    return {};
  }

  Status try_start(ItemInput& input, const std::vector<std::uint64_t>& buffer_bytes,
                   Running& running, Deadline until) {
    std::vector<v0::BufferRef> inputs;
    std::vector<v0::BufferRef> outputs;
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      const v0::ProgramBuffer& declared = plan_.buffers[i];
      if (declared.role == v0::Role::workgroup) continue;
      auto& list = declared.takes_bytes() ? inputs : outputs;
      if (plan_.sources[i].kind == SourceKind::seen) {
        VYRE_ASSIGN(const v0::BufferRef number,
                    seen(input.seen, static_cast<std::size_t>(buffer_bytes[i])));
        list.push_back(number);
        continue;
      }
      if (shared_[i] && !declared.is_result()) {
        list.push_back(*shared_[i]);
        continue;
      }
      VYRE_ASSIGN(v0::Buffer made, buffer(i, input, buffer_bytes[i], until));
      if (options_.lineage && plan_.sources[i].kind == SourceKind::item)
        VYRE_TRY(taken(session_.tag(made, {input.path})));
      list.push_back(made);
      if (declared.is_result()) {
        running.returned.push_back(std::move(made));
        running.declared.push_back(&declared);
      } else {
        running.read.push_back(std::move(made));
      }
    }
    v0::Item item{op_, {}, {}, plan_.param};
    VYRE_ASSIGN(item.input, one_buffer(inputs, running));
    VYRE_ASSIGN(item.output, one_buffer(outputs, running));
    if (options_.plan) {
      planned_.push_back(item);
      return {};
    }
    VYRE_ASSIGN(running.ticket, taken(session_.main().submit(item, left_until(until))));
    return {};
  }

  /// The last items that were started, as one plan: each gets its ticket, or why it has none.
  void submit_planned() {
    if (planned_.empty()) return;
    v0::PlanOptions how;
    how.lineage = options_.lineage;
    std::vector<v0::Ticket> tickets(planned_.size());
    std::optional<Error> refused;
    const auto plan = taken(session_.main().plan(planned_, how));
    if (plan) {
      if (plans_++ == 0) {
        if (auto text = plan->describe()) first_plan_ = *std::move(text);
      }
      while (first_plan_.ends_with('\n')) first_plan_.pop_back();
      const auto run = session_.main().submit(*plan, tickets, left_until(deadline()));
      if (run.stopped_by) refused = error_of(*run.stopped_by);
    } else {
      refused = plan.error();
    }
    for (std::size_t i = 0; i < tickets.size(); ++i) {
      Running& running = running_[running_.size() - tickets.size() + i];
      running.ticket = tickets[i];
      if (tickets[i] == v0::Ticket{}) running.refused = refused;
    }
    planned_.clear();
  }

  Result<v0::Buffer> buffer(std::size_t index, ItemInput& input, std::uint64_t bytes,
                            Deadline until) {
    const BufferSource& source = plan_.sources[index];
    if (source.kind == SourceKind::bound) return upload(source.bound);
    if (source.kind != SourceKind::item) return allocate(bytes);
    if (input.in_file) {
      v0::Queue& queue = session_.main();
      return taken(file_way() == FileWay::map ? queue.map_file(input.path, v0::Timeout::forever())
                                              : queue.load_file(input.path, left_until(until)));
    }
    Result<v0::Buffer> uploaded = upload(input.bytes);
    input.bytes = {};
    return uploaded;
  }

  Result<v0::Buffer> upload(ByteSpan bytes) {
    return taken(session_.main().upload(bytes, v0::Timeout::forever()));
  }
  Result<v0::Buffer> allocate(std::uint64_t bytes) {
    return taken(session_.main().allocate(bytes, v0::Timeout::forever()));
  }

  Result<v0::BufferRef> one_buffer(const std::vector<v0::BufferRef>& buffers, Running& running) {
    if (buffers.empty()) return v0::BufferRef{};
    if (buffers.size() == 1) return buffers[0];
    VYRE_ASSIGN(v0::Buffer set, taken(session_.main().bind(buffers, v0::Timeout::forever())));
    running.sets.push_back(std::move(set));
    return running.sets.back().ref();
  }

  Result<std::vector<Bytes>> outcome_of(const Running& running) {
    if (running.refused) return tl::unexpected<Error>(*running.refused);
    const Deadline until = deadline();
    const auto result = taken(session_.wait(running.ticket, left_until(until)));
    if (!result) {
      late_items_ += result.error().code == Errc::deadline_exceeded;
      return tl::unexpected<Error>(result.error());
    }
    if (!result->done()) return tl::unexpected<Error>(error_of(*result, plan_.target.program));
    std::vector<Bytes> outputs;
    try {
      for (std::size_t i = 0; i < running.returned.size(); ++i) {
        VYRE_ASSIGN(Bytes bytes, taken(running.returned[i].read<std::uint8_t>(left_until(until))));
        const ByteSpan part = running.declared[i]->result_of(bytes);
        outputs.push_back(part.size() == bytes.size() ? std::move(bytes)
                                                      : Bytes(part.begin(), part.end()));
      }
    } catch (const std::bad_alloc&) {
      return fail(Errc::out_of_memory, "the host has no memory left for a copy of its results");
    }
    return outputs;
  }

  /// Ends what an item alone has used; memory comes back when the item has ended, too.
  void let_go(Running& running, bool results) {
    running.sets.clear();
    running.read.clear();
    if (results) running.returned.clear();
    for (v0::Buffer& kept : running.returned) kept_.push_back(std::move(kept));
  }

  const RunPlan& plan_;
  const RunOptions& options_;
  const std::uint64_t ingest_bytes_;
  const std::string executor_;
  const std::size_t item_files_{most_item_files()};
  const std::size_t plan_items_{limit("max_region_members")};  // enough for the largest region
  v0::Session session_;
  std::optional<v0::Recorder> recorder_;
  v0::Op op_;
  std::vector<std::optional<v0::Buffer>> shared_;  // by declaration index; of all items
  std::map<std::pair<std::uint64_t, std::size_t>, v0::Buffer> seen_;  // numbers, by their size
  std::vector<v0::Buffer> kept_;  // until the recording has ended
  std::uint64_t stream_limit_{0};
  std::optional<ChunkStream> stream_;
  std::deque<Running> running_;
  std::vector<v0::Item> planned_;  // of the last of these, which are not submitted yet
  std::uint64_t plans_{0};
  std::string first_plan_;            // what it said of itself
  Deadline end_by_{Deadline::max()};  // of every wait
  std::uint64_t late_items_{0};       // not ended when their time was up
};

v0::SessionOptions session_options(const RunOptions& options) {
  v0::SessionOptions to;
  to.device = options.executor;
  to.queues = 1;
  to.workers = options.workers;
  to.ring_slots = kRingSlots;
  to.fuel = options.fuel;
  to.close_timeout = kCloseTimeout;
  if (options.ingest_bytes)
    to.more.emplace_back("ingest_bytes", std::to_string(*options.ingest_bytes));
  // The library writes the letters of --tier small.
  std::string tier = options.tier;
  if (tier.size() == 1) tier[0] = static_cast<char>(tier[0] - 'A' + 'a');
  to.more.emplace_back("ingest_tier", tier);
  to.more.emplace_back("jit", options.jit);
  if (!options.cache_folder.empty()) to.more.emplace_back("cache_dir", options.cache_folder);
  if (!options.timeline.empty()) to.more.push_back(kTimelineOption);
  return to;
}

}  // namespace

Result<v0::Blob> Engine::timeline() const {
  return fail(Errc::internal, "this executor keeps no timeline");
}

Status Engine::stream(FileSource) {
  return fail(Errc::internal, "this executor does not stream");
}

Result<StreamedItem> Engine::next_streamed(std::uint64_t, std::uint64_t) {
  return fail(Errc::internal, "this executor does not stream");
}

Result<std::unique_ptr<Engine>> make_session_engine(const RunPlan& plan, const RunOptions& options,
                                                    Deadline ready_by) {
  VYRE_ASSIGN(v0::Session session, taken(v0::Session::open(session_options(options))));
  VYRE_ASSIGN(std::string executor, taken(session.backend()));
  auto engine =
      std::make_unique<SessionEngine>(plan, options, std::move(session), std::move(executor));
  VYRE_TRY(engine->prepare(ready_by));
  return engine;
}

}  // namespace vyre::cli

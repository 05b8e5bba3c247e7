// Stream::State: the engine behind Session::stream(). One thread drives it, the caller of next():
// files are opened, their chunks take a lane and a piece of a slot in reading order, the pump reads
// them, each becomes an item when it has landed, what has ended becomes a result. Host only. Files:
// stream.cpp (what is asked for and whether it can be had), stream_engine.cpp (reading and
// results), stream_lane.cpp (items of a lane). Spec: docs/internals/ingest-streams.md, "Streams".
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "state.hpp"
#include "stream_memory.hpp"
#include "stream_plan.hpp"
#include "vyre/runtime/stream.hpp"

namespace vyre::runtime {

/// Where the pump leaves the ends of reads. It outlives them: the engine gives it up rather than
/// free it under a read that does not end.
class ReadEnds final : public ingest::ReadSink {
 public:
  explicit ReadEnds(queue::Waiter& waiter) : waiter_(waiter) { ended_.reserve(kMaxStreamItems); }
  void ended(const ingest::ReadResult& result) noexcept override;
  /// Swaps what has ended into `out`, which is emptied first.
  void take(std::vector<ingest::ReadResult>& out);
  [[nodiscard]] bool any() const noexcept {
    return any_.load(std::memory_order_relaxed);  // a hint: take() looks under the lock
  }

 private:
  queue::Waiter& waiter_;
  std::mutex mutex_;
  std::vector<ingest::ReadResult> ended_;  // never longer than reads under way: kMaxStreamItems
  std::atomic<bool> any_{false};
};

/// Results begin where a cache line does, so that two lanes never share one.
inline constexpr std::uint64_t kResultAlign{64};

class Stream::State {
 public:
  [[nodiscard]] static Result<std::shared_ptr<State>> make(
      const std::shared_ptr<Session::State>& session, FileSource files, OpHandle op,
      const StreamOptions& options);
  ~State();
  /// The Stream is gone: nothing more is begun, and what is under way is waited for. Copies of
  /// results may keep this object, and so the memory that they name.
  void end() noexcept;

  [[nodiscard]] Result<const StreamResult*> next(Deadline deadline);
  void cancel() noexcept;
  void skip_to(std::uint64_t file, std::uint64_t chunk) noexcept { skipped_ = {file, chunk}; }
  [[nodiscard]] StreamProgress progress() const noexcept;

 private:
  static constexpr std::uint32_t kNone32{~std::uint32_t{0}};

  /// What items of a lane are under way.
  enum class Stage : std::uint8_t { none, chunk_copy, op, result_copy, clear };
  enum class Phase : std::uint8_t { free, reading, working, done, delivered };

  /// One chunk between its read and its result, and what its items need. Made when first used.
  struct Lane {
    Handle view;         // the chunk in ingest memory
    Handle copied;       // ChunkPlace::device: a buffer of the device
    Handle copied_view;  // the chunk in it
    Handle input;        // what the item names
    Handle output;
    std::vector<Handle> own;           // own outputs, in order
    std::vector<Handle> result_views;  // on a device: of their bytes in ingest memory
    std::vector<ByteSpan> results;     // own outputs where the host sees them
    std::vector<Handle> sets;          // released first
    Bytes downloaded;                  // results of a recorded chunk on a device
    bool dirty{false};                 // outputs may hold bytes of an earlier chunk

    Phase phase{Phase::free};
    Stage stage{Stage::none};
    std::uint32_t under_way{0};  // items of the stage, submitted or about to be
    std::uint32_t file{0};       // index into files_
    std::uint32_t slot{kNone32};
    std::uint64_t offset{0};  // of the piece in ingest memory
    std::uint64_t number{0};  // in the order they were begun
    StreamChunk chunk;
    CompletionStatus status{CompletionStatus::done};
    Fault fault;
    std::optional<Error> error;
  };

  struct OpenFile {
    std::shared_ptr<const ingest::File> file;  // null once all of it was read
    std::string path;
    std::uint64_t index{0};
    std::uint64_t bytes{0};
    std::uint64_t chunks{0};
    std::uint64_t next{0};  // chunk
    std::uint32_t live{0};  // lanes that have chunks of it
    std::uint32_t reading{0};
    std::uint32_t held{kNone32};  // as they come: the lane with its error, which comes last
    bool failed{false};
    bool error_out{false};  // nothing more of it comes out
  };

  State(const std::shared_ptr<Session::State>& session, FileSource files, OpHandle op,
        const StreamOptions& options, ChunkPlan plan);

  // stream.cpp
  [[nodiscard]] Status check_inputs(const OpInfo& info);
  [[nodiscard]] Status check_outputs(const OpInfo& info);
  [[nodiscard]] Status claim_memory();

  // stream_engine.cpp
  [[nodiscard]] Result<const StreamResult*> next_result(Deadline deadline);
  void drive();
  void take_reads();
  void read_ended(const ingest::ReadResult& result);
  void start_chunks();
  /// Reads of the pump and of requests_: no more files than that are open, but current_.
  [[nodiscard]] std::uint64_t reads() const noexcept { return reads_under_way_ + requests_.size(); }
  /// False: nothing to open now.
  [[nodiscard]] bool open_next();
  [[nodiscard]] bool start_chunk();
  /// StreamOptions::max_ahead allows no other chunk yet.
  [[nodiscard]] bool far_ahead();
  [[nodiscard]] bool holds_back(const Lane& lane) const noexcept;
  void flush_reads();
  [[nodiscard]] std::uint32_t take_lane(std::uint32_t file);
  [[nodiscard]] Error short_file(const OpenFile& file, const Lane& lane, std::uint64_t got) const;
  void fail_lane(std::uint32_t lane, Error error);
  void finished(std::uint32_t lane);
  void recycle(std::uint32_t lane);
  void free_slot(Lane& lane);
  [[nodiscard]] std::uint32_t pop_result();
  [[nodiscard]] const StreamResult* deliver(std::uint32_t lane);
  void wait(Deadline deadline);
  void end_with(Error error);
  [[nodiscard]] bool stopped() const noexcept;  // no more chunks are begun
  [[nodiscard]] bool ended_with_session() const noexcept {
    return ended_by_ && ended_by_->code == Errc::closed;
  }
  [[nodiscard]] std::uint64_t in_flight() const noexcept { return live_; }

  // stream_lane.cpp
  [[nodiscard]] Status make_lane();
  [[nodiscard]] Status add_outputs(Lane& lane);
  [[nodiscard]] Status bind_lane(Lane& lane, Handle chunk);
  [[nodiscard]] Result<Handle> bind_or_single(Lane& lane, const std::vector<Handle>& handles);
  [[nodiscard]] bool lane_available();
  void clear_outputs(Lane& lane);
  /// The chunk has landed `skip` bytes into the lane's piece.
  void landed(std::uint32_t lane, std::uint32_t skip);
  [[nodiscard]] Status record_chunk(Lane& lane, ByteSpan bytes);
  [[nodiscard]] Status read_recorded(Lane& lane);
  void queue_item(std::uint32_t lane, const MegakernelWorkItem& item);
  void queue_op(std::uint32_t lane);
  void stage_ended(std::uint32_t lane);
  void submit_items();
  void look_at_items();
  void release_all(Deadline deadline);

  const std::shared_ptr<Session::State> kept_;  // the Session may go first
  Session::State& session_;
  std::weak_ptr<State> self_;
  ingest::Pump* pump_{nullptr};
  FileSource source_;
  const OpHandle op_;
  StreamOptions options_;
  const ChunkPlan plan_;
  bool builtin_{false};
  bool device_{false};       // results and chunks move by items
  bool copy_chunks_{false};  // ChunkPlace::device
  bool recorded_{false};     // an observer listens: every chunk is a buffer of its own
  std::vector<StreamOutput> outputs_;
  std::uint64_t own_bytes_{0};  // of a lane's own outputs, each rounded up
  std::uint64_t slot_bytes_{0};
  SpaceRange space_;
  std::uint64_t results_at_{0};  // offset in ingest memory of the first lane's results
  std::uint32_t most_lanes_{0};
  std::uint8_t* memory_{nullptr};  // ingest memory
  std::optional<SlotPool> slots_;
  std::unique_ptr<ReadEnds> ends_;

  std::vector<Lane> lanes_;
  std::vector<std::uint32_t> free_lanes_;
  std::vector<OpenFile> files_;
  std::vector<std::uint32_t> free_files_;
  std::uint32_t current_{kNone32};  // file whose chunks are begun
  std::uint64_t next_file_{0};
  bool exhausted_{false};                 // no more paths
  std::optional<std::string> held_path_;  // there was no descriptor for it
  const std::uint64_t most_open_;         // files
  std::uint64_t held_reads_{0};           // that were under way then: tried again once one ended

  std::vector<ingest::ReadRequest> requests_;  // to be handed to the pump
  std::vector<ingest::ReadResult> results_;    // taken from ends_
  std::uint32_t reads_under_way_{0};

  std::vector<MegakernelWorkItem> items_;  // to be submitted
  std::vector<std::uint32_t> item_lanes_;
  /// Of the first of items_, only while next() runs: a stream that is not asked holds up no other.
  PlaceInLine place_;
  struct Running {
    std::uint64_t position;
    std::uint32_t lane;
  };
  std::vector<Running> running_;
  std::uint64_t events_seen_{0};

  // Lanes in reading order, or finished ones as they came: a ring of kMaxStreamItems.
  std::vector<std::uint32_t> order_;
  std::uint64_t order_head_{0};
  std::uint64_t order_tail_{0};
  std::uint64_t live_{0};  // lanes whose result is not out
  std::uint64_t begun_{0};
  std::uint32_t oldest_{kNone32};                          // lane, as far_ahead() found it last
  std::pair<std::uint64_t, std::uint64_t> skipped_{0, 0};  // file and chunk, see skip_to()
  std::uint32_t delivered_{kNone32};
  std::uint32_t calls_{0};
  StreamResult result_;
  bool has_ended_{false};
  bool quiet_{false};  // end() found nothing under way any more
  std::optional<Error> ended_by_;
  std::atomic<bool> cancelled_{false};

  struct Counters {  // relaxed: sums, each on its own
    std::atomic<std::uint64_t> files_opened{0}, files_ended{0}, files_failed{0}, chunks_read{0},
        chunks_ended{0}, bytes_opened{0}, bytes_read{0};
  };
  Counters counters_;
};

}  // namespace vyre::runtime

// What is behind a Stream: a chunk reader, chunk items and a result order, wired to each other over
// the stream's host. The caller of next() drives them: files are read ahead as far as memory
// allows, each chunk becomes an item when it has landed, results come out in their order. Host
// only; one thread at a time, but for cancel() and progress(). Spec:
// docs/internals/ingest-streams.md.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "chunk_items.hpp"
#include "chunk_reader.hpp"
#include "result_order.hpp"
#include "runtime/forks.hpp"
#include "runtime/stream.hpp"
#include "stream_counters.hpp"
#include "stream_host.hpp"
#include "stream_shape.hpp"

namespace vyre::runtime {

class Stream::Engine final : private ChunkItems::Listener {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Engine>> make(std::unique_ptr<StreamHost> host,
                                                            FileSource files, OpHandle op,
                                                            const StreamOptions& options);
  ~Engine() override;
  /// The Stream is gone: nothing more is begun, and what is under way is waited for. Copies of
  /// results may keep this object, and so the memory that they name.
  void end() noexcept;

  [[nodiscard]] Result<const StreamResult*> next(Deadline deadline);
  void cancel() noexcept;
  void skip_to(std::uint64_t file, std::uint64_t chunk) noexcept {
    order_.pass_over({file, chunk});
  }
  [[nodiscard]] StreamProgress progress() const noexcept { return counters_.progress(); }

  /// As SessionCore::forked().
  [[nodiscard]] bool forked() const noexcept { return forks() != forks_at_open_; }

 private:
  [[nodiscard]] Result<const StreamResult*> next_result(Deadline deadline);
  Engine(std::unique_ptr<StreamHost> host, StreamShape shape, const StreamOptions& options);
  [[nodiscard]] Status start(FileSource files, std::uint32_t max_in_flight);

  void drive();
  void take_reads();
  void begin_chunks();
  /// False: nothing more is to be begun now.
  [[nodiscard]] bool begin_chunk();
  /// As the launch policy sees it: as many chunks are in flight as should be, and at least one.
  [[nodiscard]] bool enough_in_flight();
  void count_hits();
  void landed(ChunkId chunk);
  void bytes_read(ChunkId chunk) override {
    if (!keep_bytes_) reader_->free_bytes(chunk);
  }
  void chunk_ended(ChunkId chunk) override;
  [[nodiscard]] const StreamResult* take_result();
  [[nodiscard]] const StreamResult* deliver(ChunkId chunk);
  void release(ChunkId chunk);
  void wait(Deadline deadline);
  void end_with(Error error);
  void end_on(Status status) {
    if (!status) end_with(std::move(status).error());
  }
  [[nodiscard]] Error closed_or(Error error) const;
  [[nodiscard]] bool cancelled() const noexcept {
    return cancelled_.load(std::memory_order_relaxed);  // says only that no more is begun
  }
  [[nodiscard]] bool ended_with_session() const noexcept {
    return ended_by_ && ended_by_->code == Errc::closed;
  }

  const std::unique_ptr<StreamHost> host_;  // keeps the session, which may be given up first
  std::weak_ptr<Engine> self_;
  StreamShape shape_;
  const bool keep_bytes_;
  StreamCounters counters_;
  std::optional<ChunkReader> reader_;
  std::optional<ChunkItems> items_;
  ResultOrder order_;

  std::uint32_t in_flight_{0};  // chunks
  std::optional<std::uint32_t> in_flight_when_saturated_;
  std::uint64_t events_seen_{0};
  std::optional<ChunkId> delivered_;          // result_ is of it
  std::vector<std::optional<Error>> errors_;  // by chunk
  std::uint32_t calls_{0};
  StreamResult result_;
  bool has_ended_{false};
  bool quiet_{false};  // end() found nothing under way any more
  std::optional<Error> ended_by_;
  std::atomic<bool> cancelled_{false};
  const std::uint32_t forks_at_open_{forks()};
};

}  // namespace vyre::runtime

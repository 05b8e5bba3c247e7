// Runs the chunks of a stream: the handles that the items of one chunk name, and those items one
// after the other. On a device: the chunk's copy (where it was asked for), the op, the copies of
// its results into memory that the host sees, and the clearing of its outputs; on the CPU the op
// alone. It knows nothing of files or of the order of results. Host only; one thread, the stream's.
// Spec: docs/internals/ingest-streams.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "result_order.hpp"
#include "stream_host.hpp"
#include "stream_shape.hpp"

namespace vyre::runtime {

class ChunkItems {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    /// No item reads the chunk's bytes in ingest memory any more. May be told again.
    virtual void bytes_read(ChunkId chunk) = 0;
    /// The chunk has its result: status(), fault() and results().
    virtual void chunk_ended(ChunkId chunk) = 0;
  };

  /// `ingest`: all of ingest memory.
  ChunkItems(ItemHost& host, Listener& listener, const StreamShape& shape, std::uint8_t* ingest);

  /// Makes the handles of one chunk, unless each chunk makes its own (StreamShape::recorded).
  [[nodiscard]] Status make_first();
  /// The number of a chunk that may be begun, so that begin() can take it; makes its handles where
  /// there are none. nullopt: as many chunks are in flight as may be.
  [[nodiscard]] std::optional<ChunkId> available();
  /// The chunk that available() named is in flight from now on.
  void begin(ChunkId chunk);
  /// `bytes` bytes of the chunk lie at `offset` of ingest memory. An error ends the stream.
  [[nodiscard]] Status start(ChunkId chunk, std::uint64_t offset, std::uint64_t bytes);
  /// Its result is not needed any more: the number is free once its items have ended.
  void give_back(ChunkId chunk);

  /// Submits what waits, as far as the queue has room. An error ends the stream.
  [[nodiscard]] Status submit();
  /// Looks which items have ended and goes on with their chunks. An error ends the stream.
  [[nodiscard]] Status look();

  [[nodiscard]] CompletionStatus status(ChunkId chunk) const noexcept {
    return chunks_[chunk].status;
  }
  [[nodiscard]] const Fault& fault(ChunkId chunk) const noexcept { return chunks_[chunk].fault; }
  /// Its own outputs, where the host sees them.
  [[nodiscard]] std::span<const ByteSpan> results(ChunkId chunk) const noexcept {
    return chunks_[chunk].results;
  }
  /// Items wait for room in the queue.
  [[nodiscard]] bool waiting() const noexcept { return !waiting_.empty(); }

  /// Forgets what was not submitted: for a stream that is over.
  void forget_waiting() noexcept;
  /// True: no item is under way. Forgets those that have ended.
  [[nodiscard]] bool drained();
  /// Releases all handles; nothing is under way. False: some are still in use.
  [[nodiscard]] bool release_all();

 private:
  /// Which items of a chunk are under way.
  enum class Stage : std::uint8_t { none, chunk_copy, op, result_copy, clear };

  struct Chunk {
    Handle alias;         // the chunk in ingest memory
    Handle copied;        // ChunkPlace::device: a buffer of the device
    Handle copied_alias;  // the chunk in it
    Handle input;         // what the item names
    Handle output;
    std::vector<Handle> own;             // own outputs, in order
    std::vector<Handle> result_aliases;  // on a device: of their bytes in ingest memory
    std::vector<ByteSpan> results;       // own outputs where the host sees them
    std::vector<Handle> sets;            // released first
    Bytes downloaded;                    // results of a recorded chunk on a device
    bool dirty{false};                   // outputs may hold bytes of an earlier chunk

    Stage stage{Stage::none};
    bool given_back{false};      // but items of it may be under way
    std::uint32_t under_way{0};  // items of the stage, waiting or submitted
    std::uint64_t bytes{0};
    CompletionStatus status{CompletionStatus::done};
    Fault fault;
  };
  /// An item from the time it is due until it has ended.
  struct Item {
    std::uint64_t position{0};  // in the queue, once it is submitted
    ChunkId chunk{0};
  };

  [[nodiscard]] Status make();
  [[nodiscard]] Status add_outputs(Chunk& chunk);
  [[nodiscard]] Status add_result_views(Chunk& chunk, std::uint64_t at);
  [[nodiscard]] Status bind(Chunk& chunk, Handle bytes);
  [[nodiscard]] Result<Handle> bind_or_single(Chunk& chunk, const std::vector<Handle>& handles);
  void clear_outputs(Chunk& chunk);
  [[nodiscard]] Status record(Chunk& chunk, ByteSpan bytes);
  [[nodiscard]] Status read_recorded(Chunk& chunk);
  void add_item(ChunkId chunk, const MegakernelWorkItem& item);
  void add_op(ChunkId chunk);
  [[nodiscard]] Status item_ended(ChunkId chunk, const ItemResult& result);
  [[nodiscard]] Status stage_ended(ChunkId chunk);
  void add_result_copies(ChunkId chunk);
  void finish(ChunkId chunk);

  ItemHost& host_;
  Listener& listener_;
  const StreamShape& shape_;
  std::uint8_t* const ingest_;
  std::uint32_t most_;  // chunks
  std::vector<Chunk> chunks_;
  std::vector<ChunkId> free_;

  std::vector<Item> items_;   // the submitted ones, oldest first, then those that wait
  std::size_t submitted_{0};  // of items_
  std::vector<MegakernelWorkItem> waiting_;  // what the others are, as submitting takes them
};

}  // namespace vyre::runtime

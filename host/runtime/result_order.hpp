// Which result of a stream comes out next: by file and chunk, passing over late ones where the
// caller says so, or as results come. It knows numbers and places of chunks and nothing of reads,
// items or bytes. Host only; one thread, the stream's. Spec: docs/internals/ingest-streams.md.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/limits.hpp"

namespace vyre::runtime {

/// Number of a chunk in flight: from the time it is begun until its result is released. Below
/// kMaxStreamItems; used again.
using ChunkId = std::uint32_t;
/// Number of a file of which chunks are in flight or not begun yet. Used again.
using FileId = std::uint32_t;

/// Where a chunk stands in reading order.
struct ChunkAt {
  std::uint64_t file{0};
  std::uint64_t chunk{0};
  friend auto operator<=>(const ChunkAt&, const ChunkAt&) = default;
};

class ResultOrder {
 public:
  enum class Mode : std::uint8_t { in_order, as_they_come };

  /// `max_ahead`: StreamOptions::max_ahead.
  explicit ResultOrder(Mode mode, std::uint64_t max_ahead = 0)
      : mode_(mode), max_ahead_(max_ahead) {}

  /// Chunks are begun in reading order. `last`: no other chunk of the file will be begun.
  void begin(ChunkId chunk, FileId file, ChunkAt at, bool last);
  /// The chunk's result is there.
  void end(ChunkId chunk);
  /// The chunk's result is an error of its file: the last result of the file that comes out. No
  /// other chunk of the file will be begun.
  void fail(ChunkId chunk);
  /// In order: results of chunks before this one do not come out any more, and none is waited for;
  /// an error of a file still does where other chunks of the file are wanted. As they come: chunks
  /// before this one do not count for far_ahead().
  void pass_over(ChunkAt before) noexcept { passed_before_ = before; }

  struct Next {
    ChunkId chunk{0};
    bool dropped{false};  // its result does not come out
  };
  /// What comes out now, or a chunk whose result is dropped; nullopt: none yet. Each is to be
  /// released.
  [[nodiscard]] std::optional<Next> take();

  enum class FileEnd : std::uint8_t { not_yet, ended, failed };
  /// The chunk's number is free. Says whether it was the last of its file, whose number is free
  /// then.
  [[nodiscard]] FileEnd release(ChunkId chunk);

  /// Chunks begun whose results are still to come out.
  [[nodiscard]] std::uint64_t to_come() const noexcept { return to_come_; }
  /// max_ahead allows no other chunk now.
  [[nodiscard]] bool far_ahead();

 private:
  static constexpr std::uint32_t kNone{~std::uint32_t{0}};
  enum class State : std::uint8_t { free, begun, ended, out };
  struct Chunk {
    State state{State::free};
    bool failed{false};
    bool passed_over{false};  // before its result was there
    FileId file{0};
    ChunkAt at;
    std::uint64_t number{0};  // in the order in which chunks were begun
  };
  struct File {
    std::uint32_t in_flight{0};
    std::uint32_t queued{0};  // in order: chunks of it in the queue
    ChunkId held{kNone};      // as they come: the chunk with its error, which comes out last
    bool all_begun{false};
    bool failed{false};
    bool error_out{false};  // nothing more of it comes out
  };
  /// Chunks in the order in which they come out, each at most once.
  class Queue {
   public:
    [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
    [[nodiscard]] ChunkId front() const noexcept { return chunks_[head_ % kMaxStreamItems]; }
    void push_back(ChunkId chunk) noexcept { chunks_[tail_++ % kMaxStreamItems] = chunk; }
    void push_front(ChunkId chunk) noexcept { chunks_[--head_ % kMaxStreamItems] = chunk; }
    ChunkId pop() noexcept { return chunks_[head_++ % kMaxStreamItems]; }

   private:
    static_assert((kMaxStreamItems & (kMaxStreamItems - 1)) == 0, "positions may wrap around");
    std::array<ChunkId, kMaxStreamItems> chunks_{};
    std::uint64_t head_{0};
    std::uint64_t tail_{0};
  };

  [[nodiscard]] bool passed(const Chunk& chunk) const noexcept;
  [[nodiscard]] bool holds_back(const Chunk& chunk) const noexcept;
  void drop(ChunkId chunk);
  void fail_in_order(ChunkId chunk);
  void fail_as_they_come(ChunkId chunk);

  const Mode mode_;
  const std::uint64_t max_ahead_;
  ChunkAt passed_before_;
  std::vector<Chunk> chunks_;
  std::vector<File> files_;
  Queue queue_;    // in order: begun and ended ones; as they come: ended ones
  Queue dropped_;  // have ended, and do not come out
  std::uint64_t to_come_{0};
  std::uint64_t begun_{0};
  ChunkId oldest_{kNone};  // as far_ahead() found it last
};

}  // namespace vyre::runtime

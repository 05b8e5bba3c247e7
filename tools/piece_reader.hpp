// An input cut into the pieces that --chunk, --overlap and --align ask for, read one after another:
// for executors and programs that do not stream, and for standard input, pipes and what grows. Cuts
// a regular file where a stream cuts (docs/internals/ingest-streams.md, "Streams"). Main thread
// only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "input_bytes.hpp"
#include "run_plan.hpp"

namespace vyre::cli {

class PieceReader {
 public:
  using Open = std::function<Result<std::unique_ptr<InputBytes>>()>;
  /// Nothing is there to read now. An error ends the input.
  using Idle = std::function<Status()>;

  /// `name` is for messages; `open` is called for the first piece.
  PieceReader(std::string name, Open open, const RunOptions& options);

  struct Piece {
    std::uint64_t offset{0};
    std::uint64_t seen{0};  // leading bytes that the piece before it had, too
    Bytes bytes;
  };
  /// nullopt after the last. An empty input is one piece of no bytes. Where input keeps the reader
  /// waiting for --flush-after, the piece is what has come. After an error nothing comes;
  /// limit_exceeded: a line is longer than a piece that is to end where a line ends.
  [[nodiscard]] Result<std::optional<Piece>> next(const Idle& idle);
  /// What has come and is in no piece; nullopt: nothing.
  [[nodiscard]] std::optional<Piece> rest();

 private:
  enum class Filled : std::uint8_t { full, early, end };
  [[nodiscard]] Result<Filled> fill(const Idle& idle);
  [[nodiscard]] Result<std::optional<Piece>> take(const Idle& idle);
  /// How many bytes of `ahead_`, which has more than a piece, the piece gets.
  [[nodiscard]] Result<std::uint64_t> cut() const;
  /// How many a piece gets that is not full; 0: none is worth it yet.
  [[nodiscard]] std::uint64_t early_cut() const;

  std::string name_;
  Open open_;
  std::uint64_t chunk_bytes_;
  std::uint64_t overlap_bytes_;
  bool align_lines_;
  std::chrono::milliseconds flush_after_;
  std::unique_ptr<InputBytes> input_;
  std::uint64_t offset_{0};  // of the next piece
  std::uint64_t seen_{0};    // its bytes that the last piece had
  Bytes ahead_;              // from there on; a byte more than a piece says that more follows
  bool begun_{false};        // a piece was given
  bool ended_{false};
};

}  // namespace vyre::cli

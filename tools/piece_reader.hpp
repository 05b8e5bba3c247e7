// A file cut into the pieces that --chunk and --overlap ask for, read one after another: for
// executors and programs that do not stream, and for standard input and pipes. Cuts where a stream
// cuts (docs/internals/ingest-streams.md, "Streams"). Main thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "platform/descriptor.hpp"
#include "run_plan.hpp"

namespace vyre::cli {

class PieceReader {
 public:
  /// Nothing is opened before the first piece. "-" is standard input.
  PieceReader(std::string path, const RunOptions& options);

  struct Piece {
    std::uint64_t offset{0};
    std::uint64_t seen{0};  // leading bytes that the piece before it had, too
    Bytes bytes;
  };
  /// nullopt after the last. An empty file is one piece of no bytes. After an error nothing comes;
  /// limit_exceeded: a line is longer than a piece that is to end where a line ends.
  [[nodiscard]] Result<std::optional<Piece>> next();

 private:
  [[nodiscard]] Status fill();
  /// How many bytes of `ahead_`, which has more than a piece, the piece gets.
  [[nodiscard]] Result<std::uint64_t> cut() const;

  std::string path_;
  std::uint64_t chunk_bytes_;
  std::uint64_t overlap_bytes_;
  bool align_lines_;
  platform::Descriptor file_;
  std::uint64_t offset_{0};  // of the next piece
  std::uint64_t seen_{0};    // its bytes that the last piece had
  Bytes ahead_;              // from there on; a byte more than a piece says that more follows
  bool ended_{false};
};

}  // namespace vyre::cli

// A file cut into the pieces that --chunk and --overlap ask for, read one after another: for
// executors and programs that do not stream, and for standard input and pipes. Cuts where a stream
// cuts (docs/internals/ingest-streams.md, "Streams"). Main thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "platform/descriptor.hpp"

namespace vyre::cli {

class PieceReader {
 public:
  /// Nothing is opened before the first piece. "-" is standard input.
  PieceReader(std::string path, std::uint64_t chunk_bytes, std::uint64_t overlap_bytes);

  struct Piece {
    std::uint64_t offset{0};
    Bytes bytes;
  };
  /// nullopt after the last. An empty file is one piece of no bytes. After an error nothing comes.
  [[nodiscard]] Result<std::optional<Piece>> next();

 private:
  [[nodiscard]] Status fill();

  std::string path_;
  std::uint64_t chunk_bytes_;
  std::uint64_t overlap_bytes_;
  platform::Descriptor file_;
  std::uint64_t offset_{0};  // of the next piece
  Bytes ahead_;              // from there on; a byte more than a piece says that more follows
  bool ended_{false};
};

}  // namespace vyre::cli

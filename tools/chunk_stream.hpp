// Files through Queue::stream(): a file, or a chunk of one, is an item the moment its bytes have
// landed. Results come in order; a late one is passed over, so that it fails alone. Main thread
// only. Spec: docs/running-files.md, "How files are read".
#pragma once

#include <utility>
#include <vector>

#include "run_engine.hpp"

namespace vyre::cli {

class ChunkStream {
 public:
  /// `op` is of `program`, or built in. `returned`: what the outputs of an item are, in order.
  [[nodiscard]] static Result<ChunkStream> open(v0::Queue& queue, v0::Op op,
                                                const v0::StreamOptions& how,
                                                const std::optional<v0::Program>& program,
                                                std::vector<const v0::ProgramBuffer*> returned,
                                                FileSource files);
  /// See Engine::next_streamed().
  [[nodiscard]] Result<StreamedItem> wait_for(std::uint64_t file, std::uint64_t chunk,
                                              v0::Timeout timeout);

 private:
  ChunkStream(std::optional<v0::Program> program, std::vector<const v0::ProgramBuffer*> returned,
              v0::Stream stream)
      : program_(std::move(program)), returned_(std::move(returned)), stream_(std::move(stream)) {}
  [[nodiscard]] Result<std::vector<ByteSpan>> outputs_of(const v0::Chunk& chunk) const;

  std::optional<v0::Program> program_;
  std::vector<const v0::ProgramBuffer*> returned_;
  v0::Stream stream_;
};

}  // namespace vyre::cli

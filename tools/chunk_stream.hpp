// Files through Session::stream: a file, or a chunk of one, is an item the moment its bytes have
// landed. Results come as they end and are put in order here, so that one late item fails alone.
// Main thread only; gone before its session. Spec: docs/running-files.md, "How files are read".
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "run_engine.hpp"
#include "vyre/runtime/stream.hpp"

namespace vyre::cli {

/// What the items of a run have in common.
struct StreamPlan {
  std::uint64_t chunk_bytes{0};
  std::uint64_t overlap_bytes{0};
  std::uint32_t invocations{0};
  std::uint32_t max_in_flight{0};
  std::uint64_t early_bytes{0};         // of results that may wait for one before them
  std::vector<runtime::Handle> inputs;  // of the op, in order; Handle{} is the file's
  std::vector<runtime::StreamOutput> outputs;
  std::vector<const vir::BufferDecl*> returned;  // what the outputs are
};

class ChunkStream {
 public:
  [[nodiscard]] static Result<ChunkStream> open(runtime::Session& session, runtime::OpHandle op,
                                                StreamPlan plan, FileSource files);
  /// See Engine::next_streamed().
  [[nodiscard]] Result<StreamedItem> wait_for(std::uint64_t file, std::uint64_t chunk,
                                              runtime::Deadline deadline);

 private:
  using Place = std::pair<std::uint64_t, std::uint64_t>;  // file and chunk
  /// Stands behind all chunks of its file, as it comes behind them.
  static constexpr std::uint64_t kFileFailed{~std::uint64_t{0}};

  ChunkStream(StreamPlan plan, runtime::Stream stream)
      : plan_(std::move(plan)), stream_(std::move(stream)) {}
  [[nodiscard]] Status receive(runtime::Deadline deadline);
  StreamedItem take(std::map<Place, StreamedItem>::iterator at);

  StreamPlan plan_;
  runtime::Stream stream_;
  std::map<Place, StreamedItem> early_;
};

/// Why an item has no result.
[[nodiscard]] Error error_of(CompletionStatus status, const Fault& fault);

}  // namespace vyre::cli

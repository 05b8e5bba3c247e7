// Files through Session::stream: a file, or a chunk of one, is an item the moment its bytes have
// landed. Results come in order; a late one is passed over, so that it fails alone. Main thread
// only; gone before its session. Spec: docs/cli.md, "How files are read".
#pragma once

#include <utility>
#include <vector>

#include "run_engine.hpp"
#include "runtime/stream.hpp"

namespace vyre::cli {

/// What the items of a run have in common.
struct StreamPlan {
  std::uint64_t chunk_bytes{0};
  std::uint64_t overlap_bytes{0};
  std::uint32_t invocations{0};
  std::uint32_t max_in_flight{0};
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
                                              Deadline deadline);

 private:
  ChunkStream(StreamPlan plan, runtime::Stream stream)
      : plan_(std::move(plan)), stream_(std::move(stream)) {}
  [[nodiscard]] Result<std::vector<ByteSpan>> outputs_of(const runtime::StreamResult& result) const;

  StreamPlan plan_;
  runtime::Stream stream_;
};

/// Why an item has no result.
[[nodiscard]] Error error_of(CompletionStatus status, const Fault& fault);

}  // namespace vyre::cli

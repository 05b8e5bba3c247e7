// What a stream was asked for, checked against its op and its session, and how it uses its memory.
// Made once, when the stream is opened. Host only. Spec: docs/internals/ingest-streams.md.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/stream.hpp"
#include "stream_host.hpp"
#include "stream_memory.hpp"
#include "stream_plan.hpp"

namespace vyre::runtime {

/// Results begin where a cache line does, so that two chunks never share one.
inline constexpr std::uint64_t kResultAlign{64};

struct StreamShape {
  ChunkPlan plan;
  OpHandle op;
  std::uint32_t param{0};
  std::vector<Handle> inputs;         // of the op, in order; Handle{} is the chunk
  std::vector<StreamOutput> outputs;  // of the op, in order
  std::uint64_t own_bytes{0};         // of a chunk's own outputs, each rounded up
  bool builtin{false};
  bool device{false};       // results and chunks move by items
  bool copy_chunks{false};  // ChunkPlace::device
  bool recorded{false};     // an observer listens: every chunk is a buffer of its own

  // Set by claim_memory().
  SpaceRange space;    // the stream's part of ingest memory
  SpaceRange buffers;  // of it: what chunks are read into
  SpaceRange results;  // of it: where results of a device go
  std::uint64_t buffer_bytes{0};
  std::uint32_t most_in_flight{0};  // chunks

  /// Refuses by name what cannot be.
  [[nodiscard]] static Result<StreamShape> make(StreamHost& host, OpHandle op,
                                                const StreamOptions& options);
  /// Claims `space`, for as many as `max_in_flight` chunks in flight (0: what memory allows).
  [[nodiscard]] Status claim_memory(StreamHost& host, std::uint32_t max_in_flight);

 private:
  [[nodiscard]] Status check_inputs(StreamHost& host, const OpInfo& info);
  [[nodiscard]] Status check_outputs(StreamHost& host, const OpInfo& info);
};

}  // namespace vyre::runtime

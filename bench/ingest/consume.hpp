// A stream with one consumer, from opening it to its end, and what the answers add up to. Host
// only.
#pragma once

#include <functional>

#include "ingest/sections.hpp"
#include "runtime/stream.hpp"
#include "support/contest.hpp"

namespace vyre::bench {

inline constexpr double kStreamSeconds{20};  // no stream of these benches takes longer

struct Consumer {
  std::string op;       // a built-in op, or
  std::string program;  // VIR0 text
  std::uint32_t param{0};
  std::vector<runtime::StreamOutput> outputs;
  ByteSpan second_input;  // bound behind the chunk; empty: none
  /// What one result adds to the sum.
  std::function<std::uint64_t(ByteSpan output)> value;
  std::uint64_t expected{0};  // the sum
};
[[nodiscard]] Consumer crc_consumer(std::uint64_t expected);
/// `hits` has room for so many records of a chunk.
[[nodiscard]] Consumer literals_consumer(ByteSpan blob, std::uint32_t records,
                                         std::uint64_t expected);
/// CRC-32C on the calling thread, as hash.crc32c has it.
[[nodiscard]] std::uint32_t crc32c(ByteSpan bytes);
[[nodiscard]] std::uint64_t literal_hits(ByteSpan text, ByteSpan blob);

struct StreamPlan {
  FileSet files;
  std::uint64_t chunk_bytes{kMiB};
  runtime::ChunkPlace place{runtime::ChunkPlace::automatic};
  std::uint32_t max_in_flight{0};  // as StreamOptions has it
};
/// Inside the timed region: from Session::stream until next() says that it is the end.
[[nodiscard]] Result<Took> stream_lap(runtime::Session& session, const StreamPlan& plan,
                                      const Consumer& consumer);
/// The op of a consumer, registered if it is a program.
[[nodiscard]] Result<runtime::OpHandle> op_of(runtime::Session& session, const Consumer& consumer);

}  // namespace vyre::bench

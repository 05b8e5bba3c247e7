// io_uring without us: the loop that a stream is measured against. One thread, one ring, the same
// depth, chunk, segments and registration, and no consumer: only stamps are compared.
// Host only.
#pragma once

#include "ingest/segments.hpp"
#include "support/contest.hpp"

namespace vyre::bench {

/// Reads all chunks once. Inside the timed region: submit, wait, stamps. Outside: opening, the
/// ring, registering, and the check of what lies in the segments at the end.
[[nodiscard]] Result<Took> bare_ring_lap(const FileSet& files, const Contents& contents,
                                         Segments& segments, bool direct);

}  // namespace vyre::bench

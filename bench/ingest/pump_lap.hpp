// The pump alone: chunks into segments, no consumer: only stamps are compared. Host only.
#pragma once

#include "ingest/pump.hpp"
#include "ingest/segments.hpp"
#include "support/contest.hpp"

namespace vyre::bench {

/// As bare_ring_lap(), through a Pump that was started over the segments' memory: ends come on its
/// thread, this one asks for the next chunk of each.
[[nodiscard]] Result<Took> pump_lap(ingest::Pump& pump, const FileSet& files,
                                    const Contents& contents, const Segments& segments,
                                    ingest::TierChoice tier);

}  // namespace vyre::bench

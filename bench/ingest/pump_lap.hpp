// The pump alone: chunks into slots, nobody who looks at them but for their stamps. Host only.
#pragma once

#include "ingest/pump.hpp"
#include "ingest/slots.hpp"
#include "support/contest.hpp"

namespace vyre::bench {

/// As bare_ring_lap(), through a Pump that was started over the slots' memory: ends come on its
/// thread, this one asks for the next chunk of each.
[[nodiscard]] Result<Took> pump_lap(ingest::Pump& pump, const FileSet& files,
                                    const Contents& contents, const Slots& slots,
                                    ingest::TierChoice tier);

}  // namespace vyre::bench

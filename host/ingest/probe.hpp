// What this machine gives for each tier, and why not more; for `vyre caps` and for people. Host
// only; tries the real system calls on a file in `directory`. Spec: docs/internals/ingest.md,
// "Tiers".
#pragma once

#include <string>
#include <vector>

#include "ingest/tier.hpp"

namespace vyre::ingest {

struct TierFacts {
  Tier tier{Tier::buffered};
  bool available{false};
  std::string reason;  // why not; or what was tried, where it is
};

/// One row a tier, in order. `directory`: where a scratch file is made for the reads; it is
/// removed.
[[nodiscard]] std::vector<TierFacts> probe_tiers(const std::string& directory);

}  // namespace vyre::ingest

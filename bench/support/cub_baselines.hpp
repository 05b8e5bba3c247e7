// CUB's device-wide primitives and the driver's copy and fill over the same words, with the words
// that they write. Host interface of cub_baselines.cu.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "support/device.hpp"

namespace vyre::bench {

struct CubRun {
  double seconds{0};  // median between two events
  std::vector<std::uint32_t> output;
};

struct CubBaselines {
  Result<CubRun> reduce{CubRun{}};
  Result<CubRun> scan{CubRun{}};
  Result<CubRun> histogram{CubRun{}};  // of bytes
  Result<CubRun> sort{CubRun{}};
  Result<CubRun> copy{CubRun{}};
  Result<CubRun> fill{CubRun{}};
};

/// Each `runs` times after a warm-up. The input is not changed.
[[nodiscard]] CubBaselines measure_cub(std::span<const std::uint32_t> words, int runs);

}  // namespace vyre::bench

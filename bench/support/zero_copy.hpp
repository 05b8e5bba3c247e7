// Pinned host memory across the link, without us: read by all multiprocessors where it lies, and
// copied by the engine. Host interface of zero_copy.cu. Spec: docs/internals/benchmarking.md.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "support/device.hpp"

namespace vyre::bench {

struct LinkRates {
  Result<double> zero_copy{0.0};    // bytes/s, 16-byte loads of every multiprocessor
  Result<double> copy_engine{0.0};  // bytes/s, one cudaMemcpyAsync into device memory
};
/// `memory`: pinned, its size a multiple of 16. The loads add up the words and the sum is checked.
[[nodiscard]] LinkRates measure_link(ByteSpan memory, int runs);

}  // namespace vyre::bench

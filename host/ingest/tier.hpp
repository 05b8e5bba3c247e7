// The ways from storage into ingest memory, and their names. Spec: docs/internals/ingest.md,
// "Tiers".
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vyre::ingest {

enum class Tier : std::uint8_t {
  direct_fixed,  // A: io_uring, O_DIRECT, READ_FIXED into registered memory
  direct,        // B: io_uring, O_DIRECT, READ
  buffered,      // C: io_uring through the page cache, READ_FIXED or READ
  gpudirect,     // D: cuFile; never chosen by itself
  thread_pool,   // E: pread by threads
};
inline constexpr std::uint32_t kTiers{5};
/// "A" to "E".
[[nodiscard]] constexpr std::string_view letter(Tier tier) noexcept {
  constexpr std::array<std::string_view, kTiers> kLetters{"A", "B", "C", "D", "E"};
  return kLetters[static_cast<std::size_t>(tier)];
}

/// What a session is asked to use. `automatic` picks by file: docs/internals/ingest.md, "Choice".
enum class TierChoice : std::uint8_t {
  automatic,
  direct_fixed,
  direct,
  buffered,
  gpudirect,
  thread_pool
};

}  // namespace vyre::ingest

// The 64 bits of handles and tickets: session tag 16, generation 24, index 24. Host only.
// Spec: docs/abi.md, "Handles".
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace vyre::abi {

inline constexpr std::uint32_t kIndexBits{24};
inline constexpr std::uint32_t kGenerationBits{24};
inline constexpr std::uint32_t kMaxIndex{(1u << kIndexBits) - 1};
inline constexpr std::uint32_t kMaxGeneration{(1u << kGenerationBits) - 1};
inline constexpr std::uint32_t kMaxTag{0xFFFF};
/// Of ops and queues, which last as long as their session.
inline constexpr std::uint32_t kOnlyGeneration{1};

struct Number {
  std::uint32_t tag{0};
  std::uint32_t generation{0};
  std::uint32_t index{0};

  [[nodiscard]] static constexpr Number of(std::uint64_t bits) noexcept {
    return {static_cast<std::uint32_t>(bits >> (kIndexBits + kGenerationBits)),
            static_cast<std::uint32_t>(bits >> kIndexBits) & kMaxGeneration,
            static_cast<std::uint32_t>(bits) & kMaxIndex};
  }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept {
    return std::uint64_t{tag} << (kIndexBits + kGenerationBits) |
           std::uint64_t{generation} << kIndexBits | index;
  }
};

/// `what` of another session, or none at all. Inline: every item of a submit passes here.
[[nodiscard]] inline bool of_session(std::uint64_t bits, std::uint32_t tag) noexcept {
  return bits >> (kIndexBits + kGenerationBits) == tag;
}
[[nodiscard]] Error not_of_session(const char* what, std::uint64_t bits, std::uint32_t tag);

}  // namespace vyre::abi

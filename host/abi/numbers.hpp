// The 64 bits of handles and tickets: session tag 16, kind 2, generation 22, index 24. Host only.
// Spec: docs/abi.md, "Handles".
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace vyre::abi {

inline constexpr std::uint32_t kIndexBits{24};
inline constexpr std::uint32_t kGenerationBits{22};
inline constexpr std::uint32_t kKindBits{2};
inline constexpr std::uint32_t kTagShift{kIndexBits + kGenerationBits + kKindBits};
inline constexpr std::uint32_t kMaxIndex{(1u << kIndexBits) - 1};
inline constexpr std::uint32_t kMaxGeneration{(1u << kGenerationBits) - 1};
inline constexpr std::uint32_t kMaxTag{0xFFFF};
/// Of ops and queues, which last as long as their session.
inline constexpr std::uint32_t kOnlyGeneration{1};

/// What a number names; 0 is none, so that a number that some arithmetic made is told apart.
enum class Kind : std::uint32_t { none = 0, op = 1, buffer = 2, queue = 3 };

struct Number {
  std::uint32_t tag{0};
  Kind kind{Kind::none};
  std::uint32_t generation{0};
  std::uint32_t index{0};

  [[nodiscard]] static constexpr Number of(std::uint64_t bits) noexcept {
    return {static_cast<std::uint32_t>(bits >> kTagShift),
            static_cast<Kind>(bits >> (kIndexBits + kGenerationBits) & ((1u << kKindBits) - 1)),
            static_cast<std::uint32_t>(bits >> kIndexBits) & kMaxGeneration,
            static_cast<std::uint32_t>(bits) & kMaxIndex};
  }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept {
    return std::uint64_t{tag} << kTagShift |
           std::uint64_t{static_cast<std::uint32_t>(kind)} << (kIndexBits + kGenerationBits) |
           std::uint64_t{generation} << kIndexBits | index;
  }
};

/// Whether it names something of this kind in this session, which may have ended. Inline: every
/// item of a submit passes here.
[[nodiscard]] inline bool names(std::uint64_t bits, Kind kind, std::uint32_t tag) noexcept {
  return bits >> (kIndexBits + kGenerationBits) ==
         (std::uint64_t{tag} << kKindBits | static_cast<std::uint32_t>(kind));
}
/// Why names() is false: what the number is instead, and what is needed. invalid_argument.
[[nodiscard]] Error not_a(Kind kind, std::uint64_t bits, std::uint32_t tag);

}  // namespace vyre::abi

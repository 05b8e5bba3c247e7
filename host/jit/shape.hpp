// Branches and loops of an image: where their bodies begin and end. Lowering emits nothing that is
// not nested. Host only, private to the room. Spec: docs/internals/jit.md.
#pragma once

#include <cstdint>
#include <optional>

#include "core/image.hpp"

namespace vyre::jit {

inline constexpr std::uint32_t kNowhere{~std::uint32_t{0}};

/// The body lies behind `begin`, up to `middle` if there is an else-side, else up to `end`.
struct Construct {
  bool loop{false};
  bool lanes{false};  // lanes decide for themselves; else all decide alike
  std::uint32_t begin{0};
  std::uint32_t middle{kNowhere};  // the instruction between the sides
  std::uint32_t end{0};            // the first instruction that is not in a side
  std::uint32_t next{0};           // the first instruction behind the construct

  [[nodiscard]] std::uint32_t body_end() const { return middle == kNowhere ? end : middle; }
};

/// The construct that the instruction opens.
[[nodiscard]] std::optional<Construct> construct_at(const core::Image& image, std::uint32_t at);

}  // namespace vyre::jit

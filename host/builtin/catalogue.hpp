// What the built-in ops are to people: names of their buffers, what these hold, what an op does
// and what its param means, a sentence each. The counts of buffers are those of op_table.def.
// Host only, no state, any thread. Spec: docs/ops.md.
#pragma once

#include <cstdint>

#include "builtin/rules.hpp"

namespace vyre::builtin {

/// What the bytes of a buffer are.
enum class Holds : std::uint8_t { bytes, u32, i32, f32, u64 };

struct BufferText {
  const char* name{nullptr};  // null: the op has no such buffer
  Holds holds{Holds::bytes};
};

struct OpText {
  const char* meaning;  // a sentence
  const char* param;    // what the item's param means; empty: it must be 0, or nothing looks at it
  BufferText inputs[kMaxOpBuffers];
  BufferText outputs[kMaxOpBuffers];
};

/// Of a built-in op; null for other ids.
[[nodiscard]] const OpText* text_of(std::uint32_t id) noexcept;

}  // namespace vyre::builtin

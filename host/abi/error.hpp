// The error object of the C ABI. Host only; any thread may read one, its owner frees it.
// Spec: docs/abi.md, "Errors".
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "vyre/vyre.h"

struct vyre_error {
  std::int32_t code{VYRE_OUT_OF_MEMORY};
  std::int32_t retryable{0};
  std::int32_t detail{0};
  std::uint32_t line{0};
  std::uint32_t column{0};
  std::uint64_t offset{vyre::kNoOffset};
  std::string text;
  std::string message;  // of the text
};

namespace vyre::abi {

/// An error for the caller to free; the fixed one where there is no memory for it.
[[nodiscard]] vyre_error* make_error(const Error& error) noexcept;
/// Needs no memory; freeing it does nothing.
[[nodiscard]] vyre_error* out_of_memory() noexcept;

}  // namespace vyre::abi

// Byte containers, hexadecimal and little-endian access. Host only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.hpp"

namespace vyre {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;

[[nodiscard]] inline ByteSpan as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

[[nodiscard]] std::string to_hex(ByteSpan bytes);
/// Accepts upper and lower case; refuses odd lengths and other characters with their offset.
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);

/// Reads a little-endian T at `at`; the caller has checked that at + sizeof(T) <= bytes.size().
template <class T>
[[nodiscard]] T load_le(ByteSpan bytes, std::size_t at) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));  // every host we build for is little-endian
  return value;
}

template <class T>
void append_le(Bytes& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  const auto* p = reinterpret_cast<const std::uint8_t*>(&value);
  out.insert(out.end(), p, p + sizeof(T));
}

}  // namespace vyre

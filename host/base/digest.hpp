// BLAKE3-256 (plain hash mode, no key, no context), the content digest of programs, buffers and
// traces. Host only, portable C++; incremental and allocation-free. Source of the algorithm: J.
// O'Connor et al., "BLAKE3: one function, fast everywhere", 2020.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace vyre {

struct Digest {
  std::array<std::uint8_t, 32> bytes{};
  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;
  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
};

class Blake3 {
 public:
  Blake3() noexcept;
  void update(ByteSpan bytes) noexcept;
  /// May be called more than once; the state is not changed.
  [[nodiscard]] Digest finish() const noexcept;

 private:
  void push_chunk_value(std::array<std::uint32_t, 8> value, std::uint64_t chunk_count) noexcept;

  static constexpr std::size_t kMaxTreeDepth{54};  // 2^64 bytes / 1 KiB chunks
  std::array<std::uint32_t, 8> chunk_cv_{};        // chaining value inside the current chunk
  std::array<std::uint8_t, 64> block_{};           // the block not compressed yet
  std::size_t block_bytes_{0};
  std::size_t blocks_done_{0};  // blocks compressed in the current chunk
  std::uint64_t chunks_done_{0};
  std::array<std::array<std::uint32_t, 8>, kMaxTreeDepth> stack_{};
  std::size_t stack_size_{0};
};

[[nodiscard]] Digest blake3(ByteSpan bytes) noexcept;

}  // namespace vyre

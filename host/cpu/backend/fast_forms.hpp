// Forms of built-in ops that use what the processor has, chosen at run time. Each gives what the
// plain form (builtin/ops.hpp) gives, which stays the judge. Host only, no state, no allocation,
// any thread.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace vyre::cpu {

/// hash.crc32c, in three streams where the processor has SSE4.2 and PCLMUL.
[[nodiscard]] std::uint32_t crc32c(ByteSpan bytes) noexcept;
/// Of two parts: the CRC-32C of both, one behind the other.
[[nodiscard]] std::uint32_t crc32c_of_both(std::uint32_t first, std::uint32_t second,
                                           std::uint64_t second_bytes) noexcept;

/// select.u32: those of `count` words at `values` whose byte of `mask` is not 0 go to `kept`, which
/// has room for `room` words and keeps its other bytes. Returns how many there are.
[[nodiscard]] std::uint64_t select_words(const std::uint8_t* values, const std::uint8_t* mask,
                                         std::uint64_t count, std::uint8_t* kept,
                                         std::uint64_t room) noexcept;
/// As memcpy, for more bytes than caches hold: what is written goes to memory without being read
/// first, and is there for other threads when this returns and they are told.
void copy_past_caches(std::uint8_t* to, const std::uint8_t* from, std::uint64_t bytes) noexcept;
/// How many of `count` bytes are not 0.
[[nodiscard]] std::uint64_t count_nonzero(const std::uint8_t* mask, std::uint64_t count) noexcept;

}  // namespace vyre::cpu

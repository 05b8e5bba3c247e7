// The plain forms: one function an op family, over spans that the rules have passed; run() and the
// CPU backend call them. A function that can take long looks at `stop` between pieces; false: it
// was asked to stop, and outputs are unspecified.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"
#include "builtin/ops.hpp"

namespace vyre::builtin {

/// Bytes between two looks at the stop flag: some 30 ms of the slowest op.
inline constexpr std::uint64_t kPieceBytes{std::uint64_t{8} << 20};

using Stop = StopWord;

/// visit(begin, end) over [0, count) in pieces; false if it was stopped.
template <class Visit>
[[nodiscard]] bool in_pieces(std::uint64_t count, std::uint64_t piece, const Stop& stop,
                             const Visit& visit) {
  for (std::uint64_t begin = 0; begin < count;) {
    if (stop.asked()) return false;
    const std::uint64_t end = begin + std::min(piece, count - begin);
    visit(begin, end);
    begin = end;
  }
  return true;
}

/// Words in place: buffers have any alignment.
[[nodiscard]] inline std::uint32_t word_at(const std::uint8_t* data, std::uint64_t index) noexcept {
  std::uint32_t value;
  std::memcpy(&value, data + index * 4, 4);
  return value;
}
inline void put_word(std::uint8_t* data, std::uint64_t index, std::uint32_t value) noexcept {
  std::memcpy(data + index * 4, &value, 4);
}

[[nodiscard]] bool fill(MutableByteSpan out, std::uint32_t pattern, const Stop& stop) noexcept;
[[nodiscard]] bool copy(ByteSpan in, MutableByteSpan out, std::uint32_t most,
                        const Stop& stop) noexcept;
[[nodiscard]] bool reduce(Op op, ByteSpan in, MutableByteSpan out, const Stop& stop) noexcept;
[[nodiscard]] bool scan(bool inclusive, ByteSpan in, MutableByteSpan out,
                        const Stop& stop) noexcept;
[[nodiscard]] bool histogram(ByteSpan in, MutableByteSpan out, const Stop& stop) noexcept;
[[nodiscard]] bool select(ByteSpan values, ByteSpan mask, MutableByteSpan kept,
                          MutableByteSpan count, const Stop& stop) noexcept;
[[nodiscard]] bool sort(ByteSpan in, MutableByteSpan sorted, MutableByteSpan work,
                        const Stop& stop) noexcept;
[[nodiscard]] bool crc32c(ByteSpan in, MutableByteSpan out, const Stop& stop) noexcept;
[[nodiscard]] bool xxh64(ByteSpan in, std::uint32_t seed, MutableByteSpan out,
                         const Stop& stop) noexcept;
/// none, bad_binding (the blob breaks a rule) or shutdown.
[[nodiscard]] FaultCode match(ByteSpan text, ByteSpan blob, MutableByteSpan out,
                              const Stop& stop) noexcept;

}  // namespace vyre::builtin

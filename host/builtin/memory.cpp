// mem.fill and mem.copy.
#include "base/copy_bytes.hpp"
#include "builtin/twins.hpp"

namespace vyre::builtin {

bool fill(MutableByteSpan out, std::uint32_t pattern, const Stop& stop) noexcept {
  const std::uint64_t whole = out.size() / 4;
  const bool ended = in_pieces(whole, kPieceBytes / 4, stop, [&](auto begin, auto end) {
    for (std::uint64_t i = begin; i < end; ++i) put_word(out.data(), i, pattern);
  });
  for (std::uint64_t i = whole * 4; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(pattern >> 8 * (i % 4));
  return ended;
}

bool copy(ByteSpan in, MutableByteSpan out, std::uint32_t most, const Stop& stop) noexcept {
  std::uint64_t bytes = std::min(in.size(), out.size());
  if (most != 0) bytes = std::min<std::uint64_t>(bytes, most);
  return in_pieces(bytes, kPieceBytes, stop, [&](auto begin, auto end) {
    copy_bytes(out.data() + begin, in.data() + begin, end - begin);
  });
}

}  // namespace vyre::builtin

// Scan, histogram, select and sort.
#include <array>
#include <utility>

#include "base/read_once.hpp"
#include "builtin/twins.hpp"

namespace vyre::builtin {
namespace {

using Digits = std::array<std::uint64_t, 256>;  // how often, then where next

/// One stable pass by the eight bits from `shift` on; `next` is where each digit's keys go. A place
/// behind the end means that the keys are no longer those that were counted.
bool radix_pass(const std::uint8_t* from, std::uint8_t* to, std::uint64_t words,
                std::uint32_t shift, Digits& next, const Stop& stop) {
  return in_pieces(words, kPieceBytes / 4, stop, [&](auto begin, auto end) {
    for (std::uint64_t i = begin; i < end; ++i) {
      const auto key = read_once<std::uint32_t>(from + i * 4);
      const std::uint64_t place = next[key >> shift & 0xFFu]++;
      if (place < words) put_word(to, place, key);
    }
  });
}

}  // namespace

bool scan(bool inclusive, ByteSpan in, MutableByteSpan out, const Stop& stop) noexcept {
  std::uint32_t sum = 0;
  return in_pieces(in.size() / 4, kPieceBytes / 4, stop, [&](auto begin, auto end) {
    for (std::uint64_t i = begin; i < end; ++i) {
      const std::uint32_t before = sum;
      sum += word_at(in.data(), i);
      put_word(out.data(), i, inclusive ? sum : before);
    }
  });
}

bool histogram(ByteSpan in, MutableByteSpan out, const Stop& stop) noexcept {
  // Four tables, so that equal neighbours do not wait for each other.
  std::array<std::array<std::uint32_t, 256>, 4> counts{};
  const bool ended = in_pieces(in.size(), kPieceBytes, stop, [&](auto begin, auto end) {
    std::uint64_t i = begin;
    for (; i + 4 <= end; i += 4) {
      for (std::uint64_t k = 0; k < 4; ++k) ++counts[k][in[i + k]];
    }
    for (; i < end; ++i) ++counts[0][in[i]];
  });
  for (std::size_t v = 0; v < 256; ++v)
    put_word(out.data(), v, counts[0][v] + counts[1][v] + counts[2][v] + counts[3][v]);
  return ended;
}

bool select(ByteSpan values, ByteSpan mask, MutableByteSpan kept, MutableByteSpan count,
            const Stop& stop) noexcept {
  const std::uint64_t capacity = kept.size() / 4;
  std::uint64_t found = 0;
  const std::uint64_t n = std::min<std::uint64_t>(values.size() / 4, mask.size());
  const bool ended = in_pieces(n, kPieceBytes / 4, stop, [&](auto begin, auto end) {
    for (std::uint64_t i = begin; i < end; ++i) {
      if (mask[i] == 0) continue;
      if (found < capacity) put_word(kept.data(), found, word_at(values.data(), i));
      ++found;
    }
  });
  put_word(count.data(), 0, static_cast<std::uint32_t>(found));
  return ended;
}

bool sort(ByteSpan in, MutableByteSpan sorted, MutableByteSpan work, const Stop& stop) noexcept {
  const std::uint64_t words = in.size() / 4;
  std::array<Digits, 4> digits{};  // the same keys in every pass: counted once
  // The input is read once, into `sorted`: a file may change between the count and the first pass.
  if (!in_pieces(words, kPieceBytes / 4, stop, [&](auto begin, auto end) {
        for (std::uint64_t i = begin; i < end; ++i) {
          const auto key = read_once<std::uint32_t>(in.data() + i * 4);
          put_word(sorted.data(), i, key);
          for (std::uint32_t pass = 0; pass < 4; ++pass) ++digits[pass][key >> 8 * pass & 0xFFu];
        }
      })) {
    return false;
  }
  for (Digits& next : digits) {
    std::uint64_t at = 0;
    for (std::uint64_t& place : next) at += std::exchange(place, at);
  }
  return radix_pass(sorted.data(), work.data(), words, 0, digits[0], stop) &&
         radix_pass(work.data(), sorted.data(), words, 8, digits[1], stop) &&
         radix_pass(sorted.data(), work.data(), words, 16, digits[2], stop) &&
         radix_pass(work.data(), sorted.data(), words, 24, digits[3], stop);
}

}  // namespace vyre::builtin

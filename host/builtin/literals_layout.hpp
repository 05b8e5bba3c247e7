// Bytes of match.literals: the pattern blob that compile_literals() makes, and the hits that come
// out. Plain old data, host and device. Spec: docs/ops.md and docs/internals/builtin-ops.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/host_device.hpp"
#include "protocol/limits.hpp"

namespace vyre::builtin {

inline constexpr std::uint32_t kLiteralsMagic{0x54494C56u};  // "VLIT"
inline constexpr std::uint32_t kLiteralsVersion{1};
/// In a transition: the next state has outputs. The other bits are that state.
inline constexpr std::uint32_t kLiteralsReports{1u << 31};

struct LiteralsHeader {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t bytes;  // of the whole blob
  std::uint32_t patterns;
  std::uint32_t states;
  std::uint32_t classes;
  std::uint32_t max_length;
  std::uint32_t outputs;
  std::uint32_t zeros[8];
};
static_assert(sizeof(LiteralsHeader) == 64 && alignof(LiteralsHeader) == 4);
static_assert(offsetof(LiteralsHeader, zeros) == 32);
static_assert(std::is_trivially_copyable_v<LiteralsHeader>);
static_assert(std::has_unique_object_representations_v<LiteralsHeader>);

/// Byte offsets in the blob. They follow from the counts.
struct LiteralsSections {
  std::uint64_t classes;      // 256 bytes
  std::uint64_t transitions;  // [state * classes + class]
  std::uint64_t first;        // [state]: first of its outputs; one more at the end
  std::uint64_t outputs;      // pattern indices
  std::uint64_t lengths;      // [pattern]
  std::uint64_t end;
};

[[nodiscard]] VYRE_HD constexpr LiteralsSections literals_sections(
    const LiteralsHeader& header) noexcept {
  LiteralsSections at{};
  at.classes = sizeof(LiteralsHeader);
  at.transitions = at.classes + 256;
  at.first = at.transitions + std::uint64_t{header.states} * header.classes * 4;
  at.outputs = at.first + (std::uint64_t{header.states} + 1) * 4;
  at.lengths = at.outputs + std::uint64_t{header.outputs} * 4;
  at.end = at.lengths + std::uint64_t{header.patterns} * 4;
  return at;
}

/// Rules 1 and 2 of the page, for a buffer that is long enough for a header. After this every
/// section lies inside the buffer; what is in the sections is still to be checked (rules 3 to 7).
[[nodiscard]] VYRE_HD constexpr bool literals_header_holds(const LiteralsHeader& header,
                                                           std::uint64_t buffer_bytes) noexcept {
  for (const std::uint32_t zero : header.zeros) {
    if (zero != 0) return false;
  }
  // The bounds on the counts come first: they keep the sums of literals_sections far from 2^64.
  return header.magic == kLiteralsMagic && header.version == kLiteralsVersion &&
         header.patterns >= 1 && header.patterns <= kMaxLiterals && header.classes >= 1 &&
         header.classes <= 256 && header.max_length >= 1 && header.max_length <= kMaxLiteralBytes &&
         header.states >= 1 && header.states <= kMaxLiteralAutomatonBytes &&
         header.outputs <= kMaxLiteralAutomatonBytes && header.bytes <= kMaxLiteralAutomatonBytes &&
         header.bytes <= buffer_bytes && literals_sections(header).end == header.bytes;
}

/// The output: this, then records.
struct LiteralHits {
  std::uint64_t hits;     // in the whole text
  std::uint64_t records;  // written behind this header
};
static_assert(sizeof(LiteralHits) == 16 && std::has_unique_object_representations_v<LiteralHits>);

struct LiteralHit {
  std::uint64_t end;      // offset of the byte behind the match
  std::uint32_t pattern;  // index in the list that was compiled
  std::uint32_t length;   // the match is text[end - length, end)
};
static_assert(sizeof(LiteralHit) == 16 && std::has_unique_object_representations_v<LiteralHit>);
static_assert(std::is_trivially_copyable_v<LiteralHit>);

[[nodiscard]] VYRE_HD constexpr std::uint64_t hit_capacity(std::uint64_t output_bytes) noexcept {
  return output_bytes < sizeof(LiteralHits)
             ? 0
             : (output_bytes - sizeof(LiteralHits)) / sizeof(LiteralHit);
}

}  // namespace vyre::builtin

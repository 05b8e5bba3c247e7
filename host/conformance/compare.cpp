// See compare.hpp.
#include "compare.hpp"

#include <algorithm>

#include "base/message.hpp"
#include "base/ulp.hpp"

namespace vyre::conformance {
namespace {

std::string byte_difference(ByteSpan expected, ByteSpan actual, std::size_t at) {
  const std::size_t shown = std::min<std::size_t>(4, expected.size() - at);
  return message("byte {}: expected {}, got {}", at, to_hex(expected.subspan(at, shown)),
                 to_hex(actual.subspan(at, shown)));
}

}  // namespace

std::optional<std::string> first_difference(ByteSpan expected, ByteSpan actual, bool is_f32,
                                            std::uint64_t ulp) {
  if (expected.size() != actual.size()) {
    return message("expected {} bytes, got {}", expected.size(), actual.size());
  }
  std::size_t at = 0;
  if (is_f32) {
    for (; at + 4 <= expected.size(); at += 4) {
      const auto want = load_le<std::uint32_t>(expected, at);
      const auto got = load_le<std::uint32_t>(actual, at);
      const std::uint64_t distance = ulp_distance(want, got);
      if (distance > ulp) {
        return message("{} ({}, allowed {})", byte_difference(expected, actual, at),
                       distance == ~std::uint64_t{0} ? "NaN" : message("{} ulp", distance), ulp);
      }
    }
  }
  for (; at < expected.size(); ++at) {
    if (expected[at] != actual[at]) return byte_difference(expected, actual, at);
  }
  return std::nullopt;
}

}  // namespace vyre::conformance

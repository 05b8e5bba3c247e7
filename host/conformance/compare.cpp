// See compare.hpp.
#include "compare.hpp"

#include <algorithm>

#include "base/ulp.hpp"

namespace vyre::conformance {
namespace {

std::string byte_difference(ByteSpan expected, ByteSpan actual, std::size_t at) {
  const std::size_t shown = std::min<std::size_t>(4, expected.size() - at);
  return "byte " + std::to_string(at) + ": expected " + to_hex(expected.subspan(at, shown)) +
         ", got " + to_hex(actual.subspan(at, shown));
}

}  // namespace

std::optional<std::string> first_difference(ByteSpan expected, ByteSpan actual, bool is_f32,
                                            std::uint64_t ulp) {
  if (expected.size() != actual.size()) {
    return "expected " + std::to_string(expected.size()) + " bytes, got " +
           std::to_string(actual.size());
  }
  std::size_t at = 0;
  if (is_f32) {
    for (; at + 4 <= expected.size(); at += 4) {
      const auto want = load_le<std::uint32_t>(expected, at);
      const auto got = load_le<std::uint32_t>(actual, at);
      const std::uint64_t distance = ulp_distance(want, got);
      if (distance > ulp) {
        return byte_difference(expected, actual, at) + " (" +
               (distance == ~std::uint64_t{0} ? std::string("NaN")
                                              : std::to_string(distance) + " ulp") +
               ", allowed " + std::to_string(ulp) + ")";
      }
    }
  }
  for (; at < expected.size(); ++at) {
    if (expected[at] != actual[at]) return byte_difference(expected, actual, at);
  }
  return std::nullopt;
}

}  // namespace vyre::conformance

// See compare.hpp.
#include "compare.hpp"

#include <algorithm>

namespace vyre::conformance {
namespace {

bool is_nan(std::uint32_t bits) noexcept {
  return (bits & 0x7FFF'FFFFu) > 0x7F80'0000u;
}

// -0 is one below +0: negative values count down from -1.
std::int64_t order_key(std::uint32_t bits) noexcept {
  const auto magnitude = static_cast<std::int64_t>(bits & 0x7FFF'FFFFu);
  return (bits >> 31) != 0 ? -1 - magnitude : magnitude;
}

std::string byte_difference(ByteSpan expected, ByteSpan actual, std::size_t at) {
  const std::size_t shown = std::min<std::size_t>(4, expected.size() - at);
  return "byte " + std::to_string(at) + ": expected " + to_hex(expected.subspan(at, shown)) +
         ", got " + to_hex(actual.subspan(at, shown));
}

}  // namespace

std::uint64_t ulp_distance(std::uint32_t a, std::uint32_t b) noexcept {
  if (a == b) return 0;
  if (is_nan(a) || is_nan(b)) return ~std::uint64_t{0};
  const std::int64_t d = order_key(a) - order_key(b);
  return static_cast<std::uint64_t>(d < 0 ? -d : d);
}

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

bool has_transcendentals(const vir::Program& program) noexcept {
  return std::any_of(program.exprs.begin(), program.exprs.end(), [](const vir::Expr& e) {
    if (e.tag != vir::ExprTag::UnOp) return false;
    switch (static_cast<vir::UnOp>(e.op)) {
      case vir::UnOp::Cos:
      case vir::UnOp::Sin:
      case vir::UnOp::Tan:
      case vir::UnOp::Acos:
      case vir::UnOp::Asin:
      case vir::UnOp::Atan:
      case vir::UnOp::Cosh:
      case vir::UnOp::Sinh:
      case vir::UnOp::Tanh:
      case vir::UnOp::Exp:
      case vir::UnOp::Exp2:
      case vir::UnOp::Log:
      case vir::UnOp::Log2:
        return true;
      default:
        return false;
    }
  });
}

}  // namespace vyre::conformance

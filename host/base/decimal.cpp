#include "base/decimal.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace vyre {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Whether a well-formed decimal without a sign is at least 1. The library says "out of range" of
/// numbers too large and too small alike.
bool is_large(std::string_view text) noexcept {
  const std::size_t mantissa_end = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, mantissa_end);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return false;
  // The exponent of the leading digit: 0 for 1.5, -1 for 0.5.
  const std::int64_t leading = first < point ? static_cast<std::int64_t>(point - first) - 1
                                             : -static_cast<std::int64_t>(first - point);
  constexpr std::int64_t kAnswered{std::int64_t{1} << 56};  // beyond any count of digits
  std::int64_t exponent = 0;
  bool negative = false;
  for (const char c : text.substr(mantissa_end)) {
    negative = negative || c == '-';
    if (is_digit(c)) exponent = std::min(exponent * 10 + (c - '0'), kAnswered);
  }
  return leading + (negative ? -exponent : exponent) >= 0;
}

}  // namespace

DecimalVerdict read_f32(std::string_view text, float& value) noexcept {
  const bool negative = text.substr(0, 1) == "-";
  const std::string_view magnitude = text.substr(negative ? 1 : 0);
  float read = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, read);
  if (stop != end || code == std::errc::invalid_argument) return DecimalVerdict::malformed;
  const bool in_digits = !magnitude.empty() && (is_digit(magnitude[0]) || magnitude[0] == '.');
  if (code == std::errc::result_out_of_range || (in_digits && std::isinf(read))) {
    if (is_large(magnitude)) return DecimalVerdict::beyond_f32;
    read = negative ? -0.0f : 0.0f;
  }
  value = read;
  return DecimalVerdict::number;
}

}  // namespace vyre

#include "numbers.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "base/message.hpp"
#include "shell.hpp"

namespace vyre::cli {
namespace {

tl::unexpected<Error> refused(std::string_view text, const std::string& why) {
  if (text.empty()) return fail(Errc::invalid_argument, "the number is empty");
  return fail(Errc::invalid_argument, message("'{}' {}", shown(text), why));
}

/// Twenty digits and more are read more easily by their number.
tl::unexpected<Error> too_long(std::string_view text) {
  return fail(Errc::invalid_argument, message("'{}...', a number of {} digits, is beyond 64 bits",
                                              text.substr(0, 10), text.size()));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

Result<std::uint64_t> whole_number(std::string_view text, std::uint64_t most) {
  const std::string range = most == ~std::uint64_t{0} ? "" : message(" from 0 to {}", most);
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) {
    const bool negative = text.size() > 1 && text[0] == '-' && is_digit(text[1]);
    return refused(text, negative ? message("is negative; give a whole number{}", range)
                                  : message("is not a whole decimal number{}", range));
  }
  std::uint64_t value = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc()) return too_long(text);
  if (value > most) return refused(text, message("is too large; give a whole number{}", range));
  return value;
}

Result<std::uint64_t> byte_count(std::string_view text) {
  constexpr std::string_view kUnits{"kmgtpe"};
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  std::string unit(text.substr(digits));
  unit.erase(0, unit.find_first_not_of(' '));
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (unit.empty() && digits != text.size()) return whole_number(text, ~std::uint64_t{0});
  std::size_t power = 0;
  if (!unit.empty() && unit != "b") {
    power = kUnits.find(unit[0]) + 1;  // npos + 1 is 0
    const std::string rest = unit.substr(1);
    if (digits == 0 || power == 0 || (rest != "" && rest != "b" && rest != "i" && rest != "ib")) {
      if (digits == 0) return whole_number(text, ~std::uint64_t{0});  // says what is wrong
      return refused(text,
                     "is no count of bytes; write digits and B, KB, MB, GB or TB, as in 512MB");
    }
  }
  VYRE_ASSIGN(const std::uint64_t number, whole_number(text.substr(0, digits), ~std::uint64_t{0}));
  const std::uint64_t factor = std::uint64_t{1} << (10 * power);
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(number, factor, &bytes)) return refused(text, "is beyond 64 bits");
  return bytes;
}

Result<double> seconds_of(std::string_view text) {
  double value = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Compared so that "nan" fails too.
  const bool fits =
      code == std::errc() && stop == text.data() + text.size() && value >= 0.001 && value <= 1e9;
  if (!fits) return refused(text, "is not a number of seconds from 0.001 to 1e9");
  return value;
}

Result<std::chrono::nanoseconds> interval_of(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
      {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}}};
  constexpr double kLeastSeconds{0.01};
  constexpr double kMostSeconds{86'400};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, seconds] : kUnits) {
    const double wanted = number * seconds;
    if (error != std::errc{} || unit != name || !(wanted >= kLeastSeconds) || wanted > kMostSeconds)
      continue;
    return std::chrono::nanoseconds(std::llround(wanted * 1e9));
  }
  return fail(Errc::invalid_argument,
              message("'{}' is no time between reports; write 1s, 250ms or 2m, from 10ms to a day",
                      text.substr(0, 40)));
}

}  // namespace vyre::cli

// limits.def as a table; names are made from the identifiers at compile time, so that there is one
// spelling.
#include "protocol/limits_table.hpp"

#include <array>
#include <cstddef>

#include "protocol/limits.hpp"

namespace vyre {
namespace {

struct SnakeName {
  std::array<char, 48> text{};
  std::size_t length{0};
};

constexpr SnakeName snake(std::string_view identifier) {
  SnakeName out;
  for (std::size_t i = 1; i < identifier.size(); ++i) {  // without the leading k
    const char c = identifier[i];
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && i > 1) out.text[out.length++] = '_';
    out.text[out.length++] = upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

constexpr SnakeName kNames[]{
#define VYRE_LIMIT(type, name, value, unit, reason) snake(#name),
#include "protocol/limits.def"
#undef VYRE_LIMIT
};
constexpr std::size_t kCount{sizeof(kNames) / sizeof(kNames[0])};

struct Row {
  std::string_view identifier;
  std::uint64_t value;
  std::string_view unit;
  std::string_view reason;
};
constexpr Row kRows[]{
#define VYRE_LIMIT(type, name, value, unit, reason) {#name, name, unit, reason},
#include "protocol/limits.def"
#undef VYRE_LIMIT
};

constexpr std::array<Limit, kCount> table() {
  std::array<Limit, kCount> out{};
  for (std::size_t i = 0; i < kCount; ++i) {
    out[i] = {kRows[i].identifier, std::string_view{kNames[i].text.data(), kNames[i].length},
              kRows[i].value, kRows[i].unit, kRows[i].reason};
  }
  return out;
}

constexpr std::array<Limit, kCount> kLimits{table()};

}  // namespace

std::span<const Limit> limits() noexcept {
  return kLimits;
}

}  // namespace vyre

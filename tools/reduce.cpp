#include "reduce.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "base/message.hpp"
#include "vyre/vyre.h"

namespace vyre::cli {
namespace {

struct RuleName {
  std::string_view name;
  Reduce rule;
};
constexpr std::array<RuleName, 7> kRules{{{"sum", Reduce::sum},
                                          {"min", Reduce::min},
                                          {"max", Reduce::max},
                                          {"or", Reduce::bit_or},
                                          {"concat", Reduce::concat},
                                          {"none", Reduce::none},
                                          {"sum", Reduce::sum32}}};  // a sum to people

/// Calls `with` with a number of the element's type; nothing where it is no number.
template <class With>
void as_number(std::uint32_t element, const With& with) {
  switch (element) {
    case VYRE_ELEMENT_U8:
      return with(std::uint8_t{});
    case VYRE_ELEMENT_U16:
      return with(std::uint16_t{});
    case VYRE_ELEMENT_U32:
    case VYRE_ELEMENT_BOOL:
      return with(std::uint32_t{});
    case VYRE_ELEMENT_U64:
      return with(std::uint64_t{});
    case VYRE_ELEMENT_I8:
      return with(std::int8_t{});
    case VYRE_ELEMENT_I16:
      return with(std::int16_t{});
    case VYRE_ELEMENT_I32:
      return with(std::int32_t{});
    case VYRE_ELEMENT_I64:
      return with(std::int64_t{});
    case VYRE_ELEMENT_F32:
      return with(float{});
    default:
      return;
  }
}

template <class Number>
constexpr bool kIsFloat = std::is_floating_point_v<Number>;

/// Of a sum of such numbers.
template <class Number>
using Wide = std::conditional_t<std::is_signed_v<Number>, std::int64_t, std::uint64_t>;

template <class Number>
void store_le(Bytes& bytes, std::size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
}

Status lengths_differ(std::size_t one, std::size_t other) {
  return fail(Errc::invalid_argument,
              message("outputs of {} and {} elements cannot be put together by element; "
                      "--reduce concat or none takes them",
                      one, other));
}

/// The smaller or the greater; NaN only where both are.
template <class Number>
Number chosen(Number one, Number other, bool least) {
  if constexpr (kIsFloat<Number>) {
    if (std::isnan(one)) return other;
    if (std::isnan(other)) return one;
  }
  return (least ? other < one : one < other) ? other : one;
}

/// Adds numbers to sums of 64 bits.
template <class Number>
Status add_each(Bytes& sums, ByteSpan part, bool first) {
  using Sum = Wide<Number>;
  const std::size_t count = part.size() / sizeof(Number);
  if (first) sums.assign(count * sizeof(Sum), 0);
  if (sums.size() != count * sizeof(Sum)) return lengths_differ(sums.size() / sizeof(Sum), count);
  for (std::size_t i = 0; i < count; ++i) {
    Sum sum = load_le<Sum>(sums, i * sizeof(Sum));
    const auto more = static_cast<Sum>(load_le<Number>(part, i * sizeof(Number)));
    if (__builtin_add_overflow(sum, more, &sum))
      return fail(Errc::limit_exceeded, message("sum number {} is beyond 64 bits", i));
    store_le(sums, i * sizeof(Sum), sum);
  }
  return {};
}

/// By rules whose results are of the elements' own type.
template <class Number>
Status fold_each(Bytes& held, ByteSpan part, bool first, Reduce rule) {
  const std::size_t count = part.size() / sizeof(Number);
  if (first) {
    held.assign(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count * sizeof(Number)));
    return {};
  }
  if (held.size() != count * sizeof(Number))
    return lengths_differ(held.size() / sizeof(Number), count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i * sizeof(Number);
    const auto one = load_le<Number>(held, at);
    const auto other = load_le<Number>(part, at);
    Number made = chosen(one, other, rule == Reduce::min);
    if constexpr (!kIsFloat<Number>) {
      using Bits = std::make_unsigned_t<Number>;
      const auto a = static_cast<Bits>(one);
      const auto b = static_cast<Bits>(other);
      if (rule == Reduce::bit_or) made = static_cast<Number>(a | b);
      if (rule == Reduce::sum32) made = static_cast<Number>(static_cast<Bits>(a + b));
    }
    store_le(held, at, made);
  }
  return {};
}

}  // namespace

std::optional<Reduce> reduce_of(std::string_view name) {
  const auto found = std::find_if(kRules.begin(), kRules.end(),
                                  [name](const RuleName& rule) { return rule.name == name; });
  if (found == kRules.end()) return std::nullopt;
  return found->rule;
}

std::string_view reduce_name(Reduce rule) {
  const auto found = std::find_if(kRules.begin(), kRules.end(),
                                  [rule](const RuleName& one) { return one.rule == rule; });
  return found->name;
}

std::string why_not_reduced(Reduce rule, std::uint32_t element) {
  if (rule == Reduce::none || rule == Reduce::concat) return {};
  std::string why = "its elements are no numbers that the command knows";
  as_number(element, [&](auto number) {
    why.clear();
    if constexpr (kIsFloat<decltype(number)>) {
      if (rule == Reduce::sum) why = "the sum of f32 depends on where the file is cut";
      if (rule == Reduce::bit_or) why = "its elements are f32";
    }
  });
  return why;
}

Result<Format> format_of_reduced(Reduce rule, std::uint32_t element, Format format) {
  if (rule != Reduce::sum) return format;
  switch (format) {
    case Format::hex32:
      return Format::hex64;
    case Format::f32:
      return fail(Errc::invalid_argument, "--format f32 is no form of a sum of integers");
    case Format::raw:
    case Format::hex:
    case Format::hex64:
    case Format::u64:
    case Format::i64:
      return format;
    case Format::u32:
      return Format::u64;
    case Format::i32:
      return Format::i64;
    default:
      break;
  }
  Format made = Format::u64;
  as_number(element, [&](auto number) {
    if (std::is_signed_v<decltype(number)>) made = Format::i64;
  });
  return made;
}

Status Reduction::add(ByteSpan part) {
  return fold(part, false);
}

Status Reduction::add(const Reduction& other) {
  return other.begun_ ? fold(other.held_, true) : Status{};
}

Status Reduction::fold(ByteSpan part, bool widened) {
  const bool first = !std::exchange(begun_, true);
  if (rule_ == Reduce::concat) {
    if (part.size() > most_bytes_ - std::min<std::uint64_t>(most_bytes_, held_.size())) {
      return fail(Errc::limit_exceeded,
                  message("its outputs together are larger than {} bytes; --max-memory raises the "
                          "bound, --reduce none gives out each alone",
                          most_bytes_));
    }
    held_.insert(held_.end(), part.begin(), part.end());
    return {};
  }
  Status folded;
  as_number(element_, [&](auto zero) {
    using Number = decltype(zero);
    if constexpr (!kIsFloat<Number>) {
      if (rule_ == Reduce::sum) {
        folded = widened ? add_each<Wide<Number>>(held_, part, first)
                         : add_each<Number>(held_, part, first);
        return;
      }
    }
    folded = fold_each<Number>(held_, part, first, rule_);
  });
  return folded;
}

}  // namespace vyre::cli

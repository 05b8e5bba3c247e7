// Keys of a JSON object as values; every complaint names the key. Host only, private to this room,
// pure.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.hpp"
#include "base/message.hpp"

namespace vyre::conformance {

using Json = nlohmann::json;

[[nodiscard]] inline tl::unexpected<Error> bad(const std::string& what) {
  return fail(Errc::malformed, what);
}

/// Null where the key is missing.
[[nodiscard]] inline const Json* find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

/// Empty where the value is no string. Comparing a value with a literal would make another value,
/// which needs memory in a function that must not throw.
[[nodiscard]] inline std::string_view word_of(const Json& value) noexcept {
  const auto* const text = value.get_ptr<const std::string*>();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

[[nodiscard]] inline Result<std::string> text(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr || !value->is_string()) {
    return bad(message("key \"{}\" is missing or no string", key));
  }
  return value->get<std::string>();
}

/// A whole number that fits `Number`; `what` names it in the error.
template <class Number>
[[nodiscard]] Result<Number> whole_number(const Json& value, const std::string& what) {
  static_assert(std::is_unsigned_v<Number>);
  if (!value.is_number_unsigned() ||
      value.get<std::uint64_t>() > std::numeric_limits<Number>::max()) {
    return bad(message("{} is no whole number of {} bits", what, 8 * sizeof(Number)));
  }
  return static_cast<Number>(value.get<std::uint64_t>());
}

template <class Number>
[[nodiscard]] Result<Number> number(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr) return bad(message("key \"{}\" is missing", key));
  return whole_number<Number>(*value, message("key \"{}\"", key));
}

[[nodiscard]] inline Result<const Json*> list(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr || !value->is_array()) {
    return bad(message("key \"{}\" is missing or no list", key));
  }
  return value;
}

}  // namespace vyre::conformance

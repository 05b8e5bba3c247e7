// A JSON document that the library answered with, taken apart. json_value.cpp alone names the
// parser, because its header costs a file that includes it three seconds. What a command writes
// itself it writes with base/json_writer.hpp. Main thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/json_writer.hpp"

namespace vyre::cli {

class JsonValue {
 public:
  using Array = std::vector<JsonValue>;
  using Object = std::vector<std::pair<std::string, JsonValue>>;
  using Held = std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string,
                            Array, Object>;

  JsonValue() = default;  // null
  explicit JsonValue(Held held) : held_(std::move(held)) {}

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::nullptr_t>(held_); }
  // The caller knows the form of the document: another type, or a member that is not there, is a
  // std::exception.
  [[nodiscard]] const std::string& text() const { return std::get<std::string>(held_); }
  [[nodiscard]] bool flag() const { return std::get<bool>(held_); }
  [[nodiscard]] std::uint64_t number() const { return std::get<std::uint64_t>(held_); }
  /// A number of any kind.
  [[nodiscard]] double real() const;
  [[nodiscard]] const Object& members() const { return std::get<Object>(held_); }
  /// It is an object with that member.
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] const Array& elements() const { return std::get<Array>(held_); }
  [[nodiscard]] Array& elements() { return std::get<Array>(held_); }
  [[nodiscard]] const JsonValue& operator[](std::string_view name) const;
  [[nodiscard]] JsonValue& operator[](std::string_view name);
  /// Takes a member away, if it is there.
  void erase(std::string_view name);

  void write(JsonWriter& json) const;

 private:
  Held held_;
};

void write(JsonWriter& json, const JsonValue::Array& elements);

/// Errc::internal if it is no JSON. Of members with one name, the last one counts.
[[nodiscard]] Result<JsonValue> parse_json(std::string_view text);

}  // namespace vyre::cli

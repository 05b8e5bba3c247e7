// Writes a JSON document piece by piece into one string. It keeps no tree, so that memory which
// runs out meanwhile is a std::bad_alloc like any other: the trees of JSON libraries need memory
// even to be destroyed. Any thread; needs no locale.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vyre {

/// The caller keeps the form: a key before each member of an object, and as many ends as begins.
class JsonWriter {
 public:
  /// Spaces a level; negative: all on one line, without spaces.
  explicit JsonWriter(int indent = -1) : indent_(indent) {}

  JsonWriter& begin_object() { return begin('{'); }
  JsonWriter& end_object() { return end('}'); }
  JsonWriter& begin_array() { return begin('['); }
  JsonWriter& end_array() { return end(']'); }
  JsonWriter& key(std::string_view name);

  /// What is no UTF-8 becomes U+FFFD.
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(std::nullptr_t) { return word("null"); }
  /// The shortest text that means the same double; null for what JSON has no number for.
  JsonWriter& value(double number);
  template <std::integral Number>
  JsonWriter& value(Number number) {
    if constexpr (std::same_as<Number, bool>) {
      return word(number ? "true" : "false");
    } else if constexpr (std::signed_integral<Number>) {
      return word(std::to_string(static_cast<std::int64_t>(number)));
    } else {
      return word(std::to_string(static_cast<std::uint64_t>(number)));
    }
  }
  template <class T>
  JsonWriter& value(const std::optional<T>& given) {
    return given ? value(*given) : value(nullptr);
  }
  template <class T>
  JsonWriter& value(const std::vector<T>& elements) {
    begin_array();
    for (const T& element : elements) value(element);
    return end_array();
  }
  template <class T>
  JsonWriter& member(std::string_view name, const T& given) {
    return key(name).value(given);
  }

  [[nodiscard]] const std::string& text() const& noexcept { return text_; }
  [[nodiscard]] std::string text() && noexcept { return std::move(text_); }

 private:
  JsonWriter& begin(char bracket);
  JsonWriter& end(char bracket);
  JsonWriter& word(std::string_view text);
  void quote(std::string_view text);
  /// Before each element and each key: the comma behind the one before, and the new line.
  void separate();
  void new_line();

  int indent_;
  int level_{0};
  bool first_{true};  // of its object or array
  bool after_key_{false};
  std::string text_;
};

}  // namespace vyre

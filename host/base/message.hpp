// Builds the sentence of an error: a pattern with a `{}` for each value. The compiler counts the
// places, so that a value too few or too many does not compile. Any thread; needs no locale.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace vyre {

/// A number or a text, as long as the call that builds the message lasts.
class MessageValue {
 public:
  MessageValue(std::string_view text) noexcept : text_(text) {}
  MessageValue(const std::string& text) noexcept : text_(text) {}
  MessageValue(const char* text) noexcept : text_(text) {}
  template <std::integral Number>
  requires(!std::same_as<Number, bool> && !std::same_as<Number, char>) MessageValue(Number value)
  noexcept
      : is_number_(true),
        negative_(std::cmp_less(value, 0)),
        // Also right for the least number of a signed type.
        magnitude_(std::cmp_less(value, 0) ? ~static_cast<std::uint64_t>(value) + 1
                                           : static_cast<std::uint64_t>(value)) {}

  void append_to(std::string& out) const;

 private:
  std::string_view text_;
  bool is_number_{false};
  bool negative_{false};
  std::uint64_t magnitude_{0};
};

/// A literal with as many `{}` as there are values; `{{` and `}}` stand for one brace.
template <std::size_t kValues>
class MessagePattern {
 public:
  consteval MessagePattern(const char* text) : text_(text) {
    std::size_t places = 0;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] != '{' && text_[i] != '}') continue;
      const char next = i + 1 < text_.size() ? text_[i + 1] : '\0';
      if (text_[i] == '{' && next == '}') {
        ++places;
      } else if (next != text_[i]) {
        throw "a brace of the pattern is neither {} nor doubled";
      }
      ++i;
    }
    if (places != kValues) throw "the pattern has another number of {} than there are values";
  }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

[[nodiscard]] std::string build_message(std::string_view pattern,
                                        std::span<const MessageValue> values);

template <class... Values>
[[nodiscard]] std::string message(std::type_identity_t<MessagePattern<sizeof...(Values)>> pattern,
                                  const Values&... values) {
  const std::array<MessageValue, sizeof...(Values)> all{MessageValue(values)...};
  return build_message(pattern.text(), all);
}

}  // namespace vyre

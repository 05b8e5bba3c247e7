// The lexer of the text form: bytes in, one token at a time out, with line and column.
// Private to host/vir. Never allocates more than the token it returns. Spec: docs/vir0-text.md,
// "Tokens".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vyre::vir::text {

enum class TokenKind : std::uint8_t { end, word, string, hex, number, character, punct, bad };

struct Token {
  TokenKind kind{TokenKind::end};
  std::string_view text;  // as written; for `bad` the reason
  std::string value;      // string, character: decoded; hex: the digits without spaces
  std::uint32_t line{1};
  std::uint32_t column{1};  // characters, not bytes
  bool joined{false};       // no space or comment before it
  std::uint32_t file{0};    // of the lexer
};

class Lexer {
 public:
  /// A byte order mark before the text is passed over and counts no column.
  explicit Lexer(std::string_view source, std::uint32_t file = 0);
  /// After the end, and after a bad token, every further token is `end`.
  Token next();

 private:
  void skip_space(Token& token);
  void read_string(Token& token, std::size_t begin);
  void read_character(Token& token, std::size_t begin);
  bool read_escape(Token& token);
  void read_hex(Token& token);
  void read_number(Token& token);
  void bad(Token& token, std::string_view reason);
  /// Bytes of the valid UTF-8 character at `at`, 0 if there is none.
  [[nodiscard]] std::size_t character_bytes(std::size_t at) const;
  void advance(std::size_t bytes);  // within one line, over whole characters
  /// A line ends at \n, at \r\n (whose \r is a space) and at a lone \r.
  [[nodiscard]] bool ends_line() const;
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  std::string_view source_;
  std::uint32_t file_;
  std::size_t at_{0};
  std::uint32_t line_{1};
  std::uint32_t column_{1};
  std::uint32_t bad_line_{0};  // where inside a string the reason of `bad` lies; 0: at its start
  std::uint32_t bad_column_{0};
};

[[nodiscard]] bool is_word_start(char c) noexcept;
[[nodiscard]] bool is_word_part(char c) noexcept;
/// Appends the UTF-8 form of a scalar value; false if it is a surrogate or beyond U+10FFFF.
[[nodiscard]] bool append_utf8(std::string& out, std::uint32_t scalar);
/// Length of the valid UTF-8 character at the start of `text` and its scalar value; 0 if there is
/// none.
[[nodiscard]] std::size_t decode_utf8(std::string_view text, std::uint32_t& scalar);

}  // namespace vyre::vir::text

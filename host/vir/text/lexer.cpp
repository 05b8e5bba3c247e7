#include "lexer.hpp"

#include <algorithm>
#include <array>

namespace vyre::vir::text {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Longest first, so that a prefix never wins.
constexpr std::array<std::string_view, 19> kLongPuncts{
    "<<=", ">>=", "<<", ">>", "==", "!=", "<=", ">=", "&&", "||",
    "..",  "+=",  "-=", "*=", "/=", "%=", "&=", "|=", "^="};
constexpr std::string_view kOneCharPuncts{"+-*/%&|^~!<>=.,:;@()[]{}"};

constexpr std::string_view kByteOrderMark{"\xEF\xBB\xBF"};

}  // namespace

Lexer::Lexer(std::string_view source, std::uint32_t file) : source_(source), file_(file) {
  if (source_.substr(0, kByteOrderMark.size()) == kByteOrderMark) at_ = kByteOrderMark.size();
}

bool is_word_start(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_word_part(char c) noexcept {
  return is_word_start(c) || is_digit(c);
}

bool append_utf8(std::string& out, std::uint32_t scalar) {
  if (scalar > 0x10FFFF || (scalar >= 0xD800 && scalar <= 0xDFFF)) return false;
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (scalar < 0x80) {
    put(scalar);
  } else if (scalar < 0x800) {
    put(0xC0 | scalar >> 6);
    put(0x80 | (scalar & 0x3F));
  } else if (scalar < 0x10000) {
    put(0xE0 | scalar >> 12);
    put(0x80 | (scalar >> 6 & 0x3F));
    put(0x80 | (scalar & 0x3F));
  } else {
    put(0xF0 | scalar >> 18);
    put(0x80 | (scalar >> 12 & 0x3F));
    put(0x80 | (scalar >> 6 & 0x3F));
    put(0x80 | (scalar & 0x3F));
  }
  return true;
}

std::size_t decode_utf8(std::string_view text, std::uint32_t& scalar) {
  if (text.empty()) return 0;
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) {
    scalar = first;
    return 1;
  }
  std::size_t bytes = 0;
  std::uint32_t least = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    bytes = 2, least = 0x80, scalar = first & 0x1Fu;
  } else if (first >= 0xE0 && first <= 0xEF) {
    bytes = 3, least = 0x800, scalar = first & 0x0Fu;
  } else if (first >= 0xF0 && first <= 0xF4) {
    bytes = 4, least = 0x10000, scalar = first & 0x07u;
  } else {
    return 0;
  }
  if (text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c & 0xC0) != 0x80) return 0;
    scalar = scalar << 6 | (c & 0x3Fu);
  }
  if (scalar < least || scalar > 0x10FFFF || (scalar >= 0xD800 && scalar <= 0xDFFF)) return 0;
  return bytes;
}

std::size_t Lexer::character_bytes(std::size_t at) const {
  std::uint32_t scalar = 0;
  return decode_utf8(source_.substr(at), scalar);
}

void Lexer::advance(std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    if ((static_cast<unsigned char>(source_[at_ + i]) & 0xC0) != 0x80) ++column_;
  }
  at_ += bytes;
}

bool Lexer::ends_line() const {
  return peek() == '\n' || (peek() == '\r' && peek(1) != '\n');
}

void Lexer::skip_space(Token& token) {
  token.joined = true;
  while (at_ < source_.size()) {
    const char c = source_[at_];
    if (ends_line()) {
      ++at_, ++line_, column_ = 1;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      advance(1);
    } else if (c == '/' && peek(1) == '/') {
      while (at_ < source_.size() && !ends_line()) ++at_;
    } else {
      return;
    }
    token.joined = false;
  }
}

void Lexer::bad(Token& token, std::string_view reason) {
  token.kind = TokenKind::bad;
  token.text = reason;
  if (bad_line_ != 0) token.line = bad_line_, token.column = bad_column_;
  at_ = source_.size();
}

Token Lexer::next() {
  Token token;
  token.file = file_;
  skip_space(token);
  token.line = line_;
  token.column = column_;
  if (at_ >= source_.size()) return token;
  const std::size_t begin = at_;
  const char c = source_[at_];
  if (is_word_start(c)) {
    while (is_word_part(peek())) advance(1);
    if (source_.substr(begin, at_ - begin) == "hex" && peek() == '"') {
      read_hex(token);
      return token;
    }
    token.kind = TokenKind::word;
  } else if (is_digit(c)) {
    read_number(token);
  } else if (c == '"') {
    read_string(token, begin);
    return token;
  } else if (c == '\'') {
    read_character(token, begin);
    return token;
  } else {
    for (const std::string_view punct : kLongPuncts) {
      if (source_.substr(at_, punct.size()) == punct) {
        token.kind = TokenKind::punct;
        advance(punct.size());
        token.text = source_.substr(begin, punct.size());
        return token;
      }
    }
    if (source_.substr(at_, kByteOrderMark.size()) == kByteOrderMark) {
      bad(token, "a byte order mark, which may only stand before the text; delete it");
      return token;
    }
    if (c == '?')
      return bad(token, "there is no ?: here; write select(condition, if_true, if_false)"), token;
    if (c == '#') {
      bad(token,
          "a character that has no meaning here; comments begin with //, and const, fn and include "
          "have "
          "no # before them");
      return token;
    }
    if (kOneCharPuncts.find(c) == std::string_view::npos) {
      bad(token,
          "a character that has no meaning here; names with such characters go in double quotes");
      return token;
    }
    token.kind = TokenKind::punct;
    advance(1);
  }
  token.text = source_.substr(begin, at_ - begin);
  return token;
}

void Lexer::read_number(Token& token) {
  token.kind = TokenKind::number;
  const std::size_t begin = at_;
  const bool radix =
      peek() == '0' && (peek(1) == 'x' || peek(1) == 'X' || peek(1) == 'b' || peek(1) == 'B');
  const auto digits = [&] {
    while (is_word_part(peek())) {
      const bool exponent = !radix && (peek() == 'e' || peek() == 'E');
      advance(1);
      if (exponent && (peek() == '+' || peek() == '-') && is_digit(peek(1))) advance(1);
    }
  };
  digits();
  // One dot only, and only before a digit: `0..4` is a range.
  if (!radix && peek() == '.' && is_digit(peek(1))) {
    advance(1);
    digits();
  }
  // A letter of a suffix is no digit.
  const auto is_one = [radix](char c) { return radix ? hex_value(c) >= 0 : is_digit(c); };
  for (std::size_t i = begin; i < at_; ++i) {
    if (source_[i] != '_' || (i != begin && source_[i - 1] == '_')) continue;
    const std::size_t behind = std::min(source_.find_first_not_of('_', i), at_);
    if (is_one(source_[i - 1]) && behind != at_ && is_one(source_[behind])) continue;
    return bad(token, "_ stands between the digits of a number only");
  }
}

void Lexer::read_hex(Token& token) {
  advance(1);
  token.kind = TokenKind::hex;
  while (true) {
    const char c = peek();
    if (at_ >= source_.size()) return bad(token, "hex\"...\" is not closed");
    if (c == '"') break;
    if (ends_line()) {
      ++at_, ++line_, column_ = 1;
      continue;
    }
    if (c != ' ' && c != '\t' && c != '\r') {
      if (hex_value(c) < 0) {
        bad_line_ = line_, bad_column_ = column_;
        return bad(token, "hex\"...\" takes hexadecimal digits and spaces only");
      }
      token.value.push_back(c);
    }
    advance(1);
  }
  advance(1);
  if (token.value.size() % 2 != 0)
    bad(token, "hex\"...\" has an odd number of digits; every byte takes two");
}

void Lexer::read_string(Token& token, std::size_t begin) {
  advance(1);
  token.kind = TokenKind::string;
  while (true) {
    if (at_ >= source_.size() || ends_line()) {
      bad_line_ = 0;
      return bad(token, "the string is not closed on its line; a line break inside one is \\n");
    }
    bad_line_ = line_, bad_column_ = column_;
    const char c = source_[at_];
    if (c == '"') break;
    if (c == '\\') {
      if (!read_escape(token)) return;
      continue;
    }
    const std::size_t bytes = character_bytes(at_);
    if (bytes == 0) return bad(token, "a byte that is not UTF-8; write it as \\xNN");
    token.value.append(source_.substr(at_, bytes));
    advance(bytes);
  }
  bad_line_ = 0;
  advance(1);
  token.text = source_.substr(begin, at_ - begin);
}

void Lexer::read_character(Token& token, std::size_t begin) {
  advance(1);
  token.kind = TokenKind::character;
  if (at_ < source_.size() && !ends_line() && peek() != '\'') {
    if (peek() == '\\') {
      if (!read_escape(token)) return;
    } else if (const std::size_t bytes = character_bytes(at_); bytes != 0) {
      token.value.append(source_.substr(at_, bytes));
      advance(bytes);
    }
  }
  if (peek() != '\'' || token.value.size() != 1) {
    return bad(
        token,
        "'...' holds one character of one byte, as in 'a', '\\n' or '\\xff'; write others as "
        "their bytes");
  }
  advance(1);
  token.text = source_.substr(begin, at_ - begin);
}

bool Lexer::read_escape(Token& token) {
  const char c = peek(1);
  const auto simple = [&](char value) {
    token.value.push_back(value);
    advance(2);
    return true;
  };
  switch (c) {
    case 'n':
      return simple('\n');
    case 't':
      return simple('\t');
    case 'r':
      return simple('\r');
    case '0':
      return simple('\0');
    case '\\':
      return simple('\\');
    case '"':
      return simple('"');
    case '\'':
      return simple('\'');
    case 'x': {
      const int high = hex_value(peek(2));
      const int low = hex_value(peek(3));
      if (high < 0 || low < 0)
        return bad(token, "\\x takes two hexadecimal digits, as in \\x7f"), false;
      token.value.push_back(static_cast<char>(high << 4 | low));
      advance(4);
      return true;
    }
    case 'u': {
      std::uint32_t scalar = 0;
      std::size_t i = 3;
      while (i < 9 && hex_value(peek(i)) >= 0)
        scalar = scalar << 4 | static_cast<std::uint32_t>(hex_value(peek(i++)));
      if (peek(2) != '{' || i == 3 || peek(i) != '}') {
        return bad(token, "\\u takes one to six hexadecimal digits in braces, as in \\u{3bb}"),
               false;
      }
      if (!append_utf8(token.value, scalar)) {
        return bad(token, "\\u{...} names no Unicode character (surrogate, or beyond 10ffff)"),
               false;
      }
      advance(i + 1);
      return true;
    }
    default:
      return bad(token, "unknown escape; use \\n \\t \\r \\0 \\\\ \\\" \\' \\xNN or \\u{...}"),
             false;
  }
}

}  // namespace vyre::vir::text

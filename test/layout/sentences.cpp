#include "sentences.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace vyre::layout {
namespace {

enum class Kind { word, literal, sign };

struct Token {
  Kind kind;
  std::string text;  // of a literal: what stands between the quotes, escapes and all
  int line;
};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// The tokens of C++ source, without comments. Literals beside each other are one.
class Tokens {
 public:
  explicit Tokens(std::string_view source) : source_(source) {
    while (at_ < source_.size()) step();
  }
  [[nodiscard]] const std::vector<Token>& all() const { return all_; }

 private:
  [[nodiscard]] std::string_view rest() const { return source_.substr(at_); }

  void skip_to(std::size_t end) {
    for (end = std::min(end, source_.size()); at_ < end; ++at_) line_ += source_[at_] == '\n';
  }

  void step() {
    const char c = source_[at_];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) return skip_to(at_ + 1);
    if (rest().starts_with("//")) return skip_to(source_.find('\n', at_));
    if (rest().starts_with("/*")) {
      const std::size_t end = source_.find("*/", at_ + 2);
      return skip_to(end == std::string_view::npos ? end : end + 2);
    }
    if (rest().starts_with("R\"")) return raw_literal();
    if (c == '"') return literal();
    if (c == '\'') return skip_to(end_of_quotes('\'') + 1);
    if (is_word(c)) return word();
    // Those of two characters that would be mistaken for two of one.
    const bool pair = rest().starts_with("+=") || rest().starts_with("++");
    add(Kind::sign, at_, at_ + (pair ? 2 : 1));
    skip_to(at_ + (pair ? 2 : 1));
  }

  void add(Kind kind, std::size_t from, std::size_t to) {
    const std::string_view text = source_.substr(from, to - from);
    if (kind == Kind::literal && !all_.empty() && all_.back().kind == Kind::literal) {
      all_.back().text += text;
    } else {
      all_.push_back({kind, std::string(text), line_});
    }
  }

  /// Where the quotes that open here are closed.
  [[nodiscard]] std::size_t end_of_quotes(char quote) const {
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    return std::min(end, source_.size());
  }
  void literal() {
    const std::size_t end = end_of_quotes('"');
    add(Kind::literal, at_ + 1, end);
    skip_to(end + 1);
  }
  void raw_literal() {
    const std::size_t open = source_.find('(', at_);
    const std::string close = ")" + std::string(source_.substr(at_ + 2, open - at_ - 2)) + "\"";
    const std::size_t end = source_.find(close, open);
    add(Kind::literal, open + 1, end);
    skip_to(end + close.size());
  }
  /// A name, or a number with its separators.
  void word() {
    const bool number = std::isdigit(static_cast<unsigned char>(source_[at_])) != 0;
    std::size_t end = at_;
    while (end < source_.size() && (is_word(source_[end]) || (number && source_[end] == '\'')))
      ++end;
    add(Kind::word, at_, end);
    skip_to(end);
  }

  std::string_view source_;
  std::size_t at_{0};
  int line_{1};
  std::vector<Token> all_;
};

/// From one token to another, both included.
struct Range {
  std::size_t first;
  std::size_t last;
};

class Search {
 public:
  explicit Search(const std::vector<Token>& tokens)
      : tokens_(tokens), partner_(tokens.size(), kNone), around_(tokens.size(), kNone) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const bool closes = is(i, ")") || is(i, "]") || is(i, "}");
      if (closes && !open.empty()) {
        partner_[i] = open.back();
        partner_[open.back()] = i;
        open.pop_back();
      }
      around_[i] = open.empty() ? kNone : open.back();
      if (is(i, "(") || is(i, "[") || is(i, "{")) open.push_back(i);
    }
  }

  /// Whether the literal is an operand of a `+`, perhaps within brackets.
  [[nodiscard]] bool joined_literal(std::size_t i) const {
    Range operand{i, i};
    while (!joined(operand)) {
      const std::size_t open = around_[operand.first];
      if (open == kNone || partner_[open] == kNone || !is(open, "(") || !seen_through(open))
        return false;
      const bool choice = is(operand.first - 1, "?") || is(operand.first - 1, ":");
      if (!choice && (open + 1 != operand.first || operand.last + 1 != partner_[open]))
        return false;
      operand = {start_of(open), partner_[open]};
    }
    return true;
  }

  /// Whether it is the name of a call std::to_string(...) that is an operand of a `+`.
  [[nodiscard]] bool joined_number(std::size_t i) const {
    if (i < 3 || !is(i, "to_string") || !is(i - 3, "std") || !is(i + 1, "(")) return false;
    return partner_[i + 1] != kNone && joined({i - 3, partner_[i + 1]});
  }

 private:
  static constexpr std::size_t kNone{~std::size_t{0}};

  [[nodiscard]] bool is(std::size_t i, std::string_view text) const {
    return i < tokens_.size() && tokens_[i].kind != Kind::literal && tokens_[i].text == text;
  }
  [[nodiscard]] bool joined(const Range& operand) const {
    return (operand.first != 0 && is(operand.first - 1, "+")) || is(operand.last + 1, "+");
  }
  /// Brackets that are std::string's or belong to no call.
  [[nodiscard]] bool seen_through(std::size_t open) const {
    return open != 0 && (is(open - 1, "string") || is(open - 1, "return") ||
                         (tokens_[open - 1].kind == Kind::sign && !is(open - 1, ")") &&
                          !is(open - 1, "]") && !is(open - 1, ">")));
  }
  /// Where the operand with these brackets begins: at std::, or at the bracket.
  [[nodiscard]] std::size_t start_of(std::size_t open) const {
    return open >= 4 && is(open - 1, "string") && is(open - 4, "std") ? open - 4 : open;
  }

  const std::vector<Token>& tokens_;
  std::vector<std::size_t> partner_;  // of a bracket
  std::vector<std::size_t> around_;   // the innermost bracket that is open around a token
};

/// Whether the literal holds a space and a word of two letters, and is not JSON.
bool is_sentence(std::string_view literal) {
  if (literal.find("\\\":") != std::string_view::npos) return false;
  bool word = false;
  for (std::size_t i = 0; i + 1 < literal.size(); ++i) {
    if (literal[i] == '\\') {
      ++i;
      continue;
    }
    word = word || (std::isalpha(static_cast<unsigned char>(literal[i])) != 0 &&
                    std::isalpha(static_cast<unsigned char>(literal[i + 1])) != 0);
  }
  return word && literal.find(' ') != std::string_view::npos;
}

}  // namespace

std::vector<std::string> joined_sentences(std::string_view path, std::string_view source) {
  const Tokens tokens{source};
  const Search search{tokens.all()};
  std::vector<std::string> found;
  const auto tell = [&](std::size_t i, const std::string& what) {
    found.push_back(std::string(path) + ":" + std::to_string(tokens.all()[i].line) + ": joins " +
                    what + " with +: let message() of base/message.hpp put it into a pattern");
  };
  for (std::size_t i = 0; i < tokens.all().size(); ++i) {
    const Token& token = tokens.all()[i];
    if (token.kind == Kind::literal && is_sentence(token.text) && search.joined_literal(i))
      tell(i, "\"" + token.text + "\"");
    if (token.kind == Kind::word && search.joined_number(i)) tell(i, "a number");
  }
  return found;
}

}  // namespace vyre::layout

#include "size_expression.hpp"

#include <optional>

#include "base/message.hpp"
#include "library.hpp"

namespace vyre::cli {
namespace {

class Evaluator {
 public:
  Evaluator(std::string_view text, const SizeOf& size_of) : text_(text), size_of_(size_of) {}

  Result<std::uint64_t> run() {
    const std::uint64_t value = sum();
    skip();
    if (!error_ && at_ != text_.size()) wrong("unexpected character");
    if (error_) return tl::unexpected<Error>(std::move(*error_));
    return value;
  }

 private:
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool accept(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::uint64_t wrong(const std::string& what, Errc code = Errc::invalid_argument) {
    if (!error_) {
      error_ = Error{code,
                     message("size expression '{}': {}; it may hold integers, + - * / %, "
                             "parentheses, len(BUFFER) and bytes(BUFFER)",
                             text_, what),
                     at_,
                     0,
                     0,
                     0};
    }
    at_ = text_.size();
    return 0;
  }

  std::uint64_t sum() {
    std::uint64_t value = product();
    while (!error_) {
      if (accept('+')) {
        if (__builtin_add_overflow(value, product(), &value))
          wrong("the sum is beyond 64 bits", Errc::limit_exceeded);
      } else if (accept('-')) {
        if (__builtin_sub_overflow(value, product(), &value))
          wrong("the difference is negative", Errc::limit_exceeded);
      } else {
        break;
      }
    }
    return value;
  }

  std::uint64_t product() {
    std::uint64_t value = term();
    while (!error_) {
      if (accept('*')) {
        if (__builtin_mul_overflow(value, term(), &value))
          wrong("the product is beyond 64 bits", Errc::limit_exceeded);
      } else if (accept('/')) {
        const std::uint64_t divisor = term();
        value = divisor == 0 ? wrong("division by zero", Errc::limit_exceeded) : value / divisor;
      } else if (accept('%')) {
        const std::uint64_t divisor = term();
        value = divisor == 0 ? wrong("division by zero", Errc::limit_exceeded) : value % divisor;
      } else {
        break;
      }
    }
    return value;
  }

  std::uint64_t term() {
    if (accept('(')) {
      if (++parentheses_ > limit("max_size_parentheses"))
        return wrong("too many parentheses inside each other");
      const std::uint64_t value = sum();
      --parentheses_;
      return accept(')') ? value : wrong("a parenthesis is not closed");
    }
    skip();
    if (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') return integer();
    const bool elements = text_.substr(at_, 4) == "len(";
    if (!elements && text_.substr(at_, 6) != "bytes(") return wrong("a value is missing");
    at_ += elements ? 4 : 6;
    const std::size_t close = text_.find(')', at_);
    if (close == std::string_view::npos) return wrong("a parenthesis is not closed");
    auto size = size_of_(text_.substr(at_, close - at_), elements);
    if (!size) return wrong(size.error().message);
    at_ = close + 1;
    return *size;
  }

  std::uint64_t integer() {
    std::uint64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
          __builtin_add_overflow(value, static_cast<std::uint64_t>(text_[at_] - '0'), &value)) {
        return wrong("an integer is beyond 64 bits");
      }
      ++at_;
    }
    return value;
  }

  std::string_view text_;
  const SizeOf& size_of_;
  std::size_t at_{0};
  std::uint32_t parentheses_{0};
  std::optional<Error> error_;
};

}  // namespace

Result<std::uint64_t> evaluate_size(std::string_view expression, const SizeOf& size_of) {
  return Evaluator(expression, size_of).run();
}

}  // namespace vyre::cli

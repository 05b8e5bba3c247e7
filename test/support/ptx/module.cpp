#include "support/ptx/module.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/message.hpp"

namespace vyre::test::ptx {
namespace {

constexpr std::array<std::pair<std::string_view, Op>, 37> kNames{
    {{"mov", Op::mov},   {"add", Op::add},   {"sub", Op::sub},     {"mul", Op::mul},
     {"mad", Op::mad},   {"div", Op::div},   {"rem", Op::rem},     {"min", Op::min},
     {"max", Op::max},   {"neg", Op::neg},   {"not", Op::not_},    {"and", Op::and_},
     {"or", Op::or_},    {"xor", Op::xor_},  {"shl", Op::shl},     {"shr", Op::shr},
     {"shf", Op::shf},   {"popc", Op::popc}, {"clz", Op::clz},     {"brev", Op::brev},
     {"setp", Op::setp}, {"selp", Op::selp}, {"cvt", Op::cvt},     {"fma", Op::fma},
     {"sqrt", Op::sqrt}, {"ld", Op::ld},     {"st", Op::st},       {"atom", Op::atom},
     {"red", Op::red},   {"bra", Op::bra},   {"ret", Op::ret},     {"call", Op::call},
     {"vote", Op::vote}, {"shfl", Op::shfl}, {"redux", Op::redux}, {"bar", Op::barrier},
     {"cvta", Op::cvta}}};

constexpr std::array<std::pair<std::string_view, Type>, 11> kTypes{{{"u8", Type::u8},
                                                                    {"u16", Type::u16},
                                                                    {"u32", Type::u32},
                                                                    {"u64", Type::u64},
                                                                    {"s32", Type::s32},
                                                                    {"s64", Type::s64},
                                                                    {"b32", Type::b32},
                                                                    {"b64", Type::b64},
                                                                    {"f32", Type::f32},
                                                                    {"f64", Type::f64},
                                                                    {"pred", Type::pred}}};
constexpr std::array<std::pair<std::string_view, Compare>, 8> kComparisons{{{"eq", Compare::eq},
                                                                            {"ne", Compare::ne},
                                                                            {"lt", Compare::lt},
                                                                            {"le", Compare::le},
                                                                            {"gt", Compare::gt},
                                                                            {"ge", Compare::ge},
                                                                            {"neu", Compare::neu},
                                                                            {"nan", Compare::nan}}};
constexpr std::array<std::pair<std::string_view, Op>, 10> kInner{{{"add", Op::add},
                                                                  {"or", Op::or_},
                                                                  {"and", Op::and_},
                                                                  {"xor", Op::xor_},
                                                                  {"min", Op::min},
                                                                  {"max", Op::max},
                                                                  {"exch", Op::exch},
                                                                  {"cas", Op::cas},
                                                                  {"ballot", Op::ballot},
                                                                  {"any", Op::any}}};
/// Say nothing that the machine must know.
constexpr std::array<std::string_view, 13> kPlain{
    "rn", "lo", "wrap", "global", "relaxed", "sys", "sync", "idx", "warp", "to", "param", "r", "l"};

template <class Table>
auto find_in(const Table& table, std::string_view word) -> const typename Table::value_type* {
  for (const auto& one : table) {
    if (one.first == word) return &one;
  }
  return nullptr;
}

/// One word behind a dot. False: not known for this instruction.
bool take_dot(Instruction& i, std::string_view dot) {
  if (const auto* const type = find_in(kTypes, dot)) {
    if (i.type != Type::none) i.to = i.type;
    i.type = type->second;
    return true;
  }
  if (i.op == Op::setp) {
    const auto* const compare = find_in(kComparisons, dot);
    if (compare != nullptr) i.compare = compare->second;
    return compare != nullptr;
  }
  const auto* const inner = find_in(kInner, dot);
  if (inner != nullptr) i.inner = inner->second;
  i.flushes = i.flushes || dot == "ftz";
  i.saturates = i.saturates || dot == "sat";
  i.wide = i.wide || dot == "wide";
  i.high = i.high || dot == "hi";
  i.left = i.left || (i.op == Op::shf && dot == "l");
  if (dot == "rzi" || dot == "rmi" || dot == "rpi") i.round = dot[1];
  return inner != nullptr || dot == "ftz" || dot == "sat" || dot == "wide" || dot == "hi" ||
         i.round != 'n' || std::find(kPlain.begin(), kPlain.end(), dot) != kPlain.end();
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::map<std::string, Function, std::less<>>> read() {
    while (skip()) {
      if (eat(".version") || eat(".target") || eat(".address_size")) {
        rest_of_line();
      } else if (eat(".extern")) {
        until(';');
      } else if (eat(".visible") && skip() && eat(".func")) {
        function();
      } else {
        wrong();
      }
      if (error_) return tl::unexpected<Error>(*error_);
    }
    return std::move(functions_);
  }

 private:
  // ---- characters
  bool skip() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
        line_ += text_[at_] == '\n' ? 1 : 0;
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        rest_of_line();
      } else {
        return true;
      }
    }
    return false;
  }
  void rest_of_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }
  bool eat(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  std::string until(char end) {
    const std::size_t stop = std::min(text_.find(end, at_), text_.size());
    std::string part(text_.substr(at_, stop - at_));
    for (const char c : part) line_ += c == '\n' ? 1 : 0;
    at_ = std::min(stop + 1, text_.size());
    return part;
  }
  std::string name() {
    skip();
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  text_[at_] == '_' || text_[at_] == '%'))
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  void wrong() {
    if (error_) return;
    error_ = Error{Errc::invalid_argument,
                   message("line {} is not understood: {}", line_,
                           std::string(text_.substr(at_, text_.find('\n', at_) - at_))),
                   kNoOffset,
                   0,
                   0,
                   0};
    at_ = text_.size();
  }
  std::uint32_t cell(const std::string& key) {
    const auto [found, made] =
        now_->cells.emplace(key, static_cast<std::uint32_t>(now_->cells.size()));
    (void)made;
    return found->second;
  }

  // ---- functions
  void function() {
    Function made;
    now_ = &made;
    labels_.clear();
    jumps_.clear();
    until('(');
    parameters(until(')'));
    const std::string key = name();
    until('(');
    parameters(until(')'));
    skip();
    if (!eat("{")) return wrong();
    std::uint32_t depth = 1;
    while (depth > 0 && !error_ && skip()) {
      if (eat("{")) {
        ++depth;
      } else if (eat("}")) {
        --depth;
      } else {
        statement();
      }
    }
    for (const auto& [place, label] : jumps_) {
      const auto target = labels_.find(label);
      if (target == labels_.end()) return wrong();
      made.code[place].operands[0].number = target->second;
    }
    functions_.emplace(key, std::move(made));
  }
  /// The last word of each, which is its name.
  void parameters(std::string_view list) {
    while (!list.empty()) {
      const auto comma = std::min(list.find(','), list.size());
      std::string_view one = list.substr(0, comma);
      while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
      cell(std::string(one.substr(one.rfind(' ') + 1)));
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }
  void statement() {
    if (eat(".reg")) return registers();
    if (eat(".param")) return parameters(until(';'));
    if (text_[at_] != '@') {
      const std::size_t before = at_;
      const std::string label = name();
      if (skip() && eat(":")) {
        if (!labels_.emplace(label, now_->code.size()).second) wrong();
        return;
      }
      at_ = before;
    }
    instruction();
  }
  void registers() {
    skip();
    eat(".");
    name();
    for (;;) {
      const std::string one = name();
      if (one.empty() || one[0] != '%') return wrong();
      if (eat("<")) {
        const std::uint64_t count = std::strtoull(until('>').c_str(), nullptr, 10);
        for (std::uint64_t k = 0; k < count; ++k) cell(one + std::to_string(k));
      } else {
        cell(one);
      }
      skip();
      if (eat(";")) return;
      if (!eat(",")) return wrong();
    }
  }

  // ---- instructions
  void instruction() {
    Instruction i;
    i.line = line_;
    if (eat("@")) {
      i.guard_negated = eat("!");
      i.guard = known(name());
      skip();
    }
    const std::string key = name();
    const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                     [&](const auto& one) { return one.first == key; });
    if (found == kNames.end()) return wrong();
    i.op = found->second;
    while (eat(".")) {
      if (!take_dot(i, name())) return wrong();
    }
    if (i.op == Op::bra) {
      jumps_.emplace_back(now_->code.size(), name());
      i.operands.push_back({Operand::Kind::place, 0, 0, 0});
    } else if (i.op == Op::call) {
      called(i);
    } else {
      for (skip(); !error_ && text_[at_] != ';'; skip()) {
        i.operands.push_back(operand());
        skip();
        if (!eat(",") && text_[at_] != ';') return wrong();
      }
    }
    skip();
    if (!eat(";")) return wrong();
    now_->code.push_back(std::move(i));
  }
  void called(Instruction& i) {
    skip();
    if (!eat("(")) return wrong();
    i.operands.push_back({Operand::Kind::cell, known(name()), 0, 0});
    if (!eat("),")) return wrong();
    i.function = name();
    skip();
    if (!eat(",") || !skip() || !eat("(")) return wrong();
    i.operands.push_back({Operand::Kind::cell, known(name()), 0, 0});
    if (!eat(")")) return wrong();
  }
  std::uint32_t known(const std::string& key) {
    if (key == "%laneid") return cell(key);
    const auto found = now_->cells.find(key);
    if (found != now_->cells.end()) return found->second;
    wrong();
    return 0;
  }
  Operand operand() {
    if (eat("[")) {
      Operand one{Operand::Kind::address, known(name()), 0, 0};
      if (eat("+")) one.number = std::strtoull(name().c_str(), nullptr, 10);
      if (!eat("]")) wrong();
      return one;
    }
    if (eat("{")) {
      Operand one{Operand::Kind::pair, known(name()), 0, 0};
      skip();
      if (!eat(",")) wrong();
      one.other = known(name());
      if (!eat("}")) wrong();
      return one;
    }
    const bool negative = eat("-");
    const std::string word = name();
    if (word.empty()) {
      wrong();
      return {};
    }
    if (std::isdigit(static_cast<unsigned char>(word[0])) == 0)
      return {Operand::Kind::cell, known(word), 0, 0};
    const bool real = word.size() > 2 && word[0] == '0' && (word[1] == 'f' || word[1] == 'd');
    const std::uint64_t value = real ? std::strtoull(word.c_str() + 2, nullptr, 16)
                                     : std::strtoull(word.c_str(), nullptr, 0);
    return {Operand::Kind::number, 0, 0, negative ? 0 - value : value};
  }

  std::string_view text_;
  std::size_t at_{0};
  std::uint32_t line_{1};
  std::optional<Error> error_;
  Function* now_{nullptr};
  std::map<std::string, std::size_t> labels_;
  std::vector<std::pair<std::size_t, std::string>> jumps_;
  std::map<std::string, Function, std::less<>> functions_;
};

}  // namespace

Result<std::map<std::string, Function, std::less<>>> read_module(std::string_view text) {
  return Reader(text).read();
}

}  // namespace vyre::test::ptx

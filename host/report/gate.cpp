// See gate.hpp. The parser goes down by one function for each level of the grammar on the page.
#include "report/gate.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "report/diff.hpp"
#include "report/documents.hpp"

namespace vyre::report {

struct Term {
  enum class Kind : std::uint8_t { number, name, baseline, negative, binary };
  Kind kind{Kind::number};
  double number{0};
  std::string name;  // of the run, or of the baseline
  char operation{0};
  std::unique_ptr<Term> left, right;
};

namespace {

using Made = std::unique_ptr<Term>;

constexpr std::string_view kBaseline{"baseline"};
/// Parentheses and signs inside each other.
constexpr std::size_t kMaxNesting{64};

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || c == '_';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}

class RuleParser {
 public:
  explicit RuleParser(std::string_view text) : text_(text) {}

  [[nodiscard]] Result<Made> side() { return sum(); }
  [[nodiscard]] Result<std::string> comparison() {
    skip();
    for (const std::string_view one : {">=", "<=", "==", "!=", ">", "<"}) {
      if (text_.substr(at_, one.size()) != one) continue;
      at_ += one.size();
      return std::string(one);
    }
    return wrong("a comparison is missing: one of >= <= == != > <");
  }
  [[nodiscard]] Status end() {
    skip();
    if (at_ == text_.size()) return {};
    return wrong("the rule has ended before this");
  }
  /// What `baseline` alone stands for: the name on the left, if it is nothing else.
  void left_is(const Term& left) {
    if (left.kind == Term::Kind::name) left_name_ = left.name;
  }
  [[nodiscard]] bool needs_baseline() const noexcept { return needs_baseline_; }

 private:
  [[nodiscard]] tl::unexpected<Error> wrong(const std::string& what) const {
    return wrong_at(at_, what);
  }
  [[nodiscard]] static tl::unexpected<Error> wrong_at(std::size_t at, const std::string& what) {
    Error error{Errc::invalid_argument, what, kNoOffset, 0, 0, 0};
    error.column = static_cast<std::uint32_t>(at + 1);
    return tl::unexpected<Error>(std::move(error));
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  [[nodiscard]] std::optional<char> take_one_of(std::string_view characters) {
    skip();
    if (at_ == text_.size() || characters.find(text_[at_]) == std::string_view::npos)
      return std::nullopt;
    return text_[at_++];
  }
  static Made joined(char operation, Made left, Made right) {
    auto term = std::make_unique<Term>();
    term->kind = right ? Term::Kind::binary : Term::Kind::negative;
    term->operation = operation;
    term->left = std::move(left);
    term->right = std::move(right);
    return term;
  }
  Result<Made> sum() {
    VYRE_ASSIGN(Made left, product());
    while (const auto operation = take_one_of("+-")) {
      VYRE_ASSIGN(Made right, product());
      left = joined(*operation, std::move(left), std::move(right));
    }
    return left;
  }
  Result<Made> product() {
    VYRE_ASSIGN(Made left, factor());
    while (const auto operation = take_one_of("*/")) {
      VYRE_ASSIGN(Made right, factor());
      left = joined(*operation, std::move(left), std::move(right));
    }
    return left;
  }
  Result<Made> factor() {
    skip();
    if (++nesting_ > kMaxNesting) return wrong(message("it nests deeper than {}", kMaxNesting));
    Result<Made> made = inner();
    --nesting_;
    return made;
  }
  Result<Made> inner() {
    if (take_one_of("-")) {
      VYRE_ASSIGN(Made of, factor());
      return joined('-', std::move(of), nullptr);
    }
    if (take_one_of("(")) {
      VYRE_ASSIGN(Made of, sum());
      if (!take_one_of(")")) return wrong("a ')' is missing");
      return of;
    }
    if (at_ < text_.size() && digit(text_[at_])) return number();
    if (at_ < text_.size() && starts_name(text_[at_])) return name();
    return wrong("a number, a name or a '(' is missing");
  }
  Result<Made> number() {
    auto term = std::make_unique<Term>();
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), term->number);
    if (error != std::errc{} || !std::isfinite(term->number))
      return wrong("the number is beyond what a double holds");
    at_ += static_cast<std::size_t>(end - begin);
    const bool letter = at_ < text_.size() && (starts_name(text_[at_] | 0x20) || text_[at_] == '.');
    if (letter) return wrong("a number takes no unit; write it out, as in 1e9");
    return term;
  }
  Result<Made> name() {
    const std::size_t begin = at_;
    bool key = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (!key && !starts_name(c) && !digit(c) && c != '.' && c != '[') break;
      key = c == '[' || (key && c != ']');
      ++at_;
    }
    if (key) return wrong_at(begin, "its '[' is not closed");
    auto term = std::make_unique<Term>();
    term->name = text_.substr(begin, at_ - begin);
    term->kind = Term::Kind::name;
    if (term->name == kBaseline) {
      if (left_name_.empty()) {
        return wrong_at(begin,
                        "'baseline' alone stands for the name that is alone on the left; write "
                        "baseline.NAME");
      }
      term->name = left_name_;
      term->kind = Term::Kind::baseline;
    } else if (term->name.starts_with(std::string(kBaseline) + ".")) {
      term->name.erase(0, kBaseline.size() + 1);
      term->kind = Term::Kind::baseline;
    }
    needs_baseline_ = needs_baseline_ || term->kind == Term::Kind::baseline;
    if (may_be_number(term->name)) return term;
    return wrong_at(begin, message("no report has a number '{}'; `vyre report export --format csv` "
                                   "lists those of a run",
                                   term->name.substr(0, 60)));
  }

  std::string_view text_;
  std::size_t at_{0};
  std::size_t nesting_{0};
  std::string left_name_;
  bool needs_baseline_{false};
};

/// Its value, or the name of a number that is not there.
struct Evaluated {
  std::optional<double> value;
  std::string missing;
};

Evaluated evaluate(const Term& term, const std::vector<Number>& run,
                   const std::vector<Number>& baseline) {
  switch (term.kind) {
    case Term::Kind::number:
      return {term.number, {}};
    case Term::Kind::name:
    case Term::Kind::baseline: {
      const bool of_run = term.kind == Term::Kind::name;
      const Number* const found = find_number(of_run ? run : baseline, term.name);
      if (found != nullptr && found->value) return {found->value, {}};
      return {std::nullopt, message("{}{}", of_run ? "" : "baseline.", term.name)};
    }
    case Term::Kind::negative: {
      Evaluated of = evaluate(*term.left, run, baseline);
      if (of.value) of.value = -*of.value;
      return of;
    }
    case Term::Kind::binary:
      break;
  }
  Evaluated left = evaluate(*term.left, run, baseline);
  const Evaluated right = evaluate(*term.right, run, baseline);
  if (!left.value) return left;
  if (!right.value) return right;
  double& value = *left.value;
  switch (term.operation) {
    case '+':
      value += *right.value;
      break;
    case '-':
      value -= *right.value;
      break;
    case '*':
      value *= *right.value;
      break;
    default:
      value /= *right.value;  // by zero: not a number, or beyond all; no comparison but != holds
  }
  return left;
}

bool compare(double a, std::string_view comparison, double b) {
  if (comparison == ">=") return a >= b;
  if (comparison == "<=") return a <= b;
  if (comparison == "==") return a == b;
  if (comparison == "!=") return a != b;
  return comparison == ">" ? a > b : a < b;
}

/// Each number as the median of the runs of a file that measured it.
Result<std::vector<Number>> medians_of(const std::string& path) {
  std::vector<Number> numbers;
  std::map<std::string, std::vector<double>> values;
  VYRE_TRY(for_each_document(path, [&](Document&& document) -> Status {
    for (Number& number : numbers_of(document)) {
      const auto [known, is_new] = values.try_emplace(number.name);
      if (number.value) known->second.push_back(*number.value);
      if (is_new) numbers.push_back(std::move(number));
    }
    return {};
  }));
  for (Number& number : numbers) {
    std::vector<double>& all = values[number.name];
    number.value.reset();
    if (all.empty()) continue;
    number.value = spread_of(std::move(all)).median;
  }
  return numbers;
}

}  // namespace

Rule::Rule() = default;
Rule::Rule(Rule&&) noexcept = default;
Rule& Rule::operator=(Rule&&) noexcept = default;
Rule::~Rule() = default;

Result<Rule> Rule::parse(std::string_view text) {
  RuleParser parser(text);
  Rule rule;
  rule.text_ = text;
  VYRE_ASSIGN(rule.left_, parser.side());
  VYRE_ASSIGN(rule.comparison_, parser.comparison());
  parser.left_is(*rule.left_);
  VYRE_ASSIGN(rule.right_, parser.side());
  VYRE_TRY(parser.end());
  rule.needs_baseline_ = parser.needs_baseline();
  return rule;
}

Rule::Outcome Rule::judge(const std::vector<Number>& run,
                          const std::vector<Number>& baseline) const {
  const Evaluated left = evaluate(*left_, run, baseline);
  const Evaluated right = evaluate(*right_, run, baseline);
  for (const Evaluated* const side : {&left, &right}) {
    if (!side->value) return {false, message("{} was not measured", side->missing)};
  }
  return {compare(*left.value, comparison_, *right.value),
          message("{} {} {}", number_text(*left.value), comparison_, number_text(*right.value))};
}

Result<std::vector<Rule>> parse_rules(std::string_view text) {
  std::vector<Rule> rules;
  const bool several = text.find('\n') != std::string_view::npos;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || line[first] == '#') continue;
    auto rule = Rule::parse(line);
    if (!rule) {
      Error error = std::move(rule).error();
      error.message =
          message("rule '{}'{} column {}: {}", line.substr(0, 120),
                  several ? message(", line {},", number) : "", error.column, error.message);
      error.column = 0;
      return tl::unexpected<Error>(std::move(error));
    }
    rules.push_back(std::move(*rule));
  }
  return rules;
}

Result<std::vector<Verdict>> judge(const std::vector<std::string>& files,
                                   const std::vector<Rule>& rules, const std::string& baseline) {
  if (rules.empty()) return fail(Errc::invalid_argument, "a gate needs at least one rule");
  std::vector<Number> before;
  if (!baseline.empty()) {
    VYRE_ASSIGN(before, medians_of(baseline));
  }
  for (const Rule& rule : rules) {
    if (rule.needs_baseline() && baseline.empty()) {
      return fail(Errc::invalid_argument,
                  message("rule '{}' compares with a baseline, and none is given", rule.text()));
    }
  }
  std::vector<Verdict> verdicts;
  for (const std::string& file : files) {
    std::uint64_t run = 0;
    VYRE_TRY(for_each_document(file, [&](Document&& document) -> Status {
      const std::vector<Number> numbers = numbers_of(document);
      ++run;
      for (const Rule& rule : rules)
        verdicts.push_back({file, run, rule.text(), rule.judge(numbers, before)});
      return {};
    }));
  }
  return verdicts;
}

bool all_hold(const std::vector<Verdict>& verdicts) {
  return std::all_of(verdicts.begin(), verdicts.end(),
                     [](const Verdict& verdict) { return verdict.outcome.holds; });
}

std::string verdict_text(const std::vector<Verdict>& verdicts) {
  std::string text;
  for (const bool holds : {false, true}) {
    for (const Verdict& v : verdicts) {
      if (v.outcome.holds != holds) continue;
      text += message("{}  {}  ({})  {} run {}\n", holds ? "held  " : "failed", v.rule,
                      v.outcome.said, v.file, v.run);
    }
  }
  return text;
}

std::string verdict_json(const std::vector<Verdict>& verdicts) {
  JsonWriter json(2);
  json.begin_object().member("passed", all_hold(verdicts)).key("rules").begin_array();
  for (const Verdict& v : verdicts) {
    json.begin_object()
        .member("file", v.file)
        .member("run", v.run)
        .member("rule", v.rule)
        .member("holds", v.outcome.holds)
        .member("said", v.outcome.said)
        .end_object();
  }
  return std::move(json.end_array().end_object()).text();
}

}  // namespace vyre::report

// Rules that a run must keep, such as `gbps >= 0.95 * baseline`. Host only; any thread. Page:
// docs/report-tools.md ("A gate").
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "report/numbers.hpp"
#include "report/report.hpp"

namespace vyre::report {

struct Term;  // of an expression

/// One comparison of two expressions.
class Rule {
 public:
  /// The error has the column, from 1, in `column`.
  [[nodiscard]] static Result<Rule> parse(std::string_view text);
  Rule(Rule&&) noexcept;
  Rule& operator=(Rule&&) noexcept;
  ~Rule();

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool needs_baseline() const noexcept { return needs_baseline_; }

  struct Outcome {
    bool holds{false};
    std::string said;  // the comparison with its values, or which number is not there
  };
  [[nodiscard]] Outcome judge(const std::vector<Number>& run,
                              const std::vector<Number>& baseline) const;

 private:
  Rule();
  std::string text_;
  std::string comparison_;
  std::unique_ptr<Term> left_;
  std::unique_ptr<Term> right_;
  bool needs_baseline_{false};
};

/// The rules of a text, one a line; empty lines and those that begin with '#' are none. An error
/// says the line, where there are several, and the column.
[[nodiscard]] Result<std::vector<Rule>> parse_rules(std::string_view text);

struct Verdict {
  std::string file;
  std::uint64_t run{0};  // of the file, from 1
  std::string rule;
  Rule::Outcome outcome;
};
/// Every run of every file by every rule. `baseline`: a file, of whose runs each number is the
/// median; empty: none.
[[nodiscard]] Result<std::vector<Verdict>> judge(const std::vector<std::string>& files,
                                                 const std::vector<Rule>& rules,
                                                 const std::string& baseline);
[[nodiscard]] bool all_hold(const std::vector<Verdict>& verdicts);
/// A line each, those that failed first.
[[nodiscard]] std::string verdict_text(const std::vector<Verdict>& verdicts);
/// {"passed": ..., "rules": [...]}
[[nodiscard]] std::string verdict_json(const std::vector<Verdict>& verdicts);

}  // namespace vyre::report

// The numbers of a document under names: what rules, tables and exports speak of. Host only; any
// thread. Page: docs/report-tools.md ("Numbers").
//
// A name is the JSON path with dots, and the key of a row in brackets: `ops[mem.fill].items`. Ahead
// of these come short names for what is asked for most, such as `gbps`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/report.hpp"

namespace vyre::report {

/// How the numbers of two runs make one.
enum class MergeRule : std::uint8_t {
  sum,      // what happened in both
  maximum,  // a peak or a size
  same,     // nothing is known of both unless they agree
  first     // it only names a row
};
/// `key`: the last one of the path.
[[nodiscard]] MergeRule merge_rule(std::string_view key) noexcept;

/// What a row is about, where one is: "op" and "mem.fill" of `ops[mem.fill]`.
struct RowKey {
  std::string_view what;
  std::string key;
};

struct Number {
  std::string name;
  std::string_view key;         // the last one of the path
  std::optional<double> value;  // nullopt: not measured
  std::vector<RowKey> rows;     // that it lies in
  bool shorthand{false};        // its value follows from numbers with longer names
};

/// All numbers, short names first.
[[nodiscard]] std::vector<Number> numbers_of(const Document& document);
/// Of these, by name; null where there is none of that name.
[[nodiscard]] const Number* find_number(const std::vector<Number>& numbers, std::string_view name);
/// Whether some document may have a number of that name.
[[nodiscard]] bool may_be_number(std::string_view name);

/// `ops[mem.fill].items` as `ops[].items`.
[[nodiscard]] std::string without_keys(std::string_view name);

/// As tables show it: whole numbers are written out, others with four digits.
[[nodiscard]] std::string number_text(double value);

}  // namespace vyre::report

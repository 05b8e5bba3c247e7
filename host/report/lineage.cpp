// The lineage of a run: the sums that a document keeps, and the lineage as lines and as a graph.
// See lineage.hpp and report/report.hpp.
#include "lineage.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_map>

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::report {
namespace {

constexpr std::uint32_t kFoldedBits{32};

Error broken(std::string what) {
  return {Errc::mismatch, message("report: {}", what)};
}

/// As region_lineage has it; `rules` are all that there are.
std::uint32_t folded(const std::vector<std::uint32_t>& slots, std::uint64_t rules) {
  const std::uint32_t last = kFoldedBits - 1;
  std::uint32_t bits = 0;
  for (const std::uint32_t slot : slots)
    bits |= 1u << (rules > kFoldedBits ? std::min(slot, last) : slot);
  return bits;
}

bool all_below(const auto& numbers, std::uint64_t bound) {
  return std::all_of(numbers.begin(), numbers.end(), [bound](auto n) { return n < bound; });
}

Status check_region(const Document& document, std::size_t index) {
  const LineageSection& lineage = *document.lineage;
  const LineageRegion& region = lineage.regions[index];
  const std::uint64_t rules = lineage.rules.size() + lineage.rules_rest;
  if (!all_below(region.own, rules) || !all_below(region.rules, rules)) {
    return tl::unexpected<Error>(
        broken(message("region {} of the lineage has a rule that is none of {}", index, rules)));
  }
  if (!all_below(region.from, index)) {
    return tl::unexpected<Error>(
        broken(message("region {} of the lineage derives from one that is not before it", index)));
  }
  const std::uint32_t listed = document.report.region_lineage[index];
  const std::uint32_t bits = folded(region.rules, rules);
  if (listed == bits) return {};
  return tl::unexpected<Error>(broken(message(
      "region_lineage has {} for region {}, and its rules come to {}", listed, index, bits)));
}

/// "a, b, c"; `nothing` for none.
template <class List, class Name>
std::string listed(const List& list, std::string_view nothing, const Name& name) {
  if (list.empty()) return std::string(nothing);
  std::string text;
  for (const auto& one : list) text += message("{}{}", text.empty() ? "" : ", ", name(one));
  return text;
}

/// Names of the rules and ops of one document.
class Names {
 public:
  explicit Names(const Document& document) : rules_(document.lineage->rules) {
    for (const OpRow& row : document.ops) ops_.emplace(row.op_handle, row.name);
  }
  [[nodiscard]] std::string rule(std::uint32_t slot) const {
    return slot < rules_.size() ? rules_[slot] : message("rule {}", slot);
  }
  [[nodiscard]] std::string rules(const std::vector<std::uint32_t>& slots) const {
    return listed(slots, "none", [this](std::uint32_t slot) { return rule(slot); });
  }
  [[nodiscard]] std::string ops(const std::vector<std::uint32_t>& handles) const {
    return listed(handles, "no op", [this](std::uint32_t handle) {
      const auto found = ops_.find(handle);
      return found != ops_.end() ? found->second : message("op {}", handle);
    });
  }

 private:
  const std::vector<std::string>& rules_;
  std::unordered_map<std::uint32_t, std::string> ops_;
};

std::string region_lines(const LineageRegion& region, std::size_t index, const Names& names) {
  std::string text =
      message("  region {} (queue {}, position {}, {} of {}): {}\n", index, region.queue,
              region.position, region.form, region.items, names.ops(region.ops));
  text += message("    rules {}\n", names.rules(region.rules));
  if (region.from.empty()) return text;
  const auto number = [](std::uint64_t from) { return message("{}", from); };
  return text + message("    from regions {}\n", listed(region.from, "", number));
}

/// Text of a line in a quoted string of Graphviz.
std::string dot_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += byte < 0x20 || byte == 0x7F ? '?' : c;
    }
  }
  return out + "\"";
}

void add_graph(const Document& document, std::size_t run, std::string& out) {
  const Names names(document);
  const auto& regions = document.lineage->regions;
  out += message("  subgraph cluster_{} {{\n    label={};\n", run,
                 dot_string(message("run {}", document.run.id)));
  std::set<std::uint32_t> used;
  for (const LineageRegion& region : regions) used.insert(region.own.begin(), region.own.end());
  for (const std::uint32_t rule : used) {
    out += message("    rule_{}_{} [shape=ellipse, label={}];\n", run, rule,
                   dot_string(names.rule(rule)));
  }
  for (std::size_t r = 0; r < regions.size(); ++r) {
    out += message("    region_{}_{} [shape=box, label={}];\n", run, r,
                   dot_string(message("region {}\n{}", r, names.ops(regions[r].ops))));
    for (const std::uint32_t rule : regions[r].own)
      out += message("    rule_{}_{} -> region_{}_{} [style=dashed];\n", run, rule, run, r);
    for (const std::uint64_t from : regions[r].from)
      out += message("    region_{}_{} -> region_{}_{};\n", run, from, run, r);
  }
  out += "  }\n";
}

Status has_lineage(const std::vector<Document>& documents) {
  for (const Document& document : documents) {
    if (document.lineage) continue;
    return fail(
        Errc::not_found,
        message("run {} has no lineage: it was not tracked; run again with `vyre run --plan "
                "--lineage`, or submit a plan with lineage",
                document.run.id));
  }
  if (!documents.empty()) return {};
  return fail(Errc::not_found, "there is no report whose lineage could be shown; name one");
}

}  // namespace

Status check_lineage(const Document& document) {
  const MegakernelReport& r = document.report;
  if (r.lineage_items > r.published_items) {
    return tl::unexpected<Error>(
        broken(message("lineage_items ({}) is more than published_items "
                       "({})",
                       r.lineage_items, r.published_items)));
  }
  if (!document.lineage) return {};
  const LineageSection& lineage = *document.lineage;
  if (lineage.rules_rest > std::numeric_limits<std::uint32_t>::max()) {
    return tl::unexpected<Error>(broken(
        message("rules_rest of the lineage is {}, and a slot has 32 bits", lineage.rules_rest)));
  }
  const std::uint64_t regions = lineage.regions.size();
  const std::uint64_t folded_ones = r.region_lineage.size();
  if (folded_ones > kMaxReportedRegions || regions > folded_ones ||
      lineage.regions_rest < folded_ones - regions) {
    return tl::unexpected<Error>(
        broken(message("lineage has {} regions and {} more, and region_lineage has {} of them",
                       regions, lineage.regions_rest, folded_ones)));
  }
  for (std::size_t i = 0; i < lineage.regions.size(); ++i) VYRE_TRY(check_region(document, i));
  return {};
}

Result<std::string> lineage_text(const std::vector<Document>& documents) {
  VYRE_TRY(has_lineage(documents));
  std::string text;
  for (const Document& document : documents) {
    const LineageSection& lineage = *document.lineage;
    text += message("run {}: {} regions with {} items, {} rules\n", document.run.id,
                    lineage.regions.size() + lineage.regions_rest, document.report.lineage_items,
                    lineage.rules.size() + lineage.rules_rest);
    const Names names(document);
    std::vector<std::uint64_t> regions_of(lineage.rules.size(), 0);
    for (std::size_t r = 0; r < lineage.regions.size(); ++r) {
      text += region_lines(lineage.regions[r], r, names);
      for (const std::uint32_t rule : lineage.regions[r].rules) {
        if (rule < regions_of.size()) ++regions_of[rule];
      }
    }
    if (lineage.regions_rest != 0)
      text += message("  and {} more regions, which are only counted\n", lineage.regions_rest);
    for (std::size_t rule = 0; rule < regions_of.size(); ++rule)
      text +=
          message("  rule {} contributed to {} regions\n", lineage.rules[rule], regions_of[rule]);
  }
  return text;
}

Result<std::string> lineage_graph(const std::vector<Document>& documents) {
  VYRE_TRY(has_lineage(documents));
  std::string out = "digraph lineage {\n  rankdir=LR;\n";
  for (std::size_t run = 0; run < documents.size(); ++run) add_graph(documents[run], run, out);
  return out + "}\n";
}

}  // namespace vyre::report

// What a plan says of itself, as text and as JSON; see plan.hpp.
#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "planner/plan.hpp"

namespace vyre::planner {
namespace {

constexpr std::size_t kLines{20};   // of a list in the text
constexpr std::size_t kMembers{8};  // of a region in the text
constexpr std::size_t kRules{8};    // of a region in the text

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string hexadecimal(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

std::string measured_or_not(const std::optional<double>& value, const char* unit) {
  return value ? message("{} {}", fixed(*value, 2), unit) : "not measured";
}

std::array<std::size_t, kForms> count_forms(const Regions& regions) {
  std::array<std::size_t, kForms> counts{};
  for (const Region& region : regions.regions) ++counts[static_cast<std::size_t>(region.form)];
  return counts;
}

std::string item_text(const Work& work, std::uint32_t item) {
  return message("{} {}", item, work.ops[work.items[item].op].name);
}

std::string rules_text(const Work& work, const std::vector<std::uint32_t>& slots) {
  std::string text = "; rules:";
  for (std::size_t i = 0; i < std::min(slots.size(), kRules); ++i) {
    const bool named = slots[i] < work.rule_names.size();
    text += message("{} {}", i != 0 ? "," : "",
                    named ? work.rule_names[slots[i]] : message("number {}", slots[i]));
  }
  if (slots.empty()) text += " none";
  if (slots.size() > kRules) text += message(", and {} more", slots.size() - kRules);
  return text;
}

std::string region_line(const Work& work, const Plan& plan, std::size_t index) {
  const Region& region = plan.regions.regions[index];
  const auto members = plan.regions.members_of(region);
  std::string line = message("region {} ({}, level {}): ", index, name(region.form), region.level);
  for (std::size_t m = 0; m < std::min(members.size(), kMembers); ++m)
    line += message("{}{}", m != 0 ? ", " : "", item_text(work, members[m]));
  if (members.size() > kMembers) line += message(", and {} more", members.size() - kMembers);
  if (plan.options.lineage) line += rules_text(work, plan.lineage.sets.slots(index));
  if (members.size() == 1) return message("{}\n", line);
  line += message("; saves {} us of {} us",
                  fixed((region.cost.saved_ns - region.cost.lost_ns) / 1e3, 2),
                  fixed(region.cost.unfused_ns / 1e3, 2));
  if (region.no_lanes != Refusal::none) line += message("; no lanes: {}", name(region.no_lanes));
  return message("{}\n", line);
}

/// "4 to 31 lanes"
std::string size_class_name(std::size_t number) {
  std::uint64_t least = 1;
  while (size_class(least) < number) least *= 2;
  return number + 1 == kSizeClasses
             ? message("{} lanes and more", least)
             : message("{} to {} lanes", least, (std::uint64_t{1} << (3 * number + 2)) - 1);
}

/// ": 0.31 ns a lane in 4 to 31 lanes"; empty where nothing was timed.
std::string lane_costs_text(const OpFacts& op) {
  std::string text;
  for (std::size_t c = 0; c < kSizeClasses; ++c) {
    if (op.lane_ns[c] > 0)
      text += message("{} {} ns a lane in {}", text.empty() ? ":" : ",", fixed(op.lane_ns[c], 3),
                      size_class_name(c));
  }
  return text;
}

void write_costs(JsonWriter& out, const OpFacts& op) {
  if (lane_costs_text(op).empty()) return;
  out.begin_object().member("name", op.name).member("steps", op.steps).key("lane_ns").begin_array();
  for (const double ns : op.lane_ns) out.value(ns);
  out.end_array().end_object();
}

std::string rest_of(std::size_t size) {
  return size > kLines ? message("... and {} more\n", size - kLines) : std::string();
}

void write_region(JsonWriter& out, const Plan& plan, std::size_t index) {
  const Region& region = plan.regions.regions[index];
  out.begin_object()
      .member("form", name(region.form))
      .member("level", region.level)
      .member("flags", region.flags)
      .member("shape", hexadecimal(region.shape))
      .key("items")
      .begin_array();
  for (const std::uint32_t item : plan.regions.members_of(region)) out.value(item);
  out.end_array()
      .member("unfused_ns", region.cost.unfused_ns)
      .member("saved_ns", region.cost.saved_ns)
      .member("lost_ns", region.cost.lost_ns)
      .member("bytes_not_moved", region.sums.bytes_not_moved);
  std::optional<std::string_view> no_lanes;
  if (region.no_lanes != Refusal::none) no_lanes = name(region.no_lanes);
  out.member("no_lanes", no_lanes);
  if (plan.options.lineage) out.member("lineage", plan.lineage.sets.slots(index));
  out.end_object();
}

}  // namespace

std::string describe(const Work& work, const Plan& plan, const Measured& measured) {
  const Regions& regions = plan.regions;
  const auto forms = count_forms(regions);
  std::string text =
      message("plan of {} items: {} removed, {} published in {} regions, {} edges, {} ready\n",
              work.items.size(), plan.removed.size(), plan.published(), regions.regions.size(),
              regions.edges, regions.ready);
  text += "forms:";
  for (std::size_t f = 0; f < kForms; ++f)
    text += message(" {} {}", forms[f], name(static_cast<Form>(f)));
  text += message("\nmeasured: item {}, bandwidth {}, step {}, one image {}\n",
                  measured_or_not(measured.item_ns, "ns"),
                  measured_or_not(measured.bytes_per_ns, "GB/s"),
                  measured_or_not(measured.step_ns, "ns"),
                  measured_or_not(measured.fused_ratio, "times its members"));
  for (std::size_t o = 0, lines = 0; o < work.ops.size() && lines < kLines; ++o) {
    const std::string costs = lane_costs_text(work.ops[o]);
    if (costs.empty()) continue;
    text += message("measured: {}{}\n", work.ops[o].name, costs);
    ++lines;
  }
  for (std::size_t r = 0; r < std::min(regions.regions.size(), kLines); ++r)
    text += region_line(work, plan, r);
  text += rest_of(regions.regions.size());
  for (std::size_t i = 0; i < std::min(plan.removed.size(), kLines); ++i) {
    const Removed& one = plan.removed[i];
    text += message("removed: {}; {} {} stands for it\n", item_text(work, one.item),
                    one.standing.earlier ? "the earlier item" : "item", one.standing.item);
  }
  text += rest_of(plan.removed.size());
  for (std::size_t i = 0; i < std::min(plan.elided.size(), kLines); ++i) {
    text += message("not stored: buffer {}, between members of region {}\n",
                    work.buffers[plan.elided[i].buffer].handle, plan.elided[i].region);
  }
  text += rest_of(plan.elided.size());
  for (std::size_t i = 0; i < std::min(regions.not_fused.size(), kLines); ++i) {
    const NotFused& one = regions.not_fused[i];
    text += message("not fused: {} with {}: {}\n", item_text(work, one.item),
                    item_text(work, one.with), name(one.why));
  }
  return text + rest_of(regions.not_fused.size());
}

std::string describe_json(const Work& work, const Plan& plan, const Measured& measured) {
  const Regions& regions = plan.regions;
  const auto first = [](std::size_t size) {
    return std::min<std::size_t>(size, kMaxReportedRegions);
  };
  JsonWriter out(2);
  out.begin_object()
      .member("items", work.items.size())
      .member("removed_items", plan.removed.size())
      .member("published_items", plan.published())
      .member("conflict_edges", plan.conflicts)
      .member("region_count", regions.regions.size())
      .member("region_edges", regions.edges)
      .member("ready_regions", regions.ready);
  const auto forms = count_forms(regions);
  out.key("forms").begin_object();
  for (std::size_t f = 0; f < kForms; ++f) out.member(name(static_cast<Form>(f)), forms[f]);
  out.end_object().key("refused").begin_object();
  for (std::size_t r = 1; r < kRefusals; ++r) {
    if (regions.refused[r] != 0) out.member(name(static_cast<Refusal>(r)), regions.refused[r]);
  }
  out.end_object().key("measured").begin_object();
  out.member("item_ns", measured.item_ns)
      .member("bytes_per_ns", measured.bytes_per_ns)
      .member("step_ns", measured.step_ns)
      .member("fused_ratio", measured.fused_ratio)
      .key("ops")
      .begin_array();
  for (std::size_t o = 0; o < first(work.ops.size()); ++o) write_costs(out, work.ops[o]);
  out.end_array().end_object().key("regions").begin_array();
  for (std::size_t r = 0; r < first(regions.regions.size()); ++r) write_region(out, plan, r);
  out.end_array().key("removed").begin_array();
  for (std::size_t i = 0; i < first(plan.removed.size()); ++i) {
    const Removed& one = plan.removed[i];
    out.begin_object()
        .member("item", one.item)
        .member(one.standing.earlier ? "earlier_item" : "stands_for_it", one.standing.item)
        .end_object();
  }
  out.end_array().key("not_fused").begin_array();
  for (std::size_t i = 0; i < first(regions.not_fused.size()); ++i) {
    const NotFused& one = regions.not_fused[i];
    out.begin_object()
        .member("item", one.item)
        .member("with", one.with)
        .member("why", name(one.why))
        .end_object();
  }
  out.end_array().key("elided").begin_array();
  for (std::size_t i = 0; i < first(plan.elided.size()); ++i) {
    out.begin_object()
        .member("region", plan.elided[i].region)
        .member("handle", work.buffers[plan.elided[i].buffer].handle)
        .end_object();
  }
  out.end_array();
  if (plan.options.lineage) out.member("rules", work.rule_names);
  return std::move(out.end_object()).text();
}

}  // namespace vyre::planner

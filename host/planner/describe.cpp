// What a plan says of itself, as text and as JSON; see plan.hpp.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/message.hpp"
#include "planner/plan.hpp"

namespace vyre::planner {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLines{20};   // of a list in the text
constexpr std::size_t kMembers{8};  // of a region in the text

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

std::string region_line(const Work& work, const Plan& plan, std::size_t index) {
  const Region& region = plan.regions.regions[index];
  const auto members = plan.regions.members_of(region);
  std::string line = message("region {} ({}, level {}): ", index, name(region.form), region.level);
  for (std::size_t m = 0; m < std::min(members.size(), kMembers); ++m)
    line += message("{}{}", m != 0 ? ", " : "", item_text(work, members[m]));
  if (members.size() > kMembers) line += message(", and {} more", members.size() - kMembers);
  if (members.size() == 1) return message("{}\n", line);
  line += message("; saves {} us of {} us",
                  fixed((region.cost.saved_ns - region.cost.lost_ns) / 1e3, 2),
                  fixed(region.cost.unfused_ns / 1e3, 2));
  if (region.no_lanes != Refusal::none) line += message("; no lanes: {}", name(region.no_lanes));
  return message("{}\n", line);
}

std::string rest_of(std::size_t size) {
  return size > kLines ? message("... and {} more\n", size - kLines) : std::string();
}

Json optional_number(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json region_json(const Plan& plan, std::size_t index) {
  const Region& region = plan.regions.regions[index];
  Json json{{"form", name(region.form)},
            {"level", region.level},
            {"flags", region.flags},
            {"shape", hexadecimal(region.shape)},
            {"items", plan.regions.members_of(region)},
            {"unfused_ns", region.cost.unfused_ns},
            {"saved_ns", region.cost.saved_ns},
            {"lost_ns", region.cost.lost_ns},
            {"bytes_not_moved", region.sums.bytes_not_moved}};
  json["no_lanes"] = region.no_lanes == Refusal::none ? Json(nullptr) : Json(name(region.no_lanes));
  if (plan.options.lineage) json["lineage"] = plan.lineage.sets.slots(index);
  return json;
}

Json standing_json(const Removed& one) {
  return {{"item", one.item},
          {one.standing.earlier ? "earlier_item" : "stands_for_it", one.standing.item}};
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
  text += message("\nmeasured: item {}, bandwidth {}, step {}, fused step {}\n",
                  measured_or_not(measured.item_ns, "ns"),
                  measured_or_not(measured.bytes_per_ns, "GB/s"),
                  measured_or_not(measured.step_ns, "ns"),
                  measured_or_not(measured.fused_step_ratio, "times that"));
  for (std::size_t r = 0; r < std::min(regions.regions.size(), kLines); ++r)
    text += region_line(work, plan, r);
  text += rest_of(regions.regions.size());
  for (std::size_t i = 0; i < std::min(plan.removed.size(), kLines); ++i) {
    const Removed& one = plan.removed[i];
    text += message("removed: {}; {} {} stands for it\n", item_text(work, one.item),
                    one.standing.earlier ? "the earlier item" : "item", one.standing.item);
  }
  text += rest_of(plan.removed.size());
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
  Json json{{"items", work.items.size()},
            {"removed_items", plan.removed.size()},
            {"published_items", plan.published()},
            {"conflict_edges", plan.conflicts},
            {"region_count", regions.regions.size()},
            {"region_edges", regions.edges},
            {"ready_regions", regions.ready}};
  const auto forms = count_forms(regions);
  for (std::size_t f = 0; f < kForms; ++f)
    json["forms"][std::string(name(static_cast<Form>(f)))] = forms[f];
  json["refused"] = Json::object();
  for (std::size_t r = 1; r < kRefusals; ++r) {
    if (regions.refused[r] != 0)
      json["refused"][std::string(name(static_cast<Refusal>(r)))] = regions.refused[r];
  }
  json["measured"] = {{"item_ns", optional_number(measured.item_ns)},
                      {"bytes_per_ns", optional_number(measured.bytes_per_ns)},
                      {"step_ns", optional_number(measured.step_ns)},
                      {"fused_step_ratio", optional_number(measured.fused_step_ratio)}};
  Json& list = json["regions"] = Json::array();
  for (std::size_t r = 0; r < first(regions.regions.size()); ++r)
    list.push_back(region_json(plan, r));
  Json& removed = json["removed"] = Json::array();
  for (std::size_t i = 0; i < first(plan.removed.size()); ++i)
    removed.push_back(standing_json(plan.removed[i]));
  Json& not_fused = json["not_fused"] = Json::array();
  for (std::size_t i = 0; i < first(regions.not_fused.size()); ++i) {
    const NotFused& one = regions.not_fused[i];
    not_fused.push_back({{"item", one.item}, {"with", one.with}, {"why", name(one.why)}});
  }
  Json& elided = json["elided"] = Json::array();
  for (std::size_t i = 0; i < first(plan.elided.size()); ++i)
    elided.push_back({{"region", plan.elided[i].region},
                      {"handle", work.buffers[plan.elided[i].buffer].handle}});

  return json.dump(2);
}

}  // namespace vyre::planner

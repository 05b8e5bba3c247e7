// See lineage_section.hpp.
#include "lineage_section.hpp"

#include <utility>

#include "protocol/limits.hpp"

namespace vyre::runtime {
namespace {

report::LineageRegion row_of(const LoggedRegion& region) {
  report::LineageRegion row;
  row.queue = region.queue;
  row.position = region.position;
  row.form = std::string(planner::name(region.form));
  row.items = region.items;
  row.ops = region.ops;
  row.own = region.own.slots();
  row.rules = region.carried.rules.slots();
  row.from = region.from;
  return row;
}

}  // namespace

void add_lineage(const LineageLog& log, OrderMutex& order, report::Document& document) {
  std::optional<LineageLog::Snapshot> taken;
  {
    const OrderLock lock(order);
    taken = log.snapshot(lock);
  }
  if (!taken) return;
  report::LineageSection& section = document.lineage.emplace();
  const std::size_t rules = taken->rules.size();
  document.report.lineage_items = taken->items;
  document.report.lineage_ns = taken->ns;
  bool listed = true;  // the first ones, as many as a reader takes
  std::uint64_t numbers = 0;
  for (const auto& region : taken->first) {
    document.report.region_lineage.push_back(
        planner::fold_rules(region->carried.rules.words(), rules));
    if (!listed) continue;
    report::LineageRegion row = row_of(*region);
    numbers += row.ops.size() + row.own.size() + row.rules.size() + row.from.size();
    listed = region->listed && numbers <= kMaxReportedLineage;
    if (listed) section.regions.push_back(std::move(row));
  }
  section.regions_rest = taken->regions - section.regions.size();
  section.rules = std::move(taken->rules);
  if (rules <= kMaxReportedLineage) return;
  section.rules_rest = rules - kMaxReportedLineage;
  section.rules.resize(kMaxReportedLineage);
}

}  // namespace vyre::runtime

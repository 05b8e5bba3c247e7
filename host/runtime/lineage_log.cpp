// See lineage_log.hpp.
#include "lineage_log.hpp"

#include <algorithm>
#include <array>

#include "base/message.hpp"
#include "output_sizes.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {
namespace {

constexpr std::size_t kRoomAtLeast{64};

bool may_be_written(const HandleRecord& record) {
  return record.kind == HandleRecord::Kind::buffer && !record.read_only;
}

/// Sizes of the inputs that decide how long an output is.
struct InputBytes {
  std::array<std::uint64_t, builtin::kMaxOpBuffers> first{};
  std::size_t count{0};
  void add(std::uint64_t bytes) {
    if (count < first.size()) first[count] = bytes;
    ++count;
  }
};

}  // namespace

const std::vector<std::uint32_t>& LineageLog::rules_of(const OrderLock& lock, std::uint32_t op) {
  const OpRecord& record = ops_.record(op);
  if (!record.info.builtin) return record.rules;
  auto& known = builtin_rules_[op];
  if (known.empty()) known = rules_.slots(lock, {&record.info.name, 1});
  return known;
}

std::vector<std::string> LineageLog::rule_names(const OrderLock& lock, std::uint32_t op) const {
  const OpRecord& record = ops_.record(op);
  if (record.info.builtin) return {record.info.name};
  std::vector<std::string> names;
  for (const std::uint32_t slot : record.rules) names.push_back(rules_.names(lock)[slot]);
  return names;
}

Status LineageLog::tag(const OrderLock& lock, HandleRecord& record,
                       std::span<const std::string> names) {
  if (names.empty()) {
    return fail(
        Errc::invalid_argument,
        message("a tag of handle {} names no lineage rule; name at least one", record.handle));
  }
  VYRE_TRY(check_rule_names(names, message("a tag of handle {}", record.handle)));
  VYRE_TRY(rules_.room(lock, names.size()));
  auto tagged = record.lineage ? std::make_shared<BufferLineage>(*record.lineage)
                               : std::make_shared<BufferLineage>();
  for (const std::uint32_t slot : rules_.slots(lock, names)) {
    tagged->rules.add(slot);
    tagged->tags.add(slot);
  }
  record.lineage = std::move(tagged);
  begin(lock);
  return {};
}

bool LineageLog::written_here(const HandleRecord& record) const noexcept {
  const std::uint32_t place = backend::handle_index(record.handle);
  return place < written_.size() && written_[place] == turn_;
}

void LineageLog::derive_from(const HandleRecord& record) {
  if (!record.lineage || record.kind == HandleRecord::Kind::alias || written_here(record)) return;
  LoggedRegion& region = *pending_.region;
  region.own.unite(record.lineage->tags);
  region.carried.rules.unite(record.lineage->rules);
  if (record.lineage->region) region.from.push_back(*record.lineage->region);
}

void LineageLog::write(HandleRecord& record) {
  if (!may_be_written(record) || written_here(record)) return;
  const std::uint32_t place = backend::handle_index(record.handle);
  if (place >= written_.size())
    written_.resize(std::max<std::size_t>(place + 1, 2 * written_.size()));
  written_[place] = turn_;
  pending_.written.push_back(&record);
}

void LineageLog::add_item(const OrderLock& lock, const MegakernelWorkItem& item) {
  LoggedRegion& region = *pending_.region;
  for (const std::uint32_t rule : rules_of(lock, item.op_handle)) region.own.add(rule);
  if (std::find(region.ops.begin(), region.ops.end(), item.op_handle) == region.ops.end())
    region.ops.push_back(item.op_handle);
  if (item.op_handle == kNop) return;
  const OpRecord& op = ops_.record(item.op_handle);
  const auto& inputs = op.info.signature.inputs;
  InputBytes bytes;
  // What the item reads or keeps is what was there before it writes.
  handles_.for_each_buffer(lock, item.input_handle, [&](HandleRecord& record, std::size_t) {
    bytes.add(record.bytes);
    derive_from(record);
  });
  handles_.for_each_buffer(lock, item.output_handle, [&](HandleRecord& record, std::size_t i) {
    if (!writes_whole(op, i, record.bytes, bytes.first, bytes.count, item.param))
      derive_from(record);
  });
  handles_.for_each_buffer(lock, item.input_handle, [&](HandleRecord& record, std::size_t i) {
    if (i < inputs.size() && inputs[i].read_write) write(record);
  });
  handles_.for_each_buffer(lock, item.output_handle,
                           [&](HandleRecord& record, std::size_t) { write(record); });
}

void LineageLog::prepare(const OrderLock& lock, std::span<const MegakernelWorkItem> items,
                         bool planned) {
  const std::int64_t begin_ns = setup_.since_open_ns();
  ++turn_;
  pending_.written.clear();
  pending_.region = std::make_shared<LoggedRegion>();
  LoggedRegion& region = *pending_.region;
  for (const MegakernelWorkItem& item : items) add_item(lock, item);
  if (!planned && pending_.written.empty()) {
    pending_.region.reset();
  } else {
    region.items = items.size();
    region.carried.rules.unite(region.own);
    region.carried.region = regions_;
    std::sort(region.from.begin(), region.from.end());
    region.from.erase(std::unique(region.from.begin(), region.from.end()), region.from.end());
    const std::uint64_t numbers = numbers_ + region.from.size() + region.ops.size();
    region.listed = regions_ < kMaxReportedRegions && numbers <= kMaxReportedLineage;
    if (!region.listed) {
      region.from = {};
      region.ops = {};
    }
    if (first_.size() == first_.capacity() && regions_ < kMaxReportedRegions)
      first_.reserve(std::max(kRoomAtLeast, 2 * first_.size()));
  }
  ns_ += static_cast<std::uint64_t>(setup_.since_open_ns() - begin_ns);
}

void LineageLog::commit(const OrderLock&, std::uint32_t queue, std::uint64_t position,
                        planner::Form form) noexcept {
  if (!pending_.region) return;
  const std::shared_ptr<LoggedRegion> region = std::move(pending_.region);
  region->queue = queue;
  region->position = position;
  region->form = form;
  const std::shared_ptr<const BufferLineage> carried(region, &region->carried);
  for (HandleRecord* const record : pending_.written) record->lineage = carried;
  if (region->listed) numbers_ += region->from.size() + region->ops.size();
  items_ += region->items;
  if (regions_++ < kMaxReportedRegions) first_.push_back(region);  // prepare() made room
}

std::optional<LineageLog::Snapshot> LineageLog::snapshot(const OrderLock& lock) const {
  if (!tracks_) return std::nullopt;
  return Snapshot{rules_.names(lock), first_, regions_, items_, ns_};
}

}  // namespace vyre::runtime

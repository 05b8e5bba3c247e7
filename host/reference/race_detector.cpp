#include "race_detector.hpp"

#include <algorithm>
#include <tuple>

#include "protocol/limits.hpp"

namespace vyre::reference {
namespace {

/// What a block costs beside its cells: its place in the table.
constexpr std::uint64_t kBlockOverhead{64};

/// Whether two accesses of one byte by different lanes need an order between them.
bool needs_order(AccessKind a, AccessKind b) noexcept {
  return a == AccessKind::write || b == AccessKind::write || a != b;
}

}  // namespace

RaceDetector::RaceDetector(std::vector<Watched> buffers, std::uint64_t max_shadow_bytes)
    : buffers_(std::move(buffers)), max_shadow_bytes_(max_shadow_bytes) {
  for (const Watched& buffer : buffers_) {
    if (buffer.memory >= memories_.size()) memories_.resize(std::size_t{buffer.memory} + 1);
    Memory& memory = memories_[buffer.memory];
    memory.in_workgroup = memory.in_workgroup || buffer.in_workgroup;
    memory.granule =
        memory.granule == 0 ? buffer.granule : std::min(memory.granule, buffer.granule);
  }
}

void RaceDetector::begin_workgroup(std::uint32_t linear) {
  workgroup_ = linear;
  ++epoch_;
}

void RaceDetector::pass_barrier() {
  ++epoch_;
}

void RaceDetector::touch(std::uint32_t buffer, std::uint64_t offset, std::uint64_t bytes,
                         const Access& access) {
  if (bytes == 0 || !buffers_[buffer].watched) return;
  Memory& memory = memories_[buffers_[buffer].memory];
  const Mark mark{workgroup_, site_of(access, buffer), static_cast<std::uint16_t>(access.lane),
                  access.kind};
  const std::uint64_t end = (offset + bytes - 1) / memory.granule + 1;
  for (std::uint64_t cell = offset / memory.granule; cell < end; ++cell) {
    Block* const found = block(memory, cell / kCellsPerBlock);
    if (found == nullptr) return;
    touch_cell(found->cells[cell % kCellsPerBlock], memory, buffer, cell * memory.granule, mark);
  }
}

RaceDetector::Block* RaceDetector::block(Memory& memory, std::uint64_t number) {
  if (number == memory.last_number) return memory.last;
  auto found = memory.blocks.find(number);
  if (found == memory.blocks.end()) {
    constexpr std::uint64_t kCost{sizeof(Block) + kBlockOverhead};
    if (kCost > max_shadow_bytes_ - shadow_bytes_) {
      found_.out_of_memory = true;
      return nullptr;
    }
    shadow_bytes_ += kCost;
    found = memory.blocks.emplace(number, std::make_unique<Block>()).first;
  }
  memory.last_number = number;
  memory.last = found->second.get();
  return memory.last;
}

void RaceDetector::touch_cell(Cell& cell, const Memory& memory, std::uint32_t buffer,
                              std::uint64_t offset, const Mark& mark) {
  if (const Mark* const earlier = conflict(cell, memory, mark); earlier != nullptr)
    report(buffer, offset, *earlier, mark);
  note(cell, mark);
}

const RaceDetector::Mark* RaceDetector::conflict(const Cell& cell, const Memory& memory,
                                                 const Mark& mark) const {
  const auto meets = [&mark](const Mark& other) {
    return other.site != 0 && needs_order(other.kind, mark.kind);
  };
  if (!memory.in_workgroup) {
    for (const Mark* const other : {&cell.change, &cell.read}) {
      if (other->workgroup != mark.workgroup && meets(*other)) return other;
    }
  }
  if (cell.epoch != epoch_) return nullptr;
  for (const Party* const party : {&cell.first, &cell.second}) {
    for (const Mark* const other : {&party->change, &party->read}) {
      if (other->lane != mark.lane && meets(*other)) return other;
    }
  }
  return nullptr;
}

void RaceDetector::note(Cell& cell, const Mark& mark) const {
  // A write is kept where an atomic follows: it needs an order with more.
  const auto set = [&mark](Mark& read, Mark& change, bool keep_first) {
    Mark& kept = mark.kind == AccessKind::read ? read : change;
    const bool stronger = mark.kind == AccessKind::write && kept.kind != AccessKind::write;
    const bool weaker = mark.kind == AccessKind::atomic && kept.kind == AccessKind::write;
    if (kept.site == 0 || stronger || (!keep_first && !weaker)) kept = mark;
  };
  set(cell.read, cell.change, true);
  if (cell.epoch != epoch_) {
    cell.first = cell.second = Party{};
    cell.epoch = epoch_;
  }
  for (Party* const party : {&cell.first, &cell.second}) {
    const Mark& any = party->change.site != 0 ? party->change : party->read;
    if (any.site != 0 && any.lane != mark.lane) continue;
    set(party->read, party->change, false);
    return;
  }
}

void RaceDetector::report(std::uint32_t buffer, std::uint64_t offset, const Mark& earlier,
                          const Mark& later) {
  ++found_.total;
  const auto [low, high] = std::minmax(earlier.site, later.site);
  const auto known = pairs_.find({low, high});
  if (known != pairs_.end()) {
    ++found_.list[known->second].times;
    return;
  }
  if (found_.list.size() >= kMaxReportedRaces) return;
  pairs_.emplace(std::pair(low, high), found_.list.size());
  Race race;
  race.earlier = access_of(earlier);
  race.later = access_of(later);
  race.earlier_buffer = sites_[earlier.site - 1].buffer;
  race.later_buffer = buffer;
  race.offset = offset;
  found_.list.push_back(race);
}

std::uint32_t RaceDetector::site_of(const Access& access, std::uint32_t buffer) {
  const auto next = static_cast<std::uint32_t>(sites_.size() + 1);
  const auto [at, is_new] =
      site_numbers_.emplace(std::tuple(access.node, access.expr, buffer), next);
  if (is_new) sites_.push_back({access.node, access.expr, buffer});
  return at->second;
}

Access RaceDetector::access_of(const Mark& mark) const {
  const Site& site = sites_[mark.site - 1];
  return {mark.kind, mark.workgroup, mark.lane, site.node, site.expr};
}

}  // namespace vyre::reference

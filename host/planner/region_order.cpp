// See region_order.hpp and regions.hpp.
#include "region_order.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "protocol/work_item.hpp"

namespace vyre::planner {
namespace {

/// splitmix64's finish.
std::uint64_t mixed(std::uint64_t z) noexcept {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

/// Positions in dispatch order, by index into `open`.
std::vector<std::uint32_t> dispatch_order(const std::vector<OpenRegion>& open) {
  std::vector<std::uint32_t> order(open.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const auto key = [](const OpenRegion& r) { return std::tuple(r.segment, r.level, r.first); };
    return key(open[a]) < key(open[b]);
  });
  return order;
}

Form form_of(const OpenRegion& open) noexcept {
  if (open.sums.members == 1) return Form::single;
  if (open.one_image) return Form::lanes;
  return open.conflicts ? Form::chain : Form::bundle;
}

/// Ops, wiring and grids of the members; buffers count by the order of their first use.
class Shapes {
 public:
  explicit Shapes(const Work& work)
      : work_(work), region_(work.buffers.size(), kNoItem), number_(work.buffers.size(), 0) {}

  std::uint64_t of(std::uint32_t region, std::span<const std::uint32_t> members, Form form) {
    std::uint64_t hash = mixed(members.size() * kForms + static_cast<std::uint64_t>(form));
    std::uint32_t buffers = 0;
    const auto& first_grid = work_.items[members.front()].grid;
    for (const std::uint32_t member : members) {
      const Item& item = work_.items[member];
      const std::uint64_t same_grid = item.grid == first_grid ? 1 : 0;
      hash = mixed(hash * 3 + work_.ops[item.op].id * 2ull + same_grid);
      hash = mixed(hash * 3 + (std::uint64_t{item.inputs} << 32 | item.outputs));
      for (const BufferUse& use : work_.uses_of(item)) {
        if (region_[use.buffer] != region) {
          region_[use.buffer] = region;
          number_[use.buffer] = buffers++;
        }
        hash = mixed(hash * 3 + number_[use.buffer]);
      }
    }
    return hash;
  }

 private:
  const Work& work_;
  std::vector<std::uint32_t> region_;  // by buffer: the last region that used it
  std::vector<std::uint32_t> number_;
};

/// An item that waits for the one before it waits for that one's region, if that is dispatched just
/// before; otherwise for everything.
std::uint8_t flags_of(const OpenRegion& open, std::uint32_t position, const Regions& regions) {
  if ((open.flags & kQueueFlagAfterPrevious) == 0 || open.first == 0) return open.flags;
  const bool just_before = position != 0 && regions.places[open.first - 1].region == position - 1;
  return just_before ? open.flags : std::uint8_t{kQueueFlagAfterAll};
}

void count_edges(const ConflictGraph& graph, Regions& regions) {
  std::vector<std::uint32_t> seen(regions.regions.size(), kNoItem);
  for (std::uint32_t r = 0; r < regions.regions.size(); ++r) {
    const std::uint64_t edges = regions.edges;
    for (const std::uint32_t member : regions.members_of(regions.regions[r])) {
      for (const Conflict& edge : graph.before(member)) {
        const std::uint32_t other = regions.places[edge.earlier].region;
        if (other == r || seen[other] == r) continue;
        seen[other] = r;
        ++regions.edges;
      }
    }
    if (regions.edges == edges) ++regions.ready;
  }
}

}  // namespace

void order_regions(const Work& work, const ConflictGraph& graph, const Measured& measured,
                   const std::vector<OpenRegion>& open, std::vector<std::uint32_t> region_of,
                   Regions& regions) {
  const std::vector<std::uint32_t> order = dispatch_order(open);
  std::vector<std::uint32_t> position(open.size());
  std::uint32_t members = 0;
  regions.regions.resize(open.size());
  for (std::uint32_t p = 0; p < order.size(); ++p) {
    const OpenRegion& from = open[order[p]];
    Region& region = regions.regions[p];
    position[order[p]] = p;
    region.form = form_of(from);
    region.no_lanes =
        region.form == Form::lanes || region.form == Form::single ? Refusal::none : from.no_lanes;
    region.level = from.level;
    region.segment = from.segment;
    region.first_member = members;
    region.sums = from.sums;
    region.cost = cost_of(measured, from.sums, region.form == Form::lanes);
    members += from.sums.members;
  }
  regions.members.resize(members);
  regions.places.assign(work.items.size(), {});
  for (std::uint32_t i = 0; i < region_of.size(); ++i) {
    if (region_of[i] == kNoItem) continue;
    Region& region = regions.regions[position[region_of[i]]];
    regions.places[i] = {position[region_of[i]], region.members};
    regions.members[region.first_member + region.members++] = i;
  }
  Shapes shapes(work);
  for (std::uint32_t p = 0; p < order.size(); ++p) {
    Region& region = regions.regions[p];
    region.flags = flags_of(open[order[p]], p, regions);
    region.shape = shapes.of(p, regions.members_of(region), region.form);
    if (region.no_lanes != Refusal::none)
      ++regions.refused[static_cast<std::size_t>(region.no_lanes)];
  }
  for (const NotFused& one : regions.not_fused)
    ++regions.refused[static_cast<std::size_t>(one.why)];
  count_edges(graph, regions);
}

std::vector<Elided> elided_stores(const Work& work, const Regions& regions) {
  struct Stored {
    std::uint32_t region{kNoItem};  // of the last writer, if it is in one image
    bool read_inside{false};
    bool read_elsewhere{false};
  };
  std::vector<Stored> stored(work.buffers.size());
  std::vector<Elided> elided;
  const auto settle = [&](std::uint32_t buffer) {
    const Stored& last = stored[buffer];
    if (last.region != kNoItem && last.read_inside && !last.read_elsewhere)
      elided.push_back({last.region, buffer});
  };
  for (std::size_t i = 0; i < work.items.size(); ++i) {
    const std::uint32_t region = regions.places[i].region;
    if (region == kNoItem) continue;
    for (const BufferUse& use : work.uses_of(i)) {
      if ((use.bits & kReads) == 0) continue;
      Stored& last = stored[use.buffer];
      (last.region == region ? last.read_inside : last.read_elsewhere) = true;
    }
    for (const BufferUse& use : work.uses_of(i)) {
      if ((use.bits & kWrites) == 0) continue;
      // A writer that keeps bytes needs what was stored.
      if ((use.bits & kKeeps) == 0) settle(use.buffer);
      const bool lanes = regions.regions[region].form == Form::lanes;
      stored[use.buffer] = {lanes ? region : kNoItem, false, false};
    }
  }
  for (std::uint32_t b = 0; b < work.buffers.size(); ++b) {
    if (work.buffers[b].scratch) settle(b);
  }
  return elided;
}

}  // namespace vyre::planner

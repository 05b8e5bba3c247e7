// Builds regions item by item; see regions.hpp.
#include "planner/regions.hpp"

#include <algorithm>
#include <numeric>

#include "protocol/work_item.hpp"
#include "region_order.hpp"
#include "region_uses.hpp"

namespace vyre::planner {
namespace {

/// Bytes not moved are worth serial lanes from this share of what the item moves.
constexpr double kLeastShared{0.1};

const BindingFacts& binding(const OpFacts& op, const Item& item, std::size_t use) noexcept {
  static const BindingFacts kUndeclared{};
  const bool input = use < item.inputs;
  const auto& list = input ? op.inputs : op.outputs;
  const std::size_t index = input ? use : use - item.inputs;
  return index < list.size() ? list[index] : kUndeclared;
}

class Builder {
 public:
  Builder(const Work& work, const ConflictGraph& graph, const Measured& measured,
          const Forms& forms)
      : work_(work),
        graph_(graph),
        measured_(measured),
        forms_(forms),
        region_of_(work.items.size(), kNoItem),
        reader_region_(work.buffers.size(), kNoItem) {}

  void item(std::uint32_t item, Runs runs) {
    before_ = predecessors(item);
    const bool wall = work_.items[item].flags != kQueueFlagNone;
    if (wall) ++segment_;
    if (!forms_.fuse || wall || runs == Runs::perhaps || !join_some(item))
      open_region(item, wall                    ? Refusal::flags
                        : runs == Runs::perhaps ? Refusal::perhaps
                                                : Refusal::none);
    if (wall) ++segment_;
  }

  std::vector<OpenRegion> take_regions() { return std::move(open_); }
  std::vector<std::uint32_t> take_region_of() { return std::move(region_of_); }
  std::vector<NotFused> take_not_fused() { return std::move(not_fused_); }

 private:
  /// Levels of the regions that an item waits for.
  struct Before {
    std::uint32_t top{kNoItem};  // region of the highest level
    std::int64_t top_level{-1};
    std::int64_t other_level{-1};  // the highest level of the others
    bool last_of_top{false};       // it waits for the last member of `top`
    // What the rules say of `top`, once follow_in_image() has looked.
    Refusal order{Refusal::none};
    Refusal lanes{Refusal::none};
  };

  Before predecessors(std::uint32_t item) const {
    Before before;
    for (const Conflict& edge : graph_.before(item)) {
      const std::uint32_t region = region_of_[edge.earlier];
      const std::int64_t level = open_[region].level;
      if (region != before.top && level > before.top_level) {
        before.other_level = before.top_level;
        before.top = region;
        before.top_level = level;
        before.last_of_top = false;
      } else if (region != before.top) {
        before.other_level = std::max(before.other_level, level);
      }
      if (region == before.top && open_[region].last == edge.earlier) before.last_of_top = true;
    }
    return before;
  }

  /// Whether the item may be a member as far as order is concerned.
  Refusal order_refuses(std::uint32_t region) const {
    const OpenRegion& open = open_[region];
    if (open.segment != segment_) return Refusal::flags;
    if (open.closed) return Refusal::perhaps;
    if (open.sums.members >= kMaxRegionMembers) return Refusal::full;
    const std::int64_t outside = before_.top == region ? before_.other_level : before_.top_level;
    return outside < static_cast<std::int64_t>(open.level) ? Refusal::none : Refusal::level;
  }

  bool join_some(std::uint32_t item) {
    if (forms_.lanes_first)
      return follow_in_image(item) || share(item) || follow(item) || stand_beside(item);
    return follow_in_image(item) || follow(item) || share(item) || stand_beside(item);
  }

  /// Behind the last member that it waits for, in one image with it.
  bool follow_in_image(std::uint32_t item) {
    const std::uint32_t region = before_.top;
    if (region == kNoItem) return false;
    before_.order = order_refuses(region);
    if (before_.order != Refusal::none) return false;
    double shared = 0;
    before_.lanes = lanes_refuse(item, region, shared);
    if (before_.lanes != Refusal::none) return false;
    const RegionSums sums = with(item, region, shared);
    return cost_of(measured_, sums, true).worth_it() &&
           join(item, region, sums, Refusal::none, true);
  }

  /// The same in a chain. An image was tried before.
  bool follow(std::uint32_t item) {
    const std::uint32_t region = before_.top;
    if (region == kNoItem) return false;
    if (before_.order != Refusal::none) return refused(item, region, before_.order);
    const OpenRegion& open = open_[region];
    if (!before_.last_of_top || (open.sums.members > 1 && !open.conflicts))
      return refused(item, region, Refusal::parallel);
    const RegionSums sums = with(item, region, 0);
    if (!cost_of(measured_, sums, false).worth_it() || !better_as_chain(open, sums))
      return refused(item, region, Refusal::cost);
    return join(item, region, sums, before_.lanes == Refusal::none ? Refusal::cost : before_.lanes,
                true);
  }

  /// In one image with an item that reads the same buffer.
  bool share(std::uint32_t item) {
    std::uint32_t tried = before_.top;  // follow_in_image() tried that one
    for (const BufferUse& use : work_.uses_of(item)) {
      const std::uint32_t region = reader_region_[use.buffer];
      if ((use.bits & kReads) == 0 || region == kNoItem || region == tried) continue;
      tried = region;
      if (open_[region].no_lanes != Refusal::none || order_refuses(region) != Refusal::none)
        continue;
      double shared = 0;
      const Refusal lanes = lanes_refuse(item, region, shared);
      if (lanes != Refusal::none) {
        refused(item, region, lanes);
        continue;
      }
      RegionSums alone;
      add(item, alone);
      alone.bytes_not_moved = shared;
      const RegionSums sums = with(item, region, shared);
      if (!worth_serial_lanes(alone) || !cost_of(measured_, sums, true).worth_it()) {
        refused(item, region, Refusal::cost);
        continue;
      }
      return join(item, region, sums, lanes, false);
    }
    return false;
  }

  /// Side by side with items of the same level.
  bool stand_beside(std::uint32_t item) {
    const auto level = static_cast<std::size_t>(before_.top_level + 1);
    if (level >= bundles_.size() || bundles_[level] == kNoItem) return false;
    const std::uint32_t region = bundles_[level];
    const OpenRegion& open = open_[region];
    if (open.conflicts || open.one_image || open.segment != segment_) return false;
    const Refusal order = order_refuses(region);
    if (order != Refusal::none) return refused(item, region, order);
    const RegionSums sums = with(item, region, 0);
    if (!cost_of(measured_, sums, false).worth_it()) return refused(item, region, Refusal::cost);
    double shared = 0;
    const Refusal lanes = lanes_refuse(item, region, shared);
    return join(item, region, sums, lanes == Refusal::none ? Refusal::parallel : lanes, false);
  }

  /// The rules of one image. `shared` becomes the bytes that the item need not read again.
  Refusal lanes_refuse(std::uint32_t index, std::uint32_t region, double& shared) const {
    const OpenRegion& open = open_[region];
    if (open.no_lanes != Refusal::none) return open.no_lanes;
    const Item& item = work_.items[index];
    const OpFacts& op = work_.ops[item.op];
    const Refusal alone = lanes_refuse_alone(index);
    if (alone != Refusal::none) return alone;
    const Item& first = work_.items[open.first];
    if (op.workgroup != work_.ops[first.op].workgroup) return Refusal::workgroup;
    if (item.grid != first.grid) return Refusal::grid;
    if (std::uint64_t{open.registers} + op.registers > kMaxVectorRegisters)
      return Refusal::registers;
    const auto uses = work_.uses_of(item);
    for (std::size_t u = 0; u < uses.size(); ++u) {
      const RegionUse* other = uses_.find(region, uses[u].buffer);
      if (other == nullptr) continue;
      if ((uses[u].bits & kWrites) != 0)
        return other->written ? Refusal::two_writers : Refusal::overwritten_input;
      const BindingFacts& facts = binding(op, item, u);
      if (other->written) {
        if (item.grid[1] != 1 || item.grid[2] != 1) return Refusal::grid;
        if (other->element != facts.element) return Refusal::element;
        if (!other->own_element || !facts.own_element) return Refusal::other_lane;
      }
      shared += static_cast<double>(work_.buffers[uses[u].buffer].bytes);
    }
    return shared > 0 ? Refusal::none : Refusal::nothing_shared;
  }

  /// What an item must be to run in an image with others.
  Refusal lanes_refuse_alone(std::uint32_t index) const {
    const Item& item = work_.items[index];
    const OpFacts& op = work_.ops[item.op];
    if (!forms_.lanes) return Refusal::executor;
    if (!op.flat) return Refusal::not_flat;
    if (item.grid[0] == 0 || item.grid[1] == 0 || item.grid[2] == 0) return Refusal::grid;
    const auto uses = work_.uses_of(item);
    for (std::size_t u = 0; u < uses.size(); ++u) {
      if ((uses[u].bits & kWrites) == 0) continue;
      if ((uses[u].bits & kReads) != 0) return Refusal::read_write;
      const auto same = [&](const BufferUse& use) { return use.buffer == uses[u].buffer; };
      if (std::any_of(uses.begin(), uses.begin() + item.inputs, same))
        return Refusal::overwritten_input;
      if (std::any_of(uses.begin() + static_cast<std::ptrdiff_t>(u) + 1, uses.end(), same))
        return Refusal::two_writers;
    }
    return Refusal::none;
  }

  [[nodiscard]] bool worth_serial_lanes(const RegionSums& item) const noexcept {
    if (!measured_.bytes_per_ns) return item.bytes_not_moved >= kLeastShared * item.bytes;
    const RegionCost cost = cost_of(measured_, item, true);
    return cost.saved_ns >= kLeastShared * cost.unfused_ns;
  }

  /// Whether members that run in one image are better off as a chain with one more.
  [[nodiscard]] bool better_as_chain(const OpenRegion& open,
                                     const RegionSums& sums) const noexcept {
    if (!open.one_image) return true;
    if (forms_.lanes_first) return false;
    const RegionCost image = cost_of(measured_, open.sums, true);
    const RegionCost chain = cost_of(measured_, sums, false);
    return measured_.bytes_per_ns && chain.saved_ns >= image.saved_ns - image.lost_ns;
  }

  /// By items of its op of that size, or else by its steps.
  [[nodiscard]] double run_ns(const Item& item) const noexcept {
    const OpFacts& op = work_.ops[item.op];
    const std::uint64_t lanes = op.lanes(item.grid);
    const auto lane_ns = lanes == 0 ? std::nullopt : nearest(op.lane_ns, lanes);
    return lane_ns ? *lane_ns * static_cast<double>(lanes)
                   : op.steps.value_or(0) * measured_.step_ns.value_or(0);
  }

  void add(std::uint32_t index, RegionSums& sums) const {
    ++sums.members;
    sums.run_ns += run_ns(work_.items[index]);
    for (const BufferUse& use : work_.uses_of(index))
      sums.bytes += static_cast<double>(work_.buffers[use.buffer].bytes);
  }
  RegionSums with(std::uint32_t item, std::uint32_t region, double shared) const {
    RegionSums sums = open_[region].sums;
    add(item, sums);
    sums.bytes_not_moved += shared;
    return sums;
  }

  /// `no_lanes` none: the members go on to run in one image.
  bool join(std::uint32_t item, std::uint32_t region, const RegionSums& sums, Refusal no_lanes,
            bool conflicts) {
    OpenRegion& open = open_[region];
    open.sums = sums;
    open.conflicts = open.conflicts || conflicts;
    open.no_lanes = no_lanes;
    open.one_image = no_lanes == Refusal::none;
    if (!open.one_image) open.sums.bytes_not_moved = 0;
    enter(item, region);
    return true;
  }

  /// `alone`: why no item may join.
  void open_region(std::uint32_t item, Refusal alone) {
    const auto region = static_cast<std::uint32_t>(open_.size());
    OpenRegion& open = open_.emplace_back();
    open.first = item;
    open.segment = segment_;
    open.level = static_cast<std::uint32_t>(before_.top_level + 1);
    open.flags = work_.items[item].flags;
    open.closed = alone != Refusal::none;
    open.no_lanes = open.closed ? alone : lanes_refuse_alone(item);
    add(item, open.sums);
    if (!open.closed && forms_.fuse) {
      if (bundles_.size() <= open.level) bundles_.resize(open.level + 1, kNoItem);
      bundles_[open.level] = region;
    }
    enter(item, region);
  }

  void enter(std::uint32_t item, std::uint32_t region) {
    OpenRegion& open = open_[region];
    open.last = item;
    region_of_[item] = region;
    if (open.no_lanes != Refusal::none || !forms_.fuse) return;
    const Item& facts = work_.items[item];
    const OpFacts& op = work_.ops[facts.op];
    open.registers += op.registers;
    const auto uses = work_.uses_of(facts);
    for (std::size_t u = 0; u < uses.size(); ++u) {
      RegionUse& use = uses_.at(region, uses[u].buffer);
      if ((uses[u].bits & kWrites) != 0) {
        use = {binding(op, facts, u).element, true, binding(op, facts, u).own_element};
      } else {
        reader_region_[uses[u].buffer] = region;
      }
    }
  }

  bool refused(std::uint32_t item, std::uint32_t region, Refusal why) {
    not_fused_.push_back({item, open_[region].last, why});
    return false;
  }

  const Work& work_;
  const ConflictGraph& graph_;
  const Measured& measured_;
  const Forms forms_;
  std::uint32_t segment_{0};
  Before before_;
  std::vector<OpenRegion> open_;
  std::vector<std::uint32_t> region_of_;      // by item, in open_
  std::vector<std::uint32_t> reader_region_;  // by buffer: the last one image that reads it
  std::vector<std::uint32_t> bundles_;        // by level: the region that others may stand beside
  std::vector<NotFused> not_fused_;
  RegionUses uses_;
};

}  // namespace

std::string_view name(Form form) noexcept {
  constexpr std::array<std::string_view, kForms> kNames{"single", "bundle", "chain", "lanes"};
  return kNames[static_cast<std::size_t>(form)];
}

std::string_view name(Refusal refusal) noexcept {
  constexpr std::array<std::string_view, kRefusals> kNames{"none",        "flags",
                                                           "full",        "level",
                                                           "parallel",    "cost",
                                                           "not_flat",    "workgroup",
                                                           "grid",        "read_write",
                                                           "element",     "other_lane",
                                                           "two_writers", "overwritten_input",
                                                           "registers",   "nothing_shared",
                                                           "executor",    "perhaps",
                                                           "memory"};
  return kNames[static_cast<std::size_t>(refusal)];
}

Regions make_regions(const Work& work, const ConflictGraph& graph, std::span<const Runs> runs,
                     const Measured& measured, const Forms& forms) {
  Builder builder(work, graph, measured, forms);
  for (std::uint32_t i = 0; i < work.items.size(); ++i) {
    const Runs one = runs.empty() ? Runs::yes : runs[i];
    if (one != Runs::no) builder.item(i, one);
  }
  Regions regions;
  regions.not_fused = builder.take_not_fused();
  const std::vector<OpenRegion> open = builder.take_regions();
  order_regions(work, graph, measured, open, builder.take_region_of(), regions);
  return regions;
}

}  // namespace vyre::planner

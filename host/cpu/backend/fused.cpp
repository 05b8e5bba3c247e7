// The members of a region in one image: bound together, looked at again, run as one item is. What
// does not fit, and a run with a fault, are void: nothing is known of members then, and they run
// one after another from the same inputs, which no member writes.
#include <algorithm>
#include <new>

#include "worker.hpp"

namespace vyre::cpu {
namespace {

std::uint64_t elements(const core::BufferFacts& facts, std::uint64_t bytes) {
  return facts.stride == 0 ? 0 : bytes / facts.stride;
}

}  // namespace

bool Worker::bind_fused(const Work& work, const RegionBlock& block, Launch& launch) {
  of_members_.views.clear();
  of_members_.ranges.clear();
  of_members_.files.clear();
  for (const MegakernelWorkItem& item : block.items) {
    const OpRecord* const op = state_.ops.find(item.op_handle);
    if (op == nullptr || op->program.image == nullptr) return false;
    const Work member{{item, 0}, work.queue, work.position};
    if (bind(member, *op) != FaultCode::none || asks() != nullptr) return false;
    const Launch* const own = plan(member, *op);
    if (own == nullptr || (launch.total != 0 && own->grid != launch.grid)) return false;
    launch.grid = own->grid;
    launch.total = own->total;
    of_members_.views.insert(of_members_.views.end(), views_.begin(), views_.end());
    of_members_.ranges.insert(of_members_.ranges.end(), ranges_.begin(), ranges_.end());
    of_members_.files.insert(of_members_.files.end(), files_.begin(), files_.end());
  }
  views_.swap(of_members_.views);
  files_.swap(of_members_.files);
  std::vector<BoundRange>& ranges = of_members_.ranges;
  const backend::FusedProgram& fused = *block.fused;
  if (views_.size() != fused.program.buffers.size()) return false;
  const std::uint64_t lanes = std::uint64_t{launch.grid[0]} * fused.program.image->workgroup[0];
  if (lanes < fused.least_lanes || lanes > fused.most_lanes) return false;
  for (const backend::FusedProgram::Handed& one : fused.handed) {
    if (launch.grid[1] != 1 || launch.grid[2] != 1) return false;
    if (views_[one.writer].data != views_[one.reader].data) return false;
    const core::BufferFacts& facts = fused.program.image->buffers[one.writer];
    const std::uint64_t written = elements(facts, views_[one.writer].bytes);
    if ((elements(facts, views_[one.reader].bytes) > written) != one.longer) return false;
  }
  // One buffer may be used by many members, but memory must not go by two names.
  std::sort(ranges.begin(), ranges.end(),
            [](const BoundRange& a, const BoundRange& b) { return a.handle < b.handle; });
  std::size_t kept = 0;
  for (const BoundRange& range : ranges) {
    if (kept != 0 && ranges[kept - 1].handle == range.handle)
      ranges[kept - 1].writes = ranges[kept - 1].writes || range.writes;
    else
      ranges[kept++] = range;
  }
  ranges.resize(kept);
  return apart(ranges);
}

void Worker::compare(const Run& one, const RegionBlock& block) {
  if (!one.took) return;
  const std::uint64_t lanes = one.lanes();
  double alone_ns = 0;
  for (const MegakernelWorkItem& item : block.items) {
    const auto lane_ns = nearest(state_.ops.find(item.op_handle)->lane_ns(), lanes);
    if (!lane_ns) return;
    alone_ns += *lane_ns * static_cast<double>(lanes);
  }
  costs_.fused.add(static_cast<std::uint64_t>(alone_ns), *one.took);
}

bool Worker::run_fused(const Work& work, const RegionBlock& block) {
  try {
    Launch launch;
    if (!bind_fused(work, block, launch)) return false;
    flush_before_long_work();
    const backend::FusedProgram& fused = *block.fused;
    if (!zero_fill(fused.program.buffers, fused.unzeroed)) return false;
    Run one{fused.program.image,
            launch,
            nullptr,
            false,
            0,
            std::vector<std::uint64_t>(block.items.size())};
    if (run(one).code != FaultCode::none) return false;
    for (const platform::MappedFile* const file : files_) {
      if (!file->intact()) return false;
    }
    compare(one, block);
    // What was executed up to the end of each member; the last one has no rejoin.
    one.passed.back() = one.steps;
    std::uint64_t before = 0;
    for (std::size_t m = 0; m < block.items.size(); ++m) {
      state_.ops.find(block.items[m].op_handle)
          ->steps.fetch_add(one.passed[m] - before, std::memory_order_relaxed);  // a count
      before = one.passed[m];
    }
    return true;
  } catch (const std::bad_alloc&) {
    return false;  // each member may need less
  }
}

}  // namespace vyre::cpu

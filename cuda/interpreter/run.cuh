// The body of run(): lays out the warp's memory, brings the image, and walks over the frames of a
// span. Part of interpret.cuh. Device only.
#pragma once

namespace vyre::cuda::interpreter {

class SpanRun {
 public:
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  using Machine = core::Machine<WarpPolicy>;

  VYRE_HOT SpanRun(const core::ImageView& image, const Plan& plan, const WarpMemory& memory)
      : plan_(plan), memory_(memory) {
    m_.image = image;
    m_.policy.lanes = plan.width;
    m_.policy.shift = plan.width >= kWideStep ? 2 : 0;
    m_.scalars = at<u32>(plan.scalars);
    m_.mask_active = at<core::Active>(plan.mask_active);
    m_.buffers = at<core::BoundBuffer>(plan.table);
    m_.masks = at<u32>(plan.masks);
    m_.live = m_.masks + image.mask_count * plan.width;
    m_.iterations = m_.live + plan.width;
    m_.policy.folded = m_.iterations + plan.width;
    m_.vectors = at<u32>(plan.vectors);
    m_.lanes_per_workgroup = image.workgroup[0] * image.workgroup[1] * image.workgroup[2];
  }

  /// Instructions and constants into the slice, unless they are still there; buffers as accesses
  /// want them.
  VYRE_HOT void stage(const core::BoundBuffer* buffers, u64 workgroup_bytes, Staged& staged) {
    const core::ImageView& image = m_.image;
    const u32 self = warp::self();
    const bool there = plan_.code_staged != 0 && staged.code == image.code;
    if (!there) {
      warp::sync();  // every lane has looked at what is staged
      for (u32 k = self; k < image.constant_count; k += kWarpLanes)
        m_.scalars[k] = image.constants[k];
    }
    if (plan_.code_staged != 0) {
      auto* const to = reinterpret_cast<u32*>(memory_.shared + kTwinBytes);
      const auto* const from = reinterpret_cast<const u32*>(image.code);
      if (!there) {
        for (u32 k = self; k < image.code_count; k += kWarpLanes) {
          Four words = warp::load4(from + 4 * k);
          words.x |= hot::marks_of(words.x & 0xFFu);
          warp::store4(to + 4 * k, words);
        }
      }
      staged.code = image.code;
      m_.image.code = reinterpret_cast<const core::Instruction*>(memory_.shared + kTwinBytes);
    } else {
      staged.code = nullptr;
    }
    for (u32 k = self; k < image.mask_count; k += kWarpLanes)
      m_.mask_active[k] = core::Active::none;
    auto* const table = at<core::BoundBuffer>(plan_.table);
    if (workgroup_bytes == 0) {
      for (u32 k = self; k < image.buffer_count; k += kWarpLanes) table[k] = buffers[k];
      warp::sync();  // publishes instructions, constants, the table
      return;
    }
    std::uint8_t* const workgroup = at<std::uint8_t>(plan_.workgroup);
    u64 used = 0;
    for (u32 k = 0; k < image.buffer_count; ++k) {
      const core::BufferFacts facts = image.buffers[k];
      const u64 begin = used;
      if (facts.is_workgroup != 0) used += (u64{facts.workgroup_bytes} + 15) / 16 * 16;
      if (k % kWarpLanes != self) continue;
      table[k] = facts.is_workgroup != 0
                     ? core::bind_buffer({workgroup + begin, facts.workgroup_bytes}, facts)
                     : buffers[k];
    }
    warp::sync();  // publishes instructions, constants, the table
  }

  template <class Next>
  VYRE_DEVICE __forceinline__ core::RunResult run(const core::Grid& grid, core::WorkgroupSpan span,
                                                  u64 fuel, const u32* stop, u64 workgroup_bytes,
                                                  bool uses_async, const Next& asked) {
    Next next = asked;
    m_.grid = grid;
    m_.line =
        m_.image.workgroup[1] == 1 && m_.image.workgroup[2] == 1 && grid[1] == 1 && grid[2] == 1;
    m_.policy.hot =
        plan_.code_staged != 0 && (plan_.scalars.in_scratch | plan_.mask_active.in_scratch |
                                   plan_.table.in_scratch | plan_.vectors.in_scratch) == 0;
    // Axis by axis: an index would put the machine into memory.
    const core::ImageView& image = m_.image;
    const u64 most = u64{1} << 32;
    const bool ids_fit = u64{grid[0]} * image.workgroup[0] <= most &&
                         u64{grid[1]} * image.workgroup[1] <= most &&
                         u64{grid[2]} * image.workgroup[2] <= most;
    m_.policy.hot_flags = (m_.line ? kHotLine : 0) | (ids_fit ? kHotIdsFit : 0);
    m_.fuel = fuel;
    m_.policy.stop = stop;
    m_.policy.passed = memory_.passed;
    const u64 lanes = m_.lanes_per_workgroup;
    const bool flat = m_.image.flat != 0;
    const u64 step = flat ? core::frame_lanes(image, plan_.width) : lanes;
    u64 first = span.first * lanes;
    u64 end = first + span.count * lanes;
    // Frames that end alike: no fuel to carry over, no copies, no workgroup memory to clear.
    const bool ahead = flat && m_.image.loops == 0;
    if (ahead && end > step) m_.policy.last_start = end - step;
    Copies copies;
    if (uses_async) {
      copies.open(memory_.scratch + plan_.copies, memory_.scratch_bytes - plan_.copies, memory_.io,
                  memory_.queue);
      m_.policy.pending_copies = &copies;
    }
    static_assert(sizeof(Machine) <= kTwinBytes && alignof(Machine) <= 16);
    m_.policy.twin = reinterpret_cast<Machine*>(memory_.shared);
    *m_.policy.twin = m_;
    warp::sync();  // publishes the twin
    core::RunResult result;
    while (first < end) {
      if (m_.policy.stop_requested()) {
        result.fault.code = FaultCode::shutdown;
        result.fault.workgroup = first / lanes;
        break;
      }
      if (!flat) {
        clear_workgroup_memory(workgroup_bytes);
        if (uses_async) copies.clear();
      }
      m_.first_lane = first;
      m_.count = static_cast<u32>(end - first < step ? end - first : step);
      m_.instructions = 0;
      m_.start();
      while (m_.run() == core::Stop::barrier) {
        warp::sync();  // publishes memory: the whole workgroup is this warp
      }
      result.instructions += m_.instructions * m_.count;
      m_.policy.pass_frame(m_.instructions * m_.count);
      if (m_.fault.code != FaultCode::none) {
        const u64 linear = m_.first_lane + m_.fault.lane;
        result.fault.code = m_.fault.code;
        result.fault.workgroup = linear / lanes;
        result.fault.lane = static_cast<u32>(linear % lanes);
        result.fault.statement = m_.fault.statement;
        if (uses_async) copies.settle();  // a run without a fault has waited for all of them
        break;
      }
      first = m_.first_lane + m_.count;  // the last of the frames that ran ahead
      if (flat && m_.image.loops != 0) carry(first % lanes);
      if (first < end || uses_async || !next(at<core::BoundBuffer>(plan_.table), span)) continue;
      m_.begin_span();
      first = span.first * lanes;
      end = first + span.count * lanes;
      m_.policy.last_start = ahead && end > step ? end - step : 0;
    }
    next.close();
    warp::sync();  // every lane is through with the slice
    return result;
  }

 private:
  template <class T>
  [[nodiscard]] VYRE_HOT T* at(const Place& place) const {
    return reinterpret_cast<T*>((place.in_scratch != 0 ? memory_.scratch : memory_.shared) +
                                place.offset);
  }

  /// Carries the fuel that was spent over to the next frame. `part`: lanes of the workgroup that
  /// goes on there.
  VYRE_HOT void carry(u64 part) {
    if (part == 0) {
      m_.carried = 0;
    } else if (m_.spent != 0 || m_.carried != 0) {
      const u32 from = part >= m_.count ? 0 : m_.count - static_cast<u32>(part);
      m_.carried = (part >= m_.count ? m_.carried : 0) + m_.spent_from(from);
    }
  }

  VYRE_HOT void clear_workgroup_memory(u64 bytes) {
    auto* const words = at<u32>(plan_.workgroup);
    for (u64 k = warp::self(); k < (bytes + 15) / 16; k += kWarpLanes)
      warp::store4(words + 4 * k, {0, 0, 0, 0});
    warp::sync();  // publishes the zeros
  }

  Machine m_;
  Plan plan_;
  WarpMemory memory_;
};

template <class Next>
VYRE_DEVICE core::RunResult run(const core::ImageView& image, std::uint64_t workgroup_bytes,
                                bool uses_async, const core::BoundBuffer* buffers,
                                const core::Grid& grid, core::WorkgroupSpan span,
                                std::uint64_t fuel, const std::uint32_t* stop,
                                const WarpMemory memory, Staged& staged, const Next& next) {
  const std::uint64_t lanes =
      std::uint64_t{image.workgroup[0]} * image.workgroup[1] * image.workgroup[2] * span.count;
  core::ImageView view = image;
  // The lanes of a span tell its workgroups, because all spans of an image have workgroups alike.
  const bool planned = staged.code == image.code && staged.lanes == lanes && staged.fuel == fuel;
  Plan plan;
  if (planned) {
    view.flat = staged.flat;
    plan = staged.plan;
  } else {
    plan = make_plan(view, workgroup_bytes, uses_async, memory.shared_bytes, lanes);
    if (image.flat != 0 && image.loops != 0 && fuel <= core::kSmallFuel &&
        lanes > plan.width * span.count) {
      // A workgroup is a frame if there is room for it: core::kSmallFuel says why.
      view.flat = 0;
      const Plan whole = make_plan(view, workgroup_bytes, uses_async, memory.shared_bytes, lanes);
      if (whole.scratch_bytes <= memory.scratch_bytes) {
        plan = whole;
      } else {
        view.flat = 1;
      }
    }
  }
  if (plan.scratch_bytes > memory.scratch_bytes) {
    core::RunResult refused;
    refused.fault.code = FaultCode::out_of_memory;
    refused.fault.workgroup = span.first;
    return refused;
  }
  SpanRun one(view, plan, memory);
  one.stage(buffers, workgroup_bytes, staged);
  if (!planned) {
    staged.lanes = lanes;
    staged.fuel = fuel;
    staged.flat = view.flat;
    staged.plan = plan;
  }
  return one.run(grid, span, fuel, stop, workgroup_bytes, uses_async, next);
}

}  // namespace vyre::cuda::interpreter

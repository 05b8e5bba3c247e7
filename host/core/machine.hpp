// The interpreter core: one frame of lanes with one program counter and a stack of masks, over an
// image. Single source for host and device. A Policy says how lanes are walked, counted and
// synchronised and how f32 is kept; this file has no library calls, no exceptions, no virtual
// functions. The cold instructions are in machine_cold.inl, memory in machine_memory.inl. One frame
// belongs to one thread (or warp). Spec: docs/internals/image.md.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "core/f32_transcendental.hpp"
#include "core/image.hpp"
#include "core/run.hpp"
#include "lane_ops.hpp"
#include "protocol/limits.hpp"

// What the loop of run() is made of. On a device it must melt into the loop, so that the machine's
// state stays in registers; on a CPU the compiler knows best.
#if defined(__CUDACC__)
#define VYRE_HOT VYRE_HD __forceinline__
#else
#define VYRE_HOT VYRE_HD
#endif

namespace vyre::core {

/// Nothing reads what a lane that is off has loaded, so loads of neighbouring elements may read for
/// such a lane what another worker is writing. ThreadSanitizer would report each.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kOnlyLanesThatAreOnRead{true};
#else
inline constexpr bool kOnlyLanesThatAreOnRead{false};
#endif

/// A buffer as accesses want it: `last` is the greatest valid index where `nonempty`.
struct BoundBuffer {
  std::uint8_t* data;
  std::uint64_t bytes;
  std::uint32_t last;
  std::uint32_t nonempty;
};

VYRE_LANE_FN BoundBuffer bind_buffer(const BufferView& view, const BufferFacts& facts) {
  const std::uint64_t count = facts.stride == 0 ? 0 : view.bytes / facts.stride;
  const std::uint64_t last = count == 0 ? 0 : count - 1;
  return {view.data, view.bytes,
          last > 0xFFFFFFFFu ? 0xFFFFFFFFu : static_cast<std::uint32_t>(last),
          count != 0 ? 1u : 0u};
}

/// A run that ends for want of this fuel is short. Up to here a workgroup with loops is never cut
/// into frames where the machine has room, so that all its lanes spend the fuel together.
inline constexpr std::uint64_t kSmallFuel{std::uint64_t{1} << 24};

/// Lanes that a flat frame takes of its width. Where loops spend fuel these are whole workgroups as
/// far as one fits, so that all lanes of a workgroup spend it in the order of its execution.
VYRE_LANE_FN std::uint32_t frame_lanes(const ImageView& image, std::uint32_t width) {
  const std::uint32_t lanes = image.workgroup[0] * image.workgroup[1] * image.workgroup[2];
  return image.loops != 0 && lanes <= width ? width / lanes * lanes : width;
}

/// How many lanes of the current mask are on.
enum class Active : std::uint8_t { none, some, full };
enum class Stop : std::uint8_t { end, barrier };

/// The fault of a frame that is to be named, in its own terms; lane is an index into the frame.
struct FrameFault {
  FaultCode code{FaultCode::none};
  std::uint32_t lane{0};
  std::uint32_t statement{0};
};

/// A register as a policy with its own walk over lanes wants it.
struct Operand {
  const std::uint32_t* at;
  bool scalar;
};

/// Work of run() that is rare or long. A policy may do it out of line, on a copy of the machine.
enum class Rare : std::uint32_t { execute, fuel, shutdown, deadlock, end_of_lanes, rejoin };

template <class Policy>
class Machine {
 public:
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;

  Policy policy;
  ImageView image{};
  const BoundBuffer* buffers{nullptr};
  u32* vectors{nullptr};         // [vector_registers][width]
  u32* scalars{nullptr};         // [scalar_registers]
  u32* masks{nullptr};           // [mask_count][width], each word 0 or all ones
  u32* live{nullptr};            // [width]: lanes that exist and have not returned
  u32* iterations{nullptr};      // [width]: loop iterations since the last exact fuel check
  Active* mask_active{nullptr};  // [mask_count]

  // The place of the frame in the dispatch.
  Grid grid{1, 1, 1};
  u64 first_lane{0};  // linear: workgroup * lanes per workgroup + local index
  u32 count{0};       // lanes that exist, from index 0
  u32 lanes_per_workgroup{1};
  bool line{false};  // one dimension only: lane l has the global id first_lane + l

  // Fuel. `carried`: iterations that earlier frames of the first workgroup have spent.
  u64 fuel{kDefaultFuel};
  u64 carried{0};
  u64 spent{0};
  u64 next_check{0};
  u64 instructions{0};
  FrameFault fault;

  VYRE_HOT void start() {
    pc_ = first_start_ ? 0 : image.once_count;
    first_start_ = false;
    depth_ = 0;
    const bool returned = returned_;
    returned_ = false;
    doomed_ = false;
    fault = FrameFault{};
    // The masks of a full frame whose lanes all came to the end are still what they were.
    if (!(masks_full_ && !returned && count == policy.width())) all_lanes_on();
    masks_full_ = count == policy.width();
    fill_fuel();
    mask_active[0] = masks_full_ ? Active::full : Active::some;
    policy.sync();
  }

  /// The next start() begins another span, over other buffers.
  VYRE_HOT void begin_span() {
    first_start_ = true;
    carried = 0;
  }

  /// Once for many frames of one image: constants are never written again.
  VYRE_HD void load_constants() {
    for (u32 k = 0; k < image.mask_count; ++k) mask_active[k] = Active::none;
    line = image.workgroup[1] == 1 && image.workgroup[2] == 1 && grid[1] == 1 && grid[2] == 1;
    for (u32 i = 0; i < image.constant_count; ++i)
      policy.store_scalar(scalars + i, image.constants[i]);
    policy.sync();
  }

  /// Iterations spent by the lanes from `from` on: what the next frame of the same workgroup starts
  /// with.
  [[nodiscard]] VYRE_HD u64 spent_from(u32 from) {
    if (image.loops == 0) return 0;
    u64 sum = 0;
    policy.each_in_order([&](u32 l) {
      if (l >= from && l < count) sum += policy.iterations_before(l) + iterations[l] + rounds_;
    });
    return policy.sum64(sum);
  }

  /// Runs until the end (or a fault that leaves nothing to run) or a barrier; call again after a
  /// barrier.
  VYRE_HOT Stop run();

  /// Does rare work on this machine.
  VYRE_HD void perform(Rare what);
  /// What changes between two pieces of rare work, to and from a copy of this machine.
  VYRE_HOT void give_place(Machine& copy) const {
    copy.first_lane = first_lane;
    copy.count = count;
    copy.carried = carried;
    copy.pc_ = pc_;
    give_state(copy);
  }
  VYRE_HOT void give_state(Machine& copy) const {
    copy.spent = spent;
    copy.next_check = next_check;
    copy.fault = fault;
    copy.depth_ = depth_;
    copy.rounds_ = rounds_;
    copy.returned_ = returned_;
    copy.doomed_ = doomed_;
  }
  /// For a policy that executes some instructions by itself.
  [[nodiscard]] VYRE_HOT u32 place() const { return pc_; }
  [[nodiscard]] VYRE_HOT u32 depth() const { return depth_; }
  [[nodiscard]] VYRE_HOT bool doomed() const { return doomed_; }
  [[nodiscard]] VYRE_HOT bool returned() const { return returned_; }
  VYRE_HOT void go_on_at(u32 pc, u32 depth, u32 executed) {
    pc_ = pc;
    depth_ = depth;
    instructions += executed;
  }

  /// One instruction that is not of control.
  VYRE_HD void execute_now(const Instruction& i) { execute_hot(i); }

  [[nodiscard]] VYRE_HOT u32 statement() const { return image.statements[pc_]; }
  [[nodiscard]] VYRE_HOT u32 width() const { return policy.width(); }
  [[nodiscard]] VYRE_HOT u32* vreg(u32 r) const {
    return vectors + static_cast<u64>(r * policy.width());  // both have 16 bits
  }
  [[nodiscard]] VYRE_HOT u32* mask() const {
    return masks + static_cast<u64>(depth_ * policy.width());
  }
  [[nodiscard]] VYRE_HOT Active active() const { return mask_active[depth_]; }
  /// Operand word of one lane, whatever its form; the slow way, for cold instructions.
  [[nodiscard]] VYRE_HOT u32 read(bool scalar, u32 r, u32 lane) const {
    return scalar ? scalars[r] : vreg(r)[lane];
  }
  [[nodiscard]] VYRE_HOT u64 read64(bool scalar, u32 r, u32 lane) const {
    return lane::wide(read(scalar, r, lane), read(scalar, r + 1, lane));
  }
  /// Bytes that the asynchronous copy `i` of a lane writes in the end, and where.
  struct CopyPlace {
    u64 at;
    u64 count;
  };
  [[nodiscard]] VYRE_HD CopyPlace copy_place(const Instruction& i, u32 lane) const {
    const u64 at = i.op == Opcode::async_load ? 0 : read((i.form & kScalarA) != 0, i.a, lane);
    const u64 room = buffers[i.imm >> 16].bytes;
    const u64 left = at < room ? room - at : 0;
    const u64 size = read((i.form & kScalarB) != 0, i.b, lane);
    return {at, size < left ? size : left};
  }

  /// Records a fault on the active lanes where `test(lane)`; true if there is one. The first such
  /// lane and those above it stop at once; those below go on to where lanes meet, or to their end.
  template <class Test>
  VYRE_HD bool raise_where(FaultCode code, Test test) {
    const u32* m = mask();
    u32 hit = 0;
    policy.each([&](u32 l) { hit |= m[l] & (test(l) ? 0xFFFFFFFFu : 0u); });
    if (!policy.any(hit != 0)) return false;
    u32 first = 0xFFFFFFFFu;
    policy.each([&](u32 l) {
      if (m[l] != 0 && test(l) && l < first) first = l;
    });
    record_fault(code, policy.min(first));
    return true;
  }

 private:
  static constexpr u64 kFoldIterations{
      1u << 30};  // 32-bit lane counters are folded before they could wrap
  friend struct ColdInstructions;
  friend struct MemoryInstructions;

  VYRE_HOT void all_lanes_on() {
    u32* const m = masks;
    u32* const alive = live;
    const u32 n = count;
    policy.each([=](u32 l) {
      const u32 on = l < n ? 0xFFFFFFFFu : 0u;
      m[l] = on;
      alive[l] = on;
    });
  }
  /// For a program that begins in this frame.
  VYRE_HOT void fill_fuel() {
    spent = 0;
    // No workgroup can be over before the whole frame has spent what one may.
    next_check = (carried < fuel ? fuel - carried : 0) + 1;
    if (next_check > kFoldIterations) next_check = kFoldIterations;
    if (image.loops == 0) return;
    policy.begin_loops();
    u32* const n = iterations;
    policy.each([=](u32 l) { n[l] = 0; });
    rounds_ = 0;
    owed_rounds_ = 0;
  }
  VYRE_HD void rejoin();

  VYRE_HD void record_fault(FaultCode code, u32 lane);
  VYRE_HOT void refresh_mask();
  VYRE_HOT Active measure(const u32* m);
  /// Of a mask of which `all` and `any` are the conjunction and the disjunction.
  [[nodiscard]] VYRE_HOT Active active_of(u32 all, u32 any) {
    if (!policy.any(any != 0)) return Active::none;
    return policy.any(all == 0) ? Active::some : Active::full;
  }
  /// An iteration of lanes that are on. `same_lanes`: of a loop whose passes have the same ones.
  VYRE_HOT void charge(bool same_lanes);
  VYRE_HOT void settle();
  VYRE_HD void check_fuel();
  [[nodiscard]] VYRE_HD u32 lanes_with_fuel(const Instruction& i);
  VYRE_HD void charge_copies(const Instruction& i, u32 end);
  [[nodiscard]] VYRE_HD u64 copy_fuel(const Instruction& i, u32 lane) const;
  template <Rare what>
  VYRE_HOT void rare();
  VYRE_LANE_INLINE void execute_hot(const Instruction& i);

  [[nodiscard]] VYRE_HOT Operand operand(u32 r, bool scalar) const {
    return {scalar ? scalars + r : vreg(r), scalar};
  }

  template <class F>
  VYRE_HOT void unary(const Instruction& i, F f) {
    if ((i.form & kScalarA) != 0) {
      const u32 value = f(scalars[i.a]);
      policy.store_scalar(scalars + i.dst, value);
      return;
    }
    u32* const d = vreg(i.dst);
    const u32* const a = vreg(i.a);
    if constexpr (!Policy::kSequential) {
      policy.map1(d, Operand{a, false}, f);
      return;
    }
    policy.each([=](u32 l) { d[l] = f(a[l]); });
  }

  template <class F>
  VYRE_HOT void binary(const Instruction& i, F f) {
    u32* const d = vreg(i.dst);
    if constexpr (!Policy::kSequential) {
      if ((i.form & kScalarResult) != 0) {
        policy.store_scalar(scalars + i.dst, f(scalars[i.a], scalars[i.b]));
      } else {
        policy.map2(d, operand(i.a, (i.form & kScalarA) != 0),
                    operand(i.b, (i.form & kScalarB) != 0), f);
      }
      return;
    }
    switch (i.form & 3u) {
      case 0: {
        const u32* const a = vreg(i.a);
        const u32* const b = vreg(i.b);
        policy.each([=](u32 l) { d[l] = f(a[l], b[l]); });
        return;
      }
      case 1: {
        const u32 a = scalars[i.a];
        const u32* const b = vreg(i.b);
        policy.each([=](u32 l) { d[l] = f(a, b[l]); });
        return;
      }
      case 2: {
        const u32* const a = vreg(i.a);
        const u32 b = scalars[i.b];
        policy.each([=](u32 l) { d[l] = f(a[l], b); });
        return;
      }
      default:
        policy.store_scalar(scalars + i.dst, f(scalars[i.a], scalars[i.b]));
    }
  }

  template <class F>
  VYRE_HOT void ternary(const Instruction& i, F f) {
    if ((i.form & kScalarResult) != 0) {
      policy.store_scalar(scalars + i.dst, f(scalars[i.a], scalars[i.b], scalars[i.c]));
      return;
    }
    u32* const d = vreg(i.dst);
    if constexpr (!Policy::kSequential) {
      policy.map3(d, operand(i.a, (i.form & kScalarA) != 0), operand(i.b, (i.form & kScalarB) != 0),
                  operand(i.c, (i.form & kScalarC) != 0), f);
      return;
    }
    const u32* const a = vreg(i.a);
    const u32* const b = vreg(i.b);
    const u32* const c = vreg(i.c);
    const u32 as = scalars[(i.form & kScalarA) != 0 ? i.a : 0];
    const u32 bs = scalars[(i.form & kScalarB) != 0 ? i.b : 0];
    const u32 cs = scalars[(i.form & kScalarC) != 0 ? i.c : 0];
    switch (i.form & 7u) {
      case 0:
        policy.each([=](u32 l) { d[l] = f(a[l], b[l], c[l]); });
        return;
      case 1:
        policy.each([=](u32 l) { d[l] = f(as, b[l], c[l]); });
        return;
      case 2:
        policy.each([=](u32 l) { d[l] = f(a[l], bs, c[l]); });
        return;
      case 3:
        policy.each([=](u32 l) { d[l] = f(as, bs, c[l]); });
        return;
      case 4:
        policy.each([=](u32 l) { d[l] = f(a[l], b[l], cs); });
        return;
      case 5:
        policy.each([=](u32 l) { d[l] = f(as, b[l], cs); });
        return;
      default:
        policy.each([=](u32 l) { d[l] = f(a[l], bs, cs); });
        return;
    }
  }

  /// Binary and unary on f32 values; F: (float, float) -> float kept as the policy keeps f32.
  template <class F>
  VYRE_HOT void binary_f(const Instruction& i, F f) {
    binary(i, [f](u32 a, u32 b) { return f32::to_bits(f(f32::from_bits(a), f32::from_bits(b))); });
  }

  u32 pc_{0};
  u32 depth_{0};
  u32 rounds_{0};  // iterations of every lane that are not in `iterations`
  // Sequential: passes of a loop with scalar bounds, at a depth of the masks, of so many lanes.
  u32 owed_rounds_{0};
  u32 owed_depth_{0};
  u32 owed_lanes_{0};
  bool first_start_{true};
  bool masks_full_{false};
  bool returned_{false};  // some lane left: masks taken from the stack must be cut by `live`
  bool doomed_{false};    // a fault was recorded
};

template <class P>
VYRE_HOT void Machine<P>::refresh_mask() {
  settle();
  u32* const m = mask();
  const u32* const alive = live;
  policy.each([=](u32 l) { m[l] &= alive[l]; });
  mask_active[depth_] = measure(m);
}

template <class P>
VYRE_HOT Active Machine<P>::measure(const u32* m) {
  u32 all = 0xFFFFFFFFu;
  u32 any = 0;
  policy.each([&](u32 l) {
    all &= m[l];
    any |= m[l];
  });
  return active_of(all, any);
}

template <class P>
VYRE_HD void Machine<P>::record_fault(FaultCode code, u32 lane) {
  // Only lanes below an earlier fault are still on, so the newest is the one to report.
  fault = FrameFault{code, lane, image.statements[pc_]};
  doomed_ = true;
  u32* const alive = live;
  policy.each([=](u32 l) { alive[l] = l >= lane ? 0u : alive[l]; });
  returned_ = true;
  refresh_mask();
}

/// The next member of a fused image begins, with all lanes of the frame. Its fuel is its own where
/// no workgroup is cut; else the members spend the fuel of one together, which may run out too soon
/// and never too late.
template <class P>
VYRE_HD void Machine<P>::rejoin() {
  const bool returned = returned_;
  policy.sync();  // every lane of a warp, which share the machine, has read it
  if (returned) {
    all_lanes_on();
    mask_active[0] = count == policy.width() ? Active::full : Active::some;
    returned_ = false;
  }
  const bool whole =
      carried == 0 && first_lane % lanes_per_workgroup == 0 && count % lanes_per_workgroup == 0;
  if (whole) fill_fuel();
  policy.sync();
}

/// Counts for each lane what passes of a loop owe: before the mask there changes, and before fuel
/// is looked at.
template <class P>
VYRE_HOT void Machine<P>::settle() {
  if (!P::kSequential || owed_rounds_ == 0) return;
  const u32* const m = masks + static_cast<u64>(owed_depth_ * policy.width());
  u32* const n = iterations;
  const u32 rounds = owed_rounds_;
  policy.each([=](u32 l) { n[l] += m[l] & rounds; });
  owed_rounds_ = 0;
}

template <class P>
VYRE_HOT void Machine<P>::charge(bool same_lanes) {
  if (active() == Active::full) {
    ++rounds_;
    spent += width();
  } else if (P::kSequential && same_lanes) {
    if (owed_rounds_ == 0 || owed_depth_ != depth_) {
      settle();
      const u32* const m = mask();
      u32 sum = 0;
      policy.each([&](u32 l) { sum += m[l] & 1u; });
      owed_lanes_ = sum;
      owed_depth_ = depth_;
    }
    ++owed_rounds_;
    spent += owed_lanes_;
  } else {
    const u32* const m = mask();
    u32* const n = iterations;
    u32 sum = 0;
    policy.each([&](u32 l) {
      n[l] += m[l] & 1u;
      sum += m[l] & 1u;
    });
    spent += policy.sum(sum);
  }
  if (spent >= next_check) rare<Rare::fuel>();
  if (policy.stop_requested()) rare<Rare::shutdown>();
}

/// What starting a copy costs: one, and one for each kCopyBytesPerFuel whole bytes that it moves.
template <class P>
VYRE_HD typename Machine<P>::u64 Machine<P>::copy_fuel(const Instruction& i, u32 lane) const {
  return 1 + copy_place(i, lane).count / kCopyBytesPerFuel;
}

/// How many lanes of the frame, from the first on, have the fuel for the copies that a statement
/// starts: all, or those below the one that has not. Lanes pay in order. A frame with copies is a
/// workgroup, so what it has spent is exact.
template <class P>
VYRE_HD typename Machine<P>::u32 Machine<P>::lanes_with_fuel(const Instruction& i) {
  const u32* const m = mask();
  u64 sum = 0;
  policy.each_rarely([&](u32 l) { sum += m[l] != 0 ? copy_fuel(i, l) : 0; });
  sum = policy.sum64(sum);
  if (spent <= fuel && sum <= fuel - spent) return width();
  u64 used = spent;
  for (u32 l = 0; l < width(); ++l) {
    if (m[l] == 0) continue;
    used += copy_fuel(i, l);
    if (used > fuel) return l;
  }
  return width();
}

/// Takes the fuel of the lanes below `end`, which have started their copies.
template <class P>
VYRE_HD void Machine<P>::charge_copies(const Instruction& i, u32 end) {
  const u32* const m = mask();
  u32* const n = iterations;
  u64 sum = 0;
  policy.each_rarely([&](u32 l) {
    if (m[l] == 0 || l >= end) return;
    const u64 cost = copy_fuel(i, l);
    n[l] += static_cast<u32>(cost);
    sum += cost;
  });
  // On a device the machine here is one for all lanes of the warp: each has read `spent` before the
  // sum is known to any, and then all write the same.
  const u64 before = spent;
  spent = before + policy.sum64(sum);
  if (spent >= next_check) check_fuel();
}

/// Exact: what each workgroup of the frame has spent, iteration by iteration in lane order. On a
/// device every lane of the warp walks over all counters, so that all come to the same answer.
template <class P>
VYRE_HD void Machine<P>::check_fuel() {
  settle();
  const u32 rounds = rounds_;
  policy.sync();  // publishes the counters and masks of every lane
  u64 least_left = fuel;
  u64 used = carried;
  u32 first = 0;
  const u32* const m = mask();
  const u32 offset = static_cast<u32>(first_lane % lanes_per_workgroup);
  u32 until = lanes_per_workgroup - offset;
  while (first < count) {
    const u32 end = until < count ? until : count;
    u32 begun = 0;
    u32 alive = 0;
    for (u32 l = first; l < end; ++l) {
      used += policy.iterations_before(l) + iterations[l] + rounds;
      begun += m[l] & 1u;
      alive |= live[l];
    }
    if (used > fuel && begun != 0) {
      // The lane whose iteration went over: this round's iterations are counted again.
      u64 before = used - begun;
      u32 culprit = first;
      while (m[culprit] == 0 || ++before <= fuel) ++culprit;
      policy.sync();  // every lane has read what record_fault changes
      record_fault(FaultCode::fuel_exhausted, culprit);
      next_check = spent + 1;  // lower lanes may begin another iteration without fuel
      return;
    }
    const u64 left = used < fuel ? fuel - used : 0;
    if (alive != 0 && left < least_left) least_left = left;
    used = 0;
    first = end;
    until = end + lanes_per_workgroup;
  }
  policy.sync();  // every lane has read every counter
  policy.each_in_order([&](u32 l) { iterations[l] = policy.fold(l, iterations[l] + rounds); });
  rounds_ = 0;
  next_check = spent + (least_left + 1 < kFoldIterations ? least_left + 1 : kFoldIterations);
}

}  // namespace vyre::core

#include "machine_memory.inl"

#include "machine_cold.inl"

#include "machine_run.inl"

// How a warp walks the lanes of a frame. Every lane of the frame belongs to one thread: of frames
// of 32 or 64 lanes every 32nd, of wider ones four neighbours in each 128, so that a register is
// read and written in 16-byte pieces. Only its owner writes a lane's words, so that only what
// crosses lanes needs a __syncwarp; the loop of run() has one before every instruction.
// Device only. Spec: docs/internals/image.md, "On a device".
#pragma once

#include <cstdint>

#include "copies.cuh"
#include "core/machine.hpp"
#include "cuda/interpreter/passed.hpp"
#include "hot.cuh"
#include "plan.cuh"
#include "warp.cuh"

namespace vyre::cuda::interpreter {

struct WarpPolicy {
  static constexpr bool kSequential{false};
  static constexpr bool kBulk{true};
  static constexpr bool kAsync{true};
  static constexpr std::uint32_t kPart{kWide};
  /// Loop iterations of a frame, or frames, between two looks at the stop word: it is in the L2.
  static constexpr std::uint32_t kLookEvery{256};
  static constexpr std::uint32_t kFoldShift{20};
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  using Machine = core::Machine<WarpPolicy>;
  using Operand = core::Operand;

  u32 lanes{kWarpLanes};
  u32 shift{0};  // 2: this thread owns four neighbours in each 128 lanes
  u32 looks{0};
  const u32* stop{nullptr};
  u32* folded{nullptr};  // [width]: iterations >> kFoldShift that are no longer in `iterations`
  Machine* twin{nullptr};
  u32 hot_flags{0};
  u64 last_start{0};  // of a full frame of the span that another may follow in hot::run; 0: none
  bool hot{false};    // everything that hot::run touches lies in the slice
  Copies* pending_copies{nullptr};  // null: the image has none
  Passed* passed{nullptr};          // null: what members execute is not asked for

  static VYRE_HOT float fadd(float a, float b) { return f32::add(a, b); }
  static VYRE_HOT float fsub(float a, float b) { return f32::sub(a, b); }
  static VYRE_HOT float fmul(float a, float b) { return f32::mul(a, b); }
  static VYRE_HOT float fdiv(float a, float b) { return f32::div(a, b); }
  static VYRE_HOT float fmul_add(float a, float b, float c) { return f32::mul_add(a, b, c); }
  static VYRE_HOT u32 keep_f32(u32 bits) { return f32::enter(bits); }
  static VYRE_HOT u32 leave_f32(u32 bits) { return f32::leave(bits); }
  static VYRE_HOT core::Instruction fetch(const core::Instruction* at) { return warp::fetch(at); }

  static VYRE_HD u32 atomic(core::AtomicCode code, u32* word, u32 value, u32 expected) {
#if VYRE_ON_WARP
    switch (code) {
      case core::AtomicCode::add:
        return atomicAdd(word, value);
      case core::AtomicCode::bit_or:
        return atomicOr(word, value);
      case core::AtomicCode::bit_and:
        return atomicAnd(word, value);
      case core::AtomicCode::bit_xor:
        return atomicXor(word, value);
      case core::AtomicCode::umin:
        return atomicMin(word, value);
      case core::AtomicCode::umax:
        return atomicMax(word, value);
      case core::AtomicCode::exchange:
        return atomicExch(word, value);
      case core::AtomicCode::compare_exchange:
        return atomicCAS(word, expected, value);
    }
#else
    (void)code, (void)word, (void)value, (void)expected;
#endif
    return 0;
  }

  [[nodiscard]] VYRE_HOT u32 width() const {
    return lanes;
  }

  // ---- walks ----

  template <class F>
  VYRE_HOT void each(F f) const {
    if (shift != 0) {
      for (u32 l = warp::self() * kWide; l < lanes; l += kWideStep) {
        f(l);
        f(l + 1);
        f(l + 2);
        f(l + 3);
      }
    } else {
      for (u32 l = warp::self(); l < lanes; l += kWarpLanes) f(l);
    }
  }
  /// The lanes of this thread in pieces: f(first, how many). Every thread gets equally many, so f
  /// may synchronise.
  template <class F>
  VYRE_HOT void each_part(F f) const {
#pragma unroll 1
    for (u32 l = warp::self() << shift; l < lanes; l += kWarpLanes << shift) f(l, 1u << shift);
  }
  /// As each(), compiled to less code.
  template <class F>
  VYRE_HOT void each_rarely(F f) const {
#pragma unroll 1
    for (u32 part = warp::self() << shift; part < lanes; part += kWarpLanes << shift) {
#pragma unroll 1
      for (u32 l = part; l < part + (1u << shift); ++l) f(l);
    }
  }
  template <class F>
  VYRE_HOT void each_in_order(F f) const {
    each_rarely(f);
  }

  // ---- whole registers ----

  static VYRE_HOT Four four(const Operand& operand, u32 at) {
    if (!operand.scalar) return warp::load4(operand.at + at);
    const u32 x = *operand.at;
    return {x, x, x, x};
  }
  static VYRE_HOT u32 one(const Operand& operand, u32 at) {
    return operand.at[operand.scalar ? 0 : at];
  }

  // Frames in shared memory have hot::run for most of these: little code matters more here.
  template <class F>
  VYRE_HOT void map1(u32* d, const Operand& a, F f) const {
    if (shift == 0) {
#pragma unroll 1
      for (u32 l = warp::self(); l < lanes; l += kWarpLanes) d[l] = f(one(a, l));
      return;
    }
#pragma unroll 1
    for (u32 at = warp::self() * kWide; at < lanes; at += kWideStep) {
      const Four x = four(a, at);
      warp::store4(d + at, {f(x.x), f(x.y), f(x.z), f(x.w)});
    }
  }
  template <class F>
  VYRE_HOT void map2(u32* d, const Operand& a, const Operand& b, F f) const {
    each_rarely([=](u32 l) { d[l] = f(one(a, l), one(b, l)); });
  }
  template <class F>
  VYRE_HOT void map3(u32* d, const Operand& a, const Operand& b, const Operand& c, F f) const {
    each_rarely([=](u32 l) { d[l] = f(one(a, l), one(b, l), one(c, l)); });
  }
  /// map1 where one side is a run of a buffer, which need not be aligned.
  template <class F>
  VYRE_HOT void copy_run(u32* to, const Operand& from, F f) const {
    const auto address = [](const u32* p) { return reinterpret_cast<std::uintptr_t>(p); };
    if (((address(to) | (from.scalar ? 0 : address(from.at))) & 15) == 0) {
      map1(to, from, f);
      return;
    }
#pragma unroll 1
    for (u32 l = warp::self(); l < lanes; l += kWarpLanes) {
      // Not the owner's lanes, but whole lines; a run is never read and written by one instruction.
      to[l] = f(one(from, l));
    }
    warp::sync();  // gives the register back to its owners
  }
  VYRE_HOT void count_from(u32* d, u32 first) const {
    if (shift == 0) {
      for (u32 l = warp::self(); l < lanes; l += kWarpLanes) d[l] = first + l;
      return;
    }
    for (u32 at = warp::self() * kWide; at < lanes; at += kWideStep) {
      const u32 x = first + at;
      warp::store4(d + at, {x, x + 1, x + 2, x + 3});
    }
  }

  // ---- all lanes ----

  static VYRE_HOT bool any(bool x) {
    return warp::any(x);
  }
  static VYRE_HOT u32 min(u32 x) {
    return warp::min(x);
  }
  static VYRE_HOT u32 sum(u32 x) {
    return warp::sum(x);
  }
  static VYRE_HOT u64 sum64(u64 x) {
    return warp::sum(x);
  }
  static VYRE_HOT void sync() {
    warp::sync();  // the core's callers say what it publishes
  }
  /// Every lane stores the same value, so no later read needs a barrier for it.
  static VYRE_HOT void store_scalar(u32* to, u32 value) {
    warp::sync();  // every lane has read what `value` was made of
    *to = value;
  }

  // ---- memory ----

  /// The next frame's lines, as far as the buffer goes.
  VYRE_HOT void prefetch(const core::AliasedWord* words, u32 count, u64 there) const {
    if (count > there || warp::self() * 32 >= count) return;
    warp::prefetch(words + warp::self() * 32);
  }
  static VYRE_HOT void prefetch_for_writing(const core::AliasedWord*, u32) {}

  // ---- fuel, the stop word, copies ----

  [[nodiscard]] VYRE_HD u64 iterations_before(u32 l) const {
    return u64{folded[l]} << kFoldShift;
  }
  VYRE_HD u32 fold(u32 l, u32 spent) const {
    folded[l] += spent >> kFoldShift;
    return spent & ((1u << kFoldShift) - 1);
  }
  /// `steps`: of the frames since the last start().
  VYRE_HOT void pass_member(u32 member, u64 steps) const {
    Passed* const to = where_passed();
    if (to != nullptr && warp::self() == 0) warp::add(to->members + member, steps);
  }
  VYRE_HOT void pass_frame(u64 steps) const {
    Passed* const to = where_passed();
    if (to != nullptr && warp::self() == 0) warp::add(&to->frames, steps);
  }
  /// From the twin, so that no register holds it.
  [[nodiscard]] VYRE_HOT Passed* where_passed() const;
  VYRE_HOT void begin_loops() const {
    u32* const f = folded;
    each([=](u32 l) { f[l] = 0; });
  }
  VYRE_HOT bool stop_requested() {
    if (++looks < kLookEvery || stop == nullptr) return false;
    looks = 0;
    return warp::any(warp::look(stop) != 0);
  }
  /// For places that are rare by themselves: `poll`, and statements of asynchronous copies.
  [[nodiscard]] VYRE_HOT bool look_at_stop() const {
    return stop != nullptr && warp::any(warp::look(stop) != 0);
  }
  [[nodiscard]] VYRE_HOT bool has_copies() const {
    return pending_copies != nullptr;
  }
  VYRE_HD Copies& copies() const {
    return *warp::own(pending_copies);
  }
  static VYRE_HOT void plain_floats(bool) {}

  /// Runs the machine in hot::run, as far as that knows the instructions.
  static VYRE_HOT void run_ahead(Machine& m);

  /// Rare work, out of line, on the twin: only the twin's address is ever known to a function, so
  /// that the machine itself can live in registers. The twin is in the slice, one for all lanes:
  /// what they write there is the same, and no lane writes before all have read.
  static VYRE_HOT void apart(Machine& m, core::Rare what);
};

/// Everything of the machine that is not in the loop of run().
static __device__ __noinline__ void perform_apart(core::Machine<WarpPolicy>& twin,
                                                  core::Rare what) {
  twin.perform(what);
}

VYRE_HOT void WarpPolicy::apart(Machine& m, core::Rare what) {
#if VYRE_ON_WARP
  Machine& twin = *m.policy.twin;
  m.give_place(twin);
  warp::sync();  // every lane has given its place to the twin and left the instruction before
  perform_apart(twin, what);
  warp::sync();  // publishes the twin, although every lane wrote the same there
  twin.give_state(m);
  warp::sync();  // every lane has read the twin before a lane writes it again
#else
  (void)m, (void)what;
#endif
}

VYRE_HOT Passed* WarpPolicy::where_passed() const {
  return twin->policy.passed;
}

VYRE_HOT void WarpPolicy::run_ahead(Machine& m) {
#if VYRE_ON_WARP
  if (!m.policy.hot || m.doomed()) return;
  const HotFrame frame{warp::place_of(m.image.code),
                       warp::place_of(m.scalars),
                       warp::place_of(m.vectors),
                       warp::place_of(m.mask_active),
                       warp::place_of(m.buffers),
                       m.policy.lanes,
                       m.policy.hot_flags | (m.returned() ? kHotReturned : 0) |
                           (m.image.loops == 0 && m.count == m.policy.lanes ? kHotRejoins : 0),
                       m.image.once_count,
                       static_cast<u32>(m.instructions),
                       m.policy.where_passed()};
  using hot::Shape;
  const u32 pc = m.place();
  const u64 last = m.policy.last_start;
  uint4 at;
  if (m.policy.lanes == 2 * kWideStep) {
    at = hot::run<Shape::pair>(frame, pc, m.depth(), m.first_lane, last);
  } else if (m.policy.lanes >= kWideStep) {
    at = hot::run<Shape::wide>(frame, pc, m.depth(), m.first_lane, last);
  } else {
    at = hot::run<Shape::narrow>(frame, pc, m.depth(), m.first_lane, last);
  }
  m.go_on_at(at.x, at.y, at.z);
  m.first_lane += u64{at.w} * m.policy.lanes;
  m.policy.looks += at.w;
#else
  (void)m;
#endif
}

}  // namespace vyre::cuda::interpreter

// The interpreter core on CPU lanes: fixed arrays walked by loops that the compiler turns into
// vectors. Included by one source file for each instruction set. Everything here is a template over
// a tag that the file chooses, so that the linker can never take code built for one instruction set
// for another. f32 runs with the processor's denormals-are-zero mode: operands are flushed for
// nothing, and a subnormal result stays in its register until an operand read or a store flushes it
// (docs/internals/image.md, "f32").
#pragma once

#include "atomics.hpp"
#include "byte_rows.hpp"
#include "gathers.hpp"
#include "request.hpp"

#if defined(__x86_64__)
#define VYRE_CPU_DAZ 1
#else
#define VYRE_CPU_DAZ 0
#endif

namespace vyre::cpu {

template <class Tag>
struct LanePolicy {
  static constexpr bool kSequential{true};
  static constexpr bool kBulk{true};
  static constexpr bool kAsync{true};

  using u32 = std::uint32_t;

#if VYRE_CPU_DAZ
  static float fadd(float a, float b) {
    return a + b;
  }
  static float fsub(float a, float b) {
    return a - b;
  }
  static float fmul(float a, float b) {
    return a * b;
  }
  static float fdiv(float a, float b) {
    return a / b;
  }
  static u32 keep_f32(u32 bits) {
    return bits;
  }
#else
  static float fadd(float a, float b) {
    return core::f32::add(a, b);
  }
  static float fsub(float a, float b) {
    return core::f32::sub(a, b);
  }
  static float fmul(float a, float b) {
    return core::f32::mul(a, b);
  }
  static float fdiv(float a, float b) {
    return core::f32::div(a, b);
  }
  static u32 keep_f32(u32 bits) {
    return core::f32::canonical_bits(bits);
  }
#endif

  static float fmul_add(float a, float b, float c) {
    return fadd(fmul(a, b), c);
  }
  static u32 leave_f32(u32 bits) {
    return core::f32::canonical_bits(bits);
  }
  static const core::Instruction& fetch(const core::Instruction* at) {
    return *at;
  }

  /// The lines that the next frame will want, so that they come while this one computes. Addresses
  /// past a buffer's end are never touched.
  static void prefetch(const core::AliasedWord* words, u32 count, std::uint64_t) {
    const auto at = reinterpret_cast<std::uintptr_t>(words);
    for (u32 k = 0; k < count; k += 16) {
      __builtin_prefetch(reinterpret_cast<const void*>(at + std::uintptr_t{k} * 4), 0);
    }
  }
  static void prefetch_for_writing(const core::AliasedWord* words, u32 count) {
    const auto at = reinterpret_cast<std::uintptr_t>(words);
    for (u32 k = 0; k < count; k += 16) {
      __builtin_prefetch(reinterpret_cast<const void*>(at + std::uintptr_t{k} * 4), 1);
    }
  }

  static u32 atomic(core::AtomicCode code, u32* word, u32 value, u32 expected) {
    switch (code) {
      case core::AtomicCode::add:
        return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
      case core::AtomicCode::bit_or:
        return __atomic_fetch_or(word, value, __ATOMIC_SEQ_CST);
      case core::AtomicCode::bit_and:
        return __atomic_fetch_and(word, value, __ATOMIC_SEQ_CST);
      case core::AtomicCode::bit_xor:
        return __atomic_fetch_xor(word, value, __ATOMIC_SEQ_CST);
      case core::AtomicCode::exchange:
        return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
      case core::AtomicCode::compare_exchange: {
        u32 seen = expected;
        __atomic_compare_exchange_n(word, &seen, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        return seen;
      }
      case core::AtomicCode::umin:
      case core::AtomicCode::umax:
        break;
    }
    const bool want_max = code == core::AtomicCode::umax;
    u32 seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    // Bounded by the other workers' progress: a failed exchange means that one of them moved the
    // word towards the same end.
    while (want_max ? seen < value : seen > value) {
      if (__atomic_compare_exchange_n(word, &seen, value, false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_SEQ_CST))
        break;
    }
    return seen;
  }

  /// False: this instruction set has nothing for it.
  bool gather_words(u32* d, const u32* index, const u32* on, const core::BoundBuffer& from) const {
    return Gathers<Tag>::words(d, index, on, from, lanes);
  }
  bool gather_bytes(u32* d, const u32* index, const u32* on, u32 buffer, u32 site) const {
    return Gathers<Tag>::bytes(d, index, on, *request, buffer, site, lanes);
  }
  /// `values` null: all store `value`.
  bool scatter_words(const u32* index, const u32* on, const u32* values, u32 value,
                     const core::BoundBuffer& to) const {
    return Gathers<Tag>::scatter(index, on, values, value, to, lanes);
  }
  static u32 lanes_on(const u32* on) {
    return Gathers<Tag>::lanes_on(on);
  }
  /// The atomics of all lanes that are on; false: each is to do its own.
  static bool atomics_together(core::Machine<LanePolicy>& m, const core::Instruction& i) {
    return Atomics<LanePolicy>::execute(m, i);
  }

  /// True: the machine goes on behind the run; false: its first instruction was executed.
  static bool byte_run(core::Machine<LanePolicy>& m, u32 number) {
    return ByteRows<LanePolicy>::execute(m, number);
  }

  struct Copies {
    const AsyncDoor* door;
    const core::BoundBuffer* buffers;
    [[nodiscard]] bool pending() const { return door->pending(door->self); }
    [[nodiscard]] bool pending(u32 lane) const { return door->pending_lane(door->self, lane); }
    [[nodiscard]] u32 statement(u32 lane) const {
      return door->pending_statement(door->self, lane);
    }

    /// Lane by lane, below `end`. If one faults, its code, and `end` is that lane.
    FaultCode execute(core::Machine<LanePolicy>& m, const core::Instruction& i, u32& end) {
      const u32* const on = m.mask();
      door->begin(door->self);
      for (u32 l = 0; l < end; ++l) {
        if (on[l] == 0) continue;
        const FaultCode code = step(m, i, l);
        if (code == FaultCode::none) continue;
        end = l;
        return code;
      }
      return FaultCode::none;
    }

    FaultCode step(core::Machine<LanePolicy>& m, const core::Instruction& i, u32 l) {
      if (i.op == core::Opcode::async_wait) return door->wait(door->self, l, i.c, buffers);
      const bool is_load = i.op == core::Opcode::async_load;
      const u32 read_at = is_load ? m.read((i.form & core::kScalarA) != 0, i.a, l) : 0;
      const auto to = m.copy_place(i, l);
      return door->start(door->self, l, i.c, m.statement(), buffers[i.imm & 0xFFFFu], read_at,
                         i.imm >> 16, to.at, to.count);
    }
  };

  const RunRequest* request{nullptr};
  u32 lanes{16};
  Copies pending_copies{};
#if VYRE_CPU_DAZ
  u32 mode_outside{0};
  static constexpr u32 kDenormalsAreZero{1u << 6};
#endif

  [[nodiscard]] u32 width() const {
    return lanes;
  }
  Copies& copies() {
    return pending_copies;
  }

  template <class F>
  VYRE_LANE_INLINE void each(F f) const {
    const u32 n = lanes;
    if (n % 16 != 0 || n == 0) __builtin_unreachable();
    VYRE_LANE_LOOP
    for (u32 l = 0; l < n; ++l) f(l);
  }
  /// The first `end` lanes, in any order.
  template <class F>
  VYRE_LANE_INLINE void each_below(std::uint64_t end, F f) const {
    VYRE_LANE_LOOP
    for (std::uint64_t l = 0; l < end; ++l) f(l);
  }
  template <class F>
  VYRE_LANE_INLINE void each_in_order(F f) const {
    const u32 n = lanes;
    for (u32 l = 0; l < n; ++l) f(l);
  }
  template <class F>
  VYRE_LANE_INLINE void each_rarely(F f) const {
    each(f);
  }
  template <class F>
  VYRE_LANE_INLINE void each_slice(u32 n, F f) const {
    for (u32 first = 0; first < n; first += kSubgroupLanes) {
      f(first, n - first < kSubgroupLanes ? n - first : kSubgroupLanes);
    }
  }
  [[nodiscard]] bool any(bool x) const {
    return x;
  }
  [[nodiscard]] u32 min(u32 x) const {
    return x;
  }
  [[nodiscard]] u32 sum(u32 x) const {
    return x;
  }
  [[nodiscard]] std::uint64_t sum64(std::uint64_t x) const {
    return x;
  }
  void sync() const {}
  void store_scalar(u32* to, u32 value) const {
    *to = value;
  }
  [[nodiscard]] bool stop_requested() const {
    // Relaxed: the flag carries no data, and a late look only costs another iteration.
    return request->stop != nullptr && __atomic_load_n(request->stop, __ATOMIC_RELAXED);
  }
  [[nodiscard]] bool look_at_stop() const {
    return stop_requested();
  }
  [[nodiscard]] std::uint64_t iterations_before(u32 l) const {
    return request->iterations_before[l];
  }
  /// Adds to what a lane has spent; returns what is left in the counter.
  u32 fold(u32 l, u32 spent) const {
    request->iterations_before[l] += spent;
    return 0;
  }
  [[nodiscard]] bool has_copies() const {
    return request->uses_async;
  }
  void pass_member(u32 member, std::uint64_t executed) const {
    if (request->passed != nullptr) request->passed[member] += executed;
  }
  void begin_loops() {
    for (u32 l = 0; l < lanes; ++l) request->iterations_before[l] = 0;
  }

  /// The processor's ordinary mode, for functions that compute in binary64.
  void plain_floats(bool plain) const {
#if VYRE_CPU_DAZ
    asm volatile("" ::: "memory");
    __builtin_ia32_ldmxcsr(plain ? mode_outside : mode_outside | kDenormalsAreZero);
    asm volatile("" ::: "memory");
#else
    (void)plain;
#endif
  }
  void enter() {
#if VYRE_CPU_DAZ
    mode_outside = __builtin_ia32_stmxcsr();
    plain_floats(false);
#endif
  }
  void leave() const {
    plain_floats(true);
  }
};

template <class Tag>
struct Variant {
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  using Machine = core::Machine<LanePolicy<Tag>>;

  static bool report(const Machine& m, core::RunResult& result) {
    if (m.fault.code == FaultCode::none) return false;
    const u64 linear = m.first_lane + m.fault.lane;
    result.fault.code = m.fault.code;
    result.fault.workgroup = linear / m.lanes_per_workgroup;
    result.fault.lane = static_cast<u32>(linear % m.lanes_per_workgroup);
    result.fault.statement = m.fault.statement;
    return true;
  }

  static bool stopped(const Machine& m, u64 first_lane, core::RunResult& result) {
    if (!m.policy.stop_requested()) return false;
    result.fault.code = FaultCode::shutdown;
    result.fault.workgroup = first_lane / m.lanes_per_workgroup;
    return true;
  }

  /// Lanes of all workgroups in one row, cut into frames.
  static void run_flat(Machine& m, const RunRequest& r, core::RunResult& result) {
    const u64 lanes = m.lanes_per_workgroup;
    const u64 end = (r.span.first + r.span.count) * lanes;
    const u32 most = core::frame_lanes(m.image, r.width);
    u64 at = r.span.first * lanes;
    m.carried = 0;
    while (at < end) {
      if (stopped(m, at, result)) return;
      m.first_lane = at;
      m.count = end - at < most ? static_cast<u32>(end - at) : most;
      m.instructions = 0;
      m.start();
      (void)m.run();
      result.instructions += m.instructions * m.count;
      if (report(m, result)) return;
      at += m.count;
      const u64 part = at % lanes;  // lanes of a workgroup that goes on in the next frame
      if (part == 0) {
        m.carried = 0;
      } else if (m.spent != 0 || m.carried != 0) {
        m.carried = part >= m.count ? m.carried + m.spent_from(0)
                                    : m.spent_from(m.count - static_cast<u32>(part));
      }
    }
  }

  /// Whether the workgroup ends after so many instructions. None of the first of a run.
  static bool is_idle(Machine& m, u32 instructions) {
    const u32 branch = m.image.once_count + instructions - 2;
    for (u32 pc = m.image.once_count; pc < branch; ++pc) {
      // What uniform_check remembers is of one workgroup, and this is the first look in it.
      if (m.image.code[pc].op != core::Opcode::uniform_check) m.execute_now(m.image.code[pc]);
    }
    return m.scalars[m.image.code[branch].a] == 0;
  }

  /// One workgroup, one frame.
  static void run_grouped(Machine& m, const RunRequest& r, core::RunResult& result) {
    std::uint8_t* const memory = r.workgroup_memory;
    const u64 bytes = r.workgroup_bytes;
    bool touched = true;
    for (u64 wg = r.span.first; wg < r.span.first + r.span.count; ++wg) {
      if (stopped(m, wg * m.lanes_per_workgroup, result)) return;
      m.first_lane = wg * m.lanes_per_workgroup;
      m.count = m.lanes_per_workgroup;
      if (r.idle_instructions != 0 && wg != r.span.first && is_idle(m, r.idle_instructions)) {
        result.instructions += u64{r.idle_instructions} * m.count;
        continue;
      }
      if (touched) __builtin_memset(memory, 0, bytes);
      if (r.uses_async) r.async.clear(r.async.self);
      m.instructions = 0;
      m.start();
      while (m.run() == core::Stop::barrier) continue;  // every live lane is here
      touched = m.instructions > r.idle_instructions;
      result.instructions += m.instructions * m.count;
      if (report(m, result)) return;
    }
  }

  static core::RunResult run(const RunRequest& r) {
    core::RunResult result;
    Machine m;
    m.policy.request = &r;
    m.policy.lanes = r.width;
    m.policy.pending_copies = {&r.async, r.buffers};
    m.image = r.image;
    m.buffers = r.buffers;
    m.vectors = r.vectors;
    m.scalars = r.scalars;
    m.masks = r.masks;
    m.live = r.live;
    m.iterations = r.iterations;
    m.mask_active = r.mask_active;
    m.grid = r.grid;
    m.lanes_per_workgroup = r.image.workgroup[0] * r.image.workgroup[1] * r.image.workgroup[2];
    m.fuel = r.fuel;
    m.load_constants();
    m.policy.enter();
    Atomics<LanePolicy<Tag>>::begin(r);
    if (r.image.flat != 0) {
      run_flat(m, r, result);
    } else {
      run_grouped(m, r, result);
    }
    Atomics<LanePolicy<Tag>>::end(r);
    m.policy.leave();
    return result;
  }
};

}  // namespace vyre::cpu

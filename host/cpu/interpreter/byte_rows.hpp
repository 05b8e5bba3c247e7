// Byte runs (core/byte_runs.hpp) on CPU lanes: rows of one byte a lane, walked by loops that the
// compiler turns into vectors. A run that cannot be done so has changed nothing that its own
// instructions do not write again. Included by variant.hpp, a template for the same reason. Spec:
// docs/internals/image.md, "Byte runs".
#pragma once

#include "atomics.hpp"
#include "request.hpp"

namespace vyre::cpu {

template <class Policy>
struct ByteRows {
  using u8 = std::uint8_t;
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  using Machine = core::Machine<Policy>;
  using Step = core::ByteStep;
  using Code = core::ByteCode;

  static constexpr std::uintptr_t kFramesAhead{6};
  static constexpr u32 kUsualLanes{256};

  /// What a run came to: whether it was done, and its branch, if it has one.
  struct Outcome {
    bool done{false};
    const Step* branch{nullptr};
    const u8* condition{nullptr};
  };

  /// True: the machine goes on behind the run. False: its first instruction was executed as it is
  /// written, and the others are to be.
  static bool execute(Machine& m, u32 number) {
    const RunRequest& r = *m.policy.request;
    const core::ByteRun& run = r.byte_runs[number];
    const Outcome outcome = ByteRows::run(m, run);
    if (!outcome.done) {
      if (r.ids_on_demand != core::kNoInstruction) m.execute_now(r.plain_code[r.ids_on_demand]);
      m.execute_now(r.plain_code[run.first]);
      return false;
    }
    const u32 more = run.next - run.first - 1;  // instructions, beside the one that stands for it
    if (outcome.branch == nullptr) {
      m.go_on_at(run.next, m.depth(), more);
      return true;
    }
    if (outcome.branch->b != 0 && m.active() == core::Active::full) {
      const u32 lanes = lanes_with(m.width(), outcome.condition);
      if (lanes != 0) Atomics<Policy>::of_lanes(m, r.plain_code[run.next], lanes);
      m.go_on_at(outcome.branch->imm + 1, m.depth(), more + (lanes != 0 ? 2 : 1));
      return true;
    }
    const bool some = begin_if(m, outcome.condition, outcome.branch->scalars != 0);
    m.go_on_at(some ? run.next : outcome.branch->imm,
               m.depth() + (outcome.branch->scalars != 0 ? 2 : 1), more);
    return true;
  }

 private:
  template <class F>
  static VYRE_LANE_INLINE void each(u32 n, F f) {
    if (n == kUsualLanes) {  // of most frames: no loop is left of it
      VYRE_LANE_LOOP
      for (u32 l = 0; l < kUsualLanes; ++l) f(l);
      return;
    }
    if (n % 32 != 0 || n == 0) __builtin_unreachable();
    VYRE_LANE_LOOP
    for (u32 l = 0; l < n; ++l) f(l);
  }

  /// How many lanes of a row are not 0.
  static u32 lanes_with(u32 n, const u8* row) {
    constexpr u64 kOnes{0x0101'0101'0101'0101};
    constexpr u64 kLow{0x7F * kOnes};
    static_assert(kMaxWorkgroupLanes / 8 <= 0xFF, "a sum of a word's bytes fits in one");
    u64 sums = 0;  // eight of them
    VYRE_LANE_LOOP
    for (u32 at = 0; at < n; at += 8) {
      u64 bytes;
      __builtin_memcpy(&bytes, row + at, sizeof bytes);
      sums += ((((bytes & kLow) + kLow) | bytes) >> 7) & kOnes;
    }
    constexpr u64 kEven{0x00FF'00FF'00FF'00FF};
    const u64 pairs = (sums & kEven) + (sums >> 8 & kEven);
    return static_cast<u32>((pairs * 0x0001'0001'0001'0001) >> 48);
  }

  static bool fits(u32 scalar) { return scalar <= 0xFF; }

  template <class F>
  bool unary(const Machine& m, const Step& s, F f) {
    u8* const d = row(s);
    if ((s.scalars & 1u) != 0) {
      if (!fits(m.scalars[s.a])) return false;
      const u8 value = f(static_cast<u8>(m.scalars[s.a]));
      each(width, [=](u32 l) { d[l] = value; });
      return true;
    }
    const u8* const a = rows[s.a];
    each(width, [=](u32 l) { d[l] = f(a[l]); });
    return true;
  }
  template <class F>
  bool binary(const Machine& m, const Step& s, F f) {
    u8* const d = row(s);
    const bool sa = (s.scalars & 1u) != 0;
    const bool sb = (s.scalars & 2u) != 0;
    if ((sa && !fits(m.scalars[s.a])) || (sb && !fits(m.scalars[s.b]))) return false;
    const u8 as = sa ? static_cast<u8>(m.scalars[s.a]) : u8{0};
    const u8 bs = sb ? static_cast<u8>(m.scalars[s.b]) : u8{0};
    if (sa) {
      const u8* const b = rows[s.b];
      each(width, [=](u32 l) { d[l] = f(as, b[l]); });
    } else if (sb) {
      const u8* const a = rows[s.a];
      each(width, [=](u32 l) { d[l] = f(a[l], bs); });
    } else {
      const u8* const a = rows[s.a];
      const u8* const b = rows[s.b];
      each(width, [=](u32 l) { d[l] = f(a[l], b[l]); });
    }
    return true;
  }
  bool select(const Machine& m, const Step& s) {
    const bool sb = (s.scalars & 2u) != 0;
    const bool sc = (s.scalars & 4u) != 0;
    if ((s.scalars & 1u) != 0 || (sb && !fits(m.scalars[s.b])) || (sc && !fits(m.scalars[s.c])))
      return false;
    u8* const d = row(s);
    const u8* const a = rows[s.a];
    const u8 bs = sb ? static_cast<u8>(m.scalars[s.b]) : u8{0};
    const u8 cs = sc ? static_cast<u8>(m.scalars[s.c]) : u8{0};
    if (sb && sc) {
      each(width, [=](u32 l) { d[l] = a[l] != 0 ? bs : cs; });
    } else if (sb) {
      const u8* const c = rows[s.c];
      each(width, [=](u32 l) { d[l] = a[l] != 0 ? bs : c[l]; });
    } else if (sc) {
      const u8* const b = rows[s.b];
      each(width, [=](u32 l) { d[l] = a[l] != 0 ? b[l] : cs; });
    } else {
      const u8* const b = rows[s.b];
      const u8* const c = rows[s.c];
      each(width, [=](u32 l) { d[l] = a[l] != 0 ? b[l] : c[l]; });
    }
    return true;
  }

  /// Scratch of a row.
  u8* row(const Step& s) {
    u8* const to = scratch + static_cast<u64>(s.dst * width);
    rows[s.dst] = to;
    return to;
  }
  void all(const Step& s, u8 value) {
    u8* const d = row(s);
    each(width, [=](u32 l) { d[l] = value; });
  }

  /// The first byte that a load reads, or null where some lie outside.
  const u8* loaded(const Machine& m, const Step& s) {
    const core::BoundBuffer& buffer = m.buffers[s.imm];
    const u32 by = s.a == core::kNoScalar ? 0 : m.scalars[s.a];
    const u32 base = static_cast<u32>(m.first_lane) + by;
    if (buffer.nonempty == 0 || u64{base} + width - 1 > buffer.last) return nullptr;
    const u8* const from = buffer.data + base;
    // What frames soon want: rows are done faster than memory comes by itself. Rows beside this one
    // have the same lines.
    if (by != 0 && by < width) return from;
    const auto ahead = reinterpret_cast<std::uintptr_t>(from) + kFramesAhead * width;
    for (u32 l = 0; l < width; l += 64)
      __builtin_prefetch(reinterpret_cast<const void*>(ahead + l), 0);
    return from;
  }
  bool load(const Machine& m, const Step& s) {
    const u8* const from = loaded(m, s);
    if (from == nullptr) return false;
    // A copy: the bytes may change meanwhile, and each lane has read one value.
    u8* const d = row(s);
    each(width, [=](u32 l) { d[l] = from[l]; });
    return true;
  }
  bool load_eq(const Machine& m, const Step& s) {
    const u8* const from = loaded(m, s);
    if (from == nullptr || !fits(m.scalars[s.b])) return false;
    const u8 wanted = static_cast<u8>(m.scalars[s.b]);
    u8* const d = row(s);
    each(width, [=](u32 l) { d[l] = static_cast<u8>(from[l] == wanted); });
    return true;
  }

  /// False: the instructions themselves are to do it.
  bool step(Machine& m, const Step& s) {
    switch (s.code) {
      case Code::load:
        return load(m, s);
      case Code::load_eq:
        return load_eq(m, s);
      case Code::fill:
        return unary(m, s, [](u8 a) { return a; });
      case Code::eq:
        return binary(m, s, [](u8 a, u8 b) { return static_cast<u8>(a == b); });
      case Code::ne:
        return binary(m, s, [](u8 a, u8 b) { return static_cast<u8>(a != b); });
      case Code::ult:
        return binary(m, s, [](u8 a, u8 b) { return static_cast<u8>(a < b); });
      case Code::ule:
        return binary(m, s, [](u8 a, u8 b) { return static_cast<u8>(a <= b); });
      case Code::bit_and:
        return binary(m, s, [](u8 a, u8 b) { return static_cast<u8>(a & b); });
      case Code::bit_or:
        return binary(m, s, [](u8 a, u8 b) { return static_cast<u8>(a | b); });
      case Code::bit_xor:
        return binary(m, s, [](u8 a, u8 b) { return static_cast<u8>(a ^ b); });
      case Code::umin:
        return binary(m, s, [](u8 a, u8 b) { return a < b ? a : b; });
      case Code::umax:
        return binary(m, s, [](u8 a, u8 b) { return a > b ? a : b; });
      case Code::lnot:
        return unary(m, s, [](u8 a) { return static_cast<u8>(a == 0); });
      case Code::truth:
        return unary(m, s, [](u8 a) { return static_cast<u8>(a != 0); });
      case Code::select:
        return select(m, s);
      case Code::id_below:
        // Ids do not wrap: run() has seen to it.
        if (m.first_lane + width <= m.scalars[s.b]) {
          all(s, 1);
          return true;
        }
        if (m.first_lane < m.scalars[s.b]) return false;
        all(s, 0);
        return true;
      case Code::below_from_id: {
        // Of the last lane, whose difference is the least; true for it is true for all.
        const u64 least = u64{m.scalars[s.a]} + s.scalars + m.first_lane + width - 1;
        if (least > m.scalars[s.b]) return false;
        all(s, 1);
        return true;
      }
      case Code::scalar:
        m.execute_now(m.policy.request->plain_code[s.imm]);
        return true;
      case Code::widen: {
        u32* const d = m.vreg(s.dst);
        const u8* const a = rows[s.a];
        m.policy.each([=](u32 l) { d[l] = a[l]; });
        return true;
      }
      case Code::and_word: {
        u32* const d = m.vreg(s.dst);
        const u32* const word = m.vreg(s.b);
        const u8* const a = rows[s.a];
        m.policy.each([=](u32 l) { d[l] = word[l] & a[l]; });
        return true;
      }
      case Code::put_id: {
        u32* const d = m.vreg(s.dst);
        const u32 first =
            static_cast<u32>(m.first_lane) + (s.a == core::kNoScalar ? 0 : m.scalars[s.a]);
        m.policy.each([=](u32 l) { d[l] = first + l; });
        return true;
      }
      case Code::put_from_id: {
        u32* const d = m.vreg(s.dst);
        const u32 first = m.scalars[s.a] - static_cast<u32>(m.first_lane);
        m.policy.each([=](u32 l) { d[l] = first - l; });
        return true;
      }
      default:
        return false;
    }
  }

  /// What if_begin does; whether a lane takes the branch.
  static bool begin_if(Machine& m, const u8* condition, bool has_else) {
    const u32 w = m.width();
    const u32* const on = m.mask();
    u32* const below = m.masks + static_cast<u64>((m.depth() + 1) * w);
    u8 any = 0;
    u8 zero = 0;
    each(w, [&](u32 l) {
      any = static_cast<u8>(any | condition[l]);
      zero = static_cast<u8>(zero | (condition[l] == 0));
    });
    if (any == 0 && !has_else) {
      m.mask_active[m.depth() + 1] = core::Active::none;
      return false;
    }
    u32* const taken = has_else ? below + w : below;
    if (!has_else && m.active() == core::Active::full) {
      each(w, [=](u32 l) { taken[l] = 0u - u32{condition[l] != 0}; });
      m.mask_active[m.depth() + 1] = zero == 0 ? core::Active::full : core::Active::some;
      return true;
    }
    u32 all = ~u32{0};
    u32 some = 0;
    m.policy.each([&](u32 l) {
      const u32 t = on[l] & (0u - u32{condition[l] != 0});
      taken[l] = t;
      all &= t;
      some |= t;
    });
    if (has_else) {
      m.policy.each([=](u32 l) { below[l] = on[l] & ~taken[l]; });
      m.mask_active[m.depth() + 1] = core::Active::some;  // measured by else_begin
    }
    m.mask_active[m.depth() + (has_else ? 2 : 1)] =
        some == 0 ? core::Active::none : (all == 0 ? core::Active::some : core::Active::full);
    return some != 0;
  }

  static Outcome run(Machine& m, const core::ByteRun& run) {
    const RunRequest& r = *m.policy.request;
    // Lanes behind `count` are of another frame, whose worker may be writing their elements.
    if (!m.line || m.count != m.width() || m.first_lane + m.width() > u64{1} << 32) return {};
    if (core::kOnlyLanesThatAreOnRead && m.active() != core::Active::full) return {};
    ByteRows rows;
    rows.scratch = r.byte_rows;
    rows.width = m.width();
    const Step* const first = r.byte_steps + run.step;
    for (const Step* s = first; s != first + run.steps; ++s) {
      if (s->code == Code::branch) return {true, s, rows.rows[s->a]};
      if (!rows.step(m, *s)) return {};
    }
    return {true, nullptr, nullptr};
  }

  const u8* rows[core::kByteSlots];
  u8* scratch;
  u32 width;
};

}  // namespace vyre::cpu

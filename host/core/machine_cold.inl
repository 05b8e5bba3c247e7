// The instructions of the interpreter core that are rare or long: ids, checks, 64-bit words, f32
// functions, conversions, subgroups. One function, reached from the default case of the dispatch
// loop. Part of machine.hpp; not for inclusion on its own account. Spec: docs/internals/image.md.

namespace vyre::core {

/// Where a lane is: local and workgroup coordinates, walked without divisions where lanes are
/// walked in order.
struct LanePlace {
  std::uint32_t local[3];
  std::uint32_t group[3];

  static VYRE_LANE_INLINE LanePlace at(std::uint64_t linear, const std::uint32_t size[3],
                                       const Grid& grid, std::uint32_t lanes) {
    const std::uint64_t wg = linear / lanes;
    const auto l = static_cast<std::uint32_t>(linear % lanes);
    LanePlace p{};
    p.local[0] = l % size[0];
    p.local[1] = l / size[0] % size[1];
    p.local[2] = l / size[0] / size[1];
    p.group[0] = static_cast<std::uint32_t>(wg % grid[0]);
    p.group[1] = static_cast<std::uint32_t>(wg / grid[0] % grid[1]);
    p.group[2] = static_cast<std::uint32_t>(wg / grid[0] / grid[1]);
    return p;
  }
  VYRE_LANE_INLINE void step(const std::uint32_t size[3], const Grid& grid) {
    if (++local[0] < size[0]) return;
    local[0] = 0;
    if (++local[1] < size[1]) return;
    local[1] = 0;
    if (++local[2] < size[2]) return;
    local[2] = 0;
    if (++group[0] < grid[0]) return;
    group[0] = 0;
    if (++group[1] < grid[1]) return;
    group[1] = 0;
    ++group[2];
  }
};

struct ColdInstructions {
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;

  template <class P, class F>
  VYRE_HD static void places(Machine<P>& m, F f) {
    const u32* const size = m.image.workgroup;
    if constexpr (P::kSequential) {
      LanePlace p = LanePlace::at(m.first_lane, size, m.grid, m.lanes_per_workgroup);
      m.policy.each_in_order([&](u32 l) {
        f(l, p);
        p.step(size, m.grid);
      });
    } else {
      // One long division for the frame; lanes count on from there.
      const u32 lanes = m.lanes_per_workgroup;
      const u64 first_group = m.first_lane / lanes;
      const u32 first_local = static_cast<u32>(m.first_lane % lanes);
      m.policy.each_in_order([&](u32 l) {
        const u32 beyond = first_local + l;
        const u32 local = beyond % lanes;
        const u64 group = first_group + beyond / lanes;
        LanePlace p{};
        p.local[0] = local % size[0];
        p.local[1] = local / size[0] % size[1];
        p.local[2] = local / size[0] / size[1];
        if (group >> 32 == 0) {
          const u32 g = static_cast<u32>(group);
          p.group[0] = g % m.grid[0];
          p.group[1] = g / m.grid[0] % m.grid[1];
          p.group[2] = g / m.grid[0] / m.grid[1];
        } else {
          p.group[0] = static_cast<u32>(group % m.grid[0]);
          p.group[1] = static_cast<u32>(group / m.grid[0] % m.grid[1]);
          p.group[2] = static_cast<u32>(group / m.grid[0] / m.grid[1]);
        }
        f(l, p);
      });
    }
  }

  template <class P>
  VYRE_HD static void ids(Machine<P>& m, const Instruction& i) {
    const u32 axis = i.aux;
    const u32* const size = m.image.workgroup;
    if ((i.form & kScalarResult) != 0) {
      if (P::kSequential && m.line && axis == 0) {
        m.policy.store_scalar(m.scalars + i.dst,
                              static_cast<u32>(m.first_lane / m.lanes_per_workgroup));
        return;
      }
      const LanePlace p = LanePlace::at(m.first_lane, size, m.grid, m.lanes_per_workgroup);
      m.policy.store_scalar(m.scalars + i.dst, p.group[axis]);
      return;
    }
    u32* const d = m.vreg(i.dst);
    if (m.line && (axis != 0 || i.op == Opcode::global_id)) {
      const u32 first = axis != 0 ? 0u : static_cast<u32>(m.first_lane);
      const u32 step = axis != 0 ? 0u : 1u;
      m.policy.each([=](u32 l) { d[l] = first + l * step; });
      return;
    }
    if (m.line && m.image.flat == 0 && i.op == Opcode::local_id) {  // a frame is a workgroup
      m.policy.each([=](u32 l) { d[l] = l; });
      return;
    }
    if (i.op == Opcode::global_id) {
      places(m,
             [=](u32 l, const LanePlace& p) { d[l] = p.group[axis] * size[axis] + p.local[axis]; });
    } else if (i.op == Opcode::local_id) {
      places(m, [=](u32 l, const LanePlace& p) { d[l] = p.local[axis]; });
    } else {
      places(m, [=](u32 l, const LanePlace& p) { d[l] = p.group[axis]; });
    }
  }

  /// Lane by lane with operands in any form; F: (lane) -> word.
  template <class P, class F>
  VYRE_HD static void words(Machine<P>& m, const Instruction& i, F f) {
    if ((i.form & kScalarResult) != 0) {
      m.policy.store_scalar(m.scalars + i.dst, f(0u));
      return;
    }
    u32* const d = m.vreg(i.dst);
    m.policy.each_rarely([=](u32 l) { d[l] = f(l); });
  }
  /// The same for results of two words; F: (lane) -> u64.
  template <class P, class F>
  VYRE_HD static void pairs(Machine<P>& m, const Instruction& i, F f) {
    if ((i.form & kScalarResult) != 0) {
      const u64 value = f(0u);
      m.policy.store_scalar(m.scalars + i.dst, lane::low(value));
      m.policy.store_scalar(m.scalars + i.dst + 1, lane::high(value));
      return;
    }
    u32* const d = m.vreg(i.dst);
    u32* const e = m.vreg(i.dst + 1u);
    m.policy.each_rarely([=](u32 l) {
      const u64 value = f(l);
      d[l] = lane::low(value);
      e[l] = lane::high(value);
    });
  }

  // Word by word, as the machine does it where that makes vectors of the loop; elsewhere short
  // code.
  template <class P, class F>
  VYRE_HD static void word1(Machine<P>& m, const Instruction& i, F f) {
    if constexpr (P::kSequential) {
      m.unary(i, f);
    } else {
      const Machine<P>* const p = &m;
      const bool sa = (i.form & kScalarA) != 0;
      words(m, i, [=](u32 l) { return f(p->read(sa, i.a, l)); });
    }
  }
  template <class P, class F>
  VYRE_HD static void word2(Machine<P>& m, const Instruction& i, F f) {
    if constexpr (P::kSequential) {
      m.binary(i, f);
    } else {
      const Machine<P>* const p = &m;
      const bool sa = (i.form & kScalarA) != 0;
      const bool sb = (i.form & kScalarB) != 0;
      words(m, i, [=](u32 l) { return f(p->read(sa, i.a, l), p->read(sb, i.b, l)); });
    }
  }
  template <class P, class F>
  VYRE_HD static void word3(Machine<P>& m, const Instruction& i, F f) {
    if constexpr (P::kSequential) {
      m.ternary(i, f);
    } else {
      const Machine<P>* const p = &m;
      const bool sa = (i.form & kScalarA) != 0;
      const bool sb = (i.form & kScalarB) != 0;
      const bool sc = (i.form & kScalarC) != 0;
      words(m, i, [=](u32 l) {
        return f(p->read(sa, i.a, l), p->read(sb, i.b, l), p->read(sc, i.c, l));
      });
    }
  }
  template <class P, class F>
  VYRE_HD static void pair2(Machine<P>& m, const Instruction& i, F f) {
    const Machine<P>* const p = &m;
    const bool sa = (i.form & kScalarA) != 0;
    const bool sb = (i.form & kScalarB) != 0;
    pairs(m, i, [=](u32 l) { return f(p->read64(sa, i.a, l), p->read64(sb, i.b, l)); });
  }
  template <class P, class F>
  VYRE_HD static void pair2_word(Machine<P>& m, const Instruction& i, F f) {
    const Machine<P>* const p = &m;
    const bool sa = (i.form & kScalarA) != 0;
    const bool sb = (i.form & kScalarB) != 0;
    words(m, i, [=](u32 l) { return f(p->read64(sa, i.a, l), p->read64(sb, i.b, l)); });
  }
  template <class P, class F>
  VYRE_HD static void pair1(Machine<P>& m, const Instruction& i, F f) {
    const Machine<P>* const p = &m;
    const bool sa = (i.form & kScalarA) != 0;
    pairs(m, i, [=](u32 l) { return f(p->read64(sa, i.a, l)); });
  }
  template <class P, class F>
  VYRE_HD static void pair1_word(Machine<P>& m, const Instruction& i, F f) {
    const Machine<P>* const p = &m;
    const bool sa = (i.form & kScalarA) != 0;
    words(m, i, [=](u32 l) { return f(p->read64(sa, i.a, l)); });
  }
  template <class P, class F>
  VYRE_HD static void word1_pair(Machine<P>& m, const Instruction& i, F f) {
    const Machine<P>* const p = &m;
    const bool sa = (i.form & kScalarA) != 0;
    pairs(m, i, [=](u32 l) { return f(p->read(sa, i.a, l)); });
  }
  /// f32 functions that want an exactly canonical operand; F: float -> canonical float.
  template <class P, class F>
  VYRE_HD static void exact1(Machine<P>& m, const Instruction& i, F f) {
    word1(m, i, [f](u32 a) { return f32::to_bits(f(f32::from_bits(f32::canonical_bits(a)))); });
  }
  template <class P, class F>
  VYRE_HD static void exact2(Machine<P>& m, const Instruction& i, F f) {
    word2(m, i, [f](u32 a, u32 b) {
      return f32::to_bits(
          f(f32::from_bits(f32::canonical_bits(a)), f32::from_bits(f32::canonical_bits(b))));
    });
  }
  template <class P, class F>
  VYRE_HD static void compare_f(Machine<P>& m, const Instruction& i, F f) {
    word2(m, i, [f](u32 a, u32 b) { return f(f32::from_bits(a), f32::from_bits(b)); });
  }
  /// Transcendental functions: lane by lane, outside the policy's own floating-point mode.
  template <class P, class F>
  VYRE_HD static void slow1(Machine<P>& m, const Instruction& i, F f) {
    m.policy.plain_floats(true);
    if ((i.form & kScalarResult) != 0) {
      m.policy.store_scalar(m.scalars + i.dst,
                            f32::to_bits(f(f32::from_bits(f32::canonical_bits(m.scalars[i.a])))));
    } else {
      u32* const d = m.vreg(i.dst);
      const u32* const a = m.vreg(i.a);
      m.policy.each_in_order(
          [=](u32 l) { d[l] = f32::to_bits(f(f32::from_bits(f32::canonical_bits(a[l])))); });
    }
    m.policy.plain_floats(false);
  }

  template <class P>
  VYRE_HD static void idivmod(Machine<P>& m, const Instruction& i) {
    const bool sa = (i.form & kScalarA) != 0;
    const bool sb = (i.form & kScalarB) != 0;
    const Machine<P>* const p = &m;
    m.raise_where(FaultCode::i32_division_by_zero, [=](u32 l) { return p->read(sb, i.b, l) == 0; });
    m.raise_where(FaultCode::i32_division_overflow, [=](u32 l) {
      return p->read(sb, i.b, l) == 0xFFFFFFFFu && p->read(sa, i.a, l) == 0x80000000u;
    });
    const bool mod = i.op == Opcode::imod;
    words(m, i, [=](u32 l) {
      const u32 a = p->read(sa, i.a, l);
      const u32 b = p->read(sb, i.b, l);
      const bool undefined = b == 0 || (b == 0xFFFFFFFFu && a == 0x80000000u);
      const std::int32_t divisor = undefined ? 1 : lane::s(b);
      return lane::u(mod ? lane::s(a) % divisor : lane::s(a) / divisor);
    });
  }

  template <class P>
  VYRE_HD static void checked(Machine<P>& m, const Instruction& i) {
    using namespace lane;
    const bool sa = (i.form & kScalarA) != 0;
    const auto code = static_cast<FaultCode>(i.aux);
    const Machine<P>* const p = &m;
    switch (i.op) {
      case Opcode::check_u32_i32:
        m.raise_where(code, [=](u32 l) { return lane::s(p->read(sa, i.a, l)) < 0; });
        words(m, i, [=](u32 l) { return p->read(sa, i.a, l); });
        break;
      case Opcode::check_u32_u64:
        m.raise_where(code, [=](u32 l) { return p->read(sa, i.a + 1u, l) != 0; });
        words(m, i, [=](u32 l) { return p->read(sa, i.a, l); });
        break;
      case Opcode::check_u32_f32:
        m.raise_where(code,
                      [=](u32 l) { return !f64_fits_u32(f64_from_f32(p->read(sa, i.a, l))); });
        words(m, i, [=](u32 l) { return u32_from_f64(f64_from_f32(p->read(sa, i.a, l))); });
        break;
      case Opcode::check_u32_f64:
        m.raise_where(code, [=](u32 l) { return !f64_fits_u32(p->read64(sa, i.a, l)); });
        words(m, i, [=](u32 l) { return u32_from_f64(p->read64(sa, i.a, l)); });
        break;
      case Opcode::check_u64_i32:
        m.raise_where(code, [=](u32 l) { return lane::s(p->read(sa, i.a, l)) < 0; });
        pairs(m, i, [=](u32 l) { return u64{p->read(sa, i.a, l)}; });
        break;
      case Opcode::check_u64_f32:
        m.raise_where(code,
                      [=](u32 l) { return !f64_fits_u64(f64_from_f32(p->read(sa, i.a, l))); });
        pairs(m, i, [=](u32 l) {
          const u64 x = f64_from_f32(p->read(sa, i.a, l));
          return f64_fits_u64(x) ? u64_from_f64(x) : u64{0};
        });
        break;
      default:
        m.raise_where(code, [=](u32 l) { return !f64_fits_u64(p->read64(sa, i.a, l)); });
        pairs(m, i, [=](u32 l) {
          const u64 x = p->read64(sa, i.a, l);
          return f64_fits_u64(x) ? u64_from_f64(x) : u64{0};
        });
        break;
    }
  }

  template <class P>
  VYRE_HD static void uniform_check(Machine<P>& m, const Instruction& i) {
    if (m.active() == Active::none) return;
    const u32* const mask = m.mask();
    const bool sa = (i.form & kScalarA) != 0;
    const Machine<P>* const p = &m;
    bool any_yes = sa && m.scalars[i.a] != 0;
    bool any_no = sa && m.scalars[i.a] == 0;
    if (!sa) {
      const u32* const side = m.vreg(i.a);
      u32 yes = 0;
      u32 no = 0;
      m.policy.each([&](u32 l) {
        const u32 on = side[l] != 0 ? 0xFFFFFFFFu : 0u;
        yes |= mask[l] & on;
        no |= mask[l] & ~on;
      });
      any_yes = m.policy.any(yes != 0);
      any_no = m.policy.any(no != 0);
    }
    // The remembered side is never forgotten, also between iterations of a loop: upstream's
    // reference does so.
    const u32 before = m.scalars[i.dst];
    const bool wanted =
        before != 0 ? before == 2 : (sa ? any_yes : p->read(false, i.a, first_active(m)) != 0);
    m.policy.store_scalar(m.scalars + i.dst, wanted ? 2u : 1u);
    if (wanted ? any_no : any_yes) {
      m.raise_where(FaultCode::divergent_barrier,
                    [=](u32 l) { return (p->read(sa, i.a, l) != 0) != wanted; });
    }
  }

  template <class P>
  VYRE_HD static u32 first_active(Machine<P>& m) {
    const u32* const mask = m.mask();
    u32 first = 0xFFFFFFFFu;
    m.policy.each([&](u32 l) { first = mask[l] != 0 && l < first ? l : first; });
    first = m.policy.min(first);
    return first == 0xFFFFFFFFu ? 0u : first;
  }

  // ---- subgroups: 32 lanes by local index; frames of such programs begin at a multiple of 32 ----

  template <class P>
  VYRE_HD static void group_op(Machine<P>& m, const Instruction& i) {
    const bool sa = (i.form & kScalarA) != 0;
    const bool sb = (i.form & kScalarB) != 0;
    u32* const d = m.vreg(i.dst);
    const u32* const on = m.mask();
    const Machine<P>* const p = &m;
    if constexpr (P::kSequential) {
      m.policy.each_slice(m.width(), [&](u32 first, u32 size) {
        u32 in[kSubgroupLanes];
        for (u32 k = 0; k < size; ++k) in[k] = p->read(sa, i.a, first + k);
        const u32* const active = on + first;
        const auto value = [&](u32 k) { return in[k]; };
        if (i.op == Opcode::shuffle) {
          for (u32 k = 0; k < size; ++k) {
            const u32 from = p->read(sb, i.b, first + k);
            d[first + k] = from < size && active[from] != 0 ? in[from] : 0u;
          }
        } else {
          const u32 result = i.op == Opcode::ballot
                                 ? ballot(value, active, size)
                                 : reduce(static_cast<GroupCode>(i.aux), value, active, size);
          for (u32 k = 0; k < size; ++k) d[first + k] = result;
        }
      });
    } else {
      // Every thread computes the answer for its own lanes from the whole slice: slices side by
      // side, and sums in lane order. The width is a multiple of 32.
      m.policy.each_part([&](u32 mine, u32 size) {
        const u32 first = mine / kSubgroupLanes * kSubgroupLanes;
        const u32* const active = on + first;
        const auto value = [&](u32 k) { return p->read(sa, i.a, first + k); };
        u32 out[P::kPart] = {};
        if (i.op == Opcode::shuffle) {
          for (u32 k = 0; k < size; ++k) {
            const u32 from = p->read(sb, i.b, mine + k);
            out[k] = from < kSubgroupLanes && active[from] != 0 ? value(from) : 0u;
          }
        } else {
          const u32 result =
              i.op == Opcode::ballot
                  ? ballot(value, active, kSubgroupLanes)
                  : reduce(static_cast<GroupCode>(i.aux), value, active, kSubgroupLanes);
          for (u32 k = 0; k < size; ++k) out[k] = result;
        }
        m.policy.sync();  // every lane has read the operands
        for (u32 k = 0; k < size; ++k) d[mine + k] = out[k];
      });
    }
  }

  template <class In>
  static VYRE_LANE_INLINE u32 ballot(In in, const u32* active, u32 lanes) {
    u32 bits = 0;
    for (u32 k = 0; k < lanes; ++k) bits |= u32{active[k] != 0 && in(k) != 0} << k;
    return bits;
  }

  /// Of the active lanes in lane order.
  template <class In>
  static VYRE_LANE_INLINE u32 reduce(GroupCode code, In in, const u32* active, u32 lanes) {
    const auto f = [](u32 bits) { return f32::from_bits(f32::canonical_bits(bits)); };
    u32 first = 0;
    while (first < lanes && active[first] == 0) ++first;
    if (first == lanes) return 0;
    u32 r = in(first);
    if (code >= GroupCode::add_f32) r = f32::canonical_bits(r);
    for (u32 k = first + 1; k < lanes; ++k) {
      if (active[k] == 0) continue;
      const u32 x = in(k);
      switch (code) {
        case GroupCode::add_u32:
          r += x;
          break;
        case GroupCode::mul_u32:
          r *= x;
          break;
        case GroupCode::min_u32:
          r = x < r ? x : r;
          break;
        case GroupCode::max_u32:
          r = x > r ? x : r;
          break;
        case GroupCode::and_u32:
          r &= x;
          break;
        case GroupCode::or_u32:
          r |= x;
          break;
        case GroupCode::xor_u32:
          r ^= x;
          break;
        case GroupCode::add_f32:
          r = f32::to_bits(f32::add(f(r), f(x)));
          break;
        case GroupCode::mul_f32:
          r = f32::to_bits(f32::mul(f(r), f(x)));
          break;
        case GroupCode::min_f32:
          r = f32::to_bits(f32::min(f(r), f(x)));
          break;
        case GroupCode::max_f32:
          r = f32::to_bits(f32::max(f(r), f(x)));
          break;
      }
    }
    return r;
  }

  template <class P>
  VYRE_HD static void execute(Machine<P>& m, const Instruction& i);
};

template <class P>
VYRE_HD void ColdInstructions::execute(Machine<P>& m, const Instruction& i) {
  using namespace lane;
  switch (i.op) {
    case Opcode::uniform_check:
      uniform_check(m, i);
      break;
    case Opcode::fault:
      m.raise_where(static_cast<FaultCode>(i.aux), [](u32) { return true; });
      break;
    case Opcode::id_guard: {
      const u32 axis = i.aux;
      const u32* const size = m.image.workgroup;
      if (u64{m.grid[axis]} * size[axis] <= u64{1} << 32) break;
      const u32* const mask = m.mask();
      u32 first = 0xFFFFFFFFu;
      places(m, [&](u32 l, const LanePlace& p) {
        const u64 id = u64{p.group[axis]} * size[axis] + p.local[axis];
        if (id > 0xFFFFFFFFu && mask[l] != 0 && l < first) first = l;
      });
      first = m.policy.min(first);
      if (first != 0xFFFFFFFFu)
        m.raise_where(FaultCode::id_overflow, [=](u32 l) { return l >= first; });
      break;
    }
    case Opcode::global_id:
    case Opcode::local_id:
    case Opcode::workgroup_id:
      ids(m, i);
      break;
    case Opcode::subgroup_local_id: {
      // Programs that ask for it have a workgroup a frame.
      u32* const d = m.vreg(i.dst);
      m.policy.each_rarely([=](u32 l) { d[l] = l % kSubgroupLanes; });
      break;
    }
    case Opcode::buf_len: {
      const BufferFacts& facts = m.image.buffers[i.imm];
      const u64 bytes = m.buffers[i.imm].bytes;
      const u64 n = facts.length_bits == 4
                        ? bytes * 2
                        : (facts.length_bits == 0 ? bytes : bytes / (facts.length_bits / 8));
      m.policy.store_scalar(m.scalars + i.dst, n > 0xFFFFFFFFu ? 0xFFFFFFFFu : static_cast<u32>(n));
      break;
    }
    case Opcode::idiv:
    case Opcode::imod:
      idivmod(m, i);
      break;
    case Opcode::check_u32_i32:
    case Opcode::check_u32_u64:
    case Opcode::check_u32_f32:
    case Opcode::check_u32_f64:
    case Opcode::check_u64_i32:
    case Opcode::check_u64_f32:
    case Opcode::check_u64_f64:
      checked(m, i);
      break;
    case Opcode::ballot:
    case Opcode::shuffle:
    case Opcode::group_reduce:
      group_op(m, i);
      break;

    case Opcode::udiv:
      word2(m, i, [](u32 a, u32 b) { return udiv(a, b); });
      break;
    case Opcode::umod:
      word2(m, i, [](u32 a, u32 b) { return umod(a, b); });
      break;
    case Opcode::ishr:
      word2(m, i, [](u32 a, u32 b) { return ishr(a, b); });
      break;
    case Opcode::rotl:
      word2(m, i, [](u32 a, u32 b) { return rotl(a, b); });
      break;
    case Opcode::rotr:
      word2(m, i, [](u32 a, u32 b) { return rotr(a, b); });
      break;
    case Opcode::land:
      word2(m, i, [](u32 a, u32 b) { return u32{a != 0} & u32{b != 0}; });
      break;
    case Opcode::lor:
      word2(m, i, [](u32 a, u32 b) { return u32{(a | b) != 0}; });
      break;
    case Opcode::imin:
      word2(m, i, [](u32 a, u32 b) { return s(a) < s(b) ? a : b; });
      break;
    case Opcode::imax:
      word2(m, i, [](u32 a, u32 b) { return s(a) > s(b) ? a : b; });
      break;
    case Opcode::uabsdiff:
      word2(m, i, [](u32 a, u32 b) { return uabsdiff(a, b); });
      break;
    case Opcode::iabsdiff:
      word2(m, i, [](u32 a, u32 b) { return iabsdiff(a, b); });
      break;
    case Opcode::usat_add:
      word2(m, i, [](u32 a, u32 b) { return usat_add(a, b); });
      break;
    case Opcode::usat_sub:
      word2(m, i, [](u32 a, u32 b) { return usat_sub(a, b); });
      break;
    case Opcode::usat_mul:
      word2(m, i, [](u32 a, u32 b) { return usat_mul(a, b); });
      break;
    case Opcode::isat_add:
      word2(m, i, [](u32 a, u32 b) { return isat_add(a, b); });
      break;
    case Opcode::isat_sub:
      word2(m, i, [](u32 a, u32 b) { return isat_sub(a, b); });
      break;
    case Opcode::isat_mul:
      word2(m, i, [](u32 a, u32 b) { return isat_mul(a, b); });
      break;
    case Opcode::umulhi:
      word2(m, i, [](u32 a, u32 b) { return umulhi(a, b); });
      break;
    case Opcode::neg:
      word1(m, i, [](u32 a) { return 0u - a; });
      break;
    case Opcode::bit_not:
      word1(m, i, [](u32 a) { return ~a; });
      break;
    case Opcode::popcount:
      word1(m, i, [](u32 a) { return popcount(a); });
      break;
    case Opcode::clz:
      word1(m, i, [](u32 a) { return clz(a); });
      break;
    case Opcode::ctz:
      word1(m, i, [](u32 a) { return ctz(a); });
      break;
    case Opcode::reverse_bits:
      word1(m, i, [](u32 a) { return reverse_bits(a); });
      break;

    case Opcode::add64:
      pair2(m, i, [](u64 a, u64 b) { return a + b; });
      break;
    case Opcode::sub64:
      pair2(m, i, [](u64 a, u64 b) { return a - b; });
      break;
    case Opcode::mul64:
      pair2(m, i, [](u64 a, u64 b) { return a * b; });
      break;
    case Opcode::udiv64:
      pair2(m, i, [](u64 a, u64 b) { return udiv64(a, b); });
      break;
    case Opcode::umod64:
      pair2(m, i, [](u64 a, u64 b) { return umod64(a, b); });
      break;
    case Opcode::and64:
      pair2(m, i, [](u64 a, u64 b) { return a & b; });
      break;
    case Opcode::or64:
      pair2(m, i, [](u64 a, u64 b) { return a | b; });
      break;
    case Opcode::xor64:
      pair2(m, i, [](u64 a, u64 b) { return a ^ b; });
      break;
    case Opcode::shl64:
      pair2(m, i, [](u64 a, u64 b) { return a << (b & 63u); });
      break;
    case Opcode::shr64:
      pair2(m, i, [](u64 a, u64 b) { return a >> (b & 63u); });
      break;
    case Opcode::min64:
      pair2(m, i, [](u64 a, u64 b) { return a < b ? a : b; });
      break;
    case Opcode::max64:
      pair2(m, i, [](u64 a, u64 b) { return a > b ? a : b; });
      break;
    case Opcode::absdiff64:
      pair2(m, i, [](u64 a, u64 b) { return a > b ? a - b : b - a; });
      break;
    case Opcode::sat_add64:
      pair2(m, i, [](u64 a, u64 b) { return sat_add64(a, b); });
      break;
    case Opcode::sat_sub64:
      pair2(m, i, [](u64 a, u64 b) { return sat_sub64(a, b); });
      break;
    case Opcode::sat_mul64:
      pair2(m, i, [](u64 a, u64 b) { return sat_mul64(a, b); });
      break;
    case Opcode::mulhi64:
      pair2(m, i, [](u64 a, u64 b) { return mulhi64(a, b); });
      break;
    case Opcode::eq64:
      pair2_word(m, i, [](u64 a, u64 b) { return u32{a == b}; });
      break;
    case Opcode::ne64:
      pair2_word(m, i, [](u64 a, u64 b) { return u32{a != b}; });
      break;
    case Opcode::lt64:
      pair2_word(m, i, [](u64 a, u64 b) { return u32{a < b}; });
      break;
    case Opcode::le64:
      pair2_word(m, i, [](u64 a, u64 b) { return u32{a <= b}; });
      break;
    case Opcode::land64:
      pair2_word(m, i, [](u64 a, u64 b) { return u32{a != 0 && b != 0}; });
      break;
    case Opcode::lor64:
      pair2_word(m, i, [](u64 a, u64 b) { return u32{(a | b) != 0}; });
      break;
    case Opcode::neg64:
      pair1(m, i, [](u64 a) { return u64{0} - a; });
      break;
    case Opcode::not64:
      pair1(m, i, [](u64 a) { return ~a; });
      break;
    case Opcode::popcount64:
      pair1(m, i, [](u64 a) { return u64{popcount64(a)}; });
      break;
    case Opcode::clz64:
      pair1(m, i, [](u64 a) { return u64{clz64(a)}; });
      break;
    case Opcode::ctz64:
      pair1(m, i, [](u64 a) { return u64{ctz64(a)}; });
      break;
    case Opcode::reverse_bits64:
      pair1(m, i, [](u64 a) { return reverse_bits64(a); });
      break;
    case Opcode::truth64:
      pair1_word(m, i, [](u64 a) { return u32{a != 0}; });
      break;
    case Opcode::lnot64:
      pair1_word(m, i, [](u64 a) { return u32{a == 0}; });
      break;

    case Opcode::fma:
      word3(m, i, [](u32 a, u32 b, u32 c) {
        using f32::canonical_bits;
        using f32::from_bits;
        return f32::to_bits(f32::fma(from_bits(canonical_bits(a)), from_bits(canonical_bits(b)),
                                     from_bits(canonical_bits(c))));
      });
      break;
    case Opcode::fmin:
      exact2(m, i, [](float a, float b) { return f32::min(a, b); });
      break;
    case Opcode::fmax:
      exact2(m, i, [](float a, float b) { return f32::max(a, b); });
      break;
    case Opcode::feq:
      compare_f(m, i, [](float a, float b) { return u32{a == b}; });
      break;
    case Opcode::fne:
      compare_f(m, i, [](float a, float b) { return u32{a != b}; });
      break;
    case Opcode::flt:
      compare_f(m, i, [](float a, float b) { return u32{a < b}; });
      break;
    case Opcode::fle:
      compare_f(m, i, [](float a, float b) { return u32{a <= b}; });
      break;
    case Opcode::fneg:
      exact1(m, i, [](float a) { return f32::negate(a); });
      break;
    case Opcode::fabs:
      exact1(m, i, [](float a) { return f32::abs(a); });
      break;
    case Opcode::fsqrt:
      exact1(m, i, [](float a) { return f32::sqrt(a); });
      break;
    case Opcode::finverse_sqrt:
      exact1(m, i, [](float a) { return f32::inverse_sqrt(a); });
      break;
    case Opcode::freciprocal:
      exact1(m, i, [](float a) { return f32::reciprocal(a); });
      break;
    case Opcode::ffloor:
      exact1(m, i, [](float a) { return f32::floor(a); });
      break;
    case Opcode::fceil:
      exact1(m, i, [](float a) { return f32::ceil(a); });
      break;
    case Opcode::fround:
      exact1(m, i, [](float a) { return f32::round(a); });
      break;
    case Opcode::ftrunc:
      exact1(m, i, [](float a) { return f32::trunc(a); });
      break;
    case Opcode::fsign:
      exact1(m, i, [](float a) { return f32::sign(a); });
      break;
    case Opcode::fcanon:
      exact1(m, i, [](float a) { return a; });
      break;
    case Opcode::fis_nan:
      word1(m, i, [](u32 a) { return fis_nan(a); });
      break;
    case Opcode::fis_inf:
      word1(m, i, [](u32 a) { return fis_inf(a); });
      break;
    case Opcode::fis_finite:
      word1(m, i, [](u32 a) { return fis_finite(a); });
      break;
    case Opcode::ftruth:
      word1(m, i, [](u32 a) { return ftruth(a); });
      break;
    case Opcode::fsin:
      slow1(m, i, [](float a) { return f32::sin(a); });
      break;
    case Opcode::fcos:
      slow1(m, i, [](float a) { return f32::cos(a); });
      break;
    case Opcode::ftan:
      slow1(m, i, [](float a) { return f32::tan(a); });
      break;
    case Opcode::fasin:
      slow1(m, i, [](float a) { return f32::asin(a); });
      break;
    case Opcode::facos:
      slow1(m, i, [](float a) { return f32::acos(a); });
      break;
    case Opcode::fatan:
      slow1(m, i, [](float a) { return f32::atan(a); });
      break;
    case Opcode::fsinh:
      slow1(m, i, [](float a) { return f32::sinh(a); });
      break;
    case Opcode::fcosh:
      slow1(m, i, [](float a) { return f32::cosh(a); });
      break;
    case Opcode::ftanh:
      slow1(m, i, [](float a) { return f32::tanh(a); });
      break;
    case Opcode::fexp:
      slow1(m, i, [](float a) { return f32::exp(a); });
      break;
    case Opcode::fexp2:
      slow1(m, i, [](float a) { return f32::exp2(a); });
      break;
    case Opcode::flog:
      slow1(m, i, [](float a) { return f32::log(a); });
      break;
    case Opcode::flog2:
      slow1(m, i, [](float a) { return f32::log2(a); });
      break;

    case Opcode::f32_from_u32:
      word1(m, i, [](u32 a) { return f32::to_bits(f32::from_u32(a)); });
      break;
    case Opcode::f32_from_i32:
      word1(m, i, [](u32 a) { return f32::to_bits(f32::from_i32(s(a))); });
      break;
    case Opcode::f32_from_u64:
      pair1_word(m, i, [](u64 a) { return f32_from_u64(a); });
      break;
    case Opcode::f32_from_f64:
      pair1_word(m, i, [](u64 a) { return f32_from_f64(a); });
      break;
    case Opcode::f64_from_f32:
      word1_pair(m, i, [](u32 a) { return f64_from_f32(a); });
      break;
    case Opcode::u32_from_f32:
      word1(m, i, [](u32 a) { return f32::to_u32(f32::from_bits(f32::canonical_bits(a))); });
      break;
    case Opcode::i32_from_f32:
      word1(m, i, [](u32 a) { return u(f32::to_i32(f32::from_bits(f32::canonical_bits(a)))); });
      break;
    case Opcode::u32_from_f64:
      pair1_word(m, i, [](u64 a) { return u32_from_f64(a); });
      break;
    case Opcode::i32_from_f64:
      pair1_word(m, i, [](u64 a) { return i32_from_f64(a); });
      break;
    case Opcode::truth_f64:
      pair1_word(m, i, [](u64 a) { return truth_f64(a); });
      break;
    default:
      MemoryInstructions::execute(m, i);
      break;
  }
}

}  // namespace vyre::core

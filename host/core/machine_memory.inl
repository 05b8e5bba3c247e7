// Loads, stores, atomics and asynchronous copies of the interpreter core. Every access is checked
// against the real length of its buffer: that is the meaning of the format and what keeps programs
// inside. Part of machine.hpp; not for inclusion on its own account. Spec: docs/internals/image.md.

namespace vyre::core {

#if defined(__GNUC__) || defined(__clang__)
using AliasedWord = std::uint32_t __attribute__((may_alias));
#else
using AliasedWord = std::uint32_t;
#endif

struct MemoryInstructions {
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;

  /// Whether every lane is on and indices are base, base + 1, ... all inside: then the access is
  /// one copy.
  template <class P>
  VYRE_HOT static bool is_run(Machine<P>& m, const Instruction& i, const u32* index,
                              const BoundBuffer& buffer, u32& base) {
    if (m.active() != Active::full) return false;
    const bool ids = m.line && (P::kSequential ? i.aux != 0 : i.aux == kIndexIsGlobalId);
    if constexpr (P::kSequential) {
      base = index[0];
      if (!ids && index[1] - base != 1) return false;
    } else {
      base = ids ? static_cast<u32>(m.first_lane) : index[0];
      m.policy.sync();  // every lane has read it: the register may be the result's too
    }
    if (u64{base} + m.width() - 1 > buffer.last) return false;
    if (ids) return true;
    const u32 from = base;
    u32 wrong = 0;
    m.policy.each([&](u32 l) { wrong |= index[l] ^ (from + l); });
    return !m.policy.any(wrong != 0);
  }

  /// As a load may see it on a CPU: indices are base, base + 1, ... modulo 2^32, and some may lie
  /// outside. Lanes may be off, because nothing reads what a load gives them; another worker may be
  /// writing what they name, which only ThreadSanitizer minds.
  template <class P, class T, class Keep>
  static bool load_run(Machine<P>& m, const Instruction& i, const u32* index, u32* d,
                       const BoundBuffer& buffer, const T* elements, Keep keep) {
    // Lanes behind `count` are of another frame, whose worker may be writing their elements.
    if (m.count != m.width()) return false;
    if (kOnlyLanesThatAreOnRead && m.active() != Active::full) return false;
    const u32 base = index[0];
    const u32 n = m.width();
    if (i.aux == 0 || !m.line) {
      if (index[1] - base != 1 || index[n - 1] - base != n - 1) return false;
      u32 wrong = 0;
      m.policy.each([&](u32 l) { wrong |= index[l] ^ (base + l); });
      if (wrong != 0) return false;
    }
    const u64 inside = base <= buffer.last ? u64{buffer.last} - base + 1 : 0;
    const T* const from = elements + base;
    if (inside >= n) {
      m.policy.each([=](u32 l) { d[l] = keep(from[l]); });
      return true;
    }
    m.policy.each([=](u32 l) { d[l] = 0; });
    m.policy.each_below(inside, [=](u64 l) { d[l] = keep(from[l]); });
    const u32 before = 0u - base;  // lanes whose index is below 2^32; behind them it begins anew
    if (base == 0 || before >= n) return true;
    u32* const rest = d + before;
    const u64 count = u64{buffer.last} + 1 < n - before ? u64{buffer.last} + 1 : n - before;
    m.policy.each_below(count, [=](u64 l) { rest[l] = keep(elements[l]); });
    return true;
  }

  /// How many words of a buffer lie behind a run that begins at `base`.
  template <class P>
  VYRE_HOT static u64 words_behind(const Machine<P>& m, u32 base, const BoundBuffer& buffer) {
    return u64{buffer.last} + 1 - base - m.width();
  }

  template <bool kFloat, class P>
  VYRE_HOT static void load32(Machine<P>& m, const Instruction& i) {
    const BoundBuffer buffer = m.buffers[i.imm];
    const auto* const words = reinterpret_cast<const AliasedWord*>(buffer.data);
    const auto keep = [](u32 bits) { return kFloat ? P::keep_f32(bits) : bits; };
    if ((i.form & kScalarResult) != 0) {
      const u32 index = m.scalars[i.a];
      const bool ok = buffer.nonempty != 0 && index <= buffer.last && m.active() != Active::none;
      m.policy.store_scalar(m.scalars + i.dst, ok ? keep(words[index]) : 0u);
      return;
    }
    u32* const d = m.vreg(i.dst);
    if (buffer.nonempty == 0) {
      m.policy.each([=](u32 l) { d[l] = 0; });
      return;
    }
    const u32* const index = m.vreg(i.a);
    if constexpr (P::kBulk) {
      if (u32 base = 0; is_run(m, i, index, buffer, base)) {
        const AliasedWord* const from = words + base;
        m.policy.prefetch(from + m.width(), m.width(), words_behind(m, base, buffer));
        if constexpr (P::kSequential) {
          m.policy.each([=](u32 l) { d[l] = keep(from[l]); });
        } else {
          m.policy.copy_run(d, Operand{from, false}, keep);
        }
        return;
      }
    }
    if constexpr (P::kSequential && P::kBulk) {
      if (load_run(m, i, index, d, buffer, words, keep) ||
          m.policy.gather_words(d, index, m.mask(), buffer))
        return;
    }
    const u32* const on = m.mask();
    const u32 last = buffer.last;
    m.policy.each([=](u32 l) {
      const bool ok = on[l] != 0 && index[l] <= last;
      d[l] = ok ? keep(words[index[l]]) : 0u;
    });
  }

  template <class P>
  VYRE_HOT static void load8(Machine<P>& m, const Instruction& i) {
    const BoundBuffer buffer = m.buffers[i.imm];
    const std::uint8_t* const bytes = buffer.data;
    if ((i.form & kScalarResult) != 0) {
      const u32 index = m.scalars[i.a];
      const bool ok = buffer.nonempty != 0 && index <= buffer.last && m.active() != Active::none;
      m.policy.store_scalar(m.scalars + i.dst, ok ? bytes[index] : 0u);
      return;
    }
    u32* const d = m.vreg(i.dst);
    if (buffer.nonempty == 0) {
      m.policy.each([=](u32 l) { d[l] = 0; });
      return;
    }
    const u32* const index = m.vreg(i.a);
    if constexpr (P::kBulk) {
      if (u32 base = 0; is_run(m, i, index, buffer, base)) {
        const std::uint8_t* const from = bytes + base;
        m.policy.each([=](u32 l) { d[l] = from[l]; });
        return;
      }
    }
    if constexpr (P::kSequential && P::kBulk) {
      if (load_run(m, i, index, d, buffer, bytes, [](std::uint8_t byte) { return u32{byte}; }) ||
          m.policy.gather_bytes(d, index, m.mask(), i.imm, m.place()))
        return;
    }
    const u32* const on = m.mask();
    const u32 last = buffer.last;
    m.policy.each([=](u32 l) {
      const bool ok = on[l] != 0 && index[l] <= last;
      d[l] = ok ? bytes[index[l]] : 0u;
    });
  }

  /// `bytes` little-endian bytes of an element as words, zero-extended.
  static VYRE_LANE_INLINE u32 element_word(const std::uint8_t* element, u32 bytes, u32 word) {
    u32 value = 0;
    for (u32 k = 0; k < 4 && word * 4 + k < bytes; ++k)
      value |= u32{element[word * 4 + k]} << (8 * k);
    return value;
  }
  static VYRE_LANE_INLINE void put_word(std::uint8_t* element, u32 bytes, u32 word, u32 value) {
    for (u32 k = 0; k < 4 && word * 4 + k < bytes; ++k) {
      element[word * 4 + k] = static_cast<std::uint8_t>(value >> (8 * k));
    }
  }

  template <class P>
  VYRE_HD static void load_n(Machine<P>& m, const Instruction& i) {
    const BoundBuffer buffer = m.buffers[i.imm];
    const u32 stride = m.image.buffers[i.imm].stride;
    const u32 count = (stride + 3) / 4;
    if ((i.form & kScalarResult) != 0) {
      const u32 index = m.scalars[i.a];
      const bool ok = buffer.nonempty != 0 && index <= buffer.last && m.active() != Active::none;
      const std::uint8_t* const element = buffer.data + (ok ? u64{index} * stride : 0);
      for (u32 k = 0; k < count; ++k) {
        m.policy.store_scalar(m.scalars + i.dst + k, ok ? element_word(element, stride, k) : 0u);
      }
      return;
    }
    const u32* const on = m.mask();
    const u32* const index = m.vreg(i.a);
    // The index register may be the first of the result: words from the last to the first.
    for (u32 k = count; k-- > 0;) {
      u32* const d = m.vreg(i.dst + k);
      m.policy.each_in_order([=](u32 l) {
        const bool ok = buffer.nonempty != 0 && on[l] != 0 && index[l] <= buffer.last;
        d[l] = ok ? element_word(buffer.data + u64{index[l]} * stride, stride, k) : 0u;
      });
    }
  }

  template <bool kFloat, class P>
  VYRE_HOT static void store32(Machine<P>& m, const Instruction& i) {
    const BoundBuffer buffer = m.buffers[i.imm];
    if (buffer.nonempty == 0) return;
    auto* const words = reinterpret_cast<AliasedWord*>(buffer.data);
    const auto out = [](u32 bits) { return kFloat ? P::leave_f32(bits) : bits; };
    const bool sa = (i.form & kScalarA) != 0;
    const bool sb = (i.form & kScalarB) != 0;
    const u32* const value = m.vreg(sb ? 0 : i.b);
    const u32 value_s = m.scalars[sb ? i.b : 0];
    const u32* const on = m.mask();
    const u32 last = buffer.last;
    if (sa) {
      const u32 index = m.scalars[i.a];
      if (index > last) return;
      m.policy.each_in_order([=](u32 l) {
        if (on[l] != 0) words[index] = out(sb ? value_s : value[l]);
      });
      return;
    }
    const u32* const index = m.vreg(i.a);
    if constexpr (P::kBulk) {
      if (u32 base = 0; is_run(m, i, index, buffer, base)) {
        AliasedWord* const to = words + base;
        m.policy.prefetch_for_writing(to + m.width(), m.width());
        if constexpr (!P::kSequential) {
          m.policy.copy_run(to, m.operand(i.b, sb), out);
        } else if (sb) {
          m.policy.each([=](u32 l) { to[l] = out(value_s); });
        } else {
          m.policy.each([=](u32 l) { to[l] = out(value[l]); });
        }
        return;
      }
    }
    if constexpr (P::kSequential && P::kBulk && !kFloat) {
      if (m.policy.scatter_words(index, on, sb ? nullptr : value, value_s, buffer)) return;
    }
    m.policy.each_in_order([=](u32 l) {
      if (on[l] != 0 && index[l] <= last) words[index[l]] = out(sb ? value_s : value[l]);
    });
  }

  template <class P>
  VYRE_HD static void store_n(Machine<P>& m, const Instruction& i) {
    const BoundBuffer buffer = m.buffers[i.imm];
    if (buffer.nonempty == 0) return;
    const bool sa = (i.form & kScalarA) != 0;
    const bool sb = (i.form & kScalarB) != 0;
    const u32 stride = m.image.buffers[i.imm].stride;
    const u32 count = (stride + 3) / 4;
    const u32* const on = m.mask();
    const Machine<P>* const p = &m;
    m.policy.each_in_order([=](u32 l) {
      const u32 index = p->read(sa, i.a, l);
      if (on[l] == 0 || index > buffer.last) return;
      std::uint8_t* const element = buffer.data + u64{index} * stride;
      for (u32 k = 0; k < count; ++k) {
        put_word(element, stride, k, k < i.c ? p->read(sb, i.b + k, l) : 0u);
      }
    });
  }

  template <class P>
  VYRE_HD static void store_bytes(Machine<P>& m, const Instruction& i) {
    const BoundBuffer buffer = m.buffers[i.imm];
    const bool sa = (i.form & kScalarA) != 0;
    const bool sb = (i.form & kScalarB) != 0;
    const u32* const on = m.mask();
    const Machine<P>* const p = &m;
    m.policy.each_in_order([=](u32 l) {
      const u32 at = p->read(sa, i.a, l);
      if (on[l] == 0) return;
      for (u32 k = 0; k < i.c && u64{at} + k < buffer.bytes; ++k) {
        buffer.data[u64{at} + k] =
            static_cast<std::uint8_t>(p->read(sb, i.b + k / 4, l) >> (8 * (k % 4)));
      }
    });
  }

  template <class P>
  VYRE_HD static void atomic(Machine<P>& m, const Instruction& i) {
    if constexpr (P::kSequential && P::kBulk) {
      if (m.policy.atomics_together(m, i)) return;
    }
    const BoundBuffer buffer = m.buffers[i.imm];
    const bool sa = (i.form & kScalarA) != 0;
    const bool sb = (i.form & kScalarB) != 0;
    const bool sc = (i.form & kScalarC) != 0;
    u32* const d = m.vreg(i.dst);
    const u32* const on = m.mask();
    const Machine<P>* const p = &m;
    const auto code = static_cast<AtomicCode>(i.aux);
    const u32 stride = m.image.buffers[i.imm].stride;
    m.policy.each_in_order([=](u32 l) {
      const u32 index = p->read(sa, i.a, l);
      const u32 value = p->read(sb, i.b, l);
      const u32 expected = code == AtomicCode::compare_exchange ? p->read(sc, i.c, l) : 0u;
      u32 old = 0;
      if (on[l] != 0 && buffer.nonempty != 0 && index <= buffer.last && stride >= 4) {
        auto* const word = reinterpret_cast<u32*>(buffer.data + u64{index} * stride);
        old = P::atomic(code, word, value, expected);
      }
      d[l] = old;
    });
  }

  /// At `end`: a copy that was started and never waited for is a fault.
  template <class P>
  VYRE_HD static void end_of_lanes(Machine<P>& m) {
    if constexpr (P::kAsync) {
      // A fault of the last statement comes before what its lanes leave pending.
      if (!m.doomed() && m.policy.copies().pending()) {
        // Every lane ends here, those that returned as well.
        u32* const on = m.mask();
        const u32 n = m.count;
        m.policy.each([=](u32 l) { on[l] = l < n ? 0xFFFFFFFFu : 0u; });
        auto& copies = m.policy.copies();
        if (m.raise_where(FaultCode::async_misuse, [&](u32 l) { return copies.pending(l); })) {
          m.fault.statement = copies.statement(m.fault.lane);
        }
      }
    }
  }

  /// A statement of asynchronous copies: long where many lanes move many bytes, so it looks at the
  /// stop word first.
  template <class P>
  VYRE_HD static void copy(Machine<P>& m, const Instruction& i) {
    if (m.policy.look_at_stop()) return m.perform(Rare::shutdown);
    const bool starts = i.op != Opcode::async_wait;
    const u32 able = starts ? m.lanes_with_fuel(i) : m.width();
    u32 first = able;  // the first lane that faults
    FaultCode code = m.policy.copies().execute(m, i, first);
    // A lane whose copy is refused has paid for it; those above have not come to it.
    if (starts) m.charge_copies(i, code == FaultCode::none ? able : first + 1);
    if (code == FaultCode::none && able != m.width()) code = FaultCode::fuel_exhausted;
    if (code != FaultCode::none) m.raise_where(code, [=](u32 l) { return l == first; });
  }

  template <class P>
  VYRE_HD static void execute(Machine<P>& m, const Instruction& i) {
    switch (i.op) {
      case Opcode::load_n:
        load_n(m, i);
        break;
      case Opcode::store_n:
        store_n(m, i);
        break;
      case Opcode::store_bytes:
        store_bytes(m, i);
        break;
      case Opcode::atomic:
        atomic(m, i);
        break;
      case Opcode::async_load:
      case Opcode::async_store:
      case Opcode::async_wait:
        if constexpr (P::kAsync) {
          copy(m, i);
        } else {
          m.raise_where(FaultCode::bad_operation, [](u32) { return true; });
        }
        break;
      default:
        m.raise_where(FaultCode::bad_operation, [](u32) { return true; });
        break;
    }
  }
};

}  // namespace vyre::core

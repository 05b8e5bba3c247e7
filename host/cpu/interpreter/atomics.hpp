// Atomics of a frame of CPU lanes done together. Lanes that meet one word first do to each other
// what the atomic does, so that memory sees one atomic a frame; and what nothing reads before the
// run is over stays with the worker until then (a Tally). Each atomic still happens once, and the
// order of those on one word is open. Included by variant.hpp, a template over its tag for the same
// reason. Spec: docs/internals/image.md, "Atomics on the CPU".
#pragma once

#include "request.hpp"

namespace vyre::cpu {

template <class Policy>
struct Atomics {
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  using Code = core::AtomicCode;
  using Machine = core::Machine<Policy>;

  /// What changes nothing. Codes that do not combine have none.
  static u32 neutral(Code code) {
    return code == Code::bit_and || code == Code::umin ? ~u32{0} : u32{0};
  }
  static bool combines(Code code) {
    return code != Code::exchange && code != Code::compare_exchange;
  }
  /// f(op): op does to two values what the atomic of this code does to a word and a value.
  template <class F>
  static VYRE_LANE_INLINE void with(Code code, F f) {
    switch (code) {
      case Code::add:
        return f([](u32 a, u32 b) { return a + b; });
      case Code::bit_or:
        return f([](u32 a, u32 b) { return a | b; });
      case Code::bit_and:
        return f([](u32 a, u32 b) { return a & b; });
      case Code::bit_xor:
        return f([](u32 a, u32 b) { return a ^ b; });
      case Code::umin:
        return f([](u32 a, u32 b) { return a < b ? a : b; });
      default:
        return f([](u32 a, u32 b) { return a > b ? a : b; });
    }
  }

  /// False: lane by lane, as the core does it.
  static bool execute(Machine& m, const core::Instruction& i) {
    const auto code = static_cast<Code>(i.aux);
    const core::BoundBuffer buffer = m.buffers[i.imm];
    if (!combines(code) || buffer.nonempty == 0) return false;
    const bool unread = (i.form & core::kOldUnread) != 0;
    if (m.active() == core::Active::none) {
      if (!unread) clear(m, i);
      return true;
    }
    const Tally* const tally = tally_of(m, i.imm);
    if (tally != nullptr && (i.form & core::kScalarA) == 0) {
      with(code, [&](auto op) { scatter(m, i, *tally, buffer.last, op); });
      return true;
    }
    u32 index = 0;
    if (!meets(m, i, index)) return false;
    if (index > buffer.last) {
      if (!unread) clear(m, i);
      return true;
    }
    u32* const word = reinterpret_cast<u32*>(buffer.data) + index;
    if (!unread) {
      with(code, [&](auto op) { in_turn(m, i, code, word, op); });
      return true;
    }
    u32 together = 0;
    with(code, [&](auto op) { together = fold(m, i, code, op); });
    keep(m, i, code, buffer, index, together);
    return true;
  }

  /// An atomic of scalars whose old value nothing reads, done by so many lanes.
  static void of_lanes(Machine& m, const core::Instruction& i, u32 lanes) {
    const auto code = static_cast<Code>(i.aux);
    const core::BoundBuffer buffer = m.buffers[i.imm];
    const u32 index = m.scalars[i.a];
    if (buffer.nonempty == 0 || index > buffer.last) return;
    keep(m, i, code, buffer, index, times(code, m.scalars[i.b], lanes));
  }

  /// Before the first frame of a run.
  static void begin(const RunRequest& r) {
    for (u32 k = 0; k < r.tally_count; ++k) {
      const Tally& tally = r.tallies[k];
      const u32 none = neutral(tally.code);
      for (u32 w = 0; w < tally.words_count; ++w) tally.words[w] = none;
      for (u32 s = 0; s < tally.slots; ++s) tally.places[s] = kNoPlace;
    }
  }
  /// After the last one: memory sees what was kept.
  static void end(const RunRequest& r) {
    for (u32 k = 0; k < r.tally_count; ++k) {
      const Tally& tally = r.tallies[k];
      const core::BoundBuffer& buffer = r.buffers[tally.buffer];
      with(tally.code, [&](auto op) {
        if (tally.slots != 0) {
          for (u32 s = 0; s < tally.slots; ++s) {
            if (tally.places[s] != kNoPlace)
              publish(tally.code, buffer, tally.places[s], tally.words[s]);
          }
          return;
        }
        const u32 row = buffer.last + 2;
        for (u32 w = 0; w <= buffer.last; ++w) {
          u32 value = tally.words[w];
          for (u32 c = 1; c < kTallyRows; ++c) value = op(value, tally.words[c * row + w]);
          if (value != neutral(tally.code)) publish(tally.code, buffer, w, value);
        }
      });
    }
  }

 private:
  static void publish(Code code, const core::BoundBuffer& buffer, u32 index, u32 value) {
    (void)Policy::atomic(code, reinterpret_cast<u32*>(buffer.data) + index, value, 0);
  }

  static const Tally* tally_of(const Machine& m, u32 buffer) {
    const RunRequest& r = *m.policy.request;
    for (u32 k = 0; k < r.tally_count; ++k) {
      if (r.tallies[k].buffer == buffer) return r.tallies + k;
    }
    return nullptr;
  }

  /// What a value does to a word so many times.
  static u32 times(Code code, u32 value, u32 lanes) {
    if (code == Code::add) return value * lanes;
    return code == Code::bit_xor && lanes % 2 == 0 ? 0u : value;
  }

  /// What lanes do to an element together, whose old value nothing reads.
  static void keep(const Machine& m, const core::Instruction& i, Code code,
                   const core::BoundBuffer& buffer, u32 index, u32 together) {
    if (const Tally* const tally = tally_of(m, i.imm)) {
      with(code, [&](auto op) { put(*tally, code, buffer, index, together, op); });
    } else {
      publish(code, buffer, index, together);
    }
  }

  static void clear(Machine& m, const core::Instruction& i) {
    u32* const d = m.vreg(i.dst);
    m.policy.each([=](u32 l) { d[l] = 0; });
  }

  /// Whether all lanes that are on name one element, and which.
  static bool meets(const Machine& m, const core::Instruction& i, u32& index) {
    if ((i.form & core::kScalarA) != 0) {
      index = m.scalars[i.a];
      return true;
    }
    const u32* const at = m.vreg(i.a);
    const u32* const on = m.mask();
    u32 first = 0;
    while (on[first] == 0) ++first;  // one is
    const u32 wanted = at[first];
    u32 other = 0;
    m.policy.each([&](u32 l) { other |= (at[l] ^ wanted) & on[l]; });
    index = wanted;
    return other == 0;
  }

  /// What the lanes that are on do to a word, all of it.
  template <class Op>
  static u32 fold(const Machine& m, const core::Instruction& i, Code code, Op op) {
    const u32* const on = m.mask();
    if ((i.form & core::kScalarB) != 0) {
      u32 lanes = m.width();
      if (m.active() != core::Active::full) {
        u32 sum = 0;
        m.policy.each([&](u32 l) { sum += on[l] & 1u; });
        lanes = sum;
      }
      return times(code, m.scalars[i.b], lanes);
    }
    const u32* const value = m.vreg(i.b);
    const u32 none = neutral(code);
    u32 together = none;
    m.policy.each([&](u32 l) { together = op(together, (value[l] & on[l]) | (none & ~on[l])); });
    return together;
  }

  /// Each lane gets what the word was when its turn came.
  template <class Op>
  static void in_turn(Machine& m, const core::Instruction& i, Code code, u32* word, Op op) {
    const bool scalar = (i.form & core::kScalarB) != 0;
    const u32* const value = m.vreg(scalar ? 0 : i.b);
    const u32 value_s = scalar ? m.scalars[i.b] : 0;
    const u32* const on = m.mask();
    u32* const d = m.vreg(i.dst);
    const u32 none = neutral(code);
    u32 before = none;
    m.policy.each_in_order([&](u32 l) {
      const u32 mine = on[l] != 0 ? (scalar ? value_s : value[l]) : none;
      d[l] = before;
      before = op(before, mine);
    });
    const u32 old = Policy::atomic(code, word, before, 0);
    m.policy.each([=](u32 l) { d[l] = on[l] != 0 ? op(old, d[l]) : 0u; });
  }

  /// Elements of the lanes' own, into the tally.
  template <class Op>
  static void scatter(Machine& m, const core::Instruction& i, const Tally& tally, u32 last, Op op) {
    const bool scalar = (i.form & core::kScalarB) != 0;
    const u32* const value = m.vreg(scalar ? 0 : i.b);
    const u32 value_s = scalar ? m.scalars[i.b] : 0;
    const u32* const at = m.vreg(i.a);
    const u32* const on = m.mask();
    if (tally.slots != 0) {
      const core::BoundBuffer& buffer = m.buffers[i.imm];
      for (u32 first = 0; first < m.width(); first += 16) {
        for (u32 bits = m.policy.lanes_on(on + first); bits != 0; bits &= bits - 1) {
          const u32 l = first + static_cast<u32>(__builtin_ctz(bits));
          if (at[l] <= last) put(tally, tally.code, buffer, at[l], scalar ? value_s : value[l], op);
        }
      }
      return;
    }
    // A row for each of four neighbours, so that equal ones do not wait for each other; behind its
    // elements a row has a place for lanes that do nothing.
    const u32 beyond = last + 1;
    const u32 row = last + 2;
    u32* const words = tally.words;
    const u32 n = m.width();
    const auto put_rows = [&](auto full, auto same) {
      for (u32 first = 0; first < n; first += kTallyRows) {
        for (u32 k = 0; k < kTallyRows; ++k) {
          const u32 l = first + k;
          const u32 here = full() || on[l] != 0 ? at[l] : beyond;
          u32& word = words[k * row + (here < beyond ? here : beyond)];
          word = op(word, same() ? value_s : value[l]);
        }
      }
    };
    const auto yes = [] { return true; };
    const auto no = [] { return false; };
    if (m.active() == core::Active::full) {
      scalar ? put_rows(yes, yes) : put_rows(yes, no);
    } else {
      scalar ? put_rows(no, yes) : put_rows(no, no);
    }
  }

  template <class Op>
  static VYRE_LANE_INLINE void put(const Tally& tally, Code code, const core::BoundBuffer& buffer,
                                   u32 index, u32 value, Op op) {
    if (tally.slots == 0) {
      tally.words[index] = op(tally.words[index], value);
      return;
    }
    // An element has one place; the one that was there goes to memory.
    const u32 slot = index & (tally.slots - 1);
    if (tally.places[slot] != index) {
      if (tally.places[slot] != kNoPlace)
        publish(code, buffer, tally.places[slot], tally.words[slot]);
      tally.places[slot] = index;
      tally.words[slot] = value;
      return;
    }
    tally.words[slot] = op(tally.words[slot], value);
  }
};

}  // namespace vyre::cpu

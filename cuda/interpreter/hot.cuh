// The instructions that streaming programs live on, in a loop of their own: whole registers of a
// frame that lies in shared memory, no masks. Few values are live and the code is small, so that it
// stays in the instruction cache; operands are loaded before the operation is looked up, eight
// words a thread. What it does not know it leaves to the loop of machine_run.inl, whose meaning of
// every instruction is the one that holds (the differential tests compare). Device only.
// Spec: docs/internals/image.md, "On a device".
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "core/machine.hpp"
#include "cuda/interpreter/passed.hpp"
#include "plan.cuh"
#include "warp.cuh"

namespace vyre::cuda::interpreter {

/// What the loop needs, in few registers. Places are bytes in the block's shared memory.
struct HotFrame {
  std::uint32_t code;
  std::uint32_t scalars;
  std::uint32_t vectors;
  std::uint32_t active;
  std::uint32_t table;
  std::uint32_t lanes;
  std::uint32_t flags;
  std::uint32_t once_count;  // where the frames after the first begin
  std::uint32_t executed;    // instructions since the last Machine::start()
  Passed* passed;            // as WarpMemory has it
};
inline constexpr std::uint32_t kHotLine{1};      // lane l has the global id first_lane + l
inline constexpr std::uint32_t kHotIdsFit{2};    // no id passes 32 bits
inline constexpr std::uint32_t kHotReturned{4};  // masks must be cut by `live`
inline constexpr std::uint32_t kHotRejoins{8};   // a full frame, whose loops spend no fuel
/// Frames that the loop goes through before the caller looks at the stop word again.
inline constexpr std::uint32_t kFramesAhead{64};

namespace hot {

using u32 = std::uint32_t;
using u64 = std::uint64_t;
using core::Opcode;

constexpr u64 bits_of(u32 word, std::initializer_list<Opcode> ops) {
  u64 bits = 0;
  for (const Opcode op : ops) {
    const u32 k = static_cast<u32>(op);
    if (k / 64 == word) bits |= u64{1} << (k % 64);
  }
  return bits;
}
constexpr u64 word_ops(u32 word) {
  return bits_of(word, {Opcode::mov,     Opcode::select,  Opcode::add,      Opcode::sub,
                        Opcode::mul,     Opcode::mul_add, Opcode::shl_add,  Opcode::bit_and,
                        Opcode::bit_or,  Opcode::bit_xor, Opcode::shl,      Opcode::ushr,
                        Opcode::ishr,    Opcode::rotl,    Opcode::rotr,     Opcode::eq,
                        Opcode::ne,      Opcode::ult,     Opcode::ule,      Opcode::ilt,
                        Opcode::ile,     Opcode::land,    Opcode::lor,      Opcode::umin,
                        Opcode::umax,    Opcode::imin,    Opcode::imax,     Opcode::neg,
                        Opcode::bit_not, Opcode::lnot,    Opcode::truth,    Opcode::fadd,
                        Opcode::fsub,    Opcode::fmul,    Opcode::fmul_add, Opcode::fmul_add_chain,
                        Opcode::feq,     Opcode::fne,     Opcode::flt,      Opcode::fle});
}
constexpr u64 three_operands(u32 word) {
  return bits_of(word, {Opcode::select, Opcode::mul_add, Opcode::shl_add, Opcode::fmul_add,
                        Opcode::fmul_add_chain});
}
constexpr u64 one_operand(u32 word) {
  return bits_of(word, {Opcode::mov, Opcode::neg, Opcode::bit_not, Opcode::lnot, Opcode::truth});
}
constexpr u64 memory_ops(u32 word) {
  return bits_of(word, {Opcode::load32, Opcode::load_f32, Opcode::store32, Opcode::store_f32});
}
static_assert(static_cast<u32>(Opcode::group_reduce) < 192);

/// What the loop wants to know of an opcode. It is put into the free high byte of the opcode when
/// the instructions are staged.
inline constexpr u32 kMarkWord{1u << 8};
inline constexpr u32 kMarkThree{1u << 9};
inline constexpr u32 kMarkOne{1u << 10};
inline constexpr u32 kMarkMemory{1u << 11};
static __host__ __device__ __forceinline__ u32 marks_of(u32 op) {
  const auto in = [op](u64 a, u64 b, u64 c) {
    return ((op < 64 ? a : (op < 128 ? b : c)) >> (op & 63u) & 1u) != 0;
  };
  constexpr u64 w0 = word_ops(0), w1 = word_ops(1), w2 = word_ops(2);
  constexpr u64 t0 = three_operands(0), t1 = three_operands(1), t2 = three_operands(2);
  constexpr u64 o0 = one_operand(0), o1 = one_operand(1), o2 = one_operand(2);
  constexpr u64 m0 = memory_ops(0), m1 = memory_ops(1), m2 = memory_ops(2);
  return (in(w0, w1, w2) ? kMarkWord : 0) | (in(t0, t1, t2) ? kMarkThree : 0) |
         (in(o0, o1, o2) ? kMarkOne : 0) | (in(m0, m1, m2) ? kMarkMemory : 0);
}

/// Frames as the loop is compiled for them.
enum class Shape : u32 {
  narrow,  // 32 or 64 lanes: one or two words a thread
  wide,    // more: four words a thread in each 128 lanes
  pair,    // 256 lanes
};

/// Words of a thread: its lanes in two neighbouring pieces of a frame. A scalar is N times the
/// same.
template <int N>
struct Words {
  u32 v[N];
};
template <Shape kShape>
using WordsOf = Words<kShape == Shape::narrow ? 2 : 8>;

/// A register's words of this thread. `second`: bytes from the first piece to the second; 0: there
/// is none.
template <Shape kShape>
static __device__ __forceinline__ WordsOf<kShape> load(u32 at, u32 second) {
  if constexpr (kShape == Shape::narrow) {
    return {{warp::load_shared(at), warp::load_shared(at + second)}};
  } else {
    const Four p = warp::load4_shared(at);
    const Four q = warp::load4_shared(at + second);
    return {{p.x, p.y, p.z, p.w, q.x, q.y, q.z, q.w}};
  }
}
template <Shape kShape>
static __device__ __forceinline__ WordsOf<kShape> spread(u32 x) {
  WordsOf<kShape> r;
  for (u32& word : r.v) word = x;
  return r;
}
template <Shape kShape>
static __device__ __forceinline__ void store(u32 at, u32 second, const WordsOf<kShape>& e) {
  if constexpr (kShape == Shape::narrow) {
    warp::store_shared(at, e.v[0]);
    if (second != 0) warp::store_shared(at + second, e.v[1]);
  } else {
    warp::store4_shared(at, {e.v[0], e.v[1], e.v[2], e.v[3]});
    if (second != 0) warp::store4_shared(at + second, {e.v[4], e.v[5], e.v[6], e.v[7]});
  }
}

/// The same of a buffer's words, of which this thread's begin at `at`.
template <Shape kShape>
static __device__ __forceinline__ WordsOf<kShape> load_global(const std::uint8_t* at, u32 second) {
  if constexpr (kShape == Shape::narrow) {
    return {{*reinterpret_cast<const u32*>(at), *reinterpret_cast<const u32*>(at + second)}};
  } else {
    const Four p = warp::load4(reinterpret_cast<const u32*>(at));
    const Four q = warp::load4(reinterpret_cast<const u32*>(at + second));
    return {{p.x, p.y, p.z, p.w, q.x, q.y, q.z, q.w}};
  }
}
template <Shape kShape>
static __device__ __forceinline__ void store_global(std::uint8_t* at, u32 second,
                                                    const WordsOf<kShape>& e) {
  auto* const first = reinterpret_cast<u32*>(at);
  auto* const next = reinterpret_cast<u32*>(at + second);
  if constexpr (kShape == Shape::narrow) {
    *first = e.v[0];
    if (second != 0) *next = e.v[1];
  } else {
    warp::store4(first, {e.v[0], e.v[1], e.v[2], e.v[3]});
    if (second != 0) warp::store4(next, {e.v[4], e.v[5], e.v[6], e.v[7]});
  }
}

template <int N, class F>
static __device__ __forceinline__ void all(Words<N>& r, F f) {
#pragma unroll
  for (int k = 0; k < N; ++k) r.v[k] = f(k);
}

/// r = op(x, y, z); c1 and c2: the further addends of a chain.
template <int N>
static __device__ __forceinline__ Words<N> operate(Opcode op, u32 steps, const Words<N>& x,
                                                   const Words<N>& y, const Words<N>& z, u32 c1,
                                                   u32 c2) {
  namespace bits = core::f32;
  using namespace core::lane;
  const auto f = [](u32 w) { return bits::from_bits(w); };
  Words<N> r = x;
  switch (op) {
    case Opcode::fmul_add_chain:
      all(r, [&](int k) {
        const float s =
            f32::mul_add(f32::mul_add(f(x.v[k]), f(y.v[k]), f(z.v[k])), f(y.v[k]), f(c1));
        return bits::to_bits(s);
      });
      if (steps != 2)
        all(r, [&](int k) { return bits::to_bits(f32::mul_add(f(r.v[k]), f(y.v[k]), f(c2))); });
      break;
    case Opcode::fmul_add:
      all(r, [&](int k) { return bits::to_bits(f32::mul_add(f(x.v[k]), f(y.v[k]), f(z.v[k]))); });
      break;
    case Opcode::fadd:
      all(r, [&](int k) { return bits::to_bits(f32::add(f(x.v[k]), f(y.v[k]))); });
      break;
    case Opcode::fsub:
      all(r, [&](int k) { return bits::to_bits(f32::sub(f(x.v[k]), f(y.v[k]))); });
      break;
    case Opcode::fmul:
      all(r, [&](int k) { return bits::to_bits(f32::mul(f(x.v[k]), f(y.v[k]))); });
      break;
    case Opcode::feq:
      all(r, [&](int k) { return u32{f(x.v[k]) == f(y.v[k])}; });
      break;
    case Opcode::fne:
      all(r, [&](int k) { return u32{f(x.v[k]) != f(y.v[k])}; });
      break;
    case Opcode::flt:
      all(r, [&](int k) { return u32{f(x.v[k]) < f(y.v[k])}; });
      break;
    case Opcode::fle:
      all(r, [&](int k) { return u32{f(x.v[k]) <= f(y.v[k])}; });
      break;
    case Opcode::select:
      all(r, [&](int k) { return x.v[k] != 0 ? y.v[k] : z.v[k]; });
      break;
    case Opcode::add:
      all(r, [&](int k) { return x.v[k] + y.v[k]; });
      break;
    case Opcode::sub:
      all(r, [&](int k) { return x.v[k] - y.v[k]; });
      break;
    case Opcode::mul:
      all(r, [&](int k) { return x.v[k] * y.v[k]; });
      break;
    case Opcode::mul_add:
      all(r, [&](int k) { return x.v[k] * y.v[k] + z.v[k]; });
      break;
    case Opcode::shl_add:
      all(r, [&](int k) { return (x.v[k] << (y.v[k] & 31u)) + z.v[k]; });
      break;
    case Opcode::bit_and:
      all(r, [&](int k) { return x.v[k] & y.v[k]; });
      break;
    case Opcode::bit_or:
      all(r, [&](int k) { return x.v[k] | y.v[k]; });
      break;
    case Opcode::bit_xor:
      all(r, [&](int k) { return x.v[k] ^ y.v[k]; });
      break;
    case Opcode::shl:
      all(r, [&](int k) { return x.v[k] << (y.v[k] & 31u); });
      break;
    case Opcode::ushr:
      all(r, [&](int k) { return x.v[k] >> (y.v[k] & 31u); });
      break;
    case Opcode::ishr:
      all(r, [&](int k) { return ishr(x.v[k], y.v[k]); });
      break;
    case Opcode::rotl:
      all(r, [&](int k) { return rotl(x.v[k], y.v[k]); });
      break;
    case Opcode::rotr:
      all(r, [&](int k) { return rotr(x.v[k], y.v[k]); });
      break;
    case Opcode::eq:
      all(r, [&](int k) { return u32{x.v[k] == y.v[k]}; });
      break;
    case Opcode::ne:
      all(r, [&](int k) { return u32{x.v[k] != y.v[k]}; });
      break;
    case Opcode::ult:
      all(r, [&](int k) { return u32{x.v[k] < y.v[k]}; });
      break;
    case Opcode::ule:
      all(r, [&](int k) { return u32{x.v[k] <= y.v[k]}; });
      break;
    case Opcode::ilt:
      all(r, [&](int k) { return u32{s(x.v[k]) < s(y.v[k])}; });
      break;
    case Opcode::ile:
      all(r, [&](int k) { return u32{s(x.v[k]) <= s(y.v[k])}; });
      break;
    case Opcode::land:
      all(r, [&](int k) { return u32{x.v[k] != 0} & u32{y.v[k] != 0}; });
      break;
    case Opcode::lor:
      all(r, [&](int k) { return u32{(x.v[k] | y.v[k]) != 0}; });
      break;
    case Opcode::umin:
      all(r, [&](int k) { return x.v[k] < y.v[k] ? x.v[k] : y.v[k]; });
      break;
    case Opcode::umax:
      all(r, [&](int k) { return x.v[k] > y.v[k] ? x.v[k] : y.v[k]; });
      break;
    case Opcode::imin:
      all(r, [&](int k) { return s(x.v[k]) < s(y.v[k]) ? x.v[k] : y.v[k]; });
      break;
    case Opcode::imax:
      all(r, [&](int k) { return s(x.v[k]) > s(y.v[k]) ? x.v[k] : y.v[k]; });
      break;
    case Opcode::neg:
      all(r, [&](int k) { return 0u - x.v[k]; });
      break;
    case Opcode::bit_not:
      all(r, [&](int k) { return ~x.v[k]; });
      break;
    case Opcode::lnot:
      all(r, [&](int k) { return u32{x.v[k] == 0}; });
      break;
    case Opcode::truth:
      all(r, [&](int k) { return u32{x.v[k] != 0}; });
      break;
    default:  // mov
      break;
  }
  return r;
}

static __device__ __forceinline__ core::Active active_at(u32 at) {
  return static_cast<core::Active>(warp::load_byte_shared(at));
}
static __device__ __forceinline__ core::BoundBuffer buffer_at(u32 at) {
  core::BoundBuffer buffer;
  buffer.data = reinterpret_cast<std::uint8_t*>(
      core::lane::wide(warp::load_shared(at), warp::load_shared(at + 4)));
  buffer.bytes = core::lane::wide(warp::load_shared(at + 8), warp::load_shared(at + 12));
  buffer.last = warp::load_shared(at + 16);
  buffer.nonempty = warp::load_shared(at + 20);
  return buffer;
}
static_assert(offsetof(core::BoundBuffer, data) == 0 && offsetof(core::BoundBuffer, bytes) == 8);
static_assert(offsetof(core::BoundBuffer, last) == 16 && sizeof(core::BoundBuffer) == 24);

template <int N>
static __device__ __forceinline__ Words<N> operate_chain(u32 steps, const Words<N>& x,
                                                         const Words<N>& y, u32 c0, u32 c1,
                                                         u32 c2) {
  const auto f = [](u32 w) { return core::f32::from_bits(w); };
  Words<N> r = x;
  all(r, [&](int k) {
    const float s = f32::mul_add(f(x.v[k]), f(y.v[k]), f(c0));
    return core::f32::to_bits(f32::mul_add(s, f(y.v[k]), f(c1)));
  });
  if (steps != 2)
    all(r, [&](int k) { return core::f32::to_bits(f32::mul_add(f(r.v[k]), f(y.v[k]), f(c2))); });
  return r;
}

/// Runs from `pc` on while it knows the instructions; at the end of a frame on to the next, as long
/// as that begins at or before lane `last` of the dispatch. Returns the place where it stopped:
/// {pc, depth, instructions executed, frames ended}.
template <Shape kShape>
static __device__ __noinline__ uint4 run(HotFrame frame, u32 pc, u32 depth, u64 first_lane,
                                         u64 last) {
  using Mine = WordsOf<kShape>;
  constexpr bool wide = kShape != Shape::narrow;
  constexpr bool once = kShape != Shape::wide;  // two pieces at most make up a register
  const u32 lanes = kShape == Shape::pair ? 2 * kWideStep : frame.lanes;
  const u32 self = warp::self();
  const u32 register_bytes = lanes * 4;
  const u32 mine = self * (wide ? 16 : 4);  // bytes from a register's start to this thread's
  const u32 piece = wide ? kWideStep * 4 : kWarpLanes * 4;  // bytes from one piece to the next
  u32 executed = 0;
  u32 ended = 0;
  for (;; ++pc, ++executed) {
    const Four w = warp::load4_shared(frame.code + 16 * pc);
    const auto op = static_cast<Opcode>(w.x & 0xFFu);
    const u32 form = w.x >> 16 & 0xFFu;
    const u32 aux = w.x >> 24;
    const u32 dst = w.y & 0xFFFFu;
    const u32 a = w.y >> 16;
    const u32 b = w.z & 0xFFFFu;
    const u32 c = w.z >> 16;
    const auto scalar_at = [&](u32 r) { return frame.scalars + 4 * r; };
    const auto vector_at = [&](u32 r) { return frame.vectors + r * register_bytes + mine; };

    if ((w.x & kMarkWord) != 0) {
      const bool three = (w.x & kMarkThree) != 0;
      const bool one = (w.x & kMarkOne) != 0;
      const bool chain = op == Opcode::fmul_add_chain;
      if (kShape == Shape::pair && chain) {
        // Chains make up sums of products, so this case asks nothing further.
        const Mine x = load<kShape>(vector_at(a), piece);
        const Mine y = load<kShape>(vector_at(b), piece);
        const u32 c0 = warp::load_shared(scalar_at(c));
        const u32 c1 = warp::load_shared(scalar_at(w.w & 0xFFFFu));
        const u32 c2 = aux != 2 ? warp::load_shared(scalar_at(w.w >> 16)) : 0;
        store<kShape>(vector_at(dst), piece, operate_chain(aux, x, y, c0, c1, c2));
        continue;
      }
      const u32 c1 = chain ? warp::load_shared(scalar_at(w.w & 0xFFFFu)) : 0;
      const u32 c2 = chain && aux != 2 ? warp::load_shared(scalar_at(w.w >> 16)) : 0;
      if ((form & core::kScalarResult) != 0) {
        const Mine r = operate(op, aux, spread<kShape>(warp::load_shared(scalar_at(a))),
                               spread<kShape>(one ? 0 : warp::load_shared(scalar_at(b))),
                               spread<kShape>(three ? warp::load_shared(scalar_at(c)) : 0), c1, c2);
        warp::sync();  // every lane has read its operands
        warp::store_shared(scalar_at(dst), r.v[0]);
        continue;
      }
      // Of a chain a and b are vectors, c a scalar.
      const bool sa = !chain && (form & core::kScalarA) != 0;
      const bool sb = !chain && (form & core::kScalarB) != 0;
      const bool sc = chain || (form & core::kScalarC) != 0;
      for (u32 at = 0; once ? at == 0 : at < register_bytes; at += 2 * piece) {
        const u32 second = kShape == Shape::pair || at + piece < register_bytes ? piece : 0;
        const Mine x = sa ? spread<kShape>(warp::load_shared(scalar_at(a)))
                          : load<kShape>(vector_at(a) + at, second);
        Mine y = x;
        if (!one)
          y = sb ? spread<kShape>(warp::load_shared(scalar_at(b)))
                 : load<kShape>(vector_at(b) + at, second);
        Mine z = x;
        if (three)
          z = sc ? spread<kShape>(warp::load_shared(scalar_at(c)))
                 : load<kShape>(vector_at(c) + at, second);
        store<kShape>(vector_at(dst) + at, second, operate(op, aux, x, y, z, c1, c2));
      }
      continue;
    }

    const bool full = active_at(frame.active + depth) == core::Active::full;
    const bool line = (frame.flags & kHotLine) != 0;
    if ((w.x & kMarkMemory) != 0) {
      const bool loads = op == Opcode::load_f32 || op == Opcode::load32;
      const core::BoundBuffer buffer = buffer_at(frame.table + w.w * sizeof(core::BoundBuffer));
      if (loads && (form & core::kScalarResult) != 0) {
        warp::sync();  // publishes what other lanes stored; every lane is past the instruction
                       // before
        const u32 index = warp::load_shared(scalar_at(a));
        const bool some = active_at(frame.active + depth) != core::Active::none;
        u32 value = 0;
        if (some && buffer.nonempty != 0 && index <= buffer.last) {
          value = reinterpret_cast<const u32*>(buffer.data)[index];
          if (op == Opcode::load_f32) value = f32::enter(value);
        }
        // Another worker may write there meanwhile: all lanes must go on with one value.
        value = __shfl_sync(kWholeWarp, value, 0);
        warp::sync();  // every lane has read its operands
        warp::store_shared(scalar_at(dst), value);
        continue;
      }
      const u32 base = static_cast<u32>(first_lane);
      auto* const words = reinterpret_cast<u32*>(buffer.data) + base;
      if (!full || !line || aux != core::kIndexIsGlobalId || buffer.nonempty == 0 ||
          (form & core::kScalarA) != 0 || u64{base} + lanes - 1 > buffer.last ||
          (wide && reinterpret_cast<std::uintptr_t>(words) % 16 != 0)) {
        break;
      }
      std::uint8_t* const global = reinterpret_cast<std::uint8_t*>(words) + mine;
      for (u32 at = 0; once ? at == 0 : at < register_bytes; at += 2 * piece) {
        const u32 second = kShape == Shape::pair || at + piece < register_bytes ? piece : 0;
        if (loads) {
          Mine r = load_global<kShape>(global + at, second);
          if (op == Opcode::load_f32) all(r, [&](int k) { return f32::enter(r.v[k]); });
          store<kShape>(vector_at(dst) + at, second, r);
        } else {
          Mine r = (form & core::kScalarB) != 0 ? spread<kShape>(warp::load_shared(scalar_at(b)))
                                                : load<kShape>(vector_at(b) + at, second);
          if (op == Opcode::store_f32) all(r, [&](int k) { return f32::leave(r.v[k]); });
          store_global<kShape>(global + at, second, r);
        }
      }
      // The next frame's lines, as far as the buffer goes.
      if (loads && self * 32 < lanes && u64{base} + 2 * lanes - 1 <= buffer.last)
        warp::prefetch(words + lanes + self * 32);
      continue;
    }
    if (op == Opcode::global_id) {
      if (!line || aux != 0 || (form & core::kScalarResult) != 0) break;
      for (u32 at = 0; once ? at == 0 : at < register_bytes; at += 2 * piece) {
        const u32 second = kShape == Shape::pair || at + piece < register_bytes ? piece : 0;
        const u32 p = static_cast<u32>(first_lane) + (mine + at) / 4;
        const u32 q = p + second / 4;
        Mine r;
        if constexpr (wide) {
          r = {{p, p + 1, p + 2, p + 3, q, q + 1, q + 2, q + 3}};
        } else {
          r = {{p, q}};
        }
        store<kShape>(vector_at(dst) + at, second, r);
      }
      continue;
    }
    if (op == Opcode::assign) {
      if (!full) break;
      for (u32 k = 0; k < aux; ++k) {
        for (u32 at = 0; once ? at == 0 : at < register_bytes; at += 2 * piece) {
          const u32 second = kShape == Shape::pair || at + piece < register_bytes ? piece : 0;
          const Mine r = (form & core::kScalarA) != 0
                             ? spread<kShape>(warp::load_shared(scalar_at(a + k)))
                             : load<kShape>(vector_at(a + k) + at, second);
          store<kShape>(vector_at(dst + k) + at, second, r);
        }
      }
      continue;
    }
    // Instructions with the one at hand, by the lanes that they ran on.
    const auto steps = [&] { return u64{frame.executed + executed + 1} * lanes; };
    if (op == Opcode::rejoin && (frame.flags & (kHotReturned | kHotRejoins)) == kHotRejoins) {
      if (frame.passed != nullptr && self == 0) warp::add(frame.passed->members + w.w, steps());
      continue;
    }
    if (op == Opcode::id_guard && (frame.flags & kHotIdsFit) != 0) continue;
    if (op == Opcode::if_id_below) {
      const u32 bound = warp::load_shared(scalar_at(b));
      const bool slot_full = active_at(frame.active + depth + 1) == core::Active::full;
      if (!line || !full || !slot_full || first_lane + lanes > bound) break;
      ++depth;
      continue;
    }
    if (op == Opcode::if_end && (frame.flags & kHotReturned) == 0) {
      --depth;
      continue;
    }
    if (op == Opcode::end && full && depth == 0 && (frame.flags & kHotReturned) == 0 &&
        first_lane + lanes <= last && ended < kFramesAhead) {
      if (frame.passed != nullptr && self == 0) warp::add(&frame.passed->frames, steps());
      first_lane += lanes;
      ++ended;
      pc = frame.once_count - 1;  // counted up by the loop; the first frame may begin at 0
      continue;
    }
    break;
  }
  warp::sync();  // publishes what the last instruction wrote
  return make_uint4(pc, depth, executed, ended);
}

}  // namespace hot

}  // namespace vyre::cuda::interpreter

// reduce.*: integers by tiles and then over the tiles; f32 row by row in the order that docs/ops.md
// fixes. Contract: builtin.cuh.
#pragma once

#include <cub/warp/warp_reduce.cuh>

#include "access.cuh"
#include "builtin/rules.hpp"
#include "core/f32.hpp"

namespace vyre::cuda::builtin {

namespace reduce {

inline constexpr u32 kInFlight{8};
inline constexpr u32 kGrain{kInFlight * kStripe / 4};  // words

// ---- integers ----

struct Sum {
  static constexpr u32 kNone{0};
  __device__ u32 operator()(u32 a, u32 b) const { return a + b; }
};
struct MinU32 {
  static constexpr u32 kNone{0xFFFFFFFFu};
  __device__ u32 operator()(u32 a, u32 b) const { return b < a ? b : a; }
};
struct MaxU32 {
  static constexpr u32 kNone{0};
  __device__ u32 operator()(u32 a, u32 b) const { return b > a ? b : a; }
};
struct MinI32 {
  static constexpr u32 kNone{0x7FFFFFFFu};
  __device__ u32 operator()(u32 a, u32 b) const {
    return static_cast<std::int32_t>(b) < static_cast<std::int32_t>(a) ? b : a;
  }
};
struct MaxI32 {
  static constexpr u32 kNone{0x80000000u};
  __device__ u32 operator()(u32 a, u32 b) const {
    return static_cast<std::int32_t>(b) > static_cast<std::int32_t>(a) ? b : a;
  }
};

/// Words begin..end-1 (begin a multiple of 4); the result is right in lane 0.
template <class F>
[[nodiscard]] __device__ inline u32 fold_range(const u8* words, u64 begin, u64 end, F f) {
  uint4 sum{F::kNone, F::kNone, F::kNone, F::kNone};
  const auto join = [&](uint4 v) {
    sum = {f(sum.x, v.x), f(sum.y, v.y), f(sum.z, v.z), f(sum.w, v.w)};
  };
  u64 at = begin;
  for (; at + kGrain <= end; at += kGrain) {
    uint4 v[kInFlight];
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j)
      v[j] = ptx::load_weak_v4(words + (at + j * (kStripe / 4)) * 4 + lane_index() * kVector);
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) join(v[j]);
  }
  for (; at < end; at += kStripe / 4) join(load_words(words, at + lane_index() * 4, end, F::kNone));
  using Warp = cub::WarpReduce<u32>;
  typename Warp::TempStorage none;
  return Warp(none).Reduce(f(f(sum.x, sum.y), f(sum.z, sum.w)), f);
}

/// Phase 0: a tile a unit, its result into scratch. Phase 1: the results of the tiles. A single
/// tile is done with phase 0.
template <class F>
__device__ inline void integers(const Call& call, u32 phase, u32 unit, F f) {
  const u64 n = words_of(call.inputs[0]);
  const Tiles tiles = cut(n, kGrain);
  u32 result;
  if (phase == 0) {
    const u64 begin = unit * tiles.size;
    result = fold_range(call.inputs[0].data, begin, least(begin + tiles.size, n), f);
  } else {
    result = fold_range(call.scratch, 0, tiles.count, f);
  }
  const bool last = phase == 1 || tiles.count <= 1;
  if (lane_index() == 0)
    ptx::store_weak_u32(last ? call.outputs[0].data : call.scratch + unit * 4, result);
}

[[nodiscard]] __device__ inline u32 integer_units(const Call& call, u32 phase) {
  const u32 tiles = cut(words_of(call.inputs[0]), kGrain).count;
  if (phase == 0) return tiles == 0 ? 1 : tiles;
  return phase == 1 && tiles > 1 ? 1 : 0;
}

// ---- f32 ----

/// add.ftz agrees with "round, then flush" for every operand, and flushes operands on reading
/// (docs/internals/f32.md); the one NaN is restored at the end of a row.
[[nodiscard]] __device__ inline float add_flushed(float a, float b) {
  float r;
  asm("add.rn.ftz.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
}
struct SumF32 {
  static constexpr u32 kFill{0x80000000u};  // -0.0
  static constexpr u32 kNone{0};
  static __device__ float read(float x) { return x; }
  __device__ float operator()(float a, float b) const { return add_flushed(a, b); }
};
struct MinF32 {
  static constexpr u32 kFill{0x7F800000u};
  static constexpr u32 kNone{0x7F800000u};
  static __device__ float read(float x) {
    return core::f32::is_nan(x) ? core::f32::from_bits(kFill) : add_flushed(x, -0.0f);
  }
  __device__ float operator()(float a, float b) const { return b < a ? b : a; }
};
struct MaxF32 {
  static constexpr u32 kFill{0xFF800000u};
  static constexpr u32 kNone{0xFF800000u};
  static __device__ float read(float x) {
    return core::f32::is_nan(x) ? core::f32::from_bits(kFill) : add_flushed(x, -0.0f);
  }
  __device__ float operator()(float a, float b) const { return b > a ? b : a; }
};

inline constexpr u32 kRow{1024};
/// Rows are folded in chunks of so many, so that their values have a bounded place.
inline constexpr u32 kChunkRows{128 * kRow};
inline constexpr u32 kMaxRowUnits{4096};
// Scratch: values of the rows of one chunk; of rows of those; of rows of those in turn. Enough for
// half a terabyte of input.
inline constexpr u32 kSecondLevel{kChunkRows * 4};
inline constexpr u32 kThirdLevel{(1u << 20) - kRow * 4};

/// Row `row` of the n values; the result is right in lane 0. Lane l holds elements 128 j + 4 l + c
/// in component c of v[j], so h = 512, 256, 128 are between registers, 64 to 4 between lanes, and 2
/// and 1 between components.
template <class F>
[[nodiscard]] __device__ inline u32 fold_row(const u8* values, u64 row, u64 n, F f) {
  struct Four {
    float x, y, z, w;
  };
  const u64 first = row * kRow + lane_index() * 4;
  Four v[8];
  const auto take = [](uint4 b) {
    return Four{F::read(__uint_as_float(b.x)), F::read(__uint_as_float(b.y)),
                F::read(__uint_as_float(b.z)), F::read(__uint_as_float(b.w))};
  };
  if ((row + 1) * kRow <= n) {
    uint4 raw[8];
#pragma unroll
    for (u32 j = 0; j < 8; ++j) raw[j] = ptx::load_weak_v4(values + (first + j * 128) * 4);
#pragma unroll
    for (u32 j = 0; j < 8; ++j) v[j] = take(raw[j]);
  } else {
#pragma unroll
    for (u32 j = 0; j < 8; ++j) v[j] = take(load_words(values, first + j * 128, n, F::kFill));
  }
  const auto join = [f](Four a, Four b) {
    return Four{f(a.x, b.x), f(a.y, b.y), f(a.z, b.z), f(a.w, b.w)};
  };
#pragma unroll
  for (u32 j = 0; j < 4; ++j) v[j] = join(v[j], v[j + 4]);
  Four sum = join(join(v[0], v[2]), join(v[1], v[3]));
#pragma unroll
  for (u32 d = 16; d > 0; d /= 2) {
    const Four other{__shfl_down_sync(kWholeWarp, sum.x, d), __shfl_down_sync(kWholeWarp, sum.y, d),
                     __shfl_down_sync(kWholeWarp, sum.z, d),
                     __shfl_down_sync(kWholeWarp, sum.w, d)};
    sum = join(sum, other);
  }
  const float result = f(f(sum.x, sum.z), f(sum.y, sum.w));
  return core::f32::canonical_bits(__float_as_uint(result));
}

struct RowPlan {
  u64 n;
  u64 rows;         // of the input
  u64 second_rows;  // of the rows' values
  u32 chunks;
};
[[nodiscard]] __device__ inline RowPlan plan_rows(const Call& call) {
  const u64 n = words_of(call.inputs[0]);
  const u64 rows = divide_up(n, kRow);
  return {n, rows, divide_up(rows, kRow), static_cast<u32>(divide_up(rows, kChunkRows))};
}
/// Of chunk `chunk`, and how many of them a unit folds.
[[nodiscard]] __device__ inline u32 chunk_rows(const RowPlan& plan, u32 chunk) {
  return static_cast<u32>(least(plan.rows - u64{chunk} * kChunkRows, kChunkRows));
}
[[nodiscard]] __device__ inline u32 unit_rows(u32 rows) {
  return (rows + kMaxRowUnits - 1) / kMaxRowUnits;
}

/// Phases 2 c: rows of chunk c. 2 c + 1: rows of their values. Then the rows of those, and at last
/// the one row of what is left; the warp that has a single row writes the result and ends it.
[[nodiscard]] __device__ inline u32 float_units(const Call& call, u32 phase) {
  const RowPlan plan = plan_rows(call);
  if (plan.rows <= 1) return phase == 0 ? 1 : 0;
  if (phase < 2 * plan.chunks) {
    const u32 rows = chunk_rows(plan, phase / 2);
    const u32 share = phase % 2 == 0 ? unit_rows(rows) : kRow;
    return (rows + share - 1) / share;
  }
  const u32 beyond = phase - 2 * plan.chunks;
  if (beyond == 0 && plan.rows > kRow) return static_cast<u32>(divide_up(plan.second_rows, kRow));
  return beyond == 1 && plan.second_rows > kRow ? 1 : 0;
}

template <class F>
__device__ inline void floats(const Call& call, u32 phase, u32 unit, F f) {
  const RowPlan plan = plan_rows(call);
  u8* const output = call.outputs[0].data;
  u8* const second = call.scratch + kSecondLevel;
  u8* const third = call.scratch + kThirdLevel;
  const bool writer = lane_index() == 0;
  if (plan.rows <= 1) {
    const u32 value = fold_row(call.inputs[0].data, 0, plan.n, f);
    if (writer) ptx::store_weak_u32(output, plan.n == 0 ? F::kNone : value);
    return;
  }
  if (phase >= 2 * plan.chunks) {
    const bool at_third = phase == 2 * plan.chunks + 1;
    const u64 values = at_third ? divide_up(plan.second_rows, kRow) : plan.second_rows;
    const u32 value = fold_row(at_third ? third : second, unit, values, f);
    if (writer) ptx::store_weak_u32(values <= kRow ? output : third + u64{unit} * 4, value);
    return;
  }
  const u32 chunk = phase / 2;
  const u32 rows = chunk_rows(plan, chunk);
  if (phase % 2 == 1) {
    const u32 value = fold_row(call.scratch, unit, rows, f);
    const u64 place = u64{chunk} * (kChunkRows / kRow) + unit;
    if (writer) ptx::store_weak_u32(plan.rows <= kRow ? output : second + place * 4, value);
    return;
  }
  const u32 share = unit_rows(rows);
  const u32 end = static_cast<u32>(least(u64{unit} * share + share, rows));
  for (u32 row = unit * share; row < end; ++row) {
    const u32 value = fold_row(call.inputs[0].data, u64{chunk} * kChunkRows + row, plan.n, f);
    if (writer) ptx::store_weak_u32(call.scratch + u64{row} * 4, value);
  }
}

__device__ __noinline__ inline void run(const Call& call, u32 phase, u32 unit) {
  using vyre::builtin::Op;
  switch (static_cast<Op>(call.op)) {
    case Op::reduce_sum_u32:
    case Op::reduce_sum_i32:
      return integers(call, phase, unit, Sum{});
    case Op::reduce_min_u32:
      return integers(call, phase, unit, MinU32{});
    case Op::reduce_max_u32:
      return integers(call, phase, unit, MaxU32{});
    case Op::reduce_min_i32:
      return integers(call, phase, unit, MinI32{});
    case Op::reduce_max_i32:
      return integers(call, phase, unit, MaxI32{});
    case Op::reduce_sum_f32:
      return floats(call, phase, unit, SumF32{});
    case Op::reduce_min_f32:
      return floats(call, phase, unit, MinF32{});
    default:
      return floats(call, phase, unit, MaxF32{});
  }
}

}  // namespace reduce

}  // namespace vyre::cuda::builtin

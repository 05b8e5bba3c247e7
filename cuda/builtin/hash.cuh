// hash.crc32c: every lane takes each 128th word of a tile, and all states are joined by powers of
// x. hash.xxh64: one warp; the hash is a chain of multiplications by its definition, so one item is
// bound by their latency (about 2 GB/s), whatever the machine. Meaning: docs/ops.md. Contract:
// builtin.cuh.
#pragma once

#include "access.cuh"
#include "crc32c.cuh"

namespace vyre::cuda::builtin {

namespace crc {

inline constexpr u32 kInFlight{4};
inline constexpr u32 kGrain{16 * 1024};  // bytes: bringing the table costs as much as 4 KiB
inline constexpr u32 kTableBytes{sizeof(crc32c::StripeTable)};

static __device__ const crc32c::StripeTable kStripeTable = crc32c::make_stripe_table();
static __constant__ const crc32c::Powers kDevicePowers = crc32c::kPowers;

/// x^exponent: lane k has the factor of bit k, a tree multiplies them. All lanes get it.
[[nodiscard]] __device__ inline u32 power_of_x(u64 exponent) {
  const u32 rest = static_cast<u32>(exponent % crc32c::kOrder);
  const u32 lane = lane_index();
  u32 product = rest >> lane & 1u ? kDevicePowers.value[lane] : crc32c::kOne;
#pragma unroll 1
  for (u32 d = 16; d > 0; d /= 2)
    product = crc32c::multiply(product, __shfl_xor_sync(kWholeWarp, product, d));
  return product;
}

[[nodiscard]] __device__ inline u32 step(const u32* table, u32 state, u32 word) {
  return table[state & 0xFFu] ^ table[256 + (state >> 8 & 0xFFu)] ^
         table[512 + (state >> 16 & 0xFFu)] ^ table[768 + (state >> 24)] ^ word;
}

/// What bytes begin..end-1 of `bytes` add to the remainder of the whole text. Right in lane 0.
[[nodiscard]] __device__ inline u32 tile_share(const u8* from, u64 begin, u64 end, u64 bytes,
                                               const WarpMemory& memory) {
  u32* const table = shared_array<u32>(memory);
  const u32 lane = lane_index();
  {
    const auto* const source = reinterpret_cast<const uint4*>(&kStripeTable);
    auto* const vectors = reinterpret_cast<uint4*>(table);
#pragma unroll
    for (u32 i = 0; i < kTableBytes / kStripe; ++i)
      vectors[i * kLanes + lane] = source[i * kLanes + lane];
    __syncwarp();  // publishes the table
  }
  uint4 state{0, 0, 0, 0};
  const auto take = [&](uint4 v) {
    state = {step(table, state.x, v.x), step(table, state.y, v.y), step(table, state.z, v.z),
             step(table, state.w, v.w)};
  };
  u64 at = begin;
  for (; at + kInFlight * kStripe <= end; at += kInFlight * kStripe) {
    uint4 v[kInFlight];
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j)
      v[j] = ptx::load_weak_v4(from + at + j * kStripe + lane * kVector);
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) take(v[j]);
  }
  // The last stripe is filled up with zeros, which are taken back by a power of x below.
  for (; at < end; at += kStripe) take(load_bytes(from, at + lane * kVector, end));
  __syncwarp();  // the table is read before the next unit writes there
  // Word c of lane l is followed by 127 - 4 l - c others.
  u32 sum = state.x;
#pragma unroll 1
  for (u32 c = 1; c < 4; ++c) {
    const u32 next = c == 1 ? state.y : c == 2 ? state.z : state.w;
    sum = crc32c::multiply(sum, kDevicePowers.value[5]) ^ next;  // x^32
  }
#pragma unroll 1
  for (u32 level = 0; level < 5; ++level) {  // x^(128 * 2^level): so many bits lie between partners
    const u32 higher = __shfl_down_sync(kWholeWarp, sum, 1u << level);
    sum = crc32c::multiply(sum, kDevicePowers.value[7 + level]) ^ higher;
  }
  // `at` is where the filled text ends; bytes behind the tile follow, and the checksum's own 32.
  const u64 filled_bits = (at - end) * 8;
  const u64 following_bits = (bytes - end) * 8 + 32;
  return crc32c::multiply(sum, power_of_x(following_bits + crc32c::kOrder - filled_bits));
}

/// The share of the initial ones, and the final ones.
[[nodiscard]] __device__ inline u32 frame(u64 bytes) {
  return crc32c::multiply(0xFFFFFFFFu, power_of_x(bytes * 8)) ^ 0xFFFFFFFFu;
}

/// Phase 0 writes what an empty text of this length would give, phase 1 adds each tile's share. A
/// single tile does both.
[[nodiscard]] __device__ inline u32 units(const Call& call, u32 phase) {
  const u32 tiles = cut(call.inputs[0].bytes, kGrain).count;
  return phase == 0 ? 1 : phase == 1 && tiles > 1 ? tiles : 0;
}

__device__ __noinline__ inline void run(const Call& call, u32 phase, u32 unit,
                                        const WarpMemory& memory) {
  const u64 bytes = call.inputs[0].bytes;
  const Tiles tiles = cut(bytes, kGrain);
  auto* const out = reinterpret_cast<u32*>(call.outputs[0].data);
  u32 share = 0;
  if (phase == 1 || tiles.count == 1) {
    const u64 begin = unit * tiles.size;
    share = tile_share(call.inputs[0].data, begin, least(begin + tiles.size, bytes), bytes, memory);
  }
  if (phase == 0) share ^= frame(bytes);
  if (lane_index() != 0) return;
  if (phase == 0) {
    ptx::store_weak_u32(out, share);
  } else {
    atomicXor(out, share);
  }
}

}  // namespace crc

namespace xxh64 {

inline constexpr u64 kPrime1{0x9E3779B185EBCA87u};
inline constexpr u64 kPrime2{0xC2B2AE3D27D4EB4Fu};
inline constexpr u64 kPrime3{0x165667B19E3779F9u};
inline constexpr u64 kPrime4{0x85EBCA77C2B2AE63u};
inline constexpr u64 kPrime5{0x27D4EB2F165667C5u};
inline constexpr u32 kAccumulators{4};
inline constexpr u32 kRow{32};  // bytes that all accumulators take at once
inline constexpr u32 kVectors{4};
inline constexpr u32 kChunk{kVectors * kStripe};  // bytes brought at once

[[nodiscard]] __device__ inline u64 rotate(u64 v, u32 by) {
  return v << by | v >> (64 - by);
}
/// One round, given the input already times kPrime2.
[[nodiscard]] __device__ inline u64 round_scaled(u64 sum, u64 scaled) {
  return rotate(sum + scaled, 31) * kPrime1;
}

__device__ __noinline__ inline void run(const Call& call, const WarpMemory& memory) {
  const u8* const from = call.inputs[0].data;
  const u64 bytes = call.inputs[0].bytes;
  const u64 seed = call.param;
  const u64 rows_end = bytes / kRow * kRow;
  const u32 lane = lane_index();
  u64* const scaled = shared_array<u64>(memory);
  u64 sum = lane == 0   ? seed + kPrime1 + kPrime2
            : lane == 1 ? seed + kPrime2
            : lane == 2 ? seed
                        : seed - kPrime1;
  uint4 next[kVectors];
  const auto bring = [&](u64 at) {
#pragma unroll
    for (u32 j = 0; j < kVectors; ++j) {
      const u64 mine = at + j * kStripe + lane * kVector;
      next[j] = mine < rows_end ? ptx::load_weak_v4(from + mine) : uint4{0, 0, 0, 0};
    }
  };
  bring(0);
  // All lanes bring and scale the text of the next chunk; four lanes run the chain over this one.
  for (u64 at = 0; at < rows_end; at += kChunk) {
#pragma unroll
    for (u32 j = 0; j < kVectors; ++j) {
      const uint4 v = next[j];
      u64* const place = scaled + j * (kStripe / 8) + lane * 2;
      place[0] = (u64{v.y} << 32 | v.x) * kPrime2;
      place[1] = (u64{v.w} << 32 | v.z) * kPrime2;
    }
    __syncwarp();  // publishes the chunk
    bring(at + kChunk);
    if (lane < kAccumulators) {
      const u32 rows = static_cast<u32>(least(rows_end - at, kChunk)) / kRow;
#pragma unroll 8
      for (u32 row = 0; row < rows; ++row)
        sum = round_scaled(sum, scaled[row * kAccumulators + lane]);
    }
    __syncwarp();  // the chunk is read before the next one is written
  }
  u64 hash = seed + kPrime5;
  if (bytes >= kRow) {
    const u64 a = __shfl_sync(kWholeWarp, sum, 0);
    const u64 b = __shfl_sync(kWholeWarp, sum, 1);
    const u64 c = __shfl_sync(kWholeWarp, sum, 2);
    const u64 d = __shfl_sync(kWholeWarp, sum, 3);
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    const auto merge = [&](u64 v) {
      hash = (hash ^ round_scaled(0, v * kPrime2)) * kPrime1 + kPrime4;
    };
    merge(a);
    merge(b);
    merge(c);
    merge(d);
  }
  hash += bytes;
  u64 at = rows_end;
  for (; at + 8 <= bytes; at += 8) {
    hash ^= round_scaled(0, ptx::load_weak_u64(from + at) * kPrime2);
    hash = rotate(hash, 27) * kPrime1 + kPrime4;
  }
  if (at + 4 <= bytes) {
    hash ^= ptx::load_weak_u32(from + at) * kPrime1;
    hash = rotate(hash, 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at < bytes; ++at) {
    hash ^= ptx::load_weak_u8(from + at) * kPrime5;
    hash = rotate(hash, 11) * kPrime1;
  }
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  hash ^= hash >> 32;
  if (lane == 0) ptx::store_weak_u64(call.outputs[0].data, hash);
}

}  // namespace xxh64

}  // namespace vyre::cuda::builtin

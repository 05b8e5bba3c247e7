// sort.u32: four stable passes of eight bits, input -> work -> sorted -> work -> sorted. A pass is
// three phases: digits counted per tile, a scan of the counts per digit, and the move.
// Meaning: docs/ops.md. Contract: builtin.cuh.
#pragma once

#include "access.cuh"
#include "histogram.cuh"
#include "scan.cuh"

namespace vyre::cuda::builtin {

namespace sort {

inline constexpr u32 kDigits{histogram::kBins};
inline constexpr u32 kPasses{4};
inline constexpr u32 kPhases{3};    // of a pass
inline constexpr u32 kGrain{2048};  // words
inline constexpr u32 kInFlight{8};
// Scratch: 256 totals of 64 bits, then a count for each digit and tile, [digit][tile]. Counts have
// 64 bits where 32 might not hold a place. Both fill less than 1 MiB.
inline constexpr u32 kTotalsBytes{kDigits * 8};
inline constexpr u32 kNarrowTiles{1016};
inline constexpr u32 kWideTiles{508};

struct Plan {
  u64 n;
  Tiles tiles;
  u32 pitch;  // counts from one digit to the next; a multiple of 4
  bool wide;
};
[[nodiscard]] __device__ inline Plan plan_of(const Call& call) {
  const u64 n = words_of(call.inputs[0]);
  const bool wide = n >> 32 != 0;
  const Tiles tiles = cut(n, kGrain, wide ? kWideTiles : kNarrowTiles);
  return {n, tiles, (tiles.count + 3) / 4 * 4, wide};
}

struct Way {
  const u8* from;
  u8* to;
};
[[nodiscard]] __device__ inline Way way_of(const Call& call, u32 pass) {
  u8* const sorted = call.outputs[0].data;
  u8* const work = call.outputs[1].data;
  if (pass == 0) return {call.inputs[0].data, work};
  return pass % 2 == 1 ? Way{work, sorted} : Way{sorted, work};
}

/// The warp's bins hold how often each digit occurs in begin..end-1.
[[nodiscard]] __device__ inline u32* count_digits(const u8* from, u64 begin, u64 end, u32 shift,
                                                  const WarpMemory& memory) {
  u32* const bins = histogram::clear_bins(memory);
  u64 at = begin;
  for (; at + 512 <= end; at += 512) {
    uint4 v[4];
#pragma unroll
    for (u32 j = 0; j < 4; ++j)
      v[j] = ptx::load_weak_v4(from + (at + j * 128 + lane_index() * 4) * 4);
#pragma unroll
    for (u32 j = 0; j < 4; ++j) {
      histogram::count_one(bins, v[j].x >> shift & 0xFFu);
      histogram::count_one(bins, v[j].y >> shift & 0xFFu);
      histogram::count_one(bins, v[j].z >> shift & 0xFFu);
      histogram::count_one(bins, v[j].w >> shift & 0xFFu);
    }
  }
  for (at += lane_index(); at < end; at += kLanes)
    histogram::count_one(bins, ptx::load_weak_u32(from + at * 4) >> shift & 0xFFu);
  __syncwarp();  // publishes the counts
  return bins;
}

/// Moves begin..end-1 in order; places[d] (shared) is where the next word with digit d goes, and
/// none goes to n or beyond, whatever happened to the input between the phases.
__device__ inline void move_range(const Way& way, u64 begin, u64 end, u64 n, u32 shift,
                                  u64* places) {
  constexpr u32 kNoDigit{kDigits};
  const u32 lane = lane_index();
  const u32 lower_lanes = (1u << lane) - 1;
  for (u64 at = begin; at < end; at += kInFlight * kLanes) {
    u32 word[kInFlight];
    u32 digit[kInFlight];
    u32 peers[kInFlight];
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) {
      const u64 mine = at + j * kLanes + lane;
      word[j] = mine < end ? ptx::load_weak_u32(way.from + mine * 4) : 0;
    }
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) {
      const bool there = at + j * kLanes + lane < end;
      digit[j] = there ? word[j] >> shift & 0xFFu : kNoDigit;
      peers[j] = __match_any_sync(kWholeWarp, digit[j]);
    }
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) {
      const bool there = digit[j] != kNoDigit;
      const u32 rank = __popc(peers[j] & lower_lanes);
      const u64 first = there ? places[digit[j]] : 0;
      __syncwarp();  // all have read their place
      if (there && rank == 0) places[digit[j]] = first + __popc(peers[j]);
      __syncwarp();  // publishes the places of the next row
      if (there && first + rank < n) ptx::store_weak_u32(way.to + (first + rank) * 4, word[j]);
    }
  }
}

/// A single tile: counts and places never leave the warp.
__device__ inline void sort_alone(const Call& call, u64 n, const WarpMemory& memory) {
  for (u32 pass = 0; pass < kPasses; ++pass) {
    const Way way = way_of(call, pass);
    u32* const bins = count_digits(way.from, 0, n, pass * 8, memory);
    u32 own[8];
    u32 sum = 0;
#pragma unroll
    for (u32 j = 0; j < 8; ++j) {
      own[j] = histogram::bin_total(bins, lane_index() * 8 + j);
      sum += own[j];
    }
    u64 place = scan::warp_inclusive(sum) - sum;
    __syncwarp();  // the bins are read before the places take their room
    u64* const places = shared_array<u64>(memory);
#pragma unroll
    for (u32 j = 0; j < 8; ++j) {
      places[lane_index() * 8 + j] = place;
      place += own[j];
    }
    __syncwarp();  // publishes the places
    move_range(way, 0, n, n, pass * 8, places);
    __threadfence();  // orders this pass's words before the next pass's loads, which may come from
                      // any lane
    __syncwarp();     // publishes them within the warp
  }
}

[[nodiscard]] __device__ inline u32 units(const Call& call, u32 phase) {
  const Plan plan = plan_of(call);
  if (plan.tiles.count <= 1) return phase == 0 ? plan.tiles.count : 0;
  if (phase >= kPasses * kPhases) return 0;
  return phase % kPhases == 1 ? kDigits : plan.tiles.count;
}

__device__ __noinline__ inline void run(const Call& call, u32 phase, u32 unit,
                                        const WarpMemory& memory) {
  const Plan plan = plan_of(call);
  const u32 lane = lane_index();
  if (plan.tiles.count <= 1) return sort_alone(call, plan.n, memory);
  const u32 pass = phase / kPhases;
  const Way way = way_of(call, pass);
  u8* const totals = call.scratch;
  u8* const counts = call.scratch + kTotalsBytes;
  const auto place_of = [&](u32 digit) { return u64{digit} * plan.pitch + unit; };
  const u64 begin = unit * plan.tiles.size;
  const u64 end = least(begin + plan.tiles.size, plan.n);
  switch (phase % kPhases) {
    case 0: {
      const u32* const bins = count_digits(way.from, begin, end, pass * 8, memory);
      for (u32 digit = lane; digit < kDigits; digit += kLanes) {
        const u32 total = histogram::bin_total(bins, digit);
        if (plan.wide) {
          ptx::store_weak_u64(counts + place_of(digit) * 8, total);
        } else {
          ptx::store_weak_u32(counts + place_of(digit) * 4, total);
        }
      }
      __syncwarp();  // the bins are read before the next unit clears them
      return;
    }
    case 1: {  // the unit is a digit
      const u64 row = u64{unit} * plan.pitch;
      const u64 total =
          plan.wide
              ? scan::scan_in_place(reinterpret_cast<u64*>(counts) + row, plan.tiles.count)
              : scan::scan_range(counts + row * 4, counts + row * 4, 0, plan.tiles.count, 0, false);
      if (lane == 0) ptx::store_weak_u64(totals + unit * 8, total);
      return;
    }
    default: {
      u64 own[8];
      u64 sum = 0;
#pragma unroll
      for (u32 j = 0; j < 8; ++j) {
        own[j] = ptx::load_weak_u64(totals + (lane * 8 + j) * 8);
        sum += own[j];
      }
      u64 before = scan::warp_inclusive(sum) - sum;
      u64* const places = shared_array<u64>(memory);
#pragma unroll
      for (u32 j = 0; j < 8; ++j) {
        const u64 at = place_of(lane * 8 + j);
        places[lane * 8 + j] = before + (plan.wide ? ptx::load_weak_u64(counts + at * 8)
                                                   : ptx::load_weak_u32(counts + at * 4));
        before += own[j];
      }
      __syncwarp();  // publishes the places
      move_range(way, begin, end, plan.n, pass * 8, places);
      return;
    }
  }
}

}  // namespace sort

}  // namespace vyre::cuda::builtin

// match.literals: the pattern blob is checked by many warps, then every lane runs the automaton
// over a piece of the text, first to count, and where there were hits once more to write them to
// their place in the order. Nothing read from the blob is trusted to be what it was: indices are
// clamped where they are used. Meaning: docs/ops.md. Contract: builtin.cuh.
#pragma once

#include "access.cuh"
#include "builtin/literals_layout.hpp"
#include "scan.cuh"

namespace vyre::cuda::builtin {

namespace literals {

using vyre::builtin::kLiteralsReports;
using vyre::builtin::LiteralsHeader;
using vyre::builtin::LiteralsSections;

// Scratch: a word for each unit of the check (1: broken), then the place of each tile's first hit,
// then the hits of each lane of each tile.
inline constexpr u32 kCheckUnits{512};
inline constexpr u32 kMaxTextTiles{2048};
inline constexpr u32 kTilesAt{kCheckUnits * 4};
inline constexpr u32 kLanesAt{kTilesAt + kMaxTextTiles * 8};

inline constexpr u32 kCheckGrain{16 * 1024};  // bytes of the blob
inline constexpr u32 kLeastPiece{256};        // bytes of text a lane

// Shared: windows of all lanes, the byte classes, and as many rows of the transition table as fit.
inline constexpr u32 kWindow{64};
/// From one lane's window to the next: eight lanes that read 16 bytes each hit different banks.
inline constexpr u32 kWindowPitch{kWindow + 16};
inline constexpr u32 kClassesAt{kLanes * kWindowPitch};
inline constexpr u32 kRowsAt{kClassesAt + 256};
inline constexpr u32 kVectorsPerWindow{kWindow / kVector};

struct Automaton {
  const u8* blob;
  LiteralsHeader header;
  LiteralsSections at;
};

[[nodiscard]] __device__ inline u32 round_up(u32 value, u32 to) {
  return (value + to - 1) / to * to;
}

/// False if the header does not hold; then nothing else of the blob may be read.
[[nodiscard]] __device__ inline bool open(const Call& call, Automaton& automaton) {
  const Buffer& blob = call.inputs[1];
  if (blob.bytes < sizeof(LiteralsHeader)) return false;
  LiteralsHeader& h = automaton.header;
  const auto word = [&](u32 i) { return ptx::load_weak_u32(blob.data + i * 4); };
  h = {word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7), {}};
#pragma unroll
  for (u32 i = 0; i < 8; ++i) h.zeros[i] = word(8 + i);
  if (!vyre::builtin::literals_header_holds(h, blob.bytes)) return false;
  automaton.blob = blob.data;
  automaton.at = vyre::builtin::literals_sections(h);
  return true;
}

// ---- the check: rules 3 to 7 ----

[[nodiscard]] __device__ inline u32 check_units(const Automaton& a) {
  return cut(a.at.end, kCheckGrain, kCheckUnits).count;
}

/// Share `unit` of `units` of the indices 0..count-1, a lane at a time.
template <class Holds>
[[nodiscard]] __device__ inline bool all_hold(u64 count, u32 unit, u32 units, Holds holds) {
  const u64 share = divide_up(count, units);
  const u64 end = least(unit * share + share, count);
  bool good = true;
#pragma unroll 4
  for (u64 i = unit * share + lane_index(); i < end; i += kLanes) good = good && holds(i);
  return good;
}

[[nodiscard]] __device__ inline bool check_unit(const Automaton& a, u32 unit) {
  const LiteralsHeader& h = a.header;
  const u32 units = check_units(a);
  const u8* const first = a.blob + a.at.first;
  const u8* const outputs = a.blob + a.at.outputs;
  bool good = all_hold(256, unit, units, [&](u64 i) {
    return ptx::load_weak_u8(a.blob + a.at.classes + i) < h.classes;
  });
  good &= all_hold(h.patterns, unit, units, [&](u64 i) {
    return ptx::load_weak_u32(a.blob + a.at.lengths + i * 4) - 1 < h.max_length;
  });
  good &= all_hold(h.states, unit, units, [&](u64 s) {
    const u32 begin = ptx::load_weak_u32(first + s * 4);
    const u32 end = ptx::load_weak_u32(first + s * 4 + 4);
    if (begin > end || end > h.outputs || (s == 0 && begin != 0) ||
        (s + 1 == h.states && end != h.outputs)) {
      return false;
    }
    // Strictly rising and below the number of patterns: ends after so many at the latest.
    u32 least_next = 0;
    for (u32 i = begin; i < end; ++i) {
      const u32 pattern = ptx::load_weak_u32(outputs + u64{i} * 4);
      if (pattern < least_next || pattern >= h.patterns) return false;
      least_next = pattern + 1;
    }
    return true;
  });
  good &= all_hold(u64{h.states} * h.classes, unit, units, [&](u64 i) {
    const u32 transition = ptx::load_weak_u32(a.blob + a.at.transitions + i * 4);
    const u32 state = transition & ~kLiteralsReports;
    if (state >= h.states) return false;
    const bool reports = ptx::load_weak_u32(first + u64{state} * 4 + 4) !=
                         ptx::load_weak_u32(first + u64{state} * 4);
    return reports == ((transition & kLiteralsReports) != 0);
  });
  return __all_sync(kWholeWarp, good);
}

[[nodiscard]] __device__ inline bool found_broken(const Call& call, const Automaton& a) {
  const u32 units = check_units(a);
  bool broken = false;
  for (u32 i = lane_index(); i < units; i += kLanes)
    broken |= ptx::load_weak_u32(call.scratch + i * 4) != 0;
  return __any_sync(kWholeWarp, broken);
}

// ---- the text ----

/// Lane l of tile t has the piece that starts at (32 t + l) * piece, and reads `warm_up` bytes
/// before it without counting.
struct Cut {
  u64 piece;
  u32 warm_up;
  u32 tiles;  // at least one, so that an empty text has a place for its zero
};
[[nodiscard]] __device__ inline Cut cut_text(const Call& call, const Automaton& a) {
  const u64 bytes = call.inputs[0].bytes;
  const u32 warm_up = round_up(a.header.max_length - 1, kVector);
  const u64 even = divide_up(divide_up(bytes, kMaxTextTiles * kLanes), kWindow) * kWindow;
  const u64 piece = most(even, most(kLeastPiece, round_up(2 * warm_up, kWindow)));
  return {piece, warm_up, static_cast<u32>(most(divide_up(bytes, piece * kLanes), 1))};
}

/// The table from shared memory for the first rows, from device memory for the others.
[[nodiscard]] __device__ inline u32 transition(const u8* table, u32 shared_rows, u32 shared_words,
                                               u32 index) {
  u32 value;
  asm volatile(
      "{\n"
      "  .reg .pred held;\n"
      "  setp.lt.u32 held, %1, %2;\n"
      "  @held ld.shared.u32 %0, [%3];\n"
      "  @!held ld.global.u32 %0, [%4];\n"
      "}"
      : "=r"(value)
      : "r"(index), "r"(shared_words), "r"(shared_rows + index * 4),
        "l"(__cvta_generic_to_global(table + u64{index} * 4)));
  return value;
}

/// Runs all lanes of a tile. on_hit(state, end) is called by a lane for every state with outputs
/// that it reaches inside its piece; lanes with `awake` false only help to bring the text.
template <class OnHit>
__device__ inline void run_tile(const Call& call, const Automaton& a, const Cut& cut, u32 tile,
                                bool awake, const WarpMemory& memory, OnHit on_hit) {
  const u8* const text = call.inputs[0].data;
  const u64 bytes = call.inputs[0].bytes;
  const u32 lane = lane_index();
  const u8* const table = a.blob + a.at.transitions;
  u8* const windows = shared_array<u8>(memory);
  u8* const classes = windows + kClassesAt;
  u32* const rows = shared_array<u32>(memory, kRowsAt);
  const u32 row_words = a.header.classes;
  const u32 top_class = a.header.classes - 1;
  const u32 top_state = a.header.states - 1;
  const u32 fitting = (memory.shared_bytes - kRowsAt) / 4 / row_words;
  const u32 near_words = static_cast<u32>(least(fitting, a.header.states)) * row_words;
  for (u32 i = lane; i < 256; i += kLanes) {
    const u32 c = ptx::load_weak_u8(a.blob + a.at.classes + i);
    classes[i] = static_cast<u8>(c < top_class ? c : top_class);
  }
#pragma unroll 4
  for (u32 i = lane; i < near_words; i += kLanes) rows[i] = ptx::load_weak_u32(table + u64{i} * 4);
  const auto near_rows = static_cast<u32>(__cvta_generic_to_shared(rows));

  const u64 tile_begin = u64{tile} * kLanes * cut.piece;
  const u64 begin = tile_begin + lane * cut.piece;
  const u64 end = least(begin + cut.piece, bytes);
  const std::int64_t lead = round_up(cut.warm_up, kWindow);
  // Window `offset` of every lane: vector `lane % 4` of eight pieces at a time.
  uint4 next[kVectorsPerWindow];
  const auto bring = [&](std::int64_t offset) {
#pragma unroll
    for (u32 j = 0; j < kVectorsPerWindow; ++j) {
      const u32 owner = j * (kLanes / kVectorsPerWindow) + lane / kVectorsPerWindow;
      const auto at = static_cast<std::int64_t>(tile_begin + owner * cut.piece) + offset +
                      lane % kVectorsPerWindow * kVector;
      const bool there = at >= 0 && offset < static_cast<std::int64_t>(cut.piece);
      next[j] = there ? load_bytes(text, static_cast<u64>(at), bytes) : uint4{0, 0, 0, 0};
    }
  };
  u32 state = 0;
  bring(-lead);
  for (std::int64_t offset = -lead; offset < static_cast<std::int64_t>(cut.piece);
       offset += kWindow) {
#pragma unroll
    for (u32 j = 0; j < kVectorsPerWindow; ++j) {
      const u32 owner = j * (kLanes / kVectorsPerWindow) + lane / kVectorsPerWindow;
      *reinterpret_cast<uint4*>(windows + owner * kWindowPitch +
                                lane % kVectorsPerWindow * kVector) = next[j];
    }
    __syncwarp();  // publishes the windows, and at first the classes and rows
    bring(offset + kWindow);
#pragma unroll 1
    for (u32 j = 0; j < kVectorsPerWindow; ++j) {
      const std::int64_t from_begin = offset + j * kVector;
      const auto at = static_cast<std::int64_t>(begin) + from_begin;
      const bool inside = awake && at >= 0 && from_begin >= -std::int64_t{cut.warm_up} &&
                          static_cast<u64>(at) < end;
      if (!inside) continue;
      const bool counts = from_begin >= 0;
      const u32 usable = static_cast<u32>(least(end - static_cast<u64>(at), kVector));
      const uint4 v = *reinterpret_cast<const uint4*>(windows + lane * kWindowPitch + j * kVector);
#pragma unroll
      for (u32 k = 0; k < kVector; ++k) {
        const u32 word = k < 4 ? v.x : k < 8 ? v.y : k < 12 ? v.z : v.w;
        const u32 byte_class = classes[word >> (8 * (k % 4)) & 0xFFu];
        if (k < usable) {
          const u32 taken =
              transition(table, near_rows, near_words, state * row_words + byte_class);
          state = min(taken & ~kLiteralsReports, top_state);
          if ((taken & kLiteralsReports) != 0 && counts)
            on_hit(state, static_cast<u64>(at) + k + 1);
        }
      }
    }
    __syncwarp();  // the windows are read before the next ones are written
  }
}

struct Outputs {
  u32 begin;
  u32 end;
};
[[nodiscard]] __device__ inline Outputs outputs_of(const Automaton& a, u32 state) {
  const u8* const first = a.blob + a.at.first + u64{state} * 4;
  const u32 end = min(ptx::load_weak_u32(first + 4), a.header.outputs);
  return {min(ptx::load_weak_u32(first), end), end};
}

__device__ inline void count(const Call& call, const Automaton& a, const Cut& cut, u32 tile,
                             const WarpMemory& memory) {
  u64 hits = 0;
  run_tile(call, a, cut, tile, true, memory, [&](u32 state, u64) {
    const Outputs o = outputs_of(a, state);
    hits += o.end - o.begin;
  });
  ptx::store_weak_u64(call.scratch + kLanesAt + (u64{tile} * kLanes + lane_index()) * 8, hits);
  const u64 through = scan::warp_inclusive(hits);
  if (lane_index() == kLanes - 1)
    ptx::store_weak_u64(call.scratch + kTilesAt + u64{tile} * 8, through);
}

__device__ inline void write(const Call& call, const Automaton& a, const Cut& cut, u32 tile,
                             const WarpMemory& memory) {
  const u64 capacity = vyre::builtin::hit_capacity(call.outputs[0].bytes);
  u8* const records = call.outputs[0].data + sizeof(vyre::builtin::LiteralHits);
  const u64 hits =
      ptx::load_weak_u64(call.scratch + kLanesAt + (u64{tile} * kLanes + lane_index()) * 8);
  const u64 through = scan::warp_inclusive(hits);
  u64 place = ptx::load_weak_u64(call.scratch + kTilesAt + u64{tile} * 8) + through - hits;
  const bool awake = hits != 0 && place < capacity;
  if (!__any_sync(kWholeWarp, awake)) return;
  run_tile(call, a, cut, tile, awake, memory, [&](u32 state, u64 end) {
    const Outputs o = outputs_of(a, state);
    for (u32 i = o.begin; i < o.end && place < capacity; ++i, ++place) {
      const u32 pattern =
          min(ptx::load_weak_u32(a.blob + a.at.outputs + u64{i} * 4), a.header.patterns - 1);
      const u32 length =
          min(ptx::load_weak_u32(a.blob + a.at.lengths + u64{pattern} * 4), a.header.max_length);
      ptx::store_weak_v4(records + place * sizeof(vyre::builtin::LiteralHit),
                         {static_cast<u32>(end), static_cast<u32>(end >> 32), pattern, length});
    }
  });
}

[[nodiscard]] __device__ inline u64 scratch_needed(const Call& call) {
  Automaton a;
  return open(call, a) ? kLanesAt + u64{cut_text(call, a).tiles} * kLanes * 8 : 0;
}

/// What the check found, once its phase is over.
[[nodiscard]] __device__ inline bool blob_holds(const Call& call) {
  Automaton a;
  return open(call, a) && !found_broken(call, a);
}

/// Phase 0 checks the blob, 1 counts, 2 places the tiles and writes the header, 3 writes records.
[[nodiscard]] __device__ inline u32 units(const Call& call, u32 phase) {
  Automaton a;
  if (phase > 3 || !open(call, a)) return 0;
  if (phase == 0) return check_units(a);
  if (found_broken(call, a)) return 0;
  if (phase == 2) return 1;
  if (phase == 3 && ptx::load_weak_u64(call.outputs[0].data) == 0) return 0;
  return cut_text(call, a).tiles;
}

__device__ __noinline__ inline void run(const Call& call, u32 phase, u32 unit,
                                        const WarpMemory& memory) {
  Automaton a;
  if (!open(call, a)) return;
  if (phase == 0) {
    const bool good = check_unit(a, unit);
    if (lane_index() == 0) ptx::store_weak_u32(call.scratch + unit * 4, good ? 0 : 1);
    return;
  }
  const Cut cut = cut_text(call, a);
  if (phase == 1) return count(call, a, cut, unit, memory);
  if (phase == 3) return write(call, a, cut, unit, memory);
  const u64 hits = scan::scan_in_place(reinterpret_cast<u64*>(call.scratch + kTilesAt), cut.tiles);
  if (lane_index() != 0) return;
  ptx::store_weak_u64(call.outputs[0].data, hits);
  ptx::store_weak_u64(call.outputs[0].data + 8,
                      least(hits, vyre::builtin::hit_capacity(call.outputs[0].bytes)));
}

}  // namespace literals

}  // namespace vyre::cuda::builtin

// The built-in ops behind one switch: implements builtin.cuh. Every family has its file.
#pragma once

#include "builtin.cuh"
#include "builtin/rules.hpp"
#include "fill_copy.cuh"
#include "hash.cuh"
#include "histogram.cuh"
#include "literals.cuh"
#include "reduce.cuh"
#include "scan.cuh"
#include "select.cuh"
#include "sort.cuh"

namespace vyre::cuda::builtin {

static_assert(reduce::kThirdLevel + reduce::kRow * 4 == kScratchBytes);
static_assert(kMaxTiles * 8 <= kScratchBytes);
static_assert(sort::kTotalsBytes + std::uint64_t{sort::kDigits} * sort::kNarrowTiles * 4 <=
              kScratchBytes);
static_assert(sort::kTotalsBytes + std::uint64_t{sort::kDigits} * sort::kWideTiles * 8 <=
              kScratchBytes);
static_assert(literals::kLanesAt + std::uint64_t{literals::kMaxTextTiles} * kLanes * 8 <=
              kScratchBytes);
static_assert(histogram::kBins * histogram::kCopies * 4 <= kLeastSharedBytes);
static_assert(crc::kTableBytes <= kLeastSharedBytes && xxh64::kChunk <= kLeastSharedBytes);
static_assert(select::kStep * 4 <= kLeastSharedBytes);
static_assert(literals::kRowsAt <= kLeastSharedBytes);

VYRE_DEVICE inline FaultCode check(const Call& call) {
  if (!vyre::builtin::is_op(call.op)) return FaultCode::unknown_op;
  if (static_cast<vyre::builtin::Op>(call.op) != vyre::builtin::Op::match_literals)
    return FaultCode::none;
  literals::Automaton automaton;
  return literals::open(call, automaton) ? FaultCode::none : FaultCode::bad_binding;
}

VYRE_DEVICE inline FaultCode outcome(const Call& call) {
  if (static_cast<vyre::builtin::Op>(call.op) != vyre::builtin::Op::match_literals)
    return FaultCode::none;
  return literals::blob_holds(call) ? FaultCode::none : FaultCode::bad_binding;
}

VYRE_DEVICE inline std::uint64_t scratch_needed(const Call& call) {
  using vyre::builtin::Op;
  switch (static_cast<Op>(call.op)) {
    case Op::nop:
    case Op::mem_fill:
    case Op::mem_copy:
    case Op::histogram_u8:
    case Op::hash_crc32c:
    case Op::hash_xxh64:
      return 0;
    case Op::reduce_sum_f32:
    case Op::reduce_min_f32:
    case Op::reduce_max_f32: {
      const u64 rows = reduce::plan_rows(call).rows;
      return rows <= 1 ? 0 : rows <= reduce::kRow ? rows * 4 : kScratchBytes;
    }
    case Op::select_u32:
    case Op::sort_u32:
      return units(call, 1) != 0 ? kScratchBytes : 0;
    case Op::match_literals:
      return literals::scratch_needed(call);
    default:  // tiles of the other reductions and of scans
      return units(call, 1) != 0 ? kMaxTiles * 4 : 0;
  }
}

VYRE_DEVICE inline std::uint32_t units(const Call& call, std::uint32_t phase) {
  using vyre::builtin::Op;
  switch (static_cast<Op>(call.op)) {
    case Op::nop:
      return 0;
    case Op::mem_fill:
      return phase == 0 ? cut(call.outputs[0].bytes, bulk::kStep).count : 0;
    case Op::mem_copy:
      return phase == 0 ? cut(bulk::copy_bytes(call), bulk::kStep).count : 0;
    case Op::reduce_sum_u32:
    case Op::reduce_min_u32:
    case Op::reduce_max_u32:
    case Op::reduce_sum_i32:
    case Op::reduce_min_i32:
    case Op::reduce_max_i32:
      return reduce::integer_units(call, phase);
    case Op::reduce_sum_f32:
    case Op::reduce_min_f32:
    case Op::reduce_max_f32:
      return reduce::float_units(call, phase);
    case Op::scan_inclusive_u32:
    case Op::scan_exclusive_u32:
      return scan::units(call, phase);
    case Op::histogram_u8:
      return histogram::units(call, phase);
    case Op::select_u32:
      return select::units(call, phase);
    case Op::sort_u32:
      return sort::units(call, phase);
    case Op::hash_crc32c:
      return crc::units(call, phase);
    case Op::hash_xxh64:
      return phase == 0 ? 1 : 0;
    case Op::match_literals:
      return literals::units(call, phase);
  }
  return 0;
}

VYRE_DEVICE inline void run_unit(const Call& call, std::uint32_t phase, std::uint32_t unit,
                                 const WarpMemory& memory) {
  using vyre::builtin::Op;
  switch (static_cast<Op>(call.op)) {
    case Op::nop:
      return;
    case Op::mem_fill:
      return bulk::fill(call, unit);
    case Op::mem_copy:
      return bulk::copy(call, unit);
    case Op::reduce_sum_u32:
    case Op::reduce_min_u32:
    case Op::reduce_max_u32:
    case Op::reduce_sum_i32:
    case Op::reduce_min_i32:
    case Op::reduce_max_i32:
    case Op::reduce_sum_f32:
    case Op::reduce_min_f32:
    case Op::reduce_max_f32:
      return reduce::run(call, phase, unit);
    case Op::scan_inclusive_u32:
    case Op::scan_exclusive_u32:
      return scan::run(call, phase, unit);
    case Op::histogram_u8:
      return histogram::run(call, phase, unit, memory);
    case Op::select_u32:
      return select::run(call, phase, unit, memory);
    case Op::sort_u32:
      return sort::run(call, phase, unit, memory);
    case Op::hash_crc32c:
      return crc::run(call, phase, unit, memory);
    case Op::hash_xxh64:
      return xxh64::run(call, memory);
    case Op::match_literals:
      return literals::run(call, phase, unit, memory);
  }
}

}  // namespace vyre::cuda::builtin

#include "byte_steps.hpp"

#include <algorithm>

namespace vyre::vir::lowering {
namespace {

using core::ByteCode;
using core::ByteStep;
using core::kScalarA;
using core::kScalarB;

/// Rows that a step reads.
template <class F>
void each_row(const ByteStep& step, const F& f) {
  unsigned rows = 2;
  switch (step.code) {
    case ByteCode::load:
    case ByteCode::load_eq:
    case ByteCode::id_below:
    case ByteCode::below_from_id:
    case ByteCode::scalar:
    case ByteCode::put_id:
    case ByteCode::put_from_id:
      return;
    case ByteCode::branch:
      return f(step.a);
    case ByteCode::fill:
    case ByteCode::lnot:
    case ByteCode::truth:
    case ByteCode::widen:
    case ByteCode::and_word:
      rows = 1;
      break;
    case ByteCode::select:
      rows = 3;
      break;
    default:
      break;
  }
  const std::uint16_t all[3] = {step.a, step.b, step.c};
  for (unsigned k = 0; k < rows; ++k) {
    if ((step.scalars >> k & 1) == 0) f(all[k]);
  }
}

}  // namespace

bool guards_atomic(const core::Image& image, std::size_t at) {
  const core::Instruction& i = image.code[at];
  if (i.aux != 0 || i.imm != at + 2 || image.code[at + 2].op != core::Opcode::if_end) return false;
  const core::Instruction& body = image.code[at + 1];
  constexpr unsigned kScalars{kScalarA | kScalarB | core::kOldUnread};
  return body.op == core::Opcode::atomic && (body.form & kScalars) == kScalars &&
         body.aux != static_cast<std::uint8_t>(core::AtomicCode::exchange) &&
         body.aux != static_cast<std::uint8_t>(core::AtomicCode::compare_exchange);
}

void join_comparisons(std::vector<ByteStep>& steps, const std::vector<ByteStep>& behind,
                      std::uint32_t rows) {
  std::vector<std::uint32_t> reads(rows, 0);
  const auto count = [&](const ByteStep& step) { each_row(step, [&](auto r) { ++reads[r]; }); };
  std::for_each(steps.begin(), steps.end(), count);
  std::for_each(behind.begin(), behind.end(), count);
  std::vector<ByteStep> joined;
  for (ByteStep step : steps) {
    const bool of_scalar = step.scalars == kScalarA || step.scalars == kScalarB;
    const std::uint16_t row = step.scalars == kScalarA ? step.b : step.a;
    if (step.code == ByteCode::eq && of_scalar && reads[row] == 1) {
      const auto load = std::find_if(joined.begin(), joined.end(), [&](const ByteStep& one) {
        return one.code == ByteCode::load && one.dst == row;
      });
      if (load != joined.end()) {
        step.code = ByteCode::load_eq;
        step.b = step.scalars == kScalarA ? step.a : step.b;
        step.a = load->a;
        step.imm = load->imm;
        joined.erase(load);
      }
    }
    joined.push_back(step);
  }
  steps = std::move(joined);
}

}  // namespace vyre::vir::lowering

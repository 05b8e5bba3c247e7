// See transcendentals.hpp.
#include "vir/program/transcendentals.hpp"

#include <algorithm>

namespace vyre::vir {

bool uses_transcendentals(const Program& program) noexcept {
  return std::any_of(program.exprs.begin(), program.exprs.end(), [](const Expr& e) {
    if (e.tag != ExprTag::UnOp) return false;
    switch (static_cast<UnOp>(e.op)) {
      case UnOp::Cos:
      case UnOp::Sin:
      case UnOp::Tan:
      case UnOp::Acos:
      case UnOp::Asin:
      case UnOp::Atan:
      case UnOp::Cosh:
      case UnOp::Sinh:
      case UnOp::Tanh:
      case UnOp::Exp:
      case UnOp::Exp2:
      case UnOp::Log:
      case UnOp::Log2:
        return true;
      default:
        return false;
    }
  });
}

}  // namespace vyre::vir

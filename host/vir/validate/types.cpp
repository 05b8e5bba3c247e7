// Static types of expressions, upstream's quirks included: bitwise operators, shifts, rotates,
// AbsDiff, the wrapping operators and MulHigh are typed u32 whatever their operands are.
#include "checker.hpp"

namespace vyre::vir {
namespace {

StaticType binary_type(BinOp op, StaticType left, StaticType right) noexcept {
  switch (op) {
    case BinOp::Add:
    case BinOp::Sub:
    case BinOp::Mul:
    case BinOp::Div:
    case BinOp::Min:
    case BinOp::Max:
      return left.known() ? left : right;
    case BinOp::Eq:
    case BinOp::Ne:
    case BinOp::Lt:
    case BinOp::Gt:
    case BinOp::Le:
    case BinOp::Ge:
    case BinOp::And:
    case BinOp::Or:
      return TypeTag::Bool;
    case BinOp::Mod:
    case BinOp::BitAnd:
    case BinOp::BitOr:
    case BinOp::BitXor:
    case BinOp::Shl:
    case BinOp::Shr:
    case BinOp::RotateLeft:
    case BinOp::RotateRight:
    case BinOp::AbsDiff:
    case BinOp::SaturatingAdd:
    case BinOp::SaturatingSub:
    case BinOp::SaturatingMul:
    case BinOp::WrappingAdd:
    case BinOp::WrappingSub:
    case BinOp::MulHigh:
      return TypeTag::U32;
    case BinOp::Shuffle:
    case BinOp::Ballot:
    case BinOp::WaveReduce:
    case BinOp::WaveBroadcast:
    case BinOp::Extension:
      return {};
  }
  return {};
}

StaticType unary_type(UnOp op, StaticType operand) noexcept {
  switch (op) {
    case UnOp::Negate:
    case UnOp::BitNot:
    case UnOp::Popcount:
    case UnOp::Clz:
    case UnOp::Ctz:
    case UnOp::ReverseBits:
      return operand;
    case UnOp::LogicalNot:
    case UnOp::IsNan:
    case UnOp::IsInf:
    case UnOp::IsFinite:
      return TypeTag::Bool;
    case UnOp::Unpack4Low:
    case UnOp::Unpack4High:
    case UnOp::Unpack8Low:
    case UnOp::Unpack8High:
    case UnOp::Extension:
      return {};
    default:
      return TypeTag::F32;
  }
}

}  // namespace

StaticType Checker::infer(const Expr& e) const {
  switch (e.tag) {
    case ExprTag::LitI32:
      return TypeTag::I32;
    case ExprTag::LitF32:
      return TypeTag::F32;
    case ExprTag::LitBool:
      return TypeTag::Bool;
    case ExprTag::LitU32:
    case ExprTag::BufLen:
    case ExprTag::InvocationId:
    case ExprTag::WorkgroupId:
    case ExprTag::LocalId:
    case ExprTag::Atomic:
    case ExprTag::SubgroupBallot:
    case ExprTag::SubgroupLocalId:
    case ExprTag::SubgroupSize:
      return TypeTag::U32;
    case ExprTag::Var: {
      const Variable* known = variable(e.name);
      return known == nullptr ? StaticType() : known->type;
    }
    case ExprTag::Load: {
      const BufferDecl* source = buffer(e.name);
      return source == nullptr ? StaticType() : type_of_declared(source->element);
    }
    case ExprTag::BinOp:
      return binary_type(static_cast<BinOp>(e.op), type_of(e.child[0]), type_of(e.child[1]));
    case ExprTag::UnOp:
      return unary_type(static_cast<UnOp>(e.op), type_of(e.child[0]));
    case ExprTag::Select:
      return type_of(e.child[1]).known() ? type_of(e.child[1]) : type_of(e.child[2]);
    case ExprTag::Cast:
      return type_of_declared(e.bits);
    case ExprTag::Fma:
      return TypeTag::F32;
    case ExprTag::SubgroupAdd:
    case ExprTag::SubgroupShuffle:
      return type_of(e.child[0]);
    case ExprTag::Call:
    case ExprTag::BufferRef:
    case ExprTag::Opaque:
      return {};
  }
  return {};
}

}  // namespace vyre::vir

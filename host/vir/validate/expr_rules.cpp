// Rules about one expression other than the operators' types (operator_rules.cpp). Each is
// one function and one row. The operands' types are known when a rule runs.
#include "base/message.hpp"
#include "checker.hpp"

namespace vyre::vir {
namespace {

// ---- names

void variable_is_bound(Checker& c, const char* code, const Expr& e) {
  if (c.variable(e.name) != nullptr) return;
  if (c.buffer(e.name) != nullptr) {
    return c.report(code,
                    message("{} is a buffer, and no variable has its name: read an element of "
                            "it by its index",
                            c.name(e.name)));
  }
  c.report(code, message("variable {} is not bound here; bind it with let before", c.name(e.name)));
}

void buffer_is_declared(Checker& c, const char* code, const Expr& e) {
  if (c.buffer(e.name) != nullptr) return;
  c.report(code, message("use of {}, which is not a declared buffer", c.name(e.name)));
}

void axis_exists(Checker& c, const char* code, const Expr& e) {
  if (e.op <= 2) return;
  c.report(code, message("axis {} of an id; use 0 (x), 1 (y) or 2 (z)", e.op));
}

// ---- memory

bool refuses_elements(const Checker& c, const Expr& e) {
  const BufferDecl* source = c.buffer(e.name);
  return source != nullptr && c.program.types[source->element].tag == TypeTag::Bytes &&
         !source->bytes_extraction;
}

void loaded_bytes_are_extractable(Checker& c, const char* code, const Expr& e) {
  if (!refuses_elements(c, e)) return;
  c.report(code, message("load from buffer {} of type bytes, which has no elements; use u8 or "
                         "allow bytes extraction",
                         c.name(e.name)));
}

// ---- atomics

void atomic_buffer_is_read_write(Checker& c, const char* code, const Expr& e) {
  const BufferDecl* target = c.buffer(e.name);
  if (target == nullptr || target->access == Access::ReadWrite ||
      target->access == Access::Workgroup) {  // V025 speaks of workgroup memory
    return;
  }
  c.report(code, message("atomic on buffer {}, which is not read_write", c.name(e.name)));
}

void atomic_is_not_on_workgroup_memory(Checker& c, const char* code, const Expr& e) {
  const BufferDecl* target = c.buffer(e.name);
  if (target == nullptr || target->access != Access::Workgroup) return;
  c.report(code,
           message("atomic on workgroup buffer {}; atomics are defined on read_write storage only",
                   c.name(e.name)));
}

void atomic_bytes_are_extractable(Checker& c, const char* code, const Expr& e) {
  if (!refuses_elements(c, e)) return;
  c.report(code, message("atomic on buffer {} of type bytes; atomics work on u32", c.name(e.name)));
}

void atomic_element_is_u32(Checker& c, const char* code, const Expr& e) {
  const BufferDecl* target = c.buffer(e.name);
  if (target == nullptr || refuses_elements(c, e)) return;  // V013 speaks of bytes
  const StaticType element = c.type_of_declared(target->element);
  if (element == StaticType(TypeTag::U32)) return;
  c.report(code, message("atomic on buffer {} of type {}; atomics work on u32", c.name(e.name),
                         type_word(element)));
}

void atomic_index_is_u32(Checker& c, const char* code, const Expr& e) {
  if (is_one_of(c.type_of(e.child[0]), TypeTag::U32)) return;
  c.report(code, message("atomic on {} with an index of type {}; it must be u32, cast it",
                         c.name(e.name), type_word(c.type_of(e.child[0]))));
}

void atomic_values_are_u32(Checker& c, const char* code, const Expr& e) {
  for (const ExprId value : {e.child[1], e.child[2]}) {
    if (value == kNone || is_one_of(c.type_of(value), TypeTag::U32)) continue;
    c.report(code, message("atomic on {} with a value of type {}; it must be u32, cast it",
                           c.name(e.name), type_word(c.type_of(value))));
  }
}

void only_compare_exchange_expects(Checker& c, const char* code, const Expr& e) {
  const bool compares = static_cast<AtomicOp>(e.op) == AtomicOp::CompareExchange;
  if (compares == (e.child[2] != kNone)) return;
  c.report(code, compares ? "compare_exchange without an expected value"
                          : "an expected value on an atomic that is not compare_exchange");
}

void atomic_ordering_is_not_grid_sync(Checker& c, const char* code, const Expr& e) {
  if (e.ordering != Ordering::GridSync) return;
  c.report(code, "an atomic cannot order the whole grid; use seq_cst");
}

// ---- shape of values

void fma_operands_are_f32(Checker& c, const char* code, const Expr& e) {
  for (const ExprId operand : e.child) {
    if (is_one_of(c.type_of(operand), TypeTag::F32)) continue;
    return c.report(code, message("fma with an operand of type {}; all three must be f32",
                                  type_word(c.type_of(operand))));
  }
}

void select_arms_agree(Checker& c, const char* code, const Expr& e) {
  const StaticType yes = c.type_of(e.child[1]);
  const StaticType no = c.type_of(e.child[2]);
  if (!yes.known() || !no.known() || yes == no) return;
  c.report(code,
           message("select between {} and {}; cast one of them", type_word(yes), type_word(no)));
}

constexpr bool is_integer_like(TypeTag tag) noexcept {
  switch (tag) {
    case TypeTag::U8:
    case TypeTag::U16:
    case TypeTag::U32:
    case TypeTag::U64:
    case TypeTag::I8:
    case TypeTag::I16:
    case TypeTag::I32:
    case TypeTag::I64:
    case TypeTag::Bool:
      return true;
    default:
      return false;
  }
}

constexpr bool is_word(TypeTag tag) noexcept {
  return tag == TypeTag::U32 || tag == TypeTag::I32 || tag == TypeTag::Bool;
}

constexpr bool cast_exists(TypeTag from, TypeTag to) noexcept {
  if (is_integer_like(from) && is_integer_like(to)) return true;
  switch (to) {
    case TypeTag::F32:
      return is_word(from);
    case TypeTag::Vec2U32:
      return is_word(from) || from == TypeTag::U64 || from == TypeTag::Vec4U32;
    case TypeTag::Vec4U32:
      return is_word(from);
    case TypeTag::U32:
    case TypeTag::I32:
    case TypeTag::Bool:
      return from == TypeTag::F32 || from == TypeTag::Vec2U32 || from == TypeTag::Vec4U32;
    case TypeTag::U64:
      return from == TypeTag::Vec2U32 || from == TypeTag::Vec4U32;
    default:
      return false;
  }
}

void cast_is_in_the_table(Checker& c, const char* code, const Expr& e) {
  const StaticType from = c.type_of(e.child[0]);
  const StaticType to = c.type_of_declared(e.bits);
  if (!from.known() || from == to || to == StaticType(TypeTag::Bytes)) return;  // V023: bytes
  if (cast_exists(from.tag(), to.tag())) return;
  c.report(code, message("no cast from {} to {}; go through u32", type_word(from), type_word(to)));
}

void nothing_is_cast_to_bytes(Checker& c, const char* code, const Expr& e) {
  const StaticType from = c.type_of(e.child[0]);
  const StaticType to = c.type_of_declared(e.bits);
  if (to != StaticType(TypeTag::Bytes) || !from.known() || from == to) return;
  c.report(code,
           message("cast of {} to bytes; store it to a typed buffer instead", type_word(from)));
}

// ---- constructs without a meaning here

void call_is_known(Checker& c, const char* code, const Expr& e) {
  c.report(code, message("call of {}: no operation library is installed; inline its statements",
                         c.name(e.name)));
}

void expression_is_not_opaque(Checker& c, const char* code, const Expr& e) {
  c.report(
      code,
      message(
          "opaque expression of kind {} has no meaning here; use u32, i32, f32 or bool literals",
          c.name(e.name)));
}

void expression_is_executable(Checker& c, const char* code, const Expr& e) {
  c.report(
      code,
      message("reference to buffer {} as a value; it only has a meaning as an argument of calls",
              c.name(e.name)));
}

constexpr ExprRule kExprRules[] = {
    {"V006", ExprTag::Var, variable_is_bound},
    {"V004", ExprTag::Load, buffer_is_declared},
    {"V004", ExprTag::BufLen, buffer_is_declared},
    {"V004", ExprTag::Atomic, buffer_is_declared},
    {"V007", ExprTag::InvocationId, axis_exists},
    {"V007", ExprTag::WorkgroupId, axis_exists},
    {"V007", ExprTag::LocalId, axis_exists},
    {"V013", ExprTag::Load, loaded_bytes_are_extractable},
    {"V013", ExprTag::Atomic, atomic_bytes_are_extractable},
    {"V009", ExprTag::Atomic, atomic_buffer_is_read_write},
    {"V025", ExprTag::Atomic, atomic_is_not_on_workgroup_memory},
    {"V014", ExprTag::Atomic, atomic_element_is_u32},
    {"V027", ExprTag::Atomic, atomic_index_is_u32},
    {"V120", ExprTag::Atomic, atomic_values_are_u32},
    {"V121", ExprTag::Atomic, only_compare_exchange_expects},
    {"V042", ExprTag::Atomic, atomic_ordering_is_not_grid_sync},
    {"V028", ExprTag::Fma, fma_operands_are_f32},
    {"V029", ExprTag::Select, select_arms_agree},
    {"V012", ExprTag::Cast, cast_is_in_the_table},
    {"V023", ExprTag::Cast, nothing_is_cast_to_bytes},
    {"V016", ExprTag::Call, call_is_known},
    {"V030", ExprTag::Opaque, expression_is_not_opaque},
    {"V125", ExprTag::BufferRef, expression_is_executable},
};

}  // namespace

std::span<const ExprRule> value_rules() noexcept {
  return kExprRules;
}

}  // namespace vyre::vir

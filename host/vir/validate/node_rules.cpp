// Rules about one statement. Each is one function and one row; a function may serve several codes'
// rows only where the rule is the same. Types of the statement's expressions are known when a rule
// runs.
#include "base/message.hpp"
#include "checker.hpp"

namespace vyre::vir {
namespace {

// ---- variables

void let_is_new_in_its_list(Checker& c, const char* code, const Node& node) {
  const Variable* live = c.variable(node.name);
  if (live == nullptr || live->list != c.list_number() || live->is_loop_variable) return;
  c.report(
      code,
      message("variable {} is already bound in this statement list; choose another name or assign",
              c.name(node.name)));
}

void let_shadows_nothing(Checker& c, const char* code, const Node& node) {
  const Variable* live = c.variable(node.name);
  if (live == nullptr || (live->list == c.list_number() && !live->is_loop_variable)) return;
  c.report(
      code,
      message(
          "variable {} is still live from an enclosing scope; shadowing is not allowed, rename it",
          c.name(node.name)));
}

void loop_variable_shadows_nothing(Checker& c, const char* code, const Node& node) {
  if (c.variable(node.name) == nullptr) return;
  c.report(code, message("loop variable {} is still live from an enclosing scope; shadowing is not "
                         "allowed, rename it",
                         c.name(node.name)));
}

void assigned_variable_exists(Checker& c, const char* code, const Node& node) {
  if (c.variable(node.name) != nullptr) return;
  if (c.buffer(node.name) != nullptr) {
    return c.report(code,
                    message("assignment to {}, which is a buffer; store to an element of it by "
                            "its index",
                            c.name(node.name)));
  }
  c.report(code, message("assignment to {}, which is not bound here; bind it with let before",
                         c.name(node.name)));
}

void loop_variable_is_not_assigned(Checker& c, const char* code, const Node& node) {
  const Variable* live = c.variable(node.name);
  if (live == nullptr || !live->is_loop_variable) return;
  c.report(code, message("assignment to loop variable {}; loop variables are immutable, use a "
                         "variable of your own",
                         c.name(node.name)));
}

void assignment_keeps_the_type(Checker& c, const char* code, const Node& node) {
  const Variable* live = c.variable(node.name);
  if (live == nullptr) return;
  const StaticType value = c.type_of(node.e0);
  if (!live->type.known() || !value.known() || live->type == value) return;
  c.report(code, message("variable {} is {} but is assigned a value of type {}; cast it",
                         c.name(node.name), type_word(live->type), type_word(value)));
}

// ---- stores

void stored_buffer_is_declared(Checker& c, const char* code, const Node& node) {
  if (c.buffer(node.name) != nullptr) return;
  c.report(code, message("store to {}, which is not a declared buffer", c.name(node.name)));
}

void indirect_buffer_is_declared(Checker& c, const char* code, const Node& node) {
  if (c.buffer(node.name) != nullptr) return;
  c.report(code,
           message("indirect dispatch from {}, which is not a declared buffer", c.name(node.name)));
}

void copied_buffers_are_declared(Checker& c, const char* code, const Node& node) {
  for (const Symbol name : {node.name, node.name2}) {
    if (c.buffer(name) != nullptr) continue;
    c.report(code,
             message("asynchronous copy with {}, which is not a declared buffer", c.name(name)));
  }
}

bool is_writable(const BufferDecl& buffer) noexcept {
  return buffer.access != Access::ReadOnly && buffer.access != Access::Uniform;
}

void stored_buffer_is_writable(Checker& c, const char* code, const Node& node) {
  const BufferDecl* target = c.buffer(node.name);
  if (target == nullptr || is_writable(*target)) return;
  c.report(
      code,
      message(
          "store to buffer {}, which is read-only; declare it read_write, write_only or workgroup",
          c.name(node.name)));
}

void copied_to_buffer_is_writable(Checker& c, const char* code, const Node& node) {
  const BufferDecl* target = c.buffer(node.name2);
  if (target == nullptr || is_writable(*target)) return;
  c.report(code, message("asynchronous copy into buffer {}, which is read-only; declare it "
                         "read_write, write_only or workgroup",
                         c.name(node.name2)));
}

bool is_bytes(const Checker& c, const BufferDecl& buffer) {
  return c.program.types[buffer.element].tag == TypeTag::Bytes;
}

void stored_bytes_are_extractable(Checker& c, const char* code, const Node& node) {
  const BufferDecl* target = c.buffer(node.name);
  if (target == nullptr || !is_bytes(c, *target) || target->bytes_extraction) return;
  c.report(code, message("store to buffer {} of type bytes, which has no elements; use u8 or allow "
                         "bytes extraction",
                         c.name(node.name)));
}

void store_index_is_u32(Checker& c, const char* code, const Node& node) {
  if (is_one_of(c.type_of(node.e0), TypeTag::U32)) return;
  c.report(code, message("store to {} with an index of type {}; it must be u32, cast it",
                         c.name(node.name), type_word(c.type_of(node.e0))));
}

void stored_value_has_the_element_type(Checker& c, const char* code, const Node& node) {
  const BufferDecl* target = c.buffer(node.name);
  if (target == nullptr) return;
  const StaticType element = c.type_of_declared(target->element);
  const StaticType value = c.type_of(node.e1);
  if (!value.known() || value == element) return;
  const auto pair = [&](TypeTag a, TypeTag b) {
    return value == StaticType(a) && element == StaticType(b);
  };
  if (pair(TypeTag::U32, TypeTag::Bytes) || pair(TypeTag::Bytes, TypeTag::U32)) return;
  c.report(code, message("store of a value of type {} to buffer {} of type {}; cast it",
                         type_word(value), c.name(node.name), type_word(element)));
}

void constant_store_index_is_in_bounds(Checker& c, const char* code, const Node& node) {
  const BufferDecl* target = c.buffer(node.name);
  const Expr& index = c.expr(node.e0);
  if (target == nullptr || target->count == 0 || index.tag != ExprTag::LitU32) return;
  if (index.bits < target->count) return;
  c.report(code, message("store to element {} of buffer {}, which has {} elements", index.bits,
                         c.name(node.name), target->count));
}

// ---- control flow

void condition_is_u32_or_bool(Checker& c, const char* code, const Node& node) {
  if (is_one_of(c.type_of(node.e0), TypeTag::U32, TypeTag::Bool)) return;
  c.report(code, message("condition of type {}; it must be u32 or bool, compare with zero",
                         type_word(c.type_of(node.e0))));
}

void loop_bounds_are_u32(Checker& c, const char* code, const Node& node) {
  for (const ExprId bound : {node.e0, node.e1}) {
    if (is_one_of(c.type_of(bound), TypeTag::U32)) continue;
    c.report(code, message("loop bound of type {}; it must be u32, cast it",
                           type_word(c.type_of(bound))));
  }
}

void barrier_is_in_uniform_flow(Checker& c, const char* code, const Node&) {
  if (c.flow_is_uniform()) return;
  c.report(
      code,
      "a barrier where lanes of a workgroup may part: a condition or bound around it depends on "
      "lane ids, memory or subgroups; move it to uniform flow");
}

void barrier_orders_something(Checker& c, const char* code, const Node& node) {
  if (node.ordering != Ordering::Relaxed) return;
  c.report(code, "a relaxed barrier orders nothing; use acq_rel or seq_cst");
}

void node_is_not_opaque(Checker& c, const char* code, const Node& node) {
  c.report(code, message("opaque statement of kind {} has no meaning here; replace it by "
                         "statements of the language",
                         c.name(node.name)));
}

void collective_was_lowered(Checker& c, const char* code, const Node& node) {
  c.report(
      code,
      message(
          "a collective on {} is left; prepare() lowers those of group 0, others cannot run here",
          c.name(node.name)));
}

constexpr NodeRule kNodeRules[] = {
    {"V032", NodeTag::Let, let_is_new_in_its_list},
    {"V008", NodeTag::Let, let_shadows_nothing},
    {"V008", NodeTag::Loop, loop_variable_shadows_nothing},
    {"V006", NodeTag::Assign, assigned_variable_exists},
    {"V011", NodeTag::Assign, loop_variable_is_not_assigned},
    {"V045", NodeTag::Assign, assignment_keeps_the_type},
    {"V004", NodeTag::Store, stored_buffer_is_declared},
    {"V004", NodeTag::IndirectDispatch, indirect_buffer_is_declared},
    {"V004", NodeTag::AsyncLoad, copied_buffers_are_declared},
    {"V004", NodeTag::AsyncStore, copied_buffers_are_declared},
    {"V005", NodeTag::Store, stored_buffer_is_writable},
    {"V005", NodeTag::AsyncLoad, copied_to_buffer_is_writable},
    {"V005", NodeTag::AsyncStore, copied_to_buffer_is_writable},
    {"V013", NodeTag::Store, stored_bytes_are_extractable},
    {"V109", NodeTag::Store, store_index_is_u32},
    {"V110", NodeTag::Store, stored_value_has_the_element_type},
    {"V036", NodeTag::Store, constant_store_index_is_in_bounds},
    {"V108", NodeTag::If, condition_is_u32_or_bool},
    {"V015", NodeTag::Loop, loop_bounds_are_u32},
    {"V010", NodeTag::Barrier, barrier_is_in_uniform_flow},
    {"V043", NodeTag::Barrier, barrier_orders_something},
    {"V031", NodeTag::Opaque, node_is_not_opaque},
    {"V046", NodeTag::AllReduce, collective_was_lowered},
    {"V046", NodeTag::AllGather, collective_was_lowered},
    {"V046", NodeTag::ReduceScatter, collective_was_lowered},
    {"V046", NodeTag::Broadcast, collective_was_lowered},
};

}  // namespace

std::span<const NodeRule> node_rules() noexcept {
  return kNodeRules;
}

}  // namespace vyre::vir

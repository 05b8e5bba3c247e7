// What upstream does to a program before it validates and runs it: the root wrapping rules, and the
// lowering of collectives over a single rank. Spec: docs/internals/vir0.md, "Validation".
#include <algorithm>

#include "base/message.hpp"
#include "form.hpp"
#include "vir/program/given_up.hpp"
#include "vir/program/quote.hpp"
#include "vir/program/statements.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::vir {
namespace {

bool is_collective(NodeTag tag) noexcept {
  switch (tag) {
    case NodeTag::AllReduce:
    case NodeTag::AllGather:
    case NodeTag::ReduceScatter:
    case NodeTag::Broadcast:
      return true;
    default:
      return false;
  }
}

tl::unexpected<Error> refuse(Diagnostic why, Diagnostic* refusal) {
  Error error{Errc::refused,
              message("{}: {}", why.code, why.message),
              kNoOffset,
              0,
              0,
              std::stoi(why.code.substr(1))};
  if (refusal != nullptr) *refusal = std::move(why);
  return tl::unexpected<Error>(std::move(error));
}

/// `{ let t = gid.x; if t < len(out) { if t < len(in) { out[t] = in[t] } } }`: one rank gathers
/// from and scatters to itself. The name of t is new to the program, so it can collide with
/// nothing.
class CopyBlock {
 public:
  explicit CopyBlock(Program& program) : program_(program) {}

  NodeId make(Symbol input, Symbol output) {
    Expr id;
    id.tag = ExprTag::InvocationId;
    Node let;
    let.tag = NodeTag::Let;
    let.name = lane();
    let.e0 = program_.add(id);

    Node store;
    store.tag = NodeTag::Store;
    store.name = output;
    store.e0 = variable();
    store.e1 = program_.add(with_name(ExprTag::Load, input, variable()));
    const NodeId inner = guarded(input, program_.add(store));
    const NodeId outer = guarded(output, inner);

    Node block;
    block.tag = NodeTag::Block;
    const NodeId ids[] = {program_.add(let), outer};
    block.body = program_.add_list(ids);
    return program_.add(block);
  }

 private:
  Symbol lane() {
    if (lane_ == kNone) {
      std::string name = "vyre.collective.lane";
      while (program_.find_name(name) != kNone) name += '_';
      lane_ = program_.intern(name);
    }
    return lane_;
  }
  static Expr with_name(ExprTag tag, Symbol name, ExprId child = kNone) {
    Expr expr;
    expr.tag = tag;
    expr.name = name;
    expr.child[0] = child;
    return expr;
  }
  ExprId variable() { return program_.add(with_name(ExprTag::Var, lane())); }
  NodeId guarded(Symbol buffer, NodeId body) {
    Expr less;
    less.tag = ExprTag::BinOp;
    less.op = static_cast<std::uint8_t>(BinOp::Lt);
    less.child[0] = variable();
    less.child[1] = program_.add(with_name(ExprTag::BufLen, buffer));
    Node test;
    test.tag = NodeTag::If;
    test.e0 = program_.add(less);
    test.body = program_.add_list(std::span<const NodeId>(&body, 1));
    return program_.add(test);
  }

  Program& program_;
  Symbol lane_{kNone};
};

Status check_single_rank(const Program& program, NodeId id, std::uint32_t statement,
                         Diagnostic* refusal) {
  const Node& node = program.nodes[id];
  const std::uint32_t root = node.tag == NodeTag::Broadcast ? node.root : 0;
  if (node.group == 0 && root == 0) return {};
  return refuse({"V046", kNone,
                 message("the collective on {} at statement {} uses group {}, root {}; only rank 0 "
                         "of group 0 exists here",
                         quote_symbol(program, node.name), statement, node.group, root),
                 id},
                refusal);
}

/// The list without its collectives, or with what stands for them.
Range lowered(Program& program, Range list, CopyBlock& copies) {
  const auto ids = program.list(list);
  const bool any = std::any_of(ids.begin(), ids.end(),
                               [&](NodeId id) { return is_collective(program.nodes[id].tag); });
  if (!any) return list;
  std::vector<NodeId> kept;
  const std::vector<NodeId> old(ids.begin(), ids.end());  // `ids` dies when the pools grow
  for (const NodeId id : old) {
    const Node node = program.nodes[id];
    if (!is_collective(node.tag)) {
      kept.push_back(id);
    } else if (node.tag == NodeTag::AllGather || node.tag == NodeTag::ReduceScatter) {
      kept.push_back(copies.make(node.name, node.name2));
    }  // AllReduce and Broadcast over one rank change nothing
  }
  return program.add_list(kept);
}

}  // namespace

Result<Program> prepare(const Program& program, Interrupt* interrupt, Diagnostic* refusal) {
  const Form form = check_form(program, interrupt);
  if (is_over(interrupt)) return given_up("prepared");
  // Statements are numbered over the prepared program, and there is none.
  const auto refuse_for = [&](const Diagnostic& why) {
    const NodeId node = why.statement < form.order.size() ? form.order[why.statement] : kNone;
    return refuse({why.code, kNone, why.message, node}, refusal);
  };
  if (!form.broken.empty()) return refuse_for(form.broken.front());
  if (const auto beyond = beyond_wire(program, form, interrupt)) return refuse_for(*beyond);
  if (is_over(interrupt)) return given_up("prepared");
  const auto top = program.list(program.entry);
  const bool wrapped = !top.empty() && std::all_of(top.begin(), top.end(), [&](NodeId id) {
    return program.nodes[id].tag == NodeTag::Region;
  });
  if (!wrapped && (top.empty() || program.nodes[top.front()].tag == NodeTag::Store)) {
    return refuse({"V104", kNone,
                   top.empty() ? "the program has no statements; it needs a Region"
                               : "the program starts with a Store outside a Region; wrap the "
                                 "statements in one Region",
                   top.empty() ? kNone : top.front()},
                  refusal);
  }

  Program prepared = program;
  if (!wrapped) wrap_root(prepared);
  bool any = false;
  for (std::size_t i = 0; i < form.order.size(); ++i) {
    const NodeId id = form.order[i];
    if (!is_collective(program.nodes[id].tag)) continue;
    any = true;
    VYRE_TRY(check_single_rank(program, id, static_cast<std::uint32_t>(i), refusal));
  }
  if (!any) return prepared;

  CopyBlock copies(prepared);
  prepared.entry = lowered(prepared, prepared.entry, copies);
  for (const NodeId id : statements_in_order(prepared)) {
    const ChildLists lists = child_lists(prepared.nodes[id]);
    if (lists.first.count != 0) prepared.nodes[id].body = lowered(prepared, lists.first, copies);
    if (lists.second.count != 0) {
      prepared.nodes[id].otherwise = lowered(prepared, lists.second, copies);
    }
  }
  return prepared;
}

}  // namespace vyre::vir

// Walks the pools without recursion. Hand-built programs may be malformed in any way; a decoder's
// are not.
#include "form.hpp"

#include <algorithm>

#include "base/message.hpp"
#include "base/utf8.hpp"
#include "protocol/limits.hpp"
#include "vir/program/given_up.hpp"
#include "vir/program/quote.hpp"
#include "vir/program/statements.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::vir {
namespace {

bool is_known(TypeTag tag) noexcept {
  switch (tag) {
#define VYRE_DATATYPE(name, tag, text, size, bits, parameters) case TypeTag::name:
#include "vir/program/vocabulary.def"
    return true;
  }
  return false;
}

bool is_known(NodeTag tag) noexcept {
  switch (tag) {
#define VYRE_NODE(name, tag, text) case NodeTag::name:
#include "vir/program/vocabulary.def"
    case NodeTag::Opaque:
      return true;
  }
  return false;
}

bool is_known(ExprTag tag) noexcept {
  switch (tag) {
#define VYRE_EXPR(name, tag, text) case ExprTag::name:
#include "vir/program/vocabulary.def"
    case ExprTag::BufferRef:
    case ExprTag::Opaque:
      return true;
  }
  return false;
}

/// The operator tables have no gaps: from 1 to their last entry, or an extension.
bool operator_known(const Expr& expr) noexcept {
  constexpr std::uint8_t kExtension{0x80};
  switch (expr.tag) {
    case ExprTag::BinOp:
      return expr.op == kExtension ||
             (expr.op >= 1 && expr.op <= static_cast<std::uint8_t>(BinOp::MulHigh));
    case ExprTag::UnOp:
      return expr.op == kExtension ||
             (expr.op >= 1 && expr.op <= static_cast<std::uint8_t>(UnOp::Reciprocal));
    case ExprTag::Atomic:
      return expr.op == kExtension ||
             (expr.op >= 1 && expr.op <= static_cast<std::uint8_t>(AtomicOp::LruUpdate));
    case ExprTag::SubgroupAdd:
      return expr.op <= static_cast<std::uint8_t>(ReduceOp::Xor);  // 0: 0.6.3's plain addition
    default:
      return true;
  }
}

class FormCheck {
 public:
  FormCheck(const Program& program, Interrupt* interrupt)
      : program_(program), interrupt_(interrupt) {}

  Form run() && {
    form_.wire_bytes = kWireBytesAround + (program_.entry_op_id ? program_.entry_op_id->size() : 0);
    check_names();
    check_types();
    check_buffers();
    if (!in(program_.entry, program_.node_lists.size())) broken("entry", kNone);
    if (form_.broken.empty()) walk_nodes();
    return std::move(form_);
  }

 private:
  struct List {
    Range rest;
    std::uint32_t depth;
  };
  struct TypeCost {
    std::uint32_t levels;
    std::uint64_t wire_bytes;
  };
  struct PredicateCost {
    std::uint32_t levels;
    std::uint64_t parts;
  };
  /// More than the envelope takes beside entry_op_id, nodes and buffers.
  static constexpr std::uint64_t kWireBytesAround{256};
  /// More than a node (one of the entry with its record), an expression, a level of a type, a part
  /// of a shape predicate or a buffer takes beside its names, payload and dimensions.
  static constexpr std::uint64_t kWireBytesAPart{64};
  static constexpr std::uint64_t kWireBytesABuffer{256};

  static bool in(Range range, std::size_t size) noexcept {
    return std::uint64_t{range.begin} + range.count <= size;
  }
  bool named(Symbol symbol) const noexcept { return symbol < program_.names.size(); }
  bool named_or_none(Symbol symbol) const noexcept { return symbol == kNone || named(symbol); }

  bool full() const noexcept { return form_.broken.size() >= kMaxDiagnostics; }
  void report(const char* code, std::uint32_t statement, std::string message) {
    if (!full()) form_.broken.push_back({code, statement, std::move(message)});
  }
  void broken(const std::string& what, std::uint32_t statement) {
    report("V101", statement,
           message("{} refers outside the program's pools; build programs with Program::add and "
                   "Program::intern",
                   what));
  }

  /// One more than a limit that the wire has too, so that no program passes that cannot be written.
  void beyond(const char* code, std::uint32_t statement, const std::string& what,
              std::uint64_t count, std::uint64_t limit, const char* remedy) {
    report(code, statement,
           message("{} {}; the limit of the wire format is {}, {}", what, count, limit, remedy));
  }
  [[nodiscard]] std::uint64_t name_bytes(Symbol symbol) const noexcept {
    return named(symbol) ? program_.names[symbol].size() : 0;
  }

  void check_name(std::string_view text) {
    if (text.size() > kMaxStringBytes) {
      beyond("V144", kNone, message("the bytes of the name {} are", quote(text)), text.size(),
             kMaxStringBytes, "shorten it");
    } else if (const std::size_t bad = find_bad_utf8(text); bad != std::string_view::npos) {
      report("V144", kNone,
             message("byte {} of the name {} is not UTF-8, which names are on the wire; rename it",
                     bad, quote(text)));
    }
  }
  void check_names() {
    for (std::size_t i = 0; i < program_.names.size() && !full(); ++i)
      check_name(program_.names[i]);
    if (program_.entry_op_id) check_name(*program_.entry_op_id);
  }

  /// Counted no further than one level above the limit.
  static PredicateCost predicate_cost(const ShapePredicate& predicate, std::uint32_t level = 1) {
    PredicateCost cost{level, 1};
    if (level > kMaxPredicateDepth) return cost;
    for (const ShapePredicate& child : predicate.children) {
      const PredicateCost inner = predicate_cost(child, level + 1);
      cost.levels = std::max(cost.levels, inner.levels);
      cost.parts += inner.parts;
    }
    return cost;
  }

  void check_types() {
    for (std::size_t id = 0; id < program_.types.size() && !full(); ++id) {
      const DataType& type = program_.types[id];
      bool nested = false;
      switch (type.tag) {
        case TypeTag::Vec:
        case TypeTag::TensorShaped:
        case TypeTag::SparseCsr:
        case TypeTag::SparseCoo:
        case TypeTag::SparseBsr:
        case TypeTag::Quantized:
          nested = true;
          break;
        default:
          break;
      }
      // An element type comes before the type that holds it; that also excludes cycles.
      const bool fits = is_known(type.tag) && (!nested || type.element < id);
      if (!fits) broken(message("data type {}", id), kNone);
      const TypeCost inner = nested && fits ? type_costs_[type.element] : TypeCost{0, 0};
      type_costs_.push_back(
          {inner.levels + 1,
           saturating_add(inner.wire_bytes,
                          kWireBytesAPart + std::uint64_t{type.dims.size()} * 4)});
    }
  }

  void check_buffers() {
    if (program_.buffers.size() > kMaxBuffers) {
      beyond("V143", kNone, "the buffers of the program are", program_.buffers.size(), kMaxBuffers,
             "use fewer and larger ones");
    }
    for (std::size_t i = 0; i < program_.buffers.size() && !full(); ++i) {
      const BufferDecl& buffer = program_.buffers[i];
      if (!named(buffer.name) || buffer.element >= program_.types.size() ||
          buffer.access > Access::WriteOnly || buffer.kind > MemoryKind::Persistent) {
        broken(message("buffer declaration {}", i), kNone);
        continue;
      }
      const PredicateCost predicate = predicate_cost(buffer.shape_predicate);
      if (predicate.levels > kMaxPredicateDepth) {
        beyond("V146", kNone,
               message("the levels of the shape predicate of buffer {} are at least",
                       quote_symbol(program_, buffer.name)),
               predicate.levels, kMaxPredicateDepth, "flatten it");
      }
      form_.wire_bytes +=
          kWireBytesABuffer + name_bytes(buffer.name) + kWireBytesAPart * predicate.parts;
    }
  }

  bool names_ok(const Node& node) const noexcept {
    switch (node.tag) {
      case NodeTag::Let:
      case NodeTag::Assign:
      case NodeTag::Store:
      case NodeTag::Loop:
      case NodeTag::IndirectDispatch:
      case NodeTag::AllReduce:
      case NodeTag::Broadcast:
      case NodeTag::Opaque:
        return named(node.name);
      case NodeTag::Region:
        return named(node.name) && named_or_none(node.name2);
      case NodeTag::AsyncLoad:
      case NodeTag::AsyncStore:
        return named(node.name) && named(node.name2) && named(node.name3);
      case NodeTag::AllGather:
      case NodeTag::ReduceScatter:
        return named(node.name) && named(node.name2);
      case NodeTag::AsyncWait:
      case NodeTag::Resume:
      case NodeTag::Trap:
        return named(node.name3);
      default:
        return true;
    }
  }

  void walk_nodes() {
    form_.statements.assign(program_.nodes.size(), kNone);
    form_.expr_depth.assign(program_.exprs.size(), 0);
    expr_bytes_.assign(program_.exprs.size(), 0);
    expanded_.assign(program_.exprs.size(), 0);
    std::vector<List> pending;
    if (program_.entry.count != 0) pending.push_back({program_.entry, 0});
    while (!pending.empty() && !full() && edges_ <= shared_limit() && !step_is_over(interrupt_)) {
      List& list = pending.back();
      const NodeId id = program_.node_lists[list.rest.begin];
      const std::uint32_t depth = list.depth;
      ++list.rest.begin;
      if (--list.rest.count == 0) pending.pop_back();  // invalidates `list`
      visit_node(id, depth, pending);
    }
    if (total_ > shared_limit() || edges_ > shared_limit()) {
      report("V103", kNone,
             message("expressions that are used more than once stand for more than {} expressions; "
                     "bind them with let instead",
                     kMaxSharedExprs));
    }
  }

  void visit_node(NodeId id, std::uint32_t depth, std::vector<List>& pending) {
    const auto statement = static_cast<std::uint32_t>(form_.order.size());
    if (id >= program_.nodes.size()) return broken("a statement list", statement);
    if (form_.statements[id] != kNone) {
      return report(
          "V102", statement,
          message("node {} is reached twice; every statement needs a node of its own", id));
    }
    form_.statements[id] = statement;
    form_.order.push_back(id);
    if (depth > form_.nesting || form_.deepest == kNone) {
      form_.nesting = depth;
      form_.deepest = statement;
    }
    const Node& node = program_.nodes[id];
    if (!is_known(node.tag) || node.ordering > Ordering::GridSync || !names_ok(node) ||
        (node.tag == NodeTag::Opaque && !in(node.payload, program_.payloads.size()))) {
      return broken("a statement", statement);
    }
    // The record of an opaque node of the entry is named as the node is.
    const std::uint64_t record_name = node.tag == NodeTag::Opaque ? name_bytes(node.name) : 0;
    form_.wire_bytes += kWireBytesAPart + name_bytes(node.name) + name_bytes(node.name2) +
                        name_bytes(node.name3) + record_name + node.payload.count;
    const unsigned expressions = expression_count(node.tag);
    if (expressions > 0) walk_expression(node.e0, statement);
    if (expressions > 1) walk_expression(node.e1, statement);
    note_levels(depth + 1 +
                    std::max(expressions > 0 ? expression_levels(node.e0) : 0,
                             expressions > 1 ? expression_levels(node.e1) : 0),
                statement);
    const ChildLists lists = child_lists(node);
    for (const Range list : {lists.second, lists.first}) {
      if (!in(list, program_.node_lists.size())) {
        broken("a statement list", statement);
      } else if (list.count != 0) {
        pending.push_back({list, depth + 1});
      }
    }
  }

  [[nodiscard]] std::uint32_t expression_levels(ExprId id) const noexcept {
    const bool known = id < form_.expr_depth.size() && form_.expr_depth[id] != kOpen;
    return known ? form_.expr_depth[id] : 0;
  }
  void note_levels(std::uint32_t levels, std::uint32_t statement) noexcept {
    if (levels <= form_.levels) return;
    form_.levels = levels;
    form_.most_levels = statement;
  }

  bool expr_ok(const Expr& expr) const noexcept {
    if (!is_known(expr.tag) || !operator_known(expr) || expr.ordering > Ordering::GridSync) {
      return false;
    }
    switch (expr.tag) {
      case ExprTag::Var:
      case ExprTag::Load:
      case ExprTag::BufLen:
      case ExprTag::BufferRef:
      case ExprTag::Atomic:
        return named(expr.name);
      case ExprTag::Call:
        return named(expr.name) && in(expr.args, program_.expr_lists.size());
      case ExprTag::Opaque:
        return named(expr.name) && in(expr.args, program_.payloads.size());
      case ExprTag::Cast:
        return expr.bits < program_.types.size();
      default:
        return true;
    }
  }

  /// Depth first; an expression is entered once, and met again while still open only on a cycle.
  void walk_expression(ExprId root, std::uint32_t statement) {
    if (root >= program_.exprs.size()) return broken("an expression", statement);
    if (form_.expr_depth[root] == 0) {
      open_.push_back({root, false});
      while (!open_.empty()) {
        if (step_is_over(interrupt_)) return open_.clear();
        auto& [id, entered] = open_.back();
        if (entered) {
          close_expression(id);
          open_.pop_back();
          continue;
        }
        if (form_.expr_depth[id] != 0) {  // shared, and finished meanwhile
          const bool cycle = form_.expr_depth[id] == kOpen;
          open_.pop_back();
          if (cycle) return cyclic(statement);
          continue;
        }
        entered = true;
        const ExprId current = id;  // the loop below moves the stack
        const Expr& expr = program_.exprs[current];
        if (!expr_ok(expr)) return give_up("an expression", statement);
        if (expr.tag == ExprTag::Call && expr.args.count > kMaxArgs) {
          beyond("V145", statement,
                 message("the arguments of the call of {} are", quote_symbol(program_, expr.name)),
                 expr.args.count, kMaxArgs, "pass a buffer");
        }
        form_.expr_depth[current] = kOpen;
        bool inside = true;
        for_each_operand(program_, expr, [&](ExprId operand) {
          if (operand >= program_.exprs.size()) {
            inside = false;
          } else if (++edges_ <= shared_limit()) {
            open_.push_back({operand, false});
          }
        });
        if (!inside) return give_up("an operand", statement);
        if (edges_ > shared_limit()) return open_.clear();  // reported at the end of the walk
      }
    }
    total_ = saturating_add(total_, expanded_[root]);
    form_.wire_bytes = saturating_add(form_.wire_bytes, expr_bytes_[root]);
  }

  void close_expression(ExprId id) {
    std::uint32_t depth = 0;
    std::uint64_t size = 1;
    const Expr& expr = program_.exprs[id];
    std::uint64_t bytes = kWireBytesAPart + name_bytes(expr.name);
    if (expr.tag == ExprTag::Opaque) bytes += expr.args.count;
    if (expr.tag == ExprTag::Cast) {
      const TypeCost type = type_costs_[expr.bits];
      bytes = saturating_add(bytes, type.wire_bytes);
      if (type.levels > kMaxDecodeDepth) {
        beyond("V146", kNone, "the levels of the target type of a cast are", type.levels,
               kMaxDecodeDepth, "use a flatter type");
      }
    }
    for_each_operand(program_, expr, [&](ExprId operand) {
      depth = std::max(depth, form_.expr_depth[operand]);
      size = saturating_add(size, expanded_[operand]);
      bytes = saturating_add(bytes, expr_bytes_[operand]);
    });
    expr_bytes_[id] = bytes;
    form_.expr_depth[id] = depth + 1;
    expanded_[id] = size;
  }

  /// A tree has no more operands than expressions, so a decoded program never meets this.
  std::uint64_t shared_limit() const noexcept {
    return std::max<std::uint64_t>(program_.exprs.size(), kMaxSharedExprs);
  }
  void give_up(const char* what, std::uint32_t statement) {
    open_.clear();
    broken(what, statement);
  }
  void cyclic(std::uint32_t statement) {
    open_.clear();
    report("V103", statement, "an expression contains itself; expressions must be trees");
  }

  static std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) noexcept {
    return a + b < a ? ~std::uint64_t{0} : a + b;
  }

  static constexpr std::uint32_t kOpen{kNone};
  const Program& program_;
  Interrupt* interrupt_;
  Form form_;
  std::vector<std::pair<ExprId, bool>> open_;
  std::vector<TypeCost> type_costs_;       // by type id
  std::vector<std::uint64_t> expr_bytes_;  // by expression id: at most so many on the wire
  std::vector<std::uint64_t> expanded_;  // by expression id: expressions it stands for, written out
  std::uint64_t total_{0};
  std::uint64_t edges_{0};
};

}  // namespace

Form check_form(const Program& program, Interrupt* interrupt) {
  return FormCheck(program, interrupt).run();
}

std::optional<Diagnostic> beyond_wire(const Program& program, const Form& form,
                                      Interrupt* interrupt) {
  if (form.levels > kMaxDecodeDepth) {
    return Diagnostic{"V147", form.most_levels,
                      message("statements and expressions nest {} levels deep at statement {}; the "
                              "limit of the wire format is {}, give parts of the expression names "
                              "with let or flatten blocks",
                              form.levels, form.most_levels, kMaxDecodeDepth)};
  }
  if (form.wire_bytes <= kMaxProgramBytes) return std::nullopt;
  // That was a bound; now exactly. Any profile that carries the program will do.
  for (const Profile profile : {Profile::v4_0_6_3, Profile::v4_0_6_4, Profile::v6}) {
    const auto blob = encode(program, profile, interrupt);
    if (blob) return std::nullopt;
    if (blob.error().code == Errc::limit_exceeded)
      return Diagnostic{"V148", kNone, message("{}; split the program", blob.error().message)};
  }
  return std::nullopt;  // no profile carries it, for a reason that is no limit
}

}  // namespace vyre::vir

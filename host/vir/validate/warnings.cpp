// Warnings: what the validator accepts and a person should look at. One function a code, over one
// walk that knows of every value whether it is the same in all lanes of a workgroup. A warning is
// given only where the walk is sure, so that silence is no promise and a warning is worth reading.
// Host only. Spec: docs/internals/verification.md, "Warnings".
#include <algorithm>
#include <vector>

#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "vir/program/buffer_names.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/quote.hpp"
#include "vir/program/statements.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::vir {
namespace {

/// How a value spreads over the lanes of a workgroup, at the first time a statement is reached.
enum class Spread : std::uint8_t { same, unknown, differs };

Spread joined(Spread a, Spread b) noexcept {
  if (a == Spread::differs || b == Spread::differs) return Spread::differs;
  return a == Spread::same && b == Spread::same ? Spread::same : Spread::unknown;
}

class Warner {
 public:
  explicit Warner(const Program& program)
      : program_(program),
        statements_(statement_numbers(program)),
        buffers_(buffers_by_name(program)),
        variables_(program.names.size(), Spread::unknown),
        risen_(risen_buffers(program)) {
    for (const std::uint32_t size : program.workgroup) lanes_ *= size;
  }

  std::vector<Diagnostic> run() && {
    buffers_without_elements();
    buffers_without_writes();
    walk(program_.entry);
    std::stable_sort(found_.begin(), found_.end(), [](const Diagnostic& a, const Diagnostic& b) {
      return a.statement + 1 < b.statement + 1;  // kNone, the whole program, first
    });
    return std::move(found_);
  }

 private:
  void warn(Diagnostic warning) {
    if (found_.size() < kMaxDiagnostics) found_.push_back(std::move(warning));
  }
  [[nodiscard]] const BufferDecl* buffer(Symbol name) const {
    const std::uint32_t index = buffers_[name];
    return index == kNone ? nullptr : &program_.buffers[index];
  }

  /// W001: what the runtime allocates has the declared number of elements, here none.
  void buffers_without_elements() {
    for (std::uint32_t i = 0; i < program_.buffers.size(); ++i) {
      const BufferDecl& b = program_.buffers[i];
      if (role_of(b) != BufferRole::allocated || b.count != 0) continue;
      warn({"W001", kNone,
            message("buffer {} is allocated by the runtime with the declared count, which is 0: "
                    "every store to it does nothing; declare a count, or read_write alone, whose "
                    "size the caller gives",
                    quote_symbol(program_, b.name)),
            kNone, kNone, i});
    }
  }

  /// W004: an output that no statement writes to. W006: none of the buffers that go back to the
  /// caller is written to.
  void buffers_without_writes() {
    const std::vector<bool> written = changed_buffers(program_, [](const Expr&) { return true; });
    bool any = false;
    for (const BufferDecl& b : program_.buffers)
      any = any || (is_returned(role_of(b)) && written[b.name]);
    if (!any && !has_trap()) {
      return warn({"W006", kNone,
                   "no statement writes to a buffer that the caller gets, so running the program "
                   "changes nothing; store to a buffer that is an output or read_write"});
    }
    for (std::uint32_t i = 0; i < program_.buffers.size(); ++i) {
      const BufferDecl& b = program_.buffers[i];
      if (role_of(b) != BufferRole::allocated || b.count == 0 || written[b.name]) continue;
      warn({"W004", kNone,
            message("buffer {} is an output and no statement writes to it, so it stays 0; store to "
                    "it, or declare it no more",
                    quote_symbol(program_, b.name)),
            kNone, kNone, i});
    }
  }

  /// W005: a loop between literals that has no pass.
  void loop_without_passes(const Node& node) {
    const Expr& from = program_.exprs[node.e0];
    const Expr& to = program_.exprs[node.e1];
    if (from.tag != ExprTag::LitU32 || to.tag != ExprTag::LitU32 || from.bits < to.bits) return;
    warn(
        {"W005", statement_,
         message("the loop from {} to {} makes no pass, because its end is the first value that is "
                 "not reached; loops count upwards",
                 from.bits, to.bits),
         node_});
  }

  /// W002: a buffer that begins as zeros and is changed by atomic min and and alone stays zero.
  void minimum_of_zeros(ExprId id) {
    const Expr& e = program_.exprs[id];
    const BufferDecl* const b = buffer(e.name);
    if (!lowers(e) || risen_[e.name] || b == nullptr || role_of(*b) != BufferRole::allocated)
      return;
    risen_[e.name] = true;  // once a buffer
    const bool is_min = static_cast<AtomicOp>(e.op) == AtomicOp::Min;
    warn({"W002", statement_,
          message("{} on {}, which begins as zeros and is changed by nothing else: it stays 0; "
                  "take the complement of {} over complements, or a read_write buffer whose first "
                  "bytes the caller gives",
                  is_min ? "atomic_min" : "atomic_and", quote_symbol(program_, b->name),
                  is_min ? "atomic_max" : "atomic_or"),
          node_, id});
  }

  static bool lowers(const Expr& e) noexcept {
    const auto op = static_cast<AtomicOp>(e.op);
    return op == AtomicOp::Min || op == AtomicOp::And;
  }

  /// Buffers that a store, a copy, or an atomic that counts here changes.
  template <class Counts>
  static std::vector<bool> changed_buffers(const Program& program, const Counts& counts) {
    std::vector<bool> changed(program.names.size(), false);
    (void)any_expression(program, [&](const Expr& e) {
      if (e.tag == ExprTag::Atomic && counts(e)) changed[e.name] = true;
      return false;
    });
    for (const NodeId id : statements_in_order(program)) {
      const Node& node = program.nodes[id];
      if (node.tag == NodeTag::Store) changed[node.name] = true;
      if (node.tag == NodeTag::AsyncLoad || node.tag == NodeTag::AsyncStore)
        changed[node.name2] = true;
    }
    return changed;
  }
  /// Those that something may raise above zero.
  static std::vector<bool> risen_buffers(const Program& program) {
    return changed_buffers(program, [](const Expr& e) { return !lowers(e); });
  }
  [[nodiscard]] bool has_trap() const {
    const std::vector<NodeId> all = statements_in_order(program_);
    return std::any_of(all.begin(), all.end(),
                       [&](NodeId id) { return program_.nodes[id].tag == NodeTag::Trap; });
  }

  /// W003: all lanes of a workgroup store values of their own to one element.
  void store_of_every_lane(const Node& node) {
    if (divergent_ || lanes_ < 2 || spread_of(node.e0) != Spread::same ||
        spread_of(node.e1) != Spread::differs || buffer(node.name) == nullptr) {
      return;
    }
    warn({"W003", statement_,
          message(
              "every lane of a workgroup stores a value of its own to one element of {}, and which "
              "one stays is unspecified; guard the store with `if lid.x == 0`, or use an atomic",
              quote_symbol(program_, node.name)),
          node_});
  }

  void walk(Range list) {
    for (const NodeId id : program_.list(list)) walk_node(id);
  }

  void walk_in(bool divergent, Range list) {
    const bool outer = divergent_;
    divergent_ = divergent_ || divergent;
    walk(list);
    divergent_ = outer || some_returned_;
  }

  void walk_node(NodeId id) {
    const Node& node = program_.nodes[id];
    statement_ = statements_[id];
    node_ = id;
    const unsigned expressions = expression_count(node.tag);
    if (expressions > 0) visit_atomics(node.e0);
    if (expressions > 1) visit_atomics(node.e1);
    switch (node.tag) {
      case NodeTag::Let:
        variables_[node.name] = spread_of(node.e0);
        break;
      case NodeTag::Assign: {
        const Spread value = spread_of(node.e0);
        variables_[node.name] = divergent_ && value == Spread::same
                                    ? Spread::unknown
                                    : value;  // some lanes keep theirs
        break;
      }
      case NodeTag::Store:
        store_of_every_lane(node);
        break;
      case NodeTag::If: {
        const bool divergent = spread_of(node.e0) != Spread::same;
        walk_in(divergent, node.body);
        walk_in(divergent, node.otherwise);
        break;
      }
      case NodeTag::Loop: {
        loop_without_passes(node);
        const Spread bounds = joined(spread_of(node.e0), spread_of(node.e1));
        variables_[node.name] = spread_of(node.e0);
        walk_in(bounds != Spread::same, node.body);
        break;
      }
      case NodeTag::Block:
      case NodeTag::Region:
        walk_in(false, node.body);
        break;
      case NodeTag::Return:
        some_returned_ = some_returned_ || divergent_;
        break;
      default:
        break;
    }
  }

  void visit_atomics(ExprId id) {
    const Expr& e = program_.exprs[id];
    for_each_operand(program_, e, [this](ExprId operand) { visit_atomics(operand); });
    if (e.tag == ExprTag::Atomic) minimum_of_zeros(id);
  }

  [[nodiscard]] Spread spread_of(ExprId id) const {
    const Expr& e = program_.exprs[id];
    switch (e.tag) {
      case ExprTag::LitU32:
      case ExprTag::LitI32:
      case ExprTag::LitF32:
      case ExprTag::LitBool:
      case ExprTag::BufLen:
      case ExprTag::WorkgroupId:
        return Spread::same;
      case ExprTag::LocalId:
      case ExprTag::InvocationId:
        return e.op < program_.workgroup.size() && program_.workgroup[e.op] > 1 ? Spread::differs
                                                                                : Spread::same;
      case ExprTag::Var:
        return variables_[e.name];
      case ExprTag::Load:
        return spread_of(e.child[0]) == Spread::differs ? Spread::differs : Spread::unknown;
      case ExprTag::UnOp:
      case ExprTag::Cast:
      case ExprTag::BinOp:
      case ExprTag::Select:
      case ExprTag::Fma: {
        Spread sum = Spread::same;
        for (unsigned i = 0; i < child_count(e.tag); ++i) sum = joined(sum, spread_of(e.child[i]));
        return sum;
      }
      case ExprTag::Atomic:
        return static_cast<AtomicOp>(e.op) == AtomicOp::Add ? Spread::differs : Spread::unknown;
      default:
        return Spread::unknown;
    }
  }

  const Program& program_;
  const std::vector<std::uint32_t> statements_;
  const std::vector<std::uint32_t> buffers_;  // by Symbol
  std::vector<Spread> variables_;             // by Symbol; names are unique among live scopes
  std::vector<bool> risen_;                   // by Symbol
  std::vector<Diagnostic> found_;
  std::uint64_t lanes_{1};
  std::uint32_t statement_{kNone};
  NodeId node_{kNone};
  bool divergent_{false};      // perhaps not every lane of the workgroup is here
  bool some_returned_{false};  // perhaps not every lane gets any further
};

}  // namespace

std::vector<Diagnostic> warnings(const Program& program) {
  return validate(program) ? warnings_of_valid(program) : std::vector<Diagnostic>{};
}

std::vector<Diagnostic> warnings_of_valid(const Program& program) {
  return Warner(program).run();
}

}  // namespace vyre::vir

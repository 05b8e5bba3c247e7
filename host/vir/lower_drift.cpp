// Counts turns of the reference's schedule. Every point of the program has the earliest and the
// latest turn at which a lane can be there, counted from where all lanes were last in step. A
// subgroup operation is safe for a variable if whatever changes it comes before in the code and
// surely in an earlier turn, or after in the code and surely not in an earlier one.
#include "lower_drift.hpp"

#include <algorithm>
#include <cstdint>

#include "vyre/vir/statements.hpp"

namespace vyre::vir::lowering {
namespace {

using Turn = std::uint64_t;  // high half: how often the lanes got in step; low half: turns since
constexpr Turn kEndless{0xFFFF'FFFF};
constexpr std::uint64_t kSeveral{~std::uint64_t{0}};  // lanes returned with different bindings
/// Statements looked at, loops counted again: a bound on nests of loops that drift.
constexpr std::uint64_t kMaxLooks{4'000'000};

/// When lanes can be at a point.
struct When {
  Turn first{0};
  Turn last{0};
  bool reached{true};
  [[nodiscard]] bool in_step() const { return first == last; }
};

When either(const When& a, const When& b) {
  if (!a.reached) return b;
  if (!b.reached) return a;
  return {std::min(a.first, b.first), std::max(a.last, b.last), true};
}

class Walk {
 public:
  Walk(const Program& program, const std::vector<bool>& uniform)
      : program_(program), uniform_(uniform), facts_(program.names.size()) {}

  std::optional<Drift> run() {
    list(program_.entry, {});
    return std::move(found_);
  }

 private:
  /// Of a variable name. Turns are kept one higher than they are: 0 is never.
  struct Facts {
    Turn changed{0};            // the latest turn of a change so far
    Turn read{0};               // the latest turn of a subgroup operation so far
    std::uint64_t instance{0};  // which binding, 0: none
    std::uint64_t returned{0};  // the binding that lanes have kept which returned
  };

  static void pass(When& now, Turn turns = 1) {
    now.first += turns;
    if ((now.last & kEndless) + turns < kEndless) {
      now.last += turns;
    } else {
      now.last |= kEndless;
    }
  }
  When get_in_step() {
    const Turn start = ++epoch_ << 32;
    return {start, start, true};
  }

  void refuse(Symbol variable) {
    if (!found_) found_ = Drift{statement_, variable};
  }
  void change(Symbol name, const When& now) {
    Facts& f = facts_[name];
    if (f.read > now.first + 1) refuse(name);
    f.changed = std::max(f.changed, now.last + 1);
  }
  void bind(Symbol name, const When& now) {
    change(name, now);
    facts_[name].instance = ++instances_;
    scope_.push_back(name);
  }
  void close(std::size_t keep, const When& now) {
    while (scope_.size() > keep) {
      if (now.reached) change(scope_.back(), now);
      facts_[scope_.back()].instance = 0;
      scope_.pop_back();
    }
  }
  void read(Symbol name, const When& now) {
    Facts& f = facts_[name];
    if (f.changed > now.first) refuse(name);
    if (f.returned != 0 && f.returned != f.instance) refuse(name);
    f.read = std::max(f.read, now.last + 1);
  }

  void expression(ExprId id, const When& now, bool in_group) {
    if (id == kNone || found_) return;
    const Expr& e = program_.exprs[id];
    if (e.tag == ExprTag::Var && in_group) read(e.name, now);
    const bool group = e.tag == ExprTag::SubgroupAdd || e.tag == ExprTag::SubgroupShuffle ||
                       e.tag == ExprTag::SubgroupBallot;
    const unsigned count = e.tag == ExprTag::Atomic ? 3 : child_count(e.tag);
    for (unsigned k = 0; k < count; ++k) {
      expression(e.child[k], now, in_group || (group && k == 0));
    }
    if (e.tag == ExprTag::Call) {
      const std::uint32_t end = e.args.begin + e.args.count;
      for (std::uint32_t i = e.args.begin; i < end; ++i) {
        expression(program_.expr_lists[i], now, in_group);
      }
    }
  }

  /// A list and the turn that closes it.
  When list(Range range, When now) {
    const std::size_t keep = scope_.size();
    now = statements(range, now);
    close(keep, now);
    pass(now);
    return now;
  }

  When statements(Range range, When now) {
    for (const NodeId id : program_.list(range)) {
      if (!now.reached || found_) break;
      if (++looks_ > kMaxLooks) {
        refuse(0);
        break;
      }
      now = node(id, now);
    }
    return now;
  }

  When node(NodeId id, When now) {
    const Node& n = program_.nodes[id];
    statement_ = id;
    const unsigned count = expression_count(n.tag);
    if (count > 0) expression(n.e0, now, false);
    if (count > 1) expression(n.e1, now, false);
    switch (n.tag) {
      case NodeTag::Let:
        bind(n.name, now);
        break;
      case NodeTag::Assign:
        change(n.name, now);
        break;
      case NodeTag::If:
        return branch(n, id, now);
      case NodeTag::Loop:
        return loop(n, id, now);
      case NodeTag::Block:
      case NodeTag::Region:
        pass(now);
        return list(n.body, now);
      case NodeTag::Return:
        ++returns_;
        for (const Symbol name : scope_) {
          Facts& f = facts_[name];
          f.returned = f.returned == 0 || f.returned == f.instance ? f.instance : kSeveral;
        }
        now.reached = false;
        return now;
      case NodeTag::Barrier:
        if (apart_ == 0) return get_in_step();
        now.last |= kEndless;
        break;
      default:
        break;
    }
    pass(now);
    return now;
  }

  When branch(const Node& n, NodeId id, When now) {
    pass(now);
    const bool together = uniform_[id] && apart_ == 0 && now.in_step();
    apart_ += uniform_[id] ? 0 : 1;
    const When a = list(n.body, together ? get_in_step() : now);
    const When b = list(n.otherwise, together ? get_in_step() : now);
    apart_ -= uniform_[id] ? 0 : 1;
    if (together && (!a.reached || a.in_step()) && (!b.reached || b.in_step())) {
      if (a.reached || b.reached) return get_in_step();
    }
    return either(a, b);
  }

  When iteration(const Node& n, When now) {
    const std::size_t keep = scope_.size();
    bind(n.name, now);
    pass(now);
    now = statements(n.body, now);
    close(keep, now);
    pass(now);
    return now;
  }

  /// An iteration after the first begins as the one before has ended, however many there are.
  When loop(const Node& n, NodeId id, When now) {
    pass(now);
    const bool together = uniform_[id] && apart_ == 0 && now.in_step();
    const When start = now;
    apart_ += uniform_[id] ? 0 : 1;
    const std::uint64_t returns = returns_;
    When end = iteration(n, now);
    const bool keeps_step = together && (!end.reached || end.in_step());
    if (end.reached && (!keeps_step || returns_ != returns) && !found_) {
      When again = end;
      if (keeps_step) {
        again = get_in_step();
      } else {
        again.last |= kEndless;
      }
      end = iteration(n, again);
    }
    apart_ -= uniform_[id] ? 0 : 1;
    if (together && (!end.reached || (keeps_step && end.in_step()))) return get_in_step();
    When after = either(start, end);
    after.last |= kEndless;
    pass(after);
    return after;
  }

  const Program& program_;
  const std::vector<bool>& uniform_;
  std::vector<Facts> facts_;   // by symbol
  std::vector<Symbol> scope_;  // names bound, innermost last
  std::uint64_t epoch_{0};
  std::uint64_t instances_{0};
  std::uint64_t returns_{0};
  std::uint64_t looks_{0};
  std::uint32_t apart_{0};  // constructs around this point that some lanes may have passed by
  NodeId statement_{kNone};
  std::optional<Drift> found_;
};

}  // namespace

std::optional<Drift> find_drift(const Program& program, const std::vector<bool>& uniform) {
  return Walk(program, uniform).run();
}

}  // namespace vyre::vir::lowering

// Puts a region in front of each watched statement.
//
//   region "vyre.watch" {
//     if gid.x >= first && gid.x <= last {                 // where lanes are given
//       let slot = records;
//       if atomic_or(log[0], 0) < records { slot = atomic_add(log[0], 1); }
//       if slot < records { log[slot * 8 + 8 + k] = ...; }  // the site last
//       else { if atomic_add(log[1], 1) == 0xFFFFFFFF { atomic_add(log[2], 1); } }
//     }
//   }
#include "vir/lower/watch.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/message.hpp"
#include "kinds.hpp"
#include "vir/program/given_up.hpp"
#include "vir/program/statements.hpp"
#include "watch_words.hpp"

namespace vyre::vir {
namespace {

using lowering::Kind;

/// What is in scope in front of each statement, and of which kind it is.
class Scopes {
 public:
  Scopes(const Program& program, Interrupt* interrupt)
      : program_(program), inference_(lowering::infer(program, interrupt)) {}

  /// The variables in scope at `at`, innermost last; empty where nothing is.
  [[nodiscard]] const std::vector<std::pair<Symbol, Kind>>& at(NodeId at) {
    wanted_ = at;
    next_ = 0;
    live_.clear();
    found_ = false;
    list(program_.entry);
    return live_;
  }

 private:
  void list(Range range) {
    const std::size_t keep = live_.size();
    for (const NodeId id : program_.list(range)) {
      found_ = found_ || id == wanted_;
      if (found_) return;
      node(program_.nodes[id]);
      if (found_) return;
    }
    live_.resize(keep);
  }
  void declare(Symbol name) { live_.emplace_back(name, inference_.variables[next_++].kind); }
  void node(const Node& node) {
    if (node.tag == NodeTag::Let) return declare(node.name);
    const std::size_t keep = live_.size();
    if (node.tag == NodeTag::Loop) declare(node.name);
    const ChildLists lists = child_lists(node);
    list(lists.first);
    if (!found_) list(lists.second);
    if (!found_) live_.resize(keep);
  }

  const Program& program_;
  const lowering::Inference inference_;
  NodeId wanted_{kNone};
  std::size_t next_{0};
  bool found_{false};
  std::vector<std::pair<Symbol, Kind>> live_;
};

Result<WatchedKind> kept_as(const std::string& name, Kind kind) {
  switch (kind.tag) {
    case Kind::Tag::u32:
    case Kind::Tag::word:
      return WatchedKind::u32;
    case Kind::Tag::i32:
      return WatchedKind::i32;
    case Kind::Tag::boolean:
      return WatchedKind::boolean;
    case Kind::Tag::f32:
      return WatchedKind::f32;
    case Kind::Tag::u64:
      return WatchedKind::u64;
    default:
      return fail(Errc::invalid_argument,
                  message("'{}' cannot be watched: it is {}, and a record holds u32, i32, u64, "
                          "bool and f32",
                          name, lowering::kind_name(kind)));
  }
}

/// Builds the regions.
class Builder {
 public:
  Builder(Program& program, std::uint32_t records) : program_(program), records_(records) {
    log_ = declare("", TypeTag::U32, (records + 1) * kRecordWords);
    slot_ = fresh("slot");
  }

  /// What a watch does at its site, number `site` among all.
  NodeId region(const Watch& watch, std::span<const WatchedKind> kinds, std::uint32_t site) {
    std::vector<NodeId> record;
    for (std::uint32_t axis = 0; axis < 3; ++axis)
      record.push_back(put(kWorkgroup + axis, id(ExprTag::WorkgroupId, axis)));
    record.push_back(put(kLane, lane()));
    for (std::uint32_t i = 0; i < kinds.size(); ++i)
      record.push_back(value(i, kinds[i], program_.intern(watch.values[i])));
    record.push_back(put(kSite, u32(site + 1)));

    const NodeId wraps = evaluate(atomic(AtomicOp::Add, kDroppedWraps, 1));
    const NodeId drop = branch(
        binary(BinOp::Eq, atomic(AtomicOp::Add, kDropped, 1), u32(0xFFFF'FFFFu)), {wraps}, {});
    Node take;
    take.tag = NodeTag::Assign;
    take.name = slot_;
    take.e0 = atomic(AtomicOp::Add, kTaken, 1);
    std::vector<NodeId> body{
        let(slot_, u32(records_)),
        branch(binary(BinOp::Lt, atomic(AtomicOp::Or, kTaken, 0), u32(records_)),
               {program_.add(take)}, {}),
        branch(binary(BinOp::Lt, variable(slot_), u32(records_)), record, {drop})};
    if (watch.lanes) {
      const ExprId inside = binary(
          BinOp::And, binary(BinOp::Ge, id(ExprTag::InvocationId, 0), u32(watch.lanes->first)),
          binary(BinOp::Le, id(ExprTag::InvocationId, 0), u32(watch.lanes->second)));
      body = {branch(inside, body, {})};
    }
    Node region;
    region.tag = NodeTag::Region;
    region.name = program_.intern(kWatchName);
    region.body = program_.add_list(body);
    return program_.add(region);
  }

 private:
  [[nodiscard]] Symbol fresh(std::string_view what) {
    return program_.intern(message("{}.{}", kWatchName, what));
  }
  Symbol declare(std::string_view what, TypeTag type, std::uint32_t count) {
    BufferDecl buffer;
    buffer.name = what.empty() ? program_.intern(kWatchName) : fresh(what);
    std::uint32_t binding = 0;
    for (const BufferDecl& other : program_.buffers)
      binding = std::max(binding, other.binding == kNone ? 0 : other.binding + 1);
    buffer.binding = binding;
    buffer.count = count;
    buffer.access = Access::ReadWrite;
    buffer.element = program_.scalar(type);
    buffer.pipeline_live_out = true;
    program_.buffers.push_back(buffer);
    return buffer.name;
  }

  ExprId u32(std::uint32_t value) {
    Expr expr;
    expr.tag = ExprTag::LitU32;
    expr.bits = value;
    return program_.add(expr);
  }
  ExprId id(ExprTag tag, std::uint32_t axis) {
    Expr expr;
    expr.tag = tag;
    expr.op = static_cast<std::uint8_t>(axis);
    return program_.add(expr);
  }
  ExprId variable(Symbol name) {
    Expr expr;
    expr.tag = ExprTag::Var;
    expr.name = name;
    return program_.add(expr);
  }
  ExprId binary(BinOp op, ExprId left, ExprId right) {
    Expr expr;
    expr.tag = ExprTag::BinOp;
    expr.op = static_cast<std::uint8_t>(op);
    expr.child = {left, right, kNone};
    return program_.add(expr);
  }
  ExprId cast(TypeTag type, ExprId of) {
    Expr expr;
    expr.tag = ExprTag::Cast;
    expr.bits = program_.scalar(type);
    expr.child[0] = of;
    return program_.add(expr);
  }
  ExprId atomic(AtomicOp op, std::uint32_t word, std::uint32_t value) {
    Expr expr;
    expr.tag = ExprTag::Atomic;
    expr.op = static_cast<std::uint8_t>(op);
    expr.ordering = Ordering::Relaxed;
    expr.name = log_;
    expr.child = {u32(word), u32(value), kNone};
    return program_.add(expr);
  }
  /// lid.x + workgroup.x * (lid.y + workgroup.y * lid.z)
  ExprId lane() {
    const auto& size = program_.workgroup;
    const ExprId rows = binary(BinOp::Add, id(ExprTag::LocalId, 1),
                               binary(BinOp::Mul, u32(size[1]), id(ExprTag::LocalId, 2)));
    return binary(BinOp::Add, id(ExprTag::LocalId, 0), binary(BinOp::Mul, u32(size[0]), rows));
  }

  NodeId let(Symbol name, ExprId value) {
    Node node;
    node.tag = NodeTag::Let;
    node.name = name;
    node.e0 = value;
    return program_.add(node);
  }
  NodeId evaluate(ExprId expr) { return let(fresh("old"), expr); }
  NodeId branch(ExprId condition, std::span<const NodeId> then, std::span<const NodeId> otherwise) {
    Node node;
    node.tag = NodeTag::If;
    node.e0 = condition;
    node.body = program_.add_list(then);
    node.otherwise = program_.add_list(otherwise);
    return program_.add(node);
  }
  NodeId branch(ExprId condition, std::initializer_list<NodeId> then,
                std::initializer_list<NodeId> otherwise) {
    return branch(condition, std::span(then.begin(), then.size()),
                  std::span(otherwise.begin(), otherwise.size()));
  }
  NodeId branch(ExprId condition, const std::vector<NodeId>& then,
                std::initializer_list<NodeId> otherwise) {
    return branch(condition, std::span(then), std::span(otherwise.begin(), otherwise.size()));
  }
  NodeId store(Symbol buffer, ExprId index, ExprId value) {
    Node node;
    node.tag = NodeTag::Store;
    node.name = buffer;
    node.e0 = index;
    node.e1 = value;
    return program_.add(node);
  }
  /// Into a word of the record.
  NodeId put(std::uint32_t word, ExprId value) {
    const ExprId record = binary(BinOp::Mul, variable(slot_), u32(kRecordWords));
    return store(log_, binary(BinOp::Add, record, u32(kRecordWords + word)), value);
  }
  NodeId value(std::uint32_t index, WatchedKind kind, Symbol name) {
    if (kind == WatchedKind::f32 || kind == WatchedKind::u64) {
      const bool wide = kind == WatchedKind::u64;
      Symbol& buffer = wide ? wide_ : floats_;
      const TypeTag type = wide ? TypeTag::U64 : TypeTag::F32;
      if (buffer == kNone) buffer = declare(wide ? "u64" : "f32", type, records_ * kWatchedValues);
      const ExprId pair = binary(BinOp::Mul, variable(slot_), u32(kWatchedValues));
      return store(buffer, binary(BinOp::Add, pair, u32(index)), cast(type, variable(name)));
    }
    return put(kValues + index, cast(TypeTag::U32, variable(name)));
  }

  Program& program_;
  const std::uint32_t records_;
  Symbol log_{kNone};
  Symbol floats_{kNone};
  Symbol wide_{kNone};
  Symbol slot_{kNone};
};

/// Puts each region in front of its statement, in the list that has it.
void insert(Program& program, const std::unordered_map<NodeId, std::vector<NodeId>>& regions) {
  const auto grown = [&](Range list) {
    const auto ids = program.list(list);
    if (std::none_of(ids.begin(), ids.end(), [&](NodeId id) { return regions.contains(id); }))
      return list;
    std::vector<NodeId> all;
    for (const NodeId id : ids) {
      if (const auto found = regions.find(id); found != regions.end())
        all.insert(all.end(), found->second.begin(), found->second.end());
      all.push_back(id);
    }
    return program.add_list(all);
  };
  for (const NodeId id : statements_in_order(program)) {
    const ChildLists lists = child_lists(program.nodes[id]);
    if (lists.first.count != 0) {
      const Range list = grown(lists.first);
      program.nodes[id].body = list;
    }
    if (lists.second.count != 0) {
      const Range list = grown(lists.second);
      program.nodes[id].otherwise = list;
    }
  }
  program.entry = grown(program.entry);
}

Result<std::vector<WatchedKind>> kinds_of(const Program& program, Scopes& scopes,
                                          const Watch& watch, NodeId at) {
  const auto& live = scopes.at(at);
  std::vector<WatchedKind> kinds;
  for (const std::string& name : watch.values) {
    const auto known = std::find_if(live.rbegin(), live.rend(), [&](const auto& variable) {
      return program.name(variable.first) == name;
    });
    if (known == live.rend()) {
      std::string text = message("there is no variable '{}' at the watched statement", name);
      for (std::size_t i = 0; i < live.size(); ++i)
        text += message("{}{}", i == 0 ? "; it has " : ", ", program.name(live[i].first));
      return fail(Errc::invalid_argument, std::move(text));
    }
    VYRE_ASSIGN(const WatchedKind kind, kept_as(name, known->second));
    kinds.push_back(kind);
  }
  return kinds;
}

}  // namespace

Result<Watched> watched(const Program& program, std::span<const Watch> watches,
                        std::uint32_t records, Interrupt* interrupt) {
  if (records == 0 || records > kMaxWatchRecords) {
    return fail(Errc::invalid_argument,
                message("an item keeps from 1 to {} records, not {}", kMaxWatchRecords, records));
  }
  for (const BufferDecl& buffer : program.buffers) {
    if (!is_watch_name(program, buffer.name)) continue;
    return fail(Errc::invalid_argument,
                "the program is watched already; watch the one that it was made of");
  }
  Watched made{program, {}};
  Scopes scopes(program, interrupt);
  if (is_over(interrupt)) return given_up("watched");
  Builder builder(made.program, records);
  const std::vector<NodeId> statements = numbered_statements(program);
  std::unordered_map<NodeId, std::vector<NodeId>> regions;
  std::uint32_t site = 0;
  for (const Watch& watch : watches) {
    auto& kinds = made.kinds.emplace_back();
    for (const std::uint32_t statement : watch.statements) {
      if (statement >= statements.size()) {
        return fail(Errc::invalid_argument, message("there is no statement {}; the last one is {}",
                                                    statement, statements.size() - 1));
      }
      const NodeId at = statements[statement];
      VYRE_ASSIGN(auto of_site, kinds_of(program, scopes, watch, at));
      regions[at].push_back(builder.region(watch, of_site, site++));
      kinds.push_back(std::move(of_site));
    }
  }
  insert(made.program, regions);
  return made;
}

}  // namespace vyre::vir

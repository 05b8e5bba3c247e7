#include "random_program.hpp"

#include <algorithm>
#include <array>

#include "random_expression.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::test {
namespace {

class ProgramGenerator {
 public:
  ProgramGenerator(Choice& choice, const RandomKnobs& knobs)
      : choice_(choice), knobs_(knobs), budget_(knobs.statements), g_(choice, b_) {}

  RandomCase generate();

 private:
  using Nodes = std::vector<NodeId>;

  // ---- buffers
  void choose_workgroup();
  void add_inputs();
  void add_outputs();
  void add_shared();
  Bytes random_bytes(Kind kind, std::uint32_t elements);
  void add_input_bytes(Kind kind, std::uint32_t count);
  ExprId linear_id();

  // ---- statements
  Nodes list(std::uint32_t nesting);
  void statement(Nodes& out, std::uint32_t nesting);
  void let(Nodes& out, Kind kind, ExprId value, bool is_mutable);
  void assign(Nodes& out);
  void store(Nodes& out);
  void branch(Nodes& out, std::uint32_t nesting);
  void loop(Nodes& out, std::uint32_t nesting);
  void scope(Nodes& out, std::uint32_t nesting);
  void early_return(Nodes& out);
  void atomic(Nodes& out);
  void share(Nodes& out, std::uint32_t nesting);
  void subgroup(Nodes& out);
  void elect(Nodes& out);
  void copy(Nodes& out);
  void fault(Nodes& out);
  void certain_fault(Nodes& out);
  NodeId with_body(NodeTag tag, ExprId e0, ExprId e1, const std::string& name, const Nodes& body,
                   const Nodes& otherwise = {});
  Nodes nested(std::uint32_t nesting, bool uniform);

  std::string fresh(const char* prefix) { return prefix + std::to_string(next_name_++); }
  ExprId expr(Kind kind) { return g_.make(kind, 1 + choice_.below(knobs_.expression_depth)); }
  Kind value_kind();

  Choice& choice_;
  const RandomKnobs knobs_;
  std::uint32_t budget_;
  ProgramBuilder b_;
  ExpressionGenerator g_;
  std::vector<Bytes> inputs_;
  std::uint32_t next_name_{0};
  std::uint32_t lanes_{1};
  std::vector<Own> stores_;

  bool uniform_{true};  // every lane that has not returned executes this list
  bool fault_placed_{false};
  // Optional furniture; empty or false where the program has none.
  std::string counter_;
  AtomicOp counter_op_{AtomicOp::Add};
  std::string cells_;
  std::string shared_;
  Kind shared_kind_{Kind::u32};
  std::string copy_target_;
  std::string copy_source_;
  bool copies_store_{false};  // all copies of a program go the same way
};

// ------------------------------------------------------------------ buffers

void ProgramGenerator::choose_workgroup() {
  static constexpr std::array<std::array<std::uint32_t, 3>, 14> kShapes{{{1, 1, 1},
                                                                         {2, 1, 1},
                                                                         {7, 1, 1},
                                                                         {8, 1, 1},
                                                                         {32, 1, 1},
                                                                         {33, 1, 1},
                                                                         {48, 1, 1},
                                                                         {64, 1, 1},
                                                                         {100, 1, 1},
                                                                         {300, 1, 1},
                                                                         {4, 4, 1},
                                                                         {1, 8, 1},
                                                                         {3, 5, 1},
                                                                         {2, 3, 4}}};
  const auto& shape = kShapes[choice_.below(kShapes.size())];
  b_.lanes(shape[0], shape[1], shape[2]);
  lanes_ = shape[0] * shape[1] * shape[2];
}

Bytes ProgramGenerator::random_bytes(Kind kind, std::uint32_t elements) {
  Bytes bytes;
  const std::size_t size = std::size_t{elements} * bytes_of(kind);
  while (bytes.size() < size) {
    append_le(bytes, kind == Kind::f32 ? edge_f32(choice_) : edge_word(choice_));
  }
  bytes.resize(size);
  return bytes;
}

/// Sometimes longer than declared, by whole elements or by a few bytes.
void ProgramGenerator::add_input_bytes(Kind kind, std::uint32_t count) {
  std::uint32_t elements = count;
  if (count == 0 || choice_.one_in(4)) elements += choice_.below(12);
  Bytes bytes = random_bytes(kind, elements);
  if (choice_.one_in(6)) bytes.resize(bytes.size() + 1 + choice_.below(3), 0xA5);
  inputs_.push_back(std::move(bytes));
}

void ProgramGenerator::add_inputs() {
  std::vector<Kind> kinds{Kind::u32, Kind::f32};
  const std::uint32_t more = 1 + choice_.below(4);
  for (std::uint32_t i = 0; i < more; ++i) {
    kinds.push_back(choice_.of({Kind::i32, Kind::bool_word, Kind::u64, Kind::f64, Kind::u8,
                                Kind::u16, Kind::i8, Kind::i16, Kind::i64, Kind::f16, Kind::bf16,
                                Kind::vec2, Kind::vec4, Kind::u32, Kind::f32}));
  }
  for (const Kind kind : kinds) {
    const std::string name = fresh("in");
    const std::uint32_t count = choice_.one_in(4) ? 0 : 1 + choice_.below(24);
    b_.buffer(name, choice_.one_in(3) ? Access::Uniform : Access::ReadOnly, type_of(kind), count);
    add_input_bytes(kind, count);
    g_.readable.push_back({name, kind});
  }
}

void ProgramGenerator::add_outputs() {
  const std::uint32_t outputs = 1 + choice_.below(3);
  for (std::uint32_t i = 0; i < outputs; ++i) {
    const std::string name = fresh("out");
    Kind kind = choice_.of({Kind::u32, Kind::u32, Kind::f32, Kind::f32, Kind::i32, Kind::boolean,
                            Kind::u64, Kind::f64, Kind::u8, Kind::u16, Kind::i16, Kind::i64,
                            Kind::vec2, Kind::vec4, Kind::bf16});
    if (!g_.can_make(kind)) kind = Kind::u32;
    const std::uint32_t slots = 1 + choice_.below(2);
    const std::uint32_t count = 1 + choice_.below(70);
    bool readable = true;
    if (i == 0) {
      vir::BufferDecl& decl = b_.output(name, type_of(kind), count);
      if (choice_.one_in(5)) {
        const std::uint64_t end = std::uint64_t{count} * bytes_of(kind);
        const std::uint64_t start = choice_.below(static_cast<std::uint32_t>(end));
        decl.output_byte_range = vir::ByteRange{start, end};
      }
    } else if (choice_.one_in(3)) {
      b_.buffer(name, Access::WriteOnly, type_of(kind), count);
      readable = false;
    } else {
      b_.read_write(name, type_of(kind), count);
      add_input_bytes(kind, count);
    }
    // Loads from a bool buffer are words, which is another kind than what is stored there.
    if (readable && kind != Kind::boolean) g_.own.push_back({name, kind, "me", slots});
    stores_.push_back({name, kind, "me", slots});
  }
}

void ProgramGenerator::add_shared() {
  if (choice_.one_in(3)) {
    counter_ = fresh("counter");
    counter_op_ = choice_.of({AtomicOp::Add, AtomicOp::Or, AtomicOp::And, AtomicOp::Xor,
                              AtomicOp::Min, AtomicOp::Max, AtomicOp::LruUpdate});
    const std::uint32_t count = 1 + choice_.below(6);
    b_.read_write(counter_, TypeTag::U32, count);
    add_input_bytes(Kind::u32, count);
  }
  if (choice_.one_in(4)) {
    cells_ = fresh("cells");
    const std::uint32_t count = 1 + choice_.below(70);
    b_.read_write(cells_, TypeTag::U32, count);
    add_input_bytes(Kind::u32, count);
  }
  if (choice_.one_in(2)) {
    shared_ = fresh("shared");
    shared_kind_ = choice_.of({Kind::u32, Kind::f32, Kind::i32, Kind::u64, Kind::u8, Kind::vec2});
    const std::uint32_t count = choice_.one_in(4) ? 1 + lanes_ / 2 : lanes_;
    b_.workgroup(shared_, type_of(shared_kind_), count);
    g_.own.push_back({shared_, shared_kind_, "local", 1});
  }
  if (choice_.one_in(5)) {
    copy_source_ =
        g_.readable[choice_.below(static_cast<std::uint32_t>(g_.readable.size()))].buffer;
    copy_target_ = fresh("copied");
    const std::uint32_t count = 1 + choice_.below(32);
    b_.read_write(copy_target_, TypeTag::U32, count);
    add_input_bytes(Kind::u32, count);
  }
}

/// gid.x + gid.y * width + gid.z * width * height, with the extents of the grid that the buffers
/// imply.
ExprId ProgramGenerator::linear_id() {
  ProgramBuilder probe;
  probe.program = b_.program;
  if (!counter_.empty() || !cells_.empty()) {
    const std::string& buffer = counter_.empty() ? cells_ : counter_;
    probe.body(
        {probe.let("probe", probe.atomic(AtomicOp::Add, buffer, probe.u32(0), probe.u32(0)))});
  } else {
    probe.body({probe.block({})});
  }
  std::vector<std::uint64_t> lengths;
  for (const Bytes& input : inputs_) lengths.push_back(input.size());
  const auto plan = vir::plan_buffers(probe.program, lengths);
  const auto grid = vir::infer_grid(probe.program, plan->byte_lengths);
  const std::uint32_t width = (*grid)[0] * b_.program.workgroup[0];
  const std::uint32_t height = (*grid)[1] * b_.program.workgroup[1];
  const ExprId rows = b_.bin(BinOp::Mul, b_.gid(1), b_.u32(width));
  const ExprId planes = b_.bin(BinOp::Mul, b_.gid(2), b_.u32(width * height));
  return b_.bin(BinOp::Add, b_.bin(BinOp::Add, b_.gid(0), rows), planes);
}

// ------------------------------------------------------------------ statements

Kind ProgramGenerator::value_kind() {
  const Kind kind =
      choice_.of({Kind::u32, Kind::u32, Kind::u32, Kind::f32, Kind::f32, Kind::i32, Kind::boolean,
                  Kind::u64, Kind::i32_as_u32, Kind::u64_as_u32, Kind::f64, Kind::bool_word});
  return g_.can_make(kind) ? kind : Kind::u32;
}

NodeId ProgramGenerator::with_body(NodeTag tag, ExprId e0, ExprId e1, const std::string& name,
                                   const Nodes& body, const Nodes& otherwise) {
  const NodeId made = b_.node(tag, name, e0, e1);
  const vir::Range first = b_.program.add_list(body);
  const vir::Range second = b_.program.add_list(otherwise);
  b_.program.nodes[made].body = first;
  b_.program.nodes[made].otherwise = second;
  return made;
}

void ProgramGenerator::let(Nodes& out, Kind kind, ExprId value, bool is_mutable) {
  const std::string name = fresh("v");
  out.push_back(b_.let(name, value));
  g_.variables.push_back({name, kind, is_mutable});
}

void ProgramGenerator::assign(Nodes& out) {
  std::vector<const Variable*> candidates;
  for (const Variable& v : g_.variables) {
    if (v.is_mutable) candidates.push_back(&v);
  }
  if (candidates.empty()) return;
  const Variable v = *candidates[choice_.below(static_cast<std::uint32_t>(candidates.size()))];
  Kind kind = v.kind;
  if (knobs_.mixed_kinds && type_of(kind) == TypeTag::U32) {
    kind = choice_.of({Kind::u32, Kind::i32_as_u32, Kind::u64_as_u32});
  }
  out.push_back(b_.assign(v.name, expr(kind)));
}

void ProgramGenerator::store(Nodes& out) {
  const Own target = stores_[choice_.below(static_cast<std::uint32_t>(stores_.size()))];
  ExprId index = g_.own_index(target);
  if (choice_.one_in(12))
    index = b_.bin(BinOp::BitOr, index, b_.u32(0x40000000u));  // out of bounds
  out.push_back(b_.store(target.buffer, index, expr(target.kind)));
}

/// A list in its own scope; what it binds ends with it.
ProgramGenerator::Nodes ProgramGenerator::nested(std::uint32_t nesting, bool uniform) {
  const std::size_t keep = g_.variables.size();
  const bool was_uniform = uniform_;
  uniform_ = uniform_ && uniform;
  Nodes body = list(nesting);
  uniform_ = was_uniform;
  g_.variables.resize(keep);
  return body;
}

void ProgramGenerator::branch(Nodes& out, std::uint32_t nesting) {
  const bool uniform = choice_.one_in(4);
  ExprId condition = vir::kNone;
  if (uniform) {
    condition = g_.uniform_bool();
  } else {
    Kind kind = choice_.of({Kind::boolean, Kind::boolean, Kind::boolean, Kind::u32, Kind::bool_word,
                            Kind::i32_as_u32});
    if (!g_.can_make(kind)) kind = Kind::boolean;
    condition = expr(kind);
  }
  const Nodes body = nested(nesting - 1, uniform);
  const Nodes otherwise = choice_.one_in(2) ? nested(nesting - 1, uniform) : Nodes{};
  out.push_back(with_body(NodeTag::If, condition, vir::kNone, "", body, otherwise));
}

void ProgramGenerator::loop(Nodes& out, std::uint32_t nesting) {
  const bool uniform = choice_.one_in(2);
  const std::string name = fresh("i");
  ExprId from = b_.u32(choice_.of({0u, 0u, 3u}));
  ExprId to = b_.u32(choice_.below(5));
  if (!uniform) {
    const ExprId span = b_.bin(BinOp::BitAnd, expr(Kind::u32), b_.u32(3));
    const std::uint32_t base = choice_.of({0u, 1u, 0xFFFFFFF0u});
    from = b_.u32(base);
    to = b_.bin(BinOp::Add, span, b_.u32(base));
  }
  const std::size_t keep = g_.variables.size();
  g_.variables.push_back({name, Kind::u32, false});
  const Nodes body = nested(nesting - 1, uniform);
  g_.variables.resize(keep);
  out.push_back(with_body(NodeTag::Loop, from, to, name, body));
}

void ProgramGenerator::scope(Nodes& out, std::uint32_t nesting) {
  const bool region = choice_.one_in(2);
  const Nodes body = nested(nesting - 1, true);
  out.push_back(with_body(region ? NodeTag::Region : NodeTag::Block, vir::kNone, vir::kNone,
                          region ? fresh("region") : "", body));
}

void ProgramGenerator::early_return(Nodes& out) {
  Nodes body;
  if (choice_.one_in(2)) store(body);
  body.push_back(b_.ret());
  out.push_back(with_body(NodeTag::If, expr(Kind::boolean), vir::kNone, "", body));
}

void ProgramGenerator::atomic(Nodes& out) {
  if (!counter_.empty() && (cells_.empty() || choice_.one_in(2))) {
    // The old value depends on the order of lanes: it is bound and never used.
    out.push_back(b_.let(fresh("old"), b_.atomic(counter_op_, counter_,
                                                 b_.bin(BinOp::BitAnd, expr(Kind::u32), b_.u32(7)),
                                                 expr(Kind::u32))));
    return;
  }
  if (cells_.empty()) return;
  const AtomicOp op = choice_.of({AtomicOp::Add, AtomicOp::Or, AtomicOp::And, AtomicOp::Xor,
                                  AtomicOp::Min, AtomicOp::Max, AtomicOp::Exchange,
                                  AtomicOp::CompareExchange, AtomicOp::LruUpdate});
  const ExprId expected = op == AtomicOp::CompareExchange ? expr(Kind::u32) : vir::kNone;
  let(out, Kind::u32, b_.atomic(op, cells_, b_.var("me"), expr(Kind::u32), expected), false);
}

/// Every lane writes its own element, all wait, anyone reads anything, all wait again.
void ProgramGenerator::share(Nodes& out, std::uint32_t nesting) {
  const auto mine = std::find_if(g_.own.begin(), g_.own.end(),
                                 [&](const Own& own) { return own.buffer == shared_; });
  const Own shared = *mine;
  const auto barrier = [&] {
    out.push_back(b_.barrier(choice_.of({Ordering::SeqCst, Ordering::AcqRel, Ordering::Acquire,
                                         Ordering::Release, Ordering::GridSync})));
  };
  out.push_back(b_.store(shared_, g_.own_index(shared), expr(shared.kind)));
  barrier();
  g_.own.erase(mine);
  g_.readable.push_back({shared_, shared.kind});
  let(out, shared.kind, b_.load(shared_, g_.make(Kind::u32, 1)), false);
  if (nesting > 1 && choice_.one_in(2)) {  // reading it in divergent flow is fine too
    out.push_back(with_body(NodeTag::If, expr(Kind::boolean), vir::kNone, "", nested(1, false)));
  }
  g_.readable.pop_back();
  g_.own.push_back(shared);
  barrier();
}

void ProgramGenerator::subgroup(Nodes& out) {
  switch (choice_.below(6)) {
    case 0:
      let(out, Kind::u32, b_.subgroup(ExprTag::SubgroupBallot, {expr(Kind::boolean)}), false);
      return;
    case 1: {
      const Kind kind = choice_.one_in(2) ? Kind::u32 : Kind::f32;
      let(out, kind, b_.subgroup(ExprTag::SubgroupAdd, {expr(kind)}), false);
      return;
    }
    case 2:
    case 3:
      return elect(out);
    default: {
      const Kind kind = choice_.one_in(2) ? Kind::u32 : Kind::f32;
      const ExprId value = expr(kind);
      const ExprId lane =
          choice_.one_in(3) ? expr(Kind::u32) : b_.bin(BinOp::BitAnd, expr(Kind::u32), b_.u32(31));
      let(out, kind, b_.subgroup(ExprTag::SubgroupShuffle, {value, lane}), false);
      return;
    }
  }
}

/// One lane of each subgroup acts for all that ask for it, and hands them what it got.
void ProgramGenerator::elect(Nodes& out) {
  const std::string asking = fresh("asking");
  out.push_back(b_.let(asking, b_.subgroup(ExprTag::SubgroupBallot, {expr(Kind::boolean)})));
  const std::string leader = fresh("leader");
  out.push_back(b_.let(leader, b_.un(UnOp::Ctz, b_.var(asking))));
  const std::string got = fresh("got");
  out.push_back(b_.let(got, expr(Kind::u32)));
  ExprId act = expr(Kind::u32);
  if (!cells_.empty()) {
    act = b_.atomic(AtomicOp::Add, cells_, b_.var("me"), b_.un(UnOp::Popcount, b_.var(asking)));
  }
  const ExprId is_leader = b_.bin(BinOp::Eq, b_.subgroup(ExprTag::SubgroupLocalId), b_.var(leader));
  out.push_back(with_body(NodeTag::If, is_leader, vir::kNone, "", {b_.assign(got, act)}));
  let(out, Kind::u32, b_.subgroup(ExprTag::SubgroupShuffle, {b_.var(got), b_.var(leader)}), false);
}

void ProgramGenerator::copy(Nodes& out) {
  if (copy_target_.empty()) return;
  const std::string tag = fresh("tag");
  Nodes body;
  if (copies_store_) {  // every lane its own four bytes
    const ExprId offset = b_.bin(BinOp::Mul, b_.var("me"), b_.u32(4));
    body.push_back(b_.async_store(copy_source_, copy_target_, offset, b_.u32(4), tag));
  } else {
    body.push_back(b_.async_load(copy_source_, copy_target_, b_.u32(3), b_.u32(11), tag));
  }
  if (choice_.one_in(2)) store(body);
  body.push_back(b_.async_wait(tag));
  if (!copies_store_) {  // to the destination's first bytes: one lane's
    const ExprId first = b_.bin(BinOp::Eq, b_.var("me"), b_.u32(0));
    body = {with_body(NodeTag::If, first, vir::kNone, "", body)};
  }
  out.insert(out.end(), body.begin(), body.end());
}

/// A statement that may fault, mostly not in every lane.
void ProgramGenerator::fault(Nodes& out) {
  fault_placed_ = true;
  if (choice_.one_in(4)) {
    certain_fault(out);
    return;
  }
  Nodes body;
  certain_fault(body);
  out.push_back(with_body(NodeTag::If, expr(Kind::boolean), vir::kNone, "", body));
}

void ProgramGenerator::certain_fault(Nodes& out) {
  const auto bind = [&](ExprId value) { out.push_back(b_.let(fresh("f"), value)); };
  switch (choice_.below(15)) {
    case 0:
      out.push_back(b_.trap(expr(Kind::u32), "tag"));
      return;
    case 1:
      return bind(
          b_.bin(BinOp::Div, expr(Kind::i32), b_.cast(TypeTag::I32, g_.not_literal(Kind::u32, 2))));
    case 2:
      return bind(b_.bin(BinOp::Mod, b_.i32(INT32_MIN),
                         b_.cast(TypeTag::I32, b_.un(UnOp::BitNot, b_.lid()))));
    case 3:
      return bind(b_.load(g_.readable.front().buffer, expr(Kind::i32)));
    case 4:
      return bind(b_.cast(TypeTag::U32, expr(Kind::u64)));
    case 5:
      return bind(b_.cast(TypeTag::U64, expr(Kind::i32)));
    case 6:
      return bind(b_.bin(BinOp::And, expr(Kind::boolean), expr(Kind::u32)));
    case 7:
      return bind(b_.bin(BinOp::WrappingAdd, expr(Kind::u32), expr(Kind::i32)));
    case 8:
      return bind(b_.bin(BinOp::RotateLeft, expr(Kind::i32_as_u32), expr(Kind::i32_as_u32)));
    case 9:
      out.push_back(b_.node(NodeTag::Resume, "", vir::kNone, vir::kNone));
      b_.program.nodes[out.back()].name3 = b_.program.intern("tag");
      return;
    case 10:
      out.push_back(b_.async_wait("never"));
      return;
    case 11: {
      const std::string buffer = g_.readable.front().buffer;
      out.push_back(b_.async_load(buffer, stores_.front().buffer, b_.u32(0), b_.u32(0), "twice"));
      if (choice_.one_in(2)) {
        out.push_back(b_.async_load(buffer, stores_.front().buffer, b_.u32(0), b_.u32(0), "twice"));
      }
      return;
    }
    case 12:
      return bind(b_.load(g_.readable.front().buffer, expr(Kind::f32)));
    case 13:
      return bind(b_.bin(BinOp::MulHigh, expr(Kind::i32), expr(Kind::i32)));
    default:
      return bind(b_.bin(BinOp::Lt, expr(Kind::boolean), expr(Kind::boolean)));
  }
}

void ProgramGenerator::statement(Nodes& out, std::uint32_t nesting) {
  if (knobs_.faulting && !fault_placed_ && choice_.one_in(10)) return fault(out);
  if (knobs_.many_faults && choice_.one_in(6)) return fault(out);
  switch (choice_.below(20)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const Kind kind = value_kind();
      return let(out, kind, expr(kind), choice_.one_in(2));
    }
    case 4:
    case 5:
      return assign(out);
    case 6:
    case 7:
    case 8:
      return store(out);
    case 9:
    case 10:
      if (nesting > 1) return branch(out, nesting);
      return store(out);
    case 11:
    case 12:
      if (nesting > 1) return loop(out, nesting);
      return store(out);
    case 13:
      if (nesting > 1) return scope(out, nesting);
      return assign(out);
    case 14:
      if (choice_.one_in(2)) return early_return(out);
      return store(out);
    case 15:
      return atomic(out);
    case 16:
    case 17:
      if (uniform_ && !shared_.empty()) return share(out, nesting);
      return store(out);
    case 18:
      if (g_.groups) return subgroup(out);
      return assign(out);
    default:
      return copy(out);
  }
}

ProgramGenerator::Nodes ProgramGenerator::list(std::uint32_t nesting) {
  Nodes out;
  const std::uint32_t count = 1 + choice_.below(6);
  for (std::uint32_t i = 0; i < count && budget_ > 0; ++i) {
    --budget_;
    statement(out, nesting);
  }
  return out;
}

RandomCase ProgramGenerator::generate() {
  choose_workgroup();
  add_inputs();
  add_outputs();
  add_shared();
  g_.groups = choice_.one_in(2);
  copies_store_ = choice_.one_in(2);
  Nodes body;
  body.push_back(b_.let("me", linear_id()));
  const auto& size = b_.program.workgroup;
  const ExprId rows = b_.bin(BinOp::Mul, b_.lid(1), b_.u32(size[0]));
  const ExprId planes = b_.bin(BinOp::Mul, b_.lid(2), b_.u32(size[0] * size[1]));
  body.push_back(b_.let("local", b_.bin(BinOp::Add, b_.bin(BinOp::Add, b_.lid(0), rows), planes)));
  g_.variables.push_back({"me", Kind::u32, false});
  g_.variables.push_back({"local", Kind::u32, false});
  if (!counter_.empty() || !cells_.empty()) atomic(body);  // the grid rule was told of one
  while (budget_ > 0 && !choice_.exhausted()) {
    --budget_;
    statement(body, knobs_.nesting);
  }
  if (knobs_.faulting && !fault_placed_) fault(body);
  for (const Own& target : stores_) {  // every output sees a value
    const ExprId index = g_.own_index(target);
    body.push_back(b_.store(target.buffer, index, expr(target.kind)));
  }
  b_.body(body);
  return RandomCase{b_.take(), std::move(inputs_)};
}

}  // namespace

RandomCase random_case(Choice& choice, const RandomKnobs& knobs) {
  return ProgramGenerator(choice, knobs).generate();
}

}  // namespace vyre::test

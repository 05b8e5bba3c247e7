// Programs that no decoder makes: ids outside the pools, sharing, cycles, random garbage. The
// validator says so, in bounded time, and reads nothing outside the pools (the sanitizer builds see
// to that).
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "protocol/limits.hpp"
#include "verdict.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/statements.hpp"

namespace vyre::test {
namespace {

/// A stage with one store and one if, broken by `edit(program)`.
template <class Edit>
std::string broken_by(Edit edit) {
  Stage s;
  const NodeId store = s.store("out", s.gid(), s.from("u"));
  s.body({s.if_(s.boolean(true), {store})});
  edit(s);
  EXPECT_FALSE(vir::prepare(s.program).has_value());
  return codes(s.program);
}

TEST(ValidateForm, IdsOutsideThePoolsAreRefused) {
  EXPECT_EQ(broken_by([](Stage& s) { s.program.entry.count = 99; }), "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.entry.begin = 0xFFFF'FFFFu; }), "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.node_lists[0] = 99; }), "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.nodes[0].e0 = 999; }), "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.nodes[0].e1 = vir::kNone; }), "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.nodes[0].name = 999; }), "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.nodes[1].otherwise = {0, 99}; }), "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.exprs[s.program.nodes[0].e1].name = vir::kNone; }),
            "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.exprs[s.program.nodes[0].e1].child[0] = 999; }),
            "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.buffers[3].element = 999; }), "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.buffers[3].name = 999; }), "V101");
}

TEST(ValidateForm, NumbersThatAreNoEnumeratorAreRefused) {
  EXPECT_EQ(broken_by([](Stage& s) { s.program.nodes[0].tag = static_cast<NodeTag>(0x60); }),
            "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.exprs[0].tag = static_cast<ExprTag>(0x60); }),
            "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.types[0].tag = static_cast<TypeTag>(0x60); }),
            "V101");
  EXPECT_EQ(broken_by([](Stage& s) { s.program.buffers[0].access = static_cast<Access>(9); }),
            "V101");
  EXPECT_EQ(broken_by([](Stage& s) {
              s.program.nodes[0].e1 = s.bin(static_cast<BinOp>(0x60), s.u32(1), s.u32(1));
            }),
            "V101");
  EXPECT_EQ(
      broken_by([](Stage& s) { s.program.nodes[0].e1 = s.un(static_cast<UnOp>(0), s.u32(1)); }),
      "V101");
}

TEST(ValidateForm, ATypeHoldsOnlyTypesBeforeIt) {
  EXPECT_EQ(broken_by([](Stage& s) {
              vir::DataType type;
              type.tag = TypeTag::Vec;
              type.element = static_cast<vir::TypeId>(s.program.types.size());  // itself
              s.program.types.push_back(type);
            }),
            "V101");
}

TEST(ValidateForm, ANodeReachedTwiceIsRefused) {
  EXPECT_EQ(broken_by([](Stage& s) { s.program.nodes[1].otherwise = s.program.nodes[1].body; }),
            "V102");
  // The root's list starts with the if: an if inside itself.
  EXPECT_EQ(broken_by([](Stage& s) { s.program.nodes[1].body = s.program.nodes[2].body; }), "V102");
}

TEST(ValidateForm, AnExpressionInsideItselfIsRefused) {
  EXPECT_EQ(broken_by([](Stage& s) {
              const ExprId e = s.un(UnOp::BitNot, s.u32(1));
              s.program.exprs[e].child[0] = e;
              s.program.nodes[0].e1 = e;
            }),
            "V103");
  EXPECT_EQ(broken_by([](Stage& s) {
              const ExprId inner = s.bin(BinOp::Add, s.u32(1), s.u32(2));
              const ExprId outer = s.un(UnOp::BitNot, inner);
              s.program.exprs[inner].child[1] = outer;
              s.program.nodes[0].e1 = outer;
            }),
            "V103");
}

TEST(ValidateForm, SharedExpressionsAreFineUntilTheyExplode) {
  const auto doubled = [](int times) {
    ProgramBuilder b;
    ExprId e = b.u32(1);
    for (int i = 0; i < times; ++i) e = b.bin(BinOp::Add, e, e);
    b.body({b.let("x", e), b.let("y", e)});
    return codes(b.program);
  };
  EXPECT_EQ(doubled(10), "");
  EXPECT_EQ(doubled(40), "V103");  // 2^40 expressions, written out
  EXPECT_EQ(doubled(100), "V103");
}

TEST(ValidateForm, CallsThatShareOneLongArgumentListDoNotTakeForever) {
  ProgramBuilder b;
  std::vector<ExprId> arguments(100'000, b.u32(1));
  const vir::Range shared = b.program.add_args(arguments);
  std::vector<NodeId> nodes;
  for (int i = 0; i < 10'000; ++i) {
    const ExprId call = b.call("op", {});
    b.program.exprs[call].args = shared;
    nodes.push_back(b.let("x" + std::to_string(i), call));
  }
  b.body(nodes);
  EXPECT_EQ(codes(b.program), "V145 V103");
}

TEST(ValidateForm, ViolationsAreCountedOnlySoFar) {
  Stage s;
  std::vector<NodeId> nodes;
  for (int i = 0; i < 5'000; ++i) nodes.push_back(s.store("nowhere", s.i32(0), s.u32(1)));
  s.body(nodes);
  EXPECT_EQ(vir::diagnose(s.program).size(), kMaxDiagnostics);
}

TEST(ValidateForm, NamesInMessagesAreShortAndPrintable) {
  Stage s;
  s.body({s.store(std::string("a\x1b[2J\n") + std::string(100'000, 'x'), s.u32(0), s.u32(1))});
  const auto found = vir::diagnose(s.program);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_LT(found[0].message.size(), 300u);
  EXPECT_NE(found[0].message.find("'a\\x1b[2J\\x0axxx"), std::string::npos) << found[0].message;
}

TEST(ValidateForm, DiagnosticsNameTheStatementInPreOrderAndComeInProgramOrder) {
  Stage s;
  const NodeId first = s.if_(s.boolean(true), {s.store("nowhere", s.u32(0), s.u32(1))},
                             {s.let("x", s.var("unbound"))});
  s.body({first, s.ret(), s.let("late", s.u32(1))});
  const auto found = vir::diagnose(s.program);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].code, "V004");
  EXPECT_EQ(found[0].statement, 2u);
  EXPECT_EQ(found[1].code, "V006");
  EXPECT_EQ(found[1].statement, 3u);
  EXPECT_EQ(found[2].code, "V107");
  EXPECT_EQ(found[2].statement, 5u);
  const auto verdict = vir::validate(s.program);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, Errc::refused);
  EXPECT_EQ(verdict.error().detail, 4);
}

TEST(ValidateForm, AHundredThousandStatementsTakeWellUnderASecond) {
  Stage s;
  std::vector<NodeId> nodes;
  for (int i = 0; i < 99'000; ++i) {
    const std::string name = "v" + std::to_string(i);
    nodes.push_back(s.let(name, s.bin(BinOp::Add, s.load("u", s.gid()), s.u32(7))));
  }
  s.body(nodes);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(codes(s.program), "");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(took.count(),
            5.0);  // a quarter of a second unloaded; quadratic work would take minutes
  RecordProperty("seconds", std::to_string(took.count()));
}

TEST(ValidateForm, ManyAtomicsOnManyBuffersTakeLinearTime) {
  ProgramBuilder b;
  std::vector<NodeId> nodes;
  for (int i = 0; i < 16'000; ++i) {
    const std::string name = "buffer" + std::to_string(i);
    b.read_write(name, TypeTag::U32, 1);
    nodes.push_back(
        b.let("v" + std::to_string(i), b.atomic(AtomicOp::Add, name, b.u32(0), b.u32(1))));
  }
  for (int i = 0; i < 80'000; ++i) nodes.push_back(b.assign("v0", b.len("buffer1")));
  b.body(nodes);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(codes(b.program), "");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(took.count(), 5.0);  // a pass over all atomics for each statement would take longer
}

// ---- garbage

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(engine_() % n); }
  /// Mostly a good id, sometimes one that is not.
  std::uint32_t id(std::size_t size) {
    if (below(200) == 0) return below(2) == 0 ? vir::kNone : static_cast<std::uint32_t>(engine_());
    return size == 0 ? 0 : below(static_cast<std::uint32_t>(size));
  }
  vir::Range range(std::size_t size) {
    if (below(300) == 0) return {id(size), static_cast<std::uint32_t>(engine_())};
    const std::uint32_t begin = id(size);
    return {begin, below(4)};
  }

 private:
  std::mt19937_64 engine_;
};

vir::Program garbage(std::uint64_t seed) {
  Random r(seed);
  vir::Program p;
  for (const char* name : {"a", "c", "x", "y", "g#self-exclusive"}) p.intern(name);
  for (std::uint32_t i = 0, n = r.below(6); i < n; ++i) {
    vir::DataType type;
    type.tag = static_cast<TypeTag>(r.below(40) == 0 ? 0x50 : 1 + r.below(0x1F));
    type.a = r.below(5);
    type.element = r.id(p.types.size());
    p.types.push_back(type);
  }
  for (std::uint32_t i = 0, n = r.below(4); i < n; ++i) {
    vir::BufferDecl buffer;
    buffer.name = r.id(p.names.size());
    buffer.binding = i;
    buffer.access = static_cast<Access>(r.below(50) == 0 ? 77 : r.below(5));
    buffer.element = r.id(p.types.size());
    buffer.count = r.below(3) == 0 ? 0xFFFF'FFFFu : r.below(100);
    buffer.is_output = r.below(2) == 0;
    p.buffers.push_back(buffer);
  }
  for (auto& size : p.workgroup) size = r.below(10) == 0 ? 0xFFFF'FFFFu : r.below(4);
  const std::uint32_t exprs = 1 + r.below(20);
  for (std::uint32_t i = 0; i < exprs; ++i) {
    vir::Expr e;
    e.tag = static_cast<ExprTag>(r.below(100) == 0 ? 0x80 : r.below(0x17));
    e.op = static_cast<std::uint8_t>(r.below(60) == 0 ? 0x80 : r.below(0x26));
    e.ordering = static_cast<Ordering>(r.below(6));
    e.bits = r.below(3);
    e.name = r.id(p.names.size());
    // Children mostly before their parent, so that many programs are trees or shared, not cyclic.
    for (ExprId& child : e.child) child = r.id(r.below(20) == 0 ? exprs : i);
    e.args = r.range(2);
    p.exprs.push_back(e);
  }
  for (std::uint32_t i = 0; i < 6; ++i) p.expr_lists.push_back(r.id(exprs));
  const std::uint32_t nodes = 1 + r.below(12);
  for (std::uint32_t i = 0; i < nodes; ++i) {
    vir::Node n;
    n.tag = static_cast<NodeTag>(r.below(100) == 0 ? 0x80 : r.below(0x13));
    n.ordering = static_cast<Ordering>(r.below(6));
    n.name = r.id(p.names.size());
    n.name2 = r.id(p.names.size());
    n.name3 = r.id(p.names.size());
    n.e0 = r.id(exprs);
    n.e1 = r.id(exprs);
    n.body = r.range(nodes);
    n.otherwise = r.below(3) == 0 ? r.range(nodes) : vir::Range{};
    n.payload = r.range(1);
    p.nodes.push_back(n);
  }
  // Lists over distinct nodes first, so that some programs have no node twice.
  for (std::uint32_t i = 0; i < nodes; ++i) p.node_lists.push_back(nodes - 1 - i);
  p.entry = r.range(nodes);
  return p;
}

TEST(ValidateForm, GarbageIsJudgedAndNothingElseHappens) {
  const char* scale = std::getenv("VYRE_TEST_SCALE");
  const std::uint64_t count = 40'000 * (scale != nullptr ? std::strtoull(scale, nullptr, 10) : 1);
  std::uint64_t well_formed = 0;
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const vir::Program program = garbage(seed);
    const auto found = vir::diagnose(program);
    const auto prepared = vir::prepare(program);
    const bool malformed = !found.empty() && (found[0].code == "V101" || found[0].code == "V102" ||
                                              found[0].code == "V103");
    well_formed += malformed ? 0 : 1;
    ASSERT_EQ(vir::validate(program).has_value(), found.empty());
    ASSERT_LE(vir::statements_in_order(program).size(), program.nodes.size());
    if (malformed) {
      ASSERT_FALSE(prepared.has_value());
    } else if (prepared) {
      // What was well-formed stays so: preparing invents no bad id.
      const auto again = vir::diagnose(*prepared);
      ASSERT_TRUE(again.empty() || again[0].code > "V103" || again[0].code < "V101");
      (void)vir::plan_buffers(*prepared, std::vector<std::uint64_t>(program.buffers.size(), 4));
      (void)vir::infer_grid(*prepared, std::vector<std::uint64_t>(program.buffers.size(), 4));
    }
  }
  EXPECT_GT(well_formed, count / 100) << "the generator has become too wild to test the rules";
}

}  // namespace
}  // namespace vyre::test

// Programs that mean the same have one fingerprint; programs that do not, do not.
#include <gtest/gtest.h>

#include "unit/vir_wire/build_program.hpp"

namespace vyre::vir {
namespace {
using namespace testing;

using Build = ExprId (*)(Program&);

std::string print_of(const Program& p) {
  return fingerprint(p).value().hex();
}
std::string print_of(Build build) {
  return print_of(store_program(build));
}

TEST(Fingerprint, OfACanonicalProgramIsTheHashOfItsEncoding) {
  const Program p = store_program([](Program& q) { return lit(q, 42); });
  EXPECT_EQ(print_of(p), "c1f2ccf5754f0e561c767f6d6e2a847947d70e4bd0593b617d53f5aee5cc0428");
}

TEST(Fingerprint, LiteralMovesToTheRightOfACommutativeOperator) {
  for (const BinOp op : {BinOp::Add, BinOp::Mul, BinOp::Min, BinOp::BitXor, BinOp::AbsDiff}) {
    const auto with = [op](bool literal_first) {
      Program p;
      const ExprId one = lit(p, 1);
      const ExprId x = var(p, "x");
      finish(p, {store(p, "out", lit(p, 0),
                       literal_first ? binary(p, op, one, x) : binary(p, op, x, one))});
      return print_of(p);
    };
    EXPECT_EQ(with(true), with(false)) << static_cast<int>(op);
  }
}

TEST(Fingerprint, OperandsOfAnUnorderedOperatorStayAsWritten) {
  EXPECT_NE(print_of([](Program& p) {
              const ExprId a = lit(p, 1);
              return binary(p, BinOp::Sub, a, lit(p, 2));
            }),
            print_of([](Program& p) {
              const ExprId a = lit(p, 2);
              return binary(p, BinOp::Sub, a, lit(p, 1));
            }));
  // Two variables under Add may be floats, whose NaN payloads tell the order.
  EXPECT_NE(print_of([](Program& p) {
              const ExprId a = var(p, "a");
              return binary(p, BinOp::Add, a, var(p, "b"));
            }),
            print_of([](Program& p) {
              const ExprId b = var(p, "b");
              return binary(p, BinOp::Add, b, var(p, "a"));
            }));
}

TEST(Fingerprint, TwoVariablesAreOrderedUnderBitwiseOperators) {
  EXPECT_EQ(print_of([](Program& p) {
              const ExprId a = var(p, "a");
              return binary(p, BinOp::BitOr, a, var(p, "b"));
            }),
            print_of([](Program& p) {
              const ExprId b = var(p, "b");
              return binary(p, BinOp::BitOr, b, var(p, "a"));
            }));
}

TEST(Fingerprint, TwoLiteralsAreOrderedUnderEveryCommutativeOperator) {
  EXPECT_EQ(print_of([](Program& p) {
              const ExprId a = lit(p, 1);
              return binary(p, BinOp::Add, a, lit(p, 2));
            }),
            print_of([](Program& p) {
              const ExprId a = lit(p, 2);
              return binary(p, BinOp::Add, a, lit(p, 1));
            }));
}

TEST(Fingerprint, OrderIsDecidedFromTheLeavesUp) {
  // (1 + y) | x  and  x | (y + 1): the inner swap comes first, then the outer one compares its
  // bytes.
  EXPECT_EQ(print_of([](Program& p) {
              const ExprId one = lit(p, 1);
              const ExprId sum = binary(p, BinOp::Add, one, var(p, "y"));
              return binary(p, BinOp::BitOr, sum, var(p, "x"));
            }),
            print_of([](Program& p) {
              const ExprId x = var(p, "x");
              const ExprId y = var(p, "y");
              return binary(p, BinOp::BitOr, x, binary(p, BinOp::Add, y, lit(p, 1)));
            }));
}

TEST(Fingerprint, BufferOrderDoesNotMatter) {
  const auto with = [](bool reversed) {
    Program p;
    const BufferDecl a = buffer(p, "a", 0);
    const BufferDecl b = buffer(p, "b", 1);
    p.buffers = reversed ? std::vector<BufferDecl>{b, a} : std::vector<BufferDecl>{a, b};
    const NodeId node = store(p, "a", lit(p, 0), lit(p, 1));
    p.entry = p.add_list({&node, 1});
    return p;
  };
  EXPECT_NE(encode(with(false)).value(), encode(with(true)).value());
  EXPECT_EQ(print_of(with(false)), print_of(with(true)));
}

TEST(Fingerprint, ShorterNamesSortFirst) {
  Program p;
  p.buffers = {buffer(p, "aa", 0), buffer(p, "b", 1)};
  const Program canonical = canonicalised(p);
  EXPECT_EQ(canonical.name(canonical.buffers[0].name), "b");
}

TEST(Fingerprint, BlocksWithoutALetAreSplicedEverywhere) {
  const auto with = [](int depth, bool with_let) {
    Program p;
    NodeId inner =
        with_let ? named(p, NodeTag::Let, "x", lit(p, 1)) : store(p, "out", lit(p, 0), lit(p, 1));
    for (int i = 0; i < depth; ++i) inner = list_node(p, NodeTag::Block, "", {inner});
    finish(p, {list_node(p, NodeTag::Region, "r", {inner})});
    return print_of(p);
  };
  EXPECT_EQ(with(0, false), with(1, false));
  EXPECT_EQ(with(0, false), with(3, false));
  EXPECT_NE(with(0, true), with(1, true));
  EXPECT_EQ(with(1, true), with(2, true)) << "a block around a scope is itself no scope";
}

TEST(Fingerprint, CanonicalFormIsItsOwnCanonicalForm) {
  Program p;
  const ExprId one = lit(p, 1);
  const ExprId sum = binary(p, BinOp::Add, one, var(p, "y"));
  const NodeId block = list_node(
      p, NodeTag::Block, "", {store(p, "out", lit(p, 0), binary(p, BinOp::Eq, sum, var(p, "a")))});
  finish(p, {block});
  const Program once = canonicalised(p);
  EXPECT_FALSE(same_program(p, once));
  EXPECT_TRUE(same_program(once, canonicalised(once)));
}

}  // namespace
}  // namespace vyre::vir

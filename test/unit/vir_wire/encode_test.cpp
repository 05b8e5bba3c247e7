// What the encoder refuses, and where it writes what its own decoder does not accept.
#include <gtest/gtest.h>

#include "unit/vir_wire/build_program.hpp"

namespace vyre::vir {
namespace {
using namespace testing;

Program simple() {
  return store_program([](Program& p) { return lit(p, 1); });
}

TEST(Encoder, RefusesShapesThatTheFormatCannotHold) {
  struct Case {
    const char* name;
    void (*spoil)(Program&);
    const char* reason;
  };
  for (const Case& c : {
           Case{"workgroup", [](Program& p) { p.workgroup[1] = 0; }, "workgroup dimension is 0"},
           Case{"workgroup memory",
                [](Program& p) {
                  p.buffers[0].access = Access::Workgroup;
                  p.buffers[0].count = 0;
                },
                "workgroup memory with count 0"},
           Case{"live-out",
                [](Program& p) {
                  p.buffers[0].pipeline_live_out = true;
                  p.buffers[0].count = 0;
                },
                "live-out with count 0"},
           Case{"range order",
                [](Program& p) {
                  p.buffers[0].output_byte_range = ByteRange{3, 2};
                },
                "from 3 to 2"},
           Case{"range end",
                [](Program& p) {
                  p.buffers[0].output_byte_range = ByteRange{0, 5};
                },
                "beyond its end"},
           Case{"range of unsized element",
                [](Program& p) {
                  p.buffers[0].element = p.scalar(TypeTag::Tensor);
                  p.buffers[0].output_byte_range = ByteRange{0, 0};
                },
                "has no size"},
           Case{"sparse element",
                [](Program& p) {
                  DataType t;
                  t.tag = TypeTag::SparseCsr;
                  t.element = p.scalar(TypeTag::U32);
                  p.buffers[0].element = p.add_type(t);
                },
                "sparse or mesh"},
           Case{"mesh element",
                [](Program& p) {
                  DataType t;
                  t.tag = TypeTag::DeviceMesh;
                  p.buffers[0].element = p.add_type(t);
                },
                "sparse or mesh"},
           Case{"quantised storage",
                [](Program& p) {
                  DataType t;
                  t.tag = TypeTag::Quantized;
                  t.element = p.scalar(TypeTag::U32);
                  p.buffers[0].element = p.add_type(t);
                },
                "cannot be the storage"},
           Case{"group size",
                [](Program& p) {
                  DataType t;
                  t.tag = TypeTag::Quantized;
                  t.element = p.scalar(TypeTag::I8);
                  t.scale.tag = 2;
                  p.buffers[0].element = p.add_type(t);
                },
                "group has size 0"},
           Case{"unknown operator",
                [](Program& p) {
                  const ExprId one = lit(p, 1);
                  p.nodes[0].e1 = binary(p, static_cast<BinOp>(0x22), one, one);
                },
                "binary operator 34"},
           Case{"unknown locality",
                [](Program& p) { p.buffers[0].hints.locality = static_cast<Locality>(3); },
                "cache locality 3"},
           Case{"missing operand", [](Program& p) { p.nodes[0].e1 = kNone; }, "lacks an operand"},
           Case{"missing name", [](Program& p) { p.nodes[0].name = kNone; }, "no name"},
           Case{"string length",
                [](Program& p) { p.nodes[0].name = p.intern(std::string(1'048'577, 'x')); },
                "limit is 1048576"},
       }) {
    Program p = simple();
    ASSERT_TRUE(encode(p)) << c.name;
    c.spoil(p);
    const auto blob = encode(p);
    ASSERT_FALSE(blob) << c.name;
    EXPECT_NE(blob.error().message.find(c.reason), std::string::npos)
        << c.name << ": " << to_string(blob.error());
  }
}

TEST(Encoder, FloatLiteralsAreWrittenCanonicallyAndReadAsTheyAre) {
  const struct {
    std::uint32_t in;
    std::uint32_t out;
  } cases[] = {
      {0x3F80'0000u, 0x3F80'0000u}, {0x8000'0000u, 0u},           {0x0000'0001u, 0u},
      {0x807F'FFFFu, 0u},           {0x0080'0000u, 0x0080'0000u}, {0x7FA0'0001u, 0x7FC0'0000u},
      {0xFFC0'0000u, 0x7FC0'0000u}, {0xFF80'0000u, 0xFF80'0000u}, {0x7F80'0000u, 0x7F80'0000u}};
  for (const auto& c : cases) {
    const auto read = decode(let_program(Raw{}.u8(15).u32(c.in).bytes).blob());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->exprs[0].bits, c.in);
    const auto again = decode(encode(*read).value());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->exprs[0].bits, c.out) << std::hex << c.in;
  }
}

TEST(Encoder, LaxInputBecomesMinimal) {
  RawProgram p = let_program(Raw{}.u8(2).u8(9).bytes);  // LitBool 9
  p.region = Raw{}.hex("8000").hex("00000100").hex("0104").hex("06000000000001").bytes;
  const auto program = decode(p.blob());
  ASSERT_TRUE(program) << to_string(program.error());
  const Bytes again = encode(*program).value();
  EXPECT_EQ(again, let_program(Raw{}.u8(2).u8(1).bytes).blob());
}

TEST(Encoder, RefusesADepthThatWouldUseUpTheStack) {
  Program p;
  ExprId e = lit(p, 1);
  for (int i = 0; i < 200'000; ++i) {
    Expr un;
    un.tag = ExprTag::UnOp;
    un.op = static_cast<std::uint8_t>(UnOp::BitNot);
    un.child[0] = e;
    e = p.add(un);
  }
  finish(p, {store(p, "out", lit(p, 0), e)});
  EXPECT_EQ(encode(p).error().code, Errc::limit_exceeded);
  const Program copy = p;
  EXPECT_TRUE(same_program(p, copy));
}

TEST(Encoder, WritesVectorElementsThatItsDecoderRefuses) {
  Program p = simple();
  DataType vec;
  vec.tag = TypeTag::Vec;
  vec.element = p.scalar(TypeTag::U32);
  vec.a = 4;
  p.buffers[0].element = p.add_type(vec);
  const auto blob = encode(p);
  ASSERT_TRUE(blob) << to_string(blob.error());
  EXPECT_FALSE(decode(*blob));
}

TEST(Encoder, WritesAnOutputOfCountZeroThatItsDecoderRefuses) {
  Program p = simple();
  p.buffers[0].count = 0;
  p.buffers[0].is_output = true;
  const auto blob = encode(p);
  ASSERT_TRUE(blob) << to_string(blob.error());
  EXPECT_FALSE(decode(*blob));
}

TEST(Encoder, WritesARangeOnARunTimeSizedBufferThatItsDecoderRefuses) {
  Program p = simple();
  p.buffers[0].count = 0;
  p.buffers[0].output_byte_range = ByteRange{0, 8};
  const auto blob = encode(p);
  ASSERT_TRUE(blob) << to_string(blob.error());
  EXPECT_FALSE(decode(*blob));
}

TEST(Encoder, WritesExtensionIdsThatItsDecoderRefuses) {
  Program p = simple();
  const ExprId one = lit(p, 1);
  const ExprId extended = binary(p, BinOp::Extension, one, one);
  p.exprs[extended].bits = 5;
  p.nodes[0].e1 = extended;
  const auto blob = encode(p);
  ASSERT_TRUE(blob);
  EXPECT_FALSE(decode(*blob));
}

TEST(Encoder, ElementsWithParametersComeBack) {
  Program p = simple();
  const auto add = [&](DataType t) {
    BufferDecl b = buffer(p, "b" + std::to_string(p.buffers.size()),
                          static_cast<std::uint32_t>(p.buffers.size()), 2, Access::ReadOnly);
    b.element = p.add_type(t);
    b.output_byte_range = std::nullopt;
    p.buffers.push_back(b);
  };
  DataType t;
  t.tag = TypeTag::Array;
  t.a = 12;
  add(t);
  t.b = 1;  // 2^32 + 12 bytes: the element size of a buffer is a 64-bit number
  add(t);
  t = {};
  t.tag = TypeTag::Handle;
  t.a = 0xFFFF'FFFFu;
  add(t);
  t.tag = TypeTag::Opaque;
  t.a = 0x8000'0001u;
  add(t);
  t = {};
  t.tag = TypeTag::Quantized;
  t.element = p.scalar(TypeTag::NF4);
  t.scale = {2, 64};
  t.zero_point = {3, 64};
  add(t);
  const auto back = decode(encode(p).value());
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_TRUE(same_program(p, *back));
  EXPECT_EQ(size_bytes(*back, back->buffers[2].element), (std::uint64_t{1} << 32) + 12);
  EXPECT_EQ(packed_bits(*back, back->buffers[5].element), std::uint64_t{4});
}

}  // namespace
}  // namespace vyre::vir

// Memory and values where the format is peculiar, faults with their place, and the limits of the
// executor itself.
#include <gtest/gtest.h>

#include <bit>

#include "programs.hpp"

namespace vyre {
namespace {

using reference::Verdict;
using test::AtomicOp;
using test::BinOp;
using test::ProgramBuilder;
using test::TypeTag;
using test::UnOp;
using Words = std::vector<std::uint32_t>;

/// out[0] = the u32 that `make` builds over an input buffer `in` of the given element type.
template <class Make>
reference::Outcome value_of(TypeTag element, const Words& input, Make make,
                            TypeTag result = TypeTag::U32) {
  ProgramBuilder b;
  b.read_only("in", element, 0);
  b.output("out", result, 1);
  b.body({b.store("out", b.u32(0), make(b))});
  return test::evaluate(b, {input});
}
template <class Make>
std::uint32_t word_of(TypeTag element, const Words& input, Make make) {
  const auto outcome = value_of(element, input, make);
  EXPECT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  return outcome.outputs.empty() ? 0xDEADBEEFu : load_le<std::uint32_t>(outcome.outputs[0], 0);
}

TEST(Memory, BoolBuffersLoadTheirRawWord) {
  EXPECT_EQ(word_of(TypeTag::Bool, {5},
                    [](auto& b) { return b.cast(TypeTag::U32, b.load("in", b.u32(0))); }),
            5u);
}

TEST(Memory, NarrowSignedElementsAreNotSignExtended) {
  EXPECT_EQ(word_of(TypeTag::I8, {0x000000FFu},
                    [](auto& b) { return b.cast(TypeTag::U32, b.load("in", b.u32(0))); }),
            0xFFu);
}

TEST(Memory, APartialLastElementIsOutOfBounds) {
  ProgramBuilder b;
  b.read_only("in", TypeTag::U64, 0);
  b.output("out", TypeTag::U64, 2);
  b.body({b.store("out", b.gid(), b.load("in", b.gid()))});
  const auto outcome = test::evaluate(b, {{1, 2, 3}});
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{1, 2, 0, 0}));
}

TEST(Memory, AnIndexMayBeAFloatAndIsTruncated) {
  EXPECT_EQ(word_of(TypeTag::U32, {7, 8}, [](auto& b) { return b.load("in", b.f32(1.7f)); }), 8u);
}

TEST(Memory, ANegativeIndexFaults) {
  const auto outcome = value_of(TypeTag::U32, {7}, [](auto& b) { return b.load("in", b.i32(-1)); });
  EXPECT_EQ(outcome.fault.code, FaultCode::bad_index);
  EXPECT_EQ(outcome.fault.statement, 1u);
}

TEST(Memory, F32LoadsAreCanonical) {
  ProgramBuilder b;
  b.read_only("in", TypeTag::F32, 3);
  b.output("out", TypeTag::F32, 3);
  b.body({b.store("out", b.gid(), b.load("in", b.gid()))});
  const auto outcome = test::evaluate(b, {{0x7F800001u, 0x80000001u, 0x3F800000u}});
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{0x7FC00000u, 0x80000000u, 0x3F800000u}));
}

TEST(Memory, F64ArithmeticIsRoundedToF32First) {
  ProgramBuilder b;
  const auto tenth = std::bit_cast<std::uint64_t>(0.1);
  b.read_only("in", TypeTag::F64, 1);
  b.output("out", TypeTag::F64, 2);
  const auto load = b.load("in", b.u32(0));
  b.body({b.store("out", b.u32(0), b.bin(BinOp::Add, load, load)), b.store("out", b.u32(1), load)});
  const auto outcome = test::evaluate(
      b, {{static_cast<std::uint32_t>(tenth), static_cast<std::uint32_t>(tenth >> 32)}});
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(load_le<std::uint64_t>(outcome.outputs[0], 0), 0x3FC99999A0000000u);
  EXPECT_EQ(load_le<std::uint64_t>(outcome.outputs[0], 8), tenth);
}

TEST(Memory, FourBitBuffersCountHalfBytesAndStepWholeOnes) {
  EXPECT_EQ(word_of(TypeTag::I4, {1, 2}, [](auto& b) { return b.len("in"); }), 16u);
}

TEST(Memory, AtomicsOutOfBoundsGiveZero) {
  ProgramBuilder b;
  b.read_write("a", TypeTag::U32, 1);
  b.output("out", TypeTag::U32, 1);
  b.body({b.store("out", b.u32(0), b.atomic(AtomicOp::Add, "a", b.u32(9), b.u32(1)))});
  reference::Options options;
  options.grid = vir::Grid{1, 1, 1};
  const auto outcome = test::evaluate(b, {{41}}, options);
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{41}));
  EXPECT_EQ(test::words_of(outcome.outputs[1]), (Words{0}));
}

TEST(Values, SelectEvaluatesBothArms) {
  ProgramBuilder b;
  b.read_write("a", TypeTag::U32, 1);
  b.output("out", TypeTag::U32, 1);
  b.body({b.store(
      "out", b.u32(0),
      b.select(b.boolean(true), b.u32(3), b.atomic(AtomicOp::Add, "a", b.u32(0), b.u32(1))))});
  reference::Options options;
  options.grid = vir::Grid{1, 1, 1};
  const auto outcome = test::evaluate(b, {{41}}, options);
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{42}));
  EXPECT_EQ(test::words_of(outcome.outputs[1]), (Words{3}));
}

TEST(Values, UnsignedDivisionByZeroIsDefined) {
  const auto divide = [](BinOp op) {
    return word_of(TypeTag::U32, {0},
                   [op](auto& b) { return b.bin(op, b.u32(7), b.load("in", b.u32(0))); });
  };
  EXPECT_EQ(divide(BinOp::Div), 0xFFFFFFFFu);
  EXPECT_EQ(divide(BinOp::Mod), 0u);
}

TEST(Values, SignedDivisionFaultsWithItsPlace) {
  ProgramBuilder b;
  b.lanes(2);
  b.read_only("in", TypeTag::I32, 4);
  b.output("out", TypeTag::I32, 4);
  b.body({b.let("x", b.load("in", b.gid())),
          b.store("out", b.gid(), b.bin(BinOp::Div, b.i32(INT32_MIN), b.var("x")))});
  auto outcome = test::evaluate(b, {{1, 2, 3, 0}});
  EXPECT_EQ(outcome.fault.code, FaultCode::i32_division_by_zero);
  EXPECT_EQ(outcome.fault.workgroup, 1u);
  EXPECT_EQ(outcome.fault.lane, 1u);
  EXPECT_EQ(outcome.fault.statement, 2u);
  EXPECT_TRUE(outcome.outputs.empty());
  outcome = test::evaluate(b, {{1, 0xFFFFFFFFu, 3, 4}});
  EXPECT_EQ(outcome.fault.code, FaultCode::i32_division_overflow);
  EXPECT_EQ(outcome.fault.workgroup, 0u);
}

TEST(Values, TheBitsOfTwoI32StayI32WhateverTheirStaticType) {
  // -8 >> 1 of two values that the validator types u32: arithmetic, so they are i32 at run time.
  EXPECT_EQ(word_of(TypeTag::U32, {0},
                    [](auto& b) {
                      const auto minus8 = b.bin(BinOp::BitOr, b.i32(-8), b.i32(-8));
                      const auto one = b.bin(BinOp::BitOr, b.i32(1), b.i32(1));
                      return b.bin(BinOp::Shr, minus8, one);
                    }),
            static_cast<std::uint32_t>(-4));
}

TEST(Values, MixedKindsFault) {
  const auto run = [](std::uint32_t flag) {
    return value_of(TypeTag::U32, {flag},
                    [](auto& b) {
                      return b.cast(TypeTag::U32,
                                    b.bin(BinOp::And, b.boolean(true), b.load("in", b.u32(0))));
                    })
        .fault.code;
  };
  EXPECT_EQ(run(1), FaultCode::type_mismatch);
}

TEST(Values, OperationsDefinedToFailFault) {
  const auto code = [](auto make) { return value_of(TypeTag::U32, {0}, make).fault.code; };
  EXPECT_EQ(code([](auto& b) { return b.bin(BinOp::MulHigh, b.i32(1), b.i32(2)); }),
            FaultCode::type_mismatch);
  EXPECT_EQ(code([](auto& b) { return b.cast(TypeTag::U32, b.cast(TypeTag::U64, b.i32(-1))); }),
            FaultCode::cast_out_of_range);
}

TEST(Values, ATrapNamesItsTag) {
  ProgramBuilder b;
  b.output("out", TypeTag::U32, 1);
  b.body({b.trap(b.u32(1), "checksum")});
  const auto outcome = test::evaluate(b);
  EXPECT_EQ(outcome.fault.code, FaultCode::trap);
  EXPECT_NE(outcome.message.find("checksum"), std::string::npos) << outcome.message;
}

TEST(Limits, BuffersBeyondTheExecutorsMemoryAreRefused) {
  ProgramBuilder b;
  b.output("out", TypeTag::Vec4U32, 0xFFFFFFFFu);
  b.body({b.block({})});
  const auto outcome = test::evaluate(b);
  EXPECT_EQ(outcome.verdict, Verdict::refused);
  EXPECT_NE(outcome.message.find("out"), std::string::npos) << outcome.message;
}

TEST(Limits, WrongInputsAreRefusedByName) {
  ProgramBuilder b;
  b.read_only("needle", TypeTag::U32, 4);
  b.output("out", TypeTag::U32, 1);
  b.body({b.block({})});
  EXPECT_EQ(test::evaluate(b).verdict, Verdict::refused);
  const auto outcome = test::evaluate(b, {{1, 2, 3}});
  EXPECT_EQ(outcome.verdict, Verdict::refused);
  EXPECT_NE(outcome.message.find("needle"), std::string::npos) << outcome.message;
}

TEST(Limits, OutputsAreCutToTheirByteRange) {
  ProgramBuilder b;
  b.output("out", TypeTag::U32, 3).output_byte_range = vir::ByteRange{2, 6};
  b.body({b.store("out", b.gid(), b.u32(0x44332211u))});
  const auto outcome = test::evaluate(b);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(outcome.outputs[0], (Bytes{0x33, 0x44, 0x11, 0x22}));
}

}  // namespace
}  // namespace vyre

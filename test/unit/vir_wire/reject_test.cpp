// What the body's grammar refuses and what it lets pass: each rule of the wire page, with a right
// digest.
#include <gtest/gtest.h>

#include "protocol/limits.hpp"
#include "unit/vir_wire/build_program.hpp"

namespace vyre::vir {
namespace {
using namespace testing;

::testing::AssertionResult accepts(const Bytes& blob, Profile profile = Profile::v4_0_6_3) {
  const auto program = decode(blob, {profile});
  if (program) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << to_string(program.error());
}

::testing::AssertionResult refuses(const Bytes& blob, std::string_view reason,
                                   std::uint64_t offset = kNoOffset,
                                   Profile profile = Profile::v4_0_6_3) {
  const auto program = decode(blob, {profile});
  if (program) return ::testing::AssertionFailure() << "accepted";
  const Error& error = program.error();
  if (error.message.find(reason) == std::string::npos) {
    return ::testing::AssertionFailure() << "another reason: " << to_string(error);
  }
  if (error.offset == kNoOffset || (offset != kNoOffset && error.offset != offset)) {
    return ::testing::AssertionFailure()
           << "offset " << error.offset << " instead of " << offset << ": " << error.message;
  }
  return ::testing::AssertionSuccess();
}

Bytes lit_u32() {
  return Raw{}.u8(0).u32(7).bytes;
}

TEST(Records, CountOfZeroOrBeyondTheLimitIsRefused) {
  EXPECT_TRUE(refuses(sealed({0}), "no metadata", 40));
  EXPECT_TRUE(refuses(sealed(Raw{}.leb(1'000'001).bytes), "limit is 1000000", 40));
}

TEST(Records, AClaimedMillionWithoutBytesBehindItIsRefusedAtOnce) {
  EXPECT_TRUE(refuses(sealed(Raw{}.leb(1'000'000).bytes), "record op id"));
  RawProgram p;
  p.op_id = "vyre.node.block";
  p.node = Raw{}.u8(6).u32(1'000'000).bytes;
  EXPECT_TRUE(refuses(p.blob(), "node tag needs 1 bytes"));
  p.op_id = "vyre.node.let";
  p.node = Raw{}.u8(0).text("x").u8(13).u8(0x1E).u32(0xFFFF'FFFF).bytes;
  EXPECT_TRUE(refuses(p.blob(), "mesh axes"));
}

TEST(Records, FirstRecordMustBeTheMetadata) {
  EXPECT_TRUE(refuses(sealed(Raw{}.leb(1).leb_text("vyre.node.return").leb(1).u8(5).leb(0).bytes),
                      "vyre.program.metadata", 41));
}

TEST(Records, OperandsAreRefusedInEveryRecord) {
  const Bytes body = RawProgram{}.body();
  // The metadata record's operand count follows its payload.
  const std::size_t meta = 1 + 1 + 21 + 1 + 9 + 1 + 12 + 1 + 1 + 22 + 0;
  Bytes bad = body;
  ASSERT_EQ(bad[meta], 0);
  bad[meta] = 1;
  EXPECT_TRUE(refuses(sealed(bad), "operands", 40 + meta));
}

TEST(Records, OpIdMustNameTheNodeItHolds) {
  RawProgram p;
  p.op_id = "vyre.node.resume";
  EXPECT_TRUE(refuses(p.blob(), "holds another node"));
  p.op_id = "vyre.node.Return";
  EXPECT_TRUE(refuses(p.blob(), "holds another node"));
}

TEST(Records, PayloadMustBeExactlyOneNode) {
  RawProgram p;
  p.node = {5, 5};
  EXPECT_TRUE(refuses(p.blob(), "after its end", p.node_offset() + 1));
  p.node = {};
  EXPECT_TRUE(refuses(p.blob(), "node tag", p.node_offset()));
}

TEST(Records, RecordPayloadMayPassFourMiBOnlyInTheOldDialect) {
  RawProgram p;
  p.op_id = "vyre.node.region";
  Raw node;
  node.u8(11).text("g").u8(0).u32(3);
  for (int block = 0; block < 3; ++block) {
    node.u8(6).u32(800'000);
    for (int i = 0; i < 800'000; ++i) node.u8(7).u8(4);
  }
  p.node = node.bytes;
  ASSERT_GT(p.node.size(), 4'194'304u);
  EXPECT_TRUE(accepts(p.blob()));
  EXPECT_TRUE(refuses(p.blob(), "limit is 4194304", kNoOffset, Profile::v4_0_6_4));
}

TEST(Records, BytesAfterTheOutputSetAreRefused) {
  Bytes body = RawProgram{}.body();
  body.push_back(0);
  EXPECT_TRUE(refuses(sealed(body), "follow the end", 40 + body.size() - 1));
}

TEST(Metadata, MagicWorkgroupAndStrictBytesAreChecked) {
  RawProgram p;
  p.metadata_head[0] = 'v';
  EXPECT_TRUE(refuses(p.blob(), "VYRE-META"));
  p = {};
  p.metadata_head[9] = 2;
  EXPECT_TRUE(refuses(p.blob(), "entry op id presence is 2"));
  for (std::size_t axis = 0; axis < 3; ++axis) {
    p = {};
    p.metadata_head[10 + 4 * axis] = 0;
    EXPECT_TRUE(refuses(p.blob(), "workgroup dimension is 0")) << axis;
  }
  p = {};
  p.metadata_head[22] = 2;
  EXPECT_TRUE(refuses(p.blob(), "non_composable_with_self is 2"));
}

TEST(Metadata, EntryOpIdIsReadAndMayBeEmpty) {
  RawProgram p;
  p.metadata_head = Raw{}.chars("VYRE-META").u8(1).text("").u32(1).u32(1).u32(1).u8(1).bytes;
  const auto program = decode(p.blob());
  ASSERT_TRUE(program) << to_string(program.error());
  EXPECT_EQ(program->entry_op_id, std::string());
  EXPECT_TRUE(program->non_composable_with_self);
}

TEST(Metadata, AnOutputNeedsAnElementCount) {
  RawProgram p;
  p.region[6] = 0;
  p.buffer = Raw{}.text("b").u32(0).u32(0).u8(0).u8(0).u8(0).hex("000000000001").bytes;
  EXPECT_TRUE(accepts(p.blob()));
  p.buffer = Raw{}.text("b").u32(0).u32(0).u8(1).u8(0).u8(0).hex("000000000001").bytes;
  EXPECT_TRUE(refuses(p.blob(), "output with count 0"));
  p.buffer = Raw{}.text("b").u32(0).u32(0).u8(0).u8(1).u8(0).hex("000000000001").bytes;
  EXPECT_TRUE(refuses(p.blob(), "output with count 0"));
}

TEST(Metadata, OutputRangeMustLieInsideTheBuffer) {
  const auto with_range = [](std::uint64_t start, std::uint64_t end) {
    RawProgram p;
    p.buffer = Raw{}
                   .text("b")
                   .u32(0)
                   .u32(4)
                   .u8(0)
                   .u8(0)
                   .u8(1)
                   .leb(start)
                   .leb(end)
                   .hex("000000000001")
                   .bytes;
    return p.blob();
  };
  EXPECT_TRUE(accepts(with_range(0, 16)));
  EXPECT_TRUE(accepts(with_range(16, 16)));
  EXPECT_TRUE(refuses(with_range(3, 2), "starts at 3"));
  EXPECT_TRUE(refuses(with_range(0, 17), "ends at byte 17"));
  EXPECT_TRUE(refuses(with_range(0, ~std::uint64_t{0}), "ends at byte"));
}

TEST(Metadata, OutputRangeOfAFourBitTypeCountsWholeBytes) {
  RawProgram p;
  p.buffer =
      Raw{}.text("b").u32(0).u32(4).u8(0).u8(0).u8(1).leb(0).leb(4).hex("000000000001").bytes;
  p.region[3] = 0x1B;
  EXPECT_TRUE(accepts(p.blob()));
}

TEST(Metadata, OutputRangeNeedsASizedElementEvenWhenItIsEmpty) {
  RawProgram p;
  p.buffer =
      Raw{}.text("b").u32(0).u32(4).u8(0).u8(0).u8(1).leb(0).leb(0).hex("000000000001").bytes;
  EXPECT_TRUE(accepts(p.blob()));
  p.region[3] = 0x0D;  // Tensor
  EXPECT_TRUE(refuses(p.blob(), "has no size"));
}

TEST(Metadata, BufferCountIsBounded) {
  RawProgram p;
  p.buffers = 16'385;
  EXPECT_TRUE(refuses(p.blob(), "limit is 16384"));
}

TEST(Strings, MustBeUtf8ByTheStrictRules) {
  const auto named = [](std::string_view name) {
    return let_program(Raw{}.u8(3).text(name).bytes);
  };
  for (const std::string_view good :
       {std::string_view(""), std::string_view("\0", 1), std::string_view("\xC2\x80"),
        std::string_view("\xE0\xA0\x80"), std::string_view("\xED\x9F\xBF"),
        std::string_view("\xEE\x80\x80"), std::string_view("\xF0\x90\x80\x80"),
        std::string_view("\xF4\x8F\xBF\xBF")}) {
    EXPECT_TRUE(accepts(named(good).blob()));
  }
  for (const std::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xE1\x80", "\xE1\x80\x41", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFF", "\xF0\x90\x80"}) {
    const RawProgram p = named(std::string("ok") + std::string(bad));
    EXPECT_TRUE(refuses(p.blob(), "not UTF-8", p.node_offset() + 1 + 5 + 1 + 4 + 2));
  }
}

TEST(Strings, LengthIsBoundedBeforeAnythingIsRead) {
  const RawProgram p = let_program(Raw{}.u8(3).u32(1'048'577).bytes);
  EXPECT_TRUE(refuses(p.blob(), "limit is 1048576", p.node_offset() + 7));
}

TEST(Leb, OverlongFormsAreReadAndTheTenthByteIsBounded) {
  RawProgram p;
  p.region = Raw{}.hex("80808000").hex("00000100").hex("0104").hex("06000000000001").bytes;
  EXPECT_TRUE(accepts(p.blob()));
  p.region =
      Raw{}.hex("80808080808080808000").hex("00000100").hex("0104").hex("06000000000001").bytes;
  EXPECT_TRUE(accepts(p.blob()));
  p.region =
      Raw{}.hex("80808080808080808002").hex("00000100").hex("0104").hex("06000000000001").bytes;
  EXPECT_TRUE(refuses(p.blob(), "beyond 64 bits"));
  p.region =
      Raw{}.hex("8080808080808080808000").hex("00000100").hex("0104").hex("06000000000001").bytes;
  EXPECT_TRUE(refuses(p.blob(), "beyond 64 bits"));
}

TEST(Trees, EveryNodeAndExpressionTagOutsideTheListsIsRefused) {
  for (int tag = 0; tag < 256; ++tag) {
    RawProgram p;
    p.node = {static_cast<std::uint8_t>(tag)};
    if (tag > 18) {
      EXPECT_TRUE(refuses(p.blob(), tag == 0x80 ? "opaque node kind" : "node tag")) << tag;
    }
    p = let_program({static_cast<std::uint8_t>(tag)});
    if (tag > 21) {
      EXPECT_TRUE(refuses(p.blob(), tag == 0x80 ? "opaque expression kind" : "expression tag"))
          << tag;
    }
  }
}

TEST(Trees, EveryOperatorByteIsAcceptedOrRefusedByItsTable) {
  for (int op = 0; op < 256; ++op) {
    const auto byte = static_cast<std::uint8_t>(op);
    const Bytes two = Raw{}.u8(9).u8(byte).raw(lit_u32()).raw(lit_u32()).bytes;
    EXPECT_EQ(decode(let_program(two).blob()).has_value(), op >= 1 && op <= 0x21) << op;
    const Bytes one = Raw{}.u8(10).u8(byte).raw(lit_u32()).bytes;
    EXPECT_EQ(decode(let_program(one).blob()).has_value(), op >= 1 && op <= 0x24) << op;
    const Bytes atomic =
        Raw{}.u8(14).u8(byte).u8(4).text("b").raw(lit_u32()).u8(0).raw(lit_u32()).bytes;
    EXPECT_EQ(decode(let_program(atomic).blob()).has_value(), op >= 1 && op <= 0x0B) << op;
    RawProgram barrier;
    barrier.op_id = "vyre.node.barrier";
    barrier.node = {7, byte};
    EXPECT_EQ(decode(barrier.blob()).has_value(), op <= 5) << op;
    RawProgram all_reduce;
    all_reduce.op_id = "vyre.node.all_reduce";
    all_reduce.node = Raw{}.u8(15).text("b").u8(byte).u32(0).bytes;
    EXPECT_EQ(decode(all_reduce.blob()).has_value(), op >= 1 && op <= 6) << op;
  }
}

TEST(Trees, ExtensionIdsNeedBit31) {
  const auto extended = [](std::uint32_t id) {
    return let_program(Raw{}.u8(10).u8(0x80).u32(id).raw(lit_u32()).bytes).blob();
  };
  EXPECT_TRUE(accepts(extended(0x8000'0000u)));
  EXPECT_TRUE(refuses(extended(0x7FFF'FFFFu), "bit 31"));
}

TEST(Trees, BuiltInOpaqueLiteralsHaveExactlyEightBytes) {
  const auto opaque = [](std::string_view kind, std::uint32_t bytes) {
    return let_program(Raw{}.u8(0x80).text(kind).u32(bytes).raw(Bytes(bytes)).bytes).blob();
  };
  for (const char* kind : {"vyre.literal.i64", "vyre.literal.u64", "vyre.literal.f64"}) {
    EXPECT_TRUE(accepts(opaque(kind, 8)));
    EXPECT_TRUE(refuses(opaque(kind, 7), "must have 8"));
    EXPECT_TRUE(refuses(opaque(kind, 9), "must have 8"));
  }
  EXPECT_TRUE(refuses(opaque("vyre.literal.i128", 8), "not registered"));
}

TEST(Trees, CallsTakeAtMost4096Arguments) {
  const auto with_args = [](std::uint32_t count) {
    Raw e;
    e.u8(11).text("f").u32(count);
    for (std::uint32_t i = 0; i < count; ++i) e.u8(21);
    return let_program(e.bytes).blob();
  };
  EXPECT_TRUE(accepts(with_args(4'096)));
  EXPECT_TRUE(refuses(with_args(4'097), "limit is 4096"));
}

TEST(Trees, SixtyFourLevelsAreTheDeepest) {
  const auto chain = [](int levels) {  // the Let counts as one level, the literal as the last
    Raw e;
    for (int i = 0; i < levels - 2; ++i) e.u8(10).u8(2);
    e.raw(lit_u32());
    return let_program(e.bytes).blob();
  };
  EXPECT_TRUE(accepts(chain(64)));
  EXPECT_TRUE(refuses(chain(65), "deeper than 64"));
  EXPECT_TRUE(refuses(chain(100'000), "deeper than 64"));
}

TEST(Trees, DepthStartsAgainAfterEachSibling) {
  RawProgram p;
  p.op_id = "vyre.node.block";
  Raw node;
  node.u8(6).u32(200);
  for (int i = 0; i < 200; ++i) node.u8(0).text("x").u8(10).u8(2).raw(lit_u32());
  p.node = node.bytes;
  EXPECT_TRUE(accepts(p.blob()));
}

TEST(Types, DeepTypeNestingIsRefusedRatherThanRecursedInto) {
  const auto cast = [](std::size_t levels) {
    return let_program(Raw{}.u8(13).raw(Bytes(levels, 0x16)).u8(1).raw(lit_u32()).bytes).blob();
  };
  EXPECT_TRUE(accepts(cast(63)));
  EXPECT_TRUE(refuses(cast(64), "deeper than 64"));
  EXPECT_TRUE(refuses(cast(1'000'000), "deeper than 64"));
}

TEST(Types, QuantisedStorageScaleAndZeroPointAreChecked) {
  const auto cast = [](std::uint8_t storage, std::uint8_t scale, std::uint32_t scale_param,
                       std::uint8_t zero, std::uint32_t zero_param) {
    return let_program(Raw{}
                           .u8(13)
                           .u8(0x1F)
                           .u8(storage)
                           .u8(scale)
                           .u32(scale_param)
                           .u8(zero)
                           .u32(zero_param)
                           .raw(lit_u32())
                           .bytes)
        .blob();
  };
  EXPECT_TRUE(accepts(cast(0x10, 0, 0, 0, 0)));
  EXPECT_TRUE(accepts(cast(0x1D, 1, 0, 2, 0)));
  EXPECT_TRUE(accepts(cast(0x0F, 2, 32, 3, 32)));
  EXPECT_TRUE(refuses(cast(0x01, 0, 0, 0, 0), "cannot be the storage"));
  EXPECT_TRUE(refuses(cast(0x10, 0, 1, 0, 0), "quantisation scale"));
  EXPECT_TRUE(refuses(cast(0x10, 2, 0, 0, 0), "quantisation scale"));
  EXPECT_TRUE(refuses(cast(0x10, 3, 1, 0, 0), "quantisation scale"));
  EXPECT_TRUE(refuses(cast(0x10, 0, 0, 0, 1), "zero point"));
  EXPECT_TRUE(refuses(cast(0x10, 0, 0, 1, 1), "zero point"));
  EXPECT_TRUE(refuses(cast(0x10, 0, 0, 3, 0), "zero point"));
  EXPECT_TRUE(refuses(cast(0x10, 0, 0, 4, 1), "zero point"));
}

TEST(Regions, EveryFieldIsCheckedAgainstItsTable) {
  const RawProgram base;
  const std::size_t region = base.blob().size() - 1 - base.region.size();
  struct Case {
    std::size_t at;
    std::uint8_t value;
    const char* reason;
    std::size_t offset;
  };
  for (const Case& c :
       {Case{0, 1, "has id 1", 0}, Case{1, 7, "memory kind 7", 1}, Case{2, 5, "access 5", 2},
        Case{3, 0x20, "element type tag 32", 3}, Case{3, 0x00, "element type tag 0", 3},
        Case{3, 0x14, "no dense layout", 3}, Case{3, 0x1E, "no dense layout", 3},
        Case{4, 1, "shape tag 1", 4}, Case{5, 65, "limit is 64", 5}, Case{5, 2, "after its end", 7},
        Case{6, 5, "elements in the metadata", 0}, Case{7, 7, "after its end", 14},
        Case{8, 2, "coalesce axis presence is 2", 8}, Case{13, 3, "cache locality 3", 13}}) {
    RawProgram p;
    p.region[c.at] = c.value;
    EXPECT_TRUE(refuses(p.blob(), c.reason, region + c.offset))
        << "byte " << c.at << " = " << int{c.value};
  }
}

TEST(Regions, MustBeAsManyAsTheDeclaredBuffers) {
  Bytes body = RawProgram{}.body();
  const std::size_t count = body.size() - 1 - 14 - 1;
  ASSERT_EQ(body[count], 1);
  body[count] = 2;
  EXPECT_TRUE(refuses(sealed(body), "memory regions for 1", 40 + count));
}

TEST(Regions, HintsReplaceTheMetadatasCopy) {
  RawProgram p;
  p.region = Raw{}.hex("0000000100").hex("0104").hex("07010208000000").u8(2).bytes;
  const auto program = decode(p.blob());
  ASSERT_TRUE(program) << to_string(program.error());
  EXPECT_EQ(program->buffers[0].hints.coalesce_axis, std::uint8_t{2});
  EXPECT_EQ(program->buffers[0].hints.preferred_alignment, 8u);
  EXPECT_EQ(program->buffers[0].hints.locality, Locality::Random);
}

TEST(Regions, WorkgroupMemoryNeedsACount) {
  RawProgram p;
  p.region[2] = 3;
  EXPECT_TRUE(accepts(p.blob()));
  p.region[6] = 0;
  p.buffer = Raw{}.text("b").u32(0).u32(0).u8(0).u8(0).u8(0).hex("000000000001").bytes;
  EXPECT_TRUE(refuses(p.blob(), "workgroup memory with count 0"));
}

TEST(Outputs, AreExactlyTheWritableBuffersInOrder) {
  RawProgram p;
  p.buffers = 1;
  EXPECT_TRUE(accepts(p.blob()));
  p.outputs = {1, 0};
  EXPECT_TRUE(refuses(p.blob(), "not writable"));
  p.outputs = {1, 1};
  EXPECT_TRUE(refuses(p.blob(), "of 1 buffers"));
  p.region[2] = 1;  // ReadWrite
  p.outputs = {0};
  EXPECT_TRUE(refuses(p.blob(), "missing from the outputs"));
  p.outputs = {1, 0};
  EXPECT_TRUE(accepts(p.blob()));
  p.outputs = {2, 0, 0};
  EXPECT_TRUE(refuses(p.blob(), "ascending"));
  p.region[2] = 4;  // WriteOnly
  p.outputs = {1, 0};
  EXPECT_TRUE(accepts(p.blob()));
}

}  // namespace
}  // namespace vyre::vir

// What lowering promises of an image: forms, kinds, joins, refusals; what it computes is proved by
// running it.
#include "vir/lower/lower.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::vir {
namespace {

using core::Opcode;

Program program_of(const std::string& text) {
  auto assembled = assemble(text);
  EXPECT_TRUE(assembled) << (assembled ? "" : to_string(assembled.error()));
  if (!assembled) return {};
  auto prepared = prepare(*assembled);
  EXPECT_TRUE(prepared);
  const Status valid = validate(*prepared);
  EXPECT_TRUE(valid) << (valid ? "" : valid.error().message);
  return *prepared;
}

core::Image image_of(const std::string& text, bool optimise = true) {
  auto image = lower(program_of(text), {optimise});
  EXPECT_TRUE(image) << (image ? "" : image.error().message);
  return image ? *image : core::Image{};
}

long count(const core::Image& image, Opcode op) {
  return std::count_if(image.code.begin(), image.code.end(),
                       [op](const auto& i) { return i.op == op; });
}

constexpr const char* kBuffers =
    "workgroup 64, 1, 1;\n"
    "buffer a: u32[] read_only;\n"
    "buffer x: f32[] read_only;\n"
    "buffer out: u32[] read_write;\n"
    "buffer y: f32[] read_write;\n";

std::string with(const std::string& body) {
  return std::string(kBuffers) + "region \"r\" {\n" + body + "}\n";
}

TEST(Lower, GuardOnTheGlobalIdIsOneInstruction) {
  const auto image = image_of(with("if gid.x < len(out) { out[gid.x] = a[gid.x]; }\n"));
  EXPECT_EQ(count(image, Opcode::if_id_below), 1);
  EXPECT_EQ(count(image, Opcode::ult), 0);
}

TEST(Lower, SumsOfProductsAreChainedThreeAtATime) {
  const auto image =
      image_of(with("let v = x[gid.x];\nlet s = 1.0;\ns = s * v + 2.0;\ns = s * v + 3.0;\ns = s * "
                    "v + 4.0;\ns = s * v + "
                    "5.0;\ny[gid.x] = s;\n"));
  EXPECT_EQ(count(image, Opcode::fmul_add_chain), 1);
  EXPECT_EQ(count(image, Opcode::fmul_add), 1);
}

TEST(Lower, AChainPrintsEachOfItsAddends) {
  for (const std::string& steps :
       {std::string("s = s * v + 3.0;\n"), std::string("s = s * v + 3.0;\ns = s * v + 4.0;\n")}) {
    const auto image = image_of(
        with("let v = x[gid.x];\nlet s = v;\ns = s * v + 2.0;\n" + steps + "y[gid.x] = s;\n"));
    ASSERT_EQ(count(image, Opcode::fmul_add_chain), 1);
    const std::string text = disassemble_image(image);
    const std::size_t at = text.find("fmul_add_chain");
    ASSERT_NE(at, std::string::npos) << text;
    const std::string line = text.substr(at, text.find('\n', at) - at);
    const bool three = steps.find("4.0") != std::string::npos;
    for (const float addend : {2.0f, 3.0f, 4.0f}) {
      const std::string constant = "#" + std::to_string(std::bit_cast<std::uint32_t>(addend));
      EXPECT_EQ(line.find(constant) != std::string::npos, addend < 4 || three) << line;
    }
  }
}

TEST(Lower, SumWhoseFactorIsItselfIsNotChained) {
  const auto image =
      image_of(with("let s = x[gid.x];\ns = s * s + 2.0;\ns = s * s + 3.0;\ny[gid.x] = s;\n"));
  EXPECT_EQ(count(image, Opcode::fmul_add_chain), 0);
  EXPECT_EQ(count(image, Opcode::fmul_add), 2);
}

TEST(Lower, ConstantsFoldToOneConstant) {
  const auto image = image_of(with("out[gid.x] = 3u + 4u * 5u;\n"));
  EXPECT_EQ(count(image, Opcode::mul_add) + count(image, Opcode::add) + count(image, Opcode::mul),
            0);
  EXPECT_NE(std::find(image.constants.begin(), image.constants.end(), 23u), image.constants.end());
}

TEST(Lower, WithoutOptimisationNothingIsFoldedOrFused) {
  const auto image = image_of(with("out[gid.x] = 3u + 4u * 5u;\n"), false);
  EXPECT_EQ(count(image, Opcode::add), 1);
  EXPECT_EQ(count(image, Opcode::mul), 1);
}

TEST(Lower, UnreadPureVariableCostsNothing) {
  const auto image = image_of(with("let unread = a[lid.x] + 1u;\nout[gid.x] = 7u;\n"));
  EXPECT_EQ(count(image, Opcode::load32), 0);
}

TEST(Lower, UniformLoopNeedsNoMask) {
  const auto image =
      image_of(with("let s = 0u;\nfor i in 0u..10u { s = s + i; }\nout[gid.x] = s;\n"));
  EXPECT_EQ(count(image, Opcode::loop_enter_s), 1);
  EXPECT_EQ(count(image, Opcode::loop_enter_v), 0);
  EXPECT_EQ(image.mask_count, 1u);
  EXPECT_FALSE(image.diverges);
}

TEST(Lower, ASubgroupOperationInABranchIsOneInstruction) {
  const auto image = image_of(
      with("let x = lid.x;\nif lid.x < 16u { x = x + subgroup_add(x); }\nout[gid.x] = x;\n"));
  EXPECT_EQ(count(image, Opcode::group_reduce), 1);
  EXPECT_EQ(image.mask_count, 2u);
  EXPECT_FALSE(image.flat);
}

TEST(Lower, AnAtomicInsideTheArgumentOfASubgroupOperationIsLowered) {
  const auto image = image_of(
      "workgroup 64, 1, 1;\nbuffer n: u32[] read_write;\nbuffer out: u32[] read_write;\n"
      "region \"r\" {\nout[gid.x] = subgroup_add(atomic_add(n[0u], 1u));\n}\n");
  EXPECT_EQ(count(image, Opcode::atomic), 1);
  EXPECT_EQ(count(image, Opcode::group_reduce), 1);
}

TEST(Lower, LoopBoundFromMemoryHasAMask) {
  const auto image =
      image_of(with("let s = 0u;\nfor i in 0u..a[gid.x] { s = s + i; }\nout[gid.x] = s;\n"));
  EXPECT_EQ(count(image, Opcode::loop_enter_v), 1);
  EXPECT_TRUE(image.diverges);
  EXPECT_TRUE(image.loops);
}

TEST(Lower, EveryTargetIsInsideTheCode) {
  const auto image =
      image_of(with("if a[gid.x] < 3u { return; } else { out[gid.x] = 1u; }\nfor i in 0u..a[gid.x] "
                    "{ if i == 2u { return; } }\n"));
  for (const auto& i : image.code) {
    switch (i.op) {
      case Opcode::if_begin:
      case Opcode::if_id_below:
      case Opcode::else_begin:
      case Opcode::jump:
      case Opcode::jump_if_zero:
      case Opcode::loop_enter_s:
      case Opcode::loop_next_s:
      case Opcode::loop_enter_v:
      case Opcode::loop_next_v:
      case Opcode::leave:
        EXPECT_LT(i.imm, image.code.size());
        break;
      default:
        break;
    }
  }
  EXPECT_EQ(image.code.back().op, Opcode::end);
}

TEST(Lower, ConstantPlaceOfAReadOnlyBufferIsLoadedOncePerRun) {
  const auto image = image_of(with("out[gid.x] = a[3u] + a[3u];\n"));
  EXPECT_EQ(count(image, Opcode::load32), 1);
  EXPECT_GE(image.once_count, 1u);
}

TEST(Lower, DisassemblyNamesBuffersAndStatements) {
  const std::string text = disassemble_image(image_of(with("out[gid.x] = a[gid.x];\n")));
  EXPECT_NE(text.find("[out]"), std::string::npos);
  EXPECT_NE(text.find("store32"), std::string::npos);
  EXPECT_NE(text.find("; statement 1"), std::string::npos);
}

}  // namespace
}  // namespace vyre::vir

// What an emulated warp counts for the members of an image, against the code of the image; and
// spans that one run goes through one after another, against a run each.
#include "support/emulated_cuda.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "cuda/interpreter/interpret.cuh"
#include "vir/lower/fuse.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

constexpr std::uint32_t kMembers{3};

core::Image three_of(const std::string& statements) {
  const auto program = vir::prepare(*vir::assemble(
      "workgroup 1, 1, 1;\nbuffer x: u32[] read_only;\nbuffer y: u32[2000] read_write output "
      "live_out;\nregion \"m\" {\n" +
      statements + "}\n"));
  EXPECT_TRUE(program && vir::validate(*program));
  const auto image = vir::lower(*program);
  const core::Image* const all[] = {&*image, &*image, &*image};
  const vir::HandOver handed[] = {{{0, 1}, {{1, 0}}, 2'000, false, true},
                                  {{1, 1}, {{2, 0}}, 2'000, false, true}};
  auto fused = vir::fuse(all, handed);
  EXPECT_TRUE(fused);
  return std::move(*fused);
}

/// Steps by member of a run over so many lanes, and of all together.
std::array<std::uint64_t, kMembers + 1> steps_of(const core::Image& image, std::uint32_t lanes) {
  std::vector<std::vector<std::uint32_t>> words(kMembers + 1, std::vector<std::uint32_t>(2'004, 9));
  std::vector<core::BoundBuffer> bound;
  for (std::size_t i = 0; i < image.buffers.size(); ++i) {
    auto& one = words[(i + 1) / 2];
    // 16-byte aligned, as buffers are.
    auto* const data =
        one.data() + (16 - reinterpret_cast<std::uintptr_t>(one.data()) % 16) / 4 % 4;
    bound.push_back(
        core::bind_buffer({reinterpret_cast<std::uint8_t*>(data), 8'000}, image.buffers[i]));
  }
  std::vector<std::uint8_t> code(image.code.size() * sizeof(core::Instruction) + 16);
  std::uint8_t* const at =
      code.data() + (16 - reinterpret_cast<std::uintptr_t>(code.data()) % 16) % 16;
  std::memcpy(at, image.code.data(), image.code.size() * sizeof(core::Instruction));
  core::ImageView view = image.view();
  view.code = reinterpret_cast<const core::Instruction*>(at);
  std::vector<std::uint8_t> scratch(262'144 + 256);
  std::uint8_t* const aligned =
      scratch.data() + (256 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 256);
  cuda::interpreter::Passed passed{};
  cuda::interpreter::WarpMemory memory{test::emulated_shared(), 13 * 1024, aligned, 262'144};
  memory.passed = &passed;
  std::array<cuda::interpreter::Staged, 32> staged;
  std::array<core::RunResult, 32> ran;
  test::run_warp([&](std::uint32_t lane) {
    ran[lane] = cuda::interpreter::run(view, 0, false, bound.data(), {lanes, 1, 1}, {0, lanes},
                                       kDefaultFuel, nullptr, memory, staged[lane]);
  });
  EXPECT_EQ(ran[0].fault.code, FaultCode::none);
  const std::uint64_t total = ran[0].instructions;
  return {passed.members[0] - (passed.frames - total), passed.members[1] - passed.members[0],
          passed.frames - passed.members[1], total};
}

TEST(EmulatedSteps, OfMembersAreTheInstructionsBetweenThem) {
  const core::Image image = three_of("y[gid.x] = x[gid.x] * 3 + 1;\n");
  std::vector<std::uint64_t> ends;  // of members, in the code
  for (std::uint64_t at = 0; at < image.code.size(); ++at) {
    if (image.code[at].op == core::Opcode::rejoin || image.code[at].op == core::Opcode::end)
      ends.push_back(at + 1);
  }
  ASSERT_EQ(ends.size(), kMembers);
  for (const std::uint32_t lanes : {32u, 256u, 1'024u, 1'100u, 7u}) {
    SCOPED_TRACE(lanes);
    const auto steps = steps_of(image, lanes);
    EXPECT_EQ(steps[0] + steps[1] + steps[2], steps[3]);
    const std::uint64_t frame =
        std::min(lanes, 256u);  // the first one also does what holds for all
    EXPECT_EQ(steps[0], (ends[0] - image.once_count) * lanes + image.once_count * frame);
    EXPECT_EQ(steps[1], (ends[1] - ends[0]) * lanes);
    EXPECT_EQ(steps[2], (ends[2] - ends[1]) * lanes);
  }
}

TEST(EmulatedSteps, OfMembersWithLoopsAndReturnsAddUp) {
  for (const char* const statements :
       {"let s = 0u;\nfor i in 0u..x[gid.x] % 6u { s = s + i; }\ny[gid.x] = s;\n",
        "if gid.x % 3 == 1 { return; }\ny[gid.x] = x[gid.x];\n"}) {
    const auto steps = steps_of(three_of(statements), 900);
    EXPECT_EQ(steps[0] + steps[1] + steps[2], steps[3]);
    for (std::uint32_t m = 0; m < kMembers; ++m) {
      EXPECT_GT(steps[m], steps[3] / 10);
      EXPECT_LT(steps[m], steps[3] / 2 + steps[3] / 10);
    }
  }
}

/// Spans of so many workgroups, as a warp that claims units gets them.
struct Pieces {
  std::uint64_t piece;
  std::uint64_t all;

  bool operator()(core::BoundBuffer*, core::WorkgroupSpan& span) const {
    const std::uint64_t first = span.first + 2 * piece;  // another warp has the one between
    if (first >= all) return false;
    span = {first, std::min(piece, all - first)};
    return true;
  }
  void close() const {}
};

struct Ran {
  std::vector<std::uint32_t> y;
  std::uint64_t instructions{0};
  Fault fault;
};

/// Runs every second piece, in one run or in one each.
Ran run_pieces(const core::Image& image, std::uint64_t piece, std::uint64_t all, bool at_once) {
  std::vector<std::uint32_t> x(2'048);
  for (std::uint32_t i = 0; i < x.size(); ++i) x[i] = i * 2'654'435'761u >> 7;
  Ran ran{std::vector<std::uint32_t>(2'048, 7), 0, {}};
  const auto bytes = [](std::vector<std::uint32_t>& words) {
    return core::BufferView{reinterpret_cast<std::uint8_t*>(words.data()), 8'000};
  };
  const std::array bound{core::bind_buffer(bytes(x), image.buffers[0]),
                         core::bind_buffer(bytes(ran.y), image.buffers[1])};
  std::vector<core::Instruction> code(image.code.size() + 1);
  auto* const at = reinterpret_cast<std::uint8_t*>(code.data()) +
                   (16 - reinterpret_cast<std::uintptr_t>(code.data()) % 16) % 16;
  std::memcpy(at, image.code.data(), image.code.size() * sizeof(core::Instruction));
  core::ImageView view = image.view();
  view.code = reinterpret_cast<const core::Instruction*>(at);
  std::vector<std::uint8_t> scratch(262'144 + 256);
  std::uint8_t* const aligned =
      scratch.data() + (256 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 256);
  const cuda::interpreter::WarpMemory memory{test::emulated_shared(), 13 * 1024, aligned, 262'144};
  std::array<cuda::interpreter::Staged, 32> staged;
  for (std::uint64_t first = 0; first < all && ran.fault.code == FaultCode::none;
       first = at_once ? all : first + 2 * piece) {
    const core::WorkgroupSpan span{first, std::min(piece, all - first)};
    const Pieces next{piece, at_once ? all : 0};
    std::array<core::RunResult, 32> results;
    test::run_warp([&](std::uint32_t lane) {
      results[lane] = cuda::interpreter::run(view, image.workgroup_bytes, false, bound.data(),
                                             {static_cast<std::uint32_t>(all), 1, 1}, span,
                                             kDefaultFuel, nullptr, memory, staged[lane], next);
    });
    ran.instructions += results[0].instructions;
    ran.fault = results[0].fault;
  }
  return ran;
}

TEST(EmulatedSpans, OneAfterAnotherAreWhatARunEachIs) {
  for (const char* const statements :
       {"y[gid.x] = x[gid.x] * 3 + 1;\n",
        "let s = 0u;\nfor i in 0u..x[gid.x] % 9u { s = s + i; }\ny[gid.x] = s;\n",
        "if x[gid.x] % 3 == 1 { return; }\ny[gid.x] = x[gid.x];\n",
        "y[gid.x] = u32(100i / i32(x[gid.x] % 701u));\n"}) {
    SCOPED_TRACE(statements);
    const auto program = vir::prepare(*vir::assemble(
        std::string("workgroup 8, 1, 1;\nbuffer x: u32[] read_only;\nbuffer y: u32[2000] "
                    "read_write output live_out;\nregion \"m\" {\n") +
        statements + "}\n"));
    ASSERT_TRUE(program && vir::validate(*program));
    const auto image = vir::lower(*program);
    ASSERT_TRUE(image);
    for (const std::uint64_t piece : {1u, 4u, 32u, 50u}) {
      SCOPED_TRACE(piece);
      const Ran once = run_pieces(*image, piece, 249, true);
      const Ran each = run_pieces(*image, piece, 249, false);
      EXPECT_EQ(once.y, each.y);
      EXPECT_EQ(once.instructions, each.instructions);
      EXPECT_EQ(once.fault.code, each.fault.code);
      EXPECT_EQ(once.fault.workgroup, each.fault.workgroup);
      EXPECT_EQ(once.fault.lane, each.fault.lane);
      EXPECT_EQ(once.fault.statement, each.fault.statement);
    }
  }
}

}  // namespace
}  // namespace vyre

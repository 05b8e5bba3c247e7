// Fuel of asynchronous copies and loops together, unit by unit: the reference and the interpreter
// name the same lane of the same statement, or both end.
#include <gtest/gtest.h>

#include <string>

#include "executors.hpp"
#include "protocol/limits.hpp"
#include "vir/text/text.hpp"

namespace vyre {
namespace {

void agree_at_every_fuel(const std::string& statements, std::uint64_t most_fuel) {
  const auto program = vir::assemble(
      "workgroup 40, 1, 1;\nbuffer src: u32[] read_only;\nbuffer dst: u32[] read_write;\n"
      "region \"r\" {\n" +
      statements + "}\n");
  ASSERT_TRUE(program) << to_string(program.error());
  const std::vector<Bytes> inputs{Bytes(1 << 18, 3), Bytes(1 << 18, 0)};
  bool faulted = false;  // for want of fuel
  bool ended = false;
  for (std::uint64_t fuel = 0; fuel <= most_fuel; ++fuel) {
    SCOPED_TRACE("fuel " + std::to_string(fuel));
    reference::Options how;
    how.grid = vir::Grid{1, 1, 1};
    how.fuel = fuel;
    const reference::Outcome want = reference::evaluate(*program, inputs, how);
    test::CpuOptions options;
    options.grid = how.grid;
    options.fuel = fuel;
    const test::CpuRun have = test::run_cpu(*program, inputs, options);
    ASSERT_EQ(test::disagreement(want, have, true), "");
    ASSERT_EQ(have.fault.lane, want.fault.lane);
    faulted = faulted || want.fault.code == FaultCode::fuel_exhausted;
    ended = ended || want.fault.code != FaultCode::fuel_exhausted;
  }
  EXPECT_TRUE(faulted && ended);
}

TEST(CopyFuel, IsTheSameOnTheReferenceWhateverLanesCopyHowMuch) {
  agree_at_every_fuel(
      "if lid.x % 3 != 1 { async_load(src, dst, 0, lid.x * 8192, \"a\"); async_wait(\"a\"); }\n"
      "for i in 0..lid.x % 2 + 1 { async_store(src, dst, 65536, 70000 * i, \"b\"); "
      "async_wait(\"b\"); }\n",
      250);
}

TEST(CopyFuel, OfALaneThatCannotPayIsLeftForTheLowerOnes) {
  // Lane 30 asks for much and cannot pay; those below go on with what is left, and may run out of
  // it in a later statement.
  agree_at_every_fuel(
      "async_load(src, dst, 0, select(lid.x == 30, 262144, 4), \"a\"); async_wait(\"a\");\n"
      "for i in 0..2 { dst[lid.x] = i; }\nasync_load(src, dst, 0, 4, \"c\"); async_wait(\"c\");\n",
      170);
}

TEST(CopyFuel, OfACopyThatIsMisusedIsSpentAndThatOfTheLanesAboveIsNot) {
  // Lane 20 starts a tag that it has under way; the lanes below go on.
  agree_at_every_fuel(
      "if lid.x == 20 { async_load(src, dst, 0, 4, \"a\"); }\n"
      "async_load(src, dst, 0, 4, \"a\"); async_wait(\"a\");\n"
      "if lid.x != 20 { async_load(src, dst, 0, 4, \"b\"); async_wait(\"b\"); }\n"
      "if lid.x == 20 { async_wait(\"a\"); }\n",
      90);
}

}  // namespace
}  // namespace vyre

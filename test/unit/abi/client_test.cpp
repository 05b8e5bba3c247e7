// Whole clients: in C99, in C++ as the first program of the pages, and the same layouts in both.
#include "client.h"

#include "fixture.hpp"

namespace vyre::test {
namespace {

TEST(AbiClient, AProgramInC99ReachesItsResult) {
  char why[512] = "";
  EXPECT_EQ(c_client(why, sizeof why), 1) << why;
}

TEST(AbiClient, TheFirstProgramPrintsTwo) {
  auto s = Session::open(on_cpu()).value();
  auto op = s.add("histogram", Program::assemble(kHistogram).value()).value();
  std::array<std::uint32_t, 4> data{1, 2, 2, 9};
  auto in = s.main().upload(std::span<const std::uint32_t>(data)).value();
  auto out = s.main().run(op, std::array{in.ref()}).value();
  EXPECT_EQ(out.at(0).read<std::uint32_t>().value()[2], 2u);
}

TEST(AbiClient, CAndCppSeeTheSameLayouts) {
  std::array<std::size_t, 64> c{};
  const std::size_t count = c_layout(c.data(), c.size());
  const std::vector<std::size_t> cpp{
#define VYRE_SIZE_OF(type) sizeof(type),
#define VYRE_PLACE_OF(type, member) offsetof(type, member),
#include "layout.def"
  };
  EXPECT_EQ(std::vector<std::size_t>(c.begin(), c.begin() + static_cast<std::ptrdiff_t>(count)),
            cpp);
}

/// What programs that were compiled against this header rely on: numbers, not sizeof.
TEST(AbiClient, LayoutsAreTheOnesThatWereReleased) {
  EXPECT_EQ(sizeof(vyre_item), 32u);
  EXPECT_EQ(offsetof(vyre_item, output), 16u);
  EXPECT_EQ(offsetof(vyre_item, flags), 28u);
  EXPECT_EQ(sizeof(vyre_work_item), 16u);
  EXPECT_EQ(sizeof(vyre_ticket), 16u);
  EXPECT_EQ(sizeof(vyre_result), 40u);
  EXPECT_EQ(offsetof(vyre_result, workgroup), 24u);
  EXPECT_EQ(sizeof(vyre_option), 16u);
  EXPECT_EQ(sizeof(vyre_span), 16u);
  EXPECT_EQ(sizeof(vyre_stream_output), 16u);
  EXPECT_EQ(offsetof(vyre_session_options, device), 8u);
  EXPECT_EQ(offsetof(vyre_session_options, default_timeout), 40u);
  EXPECT_EQ(offsetof(vyre_totals, unasked), 40u);
  EXPECT_EQ(offsetof(vyre_chunk, output_count), 96u);
}

TEST(AbiClient, CodesKeepTheirNumbersAndNames) {
  EXPECT_EQ(VYRE_INVALID_ARGUMENT, 1);
  EXPECT_EQ(VYRE_DEADLINE_EXCEEDED, 11);
  EXPECT_EQ(VYRE_BUSY, 19);
  EXPECT_STREQ(vyre_code_name(VYRE_OK), "ok");
  EXPECT_STREQ(vyre_code_name(VYRE_WALL_TIME), "wall_time");
  EXPECT_STREQ(vyre_code_name(VYRE_BUSY + 1), "unknown");
  EXPECT_STREQ(vyre_code_name(-1), "unknown");
  EXPECT_STREQ(vyre_fault_name(VYRE_FAULT_I32_DIVISION_BY_ZERO), "i32_division_by_zero");
  EXPECT_STREQ(vyre_fault_name(VYRE_FAULT_CANCELLED), "cancelled");
  EXPECT_STREQ(vyre_fault_name(4'000'000'000), "unknown");
}

}  // namespace
}  // namespace vyre::test

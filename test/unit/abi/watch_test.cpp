// Watched programs through the surface: what a session and the reference executor write down, and
// what is refused. Places, grammar and counts in the command are test/integration/report's.
#include "fixture.hpp"

namespace vyre::test {
namespace {

constexpr char kDouble[]{
    "workgroup 4, 1, 1;\n"
    "buffer a: u32[] read_only;\n"
    "buffer out: u32[4] read_write output live_out;\n"
    "region \"double\" {\n"
    "  if gid.x < len(a) {\n"
    "    let twice = a[gid.x] * 2;\n"
    "    out[gid.x] = twice;\n"
    "  }\n"
    "}\n"};
constexpr std::array<std::uint32_t, 3> kData{5, 6, 7};

std::span<const std::uint8_t> data_bytes() {
  return {reinterpret_cast<const std::uint8_t*>(kData.data()), sizeof(kData)};
}

TEST(AbiWatch, ASessionAndTheReferenceWriteTheSameDown) {
  const auto program = Program::assemble(kDouble, TextOptions{"double.vir"}).value();
  const auto watched = program.watch({"7=twice", "#0@0"}).value();
  const auto buffers = watched.buffers().value();
  ASSERT_EQ(buffers.size(), 3u);
  EXPECT_EQ(buffers[2].name, "vyre.watch");

  auto reference = Reference::of(watched).value();
  const auto judged =
      reference.run(std::vector<std::span<const std::uint8_t>>{data_bytes()}).value();
  auto session = Session::open(on_cpu()).value();
  const auto op = session.add("double", watched).value();
  const auto in = session.main().upload(std::span<const std::uint32_t>(kData)).value();
  const auto ran = session.main().run(op, std::array{in.ref()}).value();
  EXPECT_EQ(ran.at(0).read<std::uint32_t>().value(), (std::vector<std::uint32_t>{10, 12, 14, 0}));

  const auto log = ran.at(1).read<std::uint8_t>().value();
  const std::span<const std::uint8_t> bytes(log);
  const auto told = watched.watched(std::span(&bytes, 1)).value();
  EXPECT_EQ(told.text.text(),
            "double.vir:4:1: workgroup 0, lane 0\n"
            "double.vir:7:5: workgroup 0, lane 0: twice = 10\n"
            "double.vir:7:5: workgroup 0, lane 1: twice = 12\n"
            "double.vir:7:5: workgroup 0, lane 2: twice = 14\n");
  EXPECT_TRUE(contains(std::string(told.json.text()), R"("written":4,"dropped":0)"))
      << told.json.text();
  ASSERT_EQ(judged.size(), 2u);
  const auto same = watched.watched(std::span(&judged[1], 1)).value();
  EXPECT_EQ(same.text.text(), told.text.text());
}

TEST(AbiWatch, WhatIsNoWatchIsRefusedByName) {
  const auto program = Program::assemble(kDouble).value();
  const auto why = [&](const std::vector<std::string>& watches, std::uint32_t records = 0) {
    const auto made = program.watch(watches, records);
    EXPECT_FALSE(made);
    return made ? std::string() : made.error().message;
  };
  EXPECT_TRUE(contains(why({}), "from 1 to 256 watches"));
  EXPECT_TRUE(contains(why({"7"}, (1u << 20) + 1), "from 1 to 1048576 records"));
  EXPECT_TRUE(contains(why({"1"}), "no statement begins there"));
  EXPECT_TRUE(contains(why({"7=nothing"}), "it has twice"));
  EXPECT_TRUE(contains(why({std::string(5'000, '7')}), "too long"));
  const std::span<const std::uint8_t> none;
  EXPECT_EQ(program.watched(std::span(&none, 1)).error().code, Code::invalid_argument);
  const auto watched = program.watch({"7"}).value();
  EXPECT_EQ(watched.watched(std::span(&none, 1)).error().code, Code::malformed);
  EXPECT_TRUE(contains(watched.watch({"7"}).error().message, "watched already"));
  vyre_program* made = nullptr;
  const char* const null_text[]{nullptr};
  const detail::Failed failed{vyre_program_watch(program.get(), null_text, 1, 0, 0, &made)};
  EXPECT_EQ(vyre_error_code(failed.get()), VYRE_INVALID_ARGUMENT);
  EXPECT_EQ(made, nullptr);
}

TEST(AbiWatch, AProgramThatMayNotRunIsRefusedAsSuch) {
  const auto program = Program::assemble("region \"r\" { x = 1; }\n").value();
  EXPECT_EQ(program.watch({"#0"}).error().code, Code::refused);
}

}  // namespace
}  // namespace vyre::test

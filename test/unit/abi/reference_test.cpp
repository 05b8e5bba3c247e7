// The reference executor through the surface: results, faults and races with their places, what
// bounds it, and its report; places in the bodies of fns.
#include <atomic>
#include <chrono>
#include <thread>

#include "fixture.hpp"

namespace vyre::test {
namespace {

using Inputs = std::vector<std::span<const std::uint8_t>>;

template <class T, std::size_t kCount>
std::span<const std::uint8_t> bytes_of(const std::array<T, kCount>& values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), sizeof(values)};
}

TEST(AbiReference, GivesTheResultsThatASessionGives) {
  const auto program = Program::assemble(kHistogram).value();
  const std::array<std::uint32_t, 4> data{1, 2, 2, 9};
  auto reference = Reference::of(program).value();
  const auto judged = reference.run(Inputs{bytes_of(data)}).value();
  auto session = Session::open(on_cpu()).value();
  const auto op = session.add("histogram", program).value();
  const auto in = session.main().upload(std::span<const std::uint32_t>(data)).value();
  const auto ran = session.main().run(op, std::array{in.ref()}).value();
  const auto bytes = ran.at(0).read<std::uint8_t>().value();
  ASSERT_EQ(judged.size(), 1u);
  EXPECT_EQ(std::vector<std::uint8_t>(judged[0].begin(), judged[0].end()), bytes);
  EXPECT_EQ(reference.last().status, static_cast<std::uint32_t>(VYRE_ITEM_DONE));
}

TEST(AbiReference, AFaultHasItsCodeAndPlaceAndNoResults) {
  auto reference = Reference::of(Program::assemble(kDivide).value()).value();
  const auto faulted = reference.run(Inputs{bytes_of(std::array<std::int32_t, 1>{0})});
  ASSERT_FALSE(faulted);
  EXPECT_EQ(faulted.error().code, Code::faulted);
  EXPECT_TRUE(contains(faulted.error().message, "i32_division_by_zero")) << faulted.error().text;
  const vyre_reference_result& last = reference.last();
  EXPECT_EQ(last.status, static_cast<std::uint32_t>(VYRE_ITEM_FAULTED));
  EXPECT_EQ(last.code, static_cast<std::uint32_t>(VYRE_FAULT_I32_DIVISION_BY_ZERO));
  EXPECT_EQ(last.workgroup, 0u);
  EXPECT_EQ(last.lane, 0u);
  EXPECT_EQ(last.output_count, 0u);
  // The next item is its own.
  EXPECT_TRUE(reference.run(Inputs{bytes_of(std::array<std::int32_t, 1>{5})}));
  EXPECT_EQ(reference.last().code, static_cast<std::uint32_t>(VYRE_FAULT_NONE));
}

TEST(AbiReference, ARaceIsNamedWithThePlacesOfBothAccesses) {
  const auto program = Program::assemble(
                           "workgroup 2, 1, 1;\n"
                           "buffer y: u32[1] write_only output;\n"
                           "region \"r\" {\n"
                           "  y[0] = gid.x;\n"
                           "}\n")
                           .value();
  ReferenceOptions options;
  options.param = 2;
  EXPECT_TRUE(Reference::of(program, options).value().run({}));  // not looked for
  options.check_races = true;
  options.name = "racy.vir";
  auto watched = Reference::of(program, options).value();
  const auto raced = watched.run({});
  ASSERT_FALSE(raced);
  EXPECT_EQ(raced.error().code, Code::faulted);
  EXPECT_TRUE(contains(raced.error().message, "race for memory")) << raced.error().message;
  EXPECT_TRUE(contains(raced.error().message, "racy.vir:4:")) << raced.error().message;
  EXPECT_NE(watched.last().races, 0u);
  EXPECT_EQ(watched.last().output_count, 0u);
}

TEST(AbiReference, ItemsEndAtTheirTimeoutAndWhereTheirThreadIsInterrupted) {
  ReferenceOptions options;
  options.fuel = ~std::uint64_t{0};
  auto reference = Reference::of(Program::assemble(kSpin).value(), options).value();
  const auto late = reference.run({}, std::chrono::milliseconds{1});
  EXPECT_EQ(late.error().code, Code::deadline_exceeded);
  EXPECT_EQ(reference.last().status, static_cast<std::uint32_t>(VYRE_ITEM_CANCELLED));
  const InterruptBy interrupt([] { return true; });
  EXPECT_EQ(reference.run({}, Timeout::forever()).error().code, Code::cancelled);
}

TEST(AbiReference, WhatDoesNotFitIsRefused) {
  const auto program = Program::assemble(kHistogram).value();
  auto reference = Reference::of(program).value();
  EXPECT_EQ(reference.run({}).error().code, Code::refused);
  const auto invalid = Program::assemble(
                           "workgroup 1, 1, 1;\n"
                           "buffer y: u32[1] read_only;\n"
                           "region \"r\" { y[0] = 1; }\n")
                           .value();
  EXPECT_EQ(Reference::of(invalid).error().code, Code::refused);
  EXPECT_TRUE(detail::Failed(vyre_reference_run(nullptr, nullptr, 0, 0, nullptr)));
}

TEST(AbiReference, ItsReportCountsItemsAndFaultsAndSaysWhatItWasTold) {
  ReferenceOptions options;
  options.name = "divide.vir";
  auto reference = Reference::of(Program::assemble(kDivide).value(), options).value();
  EXPECT_TRUE(reference.run(Inputs{bytes_of(std::array<std::int32_t, 1>{5})}));
  EXPECT_FALSE(reference.run(Inputs{bytes_of(std::array<std::int32_t, 1>{0})}));
  const std::string json{
      reference.report_json({0, {"vyre", "run"}, {{"x.bin", "gone"}}}).value().text()};
  EXPECT_TRUE(contains(json, "\"items_processed\":2")) << json;
  EXPECT_TRUE(contains(json, "\"op\":\"divide.vir\"")) << json;
  EXPECT_TRUE(contains(json, "\"command\":[\"vyre\",\"run\"]")) << json;
  EXPECT_TRUE(contains(json, "gone")) << json;
}

TEST(AbiReference, AReportOfASessionSaysWhatItWasToldToo) {
  auto session = Session::open(on_cpu()).value();
  const std::string plain{session.report_json(-1).value().text()};
  EXPECT_FALSE(contains(plain, "notes.txt"));
  const std::string told{
      session.report_json({2, {"scan"}, {{"notes.txt", "is gone"}}}).value().text()};
  EXPECT_TRUE(contains(told, "notes.txt")) << told;
  EXPECT_TRUE(contains(told, "\n  \"")) << told;
  EXPECT_EQ(session.report_json(ReportOptions{.indent = 99, .command = {}}).error().code,
            Code::invalid_argument);
}

TEST(AbiReference, OneThreadAtATimeMayUseIt) {
  ReferenceOptions options;
  options.fuel = ~std::uint64_t{0};
  auto reference = Reference::of(Program::assemble(kSpin).value(), options).value();
  static std::atomic<bool> over;
  over = false;
  std::jthread spinning([&] {
    const InterruptBy interrupt([] { return over.load(); });
    auto spun = reference.run({}, Timeout::forever());
    while (!spun && spun.error().code == Code::busy) spun = reference.run({}, Timeout::forever());
    EXPECT_EQ(spun.error().code, Code::cancelled);
  });
  // Until the other thread is in its call, there is a report.
  for (auto report = reference.report_json(ReportOptions{});;
       report = reference.report_json(ReportOptions{})) {
    if (report) continue;
    EXPECT_EQ(report.error().code, Code::busy);
    break;
  }
  over = true;
}

TEST(AbiPlaces, WhatIsSaidOfABodyOfAFnNamesTheCallsThatLedThere) {
  const auto bad = Program::assemble(
                       "buffer y: i32[1] read_write output live_out;\n"
                       "fn f(x) {\n  nowhere[0] = x;\n}\n"
                       "fn g(x) { f(x); }\n"
                       "region \"r\" {\n  g(1);\n  y[0] = 1i; }\n",
                       TextOptions{"a.vir"})
                       .value();
  const std::string way = "; in fn 'f', called at a.vir:5:11; in fn 'g', called at a.vir:7:3";
  const auto found = bad.examine().value();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].message.ends_with(way)) << found[0].message;
  EXPECT_TRUE(bad.verify().error().message.ends_with(way)) << bad.verify().error().message;
  auto session = Session::open(SessionOptions{.device = "cpu"}).value();
  const auto put = Program::assemble(
                       "workgroup 1, 1, 1;\nbuffer x: i32[1] read_only;\n"
                       "buffer y: i32[1] read_write output live_out;\n"
                       "fn put(d) {\n  y[0] = 1i / d;\n}\n"
                       "region \"r\" {\n  put(x[0]);\n}\n")
                       .value();
  const auto in = session.main().upload(std::array<std::int32_t, 1>{0}).value();
  const BufferRef refs[]{in.ref()};
  const auto failed = session.main().run(session.add("put", put).value(), refs);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().line, 5u);
  EXPECT_TRUE(failed.error().message.ends_with("; in fn 'put', called at 8:3"))
      << failed.error().message;
}

}  // namespace
}  // namespace vyre::test

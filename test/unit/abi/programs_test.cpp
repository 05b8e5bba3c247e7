// Programs through the surface: forms, verdicts, equality, what interrupts long work; and what the
// library says of its limits and of the machine.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <set>
#include <thread>

#include "fixture.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::test {
namespace {

TEST(AbiPrograms, ViolationsAndWarningsAreListedAsJson) {
  const auto good = Program::assemble(kHistogram).value();
  EXPECT_TRUE(good.verify());
  EXPECT_EQ(good.diagnose().value().text(), "[]");
  const auto bad = Program::assemble(
                       "workgroup 1, 1, 1;\n"
                       "buffer y: u32[1] read_only;\n"
                       "region \"r\" { y[0] = z; y[0] = w; }\n")
                       .value();
  const auto verdict = bad.verify();
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, Code::refused);
  EXPECT_NE(verdict.error().detail, 0);
  const std::string json{bad.diagnose().value().text()};
  EXPECT_TRUE(contains(json, "\"code\":\"V")) << json;
  EXPECT_FALSE(contains(json, "\"code\":\"W")) << json;
  EXPECT_TRUE(contains(json, "\"statement\":")) << json;
  const auto odd = Program::assemble(
                       "workgroup 1, 1, 1;\n"
                       "buffer y: u32[] write_only;\n"
                       "region \"r\" { y[0] = 1; }\n")
                       .value();
  EXPECT_TRUE(odd.verify());
  const std::string warnings{odd.diagnose().value().text()};
  EXPECT_TRUE(contains(warnings, "\"code\":\"W001\"")) << warnings;
}

TEST(AbiPrograms, OnePassGivesViolationsOrElseWarnings) {
  EXPECT_TRUE(Program::assemble(kHistogram).value().examine().value().empty());
  const auto bad = Program::assemble(
                       "workgroup 1, 1, 1;\n"
                       "buffer y: u32[1] read_only;\n"
                       "region \"r\" { y[0] = z; y[0] = w; }\n")
                       .value();
  const auto violations = bad.examine().value();
  ASSERT_GE(violations.size(), 2u);
  for (const Diagnostic& violation : violations) {
    EXPECT_EQ(violation.code[0], 'V') << violation.message;
    EXPECT_FALSE(violation.is_warning());
    EXPECT_TRUE(violation.statement);
  }
  const auto odd = Program::assemble(
                       "workgroup 1, 1, 1;\n"
                       "buffer y: u32[] write_only;\n"
                       "region \"r\" { y[0] = 1; }\n")
                       .value();
  const auto warnings = odd.examine().value();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, "W001");
  EXPECT_TRUE(warnings[0].is_warning());
  EXPECT_TRUE(detail::Failed(vyre_program_examine(odd.get(), 0, nullptr, nullptr)));
}

constexpr char kFaulty[] =
    "workgroup 1, 1, 1;\n"
    "buffer x: i32[1] read_only;\n"
    "buffer y: i32[1] read_write output live_out;\n"
    "region \"r\" {\n"
    "  let d = x[0];\n"
    "  y[0] = 1i / d;\n"
    "}\n";

TEST(AbiPrograms, FindingsErrorsAndFaultsOfATextNameTheirPlace) {
  const auto bad = Program::assemble(
                       "workgroup 0, 1, 1;\nbuffer y: u32[1] read_only;\nregion \"r\" {\n  y[0] "
                       "= 1;\n  let a = 1 + 2.0;\n}\n",
                       TextOptions{"bad.vir"})
                       .value();
  std::string found;
  for (const Diagnostic& d : bad.examine().value()) {
    ASSERT_TRUE(d.place) << d.message;
    found += d.code + " " + d.place->file + ":" + std::to_string(d.place->line) + ":" +
             std::to_string(d.place->column) + " ";
  }
  EXPECT_EQ(found, "V003 bad.vir:1:1 V005 bad.vir:4:3 V111 bad.vir:5:11 ");
  EXPECT_EQ(bad.verify().error().message.substr(0, 19), "bad.vir:1:1: V003: ");
  EXPECT_EQ(bad.print_image().error().line, 1u);
  EXPECT_EQ(vyre::Reference::of(bad).error().message.substr(0, 12), "bad.vir:1:1:");

  const auto faulty = Program::assemble(kFaulty, TextOptions{"f.vir"}).value();
  const auto place = faulty.place(2).value();
  ASSERT_TRUE(place);
  EXPECT_EQ(place->line, 6u);
  EXPECT_EQ(place->column, 3u);
  EXPECT_FALSE(faulty.place(99).value());
  const std::int32_t zero = 0;
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(&zero), 4);
  const std::span<const std::uint8_t> inputs[]{bytes};
  auto reference = vyre::Reference::of(faulty).value();
  const auto ran = reference.run(inputs);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().message.substr(0, 11), "f.vir:6:3: ") << ran.error().message;

  auto session = Session::open(SessionOptions{.device = "cpu"}).value();
  EXPECT_EQ(session.add("bad", bad).error().message.substr(0, 19), "bad.vir:1:1: V003: ");
  const auto op = session.add("f", faulty).value();
  const auto in = session.main().upload(bytes).value();
  const BufferRef refs[]{in.ref()};
  const auto failed = session.main().run(op, refs);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message.substr(0, 11), "f.vir:6:3: ") << failed.error().message;
  const std::string report{session.report_json().value().text()};
  EXPECT_TRUE(contains(report, "\"f.vir:6:3\"")) << report;
}

TEST(AbiPrograms, AProgramThatWasReadFromWireHasNoPlacesAndTheSameBytesAndVerdicts) {
  const auto text = Program::assemble(kFaulty, TextOptions{"f.vir"}).value();
  const auto unnamed = Program::assemble(kFaulty).value();
  EXPECT_EQ(text.fingerprint().value(), unnamed.fingerprint().value());
  const auto wire = Program::decode(text.encode().value().bytes()).value();
  EXPECT_FALSE(wire.place(2).value());
  EXPECT_EQ(wire.encode().value().bytes().size(), text.encode().value().bytes().size());
  EXPECT_TRUE(contains(unnamed.place(2).value()->file, ""));
  const auto bad = Program::assemble("region \"r\" { y[0] = 1; }").value();
  EXPECT_EQ(bad.verify().error().line, 1u);
  EXPECT_TRUE(contains(bad.verify().error().text, "(line 1, column 14)"));
  const auto bad_wire = Program::decode(bad.encode().value().bytes()).value();
  EXPECT_EQ(bad_wire.verify().error().line, 0u);
  EXPECT_FALSE(bad_wire.examine().value().at(0).place);
  EXPECT_EQ(bad_wire.verify().error().message, bad.verify().error().message);
}

TEST(AbiPrograms, AFindingCarriesTheBytesOfANameAsTheyAre) {
  const auto odd = Program::assemble(
      "workgroup 1, 1, 1;\n"
      "buffer \"\\xff\": u32[] write_only;\n"
      "region \"r\" { \"\\xff\"[0] = 1; }\n");
  ASSERT_TRUE(odd) << odd.error().text;
  EXPECT_TRUE(contains(odd->examine().value().at(0).message, "\xff"));
}

TEST(AbiPrograms, DeclaredBuffersSayWhatAnItemHasToBind) {
  const auto program = Program::assemble(
      "workgroup 8, 1, 1;\n"
      "buffer x: f32[] read_only;\n"
      "buffer t: i4[3] read_write;\n"
      "buffer y: u32[16] write_only output range(8, 24);\n"
      "buffer w: u32[4] workgroup;\n"
      "region \"r\" { y[0] = 1; }\n");
  ASSERT_TRUE(program) << program.error().text;
  const auto buffers = program->buffers().value();
  ASSERT_EQ(buffers.size(), 4u);
  EXPECT_EQ(buffers[0].name, "x");
  EXPECT_EQ(buffers[0].role, Role::read);
  EXPECT_EQ(buffers[0].element, static_cast<std::uint32_t>(VYRE_ELEMENT_F32));
  EXPECT_EQ(buffers[0].least_bytes, 0u);
  EXPECT_EQ(buffers[0].length_of(23), 5u);
  EXPECT_TRUE(buffers[0].takes_bytes() && !buffers[0].is_result());
  EXPECT_EQ(buffers[1].role, Role::read_write);
  EXPECT_EQ(buffers[1].element, static_cast<std::uint32_t>(VYRE_ELEMENT_I4));
  EXPECT_EQ(buffers[1].least_bytes, 2u);
  EXPECT_EQ(buffers[1].length_of(2), 4u);
  EXPECT_TRUE(buffers[1].takes_bytes() && buffers[1].is_result());
  EXPECT_EQ(buffers[2].role, Role::output);
  EXPECT_EQ(buffers[2].count, 16u);
  EXPECT_EQ(buffers[2].least_bytes, 64u);
  EXPECT_EQ(buffers[2].element_bytes, 4u);
  const std::array<std::uint8_t, 64> bytes{};
  EXPECT_EQ(buffers[2].result_of(bytes).data(), bytes.data() + 8);
  EXPECT_EQ(buffers[2].result_of(bytes).size(), 16u);
  EXPECT_EQ(buffers[2].result_of(std::span(bytes).first(20)).size(), 20u);  // it does not fit
  EXPECT_EQ(buffers[3].role, Role::workgroup);
  EXPECT_FALSE(buffers[3].takes_bytes() || buffers[3].is_result());
}

TEST(AbiPrograms, TheGridIsThatOfAnItemWithTheseBuffers) {
  const auto program = Program::assemble(
                           "workgroup 8, 1, 1;\n"
                           "buffer x: u32[] read_only;\n"
                           "buffer y: u32[] write_only output;\n"
                           "region \"r\" { y[gid.x] = x[gid.x]; }\n")
                           .value();
  using Grid = std::array<std::uint32_t, 3>;
  EXPECT_EQ(program.grid(std::array<std::uint64_t, 2>{400, 68}).value(), (Grid{3, 1, 1}));
  EXPECT_EQ(program.grid(std::array<std::uint64_t, 2>{400, 68}, 9).value(), (Grid{2, 1, 1}));
  const auto few = program.grid(std::array<std::uint64_t, 1>{4});
  EXPECT_EQ(few.error().code, Code::invalid_argument);
  EXPECT_TRUE(contains(few.error().message, "declares 2 buffers, and there are 1"));
  const auto huge = program.grid(std::array<std::uint64_t, 2>{0, std::uint64_t{1} << 40});
  EXPECT_EQ(huge.error().code, Code::limit_exceeded);
}

TEST(AbiPrograms, TheWireFormGivesTheSameProgramExceptForWhatItCannotCarry) {
  const auto histogram = Program::assemble(kHistogram).value();
  const auto back = Program::decode(histogram.encode().value().bytes()).value();
  EXPECT_EQ(histogram.fingerprint().value(), back.fingerprint().value());
  EXPECT_TRUE(histogram.equals(back).value());
  EXPECT_FALSE(histogram.equals(Program::assemble(kDivide).value()).value());
  EXPECT_EQ(Program::decode(std::array<std::uint8_t, 3>{1, 2, 3}).error().code, Code::malformed);
  const auto zero = Program::assemble(
                        "workgroup 1, 1, 1;\n"
                        "buffer y: f32[1] read_write output live_out;\n"
                        "region \"r\" { y[0] = -0.0f; }\n")
                        .value();
  EXPECT_FALSE(zero.equals(Program::decode(zero.encode().value().bytes()).value()).value());
}

TEST(AbiPrograms, TheImageIsPrintedBeforeAndAfterItIsOptimised) {
  const auto folded = Program::assemble(
                          "workgroup 1, 1, 1;\n"
                          "buffer y: u32[1] read_write output live_out;\n"
                          "region \"r\" { y[0] = 2 * 3; }\n")
                          .value();
  const std::string optimised{folded.print_image().value().text()};
  const std::string plain{folded.print_image(Image::not_optimised).value().text()};
  EXPECT_FALSE(optimised.empty());
  EXPECT_LT(optimised.size(), plain.size()) << optimised << plain;
  vyre_blob* text = nullptr;
  const detail::Failed failed{
      vyre_program_print_image(folded.get(), 4, VYRE_DEFAULT_TIMEOUT, &text)};
  EXPECT_EQ(failed.error().code, Code::unsupported);
  EXPECT_EQ(folded.print_image(Image::ptx).value().text().substr(0, 11), "// class A\n");
  EXPECT_EQ(folded.explain().value().at(0).code, "A");
  const auto faulty = Program::assemble(kFaulty, TextOptions{"f.vir"}).value();
  const auto reasons = faulty.explain().value();
  EXPECT_EQ(reasons.at(0).code, "B");
  EXPECT_EQ(reasons.at(0).place->line, 6u);
}

TEST(AbiPrograms, ProfilesHaveNames) {
  for (const Profile profile : {Profile::v4_0_6_3, Profile::v4_0_6_4, Profile::v6}) {
    EXPECT_EQ(find_profile(name(profile)).value(), profile);
  }
  EXPECT_EQ(find_profile("v5").error().code, Code::invalid_argument);
  EXPECT_STREQ(vyre_profile_name(9), "unknown");
}

TEST(AbiPrograms, LongWorkEndsAtItsTimeoutAndWhereItsThreadIsInterrupted) {
  // Both are asked for every thousand steps or so.
  std::string text{"workgroup 1, 1, 1;\nbuffer y: u32[1] read_write output live_out;\n"};
  text += "region \"r\" {\n";
  for (int i = 0; i < 5'000; ++i) text += "  y[0] = y[0] + 1;\n";
  text += "}\n";
  EXPECT_EQ(Program::assemble(text, Timeout::poll()).error().code, Code::deadline_exceeded);
  const auto program = Program::assemble(text).value();
  const InterruptBy interrupt([] { return true; });
  const auto stopped = Program::assemble(text, Timeout::forever());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::cancelled);
  EXPECT_EQ(program.encode().error().code, Code::cancelled);
  EXPECT_EQ(program.verify().error().code, Code::cancelled);
  EXPECT_EQ(program.examine().error().code, Code::cancelled);
  std::jthread([&] { EXPECT_TRUE(Program::assemble(text)); }).join();  // has set nothing
  {
    const InterruptBy never([] { return false; });
    EXPECT_TRUE(Program::assemble(text));
    EXPECT_EQ(Program::assemble(text, Timeout::poll()).error().code, Code::deadline_exceeded);
    EXPECT_EQ(program.examine(Timeout::poll()).error().code, Code::deadline_exceeded);
  }
  EXPECT_EQ(program.fingerprint().error().code, Code::cancelled);
  EXPECT_EQ(Program::assemble("nonsense").error().code, Code::malformed);
}

TEST(AbiErrors, TheMessageIsTheTextWithoutCodeAndPlace) {
  const auto failed = Program::assemble("workgroup 1, 1, 1;\nnonsense");
  ASSERT_FALSE(failed);
  const Error& error = failed.error();
  EXPECT_EQ(error.text, "malformed: " + error.message + " (line " + std::to_string(error.line) +
                            ", column " + std::to_string(error.column) + ")");
  EXPECT_STREQ(vyre_error_message(nullptr), "");
  const Error own = Error::of(Code::busy, "wait");
  EXPECT_EQ(own.text, "busy: wait");
  EXPECT_EQ(own.message, "wait");
}

TEST(AbiMachine, EveryLimitHasANameAValueAndAReason) {
  std::set<std::string_view> names;
  for (const Limit& limit : limits().value()) {
    EXPECT_TRUE(names.insert(limit.name).second) << limit.name;
    EXPECT_NE(limit.value, 0u) << limit.name;
    EXPECT_FALSE(limit.unit.empty() || limit.reason.empty()) << limit.name;
  }
  EXPECT_TRUE(names.contains("max_ring_slots"));
  vyre_limit limit = VYRE_INIT(vyre_limit);
  const detail::Failed failed{vyre_limit_at(names.size(), &limit)};
  EXPECT_EQ(failed.error().code, Code::not_found);
}

using Machine = InAFolder;

TEST_F(Machine, EveryWayOfReadingFilesIsTriedInAFolder) {
  const std::string json{probe_ingest(path("")).value().text()};
  for (const char tier : {'A', 'B', 'C', 'D', 'E'}) {
    EXPECT_TRUE(contains(json, std::string("\"tier\":\"") + tier + "\"")) << json;
  }
  EXPECT_TRUE(contains(json, "\"available\":true")) << json;
}

TEST_F(Machine, AReportThatCannotBeReadIsNamedAsTheCallerNamedIt) {
  const int before = ::dup(STDIN_FILENO);
  const int folder = ::open(path("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::dup2(folder, STDIN_FILENO), STDIN_FILENO);
  const auto failed = summarise_reports({"-"});
  EXPECT_EQ(::dup2(before, STDIN_FILENO), STDIN_FILENO);
  ::close(before);
  ::close(folder);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(contains(failed.error().message, "'-': cannot read")) << failed.error().message;
}

TEST_F(Machine, ReportFilesAreReadOnceForPeopleAndPrograms) {
  auto session = Session::open(on_cpu()).value();
  ASSERT_TRUE(session.main().submit(Item{session.find("nop").value()}));
  ASSERT_TRUE(session.close());
  const std::string report{session.report_json(-1).value().text()};
  std::ofstream(path("lines")) << report << '\n' << report << '\n';
  const Reports read = read_reports({path("lines")}).value();
  EXPECT_TRUE(contains(std::string(read.summary.text()), "2 item"));
  EXPECT_EQ(summarise_reports({path("lines")}).value().text(), read.summary.text());
  EXPECT_EQ(read.json.text(), "[" + report + "," + report + "]");
  const auto none = read_reports({path("none")});
  ASSERT_FALSE(none);
  EXPECT_TRUE(contains(none.error().message, path("none")));
}

using Ops = OnASession;

TEST_F(Ops, AreListedWithTheirNumbers) {
  const std::vector<Op> built_in = session_.ops().value();
  ASSERT_FALSE(built_in.empty());
  for (const Op op : built_in) EXPECT_TRUE(session_.describe(op).value().builtin);
  EXPECT_EQ(session_.number(session_.find("nop").value()).value(), 0u);
  const Op histogram = op("histogram", kHistogram);
  const std::vector<Op> all = session_.ops().value();
  ASSERT_EQ(all.size(), built_in.size() + 1);
  EXPECT_EQ(all.back(), histogram);
  EXPECT_EQ(session_.workers().value(), 2u);
  EXPECT_EQ(session_.device_name().value(), "");
}

TEST_F(Ops, BuiltInOnesSayWhatTheyAreAndHowLargeTheirOutputsHaveToBe) {
  for (const Op op : session_.ops().value()) {
    const OpInfo info = session_.describe(op).value();
    EXPECT_EQ(info.meaning.back(), '.') << info.name;
    for (const auto* const side : {&info.inputs, &info.outputs}) {
      for (const OpBuffer& buffer : *side) {
        EXPECT_NE(buffer.name, "") << info.name;
        EXPECT_NE(buffer.element, 0u) << info.name;
      }
    }
  }
  using Kind = OutputSize::Kind;
  const Op select = session_.find("select.u32").value();
  EXPECT_EQ(session_.describe(select).value().outputs[0].name, "kept");
  const auto sizes = session_.output_sizes(select, std::array<std::uint64_t, 2>{40, 7}).value();
  ASSERT_EQ(sizes.size(), 2u);
  EXPECT_EQ(sizes[0].kind, Kind::at_most);
  EXPECT_EQ(sizes[0].bytes, 28u);
  EXPECT_EQ(sizes[1].kind, Kind::exact);
  EXPECT_EQ(sizes[1].bytes, 4u);
  const Op copy = session_.find("mem.copy").value();
  EXPECT_EQ(session_.output_sizes(copy, std::array<std::uint64_t, 1>{40}, 9).value()[0].bytes, 9u);
  EXPECT_EQ(session_.output_sizes(copy, {}).error().code, Code::invalid_argument);

  const OpInfo program = session_.describe(op("histogram", kHistogram)).value();
  EXPECT_EQ(program.meaning + program.param, "");
  EXPECT_EQ(program.outputs[0].element, 0u);
}

}  // namespace
}  // namespace vyre::test

// Whole runs over small files: a right line passes and every kind of wrong line fails, on both
// executors.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "conformance/conformance.hpp"
#include "unit/conformance/temporary_file.hpp"
#include "vir/text/text.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::conformance {
namespace {
using testing::gzip;
using testing::TemporaryFile;

std::string wire_of(const char* text) {
  const auto program = vir::assemble(text);
  if (!program) {
    ADD_FAILURE() << to_string(program.error());
    return {};
  }
  return to_hex(vir::encode(*program).value());
}

// out[i] = in[i] + 1 over four words.
std::string add_one() {
  return wire_of(R"(
workgroup 2, 1, 1;
buffer input: u32[4] read_only;
buffer out: u32[4] read_write output live_out;
region "add" { out[gid.x] = input[gid.x] + 1; }
)");
}

std::string line(const std::string& wire, const std::string& rest) {
  return R"({"name":"case","wire":")" + wire + "\"," + rest + "}\n";
}

const char* const kInputs = R"("inputs":["01000000020000000300000004000000"])";
const char* const kOutputs = R"("outputs":["02000000030000000400000005000000"])";
const char* const kGrid = R"("grid":[2,1,1])";
const char* const kOrder = R"("ulp":0,"order":"independent")";

std::string good_line() {
  return line(add_one(), std::string(kGrid) + "," + kInputs + "," + kOutputs + "," + kOrder);
}

class BothExecutors : public ::testing::TestWithParam<Executor> {
 protected:
  Summary run(const std::string& contents) {
    const TemporaryFile file(contents);
    const auto summary = run_files({file.path()}, Options{GetParam(), 1'000},
                                   [&](const Failure& f) { seen_.push_back(f); });
    if (!summary) {
      ADD_FAILURE() << to_string(summary.error());
      return {};
    }
    return *summary;
  }
  /// The text of the only failure.
  std::string why(const std::string& contents) {
    const Summary summary = run(contents);
    EXPECT_EQ(summary.failed, 1u);
    EXPECT_EQ(summary.passed, 0u);
    return summary.failures.size() == 1 ? summary.failures[0].why : "";
  }
  std::vector<Failure> seen_;
};

INSTANTIATE_TEST_SUITE_P(Conformance, BothExecutors,
                         ::testing::Values(Executor::reference, Executor::cpu),
                         [](const auto& one) {
                           return one.param == Executor::cpu ? "cpu" : "reference";
                         });

TEST_P(BothExecutors, RightLinesPassAndAreCounted) {
  const Summary summary = run(good_line() + "\n" + good_line());
  EXPECT_EQ(summary.files, 1u);
  EXPECT_EQ(summary.cases, 2u);
  EXPECT_EQ(summary.passed, 2u);
  EXPECT_EQ(summary.failed, 0u);
}

TEST_P(BothExecutors, GzipFilesAreReadAsTheyAre) {
  EXPECT_EQ(run(gzip(good_line() + good_line())).passed, 2u);
}

TEST_P(BothExecutors, OneWrongByteFailsWithItsPlace) {
  const std::string text =
      why(line(add_one(), std::string(kGrid) + "," + kInputs +
                              R"(,"outputs":["02000000030000000400000006000000"])"));
  EXPECT_NE(text.find("output 'out' byte 12"), std::string::npos) << text;
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(seen_[0].line, 1u);
  EXPECT_EQ(seen_[0].name, "case");
}

TEST_P(BothExecutors, MissingExtraAndShortOutputsFail) {
  EXPECT_NE(
      why(line(add_one(), std::string(kInputs) + R"(,"outputs":[])")).find("expected 0 outputs"),
      std::string::npos);
  EXPECT_NE(why(line(add_one(), std::string(kInputs) +
                                    R"(,"outputs":["02000000030000000400000005000000",""])"))
                .find("expected 2 outputs"),
            std::string::npos);
  EXPECT_NE(why(line(add_one(), std::string(kInputs) + R"(,"outputs":["02000000"])"))
                .find("expected 4 bytes, got 16"),
            std::string::npos);
}

TEST_P(BothExecutors, AGridThatDiffersFromTheFormulaFails) {
  // Two groups more write nothing new, so only the grid itself can tell.
  const std::string text =
      why(line(add_one(), std::string(R"("grid":[4,1,1],)") + kInputs + "," + kOutputs));
  EXPECT_NE(text.find("inferred grid [2,1,1], expected [4,1,1]"), std::string::npos) << text;
}

TEST_P(BothExecutors, DependentLinesAreComparedByVerdictOnly) {
  EXPECT_EQ(run(line(add_one(), std::string(kInputs) + R"(,"outputs":["00"],"order":"dependent")"))
                .passed,
            1u);
  const std::string trap = wire_of(R"(
buffer out: u32[1] read_write output live_out;
region "r" { trap(7, "boom"); }
)");
  const std::string text =
      why(line(trap, R"("inputs":[],"outputs":["00000000"],"order":"dependent")"));
  EXPECT_NE(text.find("ended as faulted (trap"), std::string::npos) << text;
}

TEST_P(BothExecutors, ErrorLinesPassOnlyWithoutOutputs) {
  const std::string division = wire_of(R"(
buffer out: i32[1] read_write output live_out;
buffer zero: i32[1] read_only;
region "r" { out[0] = 1i / zero[0]; }
)");
  EXPECT_EQ(run(line(division, R"("inputs":["00000000"],"error":"fault")")).passed, 1u);
  EXPECT_NE(why(line(division, R"("inputs":["00000000"],"outputs":["00000000"])"))
                .find("ended as faulted (i32_division_by_zero"),
            std::string::npos);
  EXPECT_EQ(why(line(add_one(), std::string(kInputs) + R"(,"error":"refused")")),
            "expected refused, ended as done");
  EXPECT_EQ(why(line(add_one(), std::string(kInputs) + R"(,"error":"fault")")),
            "expected fault, ended as done");
}

TEST_P(BothExecutors, AnErrorIsOverruledWhereOnlyTheRecorderHasNoValue) {
  const char* const kSubgroup = R"(
workgroup 2, 1, 1;
buffer out: u32[2] read_write output live_out;
region "r" { out[gid.x] = subgroup_local_id(); })";
  const std::string overruled = line(wire_of(kSubgroup), R"("inputs":[],"error":"fault")");
  const Summary summary = run(overruled);
  EXPECT_EQ(summary.passed, 1u);
  EXPECT_EQ(summary.errors_overruled, 1u);
  EXPECT_EQ(run(good_line()).errors_overruled, 0u);
  const std::string traps =
      std::string(kSubgroup).insert(std::string(kSubgroup).rfind('}'), "trap(1u, \"end\"); ");
  EXPECT_EQ(run(line(wire_of(traps.c_str()), R"("inputs":[],"error":"fault")")).errors_overruled,
            0u);
}

TEST_P(BothExecutors, ProgramsAndInputsThatDoNotFitAreRefused) {
  const std::string undeclared = wire_of(R"(
buffer out: u32[1] read_write output live_out;
region "r" { out[0] = nothing; }
)");
  EXPECT_EQ(run(line(undeclared, R"("inputs":[],"error":"refused")")).passed, 1u);
  EXPECT_EQ(run(line("00", R"("inputs":[],"error":"refused")")).passed, 1u);
  EXPECT_EQ(run(line(add_one(), R"("inputs":[],"error":"refused")")).passed, 1u) << "too few";
  EXPECT_EQ(run(line(add_one(), R"("inputs":["01000000"],"error":"refused")")).passed, 1u)
      << "too short";
  EXPECT_EQ(run(line(add_one(), R"("inputs":["01","02","03"],"error":"refused")")).passed, 1u)
      << "too many";
}

TEST_P(BothExecutors, OneInputPerBufferIsAcceptedAndItsOutputsIgnored) {
  EXPECT_EQ(run(line(add_one(), std::string(R"("inputs":["01000000020000000300000004000000",)") +
                                    R"("ffffffffffffffffffffffffffffffff"],)" + kOutputs))
                .passed,
            1u);
}

TEST_P(BothExecutors, LongerInputsKeepTheirLength) {
  const std::string length = wire_of(R"(
buffer input: u32[1] read_only;
buffer out: u32[1] read_write output live_out;
region "r" { out[0] = len(input); }
)");
  EXPECT_EQ(
      run(line(length, R"("inputs":["000000000000000000000000"],"outputs":["03000000"])")).passed,
      1u);
}

TEST_P(BothExecutors, ToleranceNeedsATranscendental) {
  const auto f32_case = [&](const char* expression, const char* output) {
    const std::string text = std::string(R"(
buffer input: f32[1] read_only;
buffer out: f32[1] read_write output live_out;
region "r" { out[0] = )") + expression +
                             "; }\n";
    return line(wire_of(text.c_str()),
                std::string(R"("inputs":["00000000"],"ulp":4,"outputs":[")") + output + "\"]");
  };
  // cos(0) = 1, two units off; the same distance after a plain addition.
  EXPECT_EQ(run(f32_case("cos(input[0])", "0200803f")).passed, 1u);
  EXPECT_EQ(run(f32_case("cos(input[0])", "0600803f")).failed, 1u);
  EXPECT_EQ(run(f32_case("input[0] + 1.0", "0000803f")).passed, 1u);
  EXPECT_EQ(run(f32_case("input[0] + 1.0", "0200803f")).failed, 1u);
}

TEST_P(BothExecutors, DecoderLinesCountEveryVerdict) {
  const std::string wire = add_one();
  const std::string good =
      R"({"name":"d","wire":")" + wire +
      R"(","base":[1],"mutations":[["truncate",100,0,0],["xor_no_rehash",50,1,0],)"
      R"(["overlong_count",40,1,2,"0000000000000000"]]})";
  Summary summary = run(good);
  EXPECT_EQ(summary.decoder_verdicts, 4u);
  EXPECT_EQ(summary.decoder_passed, 3u);
  ASSERT_EQ(summary.failures.size(), 1u) << "the invented hash of the re-encoding";
  EXPECT_NE(summary.failures[0].name.find("overlong_count"), std::string::npos);
  const std::string hash = blake3(from_hex(wire).value()).hex().substr(0, 16);
  const std::string right = R"({"name":"d","wire":")" + wire +
                            R"(","base":[1],"mutations":[["overlong_count",40,1,2,")" + hash +
                            R"("]]})";
  EXPECT_EQ(run(right).decoder_passed, 2u);
  const std::string wrong =
      R"({"name":"d","wire":")" + wire + R"(","base":[0],"mutations":[["truncate",100,0,1]]})";
  EXPECT_EQ(run(wrong).failed, 2u);
}

TEST_P(BothExecutors, AFaultLeavesNothingBehindForTheNextLine) {
  const std::string unfinished = wire_of(R"(
buffer input: u32[4] read_only;
buffer out: u32[4] read_write output live_out;
region "r" { async_load(input, out, 0, 16, "never waited for"); }
)");
  std::string text;
  for (int i = 0; i < 8; ++i) {  // more lines than workers
    text += line(unfinished, std::string(kInputs) + R"(,"error":"fault")") + good_line();
  }
  EXPECT_EQ(run(text).passed, 16u);
}

TEST_P(BothExecutors, ManyLinesShareOneSession) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += good_line();
  EXPECT_EQ(run(text).passed, 200u);
}

TEST(Conformance, AMalformedLineStopsTheRunAndIsNamed) {
  const TemporaryFile file(good_line() + "{}\n");
  const auto summary = run_files({file.path()}, Options{Executor::reference, 10}, nullptr);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, Errc::malformed);
  EXPECT_NE(summary.error().message.find("line 2"), std::string::npos) << summary.error().message;
  EXPECT_NE(summary.error().message.find(file.path()), std::string::npos);
}

TEST(Conformance, AMissingFileIsAnError) {
  EXPECT_EQ(run_files({"/nonexistent"}, Options{Executor::reference, 10}, nullptr).error().code,
            Errc::io);
}

TEST(Conformance, CudaIsRefusedByNameWhereItIsNotBuilt) {
  const auto refused = run_files({}, Options{Executor::cuda, 10}, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_NE(refused.error().message.find("cuda"), std::string::npos);
}

TEST(Conformance, ACaseBeyondItsTimeIsBrokenOnTheReferenceAndTheNextOneRuns) {
  const std::string slow = wire_of(R"(
workgroup 1, 1, 1;
buffer out: u32[1] read_write output live_out;
region "slow" { for i in 0 .. 4294967295 { out[0] = i; } }
)");
  const TemporaryFile file(line(slow, R"("inputs":[],"outputs":["00000000"])") + good_line());
  Options options{Executor::reference, 10};
  options.case_timeout = std::chrono::milliseconds{300};
  const auto summary = run_files({file.path()}, options, nullptr);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_EQ(summary->passed, 1u);
  ASSERT_EQ(summary->failures.size(), 1u);
  EXPECT_NE(summary->failures[0].why.find("wall_time"), std::string::npos)
      << summary->failures[0].why;
}

TEST(Conformance, KeptFailuresAreBoundedAndAllAreCounted) {
  std::string text;
  for (int i = 0; i < 5; ++i) text += line("00", R"("outputs":[])");
  const TemporaryFile file(text);
  int seen = 0;
  const Options options{Executor::reference, 2};
  const auto summary = run_files({file.path()}, options, [&](const Failure&) { ++seen; });
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->failed, 5u);
  EXPECT_EQ(seen, 5);
  EXPECT_EQ(summary->failures.size(), 2u);
  const auto json = nlohmann::json::parse(to_json(*summary, options));
  EXPECT_EQ(json["failed"], 5);
  EXPECT_EQ(json["executor"], "reference");
  EXPECT_EQ(json["failures"].size(), 2u);
  EXPECT_EQ(json["failures"][0]["line"], 1);
}

}  // namespace
}  // namespace vyre::conformance

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "process.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;

TEST(CliRun, ManyFilesComeOutInTheirOrder) {
  const Folder folder;
  std::vector<std::string> arguments{"run", kLines};
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    arguments.push_back(folder.write("f" + std::to_string(i),
                                     std::string(static_cast<std::size_t>(i * 7 % 50), '\n')));
    expected += arguments.back() + ": " + std::to_string(i * 7 % 50) + "\n";
  }
  const Ran ran = vyre(arguments);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, expected);
}

TEST(CliRun, APlanGivesTheSameOutputsRecordsTheSameItemsAndSaysWhatItFound) {
  const Folder folder;
  std::vector<std::string> arguments{"run", kLines};
  for (int i = 0; i < 150; ++i)
    arguments.push_back(
        folder.write("f" + std::to_string(i), std::string(static_cast<std::size_t>(i % 9), '\n')));
  arguments.push_back(folder.path("missing"));
  const Ran plain = vyre(arguments);
  arguments.push_back("--plan");
  const Ran planned = vyre(arguments);
  EXPECT_EQ(planned.exit_code, plain.exit_code);
  EXPECT_EQ(planned.out, plain.out);
  EXPECT_NE(planned.err.find("plan of 64 items: 0 removed"), std::string::npos) << planned.err;
  EXPECT_NE(planned.err.find("and 2 more plans"), std::string::npos) << planned.err;

  arguments.back() = "--trace";
  arguments[0] = "record";
  arguments.push_back(folder.path("trace"));
  arguments.push_back("--plan");
  const Ran recorded = vyre(arguments);
  EXPECT_EQ(recorded.out, plain.out);
  for (const char* executor : {"cpu", "reference"}) {
    const Ran replayed =
        vyre({"replay", folder.path("trace"), "--executor", executor, "--compare", "expected"});
    EXPECT_EQ(replayed.exit_code, 0) << replayed.out << replayed.err;
  }

  const Ran refused = vyre({"run", kLines, folder.path("f0"), "--plan", "--executor", "reference"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("--plan is of sessions"), std::string::npos) << refused.err;
}

TEST(CliRun, APlanWithLineageSaysWhichFilesAndRulesContributedToWhat) {
  const Folder folder;
  const std::string a = folder.write("a", "1\n2\n");
  const std::string b = folder.write("b", "1\n");
  const std::string report = folder.path("report");
  const Ran ran = vyre({"run", kLines, a, b, "--plan", "--lineage", "--rule", "counts lines",
                        "--rule", "second", "--report", report});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, a + ": 2\n" + b + ": 1\n");
  EXPECT_NE(ran.err.find("rules: counts lines, second, " + a), std::string::npos) << ran.err;
  const Ran text = vyre({"report", "lineage", report});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_NE(text.out.find("with 2 items, 4 rules\n"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("rule " + b + " contributed to 1 regions\n"), std::string::npos);
  const Ran graph = vyre({"report", "lineage", report, "--format", "dot"});
  EXPECT_EQ(graph.out.rfind("digraph lineage {\n", 0), 0u) << graph.out;
  EXPECT_NE(graph.out.find("label=\"counts lines\""), std::string::npos) << graph.out;
  const Ran json = vyre({"report", "lineage", report, "--json"});
  EXPECT_EQ(nlohmann::json::parse(json.out)["lineage"], text.out);

  ASSERT_EQ(vyre({"run", kLines, a, "--plan", "--report", report}).exit_code, 0);
  const Ran none = vyre({"report", "lineage", report});
  EXPECT_EQ(none.exit_code, 4) << none.err;
  EXPECT_NE(none.err.find("run again with `vyre run --plan --lineage`"), std::string::npos)
      << none.err;
  const std::pair<std::vector<std::string>, const char*> mistakes[]{
      {{"run", kLines, a, "--lineage"}, "give --plan too"},
      {{"run", kLines, a, "--plan", "--rule", "x"}, "give --lineage too"},
      {{"report", "lineage"}, "needs a FILE"},
      {{"report", report, "--format", "dot"}, "report lineage FILE --format dot"},
      {{"report", "lineage", report, "--format", "png"}, "png"}};
  for (const auto& [arguments, what] : mistakes) {
    const Ran refused = vyre(arguments);
    EXPECT_EQ(refused.exit_code, 2) << what;
    EXPECT_NE(refused.err.find(what), std::string::npos) << refused.err;
  }
  const Ran nameless = vyre({"run", kLines, a, "--plan", "--lineage", "--rule", "x", "--rule", ""});
  EXPECT_NE(nameless.exit_code, 0);
  EXPECT_NE(nameless.err.find("has an empty name"), std::string::npos) << nameless.err;
}

TEST(CliRun, AMissingFileIsNamedWithItsErrnoAndTheOthersRun) {
  const Folder folder;
  const std::string a = folder.write("a", "1\n2\n");
  const std::string b = folder.write("b", "1\n");
  const std::string missing = folder.path("missing");
  const Ran ran =
      vyre({"run", kLines, a, missing, folder.path(""), b, "--report", folder.path("report")});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.out, a + ": 2\n" + b + ": 1\n");
  EXPECT_NE(ran.err.find(missing), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("No such file or directory (errno 2)"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("errno 21"), std::string::npos) << ran.err;
  const Json report = Json::parse(read_all(folder.path("report")));
  EXPECT_EQ(report["schema"], "vyre.report/2");
  EXPECT_EQ(report["report"]["items_processed"], 2);
}

TEST(CliRun, TheReportSaysBytesFilesProcessorTimeAndLabels) {
  const Folder folder;
  const std::string a = folder.write("a", "1\n2\n");
  const std::string b = folder.write("b", "1\n");
  for (const char* const executor : {"cpu", "reference"}) {
    const Ran ran = vyre({"run", kLines, a, b, "--executor", executor, "--report",
                          folder.path("report"), "--label", "job=nightly", "--label", "n=1 2"});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    const Json report = Json::parse(read_all(folder.path("report")));
    EXPECT_EQ(report["run"]["labels"], Json::parse(R"({"job": "nightly", "n": "1 2"})"));
    EXPECT_EQ(report["run"]["executor"], executor);
    EXPECT_EQ(report["run"]["documents"], 1);
    const Json& work = report["work"];
    EXPECT_EQ(work["read_bytes"].get<int>() + work["mapped_bytes"].get<int>() +
                  work["uploaded_bytes"].get<int>(),
              6)
        << work.dump();
    EXPECT_EQ(work["output_bytes"], 8) << "a word a file";
    EXPECT_GT(report["process"]["peak_resident_bytes"], 1'000'000);
    if (std::string(executor) != "cpu") continue;
    EXPECT_EQ(work["files"], 2);
    EXPECT_EQ(report["ops"][0]["program"].get<std::string>().size(), 64u);
    EXPECT_EQ(report["ops"][0]["running"]["buckets"].is_array(), true);
  }
  const std::pair<const char*, const char*> wrong[]{{"job", "no '='"}, {"1=x", "digit first"}};
  for (const auto& [label, why] : wrong) {
    const Ran refused = vyre({"run", kLines, a, "--report", folder.path("r"), "--label", label});
    EXPECT_EQ(refused.exit_code, 2) << refused.err;
    EXPECT_NE(refused.err.find(why), std::string::npos) << refused.err;
    EXPECT_EQ(refused.out, "") << "nothing ran";
  }
  EXPECT_EQ(vyre({"run", kLines, a, "--label", "job=x"}).exit_code, 2) << "of no report";
}

TEST(CliRun, JsonHasARowForEachFile) {
  const Folder folder;
  const std::string a = folder.write("a", "1\n2\n");
  const Ran ran = vyre({"run", kLines, a, folder.path("missing"), "--json"});
  EXPECT_EQ(ran.exit_code, 1);
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["failed"], 1);
  EXPECT_EQ(json["items"][0]["file"], a);
  EXPECT_EQ(json["items"][0]["outputs"]["lines"]["values"], Json::array({2}));
  EXPECT_EQ(json["items"][1]["status"], "failed");
  EXPECT_EQ(json["items"][1]["error"]["errno"], 2);
}

TEST(CliRun, AReportThatCannotBeWrittenIsInTheOneJsonObject) {
  const Folder folder;
  const std::string a = folder.write("a", "1\n2\n");
  const Ran ran = vyre({"run", kLines, a, "--json", "--report", folder.path("no/such/place")});
  EXPECT_EQ(ran.exit_code, 4);
  ASSERT_TRUE(Json::accept(ran.out)) << ran.out;
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["items"].size(), 1u);
  EXPECT_EQ(json["error"]["errno"], 2);
}

TEST(CliRun, TheReferenceStopsAtTheTimeoutOfAnItem) {
  const Folder folder;
  const std::string program =
      folder.write("p.vir",
                   "workgroup 1, 1, 1; buffer out: u32[1] read_write output live_out;"
                   "region \"r\" { for i in 0 .. 4294967295 { out[0] = i; } }");
  const Ran ran = vyre({"run", program, "--executor", "reference", "--timeout", "0.05"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.err.find("wall_time"), std::string::npos) << ran.err;
}

// More files than one process may map at once.
TEST(CliRun, ThousandsOfFilesRunRecordAndReplay) {
  const Folder folder;
  std::vector<std::string> files;
  for (int i = 0; i < 3'000; ++i) {
    files.push_back(folder.write("f" + std::to_string(i),
                                 std::string(static_cast<std::size_t>(1 + i % 50), '\n')));
  }
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), files.begin(), files.end());
    return vyre(arguments);
  };
  const Ran ran = with({"run", kLines});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const std::string trace = folder.path("trace");
  const Ran recorded = with({"record", kLines, "--trace", trace});
  EXPECT_EQ(recorded.exit_code, 0) << recorded.err;
  EXPECT_EQ(recorded.out, ran.out);
  const Ran replayed = vyre({"replay", trace, "--compare", "expected", "--json"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err << replayed.out;
  EXPECT_EQ(Json::parse(replayed.out)["buffers_compared"], 3'000);
}

TEST(CliRun, EveryExecutorGivesTheSameBytes) {
  const Folder folder;
  const std::string file = folder.write("f", some_text(5000, 3));
  const Ran cpu = vyre({"run", kExamples + "byte_histogram.vir", file, "--executor", "cpu"});
  const Ran reference =
      vyre({"run", kExamples + "byte_histogram.vir", file, "--executor", "reference"});
  EXPECT_EQ(cpu.exit_code, 0) << cpu.err;
  EXPECT_EQ(reference.exit_code, 0) << reference.err;
  EXPECT_EQ(cpu.out, reference.out);
}

TEST(CliRun, StandardInputIsAFileToo) {
  EXPECT_EQ(vyre({"run", kLines, "-"}, {"a\nb\nc\n"}).out, "3\n");
}

TEST(CliRun, OutputsGoToADirectoryWithoutCollisions) {
  const Folder folder;
  std::filesystem::create_directory(folder.path("one"));
  std::filesystem::create_directory(folder.path("two"));
  const std::string a = folder.write("one/same", "\n");
  const std::string b = folder.write("two/same", "\n\n");
  const std::string c = folder.write("same.2", "\n\n\n");
  const Ran ran = vyre({"run", kLines, c, a, b, "--out-dir", folder.path("out")});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(read_all(folder.path("out/same.lines")), "1\n");
  EXPECT_EQ(read_all(folder.path("out/same.2.lines")), "3\n");
  EXPECT_EQ(read_all(folder.path("out/same.3.lines")), "2\n");
}

TEST(CliRun, AFaultNamesItsPlaceAndExitsOne) {
  const Folder folder;
  const std::string program =
      folder.write("p.vir",
                   "workgroup 4, 1, 1; buffer out: i32[4] read_write output live_out;"
                   "region \"r\" { out[gid.x] = 1i / (i32(gid.x) - 2i); }");
  for (const char* const executor : {"cpu", "reference"}) {
    const Ran ran = vyre({"run", program, "--executor", executor});
    EXPECT_EQ(ran.exit_code, 1) << executor;
    EXPECT_NE(ran.err.find("faulted"), std::string::npos) << ran.err;
    EXPECT_EQ(ran.out, "") << executor;
  }
}

TEST(CliRun, ABufferWithoutBytesIsAUsageErrorThatNamesTheFlag) {
  const Folder folder;
  const std::string file = folder.write("f", "x");
  const Ran ran = vyre({"run", kExamples + "literal_count.vir", file});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_NE(ran.err.find("--bind pattern="), std::string::npos) << ran.err;
  EXPECT_EQ(vyre({"run", kLines}).exit_code, 2);
  EXPECT_EQ(vyre({"run", kLines, file, "--bind", "nope=u32:1"}).exit_code, 2);
  EXPECT_EQ(vyre({"run", kLines, file, "--count", "text=len("}).exit_code, 2);
  EXPECT_EQ(vyre({"run", kLines, file, "--format", "octal"}).exit_code, 2);
  EXPECT_EQ(vyre({"run", kLines, file, file, "-o", folder.path("o")}).exit_code, 2);
}

TEST(CliRun, AnItemBeyondTheMemoryBoundFailsAloneAndSaysWhatHelps) {
  const Folder folder;
  const std::string file = folder.write("f", std::string(4096, 'x'));
  const Ran ran = vyre({"run", kExamples + "prefix_sum.vir", file, "--max-memory", "1000"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.err.find("--max-memory"), std::string::npos) << ran.err;
}

TEST(CliRun, AFullDiskAndAClosedReaderAreErrors) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  const Ran full = vyre({"run", kLines, file}, {"", "/dev/full"});
  EXPECT_EQ(full.exit_code, 4);
  EXPECT_NE(full.err.find("No space left"), std::string::npos) << full.err;
  // The reader is gone before the first byte.
  const Ran closed = run_process(
      {"sh", "-c", "{ sleep 0.5; \"$0\" caps --json; echo \"code $?\" >&2; } | true", VYRE_BINARY});
  EXPECT_EQ(closed.err, "code 4\n");
}

TEST(CliRun, NamingADeviceAsOutputKeepsTheDevice) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  EXPECT_EQ(vyre({"run", kLines, file, "-o", "/dev/null", "--report", "/dev/null"}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

}  // namespace
}  // namespace vyre::test

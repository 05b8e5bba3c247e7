// Files that stream: the same bytes as any other way, chunks cut alike everywhere, failures that
// stay with their file, tiers that are what they are called. Ingest memory is small here, so that
// small files are already too large to stream whole.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "process.hpp"
#include "report_schema.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;
const std::string kCrc = kExamples + "crc32.vir";
const std::string kLiteral = kExamples + "literal_count.vir";
const std::string kSums = kExamples + "prefix_sum.vir";
// A 64th of it is 106,496: what streams whole.
const Strings kLittleMemory{"--ingest-memory", "6816KB"};
constexpr std::size_t kWholeBytes{106'496};

Strings reference() {
  return {"--executor", "reference"};
}
Strings cpu() {
  return {"--executor", "cpu"};
}

/// The report's rows by tier.
Json tiers_of(const Json& report) {
  Json tiers = Json::object();
  if (report["ingest"].is_null()) return tiers;
  for (const Json& row : report["ingest"]["tiers"]) tiers[row["tier"].get<std::string>()] = row;
  return tiers;
}

TEST(CliStream, ManySmallFilesAndSomeLargeOnesGiveTheReferencesBytesInTheirOrder) {
  const Folder folder;
  Strings files;
  std::size_t streamed = 0;
  for (unsigned i = 0; i < 300; ++i) {
    files.push_back(folder.write("f" + std::to_string(i), some_text(i * 37 % 4'111, i)));
    streamed += i * 37 % 4'111;
  }
  unsigned seed = 300;
  for (const std::size_t bytes : {kWholeBytes - 1, kWholeBytes, kWholeBytes + 1, 3 * kWholeBytes}) {
    const auto at = files.begin() + static_cast<std::ptrdiff_t>(seed % 7 * 41);
    files.insert(at, folder.write("large" + std::to_string(seed), some_text(bytes, seed)));
    ++seed;
    if (bytes <= kWholeBytes) streamed += bytes;
  }
  const Ran on_cpu = vyre(Strings{"run", kLines, "--report", folder.path("report")} + cpu() +
                          kLittleMemory + files);
  const Ran by_reference = vyre(Strings{"run", kLines} + reference() + files);
  EXPECT_EQ(on_cpu.exit_code, 0) << on_cpu.err;
  EXPECT_EQ(by_reference.exit_code, 0) << by_reference.err;
  EXPECT_EQ(on_cpu.out, by_reference.out);
  const std::string report = read_all(folder.path("report"));
  EXPECT_EQ(schema_complaints(report), "");
  const Json json = Json::parse(report);
  EXPECT_EQ(json["report"]["items_processed"], 304);
  ASSERT_FALSE(json["ingest"].is_null());
  std::size_t completed = 0;
  for (const Json& row : json["ingest"]["tiers"])
    completed += row["completed_bytes"].get<std::size_t>();
  // Direct reads are rounded out to blocks.
  EXPECT_GE(completed, streamed);
  EXPECT_LT(completed, streamed + 3 * 2 * 4096);
}

TEST(CliStream, ChunksAreCutAtTheSamePlacesByEveryExecutorAndFromAPipe) {
  const Folder folder;
  // The last chunk ends at the end of the file, a byte before it, a byte behind it.
  for (const std::size_t bytes : {0ul, 1ul, 1'024ul, 1'025ul, 1'984ul, 1'985ul, 50'000ul}) {
    const std::string text = some_text(bytes, static_cast<unsigned>(bytes));
    const std::string file = folder.write("f", text);
    const Strings cut{"--chunk", "1024", "--overlap", "64", "--json"};
    const Ran on_cpu = vyre(Strings{"run", kCrc, file} + cpu() + cut);
    const Ran by_reference = vyre(Strings{"run", kCrc, file} + reference() + cut);
    const Ran piped = vyre(Strings{"run", kCrc, "-"} + cpu() + cut, {text});
    ASSERT_EQ(on_cpu.exit_code, 0) << on_cpu.err;
    const Json items = Json::parse(on_cpu.out)["items"];
    EXPECT_EQ(items, Json::parse(by_reference.out)["items"]) << bytes;
    Json from_pipe = Json::parse(piped.out)["items"];
    for (Json& item : from_pipe) item["file"] = file;
    EXPECT_EQ(items, from_pipe) << bytes;
    EXPECT_EQ(items.size(), bytes <= 1'024 ? 1 : (bytes - 1'024 + 959) / 960 + 1) << bytes;
    EXPECT_EQ(items.back()["offset"], (items.size() - 1) * 960) << bytes;
  }
}

TEST(CliStream, AMatchAcrossABoundaryIsCountedOnceByAProgramThatKnowsWhatWasSeen) {
  const Folder folder;
  std::string text(4'096, '.');
  text.replace(1'018, 6, "needle");  // in the bytes that the first two chunks share
  text.replace(2'030, 6, "needle");  // across the end of the second
  const std::string file = folder.write("f", text);
  const Strings run{"run",    kLiteral,     file,      "--bind", "pattern=text:needle",
                    "--bind", "seen=@seen", "--chunk", "1024"};
  const Json items = Json::parse(vyre(run + Strings{"--overlap", "16", "--json"}).out)["items"];
  std::size_t found = 0;
  for (const Json& item : items) {
    found += item["outputs"]["count"]["values"][0].get<std::size_t>();
    EXPECT_EQ(item["seen_bytes"], item["offset"] == 0 ? 0 : 16);
  }
  EXPECT_EQ(items.size(), 5u);
  EXPECT_EQ(found, 2u);
  EXPECT_EQ(vyre(run + Strings{"--overlap", "16", "--reduce", "sum"}).out, "2\n");
}

TEST(CliStream, FilesThatFailAreReportedWithPathAndErrnoAndTheOthersRun) {
  const Folder folder;
  const std::string a = folder.write("a", "1\n2\n");
  const std::string b = folder.write("b", "1\n");
  const std::string missing = folder.path("missing");
  std::filesystem::create_directory(folder.path("directory"));
  const Strings files{a, missing, folder.path("directory"), b};
  for (const Strings& cut : {Strings{}, Strings{"--chunk", "1024"}}) {
    const std::string at = cut.empty() ? "" : "@0";
    const Ran ran = vyre(Strings{"run", kLines, "--report", folder.path("report")} + cut + files);
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_EQ(ran.out, a + at + ": 2\n" + b + at + ": 1\n");
    EXPECT_NE(ran.err.find("'" + missing + "'"), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("(errno 2)"), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("(errno 21)"), std::string::npos) << ran.err;
    const Json failures = Json::parse(read_all(folder.path("report")))["input_failures"];
    ASSERT_EQ(failures.size(), 2u) << failures;
    EXPECT_EQ(failures[0]["what"], missing);
    EXPECT_EQ(failures[1]["what"], folder.path("directory"));
  }
}

TEST(CliStream, EveryTierThatIsToBeHadGivesTheSameBytesAndIsNamedInTheReport) {
  const Folder folder;
  Strings files;
  for (unsigned i = 0; i < 20; ++i)
    files.push_back(folder.write("f" + std::to_string(i), some_text(1 + i * 4'099, i)));
  const Ran expected = vyre(Strings{"run", kLines} + reference() + files);
  for (const char* const tier : {"A", "B", "C", "E"}) {
    const Ran ran = vyre(Strings{"run", kLines, "--tier", tier, "--report", folder.path("report")} +
                         cpu() + files);
    // File systems in memory refuse O_DIRECT, sandboxes io_uring.
    if (ran.exit_code != 0) {
      EXPECT_STRNE(tier, "E") << ran.err;
      EXPECT_NE(ran.err.find("tier " + std::string(tier)), std::string::npos) << ran.err;
      continue;
    }
    EXPECT_EQ(ran.out, expected.out) << tier;
    const Json report = Json::parse(read_all(folder.path("report")));
    const Json tiers = tiers_of(report);
    EXPECT_EQ(tiers.size(), 1u) << tiers;
    EXPECT_TRUE(tiers.contains(tier)) << tiers;
  }
}

TEST(CliStream, AForcedTierHoldsForFilesThatDoNotStreamToo) {
  const Folder folder;
  const std::string large = folder.write("large", some_text(3 * kWholeBytes, 1));
  const std::string words = folder.write("words", some_text(8'000, 2));
  for (const Strings& run : {Strings{"run", kLines, large}, Strings{"run", kSums, words}}) {
    const Ran plain = vyre(run + cpu() + kLittleMemory);
    const Ran forced =
        vyre(run + cpu() + kLittleMemory + Strings{"--tier", "E", "--report", folder.path("r")});
    EXPECT_EQ(forced.exit_code, 0) << forced.err;
    EXPECT_EQ(forced.out, plain.out);
    EXPECT_TRUE(tiers_of(Json::parse(read_all(folder.path("r")))).contains("E"));
  }
}

TEST(CliStream, TierDIsRefusedByNameBeforeAnythingRuns) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  const Ran ran = vyre({"run", kLines, file, "--tier", "D"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("tier D"), std::string::npos) << ran.err;
  const Ran json = vyre({"run", kLines, file, "--tier", "D", "--json"});
  ASSERT_TRUE(Json::accept(json.out)) << json.out;
  EXPECT_EQ(Json::parse(json.out)["error"]["code"], "unsupported");
}

TEST(CliStream, WithoutIngestMemoryNothingStreamsAndTheResultsAreTheSame) {
  const Folder folder;
  const std::string file = folder.write("f", some_text(5'000, 1));
  const Strings none{"--ingest-memory", "0", "--report", folder.path("report")};
  for (const Strings& run : {Strings{"run", kLines, file}, Strings{"run", kSums, file},
                             Strings{"run", kCrc, file, "--chunk", "1024"}}) {
    const Ran ran = vyre(run + cpu() + none);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.out, vyre(run + cpu()).out);
    EXPECT_TRUE(Json::parse(read_all(folder.path("report")))["ingest"].is_null());
  }
}

TEST(CliStream, ProgramsWithLargeOutputsDoNotStreamAndRunAllTheSame) {
  const Folder folder;
  const std::string program = folder.write(
      "p.vir",
      "workgroup 1, 1, 1; buffer text: u8[] read_only; buffer out: u32[100000] read_write output "
      "live_out; region \"r\" { if gid.x == 0u { out[99999u] = u32(text[0]); } }");
  const std::string file = folder.write("f", some_text(50, 1));
  for (const Strings& cut : {Strings{}, Strings{"--chunk", "16"}}) {
    const Strings run = Strings{"run", program, file, "--invocations", "1"} + cut;
    const Ran ran = vyre(run + cpu() + kLittleMemory + Strings{"--report", folder.path("report")});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.out, vyre(run + reference()).out);
    EXPECT_TRUE(Json::parse(read_all(folder.path("report")))["ingest"].is_null());
  }
}

TEST(CliStream, OutputsOfChunksGoToFilesNamedByTheirOffset) {
  const Folder folder;
  const std::string file = folder.write("f", std::string(2'000, '\n'));
  const Ran ran =
      vyre({"run", kLines, file, file, "--chunk", "1024", "--out-dir", folder.path("out")});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(read_all(folder.path("out/f@0.lines")), "1024\n");
  EXPECT_EQ(read_all(folder.path("out/f@1024.lines")), "976\n");
  EXPECT_EQ(read_all(folder.path("out/f@1024.2.lines")), "976\n");
}

TEST(CliStream, AFaultInOneChunkIsThatChunksOnly) {
  const Folder folder;
  const std::string program =
      folder.write("p.vir",
                   "workgroup 1, 1, 1; buffer text: u8[] read_only; buffer out: i32[1] read_write "
                   "output live_out;"
                   "region \"r\" { out[0] = 100i / (i32(text[0]) - 65i); }");
  const std::string file = folder.write(
      "f", "B" + std::string(15, '.') + "A" + std::string(15, '.') + "C" + std::string(9, '.'));
  const Ran ran = vyre({"run", program, file, "--chunk", "16"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.out, file + "@0: 100\n" + file + "@32: 50\n");
  EXPECT_NE(ran.err.find(file + "@16: faulted"), std::string::npos) << ran.err;
}

TEST(CliStream, AnItemThatIsLateFailsItsFileAndNotTheOthers) {
  const Folder folder;
  const std::string program =
      folder.write("p.vir",
                   "workgroup 1, 1, 1; buffer text: u8[] read_only; buffer out: u32[1] read_write "
                   "output live_out;"
                   "region \"r\" { if u32(text[0]) == 76 { for i in 0 .. 4294967295 { out[0] = i; "
                   "} } out[0] = 7; }");
  const std::string late = folder.write("late", "L");
  const std::string a = folder.write("a", "x");
  const std::string b = folder.write("b", "x");
  // Time enough for the others on a machine that does much else; the late one's fuel lasts longer.
  const Ran ran = vyre({"run", program, a, late, b, "--timeout", "1", "--workers", "2", "--fuel",
                        "400000000", "--executor", "cpu"});
  EXPECT_NE(ran.exit_code, 0);
  EXPECT_EQ(ran.out, a + ": 7\n" + b + ": 7\n") << ran.err;
  EXPECT_NE(ran.err.find("late: deadline_exceeded"), std::string::npos) << ran.err;
}

TEST(CliStream, ASlowItemIsWaitedForHoweverManyCouldBeAheadOfIt) {
  const Folder folder;
  Strings files{folder.write("large", some_text(1'000'000, 1))};
  for (unsigned i = 0; i < 1'000; ++i)
    files.push_back(folder.write("f" + std::to_string(i), some_text(4'000, i)));
  const Strings run = Strings{"run", kExamples + "byte_histogram.vir"} + cpu() + files;
  const Ran ran = vyre(run + Strings{"--max-memory", "300KB", "--workers", "2"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err.substr(0, 1'000);
  EXPECT_EQ(ran.out, vyre(run).out);
}

TEST(CliStream, FewDescriptorsFailNoFile) {
  const Folder folder;
  Strings files;
  for (unsigned i = 0; i < 400; ++i) {
    const std::size_t bytes = i % 8 == 0 ? kWholeBytes + 1'000 : 1'000;  // mapped, or streamed
    files.push_back(folder.write("f" + std::to_string(i), some_text(bytes, i)));
  }
  const Strings run = Strings{"run", kLines} + cpu() + kLittleMemory + files;
  const Ran few =
      run_process(Strings{"sh", "-c", "ulimit -n 96 && exec \"$0\" \"$@\"", VYRE_BINARY} + run);
  EXPECT_EQ(few.exit_code, 0) << few.err;
  EXPECT_EQ(few.out, vyre(run).out);
}

TEST(CliStream, ARecordingOfStreamedChunksReplaysWithoutItsFiles) {
  const Folder folder;
  const std::string a = folder.write("a", some_text(10'000, 1));
  const std::string b = folder.write("b", some_text(700, 2));
  const std::string trace = folder.path("trace");
  const Strings cut{"--chunk", "4096", "--overlap", "32"};
  const Ran recorded = vyre(
      Strings{"record", kCrc, a, b, "--trace", trace, "--report", folder.path("report")} + cut);
  ASSERT_EQ(recorded.exit_code, 0) << recorded.err;
  EXPECT_EQ(recorded.out, vyre(Strings{"run", kCrc, a, b} + cut).out);
  EXPECT_EQ(schema_complaints(read_all(folder.path("report"))), "");
  EXPECT_FALSE(Json::parse(read_all(folder.path("report")))["ingest"].is_null());
  std::filesystem::remove(a);
  std::filesystem::remove(b);
  for (const char* const executor : {"cpu", "reference"}) {
    const Ran replayed =
        vyre({"replay", trace, "--executor", executor, "--compare", "expected", "--json"});
    EXPECT_EQ(replayed.exit_code, 0) << replayed.err << replayed.out;
    const Json json = Json::parse(replayed.out);
    EXPECT_EQ(json["items"], 4);
    EXPECT_EQ(json["buffers_compared"], 4);
  }
}

TEST(CliStream, ARecordingStreamsOnlyWhatHalfTheMemoryKeeps) {
  const Folder folder;
  Strings files;
  for (unsigned i = 0; i < 10; ++i)
    files.push_back(folder.write("f" + std::to_string(i), some_text(10'000, i)));
  const std::string trace = folder.path("trace");
  const Ran recorded = vyre(Strings{"record", kLines, "--trace", trace, "--max-memory", "50000",
                                    "--report", folder.path("report")} +
                            files);
  ASSERT_EQ(recorded.exit_code, 0) << recorded.err;
  EXPECT_EQ(recorded.out, vyre(Strings{"run", kLines} + files).out);
  const Json report = Json::parse(read_all(folder.path("report")));
  std::size_t streamed = 0;
  for (const Json& row : report["ingest"]["tiers"])
    streamed += row["completed_bytes"].get<std::size_t>();
  EXPECT_EQ(streamed, 20'000u);
  EXPECT_EQ(vyre({"replay", trace, "--compare", "expected"}).exit_code, 0);
}

TEST(CliStream, AProgramThatCopiesOutOfALargeFileAsksForPiecesAlsoWhenItIsReplayed) {
  const Folder folder;
  const std::string program = folder.write(
      "p.vir",
      "workgroup 1, 1, 1; buffer data: u8[] read_only; buffer out: u8[150000] read_write output "
      "live_out; region \"r\" { if gid.x == 0u { async_load(data, out, 70001u, 150000u, \"a\"); "
      "async_wait(\"a\"); } }");
  const std::string text = some_text(3 * kWholeBytes, 5);
  const std::string file = folder.write("f", text);
  const Strings one{"--invocations", "1", "--format", "raw"};
  const std::string trace = folder.path("trace");
  const Ran recorded =
      vyre(Strings{"record", program, file, "--trace", trace, "--report", folder.path("recorded")} +
           cpu() + kLittleMemory + one);
  EXPECT_EQ(recorded.exit_code, 0) << recorded.err;
  EXPECT_EQ(recorded.out, text.substr(70'001, 150'000));
  EXPECT_EQ(vyre(Strings{"run", program, file} + reference() + one).out, recorded.out);
  const Ran replayed =
      vyre({"replay", trace, "--compare", "expected", "--report", folder.path("replayed")});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err << replayed.out;
  for (const char* const name : {"recorded", "replayed"}) {
    const std::string report = read_all(folder.path(name));
    EXPECT_EQ(schema_complaints(report), "") << name;
    const Json ingest = Json::parse(report)["ingest"];
    ASSERT_FALSE(ingest.is_null()) << name;
    EXPECT_EQ(ingest["item_requests"], 3) << name;  // 64 KiB each, and the rest
  }
}

TEST(CliStream, FlagsThatContradictAreRefusedByName) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  const std::string none =
      folder.write("none.vir",
                   "workgroup 1, 1, 1; buffer out: u32[1] read_write output live_out;"
                   "region \"r\" { out[0] = 1; }");
  struct Case {
    Strings arguments;
    const char* says;
  };
  const Strings run{"run", kLines, file};
  const Case cases[]{
      {run + Strings{"--overlap", "16"}, "--chunk"},
      {run + Strings{"--chunk", "1000"}, "multiple of 16"},
      {run + Strings{"--chunk", "1024", "--overlap", "17"}, "--overlap 17"},
      {run + Strings{"--chunk", "1024", "--overlap", "528"}, "half"},
      {run + Strings{"--chunk", "-16"}, "--chunk"},
      {run + Strings{"--chunk", "much"}, "--chunk"},
      {run + Strings{"--chunk", "4GB"}, "--chunk"},
      {run + Strings{"--chunk", "1024", "-o", folder.path("o")}, "--out-dir"},
      {run + Strings{"--chunk", "1024", "--out-dir", folder.path("")}, "--out-dir"},
      {run + Strings{"--tier", "F"}, "--tier"},
      {run + Strings{"--tier", ""}, "--tier"},
      {run + reference() + Strings{"--tier", "C"}, "--tier"},
      {run + reference() + Strings{"--ingest-memory", "64MB"}, "--ingest-memory"},
      {run + Strings{"--tier", "C", "--ingest-memory", "0"}, "--ingest-memory"},
      {{"run", none, "--chunk", "1024"}, "--chunk"},
      {{"run", kSums, file, "--chunk", "1024", "--tier", "C"}, "--tier C with --chunk"},
  };
  for (const Case& c : cases) {
    std::string shown = "vyre";
    for (const std::string& argument : c.arguments) shown += " " + argument;
    const Ran ran = vyre(c.arguments);
    EXPECT_EQ(ran.exit_code, 2) << shown << "\n" << ran.err;
    EXPECT_EQ(ran.out, "") << shown;
    EXPECT_NE(ran.err.find(c.says), std::string::npos) << shown << "\n" << ran.err;
  }
  EXPECT_EQ(read_all(file), "x\n");
}

TEST(CliStream, MemoryThatCannotHoldAChunkIsRefusedBeforeAnythingRuns) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  const Strings run = Strings{"run", kLines, file} + cpu();
  const Ran large = vyre(run + Strings{"--chunk", "16MB"} + kLittleMemory);
  EXPECT_EQ(large.exit_code, 4);
  EXPECT_NE(large.err.find("chunks of 16777216 bytes"), std::string::npos) << large.err;
  const Ran little = vyre(run + Strings{"--ingest-memory", "1MB"});
  EXPECT_EQ(little.exit_code, 2);
  EXPECT_NE(little.err.find("1048576"), std::string::npos) << little.err;
  EXPECT_EQ(large.out + little.out, "");
}

}  // namespace
}  // namespace vyre::test

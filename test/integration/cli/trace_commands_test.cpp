#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "process.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;

TEST(CliRecord, ATraceReplaysEqualOnEveryHostExecutor) {
  const Folder folder;
  const std::string a = folder.write("a", some_text(3000, 1));
  const std::string b = folder.write("b", some_text(700, 2));
  const std::string trace = folder.path("trace");
  const Ran recorded = vyre({"record", kExamples + "crc32.vir", a, b, "--trace", trace});
  ASSERT_EQ(recorded.exit_code, 0) << recorded.err;
  EXPECT_EQ(recorded.out, vyre({"run", kExamples + "crc32.vir", a, b}).out);
  for (const char* const executor : {"cpu", "reference"}) {
    const Ran replayed =
        vyre({"replay", trace, "--executor", executor, "--compare", "expected", "--json"});
    EXPECT_EQ(replayed.exit_code, 0) << replayed.err << replayed.out;
    const Json json = Json::parse(replayed.out);
    EXPECT_EQ(json["items"], 2);
    EXPECT_GE(json["buffers_compared"], 2);
    EXPECT_TRUE(json["difference"].is_null());
  }
  const Ran against =
      vyre({"replay", trace, "--compare", "reference", "--report", folder.path("report")});
  EXPECT_EQ(against.exit_code, 0) << against.err << against.out;
  const Ran report = vyre({"report", folder.path("report")});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  EXPECT_GT(report.out.size(), 20u);
  EXPECT_EQ(Json::parse(vyre({"report", folder.path("report"), "--json"}).out)["documents"].size(),
            1u);
  EXPECT_EQ(Json::parse(vyre({"replay", trace, "--inspect", "--json"}).out)["items"], 2);
}

TEST(CliRecord, AnOccupiedDirectoryIsRefusedAndKept) {
  const Folder folder;
  const std::string file = folder.write("precious", "x\n");
  const Ran ran = vyre({"record", kExamples + "line_count.vir", file, "--trace", folder.path("")});
  EXPECT_NE(ran.exit_code, 0);
  EXPECT_EQ(read_all(file), "x\n");
}

TEST(CliReplay, InspectRefusesFlagsItWouldIgnore) {
  const Folder folder;
  for (const char* const flag : {"--executor=cpu", "--compare=expected", "--pace=full", "--ulp=1",
                                 "--workers=1", "--timeout=1", "--report=r"}) {
    EXPECT_EQ(vyre({"replay", folder.path("trace"), "--inspect", flag}).exit_code, 2) << flag;
  }
}

TEST(CliReplay, TruncatedAndCorruptTracesGiveAnErrorAndNoCrash) {
  const Folder folder;
  const std::string file = folder.write("f", some_text(500, 1));
  const std::string trace = folder.path("trace");
  ASSERT_EQ(vyre({"record", kExamples + "line_count.vir", file, "--trace", trace}).exit_code, 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(trace)) {
    if (!entry.is_regular_file()) continue;
    const std::string whole = read_all(entry.path());
    const std::string name = std::filesystem::relative(entry.path(), folder.path(""));
    for (const std::size_t keep : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
      folder.write(name, whole.substr(0, keep));
      const Ran ran = vyre({"replay", trace, "--compare", "expected"});
      // Only the line end of the manifest can go unnoticed.
      const bool harmless = name == "trace/manifest.json" && keep == whole.size() - 1;
      EXPECT_EQ(ran.exit_code, harmless ? 0 : 3) << name << " cut to " << keep << ": " << ran.err;
    }
    std::string flipped = whole;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x40);
    folder.write(name, flipped);
    EXPECT_EQ(vyre({"replay", trace, "--compare", "expected"}).exit_code, 3)
        << name << " with a flipped bit";
    folder.write(name, whole);
  }
  EXPECT_EQ(vyre({"replay", trace, "--compare", "expected"}).exit_code, 0);
}

TEST(CliConformance, JudgesAVectorFileAndExitsOneOnAFailure) {
  const Folder folder;
  const std::string blob = folder.path("p.vyre");
  const std::string text =
      "workgroup 64, 1, 1; buffer a: u32[4] read_only; buffer out: u32[4] read_write output "
      "live_out;"
      "region \"vyre.program.root\" { out[gid.x] = a[gid.x] + 1; }";
  ASSERT_EQ(vyre({"asm", "-", "-o", blob}, {text}).exit_code, 0);
  std::string hex;
  for (const char c : read_all(blob)) {
    static constexpr char kDigits[] = "0123456789abcdef";
    hex += {kDigits[static_cast<unsigned char>(c) >> 4], kDigits[c & 15]};
  }
  const auto line = [&](const std::string& expected) {
    return "{\"name\":\"plus_one\",\"tags\":\"op\",\"grid\":[1,1,1],\"wire\":\"" + hex +
           "\",\"inputs\":[\"01000000020000000300000004000000\"],\"outputs\":[\"" + expected +
           "\"],\"ulp\":0,\"order\":\"independent\"}\n";
  };
  const std::string good = folder.write("good.jsonl", line("02000000030000000400000005000000"));
  const std::string bad = folder.write("bad.jsonl", line("02000000030000000400000006000000"));
  for (const char* const executor : {"cpu", "reference"}) {
    const Ran ran = vyre({"conformance", good, "--executor", executor, "--json"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err << ran.out;
    EXPECT_TRUE(Json::accept(ran.out)) << ran.out;
    const Ran failed = vyre({"conformance", good, bad, "--executor", executor});
    EXPECT_EQ(failed.exit_code, 1) << failed.err;
    EXPECT_NE(failed.out.find("FAIL " + bad + ":1: plus_one"), std::string::npos) << failed.out;
    const Ran kept_none =
        vyre({"conformance", bad, "--executor", executor, "--json", "--max-failures", "0"});
    EXPECT_EQ(kept_none.exit_code, 1) << kept_none.err;
    EXPECT_EQ(Json::parse(kept_none.out)["failed"], 1);
    EXPECT_TRUE(Json::parse(kept_none.out)["failures"].empty()) << kept_none.out;
    const Ran read = vyre({"conformance", "-", good, "--executor", executor}, {read_all(bad)});
    EXPECT_EQ(read.exit_code, 1) << read.err;
    EXPECT_NE(read.out.find("FAIL -:1: plus_one"), std::string::npos) << read.out;
    EXPECT_EQ(Json::parse(read.out.substr(read.out.find('{')))["cases"], 2);
  }
  // Slowly, and packed: what comes is gzip however few bytes of it come at a time.
  const Ran packed = shell(folder.path(),
                           "gzip -c good.jsonl > g; { head -c 1 g; sleep 0.1; tail -c +2 g; } | "
                           "$VYRE conformance - --executor reference");
  EXPECT_EQ(packed.exit_code, 0) << packed.err << packed.out;
}

}  // namespace
}  // namespace vyre::test

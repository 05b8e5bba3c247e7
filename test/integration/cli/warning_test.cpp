// Warnings: printed by verify and once by run, in --json too, and never a reason to fail.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "process.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;

const std::string kMinimum =
    "workgroup 64, 1, 1; buffer a: u32[] read_only; buffer least: u32[1] read_write output "
    "live_out; region \"r\" { if gid.x < len(a) { let old = atomic_min(least[0], a[gid.x]); } }";

TEST(CliWarnings, VerifyPrintsThemBesideItsVerdictAndAccepts) {
  const Ran ran = vyre({"verify", "-"}, {kMinimum});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("-:1:140: warning W002: atomic_min"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("-: accepted"), std::string::npos) << ran.out;
  const Json row = Json::parse(vyre({"verify", "-", "--json"}, {kMinimum}).out)["programs"][0];
  EXPECT_EQ(row["verdict"], "accepted");
  ASSERT_EQ(row["warnings"].size(), 1u);
  EXPECT_EQ(row["warnings"][0]["code"], "W002");
  EXPECT_EQ(row["warnings"][0]["statement"], 2);
  EXPECT_EQ(row["warnings"][0]["line"], 1);
  EXPECT_EQ(row["warnings"][0]["column"], 140);
}

TEST(CliWarnings, RunPrintsThemOnceHoweverManyFiles) {
  const Folder folder;
  const std::string program = folder.write("p.vir", kMinimum);
  const std::string a = folder.write("a", "aaaabbbb");
  const std::string b = folder.write("b", "ccccdddd");
  for (const char* const executor : {"cpu", "reference"}) {
    const Ran ran = vyre({"run", program, a, b, "--executor", executor});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.err.find("warning W002"), ran.err.rfind("warning")) << ran.err;
    EXPECT_NE(ran.err.find(program + ":1:140: warning W002"), std::string::npos) << ran.err;
  }
}

TEST(CliWarnings, AnOutputWithoutElementsIsNamedWithTheFileThatMadeIt) {
  const Folder folder;
  const std::string program = folder.write(
      "p.vir",
      "workgroup 64, 1, 1; buffer a: u8[] read_only; buffer o: u32[] read_write; region \"r\" { "
      "if gid.x < len(o) { o[gid.x] = u32(a[gid.x]); } }");
  const std::string longer = folder.write("longer", "12345678");
  const std::string small = folder.write("small", "123");
  const Ran ran = vyre({"run", program, longer, small, small, "--count", "o=len(a) / 4"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("warning: buffer 'o' has no elements for '" + small + "'"),
            std::string::npos)
      << ran.err;
  EXPECT_EQ(ran.err.find("warning"), ran.err.rfind("warning")) << "once a buffer: " << ran.err;
  EXPECT_EQ(vyre({"run", program, longer, "--count", "o=len(a) / 4"}).err, "");
  EXPECT_EQ(vyre({"run", program, folder.write("none", ""), "--count", "o=len(a)"}).err, "");
}

TEST(CliLog, TraceTellsOfTheRunOfEachFileAndOfEachItem) {
  const Folder folder;
  const std::string file = folder.write("f", "a\nb\n");
  const Ran ran = vyre({"run", kExamples + "line_count.vir", file, "--log-level", "trace"});
  EXPECT_EQ(ran.out, "2\n");
  for (const std::string& line :
       {std::string("info: '") + kExamples + "line_count.vir' on cpu, files: 1",
        "debug: '" + file + "' streams", "trace: item '" + file + "' is done"}) {
    EXPECT_NE(ran.err.find(line), std::string::npos) << line << "\n" << ran.err;
  }
  const Ran info = vyre({"run", kExamples + "line_count.vir", file, "--log-level", "info"});
  EXPECT_NE(info.err.find("info: "), std::string::npos);
  EXPECT_EQ(info.err.find("debug: "), std::string::npos) << info.err;
  EXPECT_EQ(vyre({"run", kExamples + "line_count.vir", file}).err, "");
}

TEST(CliJson, ErrorsOfTheFlagsNameTheirCommandToo) {
  const auto command = [](const std::vector<std::string>& arguments) {
    const Ran ran = vyre(arguments);
    EXPECT_EQ(ran.exit_code, 2);
    return Json::parse(ran.out)["command"];
  };
  EXPECT_EQ(command({"run", "--json"}), "run");
  EXPECT_EQ(command({"--json", "verify"}), "verify");
  EXPECT_EQ(command({"caps", "--nope", "--json"}), "caps");
  EXPECT_EQ(command({"--json", "a\"b"}), "a\"b") << "not a command, but what was given";
  EXPECT_TRUE(command({"--json"}).is_null());
}

TEST(CliReach, AFileBeyondInvocationIdsIsRefusedWithChunkAsTheRemedyBeforeAnythingRuns) {
  const Folder folder;
  const std::string small = folder.write("small", "a\nb\n");
  const std::string huge = folder.path("huge");
  { std::filesystem::path(folder.write("huge", "")); }
  std::filesystem::resize_file(huge, (std::uint64_t{4} << 30) + 1);
  for (const char* const executor : {"cpu", "reference"}) {
    const Ran ran =
        vyre({"run", kExamples + "line_count.vir", small, huge, "--executor", executor});
    EXPECT_EQ(ran.exit_code, 3) << ran.err;
    EXPECT_EQ(ran.out, "") << executor;
    EXPECT_NE(ran.err.find("--chunk"), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("4294967297 bytes"), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find(huge), std::string::npos) << ran.err;
  }
  const Ran recorded =
      vyre({"record", kExamples + "line_count.vir", huge, "--trace", folder.path("t")});
  EXPECT_EQ(recorded.exit_code, 3);
  EXPECT_FALSE(std::filesystem::exists(folder.path("t")));
}

}  // namespace
}  // namespace vyre::test

// --check races of run and replay, and what replay says of a difference that a race made.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "process.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;

const std::string kRacy =
    "workgroup 64, 1, 1;\nbuffer a: u32[] read_only;\nbuffer o: u32[1] read_write output "
    "live_out;\n"
    "region \"r\" {\n  if gid.x < len(a) {\n    o[0] = a[gid.x];\n  }\n}\n";

TEST(CliRaces, RunNamesBothAccessesWithLaneWorkgroupStatementAndPlace) {
  const Folder folder;
  const std::string program = folder.write("p.vir", kRacy);
  const std::string file = folder.write("f", "aaaabbbbcccc");
  const Ran ran = vyre({"run", program, file, "--executor", "reference", "--check", "races"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.out, "") << "unspecified results are not given out";
  EXPECT_NE(
      ran.err.find("data race on 'o', byte 0 (element 0): a store by lane 0 of workgroup 0 at " +
                   program +
                   ":6:5 (statement 2: o[0u] = a[gid.x];), and a store by lane 1 of "
                   "workgroup 0 at " +
                   program + ":6:5"),
      std::string::npos)
      << ran.err;
  EXPECT_EQ(vyre({"run", program, file, "--executor", "reference"}).exit_code, 0);
  const Ran blob = run_process({"sh", "-c",
                                "\"$0\" asm \"$1\" -o \"$2\" && \"$0\" run \"$2\" \"$3\" "
                                "--executor reference --check races",
                                VYRE_BINARY, program, folder.path("blob"), file});
  EXPECT_EQ(blob.exit_code, 1);
  EXPECT_NE(blob.err.find("workgroup 0 (statement 2: o[0u] = a[gid.x];)"), std::string::npos)
      << blob.err;
}

TEST(CliRaces, TheExamplesHaveNone) {
  const Folder folder;
  const std::string file = folder.write("f", "SGVsbG8sIHdvcmxkIQ==\nneedle QQ==\n");
  for (const Strings& run :
       {Strings{"line_count.vir"}, Strings{"byte_histogram.vir"}, Strings{"crc32.vir"},
        Strings{"prefix_sum.vir"},
        Strings{"literal_count.vir", "--bind", "pattern=text:needle", "--bind", "seen=@seen"},
        Strings{"base64_decode.vir", "--count", "words=len(text) * 3 / 16 + 1"}}) {
    Strings command{"run", kExamples + run[0], file, "--executor", "reference", "--check", "races"};
    command.insert(command.end(), run.begin() + 1, run.end());
    const Ran ran = vyre(command);
    EXPECT_EQ(ran.exit_code, 0) << run[0] << ": " << ran.err;
  }
}

TEST(CliRaces, AreLookedForOnTheReferenceExecutorOnly) {
  const Folder folder;
  const std::string file = folder.write("f", "a\n");
  const Ran ran = vyre({"run", kExamples + "line_count.vir", file, "--check", "races"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_NE(ran.err.find("--executor reference"), std::string::npos) << ran.err;
  EXPECT_EQ(vyre({"run", kExamples + "line_count.vir", file, "--executor", "reference", "--check",
                  "everything"})
                .exit_code,
            2);
}

TEST(CliRaces, ReplayNamesTheItemsThatRace) {
  const Folder folder;
  const std::string program = folder.write("p.vir", kRacy);
  const std::string one = folder.write("one", "aaaa");
  const std::string three = folder.write("three", "aaaabbbbcccc");
  const std::string trace = folder.path("t");
  ASSERT_EQ(vyre({"record", program, one, three, "--trace", trace}).exit_code, 0);
  EXPECT_EQ(vyre({"replay", trace, "--executor", "reference"}).exit_code, 0);
  EXPECT_EQ(vyre({"replay", trace, "--check", "races"}).exit_code, 2);
  const Ran ran = vyre({"replay", trace, "--executor", "reference", "--check", "races", "--json"});
  EXPECT_EQ(ran.exit_code, 1) << ran.err;
  const Json json = Json::parse(ran.out);
  ASSERT_EQ(json["racy_items"].size(), 1u) << "one lane has nobody to race with: " << ran.out;
  EXPECT_EQ(json["racy_items"][0]["item"], 1);
  EXPECT_NE(json["racy_items"][0]["races"][0].get<std::string>().find("data race on 'o'"),
            std::string::npos);
}

}  // namespace
}  // namespace vyre::test

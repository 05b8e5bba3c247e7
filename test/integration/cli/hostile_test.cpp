// Bad input of every kind: a clear error, the documented exit code, no crash.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "process.hpp"

namespace vyre::test {
namespace {

struct Hostile {
  std::vector<std::string> arguments;
  int exit_code;
  const char* says;
};

TEST(CliHostile, EveryBadInputHasItsExitCodeAndItsReason) {
  const Folder folder;
  const std::string garbage = folder.write("garbage", std::string("\x7f"
                                                                  "ELF\x02\0\0\0garbage",
                                                                  15));
  const std::string letters = folder.write("letters", "this is no program\n");
  const std::string truncated = folder.write("truncated", "VYRE\x04");
  const std::string missing = folder.path("missing");
  const std::string directory = folder.path("");
  const std::string lines = kExamples + "line_count.vir";
  const std::string report = folder.write("report.json", "{\"schema\": \"vyre.report/1\"");
  const Hostile cases[]{
      {{}, 2, "subcommand"},
      {{"no-such-command"}, 2, "no-such-command"},
      {{"run", lines, "--no-such-flag"}, 2, "--no-such-flag"},
      {{"run"}, 2, "program"},
      {{"asm", lines, "-o", folder.path("o"), "--profile", "v9"}, 2, "v9"},
      {{"caps", "--log-level", "loud"}, 2, "loud"},
      {{"run", lines, garbage, "--executor", "abacus"}, 2, "abacus"},
      {{"run", lines, garbage, "--max-memory", "many"}, 2, "many"},
      {{"dis", missing}, 4, "No such file"},
      {{"dis", directory}, 4, "Is a directory"},
      {{"dis", garbage}, 3, "is not a program"},
      {{"dis", letters}, 3, ":1:6: "},
      {{"dis", truncated}, 3, "truncated"},
      {{"verify", missing}, 4, ""},
      {{"run", garbage, letters}, 3, "is not a program"},
      {{"replay", missing}, 4, "missing"},
      {{"replay", directory}, 4, ""},
      {{"report", missing}, 4, "missing"},
      {{"report", report}, 3, "report.json"},
      {{"conformance", missing}, 4, "missing"},
      {{"conformance", letters}, 3, "letters"},
      {{"conformance", letters, "--executor", "abacus"}, 2, "abacus"},
      {{"asm", lines, "-o", missing + "/deep"}, 4, "missing/deep"},
  };
  for (const Hostile& c : cases) {
    std::string shown = "vyre";
    for (const std::string& argument : c.arguments) shown += " " + argument;
    const Ran ran = vyre(c.arguments);
    EXPECT_EQ(ran.exit_code, c.exit_code) << shown << "\n" << ran.err;
    EXPECT_NE((ran.err + ran.out).find(c.says), std::string::npos) << shown << "\n"
                                                                   << ran.err << ran.out;
    std::vector<std::string> with_json = c.arguments;
    with_json.push_back("--json");
    const Ran json = vyre(with_json);
    EXPECT_TRUE(nlohmann::json::accept(json.out)) << shown << " --json\n" << json.out;
    EXPECT_EQ(json.exit_code, c.exit_code) << shown << " --json\n" << json.err;
  }
}

TEST(CliHostile, HelpAndVersionAreNoErrors) {
  EXPECT_EQ(vyre({"--help"}).exit_code, 0);
  EXPECT_EQ(vyre({"run", "--help"}).exit_code, 0);
  EXPECT_EQ(vyre({"--version"}).exit_code, 0);
}

}  // namespace
}  // namespace vyre::test

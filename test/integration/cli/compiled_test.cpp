// Compiled programs from the command line: the flags where nothing can be compiled, and the folder
// of compiled forms. No device is needed: one without is the case.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "process.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;

TEST(CliCompiled, ForceIsRefusedByNameWhereNothingCompiles) {
  const Folder folder;
  const std::string file = folder.write("text", "a\nb\n");
  const Ran forced = vyre({"run", kLines, file, "--executor", "cpu", "--jit", "force"});
  EXPECT_NE(forced.exit_code, 0);
  EXPECT_NE(forced.err.find("jit is force, and the cpu backend interprets"), std::string::npos)
      << forced.err;
  const Ran reference = vyre({"run", kLines, file, "--executor", "reference", "--jit", "auto"});
  EXPECT_EQ(reference.exit_code, 2);
  EXPECT_NE(reference.err.find("--jit is of devices"), std::string::npos) << reference.err;
  EXPECT_EQ(vyre({"run", kLines, file, "--jit", "sometimes"}).exit_code, 2);
}

TEST(CliCompiled, AutoInterpretsWithoutADeviceAndSaysThatNothingWasCompiled) {
  const Folder folder;
  const std::string file = folder.write("text", "a\nb\n");
  const std::string report = folder.path("report.json");
  const Ran plain = vyre({"run", kLines, file, "--executor", "cpu"});
  const Ran ran =
      vyre({"run", kLines, file, "--executor", "cpu", "--jit", "auto", "--report", report});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, plain.out);
  const Json document = Json::parse(std::ifstream(report));
  EXPECT_EQ(document["report"]["telemetry"]["execution_mode"], "interpreter");
  EXPECT_TRUE(document["report"]["telemetry"]["compiled_pipeline_cache_hit"].is_null());
}

TEST(CliCompiled, TheFolderIsListedCheckedAndEmptied) {
  const Folder folder;
  const std::string cache = folder.path("cache");
  Ran ran = vyre({"cache", "list", "--cache-dir", cache});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("0 files, 0 bytes"), std::string::npos) << ran.out;
  const std::string name(62, 'a');
  std::filesystem::create_directory(cache + "/aa");
  std::ofstream(cache + "/aa/" + name + ".code") << "no compiled form";
  const Json listed = Json::parse(vyre({"cache", "list", "--cache-dir", cache, "--json"}).out);
  EXPECT_EQ(listed["files"], 1);
  EXPECT_EQ(listed["entries"][0]["key"], "aa" + name);
  ran = vyre({"cache", "verify", "--cache-dir", cache});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.out.find("0 files are good, 1 were removed"), std::string::npos) << ran.out;
  EXPECT_EQ(vyre({"cache", "verify", "--cache-dir", cache}).exit_code, 0);
  EXPECT_EQ(vyre({"cache", "clear", "--cache-dir", cache}).exit_code, 0);
  EXPECT_EQ(vyre({"cache", "shine"}).exit_code, 2);
}

}  // namespace
}  // namespace vyre::test

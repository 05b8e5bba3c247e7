// Flags and names that cannot mean anything are refused before anything runs.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "process.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;
const std::string kExamples = VYRE_SOURCE_DIR "/docs/examples/";
const std::string kLines = kExamples + "line_count.vir";

TEST(CliRefusal, AnEmptyFileNameIsAMissingFileAndTheOthersRun) {
  const Folder folder;
  const std::string file = folder.write("f", "1\n2\n");
  const Ran ran = vyre({"run", kLines, file, "", "--json"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.err.find("cannot open ''"), std::string::npos) << ran.err;
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["items"][0]["outputs"]["lines"]["text"], "2");
  EXPECT_EQ(json["items"][1]["file"], "");
}

TEST(CliRefusal, AnEmptyOutputNameIsAUsageError) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  const Ran ran = vyre({"record", kLines, file, "--trace", ""});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_NE(ran.err.find("--trace"), std::string::npos) << ran.err;
  for (const char* const flag : {"-o", "--report", "--out-dir"})
    EXPECT_EQ(vyre({"run", kLines, file, flag, ""}).exit_code, 2) << flag;
  EXPECT_EQ(vyre({"asm", kLines, "-o", ""}).exit_code, 2);
  EXPECT_EQ(vyre({"replay", folder.path("t"), "--report", ""}).exit_code, 2);
}

TEST(CliRefusal, ATimeoutThatIsNoNumberOfSecondsIsAUsageError) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  for (const char* const value : {"nan", "inf", "-inf", "-1", "0", "1s", ""}) {
    EXPECT_EQ(vyre({"run", kLines, file, "--timeout", value}).exit_code, 2) << value;
    EXPECT_EQ(vyre({"replay", folder.path("t"), "--timeout", value}).exit_code, 2) << value;
    EXPECT_EQ(vyre({"conformance", file, "--timeout", value}).exit_code, 2) << value;
  }
  EXPECT_EQ(vyre({"run", kLines, file, "--timeout", "1e2"}).exit_code, 0);
}

}  // namespace
}  // namespace vyre::test

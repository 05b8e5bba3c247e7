// Flags and names that cannot mean anything are refused before anything runs.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "process.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;

TEST(CliRefusal, AnEmptyFileNameIsAMissingFileAndTheOthersRun) {
  const Folder folder;
  const std::string file = folder.write("f", "1\n2\n");
  const Ran ran = vyre({"run", kLines, file, "", "--json"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.err.find("cannot open ''"), std::string::npos) << ran.err;
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["items"][0]["outputs"]["lines"]["values"], Json::array({2}));
  EXPECT_EQ(json["items"][1]["file"], "");
}

TEST(CliRefusal, AnOutputOverAnIncludedFileIsRefusedAndItStays) {
  const Folder folder;
  const std::string library = folder.write("lib.vir", "const K = 3;\n");
  const std::string program = folder.write(
      "main.vir",
      "include \"lib.vir\"; workgroup 1, 1, 1; buffer out: u32[1] read_write output live_out;\n"
      "region \"r\" { out[0] = K; }\n");
  const std::string trace = folder.path("trace");
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"asm", program, "-o", library},
        {"dis", program, "-o", library},
        {"run", program, "-o", library},
        {"run", program, "--report", library},
        {"record", program, "--trace", trace, "--report", library}}) {
    const Ran ran = vyre(command);
    EXPECT_EQ(ran.exit_code, 2) << command[0] << ran.err;
    EXPECT_NE(ran.err.find("the included file"), std::string::npos) << ran.err;
    EXPECT_EQ(read_all(library), "const K = 3;\n");
  }
}

TEST(CliRefusal, ANameThatCanBeNoDevicesIsAUsageError) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  const Ran ran = vyre({"run", kLines, file, "--device", "first"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_NE(ran.err.find("'first' names no device"), std::string::npos) << ran.err;
  EXPECT_EQ(vyre({"run", kLines, file, "--device", "first", "--executor", "cpu"}).exit_code, 0);
}

TEST(CliRefusal, TwoRulesForOneOutputAreAUsageError) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  EXPECT_EQ(vyre({"run", kLines, file, "--reduce", "max", "--reduce", "sum"}).exit_code, 2);
  EXPECT_EQ(vyre({"run", kLines, file, "--reduce", "lines=max", "--reduce", "lines=sum"}).exit_code,
            2);
  EXPECT_EQ(vyre({"run", kLines, file, "--reduce", "max", "--reduce", "lines=sum"}).exit_code, 0);
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

TEST(CliRefusal, AnOutputOverAnInputOrAnotherOutputIsRefusedAndNothingIsWritten) {
  const Folder folder;
  const std::string program = folder.write("p.vir", read_all(kLines));
  const std::string file = folder.write("f", "x\n");
  const std::string other = folder.write("f.lines", "precious");
  const std::string same = folder.path("./f");
  const std::string out = folder.path("o");
  std::filesystem::create_symlink(file, folder.path("link"));
  std::filesystem::create_hard_link(file, folder.path("hard"));
  const std::vector<std::vector<std::string>> refused{{"-o", file},
                                                      {"-o", same},
                                                      {"-o", program},
                                                      {"--report", file},
                                                      {"--report", program},
                                                      {"-o", folder.path("link")},
                                                      {"-o", folder.path("hard")},
                                                      {"-o", out, "--report", out},
                                                      {"-o", out, "--report", folder.path("./o")}};
  for (std::vector<std::string> flags : refused) {
    flags.insert(flags.begin(), {"run", program, file});
    const Ran ran = vyre(flags);
    EXPECT_EQ(ran.exit_code, 2) << flags[3] << " " << flags[4] << ": " << ran.err;
  }
  EXPECT_EQ(vyre({"run", program, file, other, "--out-dir", folder.path("")}).exit_code, 2);
  EXPECT_EQ(read_all(file), "x\n");
  EXPECT_EQ(read_all(other), "precious");
  EXPECT_EQ(read_all(program), read_all(kLines));
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(CliRefusal, AnOutputInTheTraceIsRefused) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  const std::string trace = folder.path("trace");
  for (const char* const flag : {"-o", "--report", "--out-dir"}) {
    const Ran ran = vyre({"record", kLines, file, "--trace", trace, flag, trace + "/events.bin"});
    EXPECT_EQ(ran.exit_code, 2) << flag << ": " << ran.err;
    EXPECT_FALSE(std::filesystem::exists(trace)) << flag;
  }
  ASSERT_EQ(vyre({"record", kLines, file, "--trace", trace, "-o", trace + ".out"}).exit_code, 0);
  EXPECT_EQ(vyre({"replay", trace, "--report", trace + "/manifest.json"}).exit_code, 2);
  EXPECT_EQ(vyre({"replay", trace, "--compare", "expected"}).exit_code, 0);
}

TEST(CliRefusal, OneStreamIsNotGivenToTwo) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  EXPECT_EQ(vyre({"run", kLines, file, "--report", "-"}).exit_code, 2);
  EXPECT_EQ(vyre({"run", kLines, file, "--json", "--report", "-"}).exit_code, 2);
  EXPECT_EQ(vyre({"run", kLines, file, "-o", "-", "--report", "-"}).exit_code, 2);
  const Ran apart = vyre({"run", kLines, file, "-o", folder.path("o"), "--report", "-"});
  EXPECT_EQ(apart.exit_code, 0) << apart.err;
  EXPECT_TRUE(Json::accept(apart.out)) << apart.out;
  EXPECT_EQ(vyre({"run", "-", "-"}, {"x\n"}).exit_code, 2);
  EXPECT_EQ(vyre({"run", kLines, "-", "-"}, {"x\n"}).exit_code, 2);
  const Ran bound = vyre(
      {"run", kExamples + "literal_count.vir", "-", "--bind", "pattern=-", "--bind", "seen=@seen"},
      {"x\n"});
  EXPECT_EQ(bound.exit_code, 2);
  EXPECT_NE(bound.err.find("standard input"), std::string::npos) << bound.err;
}

TEST(CliRefusal, ACountOrBindThatIsWrongForEveryFileNamesItsFlag) {
  const Folder folder;
  const std::string file = folder.write("f", "QUJD");
  for (const char* const count : {"1/0", "1+", "len(text", "18446744073709551615+1",
                                  "9223372036854775807", "len(nope)", "0-1"}) {
    const Ran ran = vyre(
        {"run", kExamples + "base64_decode.vir", file, "--count", std::string("words=") + count});
    EXPECT_EQ(ran.exit_code, 2) << count;
    EXPECT_NE(ran.err.find("--count words"), std::string::npos) << ran.err;
  }
  for (const char* const value : {"hex:0", "hex:zz", "u32:x"}) {
    const Ran ran = vyre(
        {"run", kExamples + "literal_count.vir", file, "--bind", std::string("pattern=") + value});
    EXPECT_EQ(ran.exit_code, 2) << value;
    EXPECT_NE(ran.err.find("--bind pattern"), std::string::npos) << ran.err;
  }
}

TEST(CliRefusal, AFullDiskUnderAnOutputFileAndAnEmptyVectorFileAreNotVerdicts) {
  const Folder folder;
  const std::string file = folder.write("f", "x\n");
  EXPECT_EQ(vyre({"run", kLines, file, "-o", "/dev/full"}).exit_code, 4);
  EXPECT_EQ(vyre({"conformance", folder.write("none.jsonl", "")}).exit_code, 3);
}

TEST(CliRefusal, ARecordedItemPastItsTimeoutLeavesATraceThatSaysSo) {
  const Folder folder;
  const std::string program =
      folder.write("p.vir",
                   "workgroup 1, 1, 1; buffer out: u32[1] read_write output live_out;"
                   "region \"r\" { for i in 0 .. 4294967295 { out[0] = i; } }");
  const Ran ran = vyre({"record", program, "--trace", folder.path("t"), "--timeout", "0.05",
                        "--executor", "cpu", "--fuel", "100000000"});
  EXPECT_EQ(ran.exit_code, 1) << ran.err;
  EXPECT_NE(ran.err.find("left unsealed"), std::string::npos) << ran.err;
  EXPECT_EQ(ran.err.find("wait_all"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace vyre::test

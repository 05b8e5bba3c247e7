// `vyre run` in a sandbox without io_uring prints what it prints outside, and its report says why
// it read by threads.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "integration/cli/process.hpp"

namespace vyre::test {
namespace {

using Json = nlohmann::json;

TEST(RefusedIoUring, RunPrintsTheSameAndTheReportSaysWhy) {
  const Folder folder;
  const std::string text = folder.write("text", some_text(500'000, 7));
  const std::string report = folder.path("report.json");
  const std::vector<std::string> run{
      VYRE_BINARY, "run",      VYRE_SOURCE_DIR "/docs/examples/line_count.vir",
      text,        "--report", report};
  const Ran plain = run_process(run);
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  std::vector<std::string> behind{VYRE_REFUSED};
  behind.insert(behind.end(), run.begin(), run.end());
  const Ran refused = run_process(behind);
  if (refused.exit_code == 126) GTEST_SKIP() << refused.err;
  ASSERT_EQ(refused.exit_code, 0) << refused.err;
  EXPECT_EQ(refused.out, plain.out);
  const Json ingest = Json::parse(read_all(report))["ingest"];
  if (ingest.is_null()) GTEST_SKIP() << "this run read nothing through a pump";
  EXPECT_EQ(ingest["door"], "thread pool");
  EXPECT_NE(ingest["reason"].get<std::string>().find("io_uring_setup: EPERM"), std::string::npos);
}

TEST(RefusedIoUring, CapsSaysWhichTiersThatCosts) {
  const Ran caps = run_process({VYRE_REFUSED, VYRE_BINARY, "caps", "--json"});
  if (caps.exit_code == 126) GTEST_SKIP() << caps.err;
  ASSERT_EQ(caps.exit_code, 0) << caps.err;
  const Json tiers = Json::parse(caps.out)["ingest"]["tiers"];
  for (const std::size_t i : {0U, 1U, 2U}) {
    EXPECT_EQ(tiers[i]["available"], false);
    EXPECT_NE(tiers[i]["reason"].get<std::string>().find("io_uring_setup: EPERM"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace vyre::test

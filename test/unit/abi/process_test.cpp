// What belongs to no session: the log hook, and reports of a session as JSON and as upstream's
// structures.
#include <fstream>
#include <mutex>

#include "fixture.hpp"
#include "log_lines.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::test {
namespace {

TEST(AbiLog, MessagesGoToTheHookAndBack) {
  std::mutex mutex;
  std::vector<std::string> lines;
  ASSERT_TRUE(set_log(
      [&](LogLevel level, std::string_view text) {
        const std::lock_guard lock(mutex);
        lines.push_back(std::to_string(static_cast<int>(level)) + " " + std::string(text));
      },
      LogLevel::info));
  log_info("one 1");
  log_debug("below the level");
  log_error("two");
  // A hook may log, and may set the hook.
  ASSERT_TRUE(set_log(
      [&](LogLevel, std::string_view) {
        ASSERT_TRUE(set_log({}, LogLevel::off));
        lines.emplace_back("reset");
        throw 1;  // is dropped
      },
      LogLevel::warn));
  log_warning("x");
  log_error("dropped");
  EXPECT_EQ(lines, (std::vector<std::string>{"2 one 1", "4 two", "reset"}));
  ASSERT_TRUE(set_log({}, LogLevel::warn));
  EXPECT_EQ(set_log({}, static_cast<LogLevel>(6)).error().code, Code::invalid_argument);
}

TEST(AbiProcess, TheLibrarySaysWhatItIs) {
  EXPECT_EQ(vyre_abi_version(), static_cast<std::uint32_t>(VYRE_ABI_VERSION));
  EXPECT_EQ(vyre_version(), static_cast<std::uint32_t>(VYRE_VERSION_NUMBER));
  EXPECT_TRUE(contains(vyre_build(), VYRE_VERSION_STRING)) << vyre_build();
  EXPECT_EQ(std::string(VYRE_VERSION_STRING), std::to_string(VYRE_VERSION_MAJOR) + "." +
                                                  std::to_string(VYRE_VERSION_MINOR) + "." +
                                                  std::to_string(VYRE_VERSION_PATCH));
}

using ReportForms = InAFolder;

TEST_F(ReportForms, ASessionReportsInThreeForms) {
  auto session = Session::open(on_cpu()).value();
  ASSERT_TRUE(session.main().submit(Item{session.find("nop").value()}));
  ASSERT_TRUE(session.wait_all());
  ASSERT_TRUE(session.close());
  const MegakernelReport report = session.report().value();
  EXPECT_EQ(report.items_processed, 1u);
  EXPECT_EQ(report.items_remaining, 0u);
  EXPECT_EQ(report.published_items, 1u);
  EXPECT_GT(report.wall_time.count(), 0);
  ASSERT_TRUE(report.queue_publish_ns);
  EXPECT_FALSE(report.telemetry.compiled_pipeline_cache_hit);  // nothing measures it here
  const Blob json = session.report_json(-1).value();
  EXPECT_EQ(json.text().find('\n'), std::string_view::npos);
  EXPECT_TRUE(contains(std::string(json.text()), "\"items_processed\":1"));
  const MegakernelCaps caps = session.caps().value();
  EXPECT_FALSE(caps.supported);
  EXPECT_FALSE(caps.reason.empty());
  EXPECT_EQ(session.backend().value(), "cpu");

  std::ofstream(path("report.json")) << json.text();
  const std::string file = path("report.json");
  const char* paths[] = {file.c_str()};
  vyre_blob* text = nullptr;
  ASSERT_FALSE(detail::Failed{vyre_report_summary(paths, 1, &text)});
  EXPECT_TRUE(contains(std::string(Blob(text).text()), "1 item"));
}

}  // namespace
}  // namespace vyre::test

// Reports on disk: whole or not at all, and JSON Lines that survive an interrupted writer.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "sample.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::report {
namespace {

namespace fs = std::filesystem;

class ReportFiles : public vyre::test::InAFolder {
 protected:
  static std::string slurp(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void spill(const std::string& file, const std::string& text) {
    std::ofstream(file, std::ios::binary) << text;
  }
};

TEST_F(ReportFiles, WrittenDocumentIsReadBack) {
  const Document d = test::everything_measured();
  ASSERT_TRUE(write_json(d, path("r.json")));
  const auto read = read_documents(path("r.json"));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ(to_json(read->front()), to_json(d));
}

TEST_F(ReportFiles, FailedWriteLeavesTheOldDocumentAndNoTemporaryFile) {
  ASSERT_TRUE(write_json(test::nothing_measured(), path("r.json")));
  const std::string before = slurp(path("r.json"));
  Document broken = test::everything_measured();
  broken.report.items_processed += 1;
  const auto refused = write_json(broken, path("r.json"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::internal);
  EXPECT_FALSE(append_json_line(broken, path("r.jsonl")));
  EXPECT_EQ(slurp(path("r.json")), before);
  EXPECT_FALSE(write_json(test::nothing_measured(), path("missing/r.json")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator{}), 1);
}

TEST_F(ReportFiles, LinesAreReadInOrder) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    ASSERT_TRUE(append_json_line(test::random_document(seed), path("r.jsonl")));
  }
  const auto read = read_documents(path("r.jsonl"));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 5u);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_EQ((*read)[seed - 1].report.published_items,
              test::random_document(seed).report.published_items);
  }
}

TEST_F(ReportFiles, LineCutByACrashIsSkippedWhereverItStands) {
  ASSERT_TRUE(append_json_line(test::random_document(1), path("r.jsonl")));
  const std::string line = slurp(path("r.jsonl"));
  for (const std::size_t cut :
       {std::size_t{1}, std::size_t{2}, line.size() / 3, line.size() / 2, line.size() - 3}) {
    SCOPED_TRACE(cut);
    spill(path("cut.jsonl"), line + line.substr(0, cut));
    auto read = read_documents(path("cut.jsonl"));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->size(), 1u);
    ASSERT_TRUE(append_json_line(test::random_document(2), path("cut.jsonl")));
    read = read_documents(path("cut.jsonl"));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->size(), 2u);
  }
}

TEST_F(ReportFiles, MalformedLineIsNamedByItsNumber) {
  spill(path("r.jsonl"), to_json(test::nothing_measured(), -1) + "\n{\"schema\": 3}\n");
  const auto read = read_documents(path("r.jsonl"));
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("line 2"), std::string::npos) << read.error().message;
}

TEST_F(ReportFiles, FilesWithoutAReportAreErrors) {
  for (const std::string text :
       {"", "\n\n", "{\n  \"schema\": \"vyre.report/1\",\n", "hello\n", "{\"schema\":"}) {
    spill(path("r.json"), text);
    const auto read = read_documents(path("r.json"));
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message.find("r.json"), std::string::npos) << read.error().message;
  }
  const auto missing = read_documents(path("none.json"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::io);
}

TEST(ReportSummary, AFaultThatNoLaneMetHasItsCauseInPlaceOfALane) {
  Document d = test::everything_measured();
  d.faults.clear();
  d.faults.push_back({0, 8, "scan", CompletionStatus::faulted, {FaultCode::bad_binding, 0, 0, 0}});
  d.faults.push_back({0, 9, "crc", CompletionStatus::faulted, {FaultCode::io_error, 0, 0, 0}});
  d.faults.back().op_handle = 1;
  const std::string text = summarise({d});
  EXPECT_NE(text.find("bad_binding: its buffers do not fit"), std::string::npos) << text;
  EXPECT_NE(text.find("io_error: a file that it reads"), std::string::npos) << text;
  EXPECT_EQ(text.find("at workgroup"), std::string::npos) << text;
}

TEST(ReportSummary, SumsItemsAndNamesFaults) {
  const std::string one = summarise({test::everything_measured()});
  EXPECT_NE(one.find("9 items processed, 3 remaining"), std::string::npos) << one;
  EXPECT_NE(one.find("trap at workgroup 1, lane 2, statement 3"), std::string::npos) << one;
  EXPECT_NE(one.find("p99 300"), std::string::npos) << one;
  EXPECT_NE(one.find("\n  job=nightly\n"), std::string::npos) << one;
  EXPECT_NE(one.find("  in 1230 B of 5 files, 9963 B/s; out 44 B; 6 hits\n"
                     "  processors 70.0 ns user, 80.0 ns system; 90.0 kB of memory at most\n"),
            std::string::npos)
      << one;
  const std::string two = summarise({test::everything_measured(), test::everything_measured()});
  EXPECT_NE(two.find("18 items processed, 6 remaining"), std::string::npos) << two;
  EXPECT_NE(two.find("2 runs"), std::string::npos) << two;
  const std::string unmeasured = summarise({test::nothing_measured()});
  EXPECT_NE(unmeasured.find("bytes moved not measured"), std::string::npos) << unmeasured;
}

TEST(RunInfo, TwoRunsHaveDifferentIds) {
  const RunInfo a = describe_run({"vyre"});
  const RunInfo b = describe_run({"vyre"});
  EXPECT_EQ(a.id.size(), 32u);
  EXPECT_NE(a.id, b.id);
  EXPECT_EQ(a.started_at.back(), 'Z');
}

}  // namespace
}  // namespace vyre::report

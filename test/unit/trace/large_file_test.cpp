// Recording a file that is larger than the memory it may take.
#include <gtest/gtest.h>

#include <filesystem>

#include "support.hpp"

namespace vyre::trace {
namespace {

TEST(TraceRecorder, AMappedFileOfAnySizeIsRefusedByItsSizeAndNotCopied) {
  const test::Folder folder;
  test::spill(folder / "large", "x");
  std::filesystem::resize_file(folder / "large", std::uint64_t{1} << 36);  // sparse
  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cpu;
  options.workers = 1;
  auto session = runtime::Session::open(options);
  ASSERT_TRUE(session);
  const auto before = session->map_file(folder / "large");
  ASSERT_TRUE(before) << to_string(before.error());
  auto recorder = Recorder::create(folder / "trace");
  ASSERT_TRUE(recorder);
  ASSERT_TRUE(session->observe(*recorder));
  ASSERT_FALSE((*recorder)->status());
  EXPECT_EQ((*recorder)->status().error().code, Errc::limit_exceeded);
  EXPECT_NE((*recorder)->status().error().message.find("max_buffer_bytes"), std::string::npos);
  EXPECT_TRUE(session->map_file(folder / "large")) << "only the recording has ended";
}

}  // namespace
}  // namespace vyre::trace

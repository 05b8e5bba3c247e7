// Recording a file that is larger than the memory it may take, and replaying more files than a
// replay maps.
#include <gtest/gtest.h>

#include <filesystem>

#include "protocol/limits.hpp"
#include "support.hpp"

namespace vyre::trace {
namespace {

constexpr std::chrono::seconds kLargeFileWait{60};

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

TEST(TraceReplay, FilesBeyondThoseThatItMapsAreLoadedThroughThePump) {
  constexpr std::uint32_t kFiles{kMaxMappedFiles / 4 + 20};  // a replay maps a quarter
  const test::Folder folder;
  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cpu;
  options.workers = 1;
  {
    auto session = runtime::Session::open(options);
    ASSERT_TRUE(session);
    auto recorder = Recorder::create(folder / "trace");
    ASSERT_TRUE(recorder);
    ASSERT_TRUE(session->observe(*recorder));
    const auto op = session->register_program("square", test::square_program());
    ASSERT_TRUE(op);
    for (std::uint32_t i = 0; i < kFiles; ++i) {
      std::string bytes(256, static_cast<char>(i));
      bytes[1] = static_cast<char>(i >> 8);
      const std::string path = folder / ("f" + std::to_string(i));
      test::spill(path, bytes);
      const auto in = session->map_file(path);  // all of them stay
      const auto out = session->allocate(256);
      ASSERT_TRUE(in && out);
      ASSERT_TRUE(session->submit({op->id, in->id, out->id, 0}, after(kLargeFileWait)));
    }
    ASSERT_TRUE(session->wait_all(after(kLargeFileWait)));
    ASSERT_TRUE((*recorder)->finish(*session, after(kLargeFileWait)));
  }
  ReplayOptions how;
  how.compare = Compare::expected;
  how.workers = 1;
  const auto result = replay(folder / "trace", how);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_FALSE(result->difference) << result->difference->message;
  EXPECT_EQ(result->buffers_compared, kFiles);
  ASSERT_TRUE(result->document.ingest);
  EXPECT_EQ(result->document.ingest->completed_bytes(), 20 * 256u);
}

}  // namespace
}  // namespace vyre::trace

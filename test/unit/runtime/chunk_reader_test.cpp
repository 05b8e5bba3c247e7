// The chunk reader alone: a host whose pump ends reads when the test says so. Files are real ones,
// because only their sizes and descriptors matter here.
#include "runtime/chunk_reader.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <deque>

#include "stream_fixture.hpp"

namespace vyre::runtime::test {
namespace {

using Begun = ChunkReader::Begun;
using Ended = ChunkReader::Ended;

class FakeFiles final : public FileHost {
 public:
  Result<std::shared_ptr<const ingest::File>> open(const std::string& path) override {
    if (descriptors_left == 0) {
      Error none{Errc::io, "no descriptor for '" + path + "'"};
      none.detail = EMFILE;
      return tl::unexpected<Error>(none);
    }
    return ingest::File::open(path, ingest::TierChoice::buffered);
  }
  void count_file(const ingest::File&) override { ++counted; }
  Status read(std::span<const ingest::ReadRequest> requests) override {
    if (broken) return tl::unexpected<Error>(*broken);
    reads.insert(reads.end(), requests.begin(), requests.end());
    return {};
  }
  void cancel_reads(ingest::ReadSink*) override { cancelled = true; }
  void keep(std::unique_ptr<ingest::ReadSink> sink) noexcept override { kept = std::move(sink); }
  std::optional<Error> reads_broken() override { return broken; }

  /// Ends the read in this place of `reads`; all of its bytes have come, or so many.
  void end(std::size_t at, ingest::ReadStatus status = ingest::ReadStatus::ok,
           std::int32_t error_number = 0, std::optional<std::uint64_t> bytes = std::nullopt) {
    const ingest::ReadRequest request = reads[at];
    reads.erase(reads.begin() + static_cast<std::ptrdiff_t>(at));
    const std::uint64_t got = bytes.value_or(request.bytes);
    std::memset(request.to, static_cast<int>(request.offset % 251), got);
    request.sink->ended({request.tag, status, error_number, got, 0, ingest::Tier::buffered});
  }

  std::deque<ingest::ReadRequest> reads;
  std::optional<Error> broken;
  std::uint64_t descriptors_left{1};
  int counted{0};
  bool cancelled{false};
  std::unique_ptr<ingest::ReadSink> kept;
};

constexpr std::uint64_t kReadChunk{4'096};
constexpr std::uint64_t kBuffer{2 * kIoBlock};  // two chunks

class Reader : public ::testing::Test {
 protected:
  void start(std::vector<std::string> paths, std::uint64_t buffers = 8,
             std::uint64_t overlap_bytes = 0) {
    memory_.resize((buffers + 1) * kBuffer);
    const auto plan = ChunkPlan::make(kReadChunk, overlap_bytes);
    ASSERT_OK(plan);
    reader_.emplace(
        host_,
        [paths = std::move(paths), at = std::size_t{0}]() mutable -> std::optional<std::string> {
          return at == paths.size() ? std::nullopt : std::optional(paths[at++]);
        },
        *plan, ChunkReader::Memory{memory_.data(), {kIoBlock, buffers * kBuffer}, kBuffer},
        changed_, counters_);
  }
  std::string file(const std::string& name, std::size_t bytes) {
    return folder_.write(name, Bytes(bytes, 7));
  }
  /// Begins chunks `next_`, next_ + 1 and so on until none can be begun, and hands the reads over.
  std::vector<Begun> begin_all() {
    std::vector<Begun> all;
    for (;;) {
      ChunkReader::Begin begin = reader_->begin(next_);
      if (begin.what == Begun::nothing) break;
      if (begin.error) error_ = begin.error;
      ++next_;
      all.push_back(begin.what);
    }
    flushed_ = reader_->flush();
    return all;
  }
  std::vector<ChunkReader::End> ends() {
    std::vector<ChunkReader::End> all;
    reader_->take_ends([&](ChunkReader::End end) { all.push_back(std::move(end)); });
    return all;
  }

  Folder folder_;
  FakeFiles host_;
  queue::Waiter changed_;
  StreamCounters counters_;
  Bytes memory_;
  std::optional<ChunkReader> reader_;
  ChunkId next_{0};
  std::optional<Error> error_;
  Status flushed_;
};

TEST_F(Reader, CutsFilesIntoChunksInReadingOrder) {
  start({file("a", 2 * kReadChunk + 5), file("b", 10)});
  EXPECT_EQ(begin_all(), std::vector(4, Begun::reading));
  EXPECT_TRUE(reader_->finished());
  ASSERT_EQ(host_.reads.size(), 4u);
  EXPECT_EQ(reader_->reads_under_way(), 4u);
  host_.end(1);
  host_.end(2);
  const auto ended = ends();
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(ended[0].chunk, 1u);
  EXPECT_EQ(ended[0].what, Ended::landed);
  EXPECT_EQ(ended[1].chunk, 3u);
  EXPECT_EQ(reader_->bytes(1).size(), kReadChunk);
  EXPECT_EQ(reader_->bytes(1)[0], kReadChunk % 251);
  EXPECT_EQ(reader_->chunk(2).bytes, 5u);
  EXPECT_TRUE(reader_->chunk(2).last);
  EXPECT_EQ(reader_->chunk(3).file, 1u);
  EXPECT_EQ(reader_->path(3), folder_.path("b"));
  EXPECT_EQ(host_.counted, 2);
  EXPECT_EQ(counters_.progress().bytes_opened, 2 * kReadChunk + 15);
}

TEST_F(Reader, AnEmptyFileIsOneChunkThatNeedsNoRead) {
  start({file("a", 0), file("b", 0), file("c", 1)});
  EXPECT_EQ(begin_all(), (std::vector{Begun::landed, Begun::landed, Begun::reading}));
  EXPECT_EQ(host_.reads.size(), 1u);
  EXPECT_EQ(reader_->bytes(0).size(), 0u);
  EXPECT_TRUE(reader_->chunk(1).last);
}

TEST_F(Reader, WithoutRoomNothingIsBegunUntilBytesAreFreed) {
  start({file("a", 4 * kReadChunk)}, 2);
  EXPECT_EQ(begin_all().size(), 4u) << "two chunks to a buffer";
  start({file("b", 8 * kReadChunk)}, 2);
  next_ = 0;
  host_.reads.clear();
  EXPECT_EQ(begin_all().size(), 4u);
  EXPECT_EQ(begin_all().size(), 0u);
  for (int i = 0; i < 4; ++i) host_.end(0);
  EXPECT_EQ(ends().size(), 4u);
  EXPECT_EQ(begin_all().size(), 0u) << "items still read them";
  reader_->free_bytes(0);
  reader_->free_bytes(0);
  EXPECT_EQ(begin_all().size(), 0u) << "the other half of the buffer is in use";
  reader_->free_bytes(1);
  EXPECT_EQ(begin_all().size(), 2u);
  EXPECT_FALSE(reader_->finished());
}

TEST_F(Reader, AShortReadFailsTheFileAndNamesBothSizes) {
  const std::string path = file("a", 3 * kReadChunk);
  start({path, file("b", 10)}, 1);
  EXPECT_EQ(begin_all().size(), 2u);
  ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(kReadChunk + 7)), 0);
  host_.end(1, ingest::ReadStatus::end_of_file, 0, 7);
  auto ended = ends();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].what, Ended::file_failed);
  ASSERT_TRUE(ended[0].error);
  EXPECT_EQ(ended[0].error->code, Errc::io);
  for (const std::uint64_t size : {3 * kReadChunk, kReadChunk + 7})
    EXPECT_NE(ended[0].error->message.find(std::to_string(size)), std::string::npos);
  EXPECT_TRUE(reader_->chunk(1).last);
  host_.end(0);
  ended = ends();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].what, Ended::landed) << "what was there when it was read counts";
  reader_->free_bytes(0);
  EXPECT_EQ(begin_all().size(), 1u) << "the rest of the file is left out";
  EXPECT_EQ(reader_->path(2), folder_.path("b"));
}

TEST_F(Reader, AReadThatTheSystemRefusesFailsTheFileWithErrnoAndOffset) {
  start({file("a", 2 * kReadChunk)});
  EXPECT_EQ(begin_all().size(), 2u);
  host_.end(1, ingest::ReadStatus::error, EIO, 0);
  const auto ended = ends();
  ASSERT_EQ(ended.size(), 1u);
  ASSERT_TRUE(ended[0].error);
  EXPECT_EQ(ended[0].error->detail, EIO);
  EXPECT_NE(ended[0].error->message.find("offset 4096"), std::string::npos);
  EXPECT_NE(ended[0].error->message.find(folder_.path("a")), std::string::npos);
}

TEST_F(Reader, AFileThatCannotBeOpenedIsOneChunkWithItsErrorAndTheNextIsOpened) {
  start({folder_.path("missing"), file("b", 10)});
  EXPECT_EQ(begin_all(), (std::vector{Begun::failed, Begun::reading}));
  ASSERT_TRUE(error_);
  EXPECT_NE(error_->message.find("missing"), std::string::npos);
  EXPECT_TRUE(reader_->chunk(0).last);
  EXPECT_EQ(reader_->chunk(1).file, 1u);
  EXPECT_EQ(host_.counted, 1);
}

TEST_F(Reader, WithoutADescriptorAFileWaitsForReadsOfTheStreamAndElseFails) {
  start({file("a", 10), file("b", 10)});
  EXPECT_EQ(reader_->begin(0).what, Begun::reading);
  host_.descriptors_left = 0;
  EXPECT_EQ(reader_->begin(1).what, Begun::nothing) << "a's read will give one back";
  ASSERT_OK(reader_->flush());
  EXPECT_EQ(reader_->begin(1).what, Begun::nothing);
  host_.end(0);
  EXPECT_EQ(ends().size(), 1u);
  const auto begin = reader_->begin(1);
  EXPECT_EQ(begin.what, Begun::failed) << "no read of the stream holds a descriptor";
  ASSERT_TRUE(begin.error);
  EXPECT_EQ(begin.error->detail, EMFILE);
  EXPECT_EQ(reader_->begin(2).what, Begun::nothing);
  EXPECT_TRUE(reader_->finished());
}

TEST_F(Reader, APumpThatDiedIsNotTheFilesFault) {
  start({file("a", 2 * kReadChunk)});
  EXPECT_EQ(begin_all().size(), 2u);
  host_.broken = Error{Errc::io, "the ring died"};
  host_.end(0, ingest::ReadStatus::error, EIO, 0);
  auto ended = ends();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].what, Ended::broken);
  EXPECT_EQ(ended[0].error->message, "the ring died");
  host_.broken.reset();
  host_.end(0, ingest::ReadStatus::cancelled, 0, 0);
  ended = ends();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].what, Ended::cancelled);
}

TEST_F(Reader, APumpThatTakesNoReadsSaysSoWhenTheyAreHandedOver) {
  start({file("a", 10)});
  host_.broken = Error{Errc::closed, "stopped"};
  EXPECT_EQ(begin_all().size(), 1u);
  ASSERT_FALSE(flushed_);
  EXPECT_EQ(flushed_.error().message, "stopped");
  EXPECT_EQ(reader_->reads_under_way(), 0u);
}

TEST_F(Reader, AStreamThatIsOverWaitsForItsReadsAndForNothingElse) {
  start({file("a", 3 * kReadChunk)});
  EXPECT_EQ(begin_all().size(), 3u);
  reader_->cancel();
  EXPECT_TRUE(host_.cancelled);
  EXPECT_FALSE(reader_->drained());
  host_.end(2);
  host_.end(1, ingest::ReadStatus::cancelled, 0, 0);
  EXPECT_FALSE(reader_->drained());
  host_.end(0, ingest::ReadStatus::cancelled, 0, 0);
  EXPECT_TRUE(reader_->drained());
}

TEST_F(Reader, WhatItsReadsTellIsTheHostsWhereItWaitsNoLonger) {
  start({file("a", kReadChunk)});
  EXPECT_EQ(begin_all().size(), 1u);
  reader_->abandon();
  reader_.reset();
  ASSERT_NE(host_.kept, nullptr);
  EXPECT_EQ(host_.kept.get(), host_.reads[0].sink);
  host_.end(0);
}

TEST_F(Reader, ManyFilesUseTheMemoryAndTheNumbersOfFew) {
  std::vector<std::string> paths;
  Random random(test_seed());
  for (int i = 0; i < 600; ++i) paths.push_back(file("f" + std::to_string(i % 50), i % 50 * 37));
  start(paths, 3);
  std::vector<ChunkId> free;
  for (ChunkId id = 16; id-- > 0;) free.push_back(id);
  std::uint64_t landed = 0;
  FileId most = 0;
  const auto give_back = [&](ChunkId id) {
    EXPECT_EQ(reader_->chunk(id).bytes, reader_->chunk(id).file % 50 * 37);
    most = std::max(most, reader_->file(id));
    reader_->free_bytes(id);
    reader_->forget(reader_->file(id));
    free.push_back(id);
    ++landed;
  };
  while (landed < paths.size()) {
    while (!free.empty()) {
      const ChunkId id = free.back();
      const Begun what = reader_->begin(id).what;
      if (what == Begun::nothing) break;
      free.pop_back();
      if (what == Begun::landed) give_back(id);
    }
    ASSERT_OK(reader_->flush());
    ASSERT_FALSE(host_.reads.empty());
    host_.end(random.below(static_cast<std::uint32_t>(host_.reads.size())));
    for (const ChunkReader::End& end : ends()) {
      ASSERT_EQ(end.what, Ended::landed);
      give_back(end.chunk);
    }
  }
  EXPECT_EQ(reader_->begin(free.back()).what, Begun::nothing);
  EXPECT_TRUE(reader_->finished());
  EXPECT_LT(most, 16u);
}

}  // namespace
}  // namespace vyre::runtime::test

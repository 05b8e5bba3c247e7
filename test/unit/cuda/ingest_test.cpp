// Ingest memory, aliases and mapped files of the backend's host half, over a kernel that is a host
// thread: what lies where, what an item would see, what is refused by name.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <set>

#include "backend/handle.hpp"
#include "fixture.hpp"
#include "protocol/io_request.hpp"

namespace vyre::cuda {
namespace {

constexpr std::uint64_t kStreamBytes{std::uint64_t{1} << 20};

class WithIngest : public Running {
 public:
  WithIngest() { options.ingest_bytes = IngestLayout::kStreams + kStreamBytes; }
};

backend::MappableFile a_file(std::uint64_t bytes) {
  return {"/a/file", -1, bytes};
}

backend::Backend::ReadPiece pieces_of(const Bytes& contents) {
  return [&contents](std::uint64_t at, MutableByteSpan piece) -> Status {
    std::memcpy(piece.data(), contents.data() + at, piece.size());
    return {};
  };
}

TEST(CudaIngest, MemoryIsPageAlignedZeroedAndOfTheSizeThatWasAskedFor) {
  Running running;
  running.options.ingest_bytes = IngestLayout::kStreams + 12'345;
  running.start();
  const MutableByteSpan memory = running.backend->ingest_memory();
  ASSERT_EQ(memory.size(), IngestLayout::kStreams + 12'345);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % 4096, 0u);
  EXPECT_EQ(Bytes(memory.begin(), memory.end()), Bytes(memory.size(), 0));
}

TEST(CudaIngest, WithoutIngestMemoryThereAreNoViews) {
  Running running;
  running.start();
  EXPECT_TRUE(running.backend->ingest_memory().empty());
  const Status refused = running.backend->make_alias(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_NE(refused.error().message.find("ingest_bytes"), std::string::npos);
}

TEST(CudaIngest, TooLittleIngestMemoryIsRefusedWithWhatItsLinesTake) {
  Running running;
  running.options.ingest_bytes = IngestLayout::kStreams - 1;
  const Status refused = running.open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_NE(refused.error().message.find(std::to_string(IngestLayout::kStreams)),
            std::string::npos);
}

TEST(CudaIngest, AViewIsWhereItWasPlacedLast) {
  WithIngest running;
  running.start();
  std::uint8_t* const memory = running.backend->ingest_memory().data();
  ASSERT_TRUE(running.backend->make_alias(3));
  EXPECT_EQ(running.fake->seen(3).bytes, 0u) << "a new alias is nowhere";
  for (const std::uint64_t offset : {IngestLayout::kStreams, IngestLayout::kStreams + 4096}) {
    running.backend->place_alias(3, 0, offset, 100);
    const FakeEntry seen = running.fake->seen(3);
    EXPECT_EQ(seen.kind, megakernel::EntryKind::memory) << "items take it for a buffer";
    EXPECT_EQ(seen.data, memory + offset);
    EXPECT_EQ(seen.bytes, 100u);
  }
}

TEST(CudaIngest, AViewOfABufferShowsItsBytes) {
  WithIngest running;
  running.start();
  const Bytes contents = pattern(10'000, 5);
  ASSERT_TRUE(running.backend->allocate(1, contents.size()));
  ASSERT_TRUE(running.backend->write(1, 0, contents));
  ASSERT_TRUE(running.backend->make_alias(2));
  running.backend->place_alias(2, 1, 4'096, 5'000);
  const FakeEntry seen = running.fake->seen(2);
  ASSERT_EQ(seen.bytes, 5'000u);
  EXPECT_EQ(std::memcmp(seen.data, contents.data() + 4'096, 5'000), 0);
}

TEST(CudaIngest, ViewsHavePlacesOfTheirOwnAndReleasedOnesAreUsedAgain) {
  WithIngest running;
  running.start();
  std::set<const std::uint8_t*> places;
  const auto place = [&](std::uint32_t handle, std::uint64_t offset) {
    running.backend->place_alias(handle, 0, offset, 16);
    return running.fake->seen(handle).data;
  };
  for (std::uint32_t h = 1; h <= kMaxAliases; ++h) ASSERT_TRUE(running.backend->make_alias(h));
  for (std::uint32_t h = 1; h <= kMaxAliases; ++h)
    places.insert(place(h, IngestLayout::kStreams + 16 * h));
  EXPECT_EQ(places.size(), kMaxAliases);
  for (std::uint32_t h = 1; h <= kMaxAliases; ++h) places.insert(running.fake->seen(h).data);
  EXPECT_EQ(places.size(), kMaxAliases) << "one alias's place is another's";

  const Status full = running.backend->make_alias(kMaxAliases + 1);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::limit_exceeded);
  EXPECT_NE(full.error().message.find("kMaxAliases"), std::string::npos);
  running.backend->release(77);
  EXPECT_EQ(running.fake->seen(77).kind, megakernel::EntryKind::none);
  ASSERT_TRUE(running.backend->make_alias(kMaxAliases + 1));
  EXPECT_EQ(running.fake->seen(kMaxAliases + 1).bytes, 0u) << "the place of another alias is seen";
  running.backend->place_alias(77, 0, IngestLayout::kStreams, 5);
  EXPECT_EQ(running.fake->seen(kMaxAliases + 1).bytes, 0u) << "a stale handle moved an alias";
}

TEST(CudaIngest, AViewIsNoBufferToReadOrWriteThroughTheBackend) {
  WithIngest running;
  running.start();
  ASSERT_TRUE(running.backend->make_alias(3));
  running.backend->place_alias(3, 0, IngestLayout::kStreams, 100);
  Bytes out(1);
  EXPECT_EQ(running.backend->read(3, 0, out).error().code, Errc::not_found);
  EXPECT_EQ(running.backend->write(3, 0, out).error().code, Errc::not_found);
}

TEST(CudaIngest, AMappedFileTakesNoMemoryBeforeItIsBrought) {
  WithIngest running;
  running.device.staging_bytes = 128 << 10;
  running.start();
  const Bytes contents = pattern(500'001, 3);
  ASSERT_TRUE(running.backend->map_file(9, a_file(contents.size())));
  EXPECT_TRUE(running.backend->must_bring(9));
  EXPECT_EQ(running.backend->device_facts().arena_used, 0u);
  EXPECT_EQ(running.fake->seen(9).kind, megakernel::EntryKind::file);
  EXPECT_EQ(running.fake->seen(9).data, nullptr);
  EXPECT_EQ(running.fake->seen(9).bytes, contents.size());
  Bytes back(contents.size());
  const Status early = running.backend->read(9, 0, back);
  ASSERT_FALSE(early);
  EXPECT_NE(early.error().message.find("bring_file"), std::string::npos);

  ASSERT_TRUE(running.backend->bring_file(9, pieces_of(contents)));
  EXPECT_FALSE(running.backend->must_bring(9));
  ASSERT_TRUE(running.backend->read(9, 0, back));
  EXPECT_EQ(back, contents);
  EXPECT_NE(running.fake->seen(9).data, nullptr);
  EXPECT_EQ(running.backend->write(9, 0, contents).error().code, Errc::invalid_argument);
  EXPECT_FALSE(running.backend->host_bytes(9).has_value());

  std::atomic<int> asked{0};
  ASSERT_TRUE(running.backend->bring_file(9, [&](std::uint64_t, MutableByteSpan) -> Status {
    ++asked;
    return {};
  }));
  EXPECT_EQ(asked, 0) << "it was there";
  running.backend->release(9);
  EXPECT_EQ(running.backend->device_facts().arena_used, 0u);
}

TEST(CudaIngest, AnEmptyFileIsBroughtAndReleasedLikeAnyOther) {
  WithIngest running;
  running.start();
  ASSERT_TRUE(running.backend->map_file(1, a_file(0)));
  Bytes none;
  ASSERT_TRUE(running.backend->bring_file(1, pieces_of(none)));
  EXPECT_FALSE(running.backend->must_bring(1));
  EXPECT_TRUE(running.backend->read(1, 0, none));
  running.backend->release(1);
  EXPECT_EQ(running.backend->device_facts().arena_used, 0u);
}

TEST(CudaIngest, AFileThatIsReleasedWithoutBytesFreesNothingOfOthers) {
  WithIngest running;
  running.start();
  ASSERT_TRUE(running.backend->allocate(1, 1'000));  // the arena's first piece
  ASSERT_TRUE(running.backend->map_file(2, a_file(1'000)));
  running.backend->release(2);
  EXPECT_FALSE(running.backend->must_bring(2));
  ASSERT_TRUE(running.backend->allocate(3, 1'000));
  EXPECT_NE(running.fake->seen(1).data, running.fake->seen(3).data);
}

TEST(CudaIngest, AFileThatCannotBeReadStaysAwayAndGivesItsMemoryBack) {
  WithIngest running;
  running.device.staging_bytes = 128 << 10;
  running.start();
  const Bytes contents = pattern(500'001, 4);
  ASSERT_TRUE(running.backend->map_file(9, a_file(contents.size())));
  const Status failed =
      running.backend->bring_file(9, [&](std::uint64_t at, MutableByteSpan piece) -> Status {
        if (at > 100'000) return fail(Errc::io, "a broken disk");
        std::memcpy(piece.data(), contents.data() + at, piece.size());
        return {};
      });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "a broken disk");
  EXPECT_TRUE(running.backend->must_bring(9));
  EXPECT_EQ(running.backend->device_facts().arena_used, 0u);
  ASSERT_TRUE(running.backend->bring_file(9, pieces_of(contents)));
  Bytes back(contents.size());
  ASSERT_TRUE(running.backend->read(9, 0, back));
  EXPECT_EQ(back, contents);
  EXPECT_EQ(running.backend->bring_file(10, pieces_of(contents)).error().code, Errc::not_found);
}

TEST(CudaIngest, LeakedIngestMemoryIsStillThereWhenTheBackendIsGone) {
  WithIngest running;
  running.start();
  const MutableByteSpan memory = running.backend->ingest_memory();
  running.backend->leak_ingest_memory();
  EXPECT_TRUE(running.backend->stop(Clock::now() + std::chrono::seconds{5}));
  running.backend.reset();
  ASSERT_FALSE(running.fake->open);
  memory[memory.size() - 1] = 7;  // as a read that ends late would
  EXPECT_EQ(memory[memory.size() - 1], 7);
}

}  // namespace
}  // namespace vyre::cuda

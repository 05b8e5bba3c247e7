// What comes out of the pump is what a plain read gives, whatever carries it.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

#include "rig.hpp"

namespace vyre::ingest::test {
namespace {

constexpr std::uint64_t kMiB{std::uint64_t{1} << 20};

struct Way {
  TierChoice choice;
  const char* name;
};

class EachTier : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(folder.there());
    write_pattern(folder / "probe", 3 * kMiB + 77);
    const auto opened = File::open(folder / "probe", GetParam().choice);
    if (!opened) GTEST_SKIP() << opened.error().message;
    auto started = Pump::start({.tier = GetParam().choice}, memory.span());
    if (!started && started.error().code == Errc::unsupported) {
      GTEST_SKIP() << started.error().message;
    }
    ASSERT_TRUE(started) << started.error().message;
    pump = *std::move(started);
  }
  void TearDown() override {
    if (pump) {
      EXPECT_TRUE(pump->stop());
    }
  }

  Folder folder;
  Memory memory{16 * kMiB};
  std::unique_ptr<Pump> pump;
};

TEST_P(EachTier, GivesTheBytesOfAPlainReadAtEveryOddSizeAndOffset) {
  constexpr std::uint64_t kSizes[] = {0,    1,    511,      512,  513,     4095,
                                      4096, 4097, kMiB - 1, kMiB, kMiB + 1};
  constexpr std::uint64_t kOffsets[] = {0, 1, 511, 512, 4095, 4096, 4097};
  const auto file = open(folder / "probe", GetParam().choice);
  const Bytes all = pattern(0, file->bytes());
  std::uint64_t number = 0;
  for (const std::uint64_t size : kSizes) {
    for (const std::uint64_t offset : kOffsets) {
      const std::uint64_t room = room_for(*file, offset, size);
      std::uint8_t* const to = memory.streams() + kIoBlock;
      std::memset(memory.streams(), kPoison, room + 3 * kIoBlock);
      Ends ends;
      const ReadRequest request{file, offset, size, to, room, &ends, ++number};
      ASSERT_TRUE(pump->read({&request, 1}));
      const ReadResult result = ends.wait(1).at(0);
      ASSERT_EQ(result.status, ReadStatus::ok) << size << " at " << offset;
      ASSERT_EQ(result.bytes, size);
      ASSERT_EQ(std::memcmp(to + result.skip, all.data() + offset, size), 0)
          << size << " at " << offset;
      for (std::uint64_t i = 0; i < kIoBlock; ++i) {
        ASSERT_EQ(to[-1 - static_cast<std::ptrdiff_t>(i)], kPoison) << "wrote before the room";
        ASSERT_EQ(to[room + i], kPoison) << "wrote behind the room";
      }
    }
  }
  const auto section = pump->counters();
  ASSERT_EQ(section.tiers.size(), 1u);
  EXPECT_EQ(section.tiers[0].tier, letter(pump->tier_of(*file)));
  EXPECT_EQ(section.tiers[0].failed_operations, 0u);
  EXPECT_EQ(section.tiers[0].completed_operations, section.tiers[0].submitted_operations);
  EXPECT_EQ(section.tiers[0].fixed_operations + section.tiers[0].plain_operations,
            section.tiers[0].submitted_operations);
  EXPECT_EQ(section.tiers[0].direct_bytes, file->direct() ? section.tiers[0].completed_bytes : 0u);
}

TEST_P(EachTier, CarriesManyReadsOfManyThreadsAndEndsEachOnce) {
  constexpr std::uint64_t kThreads{4};
  constexpr std::uint64_t kReads{200};
  constexpr std::uint64_t kSlot{2 * kIoBlock + 8192};
  const auto file = open(folder / "probe", GetParam().choice);
  const Bytes all = pattern(0, file->bytes());
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Ends ends;
      std::vector<ReadRequest> requests;
      for (std::uint64_t i = 0; i < kReads; ++i) {
        const std::uint64_t offset = (i * 7919 + t * 104729) % (file->bytes() - 8192);
        requests.push_back({file, offset, 1 + i * 40, memory.streams() + (t * kReads + i) * kSlot,
                            kSlot, &ends, i});
        ASSERT_LE(requests.back().bytes, 8192u);
      }
      for (std::size_t i = 0; i < requests.size(); i += 20) {
        ASSERT_TRUE(pump->read(std::span(requests).subspan(i, 20)));
      }
      const auto results = ends.wait(kReads);
      for (std::uint64_t i = 0; i < kReads; ++i) {
        ASSERT_EQ(results[i].status, ReadStatus::ok);
        ASSERT_EQ(results[i].bytes, requests[i].bytes);
        ASSERT_EQ(std::memcmp(requests[i].to + results[i].skip, all.data() + requests[i].offset,
                              requests[i].bytes),
                  0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(pump->counters().depth_max, 64u);
}

TEST_P(EachTier, ReadNowGivesAnyRangeIntoAnyMemory) {
  const auto file = open(folder / "probe", GetParam().choice);
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{5000}}) {
    Bytes out(file->bytes() - offset + 2, kPoison);
    const MutableByteSpan inside(out.data() + 1, out.size() - 2);
    ASSERT_TRUE(pump->read_now(file, offset, inside));
    EXPECT_EQ(Bytes(inside.begin(), inside.end()), pattern(offset, inside.size()));
    EXPECT_EQ(out.front(), kPoison);
    EXPECT_EQ(out.back(), kPoison);
  }
  Bytes beyond(10);
  const Status refused = pump->read_now(file, file->bytes() - 9, beyond);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
}

TEST_P(EachTier, MemoryThatIsNotAlignedAsTheFileWantsItIsRefused) {
  const auto file = open(folder / "probe", GetParam().choice);
  if (file->memory_alignment() == 1) return;  // any memory will do
  Ends ends;
  const ReadRequest request{file, 0,     4096, memory.streams() + file->memory_alignment() / 2,
                            4096, &ends, 0};
  const Status refused = pump->read({&request, 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_NE(refused.error().message.find("aligned"), std::string::npos);
  EXPECT_EQ(ends.count(), 0u);
}

TEST_P(EachTier, AFileThatBecameShorterEndsWithTheBytesThatAreThere) {
  write_pattern(folder / "shrinks", 100'000);
  const auto file = open(folder / "shrinks", GetParam().choice);
  ASSERT_EQ(::truncate((folder / "shrinks").c_str(), 70'001), 0);
  Ends ends;
  const ReadRequest request{file, 50'000, 50'000, memory.streams(), 16 * kMiB, &ends, 0};
  ASSERT_TRUE(pump->read({&request, 1}));
  const ReadResult result = ends.wait(1).at(0);
  EXPECT_EQ(result.status, ReadStatus::end_of_file);
  EXPECT_EQ(result.bytes, 20'001u);
  EXPECT_EQ(Bytes(memory.streams() + result.skip, memory.streams() + result.skip + 20'001),
            pattern(50'000, 20'001));

  Bytes out(50'000);
  const Status now = pump->read_now(file, 50'000, out);
  ASSERT_FALSE(now);
  EXPECT_NE(now.error().message.find("70001"), std::string::npos) << now.error().message;
  EXPECT_NE(now.error().message.find("100000"), std::string::npos) << now.error().message;
}

TEST_P(EachTier, OfAFileThatGrewOnlyWhatWasAskedIsRead) {
  write_pattern(folder / "grows", 10'000);
  const auto file = open(folder / "grows", GetParam().choice);
  write_file(folder / "grows", pattern(10'000, 5'000), 10'000);
  Ends ends;
  const ReadRequest request{file, 0, 10'000, memory.streams(), 16 * kMiB, &ends, 0};
  ASSERT_TRUE(pump->read({&request, 1}));
  const ReadResult result = ends.wait(1).at(0);
  EXPECT_EQ(result.status, ReadStatus::ok);
  EXPECT_EQ(result.bytes, 10'000u);
}

TEST_P(EachTier, ReadsASparseFileBeyondFourGiB) {
  constexpr std::uint64_t kFar{(std::uint64_t{5} << 30) + 123};
  write_file(folder / "sparse", pattern(kFar, 5'000), kFar);
  const auto file = open(folder / "sparse", GetParam().choice);
  Ends ends;
  const ReadRequest request{file, kFar - 100, 5'100, memory.streams(), 16 * kMiB, &ends, 0};
  ASSERT_TRUE(pump->read({&request, 1}));
  const ReadResult result = ends.wait(1).at(0);
  ASSERT_EQ(result.status, ReadStatus::ok);
  const std::uint8_t* const at = memory.streams() + result.skip;
  EXPECT_EQ(Bytes(at, at + 100), Bytes(100, 0));
  EXPECT_EQ(Bytes(at + 100, at + 5'100), pattern(kFar, 5'000));
}

INSTANTIATE_TEST_SUITE_P(Pump, EachTier,
                         ::testing::Values(Way{TierChoice::automatic, "automatic"},
                                           Way{TierChoice::direct_fixed, "a"},
                                           Way{TierChoice::direct, "b"},
                                           Way{TierChoice::buffered, "c"},
                                           Way{TierChoice::thread_pool, "e"}),
                         [](const auto& of) { return std::string(of.param.name); });

TEST(Pump, RefusesReadsThatItCouldNotKeepInsideTheirRoom) {
  Folder folder;
  write_pattern(folder / "file", 100'000);
  const auto file = open(folder / "file", TierChoice::buffered);
  Memory memory(kMiB);
  const auto pump = start({}, memory);
  ASSERT_TRUE(pump);
  Ends ends;
  const ReadRequest good{file, 0, 4096, memory.streams(), 4096, &ends, 0};
  const auto refusal = [&](ReadRequest bad) {
    const ReadRequest both[] = {good, bad};
    const Status status = pump->read(both);
    EXPECT_FALSE(status);
    return status ? Errc::internal : status.error().code;
  };
  ReadRequest bad = good;
  bad.room = 4095;
  EXPECT_EQ(refusal(bad), Errc::invalid_argument);
  bad = good;
  bad.offset = ~std::uint64_t{0} - 100;
  EXPECT_EQ(refusal(bad), Errc::invalid_argument);
  bad = good;
  bad.offset = (std::uint64_t{1} << 63) - 4097;
  EXPECT_EQ(refusal(bad), Errc::invalid_argument);
  bad = good;
  bad.to = nullptr;
  EXPECT_EQ(refusal(bad), Errc::invalid_argument);
  bad = good;
  bad.sink = nullptr;
  EXPECT_EQ(refusal(bad), Errc::invalid_argument);
  bad = good;
  bad.file = nullptr;
  EXPECT_EQ(refusal(bad), Errc::invalid_argument);
  EXPECT_TRUE(pump->stop());
  EXPECT_EQ(ends.count(), 0u) << "all or none";
}

TEST(Pump, RefusesMemoryWithoutRoomForItsLinesAndDepthsOutOfRange) {
  Memory memory(0);
  EXPECT_FALSE(Pump::start({}, memory.span().first(memory.span().size() - 1)));
  EXPECT_FALSE(Pump::start({.depth = 0}, memory.span()));
  EXPECT_FALSE(Pump::start({.depth = kMaxIoDepth + 1}, memory.span()));
  EXPECT_TRUE(Pump::start({.depth = kMaxIoDepth}, memory.span()));
}

TEST(Pump, CopiesInParallelGiveTheSameBytes) {
  Folder folder;
  constexpr std::uint64_t kReads{60};
  constexpr std::uint64_t kBytes{300'000};  // to workers
  write_pattern(folder / "file", 3 * kMiB + 77);
  const auto file = open(folder / "file", TierChoice::buffered);
  const Bytes all = pattern(0, file->bytes());
  Memory memory(kReads * kBytes);
  const auto pump = start({.parallel_copies = true}, memory);
  ASSERT_TRUE(pump);
  Ends ends;
  std::vector<ReadRequest> requests;
  for (std::uint64_t i = 0; i < kReads; ++i) {
    const std::uint64_t bytes = i % 4 == 3 ? 1 + i : kBytes;
    requests.push_back({file, i * 45'677 % (file->bytes() - kBytes), bytes,
                        memory.streams() + i * kBytes, kBytes, &ends, i});
  }
  ASSERT_TRUE(pump->read(requests));
  const auto results = ends.wait(kReads);
  for (std::uint64_t i = 0; i < kReads; ++i) {
    ASSERT_EQ(results[i].status, ReadStatus::ok);
    ASSERT_EQ(results[i].bytes, requests[i].bytes);
    ASSERT_EQ(std::memcmp(requests[i].to, all.data() + requests[i].offset, requests[i].bytes), 0);
  }
  EXPECT_TRUE(pump->stop());
  const auto section = pump->counters();
  ASSERT_EQ(section.tiers.size(), 1u);
  EXPECT_EQ(section.tiers[0].failed_operations, 0u);
}

TEST(Pump, SleepsWhenThereIsNothingToDo) {
  Folder folder;
  write_pattern(folder / "file", 100'000);
  Memory memory(kMiB);
  const auto pump = start({}, memory);
  ASSERT_TRUE(pump);
  pump->publish_file(7, open(folder / "file"), kAnyQueue);
  const std::uint64_t before = pump->counters().enters;
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  EXPECT_LT(pump->counters().enters - before, 40u);
}

TEST(Pump, HeartBeatsAsLongAsItLives) {
  Memory memory(0);
  const auto pump = start({}, memory);
  ASSERT_TRUE(pump);
  const queue::IoClient client(memory.view());
  const auto deadline = std::chrono::nanoseconds{kIoHeartbeatNs} * 20;
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t before = client.heartbeat();
    const auto since = std::chrono::steady_clock::now();
    EXPECT_TRUE(soon([&] { return client.heartbeat() > before; }));
    EXPECT_LT(std::chrono::steady_clock::now() - since, deadline);
  }
}

}  // namespace
}  // namespace vyre::ingest::test

// Requests of items over the real doors: asked by threads as CPU workers do, or without a ring as a
// device does.
#include <gtest/gtest.h>

#include <thread>

#include "rig.hpp"

namespace vyre::ingest::test {
namespace {

using queue::IoClient;

constexpr std::uint32_t kHandle{0x0100'0007};
constexpr std::uint64_t kFileBytes{1'000'003};

class ItemRequests : public ::testing::Test {
 protected:
  void up(PumpOptions options, TierChoice choice = TierChoice::automatic) {
    ASSERT_TRUE(folder.there());
    write_pattern(folder / "file", kFileBytes);
    file = open(folder / "file", choice);
    pump = start(options, memory);
    ASSERT_TRUE(pump);
    pump->publish_file(kHandle, file, kAnyQueue);
  }
  IoCompletionLine ask(IoRequestOp op, std::uint32_t source, std::uint32_t queue,
                       std::uint64_t offset, std::uint64_t length) {
    const auto line = client.try_ask(op, source, queue, offset, length, 99);
    EXPECT_TRUE(line);
    pump->ring();
    const IoCompletionLine answer = answer_of(client, *line);
    EXPECT_EQ(answer.tag, 99u);
    if (answer.status == IoStatus::ok && op == IoRequestOp::read) {
      const std::uint8_t* const bytes = client.data_of(*line) + answer.skip;
      EXPECT_EQ(Bytes(bytes, bytes + length), pattern(offset, length));
    }
    client.give_back(*line);
    return answer;
  }

  Folder folder;
  Memory memory{0};
  IoClient client{memory.view()};
  std::shared_ptr<const File> file;
  std::unique_ptr<Pump> pump;
};

TEST_F(ItemRequests, AreJudgedByHandleQueueAndRangeBeforeAnythingIsRead) {
  up({});
  pump->publish_file(kHandle + 1, file, 3);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, 0, 4096).status, IoStatus::ok);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle + 1, 3, 1, 65'536).status, IoStatus::ok);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, kFileBytes - 10, 10).status, IoStatus::ok);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, kFileBytes, 0).status, IoStatus::ok);
  const std::uint64_t operations = pump->counters().submitted_reads();

  EXPECT_EQ(ask(IoRequestOp::read, 7, 5, 0, 10).status, IoStatus::rejected) << "old generation";
  EXPECT_EQ(ask(IoRequestOp::read, 0, 5, 0, 10).status, IoStatus::rejected) << "no handle";
  EXPECT_EQ(ask(IoRequestOp::read, kHandle + 1, 4, 0, 10).status, IoStatus::rejected) << "queue";
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, kFileBytes - 10, 11).status, IoStatus::rejected);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, kFileBytes + 1, 0).status, IoStatus::rejected);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, ~std::uint64_t{0}, 2).status, IoStatus::rejected);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, ~std::uint64_t{0} - 4096, 8192).status,
            IoStatus::rejected);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, 0, kIoRequestBytes + 1).status, IoStatus::rejected);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, 0, ~std::uint64_t{0}).status, IoStatus::rejected);
  EXPECT_EQ(ask(static_cast<IoRequestOp>(2), kHandle, 5, 0, 10).status, IoStatus::rejected);
  pump->withdraw_file(kHandle);
  EXPECT_EQ(ask(IoRequestOp::read, kHandle, 5, 0, 10).status, IoStatus::rejected) << "withdrawn";

  const auto section = pump->counters();
  EXPECT_EQ(section.submitted_reads(), operations);
  EXPECT_EQ(section.item_requests, 15u);
  EXPECT_EQ(section.item_requests_rejected, 11u);
}

TEST_F(ItemRequests, OfAFileThatBecameShorterSayEndOfFileWithWhatIsThere) {
  up({});
  ASSERT_EQ(::truncate((folder / "file").c_str(), 5'000), 0);
  const IoCompletionLine cut = ask(IoRequestOp::read, kHandle, 0, 4'000, 4'000);
  EXPECT_EQ(cut.status, IoStatus::end_of_file);
  EXPECT_EQ(cut.bytes_done, 1'000u);
  const IoCompletionLine gone = ask(IoRequestOp::read, kHandle, 0, 40'000, 4'000);
  EXPECT_EQ(gone.status, IoStatus::end_of_file);
  EXPECT_EQ(gone.bytes_done, 0u);
  EXPECT_EQ(pump->counters().item_requests_end_of_file, 2u);
}

TEST_F(ItemRequests, OfManyThreadsAreEachAnsweredWithTheirBytes) {
  up({});
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (std::uint64_t i = 0; i < 400;) {
        const std::uint64_t length = 1 + i * 163 % kIoRequestBytes;
        const std::uint64_t offset = (i * 7919 + t * 104'729) % (kFileBytes - length);
        const auto line = client.try_ask(IoRequestOp::read, kHandle, 0, offset, length, 1);
        if (!line) {  // out of credit: never an error
          std::this_thread::yield();
          continue;
        }
        pump->ring();
        const IoCompletionLine answer = answer_of(client, *line);
        ASSERT_EQ(answer.status, IoStatus::ok);
        ASSERT_EQ(answer.bytes_done, length);
        const std::uint8_t* const bytes = client.data_of(*line) + answer.skip;
        for (std::uint64_t b = 0; b < length; b += 61) {
          ASSERT_EQ(bytes[b], pattern_at(offset + b));
        }
        client.give_back(*line);
        ++i;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pump->counters().item_requests, 1'600u);
}

TEST_F(ItemRequests, OfADeviceAreFoundWithoutARing) {
  up({.device_asks = true});
  for (int i = 0; i < 200; ++i) {
    const auto line = client.try_ask(IoRequestOp::read, kHandle, 0, 4096u * i % 900'000, 4096, 1);
    ASSERT_TRUE(line);
    ASSERT_EQ(answer_of(client, *line).status, IoStatus::ok);
    client.give_back(*line);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds{20});  // it looks less often by now
  const auto line = client.try_ask(IoRequestOp::read, kHandle, 0, 0, 4096, 1);
  EXPECT_EQ(answer_of(client, *line).status, IoStatus::ok);
}

TEST_F(ItemRequests, FenceIsAnsweredOnceAllEarlierOnesAre) {
  up({});
  for (int round = 0; round < 50; ++round) {
    std::vector<IoClient::Line> lines;
    for (int i = 0; i < 20; ++i) {
      lines.push_back(
          *client.try_ask(IoRequestOp::read, kHandle, 0, 10'000u * i, kIoRequestBytes, 0));
    }
    const auto fence = *client.try_ask(IoRequestOp::fence, 0, 0, 0, 0, 0);
    pump->ring();
    EXPECT_EQ(answer_of(client, fence).status, IoStatus::ok);
    for (const auto line : lines) {
      EXPECT_TRUE(client.try_answer(line)) << "the fence came first";
      client.give_back(line);
    }
    client.give_back(fence);
  }
}

TEST_F(ItemRequests, AfterStopTheHeadSaysThatNobodyAnswers) {
  up({});
  EXPECT_EQ(client.broken(), 0u);
  EXPECT_TRUE(pump->stop());
  EXPECT_EQ(client.broken(), static_cast<std::uint32_t>(FaultCode::shutdown));
}

TEST_F(ItemRequests, WorkThroughDirectReadsRoundedOutToBlocks) {
  write_pattern(folder / "file", kFileBytes);
  if (const auto direct = File::open(folder / "file", TierChoice::direct); !direct) {
    GTEST_SKIP() << direct.error().message;
  }
  up({}, TierChoice::direct);
  ASSERT_TRUE(file->direct());
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4'095},
                                     std::uint64_t{511}, kFileBytes - kIoRequestBytes}) {
    const IoCompletionLine answer = ask(IoRequestOp::read, kHandle, 0, offset, kIoRequestBytes);
    EXPECT_EQ(answer.status, IoStatus::ok);
    EXPECT_EQ(answer.offset, offset);
  }
}

TEST_F(ItemRequests, AreNoZeroCopySinceWorkersCopyOutOfTheSlot) {
  write_pattern(folder / "file", kFileBytes);
  if (const auto direct = File::open(folder / "file", TierChoice::direct_fixed); !direct) {
    GTEST_SKIP() << direct.error().message;
  }
  if (const auto a = Pump::start({.tier = TierChoice::direct_fixed}, memory.span()); !a) {
    GTEST_SKIP() << a.error().message;
  }
  std::memset(memory.span().data(), 0, IngestLayout::kAliases);
  up({.tier = TierChoice::direct_fixed}, TierChoice::direct_fixed);
  ASSERT_EQ(ask(IoRequestOp::read, kHandle, 0, 4096, 8192).status, IoStatus::ok);
  ASSERT_EQ(::truncate((folder / "file").c_str(), 70'000), 0);
  ASSERT_EQ(ask(IoRequestOp::read, kHandle, 0, 69'000, 4096).status, IoStatus::end_of_file);
  const auto section = pump->counters();
  ASSERT_EQ(section.tiers.size(), 1u);
  EXPECT_EQ(section.tiers[0].tier, "A");
  EXPECT_EQ(section.tiers[0].user_copy_bytes, 8192u + 1000u);
  const Status zero_copy = section.validate_completed_zero_copy();
  ASSERT_FALSE(zero_copy);
  EXPECT_NE(zero_copy.error().message.find("copied again"), std::string::npos)
      << zero_copy.error().message;
}

}  // namespace
}  // namespace vyre::ingest::test

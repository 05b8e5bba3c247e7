// The pump's thread over the simulated door: many clients while everything fails, stops and deaths
// at any moment. Which bytes come is judged by the schedules of unit/ingest_schedules; here it is
// the hand-over between threads.
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "rig.hpp"
#include "support/choice.hpp"
#include "support/simulated_io.hpp"

namespace vyre::ingest::test {
namespace {

using vyre::test::Choice;
using vyre::test::SimulatedFile;
using vyre::test::SimulatedIo;

constexpr std::uint64_t kShortFileBytes{200'000};
constexpr std::uint64_t kSlot{8192};
constexpr std::uint64_t kClients{3};
constexpr std::uint64_t kSlots{16};  // of a client

class SimulatedPump : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(folder.there());
    write_file(folder / "file", content);
    file = open(folder / "file", TierChoice::buffered);
    simulated.content = content.data();
    simulated.bytes = kShortFileBytes;
  }
  /// Rounds of reads of one client until `rounds` are over or the pump takes no more.
  void client(Pump& pump, std::uint64_t number, std::uint64_t rounds) {
    Choice choice(number);
    for (std::uint64_t round = 0; round < rounds; ++round) {
      Ends ends;
      std::vector<ReadRequest> requests;
      for (std::uint64_t i = 0; i < kSlots; ++i) {
        const std::uint64_t bytes = 1 + choice.below(kSlot);
        const std::uint64_t offset =
            choice.below(kShortFileBytes - static_cast<std::uint32_t>(bytes));
        requests.push_back({file, offset, bytes, memory.streams() + (number * kSlots + i) * kSlot,
                            kSlot, &ends, i});
      }
      if (!pump.read(requests)) return;
      if (choice.one_in(8)) pump.cancel(&ends);
      const auto results = ends.wait(kSlots);
      for (std::uint64_t i = 0; i < kSlots; ++i) {
        ASSERT_NE(results[i].status, ReadStatus::end_of_file);
        if (results[i].status != ReadStatus::ok) continue;
        ASSERT_EQ(results[i].bytes, requests[i].bytes);
        ASSERT_EQ(
            std::memcmp(requests[i].to, content.data() + requests[i].offset, requests[i].bytes), 0);
      }
    }
  }
  void item_client(Pump& pump, queue::IoClient& client, std::uint64_t rounds) {
    Choice choice(77);
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const std::uint64_t offset = choice.below(kShortFileBytes - 4096);
      const auto line = client.try_ask(IoRequestOp::read, 1, 0, offset, 4096, 0);
      if (!line) return;
      pump.ring();
      std::optional<IoCompletionLine> answer;
      ASSERT_TRUE(soon(
          [&] { return (answer = client.try_answer(*line)).has_value() || client.broken() != 0; }));
      if (!answer) return;
      if (answer->status == IoStatus::ok) {
        ASSERT_EQ(std::memcmp(client.data_of(*line) + answer->skip, content.data() + offset, 4096),
                  0);
      }
      client.give_back(*line);
    }
  }
  /// All clients over a door with these faults; stops after `patience`, if that is not 0.
  void run(std::uint64_t seed, SimulatedIo::Options faults, std::uint64_t rounds,
           std::chrono::microseconds patience) {
    faults.threaded = true;
    faults.most_latency_ns = 20'000;
    std::memset(memory.span().data(), 0, IngestLayout::kAliases);
    PumpOptions options;
    options.depth = 8;
    options.drain = std::chrono::milliseconds{100};  // of the simulated clock
    options.make_io = [&]() -> Result<std::unique_ptr<Io>> {
      auto io = std::make_unique<SimulatedIo>(seed, faults);
      io->add_file(file->descriptor(), &simulated);
      return io;
    };
    const auto pump = start(options, memory);
    ASSERT_TRUE(pump);
    pump->publish_file(1, file, kAnyQueue);
    queue::IoClient items(memory.view());
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < kClients; ++t) {
      threads.emplace_back([&, t] { client(*pump, t, rounds); });
    }
    threads.emplace_back([&] { item_client(*pump, items, rounds * 4); });
    threads.emplace_back([&] {
      Bytes out(5000);
      for (std::uint64_t i = 0; i < rounds; ++i) {
        if (const Status now = pump->read_now(file, 1000 * (i % 100), out); !now) {
          if (now.error().code == Errc::closed || pump->broken()) break;
          continue;
        }
        EXPECT_EQ(std::memcmp(out.data(), content.data() + 1000 * (i % 100), out.size()), 0);
      }
      (void)pump->counters();
    });
    if (patience.count() != 0) {
      std::this_thread::sleep_for(patience);
      (void)pump->stop();
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(pump->broken().has_value(), faults.dies_at_enter < 1'000);
  }

  Folder folder;
  Bytes content{pattern(0, kShortFileBytes + 4096)};
  SimulatedFile simulated;
  Memory memory{kClients * kSlots * kSlot};
  std::shared_ptr<const File> file;
};

TEST_F(SimulatedPump, CarriesManyClientsThroughFaults) {
  SimulatedIo::Options faults;
  faults.short_one_in = 5;
  faults.again_one_in = 10;
  faults.interrupted_one_in = 10;
  faults.io_error_one_in = 20;
  faults.other_error_one_in = 50;
  faults.twice_one_in = 5;
  faults.unknown_one_in = 5;
  faults.refuse_one_in = 10;
  faults.cancel_late_one_in = 2;
  for (std::uint64_t seed = 0; seed < 4; ++seed) run(seed, faults, 60, {});
}

TEST_F(SimulatedPump, StopsAtAnyMoment) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    run(seed, {.short_one_in = 5, .twice_one_in = 10}, 1'000'000,
        std::chrono::microseconds{1 + 137 * seed});
  }
}

TEST_F(SimulatedPump, DiesAtAnyMomentAndNobodyWaitsForIt) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    run(seed, {.short_one_in = 5, .dies_at_enter = 3 * seed}, 1'000'000, {});
  }
}

}  // namespace
}  // namespace vyre::ingest::test

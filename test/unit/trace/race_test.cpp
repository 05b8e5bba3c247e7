// Races in a replay: looked for when asked, and whenever there is a difference to explain.
#include <gtest/gtest.h>

#include <string_view>

#include "support.hpp"
#include "trace/source.hpp"
#include "vir/text/text.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::trace {
namespace {

using test::RawEvents;

Digest keep(MemorySource& source, ByteSpan bytes) {
  Blake3 hash;
  hash.update(bytes);
  const Digest digest = hash.finish();
  source.blobs[digest.hex()] = Bytes(bytes.begin(), bytes.end());
  return digest;
}

/// Item 0 fills buffer 2, item 1 runs the program over buffer 1 of 16 bytes, which is recorded as
/// ending with words that no execution of these programs leaves.
MemorySource recorded(std::string_view statement) {
  MemorySource source;
  const auto program = vir::assemble(
      "workgroup 4, 1, 1; buffer o: u32[4] read_write output live_out; region \"r\" { " +
      std::string(statement) + " }");
  EXPECT_TRUE(program.has_value());
  const auto wire = vir::encode(*program, vir::Profile::v4_0_6_3);
  EXPECT_TRUE(wire.has_value());
  constexpr std::string_view kName{"p"};
  Record defined(Kind::program);
  defined.set_small(static_cast<std::uint8_t>(vir::Profile::v4_0_6_3), 0, 0);
  defined.set_half(0, kFirstUserOp);
  defined.set_half(1, kName.size());
  defined.set_word(wire->size());
  defined.set_digest(keep(source, *wire), 1);
  defined.set_digest(keep(source, as_bytes(kName)), 2);
  Record final(Kind::final);
  final.set_word(16);
  final.set_half(2, 1);
  final.set_digest(keep(source, Bytes(16, 0xEE)));
  RawEvents events;
  events.add(defined).zeros(1, 16).zeros(2, 64);
  events.submit(1, 0, 2, 0, 7).submit(kFirstUserOp, 0, 1).done(0, 2).add(final);
  source.events_bytes = events.bytes();
  return source;
}

ReplayOptions on_one_worker(Executor executor, Compare compare) {
  ReplayOptions options;
  options.executor = executor;
  options.compare = compare;
  options.workers = 1;
  options.timeout = std::chrono::seconds{60};
  return options;
}

TEST(TraceRaces, ADifferenceInWhatARacingItemLeftSaysSo) {
  for (const Executor executor : {Executor::cpu, Executor::reference}) {
    MemorySource source = recorded("o[0] = gid.x;");
    const auto result = replay(source, on_one_worker(executor, Compare::expected));
    ASSERT_TRUE(result) << to_string(result.error());
    ASSERT_TRUE(result->difference);
    EXPECT_TRUE(result->difference->races);
    EXPECT_NE(result->difference->message.find("; races: in item 1, p: data race on 'o', byte 0"),
              std::string::npos)
        << result->difference->message;
    ASSERT_EQ(result->racy_items.size(), 1u);
    EXPECT_EQ(result->racy_items[0].item, 1u);
  }
}

TEST(TraceRaces, ADifferenceWithoutARaceIsOne) {
  MemorySource source = recorded("o[gid.x] = gid.x;");
  const auto result = replay(source, on_one_worker(Executor::cpu, Compare::expected));
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_TRUE(result->difference);
  EXPECT_FALSE(result->difference->races);
  EXPECT_EQ(result->difference->message.find("race"), std::string::npos)
      << result->difference->message;
  EXPECT_TRUE(result->racy_items.empty());
}

TEST(TraceRaces, TheSearchBehindADifferenceStopsWhenToldTo) {
  static std::uint32_t asked;
  static std::uint32_t most;
  ReplayOptions options = on_one_worker(Executor::reference, Compare::expected);
  options.stopped = [] { return ++asked > most; };
  asked = 0;
  most = ~std::uint32_t{0};
  MemorySource source = recorded("o[0] = gid.x;");
  const auto whole = replay(source, options);
  ASSERT_TRUE(whole) << to_string(whole.error());
  ASSERT_TRUE(whole->difference && whole->difference->races);
  // The last questions are those of the search.
  most = asked - 1;
  asked = 0;
  const auto cut = replay(source, options);
  ASSERT_TRUE(cut) << to_string(cut.error());
  ASSERT_TRUE(cut->difference) << "the stop came before the difference";
  EXPECT_FALSE(cut->difference->races);
  EXPECT_NE(cut->difference->message.find("whether lanes race is not known"), std::string::npos)
      << cut->difference->message;
}

TEST(TraceRaces, AreLookedForInEveryItemWhenAsked) {
  MemorySource source = recorded("o[0] = gid.x;");
  ReplayOptions options = on_one_worker(Executor::reference, Compare::none);
  EXPECT_TRUE(replay(source, options)->racy_items.empty());
  options.check_races = true;
  const auto result = replay(source, options);
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_EQ(result->racy_items.size(), 1u);
  EXPECT_EQ(result->racy_items[0].item, 1u);
  EXPECT_EQ(result->racy_items[0].program, "p");
  EXPECT_EQ(result->racy_items[0].total, 3u);
  EXPECT_FALSE(result->difference);
  options.executor = Executor::cpu;
  const auto refused = replay(source, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace vyre::trace

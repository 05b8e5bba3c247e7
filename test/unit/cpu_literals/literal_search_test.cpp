// match.literals by Hyperscan against its plain form: equal bytes for every set, text and output,
// and the way from a pattern blob back to its patterns.
#include <atomic>
#include <cstring>
#include <random>
#include <string>
#include <thread>

#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/ops.hpp"
#include "cpu/backend/literal_search.hpp"
#include "gtest/gtest.h"

namespace vyre::cpu {
namespace {

constexpr auto kMatch = std::uint32_t{19};

struct Set {
  std::vector<Bytes> patterns;
  bool fold{false};
};

Bytes blob_of(const Set& set) {
  const std::vector<ByteSpan> spans(set.patterns.begin(), set.patterns.end());
  return builtin::compile_literals(spans, {set.fold}).value();
}

Bytes some_bytes(std::mt19937& random, std::size_t count, const std::string& alphabet) {
  Bytes bytes(count);
  for (auto& byte : bytes) {
    byte = alphabet.empty() ? static_cast<std::uint8_t>(random())
                            : static_cast<std::uint8_t>(alphabet[random() % alphabet.size()]);
  }
  return bytes;
}

const std::vector<std::string>& alphabets() {
  static const std::vector<std::string> kAlphabets{"ab", "abAB", "abcdefghij \n",
                                                   std::string("a\0b", 3), ""};
  return kAlphabets;
}

Set some_set(std::mt19937& random, const std::string& alphabet) {
  Set set;
  set.fold = random() % 2 == 0;
  const std::size_t count = 1 + random() % (random() % 4 == 0 ? 300 : 6);
  for (std::size_t i = 0; i < count; ++i) {
    if (!set.patterns.empty() && random() % 8 == 0) {
      set.patterns.push_back(set.patterns[random() % set.patterns.size()]);  // twice the same
    } else {
      set.patterns.push_back(
          some_bytes(random, 1 + random() % (random() % 5 == 0 ? 60 : 4), alphabet));
    }
  }
  return set;
}

FaultCode plain(ByteSpan text, ByteSpan blob, MutableByteSpan out,
                builtin::LiteralMatcher* matcher = nullptr) {
  const std::array inputs{
      builtin::Buffer{const_cast<std::uint8_t*>(text.data()), text.size(), 1, true},
      builtin::Buffer{const_cast<std::uint8_t*>(blob.data()), blob.size(), 2, true}};
  const std::array outputs{builtin::Buffer{out.data(), out.size(), 3, false}};
  return builtin::run(kMatch, inputs, outputs, 0, {}, matcher);
}

std::unique_ptr<CompiledLiterals> compiled(const Set& set) {
  return CompiledLiterals::make({set.patterns, set.fold});
}

#define SKIP_WITHOUT_HYPERSCAN()        \
  if (!compiled({{Bytes{'a'}}, false})) \
  GTEST_SKIP() << "libhs.so.5 is not here, or this build does not know its header"

TEST(PatternsOf, ABlobGivesThePatternsThatItWasMadeOf) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const Set set = some_set(random, alphabets()[seed % alphabets().size()]);
    const Bytes blob = blob_of(set);
    const auto found = patterns_of(blob);
    ASSERT_TRUE(found) << "seed " << seed;
    EXPECT_EQ(found->patterns.size(), set.patterns.size()) << "seed " << seed;
    EXPECT_EQ(blob_of({found->patterns, found->ignore_ascii_case}), blob) << "seed " << seed;
    if (!set.fold) {
      EXPECT_EQ(found->patterns, set.patterns) << "seed " << seed;
    }
  }
}

TEST(PatternsOf, OtherBytesThatFollowTheRulesGiveNone) {
  std::mt19937 random(7);
  const Bytes blob = blob_of({{Bytes{'a', 'b'}, Bytes{'b', 'a', 'b'}}, false});
  int refused = 0;
  for (int i = 0; i < 3'000; ++i) {
    Bytes changed = blob;
    changed[random() % changed.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
    const auto found = patterns_of(changed);
    if (!found) {
      ++refused;
      continue;
    }
    EXPECT_EQ(blob_of({found->patterns, found->ignore_ascii_case}), changed);
  }
  EXPECT_GT(refused, 2'000);
  EXPECT_FALSE(patterns_of(Bytes(3)));
}

TEST(Hyperscan, GivesTheBytesOfThePlainForm) {
  SKIP_WITHOUT_HYPERSCAN();
  for (std::uint32_t seed = 0; seed < 120; ++seed) {
    std::mt19937 random(seed);
    const std::string& alphabet = alphabets()[seed % alphabets().size()];
    const Set set = some_set(random, alphabet);
    const auto search = compiled(set);
    ASSERT_TRUE(search) << "seed " << seed;
    const Bytes blob = blob_of(set);
    for (int round = 0; round < 4; ++round) {
      const Bytes text = some_bytes(random, random() % 3'000, alphabet);
      // Room for none, for some, for all.
      const std::size_t room =
          16 + 16 * (random() % 2 == 0 ? random() % 40 : 100'000) + random() % 16;
      Bytes expected(room, 0xEE);
      Bytes found(room, 0xEE);
      ASSERT_EQ(plain(text, blob, expected), FaultCode::none);
      ASSERT_EQ(search->match(text, found, {}), FaultCode::none) << "seed " << seed;
      ASSERT_EQ(found, expected) << "seed " << seed << ", round " << round;
    }
  }
}

/// The text is searched in pieces of 8 MiB.
TEST(Hyperscan, FindsWhatCrossesItsOwnPiecesOnce) {
  SKIP_WITHOUT_HYPERSCAN();
  constexpr std::size_t kPiece{std::size_t{8} << 20};
  Bytes text(2 * kPiece + 100, '.');
  const Bytes word{'n', 'e', 'e', 'd', 'l', 'e'};
  for (const std::size_t boundary : {kPiece, 2 * kPiece}) {
    for (std::size_t before = 0; before <= word.size(); ++before)
      std::copy(word.begin(), word.end(), text.begin() + boundary - before - 20 * (3 - before));
    std::copy(word.begin(), word.end(), text.begin() + boundary - 3);
  }
  const Set set{{word, Bytes{'e'}, Bytes{'l', 'e'}}, false};
  Bytes expected(16 + 16 * 10'000, 0);
  Bytes found = expected;
  ASSERT_EQ(plain(text, blob_of(set), expected), FaultCode::none);
  ASSERT_EQ(compiled(set)->match(text, found, {}), FaultCode::none);
  EXPECT_EQ(found, expected);
}

TEST(Hyperscan, AStopIsSeenWhileHitsComeByTheThousand) {
  SKIP_WITHOUT_HYPERSCAN();
  const auto search = compiled({{Bytes{'a'}, Bytes{'a', 'a'}}, false});
  const Bytes text(std::size_t{4} << 20, 'a');
  Bytes out(16);
  int asked = 0;
  const builtin::StopWord third_time(
      [](const void* of) noexcept { return ++*static_cast<int*>(const_cast<void*>(of)) >= 3; },
      &asked);
  EXPECT_EQ(search->match(text, out, third_time), FaultCode::shutdown);
  EXPECT_EQ(asked, 3);
}

TEST(LiteralSearch, CompilesOnceItHasSearchedEnoughAndSaysTheSameBeforeAndAfter) {
  SKIP_WITHOUT_HYPERSCAN();
  std::mt19937 random(1);
  const Set set = some_set(random, "abcdefghij \n");
  const Bytes blob = blob_of(set);
  const Bytes text = some_bytes(random, std::size_t{1} << 16, "abcdefghij \n");
  Bytes expected(16 + 16 * 1'000, 0);
  ASSERT_EQ(plain(text, blob, expected), FaultCode::none);
  ASSERT_TRUE(LiteralSearch::of(blob));
  const auto search = std::make_unique<LiteralSearch>(7 * text.size());
  std::atomic<int> compiled{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 6; ++i) {
        Bytes found(expected.size(), 0);
        EXPECT_EQ(plain(text, blob, found, search.get()), FaultCode::none);
        EXPECT_EQ(found, expected);
        if (search->match(text, blob, found, {})) ++compiled;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Bytes found(expected.size(), 0);
  EXPECT_EQ(search->match(text, blob, found, {}), FaultCode::none);
  EXPECT_EQ(found, expected);
  // 4 threads search 12 times each, and the first 6 searches count.
  EXPECT_GT(compiled, 0);
  EXPECT_EQ(LiteralSearch::of(text), nullptr);
}

}  // namespace
}  // namespace vyre::cpu

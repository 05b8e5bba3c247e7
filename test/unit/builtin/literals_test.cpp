// compile_literals and match.literals: every hit, in order; blobs in bytes; refusals by index.
#include <cstddef>
#include <map>
#include <string>

#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "naive.hpp"

namespace vyre::builtin {

static bool operator==(const LiteralHit& a, const LiteralHit& b) {
  return a.end == b.end && a.pattern == b.pattern && a.length == b.length;
}
static std::ostream& operator<<(std::ostream& out, const LiteralHit& hit) {
  return out << "{end " << hit.end << ", pattern " << hit.pattern << ", length " << hit.length
             << "}";
}

namespace test {
namespace {

using vyre::test::bytes_of;

struct Match {
  std::uint64_t total{0};
  std::vector<LiteralHit> hits;
};

Match match(const Bytes& text, const Bytes& blob, std::size_t capacity) {
  const Bytes out = outputs_of(Op::match_literals, {text, blob},
                               {sizeof(LiteralHits) + capacity * sizeof(LiteralHit)})[0];
  const auto header = load_le<LiteralHits>(out, 0);
  Match result{header.hits, {}};
  EXPECT_EQ(header.records, std::min<std::uint64_t>(header.hits, capacity));
  for (std::uint64_t i = 0; i < header.records; ++i)
    result.hits.push_back(load_le<LiteralHit>(out, sizeof(LiteralHits) + i * sizeof(LiteralHit)));
  return result;
}

std::vector<LiteralHit> naive_hits(const Bytes& text, const std::vector<Bytes>& patterns) {
  std::vector<LiteralHit> hits;
  for (std::size_t end = 1; end <= text.size(); ++end) {
    for (std::size_t p = 0; p < patterns.size(); ++p) {
      const std::size_t length = patterns[p].size();
      if (length <= end && std::equal(patterns[p].begin(), patterns[p].end(),
                                      text.begin() + static_cast<std::ptrdiff_t>(end - length)))
        hits.push_back({end, static_cast<std::uint32_t>(p), static_cast<std::uint32_t>(length)});
    }
  }
  return hits;
}

Bytes compiled(const std::vector<Bytes>& patterns, LiteralOptions options = {}) {
  std::vector<ByteSpan> spans(patterns.begin(), patterns.end());
  auto blob = compile_literals(spans, options);
  EXPECT_TRUE(blob) << to_string(blob.error());
  return blob ? *blob : Bytes{};
}

Bytes letters(std::size_t count, std::uint32_t alphabet, std::uint64_t& state) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i)
    bytes.push_back(static_cast<std::uint8_t>('a' + noise(state) % alphabet));
  return bytes;
}

TEST(Literals, CompilingEndsAtEveryPlaceWhereItAsksWhetherItIsWanted) {
  std::vector<Bytes> words;
  for (std::uint32_t i = 0; i < 3'000; ++i) {
    const std::string word = "w" + std::to_string(i * 2'654'435'761u);
    words.emplace_back(word.begin(), word.end());
  }
  const std::vector<ByteSpan> patterns(words.begin(), words.end());
  std::uint64_t looks = 0;
  Interrupt never([&] { return ++looks == 0; });
  const auto whole = compile_literals(patterns, {}, &never);
  ASSERT_TRUE(whole);
  EXPECT_EQ(*whole, *compile_literals(patterns));
  ASSERT_GT(looks, 10u) << "a step a pattern, and three a state";
  for (std::uint64_t last = 1; last <= looks; ++last) {
    std::uint64_t asked = 0;
    Interrupt stop([&] { return ++asked == last; });
    const auto cut = compile_literals(patterns, {}, &stop);
    ASSERT_FALSE(cut) << last << " of " << looks;
    EXPECT_EQ(cut.error().code, Errc::cancelled);
    EXPECT_EQ(asked, last) << "it is asked no more";
  }
}

TEST(Literals, OnlyTheHeaderAndTheRecordsThatItNamesAreTold) {
  Bytes output(sizeof(LiteralHits) + 4 * sizeof(LiteralHit));
  for (const auto& [records, told] :
       {std::pair<std::uint8_t, std::uint64_t>{0, 16}, {3, 64}, {4, 80}, {5, 80}, {255, 80}}) {
    output[offsetof(LiteralHits, records)] = records;
    EXPECT_EQ(told_bytes(output), told) << int{records};
  }
  EXPECT_EQ(told_bytes(ByteSpan(output).first(15)), 15u);
  EXPECT_EQ(told_bytes({}), 0u);
}

TEST(Literals, RandomSetsFindWhatComparingEverywhereFinds) {
  std::uint64_t state = test_seed();
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(state));
  for (int round = 0; round < 60; ++round) {
    const auto alphabet = static_cast<std::uint32_t>(1 + noise(state) % 4);
    std::vector<Bytes> patterns;
    for (std::uint64_t left = 1 + noise(state) % 12; left != 0; --left)
      patterns.push_back(letters(1 + noise(state) % 7, alphabet, state));
    const Bytes text = letters(noise(state) % 300, alphabet + 1, state);
    const auto expected = naive_hits(text, patterns);
    const Bytes blob = compiled(patterns);
    const Match all = match(text, blob, expected.size() + 2);
    EXPECT_EQ(all.total, expected.size());
    EXPECT_EQ(all.hits, expected);
    const Match some = match(text, blob, expected.size() / 2);
    EXPECT_EQ(some.total, expected.size());
    EXPECT_TRUE(std::equal(some.hits.begin(), some.hits.end(), expected.begin()));
  }
}

TEST(Literals, AllByteValuesMayOccur) {
  std::vector<Bytes> patterns;
  for (int b = 0; b < 256; ++b) patterns.push_back({static_cast<std::uint8_t>(b)});
  const Bytes blob = compiled(patterns);
  EXPECT_EQ(load_le<LiteralsHeader>(blob, 0).classes, 256u);
  const Bytes text = noise_bytes(1'000, 3);
  EXPECT_EQ(match(text, blob, 2'000).hits, naive_hits(text, patterns));
}

TEST(Literals, CaseOfAsciiLettersMayBeIgnoredAndOfNothingElse) {
  const Bytes blob = compiled({{'k', '[', 0xC3, 0x84}}, {.ignore_ascii_case = true});
  EXPECT_EQ(match({'K', '[', 0xC3, 0x84}, blob, 9).total, 1u);
  EXPECT_EQ(match({'k', '[', 0xC3, 0x84}, blob, 9).total, 1u);
  EXPECT_EQ(match({'k', '{', 0xC3, 0x84}, blob, 9).total, 0u) << "[ and { differ in the same bit";
  EXPECT_EQ(match({'k', '[', 0xC3, 0xA4}, blob, 9).total, 0u);
}

TEST(Literals, CaseIgnoredWithEveryByteUsedNeedsNoClassForTheRest) {
  std::vector<Bytes> patterns;
  for (int b = 0; b < 256; ++b) patterns.push_back({static_cast<std::uint8_t>(b)});
  const Bytes blob = compiled(patterns, {.ignore_ascii_case = true});
  EXPECT_EQ(load_le<LiteralsHeader>(blob, 0).classes, 230u);
  EXPECT_EQ(match({'q'}, blob, 9).hits, (std::vector<LiteralHit>{{1, 'Q', 1}, {1, 'q', 1}}));
}

TEST(Literals, AScanOfPiecesThatBeginEarlyFindsTheSame) {
  // What the page promises to executors that cut the text: L - 1 bytes earlier are enough.
  std::uint64_t state = test_seed() + 1;
  for (int round = 0; round < 20; ++round) {
    std::vector<Bytes> patterns;
    for (int p = 0; p < 8; ++p) patterns.push_back(letters(1 + noise(state) % 6, 2, state));
    const Bytes text = letters(400, 2, state);
    const Bytes blob = compiled(patterns);
    const std::size_t early = load_le<LiteralsHeader>(blob, 0).max_length - 1;
    std::vector<LiteralHit> pieced;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min<std::size_t>(text.size(), begin + 1 + noise(state) % 40);
      const std::size_t from = begin - std::min(begin, early);
      const Bytes piece(text.begin() + static_cast<std::ptrdiff_t>(from),
                        text.begin() + static_cast<std::ptrdiff_t>(end));
      for (LiteralHit hit : match(piece, blob, 10'000).hits) {
        hit.end += from;
        if (hit.end > begin) pieced.push_back(hit);
      }
      begin = end;
    }
    EXPECT_EQ(pieced, naive_hits(text, patterns));
  }
}

TEST(Literals, TheBlobIsTheOneOfThePage) {
  const Bytes blob = compiled({{'a', 'b'}, {'b'}});
  // classes: other, a, b; states: start, a, b, ab.
  const auto header = load_le<LiteralsHeader>(blob, 0);
  EXPECT_EQ(header.magic, kLiteralsMagic);
  EXPECT_EQ(std::string(blob.begin(), blob.begin() + 4), "VLIT");
  EXPECT_EQ(header.bytes, blob.size());
  EXPECT_EQ(header.patterns, 2u);
  EXPECT_EQ(header.states, 4u);
  EXPECT_EQ(header.classes, 3u);
  EXPECT_EQ(header.max_length, 2u);
  EXPECT_EQ(header.outputs, 3u);
  EXPECT_EQ(blob[64 + 'a'], 1);
  EXPECT_EQ(blob[64 + 'b'], 2);
  EXPECT_EQ(blob[64 + 'c'], 0);
  constexpr std::uint32_t r = kLiteralsReports;
  EXPECT_EQ(words_in(ByteSpan(blob).subspan(320)),
            (Words{0, 1, r | 2,        // start
                   0, 1, r | 3,        // a
                   0, 1, r | 2,        // b
                   0, 1, r | 2,        // ab
                   0, 0, 0,     1, 3,  // first output of each state
                   1, 0, 1,            // b: 1; ab: 0 and 1
                   2, 1}));            // lengths
}

TEST(Literals, RefusalsNameTheIndexAndTheLimit) {
  const auto refusal = [](const std::vector<Bytes>& patterns) {
    const std::vector<ByteSpan> spans(patterns.begin(), patterns.end());
    const auto blob = compile_literals(spans);
    EXPECT_FALSE(blob);
    return blob ? std::string() : to_string(blob.error());
  };
  EXPECT_NE(refusal({}).find("no patterns"), std::string::npos);
  EXPECT_NE(refusal({{1}, {2}, {}}).find("pattern 2 is empty"), std::string::npos);
  const std::string longer = refusal({{1}, Bytes(kMaxLiteralBytes + 1, 5)});
  EXPECT_NE(longer.find("pattern 1 has 1025 bytes"), std::string::npos) << longer;
  EXPECT_NE(longer.find("kMaxLiteralBytes"), std::string::npos) << longer;
  const std::string many = refusal(std::vector<Bytes>(kMaxLiterals + 1, Bytes{1}));
  EXPECT_NE(many.find("65537 patterns"), std::string::npos) << many;
}

TEST(Literals, AutomataAboveTheLimitAreRefusedBeforeTheyAreBuilt) {
  std::vector<Bytes> patterns;
  for (std::uint64_t p = 0; p < 400; ++p) patterns.push_back(noise_bytes(1'000, p));
  const std::vector<ByteSpan> spans(patterns.begin(), patterns.end());
  const auto blob = compile_literals(spans);
  ASSERT_FALSE(blob);
  EXPECT_EQ(blob.error().code, Errc::limit_exceeded);
  EXPECT_NE(blob.error().message.find("kMaxLiteralAutomatonBytes"), std::string::npos);
}

TEST(Literals, AsManyPatternsAsTheLimitAllowsAreFound) {
  std::vector<Bytes> patterns;
  for (std::uint32_t p = 0; p < kMaxLiterals; ++p) {
    Bytes pattern{'x'};
    for (int digit = 0; digit < 4; ++digit)
      pattern.push_back(static_cast<std::uint8_t>('a' + (p >> 4 * digit & 15u)));
    patterns.push_back(pattern);
  }
  const Bytes text = [&] {
    Bytes bytes;
    for (const std::uint32_t p : {0u, 65'535u, 4'711u})
      bytes.insert(bytes.end(), patterns[p].begin(), patterns[p].end());
    return bytes;
  }();
  EXPECT_EQ(match(text, compiled(patterns), 9).hits,
            (std::vector<LiteralHit>{{5, 0, 5}, {10, 65'535, 5}, {15, 4'711, 5}}));
}

}  // namespace
}  // namespace test
}  // namespace vyre::builtin

// Reductions, scans, histogram, select and sort against naive versions, and what every op promises.
#include <algorithm>
#include <cmath>
#include <map>

#include "builtin/literals.hpp"
#include "core/f32.hpp"
#include "naive.hpp"
#include "protocol/fault_names.hpp"

namespace vyre::builtin::test {
namespace {

namespace f32 = core::f32;

const std::size_t kLengths[] = {0, 1, 2, 3, 511, 512, 513, 1'023, 1'024, 1'025, 2'048, 70'001};

/// The page's three steps, one after the other.
template <class Fold>
std::uint32_t naive_fold(std::vector<float> values, float filling, const Fold& fold) {
  for (;;) {
    std::vector<float> next;
    for (std::size_t row = 0; row < values.size(); row += 1'024) {
      std::vector<float> v(1'024, filling);
      std::copy(values.begin() + row, values.begin() + std::min(row + 1'024, values.size()),
                v.begin());
      for (std::size_t h = 512; h > 0; h /= 2) {
        for (std::size_t i = 0; i < h; ++i) v[i] = fold(v[i], v[i + h]);
      }
      next.push_back(v[0]);
    }
    if (next.size() == 1) return f32::to_bits(next[0]);
    values = next;
  }
}

Words floats_of_many_sizes(std::size_t count, std::uint64_t seed) {
  Words words;
  for (std::size_t i = 0; i < count; ++i) {
    auto word = static_cast<std::uint32_t>(noise(seed));
    if (word % 5 != 0) word = (word & 0x83FFFFFFu) | 0x3C000000u;  // else: any bits, NaN too
    words.push_back(word);
  }
  return words;
}

Bytes bytes_from(const Words& words) {
  Bytes bytes;
  for (const std::uint32_t word : words) append_le(bytes, word);
  return bytes;
}

TEST(BuiltinReduce, FloatsAreFoldedInTheOrderOfThePage) {
  std::uint64_t seed = test_seed();
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
  for (const std::size_t n : {1u, 2u, 3u, 1'023u, 1'024u, 1'025u, 5'000u, 1'048'577u}) {
    const Words words = floats_of_many_sizes(n, seed++);
    std::vector<float> values;
    for (const std::uint32_t w : words) values.push_back(f32::from_bits(f32::canonical_bits(w)));
    const auto result = [&](Op op) {
      return words_in(outputs_of(op, {bytes_from(words)}, {4})[0])[0];
    };
    EXPECT_EQ(result(Op::reduce_sum_f32),
              naive_fold(values, -0.0f, [](float a, float b) { return f32::add(a, b); }));
    std::vector<float> skipped = values;
    for (float& v : skipped) v = f32::is_nan(v) ? INFINITY : v;
    EXPECT_EQ(result(Op::reduce_min_f32),
              naive_fold(skipped, INFINITY, [](float a, float b) { return f32::min(a, b); }));
    for (std::size_t i = 0; i < n; ++i) skipped[i] = f32::is_nan(values[i]) ? -INFINITY : values[i];
    EXPECT_EQ(result(Op::reduce_max_f32),
              naive_fold(skipped, -INFINITY, [](float a, float b) { return f32::max(a, b); }));
  }
}

TEST(BuiltinReduce, FloatSumsAreNearTheSumInDoublePrecision) {
  const Words words = floats_of_many_sizes(200'000, 7);
  Words small;
  double sum = 0;
  double magnitude = 0;
  for (const std::uint32_t w : words) {
    const float value = f32::from_bits((w & 0x83FFFFFFu) | 0x3C000000u);
    small.push_back(f32::to_bits(value));
    sum += value;
    magnitude += std::abs(value);
  }
  const std::uint32_t bits =
      words_in(outputs_of(Op::reduce_sum_f32, {bytes_from(small)}, {4})[0])[0];
  // Twenty levels of additions, each half a unit off.
  EXPECT_NEAR(f32::from_bits(bits), sum, magnitude * 20 * 0x1p-24);
}

TEST(BuiltinReduce, IntegersAreReducedWhateverTheLength) {
  std::uint64_t seed = test_seed();
  for (const std::size_t n : kLengths) {
    const Bytes bytes = noise_bytes(n * 4 + n % 4, seed++);
    const Words words = words_in(bytes);
    std::uint32_t sum = 0;
    std::uint32_t low = 0xFFFFFFFFu;
    std::uint32_t high = 0;
    std::int32_t signed_low = INT32_MAX;
    std::int32_t signed_high = INT32_MIN;
    for (const std::uint32_t w : words) {
      sum += w;
      low = std::min(low, w);
      high = std::max(high, w);
      signed_low = std::min(signed_low, static_cast<std::int32_t>(w));
      signed_high = std::max(signed_high, static_cast<std::int32_t>(w));
    }
    const std::map<Op, std::uint32_t> expected{
        {Op::reduce_sum_u32, sum},
        {Op::reduce_sum_i32, sum},
        {Op::reduce_min_u32, low},
        {Op::reduce_max_u32, high},
        {Op::reduce_min_i32, static_cast<std::uint32_t>(signed_low)},
        {Op::reduce_max_i32, static_cast<std::uint32_t>(signed_high)}};
    for (const auto& [op, value] : expected)
      EXPECT_EQ(words_in(outputs_of(op, {bytes}, {4})[0]), Words{value}) << n << " words";
  }
}

TEST(BuiltinWords, ScansAddUpEverythingBefore) {
  for (const std::size_t n : kLengths) {
    const Bytes bytes = noise_bytes(n * 4, n + 1);
    Words inclusive;
    Words exclusive;
    std::uint32_t sum = 0;
    for (const std::uint32_t w : words_in(bytes)) {
      exclusive.push_back(sum);
      sum += w;
      inclusive.push_back(sum);
    }
    EXPECT_EQ(words_in(outputs_of(Op::scan_inclusive_u32, {bytes}, {n * 4})[0]), inclusive);
    EXPECT_EQ(words_in(outputs_of(Op::scan_exclusive_u32, {bytes}, {n * 4})[0]), exclusive);
  }
}

TEST(BuiltinWords, HistogramCountsEveryByte) {
  for (const std::size_t n : kLengths) {
    const Bytes bytes = noise_bytes(n, n + 2);
    Words counts(256);
    for (const std::uint8_t byte : bytes) ++counts[byte];
    EXPECT_EQ(words_in(outputs_of(Op::histogram_u8, {bytes}, {1'024})[0]), counts);
  }
}

TEST(BuiltinWords, SelectKeepsOrderAndTellsTheTrueCount) {
  for (const std::size_t n : kLengths) {
    const Bytes values = noise_bytes(n * 4, n + 3);
    Bytes mask = noise_bytes(n, n + 4);
    for (std::uint8_t& m : mask) m &= 0x12;
    const Words words = words_in(values);
    Words kept;
    for (std::size_t i = 0; i < n; ++i) {
      if (mask[i] != 0) kept.push_back(words[i]);
    }
    const auto count = static_cast<std::uint32_t>(kept.size());
    auto out = outputs_of(Op::select_u32, {values, mask}, {kept.size() * 4, 4});
    EXPECT_EQ(words_in(out[0]), kept);
    EXPECT_EQ(words_in(out[1]), Words{count});
    kept.resize(kept.size() / 3);
    out = outputs_of(Op::select_u32, {values, mask}, {kept.size() * 4, 4});
    EXPECT_EQ(words_in(out[0]), kept);
    EXPECT_EQ(words_in(out[1]), Words{count}) << "what did not fit was not counted";
  }
}

TEST(BuiltinWords, SortIsAscendingAndWorkIsStableByItsLowBits) {
  for (const std::size_t n : kLengths) {
    Bytes bytes = noise_bytes(n * 4, n + 5);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] &= i % 4 == 0 ? 0x3F : 0x01;
    Words sorted = words_in(bytes);
    Words work = sorted;
    std::sort(sorted.begin(), sorted.end());
    std::stable_sort(work.begin(), work.end(),
                     [](std::uint32_t a, std::uint32_t b) { return a << 8 < b << 8; });
    const auto out = outputs_of(Op::sort_u32, {bytes}, {n * 4, n * 4});
    EXPECT_EQ(words_in(out[0]), sorted);
    EXPECT_EQ(words_in(out[1]), work);
  }
}

/// The list that devices run too, without a session: what has an alias has no bytes of its own.
TEST(BuiltinCases, AllHoldForThePlainFormsAndInputsAreNeverWritten) {
  std::map<std::uint32_t, int> seen;
  vyre::test::each_builtin_case([&seen](const vyre::test::BuiltinCase& c) {
    ++seen[c.op];
    std::vector<Bytes> inputs = c.inputs;
    std::vector<Bytes> outputs = c.outputs;
    auto in = buffers(inputs, 1);
    auto out = buffers(outputs, 100);
    using vyre::test::Alias;
    if (c.alias == Alias::output_is_input) out[0] = in[0];
    if (c.alias == Alias::outputs_are_one) out[1] = out[0];
    if (c.alias == Alias::inputs_are_one) in[1] = in[0];
    EXPECT_EQ(fault_name(run(c.op, in, out, c.param)), fault_name(c.fault)) << c.name;
    EXPECT_TRUE(inputs == c.inputs) << c.name << ": an input was written";
    EXPECT_TRUE(outputs == c.expected) << c.name;
  });
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) \
  EXPECT_GE(seen[id], (id) == 0 ? 0 : 3) << name << " has hardly a case";
#include "protocol/op_table.def"
}

TEST(BuiltinRules, OutputsThatAreFilesAreRefusedAndNothingIsWritten) {
  Bytes in(8, 1);
  Bytes out(8, 2);
  const Buffer input{in.data(), in.size(), 1, true};
  const Buffer output{out.data(), out.size(), 2, true};
  const auto id = static_cast<std::uint32_t>(Op::mem_copy);
  EXPECT_EQ(run(id, {&input, 1}, {&output, 1}, 0), FaultCode::bad_binding);
  EXPECT_EQ(out, Bytes(8, 2));
  const Buffer writable{out.data(), out.size(), 2, false};
  EXPECT_EQ(run(id, {&input, 1}, {&writable, 1}, 0), FaultCode::none);
  EXPECT_EQ(out, in);
}

TEST(BuiltinRules, IdsThatAreNoOpAreRefused) {
  EXPECT_EQ(run(20, {}, {}, 0), FaultCode::unknown_op);
  EXPECT_EQ(run(0xFFFFFFFFu, {}, {}, 0), FaultCode::unknown_op);
}

TEST(BuiltinRules, NopIgnoresWhateverItIsGiven) {
  const Buffer buffer{nullptr, 0, 1, true};
  const std::vector<Buffer> many(5, buffer);
  EXPECT_EQ(run(0, many, many, 99), FaultCode::none);
}

TEST(BuiltinRules, ALongOpAsksAgainAndAgainWhetherItIsWanted) {
  std::vector<Bytes> in{Bytes(std::size_t{40} << 20)};
  for (const std::uint32_t last : {1u, 3u, ~0u}) {
    std::vector<Bytes> out{Bytes(4)};
    struct Asked {
      std::uint32_t times;
      std::uint32_t last;
    } asked{0, last};
    const StopWord stop(
        [](const void* of) noexcept {
          auto& count = *static_cast<Asked*>(const_cast<void*>(of));
          return ++count.times == count.last;
        },
        &asked);
    EXPECT_EQ(run(static_cast<std::uint32_t>(Op::hash_crc32c), buffers(in, 1), buffers(out, 100), 0,
                  stop),
              last == ~0u ? FaultCode::none : FaultCode::shutdown);
    EXPECT_EQ(asked.times, last == ~0u ? 5u : last);
  }
}

TEST(BuiltinRules, ATextThatEndsManyPatternsAtEachByteIsLeftBetweenTheirRecords) {
  std::vector<std::string> patterns;
  for (std::size_t n = 1; n <= 32; ++n) patterns.emplace_back(n, 'a');
  std::vector<ByteSpan> spans;
  for (const std::string& p : patterns)
    spans.emplace_back(reinterpret_cast<const std::uint8_t*>(p.data()), p.size());
  const auto blob = compile_literals(spans, {});
  ASSERT_TRUE(blob.has_value());
  // Less than a piece of text, more records than lie between two questions.
  std::vector<Bytes> in{Bytes(40'000, 'a'), *blob};
  std::vector<Bytes> out{Bytes(16 + 40'000 * 32 * 16)};
  std::uint32_t asked = 0;
  const StopWord second(
      [](const void* of) noexcept {
        return ++*static_cast<std::uint32_t*>(const_cast<void*>(of)) == 2;
      },
      &asked);
  EXPECT_EQ(run(static_cast<std::uint32_t>(Op::match_literals), buffers(in, 1), buffers(out, 100),
                0, second),
            FaultCode::shutdown);
  EXPECT_EQ(asked, 2u);
}

TEST(BuiltinRules, AStoppedOpSaysSo) {
  const std::atomic<bool> stop{true};
  std::vector<Bytes> in{Bytes(64)};
  std::vector<Bytes> out{Bytes(1'024), Bytes(1'024)};
  for (const Op op : {Op::mem_copy, Op::reduce_sum_u32, Op::reduce_sum_f32, Op::scan_inclusive_u32,
                      Op::histogram_u8, Op::sort_u32, Op::hash_crc32c, Op::hash_xxh64}) {
    auto outputs = buffers(out, 100);
    outputs.resize(output_count(op));
    EXPECT_EQ(run(static_cast<std::uint32_t>(op), buffers(in, 1), outputs, 0, &stop),
              FaultCode::shutdown);
  }
}

}  // namespace
}  // namespace vyre::builtin::test

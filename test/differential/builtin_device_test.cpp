// The built-in ops on a GPU against their plain forms, byte for byte, by plain launches of what the
// resident kernel's workers run. Needs a device: without one the tests skip with the reason, or
// fail if VYRE_REQUIRE_GPU=1. VYRE_SEED replays one random round.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "builtin/literals.hpp"
#include "builtin/ops.hpp"
#include "protocol/fault_names.hpp"
#include "support/builtin_cases.hpp"
#include "support/choice.hpp"
#include "support/device/builtin_probe.hpp"
#include "support/device/needs_device.hpp"

namespace vyre {
namespace {

using builtin::Op;

struct Sides {
  std::vector<builtin::Buffer> inputs;
  std::vector<builtin::Buffer> outputs;
};

/// The operands of a case under handles that say which of them are one buffer.
Sides sides_of(test::BuiltinCase& c) {
  Sides sides;
  std::uint32_t handle = 1;
  for (Bytes& b : c.inputs) sides.inputs.push_back({b.data(), b.size(), handle++, false});
  for (Bytes& b : c.outputs) sides.outputs.push_back({b.data(), b.size(), handle++, false});
  if (c.alias == test::Alias::inputs_are_one) sides.inputs[1] = sides.inputs[0];
  if (c.alias == test::Alias::output_is_input) sides.outputs[0].handle = sides.inputs[0].handle;
  if (c.alias == test::Alias::outputs_are_one) sides.outputs[1].handle = sides.outputs[0].handle;
  return sides;
}

std::string first_difference(const Bytes& have, const Bytes& want) {
  if (have.size() != want.size()) return "lengths differ";
  for (std::size_t i = 0; i < have.size(); ++i) {
    if (have[i] == want[i]) continue;
    char text[96];
    std::snprintf(text, sizeof text, "byte %zu of %zu is %02x, must be %02x", i, have.size(),
                  have[i], want[i]);
    return text;
  }
  return {};
}

class BuiltinDevice : public test::NeedsDevice {
 protected:
  /// Empty, or what was wrong.
  static std::string run_case(test::BuiltinCase c) {
    const Sides sides = sides_of(c);
    const auto code = cuda::run_builtin_on_device(c.op, sides.inputs, sides.outputs, c.param);
    if (!code) return code.error().message;
    if (*code != c.fault)
      return "fault " + std::string(fault_name(*code)) + ", must be " +
             std::string(fault_name(c.fault));
    for (std::size_t i = 0; i < c.outputs.size(); ++i) {
      const std::string difference = first_difference(c.outputs[i], c.expected[i]);
      if (!difference.empty()) return "output " + std::to_string(i) + ": " + difference;
    }
    return {};
  }

  /// Against the plain form.
  void compare(const std::string& name, Op op, std::vector<Bytes> inputs,
               const std::vector<std::size_t>& output_bytes, std::uint32_t param = 0) {
    test::BuiltinCase c;
    c.op = static_cast<std::uint32_t>(op);
    c.inputs = std::move(inputs);
    c.param = param;
    for (const std::size_t bytes : output_bytes) c.outputs.push_back(Bytes(bytes, 0x5A));
    c.expected = c.outputs;
    test::BuiltinCase plain = c;
    plain.outputs = c.expected;
    const Sides sides = sides_of(plain);
    c.fault = builtin::run(c.op, sides.inputs, sides.outputs, param);
    c.expected = plain.outputs;
    const std::string wrong = run_case(std::move(c));
    EXPECT_EQ(wrong, "") << name << ", op " << static_cast<std::uint32_t>(op);
    ++compared_;
  }

  /// Every op that takes any bytes.
  void compare_all(const std::string& name, const Bytes& bytes, const Bytes& mask,
                   std::uint32_t param) {
    const std::size_t length = bytes.size();
    const std::size_t words = length / 4;
    for (std::uint32_t id = 3; id <= 11; ++id) compare(name, static_cast<Op>(id), {bytes}, {4});
    compare(name, Op::mem_fill, {}, {length}, param);
    compare(name, Op::mem_copy, {bytes}, {length + 5}, param % 3 == 0 ? 0 : param);
    compare(name, Op::scan_inclusive_u32, {bytes}, {words * 4 + 3});
    compare(name, Op::scan_exclusive_u32, {bytes}, {words * 4});
    compare(name, Op::histogram_u8, {bytes}, {1'030});
    compare(name, Op::select_u32, {bytes, mask}, {words * 4, 4});
    compare(name, Op::select_u32, {bytes, mask}, {words, 5});
    compare(name, Op::sort_u32, {bytes}, {words * 4 + 2, words * 4});
    compare(name, Op::hash_crc32c, {bytes}, {4});
    compare(name, Op::hash_xxh64, {bytes}, {8}, param);
  }

  std::uint64_t compared_{0};
};

/// Bytes of one of several characters: noise, few values, floats with every special one, one value.
Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  Bytes bytes = test::noise_bytes(count, seed);
  switch (seed % 4) {
    case 0:
      break;
    case 1:
      for (std::uint8_t& b : bytes) b &= 3;
      break;
    case 2: {
      constexpr std::uint32_t kSpecial[]{0x7FC00000, 0xFFA00001, 0x7F800000, 0x80000000,
                                         0x00000000, 0x007FFFFF, 0x80000001, 0x00800000};
      for (std::size_t i = 0; i + 4 <= count; i += 4) {
        std::uint32_t w = load_le<std::uint32_t>(bytes, i);
        w = w % 61 == 0 ? kSpecial[w / 61 % 8] : (w & 0x87FFFFFFu) | 0x38000000u;
        if (seed % 8 == 2 && (w & 0x7F800000u) == 0x7F800000u) w = 1;  // a sum that is no NaN
        std::memcpy(bytes.data() + i, &w, 4);
      }
      break;
    }
    default:
      std::fill(bytes.begin(), bytes.end(), static_cast<std::uint8_t>(seed));
  }
  return bytes;
}

Bytes random_mask(std::size_t count, std::uint64_t seed) {
  Bytes mask = test::noise_bytes(count, seed);
  const unsigned keep_of_eight = seed % 9;
  for (std::uint8_t& b : mask) b = b % 8u < keep_of_eight ? b | 1 : 0;
  return mask;
}

TEST_F(BuiltinDevice, EveryCaseGivesItsExpectedBytesOrFault) {
  std::uint64_t cases = 0;
  test::each_builtin_case([&](const test::BuiltinCase& c) {
    ++cases;
    EXPECT_EQ(run_case(c), "") << c.name;
  });
  std::printf("%llu cases\n", static_cast<unsigned long long>(cases));
  EXPECT_GT(cases, 100u);
}

TEST_F(BuiltinDevice, RandomInputsGiveThePlainFormsBytes) {
  const std::uint64_t only = test::number_from_environment("VYRE_SEED", 0);
  constexpr std::size_t kLengths[]{0,      1,       3,       4,         31,       32,     33,
                                   127,    128,     129,     1'023,     1'024,    1'025,  4'095,
                                   4'096,  4'100,   8'191,   8'196,     65'535,   65'536, 65'537,
                                   65'540, 262'144, 262'148, 1'048'579, 5'242'881};
  std::uint64_t seed = 100;
  for (const std::size_t length : kLengths) {
    for (int round = 0; round < 4; ++round) {
      ++seed;
      if (only != 0 && seed != only) continue;
      const std::string name =
          "VYRE_SEED=" + std::to_string(seed) + ", " + std::to_string(length) + " bytes";
      compare_all(name, random_bytes(length, seed), random_mask(length / 4 + seed % 3, seed),
                  static_cast<std::uint32_t>(seed * 2'654'435'761u));
      if (HasFailure()) return;
    }
  }
  std::printf("%llu compared\n", static_cast<unsigned long long>(compared_));
}

TEST_F(BuiltinDevice, LargeInputsGiveThePlainFormsBytes) {
  constexpr std::size_t kLength{(std::size_t{64} << 20) + 5};
  const Bytes bytes = random_bytes(kLength, 4);
  const std::string name = "64 MiB + 5";
  compare(name, Op::reduce_sum_u32, {bytes}, {4});
  compare(name, Op::reduce_max_i32, {bytes}, {4});
  compare(name, Op::reduce_sum_f32, {random_bytes(kLength, 10)}, {4});
  compare(name, Op::reduce_min_f32, {random_bytes(kLength, 14)}, {4});
  compare(name, Op::scan_inclusive_u32, {bytes}, {kLength});
  compare(name, Op::histogram_u8, {bytes}, {1'024});
  compare(name, Op::select_u32, {bytes, random_mask(kLength / 4, 5)}, {kLength, 4});
  compare(name, Op::sort_u32, {bytes}, {kLength, kLength});
  compare(name, Op::hash_crc32c, {bytes}, {4});
  compare(name, Op::hash_xxh64, {bytes}, {8}, 9);
  compare(name, Op::mem_copy, {bytes}, {kLength});
}

TEST_F(BuiltinDevice, FloatSumsOfManyRowsKeepTheirOrderAcrossChunks) {
  // More than 131,072 rows: a second chunk and a third level.
  constexpr std::size_t kWords{(std::size_t{131'072} + 3) * 1'024 + 17};
  compare("two chunks of rows", Op::reduce_sum_f32, {random_bytes(kWords * 4, 10)}, {4});
}

TEST_F(BuiltinDevice, LiteralsAreFoundWhereverTheTextIsCut) {
  const std::uint64_t only = test::number_from_environment("VYRE_SEED", 0);
  for (std::uint64_t seed = 500; seed < 540; ++seed) {
    if (only != 0 && seed != only) continue;
    std::uint64_t state = seed;
    const auto below = [&state](std::uint64_t n) { return test::noise(state) % n; };
    const unsigned letters = 2 + static_cast<unsigned>(below(12));
    std::vector<Bytes> words(1 + below(seed % 5 == 0 ? 900 : 20));
    for (Bytes& word : words) {
      word.resize(1 + below(seed % 7 == 0 ? 1'024 : 9));
      for (std::uint8_t& b : word) b = static_cast<std::uint8_t>('a' + below(letters));
    }
    Bytes text = test::noise_bytes(below(seed % 3 == 0 ? 3'000'000 : 70'000), seed);
    for (std::uint8_t& b : text) b = static_cast<std::uint8_t>('a' + b % letters);
    // Long words would never occur by chance.
    for (const Bytes& word : words) {
      if (word.size() >= text.size()) continue;
      std::copy(word.begin(), word.end(),
                text.begin() + static_cast<std::ptrdiff_t>(below(text.size() - word.size())));
    }
    const std::vector<ByteSpan> spans(words.begin(), words.end());
    const auto blob = builtin::compile_literals(spans);
    ASSERT_TRUE(blob) << blob.error().message;
    compare("VYRE_SEED=" + std::to_string(seed), Op::match_literals, {text, *blob},
            {16 + below(2) * 13 + 16 * below(text.size() + 100)});
    if (HasFailure()) return;
  }
  std::printf("%llu texts\n", static_cast<unsigned long long>(compared_));
}

TEST_F(BuiltinDevice, DamagedPatternBlobsAreRefusedLikeOnTheHost) {
  const Bytes text = test::noise_bytes(20'000, 3);
  const Bytes blob = test::literals_of({"ab", "abc", "\x01\x02", "zzz", "b"});
  for (std::uint64_t seed = 700; seed < 860; ++seed) {
    std::uint64_t state = seed;
    Bytes damaged = blob;
    const std::size_t from = seed % 2 == 0 ? 0 : 64;
    damaged[from + test::noise(state) % (damaged.size() - from)] ^=
        static_cast<std::uint8_t>(1u << test::noise(state) % 8);
    // Transitions to other states that pass the rules make hits that are not specified.
    std::vector<Bytes> inputs{{}, damaged};
    compare("damage " + std::to_string(seed) + ", empty text", Op::match_literals, inputs, {4'016});
  }
  Bytes all = blob;
  for (std::size_t i = 320; i < all.size(); ++i) all[i] = 0xFF;
  compare("all ones", Op::match_literals, {text, all}, {4'016});
}

}  // namespace
}  // namespace vyre

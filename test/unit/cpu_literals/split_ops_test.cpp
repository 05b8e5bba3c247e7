// Built-in ops in units and in forms of the processor's own against their plain form: equal bytes
// for every length, alignment, offset and room, and nothing behind the outputs.
#include "cpu/backend/split_ops.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "builtin/literals.hpp"
#include "builtin/ops.hpp"
#include "cpu/backend/fast_forms.hpp"
#include "cpu/backend/literal_units.hpp"
#include "gtest/gtest.h"

namespace vyre::cpu {
namespace {

using builtin::Buffer;
using builtin::Op;

constexpr std::size_t kBehind{32};  // guard bytes
constexpr std::uint8_t kUntouched{0xA5};

Bytes random_bytes_of(std::mt19937& random, std::size_t count) {
  Bytes bytes(count + 3);
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    const std::uint32_t word = random();
    std::memcpy(bytes.data() + i, &word, std::min<std::size_t>(4, bytes.size() - i));
  }
  bytes.resize(count);
  return bytes;
}

/// An item's buffers at some distance from an aligned place, with guards behind the outputs.
struct Item {
  Op op;
  std::uint32_t param{0};
  std::vector<Bytes> in;
  std::vector<std::size_t> out_bytes;
  std::size_t offset{0};
};

struct Done {
  FaultCode fault{FaultCode::none};
  std::vector<Bytes> out;  // guards included
};

template <class Run>
Done done_by(const Item& item, const Run& run) {
  std::vector<Bytes> in;
  std::vector<Buffer> inputs;
  std::vector<Buffer> outputs;
  Done done;
  std::uint32_t handle = 1;
  for (const Bytes& bytes : item.in) {
    in.emplace_back(item.offset, std::uint8_t{0});
    in.back().insert(in.back().end(), bytes.begin(), bytes.end());
  }
  for (const std::size_t bytes : item.out_bytes)
    done.out.emplace_back(item.offset + bytes + kBehind, kUntouched);
  for (Bytes& bytes : in)
    inputs.push_back({bytes.data() + item.offset, bytes.size() - item.offset, handle++, true});
  for (std::size_t i = 0; i < done.out.size(); ++i)
    outputs.push_back({done.out[i].data() + item.offset, item.out_bytes[i], handle++, false});
  done.fault = run(inputs, outputs);
  return done;
}

Done plainly(const Item& item) {
  return done_by(item, [&](auto& inputs, auto& outputs) {
    return builtin::run(static_cast<std::uint32_t>(item.op), inputs, outputs, item.param);
  });
}

/// The units of each phase from the last to the first: what may run in any order.
void run_backwards(SplitOp& op) {
  for (std::uint32_t phase = 0; phase < op.phases(); ++phase) {
    for (std::uint64_t unit = op.units(phase); unit-- > 0;) op.run(phase, unit);
  }
  op.finish();
}

Done in_units(const Item& item) {
  return done_by(item, [&](auto& inputs, auto& outputs) {
    const auto op = split(item.op, inputs, outputs, item.param, 2);
    if (op == nullptr) return FaultCode::unknown_op;
    run_backwards(*op);
    return FaultCode::none;
  });
}

void expect_the_same(const Item& item) {
  const Done want = plainly(item);
  const Done have = in_units(item);
  ASSERT_EQ(want.fault, FaultCode::none);
  ASSERT_EQ(have.fault, FaultCode::none);
  ASSERT_TRUE(have.out == want.out) << "op " << static_cast<std::uint32_t>(item.op) << ", "
                                    << item.in[0].size() << " bytes, offset " << item.offset;
}

std::vector<std::size_t> lengths_to_cut(std::mt19937& random) {
  std::vector<std::size_t> lengths{kSplitBytes, kSplitBytes + 1, kSplitBytes + 4,
                                   (std::size_t{4} << 20) + 4, (std::size_t{4} << 20) + 4100};
  lengths.push_back(kSplitBytes + random() % kSplitBytes);
  return lengths;
}

TEST(SplitOps, OfOneOutputGiveWhatThePlainFormGives) {
  std::mt19937 random(11);
  for (const std::size_t bytes : lengths_to_cut(random)) {
    const Bytes noise = random_bytes_of(random, bytes);
    const std::size_t offset = random() % 65;
    for (std::uint32_t id = 3; id <= 11; ++id) {
      expect_the_same({static_cast<Op>(id), 0, {noise}, {4}, offset});
    }
    expect_the_same({Op::scan_inclusive_u32, 0, {noise}, {bytes}, offset});
    expect_the_same({Op::scan_exclusive_u32, 0, {noise}, {bytes + 8}, offset});
    expect_the_same({Op::histogram_u8, 0, {noise}, {1024}, offset});
    expect_the_same({Op::hash_crc32c, 0, {noise}, {4}, offset});
  }
}

TEST(SplitOps, OfFloatsKeepTheirOrderForNanAndZerosToo) {
  std::mt19937 random(12);
  Bytes values = random_bytes_of(random, (std::size_t{8} << 20) + 4 * 1500);
  const std::uint32_t odd[] = {0x7FC00000, 0xFF800001, 0x80000000, 0x00000001, 0x7F800000};
  for (std::size_t at = 0; at + 4 <= values.size(); at += 4) {
    std::uint32_t word = 0x3F000000u | (random() & 0x80FFFFFFu);
    if (random() % 100'000 == 0) word = odd[1 + random() % 3];
    std::memcpy(values.data() + at, &word, 4);
  }
  for (std::uint32_t id = 9; id <= 11; ++id)
    expect_the_same({static_cast<Op>(id), 0, {values}, {4}, 4});
  for (std::size_t at = 0; at + 4 <= values.size(); at += 4)
    std::memcpy(values.data() + at, &odd[0], 4);  // nothing but NaN
  for (std::uint32_t id = 9; id <= 11; ++id)
    expect_the_same({static_cast<Op>(id), 0, {values}, {4}, 0});
}

TEST(SplitOps, OfMemoryMoveEveryByteAndNoOther) {
  std::mt19937 random(13);
  const std::size_t bytes = (std::size_t{16} << 20) + 5;
  const Bytes noise = random_bytes_of(random, bytes);
  for (const std::size_t offset : {std::size_t{0}, std::size_t{13}}) {
    expect_the_same({Op::mem_copy, 0, {noise}, {bytes}, offset});
    expect_the_same({Op::mem_copy, 3'000'001, {noise}, {bytes}, offset});
    expect_the_same({Op::mem_copy, 0, {noise}, {0}, offset});
    const Item fill{Op::mem_fill, 0x01020304, {}, {bytes}, offset};
    ASSERT_TRUE(in_units(fill).out == plainly(fill).out);
  }
}

TEST(SplitOps, SelectKeepsOrderAndCountsWhatDoesNotFit) {
  std::mt19937 random(14);
  for (const std::uint32_t one_of : {1u, 2u, 50u, 1'000'000'000u}) {
    const std::size_t words = (kSplitBytes + random() % kSplitBytes) / 4;
    Bytes mask(words - random() % 3);
    for (auto& byte : mask)
      byte = random() % one_of == 0 ? static_cast<std::uint8_t>(1 + random() % 255) : 0;
    const Bytes values = random_bytes_of(random, words * 4);
    for (const std::size_t room : {words * 4, words + 3, std::size_t{0}}) {
      expect_the_same({Op::select_u32, 0, {values, mask}, {room, 4}, random() % 65});
    }
  }
}

TEST(SplitOps, SortIsAscendingAndItsWorkIsStableByTheLowBits) {
  std::mt19937 random(19);
  for (const std::uint32_t mask : {0xFFFF'FFFFu, 0x0000'00F0u, 0xFF00'0001u, 0u}) {
    const std::size_t bytes = kSplitBytes + random() % kSplitBytes;
    Bytes keys = random_bytes_of(random, bytes);
    for (std::size_t at = 0; at + 4 <= bytes; at += 4) {
      const std::uint32_t key = load_le<std::uint32_t>(keys, at) & mask;
      std::memcpy(keys.data() + at, &key, 4);
    }
    expect_the_same({Op::sort_u32, 0, {keys}, {bytes, bytes + 12}, random() % 65});
  }
}

TEST(SplitOps, ShortBuffersAndChainsAreNotCut) {
  const Bytes bytes(kSplitBytes - 1);
  EXPECT_EQ(in_units({Op::hash_crc32c, 0, {bytes}, {4}}).fault, FaultCode::unknown_op);
  EXPECT_EQ(in_units({Op::hash_xxh64, 0, {Bytes(kSplitBytes)}, {8}}).fault, FaultCode::unknown_op);
  Bytes large(kSplitBytes);
  Bytes sums(kSplitBytes);
  const std::array in{Buffer{large.data(), large.size(), 1, true}};
  const std::array out{Buffer{sums.data(), sums.size(), 2, false}};
  EXPECT_EQ(split(Op::scan_inclusive_u32, in, out, 0, 1), nullptr) << "one pass, not two";
  EXPECT_NE(split(Op::scan_inclusive_u32, in, out, 0, 2), nullptr);
}

TEST(FastForms, Crc32cIsThePlainOneForEveryLengthAndOffset) {
  std::mt19937 random(15);
  const Bytes noise = random_bytes_of(random, 40'000);
  const auto same = [&](std::size_t offset, std::size_t bytes) {
    const Bytes part(noise.begin() + static_cast<std::ptrdiff_t>(offset),
                     noise.begin() + static_cast<std::ptrdiff_t>(offset + bytes));
    std::uint32_t want = 0;
    const Done done = plainly({Op::hash_crc32c, 0, {part}, {4}});
    std::memcpy(&want, done.out[0].data(), 4);
    ASSERT_EQ(crc32c({noise.data() + offset, bytes}), want) << offset << ' ' << bytes;
  };
  for (std::size_t offset = 0; offset <= 64; ++offset) {
    for (const std::size_t edge : {0, 8, 256, 768, 1536, 12'288, 24'576}) {
      same(offset, edge);
      same(offset, edge + random() % 600);
    }
    same(offset, random() % 39'000);
  }
}

TEST(FastForms, Crc32cOfTwoPartsIsThatOfBoth) {
  std::mt19937 random(16);
  for (int round = 0; round < 200; ++round) {
    const Bytes bytes = random_bytes_of(random, random() % 5'000);
    const std::size_t cut = bytes.empty() ? 0 : random() % (bytes.size() + 1);
    const ByteSpan all(bytes);
    EXPECT_EQ(crc32c_of_both(crc32c(all.first(cut)), crc32c(all.subspan(cut)), bytes.size() - cut),
              crc32c(all));
  }
}

TEST(FastForms, ACopyPastTheCachesMovesEveryByteAndNoOther) {
  std::mt19937 random(18);
  const Bytes from = random_bytes_of(random, 60'000);
  for (int round = 0; round < 500; ++round) {
    const std::size_t bytes = random() % (round % 2 == 0 ? 50'000 : 200);
    const std::size_t source = random() % 65;
    const std::size_t target = random() % 65;
    Bytes want(50'200, kUntouched);
    Bytes have = want;
    std::memcpy(want.data() + target, from.data() + source, bytes);
    copy_past_caches(have.data() + target, from.data() + source, bytes);
    ASSERT_TRUE(have == want) << bytes << " bytes from " << source << " to " << target;
  }
}

TEST(FastForms, SelectIsThePlainOneAndLeavesWhatItDoesNotKeep) {
  std::mt19937 random(17);
  for (int round = 0; round < 400; ++round) {
    const std::size_t words = random() % 3'000;
    const std::uint32_t one_of = 1 + random() % 5;
    Bytes mask(words);
    for (auto& byte : mask) byte = random() % one_of == 0 ? 0x80 : 0;
    const std::size_t room = random() % 2 == 0 ? words * 4 : random() % (words * 4 + 1);
    const Item item{
        Op::select_u32, 0, {random_bytes_of(random, words * 4), mask}, {room, 4}, random() % 65};
    const Done want = plainly(item);
    const Done have = done_by(item, [](auto& inputs, auto& outputs) {
      const auto kept = static_cast<std::uint32_t>(select_words(
          inputs[0].data, inputs[1].data, inputs[1].bytes, outputs[0].data, outputs[0].bytes / 4));
      std::memcpy(outputs[1].data, &kept, sizeof kept);
      return FaultCode::none;
    });
    ASSERT_TRUE(have.out == want.out) << words << " words, room for " << room << " bytes";
  }
}

Bytes blob_of_words(const std::vector<std::string>& words) {
  std::vector<ByteSpan> spans;
  for (const std::string& word : words)
    spans.emplace_back(reinterpret_cast<const std::uint8_t*>(word.data()), word.size());
  return builtin::compile_literals(spans, {false}).value();
}

/// What the units of a search come to, and whether they gave up.
Done searched(const Item& item, bool& gave_up) {
  return done_by(item, [&](auto& inputs, auto& outputs) {
    const auto op = LiteralUnits::of(inputs, outputs, nullptr, {});
    if (op == nullptr) return FaultCode::unknown_op;
    run_backwards(*op);
    gave_up = op->gave_up();
    return op->fault();
  });
}

TEST(LiteralUnits, GiveTheHitsOfTheWholeTextOnceAndInTheirOrder) {
  constexpr std::size_t kUnit{std::size_t{1} << 20};
  const std::string word = "needle in the hay";
  const Bytes blob = blob_of_words({word, "le in", "needle", "hay", "y"});
  Bytes text(2 * kUnit + 12'345, '.');
  const auto place = [&](std::size_t at) {
    std::copy(word.begin(), word.end(), text.begin() + at);
  };
  for (std::size_t unit = 1; unit <= 2; ++unit) {
    // The end of the word lies from one byte before the cut to a word behind it.
    for (std::size_t k = 0; k <= word.size(); ++k) place(unit * kUnit - k - 1 - 40 * (k % 2));
    for (std::size_t k = 0; k < 300; ++k) place((unit - 1) * kUnit + 1'000 + 3'001 * k);
  }
  place(text.size() - word.size());
  for (const std::size_t room :
       {std::size_t{16}, std::size_t{16} + 16 * 700, std::size_t{1} << 20}) {
    const Item item{Op::match_literals, 0, {text, blob}, {room}, room % 7};
    bool gave_up = true;
    const Done have = searched(item, gave_up);
    EXPECT_FALSE(gave_up);
    EXPECT_EQ(have.fault, FaultCode::none);
    EXPECT_TRUE(have.out == plainly(item).out) << room;
  }
}

TEST(LiteralUnits, GiveUpWithoutWritingWhereHitsAreManyAndRefuseWhatThePlainFormRefuses) {
  Bytes text(kSplitBytes + 5, 'a');
  Item item{Op::match_literals, 0, {text, blob_of_words({"a", "aa"})}, {4'096}, 0};
  bool gave_up = false;
  const Done dense = searched(item, gave_up);
  EXPECT_TRUE(gave_up);
  EXPECT_TRUE(std::all_of(dense.out[0].begin(), dense.out[0].end(),
                          [](std::uint8_t byte) { return byte == kUntouched; }));
  // A transition to a state that is not there.
  Bytes& blob = item.in[1];
  blob[320 + 3] = 0x7F;
  EXPECT_EQ(searched(item, gave_up).fault, FaultCode::bad_binding);
  EXPECT_EQ(plainly(item).fault, FaultCode::bad_binding);
  item.in[0].resize(kSplitBytes - 1);
  EXPECT_EQ(searched(item, gave_up).fault, FaultCode::unknown_op) << "short texts are not cut";
}

}  // namespace
}  // namespace vyre::cpu

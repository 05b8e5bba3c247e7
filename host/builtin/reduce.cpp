// Reductions. Integers in any order; f32 in the order of docs/ops.md, "The order of f32
// reductions", with one row of memory a round: rounds run interleaved, not one after the other.
#include <array>
#include <limits>

#include "builtin/twins.hpp"
#include "core/f32.hpp"

namespace vyre::builtin {
namespace {

namespace f32 = core::f32;

constexpr std::uint32_t kRow{1'024};
constexpr std::size_t kRounds{7};  // 1,024^7 words are more than 2^64 bytes

template <class T, class Op>
bool reduce_integers(ByteSpan in, MutableByteSpan out, T none, const Op& op, const Stop& stop) {
  T result = none;
  const bool ended = in_pieces(in.size() / 4, kPieceBytes / 4, stop, [&](auto begin, auto end) {
    for (std::uint64_t i = begin; i < end; ++i)
      result = op(result, static_cast<T>(word_at(in.data(), i)));
  });
  put_word(out.data(), 0, static_cast<std::uint32_t>(result));
  return ended;
}

template <class Op>
class Folder {
 public:
  /// `neutral` fills rows up, and is the result of nothing at all unless `none` is.
  Folder(float neutral, Op op) : neutral_(neutral), op_(op) {}

  void add(float value, std::size_t round = 0) noexcept {
    Row& row = rows_[round];
    row.values[row.count++] = value;
    if (row.count == kRow) add(fold(row), round + 1);
  }
  /// To be called once, after at least one add().
  [[nodiscard]] float result() noexcept {
    // Rows that are left are the last of their round. A row of a single value folds to that
    // value, so going through all the rounds changes nothing.
    for (std::size_t round = 0; round + 1 < kRounds; ++round) {
      if (rows_[round].count != 0) add(fold(rows_[round]), round + 1);
    }
    return fold(rows_[kRounds - 1]);
  }

 private:
  struct Row {
    std::uint32_t count{0};
    std::array<float, kRow> values;
  };

  [[nodiscard]] float fold(Row& row) const noexcept {
    float* v = row.values.data();
    std::fill(v + row.count, v + kRow, neutral_);
    row.count = 0;
    for (std::uint32_t h = kRow / 2; h != 0; h /= 2) {
      for (std::uint32_t i = 0; i < h; ++i) v[i] = op_(v[i], v[i + h]);
    }
    return v[0];
  }

  float neutral_;
  Op op_;
  std::array<Row, kRounds> rows_;
};

template <class Op>
bool reduce_floats(ByteSpan in, MutableByteSpan out, std::uint32_t none, std::uint32_t neutral,
                   bool skip_nan, const Op& op, const Stop& stop) {
  const std::uint64_t words = in.size() / 4;
  if (words == 0) {
    put_word(out.data(), 0, none);
    return true;
  }
  const float filling = f32::from_bits(neutral);
  Folder<Op> folder(filling, op);
  const bool ended = in_pieces(words, kPieceBytes / 4, stop, [&](auto begin, auto end) {
    for (std::uint64_t i = begin; i < end; ++i) {
      const float value = f32::from_bits(f32::canonical_bits(word_at(in.data(), i)));
      folder.add(skip_nan && f32::is_nan(value) ? filling : value);
    }
  });
  if (ended) put_word(out.data(), 0, f32::to_bits(folder.result()));
  return ended;
}

}  // namespace

bool reduce(Op op, ByteSpan in, MutableByteSpan out, const Stop& stop) noexcept {
  using U = std::uint32_t;
  using I = std::int32_t;
  constexpr std::uint32_t kNegativeZero{f32::kSignBit};
  constexpr std::uint32_t kNegativeInf{f32::kSignBit | f32::kInfBits};
  const auto sum = [](U a, U b) { return a + b; };
  const auto least = [](auto a, auto b) { return std::min(a, b); };
  const auto greatest = [](auto a, auto b) { return std::max(a, b); };
  switch (op) {
    case Op::reduce_sum_u32:
    case Op::reduce_sum_i32:
      return reduce_integers<U>(in, out, 0, sum, stop);
    case Op::reduce_min_u32:
      return reduce_integers<U>(in, out, std::numeric_limits<U>::max(), least, stop);
    case Op::reduce_max_u32:
      return reduce_integers<U>(in, out, 0, greatest, stop);
    case Op::reduce_min_i32:
      return reduce_integers<I>(in, out, std::numeric_limits<I>::max(), least, stop);
    case Op::reduce_max_i32:
      return reduce_integers<I>(in, out, std::numeric_limits<I>::min(), greatest, stop);
    case Op::reduce_sum_f32:
      return reduce_floats(
          in, out, 0, kNegativeZero, false, [](float a, float b) { return f32::add(a, b); }, stop);
    case Op::reduce_min_f32:
      return reduce_floats(
          in, out, f32::kInfBits, f32::kInfBits, true,
          [](float a, float b) { return f32::min(a, b); }, stop);
    default:
      return reduce_floats(
          in, out, kNegativeInf, kNegativeInf, true,
          [](float a, float b) { return f32::max(a, b); }, stop);
  }
}

}  // namespace vyre::builtin

// See catalogue.hpp.
#include "builtin/catalogue.hpp"

namespace vyre::builtin {
namespace {

constexpr BufferText kNoBuffer{};
constexpr BufferText kBytes{"bytes", Holds::bytes};
constexpr BufferText kU32{"numbers", Holds::u32};
constexpr BufferText kI32{"numbers", Holds::i32};
constexpr BufferText kF32{"numbers", Holds::f32};

constexpr OpText reduction(const char* meaning, const BufferText& numbers) {
  return {meaning, "", {numbers, kNoBuffer}, {{"result", numbers.holds}, kNoBuffer}};
}

constexpr OpText kNop{"Does nothing.", "", {kNoBuffer, kNoBuffer}, {kNoBuffer, kNoBuffer}};
constexpr OpText kFill{"Fills the target with the four bytes of param, again and again.",
                       "the pattern, four bytes, the lowest first",
                       {kNoBuffer, kNoBuffer},
                       {{"target", Holds::bytes}, kNoBuffer}};
constexpr OpText kCopy{"Copies the source to the beginning of the target.",
                       "the most bytes that are copied; 0: all of them",
                       {{"source", Holds::bytes}, kNoBuffer},
                       {{"target", Holds::bytes}, kNoBuffer}};
constexpr OpText kSumU32{reduction("Adds the numbers, modulo 2^32.", kU32)};
constexpr OpText kMinU32{reduction("Finds the least number.", kU32)};
constexpr OpText kMaxU32{reduction("Finds the greatest number.", kU32)};
constexpr OpText kSumI32{reduction("Adds the numbers, modulo 2^32.", kI32)};
constexpr OpText kMinI32{reduction("Finds the least number.", kI32)};
constexpr OpText kMaxI32{reduction("Finds the greatest number.", kI32)};
constexpr OpText kSumF32{reduction("Adds the numbers in an order that is fixed.", kF32)};
constexpr OpText kMinF32{reduction("Finds the least number; NaN is passed over.", kF32)};
constexpr OpText kMaxF32{reduction("Finds the greatest number; NaN is passed over.", kF32)};
constexpr OpText kInclusive{"Number i of the sums adds the numbers 0 to i, modulo 2^32.",
                            "",
                            {kU32, kNoBuffer},
                            {{"sums", Holds::u32}, kNoBuffer}};
constexpr OpText kExclusive{"Number i of the sums adds the numbers before i, modulo 2^32.",
                            "",
                            {kU32, kNoBuffer},
                            {{"sums", Holds::u32}, kNoBuffer}};
constexpr OpText kHistogram{"Counts how often each of the 256 values of a byte occurs.",
                            "",
                            {kBytes, kNoBuffer},
                            {{"counts", Holds::u32}, kNoBuffer}};
constexpr OpText kSelect{"Keeps each number whose byte of the mask is not 0.",
                         "",
                         {{"values", Holds::u32}, {"mask", Holds::bytes}},
                         {{"kept", Holds::u32}, {"count", Holds::u32}}};
constexpr OpText kSort{"Sorts the numbers, the least first; work is scratch that it needs.",
                       "",
                       {kU32, kNoBuffer},
                       {{"sorted", Holds::u32}, {"work", Holds::u32}}};
constexpr OpText kCrc32c{"Computes the CRC-32C (Castagnoli) of the bytes.",
                         "",
                         {kBytes, kNoBuffer},
                         {{"result", Holds::u32}, kNoBuffer}};
constexpr OpText kXxh{"Computes the XXH64 of the bytes.",
                      "the seed",
                      {kBytes, kNoBuffer},
                      {{"result", Holds::u64}, kNoBuffer}};
constexpr OpText kMatch{"Finds every place where one of many literals occurs.",
                        "",
                        {{"text", Holds::bytes}, {"patterns", Holds::bytes}},
                        {{"hits", Holds::bytes}, kNoBuffer}};

constexpr const OpText* find(Op op) noexcept {
  switch (op) {
    case Op::nop:
      return &kNop;
    case Op::mem_fill:
      return &kFill;
    case Op::mem_copy:
      return &kCopy;
    case Op::reduce_sum_u32:
      return &kSumU32;
    case Op::reduce_min_u32:
      return &kMinU32;
    case Op::reduce_max_u32:
      return &kMaxU32;
    case Op::reduce_sum_i32:
      return &kSumI32;
    case Op::reduce_min_i32:
      return &kMinI32;
    case Op::reduce_max_i32:
      return &kMaxI32;
    case Op::reduce_sum_f32:
      return &kSumF32;
    case Op::reduce_min_f32:
      return &kMinF32;
    case Op::reduce_max_f32:
      return &kMaxF32;
    case Op::scan_inclusive_u32:
      return &kInclusive;
    case Op::scan_exclusive_u32:
      return &kExclusive;
    case Op::histogram_u8:
      return &kHistogram;
    case Op::select_u32:
      return &kSelect;
    case Op::sort_u32:
      return &kSort;
    case Op::hash_crc32c:
      return &kCrc32c;
    case Op::hash_xxh64:
      return &kXxh;
    case Op::match_literals:
      return &kMatch;
  }
  return nullptr;
}

constexpr std::uint32_t named(const BufferText (&buffers)[kMaxOpBuffers]) noexcept {
  std::uint32_t count = 0;
  for (const BufferText& buffer : buffers) count += buffer.name != nullptr ? 1 : 0;
  return count;
}

#define VYRE_BUILTIN_OP(id, symbol, name, input_buffers, output_buffers, meaning) \
  static_assert(named(find(Op::symbol)->inputs) == (input_buffers) &&             \
                named(find(Op::symbol)->outputs) == (output_buffers));
#include "protocol/op_table.def"

}  // namespace

const OpText* text_of(std::uint32_t id) noexcept {
  return is_op(id) ? find(static_cast<Op>(id)) : nullptr;
}

}  // namespace vyre::builtin

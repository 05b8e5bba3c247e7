// Sine to logarithm: special values, error against values computed with many digits, dense samples
// against the C library in extended precision, and the same bits on every machine and compiler.
#include "core/f32_transcendental.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace vyre {
namespace {

namespace f32 = core::f32;

constexpr double kUlpBound{0.501};
constexpr std::uint32_t kInf{0x7F800000u};
constexpr std::uint32_t kMinusInf{0xFF800000u};
constexpr std::uint32_t kNan{0x7FC00000u};

struct Function {
  const char* name;
  float (*ours)(float);
  long double (*library)(long double);
};
// clang-format off
#define VYRE_FUNCTION(name)                                                   \
  Function {                                                                  \
    #name, [](float x) { return f32::name(x); },                              \
        [](long double x) { return static_cast<long double>(std::name(x)); }  \
  }
// clang-format on
const Function kFunctions[]{
    VYRE_FUNCTION(sin),  VYRE_FUNCTION(cos),  VYRE_FUNCTION(tan),  VYRE_FUNCTION(asin),
    VYRE_FUNCTION(acos), VYRE_FUNCTION(atan), VYRE_FUNCTION(sinh), VYRE_FUNCTION(cosh),
    VYRE_FUNCTION(tanh), VYRE_FUNCTION(exp),  VYRE_FUNCTION(exp2), VYRE_FUNCTION(log),
    VYRE_FUNCTION(log2),
};
#undef VYRE_FUNCTION

/// Units in the last place of the exact value's own binade; 0 where both are the same infinity, NaN
/// or flushed zero.
double error_in_ulp(float ours, long double exact) {
  const float rounded = f32::canonical(static_cast<float>(exact));
  if (f32::to_bits(rounded) == f32::to_bits(ours) && (rounded == 0.0f || !std::isfinite(rounded))) {
    return 0.0;
  }
  if (!std::isfinite(ours) || !std::isfinite(rounded)) {
    return std::numeric_limits<double>::infinity();
  }
  int exponent = 0;
  std::frexp(exact, &exponent);
  const long double ulp = std::ldexp(1.0L, std::max(exponent, -125) - 24);
  return static_cast<double>(std::fabs(static_cast<long double>(ours) - exact) / ulp);
}

const Function* find(const std::string& name) {
  for (const Function& f : kFunctions) {
    if (name == f.name) return &f;
  }
  return nullptr;
}

TEST(Transcendental, StaysWithinHalfAnUlpOfTheExactValues) {
  std::ifstream golden(VYRE_SOURCE_DIR "/test/unit/core_f32/golden.txt");
  ASSERT_TRUE(golden);
  std::string line;
  int lines = 0;
  while (std::getline(golden, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::string name;
    std::string bits;
    std::string value;
    fields >> name >> bits >> value;
    const Function* f = find(name);
    ASSERT_NE(f, nullptr) << line;
    const float x = f32::from_bits(static_cast<std::uint32_t>(std::stoul(bits, nullptr, 16)));
    // 1e4900 and the like are infinities and zeros, which is what they are in f32 too.
    const long double exact = std::strtold(value.c_str(), nullptr);
    EXPECT_LE(error_in_ulp(f->ours(x), exact), kUlpBound) << line;
    ++lines;
  }
  EXPECT_GT(lines, 2000);
}

TEST(Transcendental, StaysWithinHalfAnUlpOnDenseSamples) {
  for (const Function& f : kFunctions) {
    double worst = 0;
    std::uint32_t worst_at = 0;
    for (std::uint64_t b = 0; b < (std::uint64_t{1} << 32); b += 65'521) {
      const float x = f32::canonical(f32::from_bits(static_cast<std::uint32_t>(b)));
      const double error = error_in_ulp(f.ours(x), f.library(static_cast<long double>(x)));
      if (error > worst) {
        worst = error;
        worst_at = f32::to_bits(x);
      }
    }
    EXPECT_LE(worst, kUlpBound) << f.name << " at " << std::hex << worst_at;
  }
}

struct Special {
  const char* name;
  std::uint32_t x;
  std::uint32_t result;
};
constexpr Special kSpecials[]{
    {"sin", 0x00000000u, 0x00000000u},
    {"sin", 0x80000000u, 0x80000000u},
    {"sin", kInf, kNan},
    {"sin", kMinusInf, kNan},
    {"sin", kNan, kNan},
    {"cos", 0x80000000u, 0x3F800000u},
    {"cos", kInf, kNan},
    {"tan", 0x80000000u, 0x80000000u},
    {"tan", kMinusInf, kNan},
    {"asin", 0x80000000u, 0x80000000u},
    {"asin", 0x3F800001u, kNan},
    {"asin", 0xBF800001u, kNan},
    {"asin", kNan, kNan},
    {"asin", kInf, kNan},
    {"acos", 0x3F800000u, 0x00000000u},
    {"acos", 0x3F800001u, kNan},
    {"acos", kMinusInf, kNan},
    {"atan", 0x80000000u, 0x80000000u},
    {"atan", kInf, 0x3FC90FDBu},
    {"atan", kMinusInf, 0xBFC90FDBu},
    {"atan", kNan, kNan},
    {"sinh", 0x80000000u, 0x80000000u},
    {"sinh", kInf, kInf},
    {"sinh", kMinusInf, kMinusInf},
    {"cosh", 0x80000000u, 0x3F800000u},
    {"cosh", kMinusInf, kInf},
    {"cosh", kNan, kNan},
    {"tanh", 0x80000000u, 0x80000000u},
    {"tanh", kInf, 0x3F800000u},
    {"tanh", kMinusInf, 0xBF800000u},
    {"exp", 0x80000000u, 0x3F800000u},
    {"exp", kInf, kInf},
    {"exp", kMinusInf, 0x00000000u},
    {"exp", kNan, kNan},
    {"exp2", kInf, kInf},
    {"exp2", kMinusInf, 0x00000000u},
    {"exp2", 0x40400000u, 0x41000000u},
    {"exp2", 0xC2FC0000u, 0x00800000u},
    {"exp2", 0xC2FE0000u, 0x00000000u},
    {"exp2", 0x43000000u, kInf},
    {"log", 0x00000000u, kMinusInf},
    {"log", 0x80000000u, kMinusInf},
    {"log", 0xBF800000u, kNan},
    {"log", kInf, kInf},
    {"log", kMinusInf, kNan},
    {"log", 0x3F800000u, 0x00000000u},
    {"log", kNan, kNan},
    {"log2", 0x00000000u, kMinusInf},
    {"log2", 0x41000000u, 0x40400000u},
    {"log2", 0x00800000u, 0xC2FC0000u},
    {"log2", 0x3F800000u, 0x00000000u},
    {"log2", 0x80800000u, kNan},
    {"log2", kInf, kInf},
};

TEST(Transcendental, GivesTheSpecialValues) {
  for (const Special& s : kSpecials) {
    EXPECT_EQ(f32::to_bits(find(s.name)->ours(f32::from_bits(s.x))), s.result)
        << s.name << " of " << std::hex << s.x;
  }
}

/// FNV-1a over the results of 2^16 arguments spread over all patterns. The sums were made once and
/// must come out on every machine, with every compiler and optimisation level: that is the promise
/// of the header.
std::uint64_t fingerprint(const Function& f) {
  std::uint64_t sum = 0xCBF29CE484222325u;
  for (std::uint64_t b = 0; b < (std::uint64_t{1} << 32); b += 65'519) {
    const float x = f32::canonical(f32::from_bits(static_cast<std::uint32_t>(b)));
    sum = (sum ^ f32::to_bits(f.ours(x))) * 0x100000001B3u;
  }
  return sum;
}

TEST(Transcendental, GivesTheSameBitsOnEveryMachine) {
  const std::pair<const char*, std::uint64_t> kSums[]{
#include "fingerprints.inc"
  };
  for (const auto& [name, sum] : kSums) {
    EXPECT_EQ(fingerprint(*find(name)), sum)
        << "{\"" << name << "\", 0x" << std::hex << fingerprint(*find(name)) << "u},";
  }
}

}  // namespace
}  // namespace vyre

// A stream of choices: from a seed, or from a fuzzer's bytes (zeros when they run out). Test
// support, host only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <iterator>

#include "base/bytes.hpp"

namespace vyre::test {

class Choice {
 public:
  explicit Choice(std::uint64_t seed) : state_(seed) {}
  explicit Choice(ByteSpan bytes) : bytes_(bytes), from_bytes_(true) {}

  /// splitmix64, or the next bytes.
  std::uint64_t next() {
    if (from_bytes_) {
      std::uint64_t value = 0;
      for (int i = 0; i < 2 && at_ < bytes_.size(); ++i) value = value << 8 | bytes_[at_++];
      return value;
    }
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }
  /// 0 <= result < bound; bound > 0.
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(next() % bound); }
  std::uint32_t word() {
    const auto high = static_cast<std::uint32_t>(next());
    return from_bytes_ ? high << 16 | static_cast<std::uint32_t>(next()) : high;
  }
  bool one_in(std::uint32_t n) { return below(n) == n - 1; }
  template <class T>
  T of(std::initializer_list<T> list) {
    return *std::next(list.begin(), below(static_cast<std::uint32_t>(list.size())));
  }
  [[nodiscard]] bool exhausted() const { return from_bytes_ && at_ >= bytes_.size(); }

 private:
  std::uint64_t state_{0};
  ByteSpan bytes_;
  std::size_t at_{0};
  bool from_bytes_{false};
};

/// A number from the environment, or the default.
[[nodiscard]] inline std::uint64_t number_from_environment(const char* name,
                                                           std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

}  // namespace vyre::test

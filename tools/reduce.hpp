// How the outputs of a file's chunks become those of the file, and those of files the total.
// Main thread. Spec: docs/chunks.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "format.hpp"

namespace vyre::cli {

enum class Reduce : std::uint8_t { none, sum, sum32, min, max, bit_or, concat };

/// sum, min, max, or, concat, none; sum32 is the rule of some built-in ops and has no name.
[[nodiscard]] std::optional<Reduce> reduce_of(std::string_view name);

[[nodiscard]] std::string_view reduce_name(Reduce rule);

/// Why elements of this type (VYRE_ELEMENT_...) cannot be put together by the rule; empty: they
/// can.
[[nodiscard]] std::string why_not_reduced(Reduce rule, std::uint32_t element);

/// How the result of the rule is shown, where outputs themselves are shown so: sums have 64 bits.
/// invalid_argument: the format has no form for them.
[[nodiscard]] Result<Format> format_of_reduced(Reduce rule, std::uint32_t element, Format format);

/// One output, put together of parts that come in order.
class Reduction {
 public:
  /// `most_bytes`: what it may hold.
  Reduction(Reduce rule, std::uint32_t element, std::uint64_t most_bytes)
      : rule_(rule), element_(element), most_bytes_(most_bytes) {}

  [[nodiscard]] Status add(ByteSpan part);
  /// Another of the same kind, whose parts come behind these.
  [[nodiscard]] Status add(const Reduction& other);
  /// Of a sum, 64 bits an element.
  [[nodiscard]] const Bytes& result() const { return held_; }

 private:
  [[nodiscard]] Status fold(ByteSpan part, bool widened);

  Reduce rule_;
  std::uint32_t element_;
  std::uint64_t most_bytes_;
  bool begun_{false};
  Bytes held_;
};

}  // namespace vyre::cli

// match.literals: checks a pattern blob, then walks the text through its automaton.
// Rules and bytes: docs/ops.md, "match.literals".
#include <array>

#include "twins.hpp"
#include "vyre/native/literals_layout.hpp"

namespace vyre::native {
namespace {

/// A blob whose rules hold. Words are read in place: buffers have any alignment.
class Automaton {
 public:
  /// False if a rule is broken; then nothing else may be called.
  [[nodiscard]] bool open(ByteSpan blob) noexcept {
    if (blob.size() < sizeof(LiteralsHeader)) return false;
    std::memcpy(&header_, blob.data(), sizeof header_);
    if (!literals_header_holds(header_, blob.size())) return false;
    const LiteralsSections at = literals_sections(header_);
    classes_ = blob.data() + at.classes;
    transitions_ = blob.data() + at.transitions;
    first_ = blob.data() + at.first;
    outputs_ = blob.data() + at.outputs;
    lengths_ = blob.data() + at.lengths;
    return classes_hold() && outputs_hold() && transitions_hold() && lengths_hold();
  }

  /// The transition word for a byte met in `state`.
  [[nodiscard]] std::uint32_t step(std::uint32_t state, std::uint8_t byte) const noexcept {
    return word_at(transitions_, std::uint64_t{state} * header_.classes + classes_[byte]);
  }
  [[nodiscard]] std::uint32_t first(std::uint32_t state) const noexcept {
    return word_at(first_, state);
  }
  [[nodiscard]] std::uint32_t pattern(std::uint32_t output) const noexcept {
    return word_at(outputs_, output);
  }
  [[nodiscard]] std::uint32_t length(std::uint32_t pattern) const noexcept {
    return word_at(lengths_, pattern);
  }

 private:
  [[nodiscard]] bool classes_hold() const noexcept {
    return std::all_of(classes_, classes_ + 256,
                       [this](std::uint8_t c) { return c < header_.classes; });
  }
  [[nodiscard]] bool outputs_hold() const noexcept {
    if (first(0) != 0 || first(header_.states) != header_.outputs) return false;
    for (std::uint32_t s = 0; s < header_.states; ++s) {
      if (first(s) > first(s + 1) || first(s + 1) > header_.outputs) return false;
      for (std::uint32_t o = first(s); o < first(s + 1); ++o) {
        if (pattern(o) >= header_.patterns) return false;
        if (o != first(s) && pattern(o) <= pattern(o - 1)) return false;
      }
    }
    return true;
  }
  [[nodiscard]] bool transitions_hold() const noexcept {
    const std::uint64_t count = std::uint64_t{header_.states} * header_.classes;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint32_t entry = word_at(transitions_, i);
      const std::uint32_t state = entry & ~kLiteralsReports;
      if (state >= header_.states) return false;
      if (((entry & kLiteralsReports) != 0) != (first(state + 1) > first(state))) return false;
    }
    return true;
  }
  [[nodiscard]] bool lengths_hold() const noexcept {
    for (std::uint32_t p = 0; p < header_.patterns; ++p) {
      if (length(p) == 0 || length(p) > header_.max_length) return false;
    }
    return true;
  }

  LiteralsHeader header_{};
  const std::uint8_t* classes_{nullptr};
  const std::uint8_t* transitions_{nullptr};
  const std::uint8_t* first_{nullptr};
  const std::uint8_t* outputs_{nullptr};
  const std::uint8_t* lengths_{nullptr};
};

}  // namespace

FaultCode match(ByteSpan text, ByteSpan blob, MutableByteSpan out, const Stop& stop) noexcept {
  Automaton automaton;
  if (!automaton.open(blob)) return FaultCode::bad_binding;
  // Most bytes of most texts begin no pattern: those are passed without the chain of loads.
  std::array<bool, 256> stays{};
  for (std::uint32_t b = 0; b < 256; ++b)
    stays[b] = automaton.step(0, static_cast<std::uint8_t>(b)) == 0;

  const std::uint64_t capacity = hit_capacity(out.size());
  LiteralHits total{0, 0};
  std::uint32_t state = 0;
  const bool ended = in_pieces(text.size(), kPieceBytes, stop, [&](auto begin, auto end) {
    for (std::uint64_t i = begin; i < end; ++i) {
      if (state == 0) {
        while (i < end && stays[text[i]]) ++i;
        if (i == end) break;
      }
      const std::uint32_t entry = automaton.step(state, text[i]);
      state = entry & ~kLiteralsReports;
      if ((entry & kLiteralsReports) == 0) continue;
      const std::uint32_t last = automaton.first(state + 1);
      for (std::uint32_t o = automaton.first(state); o < last; ++o) {
        if (total.records < capacity) {
          const std::uint32_t pattern = automaton.pattern(o);
          const LiteralHit hit{i + 1, pattern, automaton.length(pattern)};
          std::memcpy(out.data() + sizeof total + total.records * sizeof hit, &hit, sizeof hit);
          ++total.records;
        }
        ++total.hits;
      }
    }
  });
  std::memcpy(out.data(), &total, sizeof total);
  return ended ? FaultCode::none : FaultCode::shutdown;
}

}  // namespace vyre::native

// match.literals: checks a pattern blob, then walks the text through its automaton. The blob may be
// a mapped file that changes after the check, so every index that comes out of it is clamped where
// it is used. Meaning: docs/ops.md; bytes: docs/internals/builtin-ops.md.
#include <array>

#include "base/read_once.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/twins.hpp"

namespace vyre::builtin {
namespace {

/// Records of hits between two looks at the stop word, as many bytes as of a text.
constexpr std::uint64_t kRecordsBetweenLooks{kPieceBytes / sizeof(LiteralHit)};

/// A blob whose rules held when it was opened. Words are read in place, once for each use: buffers
/// have any alignment.
class Automaton {
 public:
  /// False if a rule is broken; then nothing else may be called.
  [[nodiscard]] bool open(ByteSpan blob) noexcept {
    if (blob.size() < sizeof(LiteralsHeader)) return false;
    std::memcpy(&header_, blob.data(), sizeof header_);
    if (!literals_header_holds(header_, blob.size())) return false;
    const LiteralsSections at = literals_sections(header_);
    std::memcpy(classes_.data(), blob.data() + at.classes, classes_.size());
    transitions_ = blob.data() + at.transitions;
    first_ = blob.data() + at.first;
    outputs_ = blob.data() + at.outputs;
    lengths_ = blob.data() + at.lengths;
    return classes_hold() && outputs_hold() && transitions_hold() && lengths_hold();
  }

  struct Step {
    std::uint32_t state;
    bool reports;
  };
  /// Where a byte met in `state` leads.
  [[nodiscard]] Step step(std::uint32_t state, std::uint8_t byte) const noexcept {
    const std::uint32_t entry =
        word(transitions_, std::uint64_t{state} * header_.classes + classes_[byte]);
    return {std::min(entry & ~kLiteralsReports, header_.states - 1),
            (entry & kLiteralsReports) != 0};
  }
  struct Outputs {
    std::uint32_t begin;
    std::uint32_t end;
  };
  [[nodiscard]] Outputs outputs(std::uint32_t state) const noexcept {
    const std::uint32_t end = std::min(word(first_, state + 1), header_.outputs);
    return {std::min(word(first_, state), end), end};
  }
  [[nodiscard]] LiteralHit hit(std::uint64_t end, std::uint32_t output) const noexcept {
    const std::uint32_t pattern = std::min(word(outputs_, output), header_.patterns - 1);
    return {end, pattern, std::min(word(lengths_, pattern), header_.max_length)};
  }

 private:
  [[nodiscard]] static std::uint32_t word(const std::uint8_t* section,
                                          std::uint64_t index) noexcept {
    return read_once<std::uint32_t>(section + index * 4);
  }
  [[nodiscard]] std::uint32_t first(std::uint32_t state) const noexcept {
    return word(first_, state);
  }
  [[nodiscard]] std::uint32_t pattern(std::uint32_t output) const noexcept {
    return word(outputs_, output);
  }
  [[nodiscard]] std::uint32_t length(std::uint32_t pattern) const noexcept {
    return word(lengths_, pattern);
  }
  [[nodiscard]] bool classes_hold() const noexcept {
    return std::all_of(classes_.begin(), classes_.end(),
                       [this](std::uint8_t c) { return c < header_.classes; });
  }
  [[nodiscard]] bool outputs_hold() const noexcept {
    if (first(0) != 0 || first(header_.states) != header_.outputs) return false;
    for (std::uint32_t s = 0; s < header_.states; ++s) {
      const std::uint32_t begin = first(s);
      const std::uint32_t end = first(s + 1);
      if (begin > end || end > header_.outputs) return false;
      // Strictly rising and below the number of patterns: ends after so many at the latest.
      std::uint32_t least = 0;
      for (std::uint32_t o = begin; o < end; ++o) {
        const std::uint32_t found = pattern(o);
        if (found < least || found >= header_.patterns) return false;
        least = found + 1;
      }
    }
    return true;
  }
  [[nodiscard]] bool transitions_hold() const noexcept {
    const std::uint64_t count = std::uint64_t{header_.states} * header_.classes;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint32_t entry = word(transitions_, i);
      const std::uint32_t state = entry & ~kLiteralsReports;
      if (state >= header_.states) return false;
      if (((entry & kLiteralsReports) != 0) != (first(state + 1) > first(state))) return false;
    }
    return true;
  }
  [[nodiscard]] bool lengths_hold() const noexcept {
    for (std::uint32_t p = 0; p < header_.patterns; ++p) {
      const std::uint32_t bytes = length(p);
      if (bytes == 0 || bytes > header_.max_length) return false;
    }
    return true;
  }

  LiteralsHeader header_{};
  std::array<std::uint8_t, 256> classes_{};
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
  for (std::uint32_t b = 0; b < 256; ++b) {
    const auto step = automaton.step(0, static_cast<std::uint8_t>(b));
    stays[b] = step.state == 0 && !step.reports;
  }

  const std::uint64_t capacity = hit_capacity(out.size());
  LiteralHits total{0, 0};
  std::uint32_t state = 0;
  // A byte may end thousands of patterns: their records are counted beside the bytes.
  std::uint64_t look_at = kRecordsBetweenLooks;
  bool stopped = false;
  const bool ended = in_pieces(text.size(), kPieceBytes, stop, [&](auto begin, auto end) {
    for (std::uint64_t i = begin; i < end && !stopped; ++i) {
      if (state == 0) {
        while (i < end && stays[text[i]]) ++i;
        if (i == end) break;
      }
      const auto step = automaton.step(state, text[i]);
      state = step.state;
      if (!step.reports) continue;
      const auto found = automaton.outputs(state);
      const std::uint32_t count = found.end - found.begin;
      total.hits += count;
      const std::uint64_t room = capacity - total.records;
      const auto last =
          found.begin + static_cast<std::uint32_t>(std::min<std::uint64_t>(count, room));
      for (std::uint32_t o = found.begin; o < last; ++o, ++total.records) {
        const LiteralHit hit = automaton.hit(i + 1, o);
        std::memcpy(out.data() + sizeof total + total.records * sizeof hit, &hit, sizeof hit);
      }
      if (total.records >= look_at) {
        look_at = total.records + kRecordsBetweenLooks;
        stopped = stop.asked();
      }
    }
  });
  std::memcpy(out.data(), &total, sizeof total);
  return ended && !stopped ? FaultCode::none : FaultCode::shutdown;
}

}  // namespace vyre::builtin

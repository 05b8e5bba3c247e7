// compile_literals(): patterns -> trie -> automaton with every transition spelled out -> bytes.
// Aho and Corasick, "Efficient string matching", CACM 18 (1975). States are numbered breadth
// first, so that the often visited ones near the start lie together.
#include "builtin/literals.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "base/message.hpp"
#include "builtin/literals_layout.hpp"
#include "protocol/limits.hpp"

namespace vyre::builtin {
namespace {

constexpr std::uint32_t kNone{0xFFFFFFFFu};

tl::unexpected<Error> too_large(const std::string& what) {
  return fail(
      Errc::limit_exceeded,
      message(
          "{} makes the automaton larger than {} bytes (kMaxLiteralAutomatonBytes); split the set",
          what, kMaxLiteralAutomatonBytes));
}

Status check_patterns(std::span<const ByteSpan> patterns) {
  if (patterns.empty()) return fail(Errc::invalid_argument, "there are no patterns; give one");
  VYRE_TRY(check_literal_count(patterns.size()));
  for (std::size_t p = 0; p < patterns.size(); ++p) {
    if (patterns[p].empty()) {
      return fail(Errc::invalid_argument,
                  message("pattern {} is empty: it would match everywhere; leave it out", p));
    }
    if (patterns[p].size() > kMaxLiteralBytes) {
      return fail(Errc::limit_exceeded,
                  message("pattern {} has {} bytes: at most {} (kMaxLiteralBytes); shorten it", p,
                          patterns[p].size(), kMaxLiteralBytes));
    }
  }
  return {};
}

class Builder {
 public:
  Builder(std::span<const ByteSpan> patterns, LiteralOptions options, Interrupt* interrupt)
      : patterns_(patterns), fold_(options.ignore_ascii_case), interrupt_(interrupt) {}

  [[nodiscard]] Result<Bytes> build() {
    choose_classes();
    VYRE_TRY(build_trie());
    VYRE_TRY(complete());
    return write();
  }

 private:
  /// Asked once a pattern or state.
  [[nodiscard]] Status go_on() {
    if (interrupt_ == nullptr || !interrupt_->step()) return {};
    return fail(Errc::cancelled, "the patterns are not compiled: their caller has stopped it");
  }
  [[nodiscard]] std::uint8_t folded(std::uint8_t byte) const noexcept {
    const bool upper = byte >= 'A' && byte <= 'Z';
    return fold_ && upper ? static_cast<std::uint8_t>(byte - 'A' + 'a') : byte;
  }

  /// Class 0 is for bytes of no pattern, if there are any.
  void choose_classes() {
    std::array<bool, 256> used{};
    for (const ByteSpan pattern : patterns_) {
      max_length_ = std::max(max_length_, static_cast<std::uint32_t>(pattern.size()));
      for (const std::uint8_t byte : pattern) used[folded(byte)] = true;
    }
    bool all_used = true;
    for (std::uint32_t b = 0; b < 256; ++b)
      all_used = all_used && used[folded(static_cast<std::uint8_t>(b))];
    std::uint32_t next = all_used ? 0 : 1;
    for (std::size_t b = 0; b < 256; ++b) {
      if (used[b]) class_of_[b] = static_cast<std::uint8_t>(next++);
    }
    for (std::uint32_t b = 0; b < 256; ++b)
      class_of_[b] = class_of_[folded(static_cast<std::uint8_t>(b))];
    classes_ = next;
  }

  [[nodiscard]] std::uint32_t& child(std::uint32_t state, std::uint32_t c) noexcept {
    return table_[std::size_t{state} * classes_ + c];
  }

  [[nodiscard]] Status build_trie() {
    std::uint64_t most_states = 1;
    for (const ByteSpan pattern : patterns_) most_states += pattern.size();
    // At once: growing would copy, and pages that are not reached cost nothing.
    table_.reserve(std::min<std::uint64_t>(most_states * classes_, kMaxLiteralAutomatonBytes / 4));
    table_.assign(classes_, kNone);
    for (std::size_t p = 0; p < patterns_.size(); ++p) {
      VYRE_TRY(go_on());
      std::uint32_t state = 0;
      for (const std::uint8_t byte : patterns_[p]) {
        const std::uint32_t c = class_of_[byte];
        if (child(state, c) == kNone) {
          if ((table_.size() + classes_) * 4 > kMaxLiteralAutomatonBytes)
            return too_large(message("pattern {}", p));
          child(state, c) = ++last_state_;
          table_.resize(table_.size() + classes_, kNone);
        }
        state = child(state, c);
      }
      ends_at_.push_back(state);
    }
    return {};
  }

  /// Breadth first: fills in the transitions that the trie lacks, and counts outputs.
  [[nodiscard]] Status complete() {
    const std::size_t states = std::size_t{last_state_} + 1;
    // Patterns that end in a state, ascending: a chain from the least one.
    std::vector<std::uint32_t> own(states, kNone);
    std::vector<std::uint32_t> after(patterns_.size(), kNone);
    std::vector<std::uint32_t> counts(states, 0);
    for (std::size_t p = patterns_.size(); p-- > 0;) {
      after[p] = own[ends_at_[p]];
      own[ends_at_[p]] = static_cast<std::uint32_t>(p);
      ++counts[ends_at_[p]];
    }
    std::vector<std::uint32_t> fallback(states, 0);
    order_.reserve(states);
    order_.push_back(0);
    std::uint64_t outputs = 0;
    for (std::size_t at = 0; at < order_.size(); ++at) {
      VYRE_TRY(go_on());
      const std::uint32_t state = order_[at];
      if (state != 0) counts[state] += counts[fallback[state]];  // shorter, so counted before
      outputs += counts[state];
      if (outputs * 4 > kMaxLiteralAutomatonBytes)
        return too_large("the list of patterns that end within each other");
      for (std::uint32_t c = 0; c < classes_; ++c) {
        std::uint32_t& next = child(state, c);
        const std::uint32_t shorter = state == 0 ? 0 : child(fallback[state], c);
        if (next == kNone) {
          next = shorter;
        } else {
          fallback[next] = shorter;
          order_.push_back(next);
        }
      }
    }
    return collect_outputs(own, after, counts, fallback);
  }

  [[nodiscard]] Status collect_outputs(const std::vector<std::uint32_t>& own,
                                       const std::vector<std::uint32_t>& after,
                                       const std::vector<std::uint32_t>& counts,
                                       const std::vector<std::uint32_t>& fallback) {
    std::vector<std::uint32_t> where(order_.size(), 0);  // first output by trie state
    first_.assign(1, 0);
    for (const std::uint32_t state : order_) {
      where[state] = first_.back();
      first_.push_back(first_.back() + counts[state]);
    }
    outputs_.reserve(first_.back());
    for (const std::uint32_t state : order_) {
      VYRE_TRY(go_on());
      // Two ascending lists into one: our own patterns and those of the longest proper suffix.
      std::uint32_t mine = own[state];
      std::uint32_t at = state == 0 ? 0 : where[fallback[state]];
      const std::uint32_t end = state == 0 ? 0 : at + counts[fallback[state]];
      while (mine != kNone || at < end) {
        if (at == end || (mine != kNone && mine < outputs_[at])) {
          outputs_.push_back(mine);
          mine = after[mine];
        } else {
          outputs_.push_back(outputs_[at++]);
        }
      }
    }
    return {};
  }

  [[nodiscard]] Result<Bytes> write() {
    LiteralsHeader header{};
    header.magic = kLiteralsMagic;
    header.version = kLiteralsVersion;
    header.patterns = static_cast<std::uint32_t>(patterns_.size());
    header.states = static_cast<std::uint32_t>(order_.size());
    header.classes = classes_;
    header.max_length = max_length_;
    header.outputs = static_cast<std::uint32_t>(outputs_.size());
    const std::uint64_t bytes = literals_sections(header).end;
    if (bytes > kMaxLiteralAutomatonBytes) return too_large("this set");
    header.bytes = static_cast<std::uint32_t>(bytes);

    std::vector<std::uint32_t> number(order_.size());  // trie state -> place in order_
    for (std::size_t i = 0; i < order_.size(); ++i)
      number[order_[i]] = static_cast<std::uint32_t>(i);
    Bytes blob;
    blob.reserve(bytes);
    append_le(blob, header);
    blob.insert(blob.end(), class_of_.begin(), class_of_.end());
    for (const std::uint32_t state : order_) {
      VYRE_TRY(go_on());
      for (std::uint32_t c = 0; c < classes_; ++c) {
        const std::uint32_t next = number[child(state, c)];
        append_le(blob, first_[next + 1] > first_[next] ? next | kLiteralsReports : next);
      }
    }
    for (const std::uint32_t first : first_) append_le(blob, first);
    for (const std::uint32_t output : outputs_) append_le(blob, output);
    for (const ByteSpan pattern : patterns_)
      append_le(blob, static_cast<std::uint32_t>(pattern.size()));
    return blob;
  }

  std::span<const ByteSpan> patterns_;
  bool fold_;
  Interrupt* interrupt_;
  std::array<std::uint8_t, 256> class_of_{};
  std::uint32_t classes_{0};
  std::uint32_t max_length_{0};
  std::uint32_t last_state_{0};
  std::vector<std::uint32_t> table_;    // [state * classes_ + class], states as they were made
  std::vector<std::uint32_t> ends_at_;  // [pattern]: its state
  std::vector<std::uint32_t> order_;    // states, breadth first
  std::vector<std::uint32_t> first_;    // by place in order_, one more at the end
  std::vector<std::uint32_t> outputs_;
};

}  // namespace

Status check_literal_count(std::uint64_t patterns) {
  if (patterns <= kMaxLiterals) return {};
  return fail(Errc::limit_exceeded,
              message("there are {} patterns: at most {} (kMaxLiterals) make a set; split them",
                      patterns, kMaxLiterals));
}

std::uint64_t told_bytes(ByteSpan output) noexcept {
  if (output.size() < sizeof(LiteralHits)) return output.size();
  const auto records = load_le<std::uint64_t>(output, offsetof(LiteralHits, records));
  return sizeof(LiteralHits) + std::min(records, hit_capacity(output.size())) * sizeof(LiteralHit);
}

Result<Bytes> compile_literals(std::span<const ByteSpan> patterns, LiteralOptions options,
                               Interrupt* interrupt) {
  VYRE_TRY(check_patterns(patterns));
  return Builder(patterns, options, interrupt).build();
}

}  // namespace vyre::builtin

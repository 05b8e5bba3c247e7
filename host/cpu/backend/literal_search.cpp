#include "literal_search.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <new>

#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"

namespace vyre::cpu {
namespace {

/// Compiling takes about 40 us a pattern, in which the plain form searches 4 to 16 KiB of text.
constexpr std::uint64_t kWorthBytes{std::uint64_t{1} << 20};
constexpr std::uint64_t kWorthBytesAPattern{std::uint64_t{4} << 10};
/// Compiling more takes seconds.
constexpr std::uint32_t kMostPatterns{8'192};

/// The byte that stands for each class: a small letter rather than a capital one.
std::array<std::uint8_t, 256> bytes_of_classes(const std::uint8_t* classes) {
  std::array<std::uint8_t, 256> byte_of{};
  for (int byte = 255; byte >= 0; --byte) {
    const bool capital = byte >= 'A' && byte <= 'Z';
    if (capital && classes[byte] == classes[byte - 'A' + 'a']) continue;
    byte_of[classes[byte]] = static_cast<std::uint8_t>(byte);
  }
  return byte_of;
}

/// The shortest text that leads to each state: what the state stands for in the trie.
std::vector<Bytes> texts_of_states(const builtin::LiteralsHeader& header, ByteSpan blob,
                                   const std::array<std::uint8_t, 256>& byte_of) {
  const auto at = builtin::literals_sections(header);
  std::vector<Bytes> texts(header.states);
  std::vector<std::uint32_t> order{0};
  std::vector<bool> reached(header.states, false);
  reached[0] = true;
  for (std::size_t next = 0; next < order.size(); ++next) {
    const std::uint32_t from = order[next];
    if (texts[from].size() == header.max_length) continue;
    for (std::uint32_t c = 0; c < header.classes; ++c) {
      const std::uint64_t entry = std::uint64_t{from} * header.classes + c;
      const std::uint32_t to =
          load_le<std::uint32_t>(blob, at.transitions + entry * 4) & ~builtin::kLiteralsReports;
      if (to >= header.states || reached[to]) continue;
      reached[to] = true;
      texts[to] = texts[from];
      texts[to].push_back(byte_of[c]);
      order.push_back(to);
    }
  }
  return texts;
}

}  // namespace

std::optional<builtin::LiteralsHeader> header_of(ByteSpan blob) {
  builtin::LiteralsHeader header;
  if (blob.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, blob.data(), sizeof header);
  if (!builtin::literals_header_holds(header, blob.size())) return std::nullopt;
  return header;
}

std::optional<LiteralPatterns> patterns_of(ByteSpan blob) {
  const auto header = header_of(blob);
  if (!header) return std::nullopt;
  const auto at = builtin::literals_sections(*header);
  const std::uint8_t* const classes = blob.data() + at.classes;
  const std::vector<Bytes> texts = texts_of_states(*header, blob, bytes_of_classes(classes));
  LiteralPatterns found;
  found.patterns.resize(header->patterns);
  const auto word = [&](std::uint64_t section, std::uint64_t i) {
    return load_le<std::uint32_t>(blob, section + i * 4);
  };
  for (std::uint32_t state = 0; state < header->states; ++state) {
    const std::uint32_t end = std::min(word(at.first, state + 1), header->outputs);
    for (std::uint32_t o = word(at.first, state); o < end; ++o) {
      const std::uint32_t pattern = word(at.outputs, o);
      if (pattern >= header->patterns) return std::nullopt;
      if (word(at.lengths, pattern) == texts[state].size()) found.patterns[pattern] = texts[state];
    }
  }
  for (char small = 'a'; small <= 'z'; ++small) {
    const auto byte = static_cast<std::uint8_t>(small);
    const bool used =
        std::any_of(found.patterns.begin(), found.patterns.end(),
                    [&](const Bytes& p) { return std::find(p.begin(), p.end(), byte) != p.end(); });
    if (used && classes[byte] == classes[byte - 'a' + 'A']) found.ignore_ascii_case = true;
  }
  // What makes the same bytes again is what they were made of.
  const std::vector<ByteSpan> spans(found.patterns.begin(), found.patterns.end());
  const auto again = builtin::compile_literals(spans, {found.ignore_ascii_case});
  if (!again ||
      !std::equal(again->begin(), again->end(), blob.begin(), blob.begin() + header->bytes))
    return std::nullopt;
  return found;
}

std::unique_ptr<LiteralSearch> LiteralSearch::of(ByteSpan bytes) noexcept {
  const auto header = header_of(bytes);
  if (!header || header->patterns > kMostPatterns) return nullptr;
  const std::uint64_t worth = kWorthBytes + header->patterns * kWorthBytesAPattern;
  return std::unique_ptr<LiteralSearch>(new (std::nothrow) LiteralSearch(worth));
}

std::optional<FaultCode> LiteralSearch::match(ByteSpan text, ByteSpan blob, MutableByteSpan out,
                                              const builtin::StopWord& stop) noexcept {
  std::unique_lock lock(mutex_);
  if (state_ == State::counting) {
    searched_ += text.size();
    if (searched_ < worth_bytes_) return std::nullopt;
    state_ = State::compiling;
    lock.unlock();
    std::unique_ptr<CompiledLiterals> compiled;
    try {
      if (const auto patterns = patterns_of(blob)) compiled = CompiledLiterals::make(*patterns);
    } catch (const std::exception&) {
      // No memory for it: the plain form needs none.
    }
    lock.lock();
    compiled_ = std::move(compiled);
    state_ = compiled_ ? State::ready : State::impossible;
  }
  if (state_ != State::ready) return std::nullopt;
  lock.unlock();  // compiled_ does not change any more
  return compiled_->match(text, out, stop);
}

}  // namespace vyre::cpu

#include "scan_words.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/message.hpp"
#include "library.hpp"
#include "platform/file.hpp"

namespace vyre::cli {
namespace {

std::string folded(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// Takes words one after another and keeps each once.
class Collected {
 public:
  explicit Collected(bool ignore_case) : ignore_case_(ignore_case) {}

  /// Each line of `text` is a word; `place` names where the first one stands.
  template <class Place>
  Status add_lines(std::string_view text, const Place& place) {
    std::uint64_t line = 1;
    for (std::size_t at = 0;; ++line) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      VYRE_TRY(add(text.substr(at, end - at), place, line));
      if (end == text.size()) return {};
      at = end + 1;
    }
  }
  [[nodiscard]] ScanWords take() { return std::move(words_); }

 private:
  template <class Place>
  Status add(std::string_view word, const Place& place, std::uint64_t line) {
    if (word.empty()) {
      return fail(Errc::invalid_argument,
                  message("{}: the word is empty, and every line would hold it; leave it away",
                          place(line)));
    }
    if (word.size() > most_bytes_) {
      return fail(Errc::limit_exceeded, message("{}: the word has {} bytes; {} are the most",
                                                place(line), word.size(), most_bytes_));
    }
    if (given_ == most_words_) {
      return fail(Errc::limit_exceeded,
                  message("{}: {} words are the most; scan twice", place(line), most_words_));
    }
    if (seen_.insert(ignore_case_ ? folded(word) : std::string(word)).second) {
      words_.texts.emplace_back(word);
      words_.numbers.push_back(given_);
    }
    ++given_;
    return {};
  }

  const bool ignore_case_;
  const std::uint64_t most_words_{limit("max_literals")};
  const std::uint64_t most_bytes_{limit("max_literal_bytes")};  // of one
  std::unordered_set<std::string> seen_;
  ScanWords words_;
  std::uint32_t given_{0};
};

}  // namespace

std::uint64_t ScanWords::longest() const {
  std::uint64_t most = 0;
  for (const std::string& text : texts) most = std::max<std::uint64_t>(most, text.size());
  return most;
}

Result<ScanWords> read_words(const Shell& shell, const ScanOptions& options) {
  Collected words(options.ignore_case);
  for (std::size_t i = 0; i < options.expressions.size(); ++i) {
    VYRE_TRY(words.add_lines(options.expressions[i], [i](std::uint64_t) {
      return message("word {} of the command line", i + 1);
    }));
  }
  for (const std::string& path : options.word_files) {
    VYRE_ASSIGN(const Bytes bytes, platform::read_file(path));
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.empty()) continue;
    if (text.back() == '\n') text.remove_suffix(1);
    VYRE_TRY(words.add_lines(text, [&path](std::uint64_t line) {
      return message("{}, line {}", platform::input_name(path), line);
    }));
    const std::string_view first = text.substr(0, text.find('\n'));
    if (!first.empty() && first.back() == '\r') {
      complain(shell, message("{} has lines that end in CR LF, and the CR is part of the word",
                              platform::input_name(path)));
    }
  }
  ScanWords read = words.take();
  if (read.texts.empty()) {
    return fail(Errc::invalid_argument, "there is no word to look for: the files of -f are empty");
  }
  return read;
}

}  // namespace vyre::cli

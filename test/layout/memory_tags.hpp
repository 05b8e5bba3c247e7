// Compares the tags of cross-thread accesses in the code with the rows of the memory model's page.
// Test support; the rules stand in docs/internals/memory-model.md.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vyre::layout {

/// What the page says. A tag row is a table row whose first cell is a tag or several, `RING-1`. A
/// row of "Accesses without a tag" names a word and the folder in which it has none, or a file.
struct MemoryPage {
  std::map<std::string, std::string> rows;  // tag, its rows' text
  struct Untagged {
    std::string word;  // without a trailing underscore; empty: every access of the place
    std::string place;
    std::string reason;
  };
  std::vector<Untagged> untagged;
};
[[nodiscard]] MemoryPage parse_memory_page(std::string_view page);

/// Takes one source file after the other, then compares.
class MemoryTags {
 public:
  explicit MemoryTags(MemoryPage page);
  void add(std::string_view path, std::string_view source);
  /// One sentence for each tag without a row, row without two places in the code, access that is
  /// not relaxed and has no tag nearby, and row of an untagged word that no access needs.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  [[nodiscard]] bool is_excused(std::string_view path, std::string_view statement);

  MemoryPage page_;
  std::map<std::string, std::vector<std::string>> places_;  // tag, file:line of its comments
  std::vector<bool> used_;                                  // by index of page_.untagged
  std::vector<std::string> found_;
};

/// A tag covers the accesses of its own line and of so many lines above and below it.
inline constexpr int kTagReach{4};

}  // namespace vyre::layout

// Width and length of text files, and lines that wrapping breaks. Test support; the rules stand in
// docs/long-files.txt.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace vyre::layout {

inline constexpr int kMaxColumns{100};
inline constexpr int kAskedLines{400};
inline constexpr int kMaxLines{600};

/// Lines of more than kMaxColumns characters, as `path:line: ...`. In Markdown, fenced code and
/// lines that only a URL makes long may be wider.
[[nodiscard]] std::vector<std::string> wide_lines(std::string_view path, std::string_view text);

/// Lines of Markdown that wrapping made the item of a list, as `path:line: ...`: they begin with a
/// number and a dot, and no item with the number before it stands above them in their block.
[[nodiscard]] std::vector<std::string> lines_read_as_items(std::string_view path,
                                                           std::string_view text);

/// Files above kAskedLines by path, each with its reason.
using LongFiles = std::map<std::string, std::string>;
[[nodiscard]] LongFiles parse_long_files(std::string_view text, std::vector<std::string>& problems);

/// Compares the lines of files with the list: a file above kMaxLines whose reason does not begin
/// with `table: `, one above kAskedLines without a reason, and an entry that no long file needs.
[[nodiscard]] std::vector<std::string> wrong_lengths(const std::map<std::string, int>& lines,
                                                     const LongFiles& list);

/// Source files that comments of a source file name and the tree does not have, as `path:line:
/// ...`. `names`: the file names of the tree, without folders.
[[nodiscard]] std::vector<std::string> missing_files(
    std::string_view path, std::string_view text, const std::set<std::string, std::less<>>& names);

}  // namespace vyre::layout

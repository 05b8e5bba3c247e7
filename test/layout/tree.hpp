// The text files of the repository, for tests that read them all. Build folders, hidden folders and
// links are left out.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace vyre::layout {

struct TextFile {
  std::string path;  // from the source root
  std::string text;
};

[[nodiscard]] inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// All files below the given folders of the root ("" is the root itself) with one of the
/// extensions, or with one of the names, sorted by path.
[[nodiscard]] inline std::vector<TextFile> text_files(
    const std::filesystem::path& root, std::initializer_list<std::string_view> folders,
    std::initializer_list<std::string_view> extensions) {
  namespace fs = std::filesystem;
  std::vector<TextFile> found;
  for (const std::string_view folder : folders) {
    fs::recursive_directory_iterator entry{folder.empty() ? root : root / folder};
    for (; entry != fs::recursive_directory_iterator{}; ++entry) {
      const std::string name = entry->path().filename().string();
      if (entry->is_symlink() || name.front() == '.' || name.rfind("build", 0) == 0) {
        entry.disable_recursion_pending();
        continue;
      }
      if (!entry->is_regular_file()) continue;
      const bool wanted =
          std::any_of(extensions.begin(), extensions.end(), [&](std::string_view ending) {
            return name.size() >= ending.size() &&
                   std::string_view{name}.substr(name.size() - ending.size()) == ending;
          });
      if (wanted)
        found.push_back(
            {fs::relative(entry->path(), root).generic_string(), read_text(entry->path())});
    }
  }
  std::sort(found.begin(), found.end(),
            [](const TextFile& a, const TextFile& b) { return a.path < b.path; });
  return found;
}

[[nodiscard]] inline std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// The cells of a Markdown table's row, without the blanks around them; empty if it is no row.
[[nodiscard]] inline std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  if (line.size() < 2 || line.front() != '|') return cells;
  std::string cell;
  bool code = false;
  for (const char c : line.substr(1)) {
    if (c == '`') code = !code;
    if (c != '|' || code) {
      cell += c;
      continue;
    }
    const auto first = cell.find_first_not_of(' ');
    const auto last = cell.find_last_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    cell.clear();
  }
  return cells;
}

}  // namespace vyre::layout

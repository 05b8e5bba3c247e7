#include "shape.hpp"

#include <algorithm>
#include <optional>
#include <regex>

#include "tree.hpp"

namespace vyre::layout {
namespace {

/// Characters of UTF-8 text: its bytes but for those that continue one.
int columns_of(std::string_view line) {
  return static_cast<int>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// The line without its longest word that holds a URL.
int columns_without_url(std::string_view line) {
  const auto url = line.find("://");
  if (url == std::string_view::npos) return columns_of(line);
  const auto begin = line.find_last_of(" (<", url);
  const auto end = std::min(line.find_first_of(" )>", url), line.size());
  const auto from = begin == std::string_view::npos ? 0 : begin + 1;
  return columns_of(line) - columns_of(line.substr(from, end - from));
}

}  // namespace

std::vector<std::string> wide_lines(std::string_view path, std::string_view text) {
  std::vector<std::string> wide;
  const bool markdown = ends_with(path, ".md");
  bool fenced = false;
  int number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    const auto first = std::min(line.find_first_not_of(' '), line.size());
    if (markdown && line.substr(first, 3) == "```") fenced = !fenced;
    if (fenced || columns_without_url(line) <= kMaxColumns) continue;
    wide.push_back(std::string{path} + ':' + std::to_string(number) + ": " +
                   std::to_string(columns_of(line)) + " columns, at most " +
                   std::to_string(kMaxColumns) + " are allowed");
  }
  return wide;
}

std::vector<std::string> lines_read_as_items(std::string_view path, std::string_view text) {
  static const std::regex kItem{R"(^ *([0-9]+)\. .*)"};
  std::vector<std::string> found;
  bool fenced = false;
  bool block_begins = true;
  std::optional<int> last;  // of the numbered items in this block
  int number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    const auto first = std::min(line.find_first_not_of(' '), line.size());
    if (line.substr(first, 3) == "```") fenced = !fenced;
    const bool ends_block = fenced || first == line.size() || line[first] == '#';
    std::cmatch item;
    if (!ends_block && std::regex_match(line.data(), line.data() + line.size(), item, kItem)) {
      const int its = std::stoi(item[1].str());
      if (!block_begins && (!last || its != *last + 1)) {
        found.push_back(std::string{path} + ':' + std::to_string(number) + ": begins with '" +
                        item[1].str() + ".' inside a paragraph, which reads as the item of a " +
                        "list: wrap the paragraph elsewhere");
      }
      last = its;
    } else if (ends_block) {
      last.reset();
    }
    block_begins = ends_block;
  }
  return found;
}

LongFiles parse_long_files(std::string_view text, std::vector<std::string>& problems) {
  LongFiles list;
  for (const std::string_view line : lines_of(text)) {
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos || colon + 2 == line.size()) {
      problems.push_back("not `path: reason`: " + std::string{line});
    } else {
      list.emplace(line.substr(0, colon), line.substr(colon + 2));
    }
  }
  return list;
}

std::vector<std::string> wrong_lengths(const std::map<std::string, int>& lines,
                                       const LongFiles& list) {
  std::vector<std::string> wrong;
  for (const auto& [path, count] : lines) {
    const auto entry = list.find(path);
    const bool table = entry != list.end() && entry->second.rfind("table: ", 0) == 0;
    if (count > kMaxLines && !table)
      wrong.push_back(path + " has " + std::to_string(count) + " lines, more than " +
                      std::to_string(kMaxLines) + ": split it");
    else if (count > kAskedLines && entry == list.end())
      wrong.push_back(path + " has " + std::to_string(count) + " lines, more than " +
                      std::to_string(kAskedLines) +
                      ": split it, or say in docs/long-files.txt why it is one subject");
  }
  for (const auto& entry : list) {
    const auto file = lines.find(entry.first);
    if (file == lines.end() || file->second <= kAskedLines)
      wrong.push_back("docs/long-files.txt: " + entry.first + " is not longer than " +
                      std::to_string(kAskedLines) + " lines; drop its entry");
  }
  return wrong;
}

std::vector<std::string> missing_files(std::string_view path, std::string_view text,
                                       const std::set<std::string, std::less<>>& names) {
  static const std::regex kFile{R"(([*{]?)([A-Za-z0-9_]+)\.(hpp|cpp|cuh|cu|inl)\b)"};
  std::vector<std::string> missing;
  int number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    const auto comment = line.find("// ");
    if (comment == std::string_view::npos) continue;
    const std::string words{line.substr(comment)};
    for (std::sregex_iterator at{words.begin(), words.end(), kFile}; at != std::sregex_iterator{};
         ++at) {
      if ((*at)[1].length() != 0) continue;  // a pattern of names
      const std::string name = (*at)[2].str() + '.' + (*at)[3].str();
      if (names.count(name) == 0) {
        missing.push_back(std::string{path} + ':' + std::to_string(number) + ": a comment names " +
                          name + ", and there is no such file");
      }
    }
  }
  return missing;
}

}  // namespace vyre::layout

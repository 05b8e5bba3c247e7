#include "memory_tags.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "tree.hpp"

namespace vyre::layout {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// The length of a tag at the front of the text: capitals, a dash, digits. 0: there is none.
std::size_t tag_length(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && std::isupper(static_cast<unsigned char>(text[n])) != 0) ++n;
  if (n < 2 || n == text.size() || text[n] != '-') return 0;
  const std::size_t dash = n++;
  while (n < text.size() && std::isdigit(static_cast<unsigned char>(text[n])) != 0) ++n;
  return n == dash + 1 ? 0 : n;
}

std::vector<std::string> tags_of_comment(std::string_view comment) {
  std::vector<std::string> tags;
  for (auto open = comment.find('['); open != std::string_view::npos;
       open = comment.find('[', open + 1)) {
    const std::size_t length = tag_length(comment.substr(open + 1));
    if (length != 0 && comment.substr(open + 1 + length, 1) == "]")
      tags.emplace_back(comment.substr(open + 1, length));
  }
  return tags;
}

/// The word `name` with no letter, digit or underscore around it; a trailing underscore of the text
/// counts as part of the name.
bool names(std::string_view text, std::string_view name) {
  for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    auto end = at + name.size();
    if (end < text.size() && text[end] == '_') ++end;
    if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end])))
      return true;
  }
  return false;
}

/// An operation of std::atomic whose arguments name no order is sequentially consistent.
bool has_implied_order(std::string_view code, std::string_view rest) {
  constexpr std::array<std::string_view, 3> kOperations{".load()", ".fetch_", ".compare_exchange_"};
  for (const std::string_view operation : kOperations) {
    for (auto at = code.find(operation); at != std::string_view::npos;
         at = code.find(operation, at + 1)) {
      const std::string_view call = rest.substr(at, rest.find(';', at) - at);
      if (call.find("rder") == std::string_view::npos) return true;
    }
  }
  return false;
}

bool orders(std::string_view code, std::string_view rest) {
  constexpr std::array<std::string_view, 21> kSigns{"memory_order_acquire",
                                                    "memory_order_release",
                                                    "memory_order_acq_rel",
                                                    "memory_order_seq_cst",
                                                    "memory_order_consume",
                                                    "memory_order::",
                                                    "Order::acquire",
                                                    "Order::release",
                                                    "Order::acq_rel",
                                                    "__ATOMIC_ACQUIRE",
                                                    "__ATOMIC_RELEASE",
                                                    "__ATOMIC_ACQ_REL",
                                                    "__ATOMIC_SEQ_CST",
                                                    "__ATOMIC_CONSUME",
                                                    "atomic_thread_fence",
                                                    "__threadfence",
                                                    "load_acquire",
                                                    "store_release",
                                                    "_acq_rel",
                                                    "fence_sc_",
                                                    "atomic_ref"};
  constexpr std::array<std::string_view, 2> kCalls{"exchange_acquire(", "fetch_or_release("};
  // ResultOrder::release is no Order::release.
  const auto has = [&](std::string_view sign) {
    for (auto at = code.find(sign); at != std::string_view::npos; at = code.find(sign, at + 1)) {
      if (sign[0] != 'O' || at == 0 || !is_word(code[at - 1])) return true;
    }
    return false;
  };
  return std::any_of(kSigns.begin(), kSigns.end(), has) ||
         std::any_of(kCalls.begin(), kCalls.end(), has) || has_implied_order(code, rest);
}

}  // namespace

MemoryPage parse_memory_page(std::string_view text) {
  MemoryPage page;
  bool untagged = false;
  for (const std::string_view line : lines_of(text)) {
    if (line.substr(0, 3) == "## ") untagged = line == "## Accesses without a tag";
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() < 3) continue;
    if (untagged) {
      if (cells[0] == "word" || cells[0].substr(0, 2) == "--") continue;
      std::string word;
      for (const char c : cells[0]) {
        if (is_word(c)) word += c;
      }
      if (word == "all") word.clear();
      if (!word.empty() && word.back() == '_') word.pop_back();
      page.untagged.push_back({word, cells[1], cells[2]});
      continue;
    }
    for (std::size_t at = 0; at < cells[0].size();) {
      const std::size_t length = tag_length(std::string_view{cells[0]}.substr(at));
      if (length == 0) break;
      page.rows[cells[0].substr(at, length)] += line;
      at += length;
      if (cells[0].compare(at, 2, ", ") == 0) at += 2;
    }
  }
  return page;
}

MemoryTags::MemoryTags(MemoryPage page) : page_(std::move(page)), used_(page_.untagged.size()) {}

bool MemoryTags::is_excused(std::string_view path, std::string_view statement) {
  for (std::size_t i = 0; i < page_.untagged.size(); ++i) {
    const MemoryPage::Untagged& row = page_.untagged[i];
    if (path.substr(0, row.place.size()) != row.place) continue;
    if (!row.word.empty() && !names(statement, row.word)) continue;
    used_[i] = true;
    return true;
  }
  return false;
}

void MemoryTags::add(std::string_view path, std::string_view source) {
  const std::vector<std::string_view> lines = lines_of(source);
  std::vector<bool> tagged(lines.size());
  std::vector<std::string_view> code(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto comment = lines[i].find("//");
    code[i] = lines[i].substr(0, comment);
    if (comment == std::string_view::npos) continue;
    for (const std::string& tag : tags_of_comment(lines[i].substr(comment))) {
      tagged[i] = true;
      const std::string place = std::string{path} + ':' + std::to_string(i + 1);
      places_[tag].push_back(place);
      if (page_.rows.count(tag) == 0)
        found_.push_back(place + ": tag " + tag + " has no row in docs/internals/memory-model.md");
    }
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t offset = static_cast<std::size_t>(lines[i].data() - source.data());
    if (!orders(code[i], source.substr(offset))) continue;
    const std::size_t first = i < kTagReach ? 0 : i - kTagReach;
    const std::size_t last = std::min(lines.size() - 1, i + kTagReach);
    bool near = false;
    for (std::size_t k = first; k <= last; ++k) near = near || tagged[k];
    if (near) continue;
    // A statement that is broken over lines names its word in the first of them.
    std::string statement;
    std::size_t begin = i;
    while (begin > 0 && begin + 3 > i && !code[begin - 1].empty() &&
           code[begin - 1].find_first_of(";{}") == std::string_view::npos)
      --begin;
    for (std::size_t k = begin; k <= i; ++k) statement += code[k];
    if (!is_excused(path, statement))
      found_.push_back(std::string{path} + ':' + std::to_string(i + 1) +
                       ": an access that is not relaxed has no tag within " +
                       std::to_string(kTagReach) +
                       " lines, and the page names no reason: " + std::string{code[i]});
  }
}

std::vector<std::string> MemoryTags::problems() const {
  std::vector<std::string> found = found_;
  for (const auto& [tag, row] : page_.rows) {
    const auto places = places_.find(tag);
    const std::size_t count = places == places_.end() ? 0 : places->second.size();
    const bool one = row.find("one place") != std::string::npos;
    if (count < (one ? 1u : 2u))
      found.push_back("docs/internals/memory-model.md: row " + tag +
                      " needs its tag at both ends, " +
                      "or says why there is one place; the code has " + std::to_string(count));
  }
  for (std::size_t i = 0; i < page_.untagged.size(); ++i) {
    const MemoryPage::Untagged& row = page_.untagged[i];
    if (!used_[i])
      found.push_back("docs/internals/memory-model.md: no access needs the row of '" + row.word +
                      "' in " + row.place);
    if (row.reason.empty())
      found.push_back("docs/internals/memory-model.md: the row of '" + row.word + "' in " +
                      row.place + " gives no reason");
  }
  return found;
}

}  // namespace vyre::layout

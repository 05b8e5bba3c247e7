// Rooms are compiled with precompiled headers of the standard library, so the compiler does not see
// when a file forgets to include one: this test does. It reads the list of those headers where the
// build does (host/rooms.cmake).
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "layers.hpp"
#include "tree.hpp"

namespace vyre::layout {
namespace {

/// The names of namespace std (and tl) that show the use of a header. Names that several headers
/// bring (`move`, `size_t`, `less`) show nothing.
const std::map<std::string_view, std::vector<std::string_view>>& names_of_headers() {
  static const std::map<std::string_view, std::vector<std::string_view>> kNames{
      {"algorithm",
       {"min",          "max",      "clamp",     "sort",      "stable_sort", "find",
        "find_if",      "copy",     "copy_n",    "fill",      "fill_n",      "any_of",
        "all_of",       "none_of",  "count",     "count_if",  "equal",       "lower_bound",
        "upper_bound",  "reverse",  "remove_if", "transform", "unique",      "rotate",
        "max_element",  "for_each", "partition", "replace",   "mismatch",    "min_element",
        "binary_search"}},
      {"array", {"array", "to_array"}},
      {"atomic",
       {"atomic", "atomic_ref", "atomic_thread_fence", "memory_order", "memory_order_relaxed",
        "memory_order_acquire", "memory_order_release", "memory_order_acq_rel",
        "memory_order_seq_cst"}},
      {"bit",
       {"bit_cast", "popcount", "bit_width", "bit_ceil", "bit_floor", "has_single_bit", "rotl",
        "rotr", "countl_zero", "countr_zero", "countr_one", "endian"}},
      {"chrono", {"chrono"}},
      {"condition_variable", {"condition_variable", "condition_variable_any"}},
      {"cstdint",
       {"uint8_t", "uint16_t", "uint32_t", "uint64_t", "int8_t", "int16_t", "int32_t", "int64_t",
        "uintptr_t"}},
      {"cstring",
       {"memcpy", "memset", "memcmp", "memmove", "memchr", "strlen", "strcmp", "strncmp", "strchr",
        "strerror"}},
      {"deque", {"deque"}},
      {"functional", {"function", "hash", "invoke"}},
      {"limits", {"numeric_limits"}},
      {"map", {"map", "multimap"}},
      {"memory",
       {"unique_ptr", "shared_ptr", "weak_ptr", "make_unique", "make_shared",
        "enable_shared_from_this", "construct_at", "destroy_at"}},
      {"mutex", {"mutex", "lock_guard", "unique_lock", "scoped_lock", "once_flag", "call_once"}},
      {"optional", {"optional", "nullopt"}},
      {"set", {"set", "multiset"}},
      {"span", {"span", "as_bytes", "as_writable_bytes"}},
      {"string", {"string", "to_string"}},
      {"string_view", {"string_view"}},
      {"thread", {"thread", "this_thread"}},
      {"tl/expected.hpp", {"expected", "unexpected", "make_unexpected"}},
      {"unordered_map", {"unordered_map"}},
      {"unordered_set", {"unordered_set"}},
      {"utility", {}},
      {"variant", {"variant", "visit", "get_if", "holds_alternative", "monostate"}},
      {"vector", {"vector"}},
  };
  return kNames;
}

/// Headers that stand in for another one: the standard says so, or the library's documentation.
const std::map<std::string_view, std::vector<std::string_view>> kStandsFor{
    {"string", {"string_view"}},
    {"thread", {"chrono"}},
    {"mutex", {"chrono"}},
    {"condition_variable", {"mutex", "chrono"}},
};

std::set<std::string> precompiled_headers() {
  const std::string all = read_text(std::filesystem::path{VYRE_SOURCE_DIR} / "host/rooms.cmake");
  const auto begin = all.find("set(vyre_standard_headers ");
  std::set<std::string> found;
  if (begin == std::string::npos) return found;
  const auto end = all.find(')', begin);
  for (auto at = all.find('<', begin); at < end; at = all.find('<', at + 1))
    found.insert(all.substr(at + 1, all.find('>', at) - at - 1));
  return found;
}

/// The names that follow `std::`, `std::ranges::` or `tl::`, outside comments.
std::set<std::string> names_in(std::string_view source) {
  std::set<std::string> names;
  const auto is_name = [](char c) {
    return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
  };
  for (std::size_t at = 0; at < source.size(); ++at) {
    if (source.substr(at, 2) == "//") {
      at = std::min(source.find('\n', at), source.size());
      continue;
    }
    std::size_t skip = 0;
    for (const std::string_view space : {"std::ranges::", "std::", "tl::"}) {
      if (source.substr(at, space.size()) != space) continue;
      skip = space.size();
      break;
    }
    if (skip == 0) continue;
    at += skip;
    std::size_t end = at;
    while (end < source.size() && is_name(source[end])) ++end;
    names.emplace(source.substr(at, end - at));
    at = end - 1;
  }
  return names;
}

class Tree {
 public:
  explicit Tree(const std::vector<TextFile>& files) {
    for (const TextFile& file : files) includes_.emplace(file.path, includes_of(file.text));
  }

  /// The headers from outside that the file includes, itself or through files of the project.
  std::set<std::string> outside_headers_of(const std::string& path) {
    if (const auto known = outside_.find(path); known != outside_.end()) return known->second;
    std::set<std::string> all;
    for (const Include& include : includes_.at(path)) {
      if (!include.quoted) {
        all.insert(include.target);
        if (const auto more = kStandsFor.find(include.target); more != kStandsFor.end())
          all.insert(more->second.begin(), more->second.end());
      }
      if (const std::string inner = resolve(path, include.target); !inner.empty())
        all.merge(outside_headers_of(inner));
    }
    return outside_[path] = all;
  }

 private:
  [[nodiscard]] std::string resolve(const std::string& from, const std::string& target) const {
    const std::string folder = from.substr(0, from.rfind('/') + 1);
    for (const std::string& path : {folder + target, "host/" + target, "include/" + target, target})
      if (includes_.count(path) != 0) return path;
    return {};
  }

  std::map<std::string, std::vector<Include>> includes_;
  std::map<std::string, std::set<std::string>> outside_;
};

TEST(StandardHeaders, TheNamesOfEveryPrecompiledOneAreKnown) {
  const std::set<std::string> listed = precompiled_headers();
  EXPECT_GT(listed.size(), 10u);
  for (const std::string& header : listed)
    EXPECT_EQ(names_of_headers().count(header), 1u) << header;
}

TEST(StandardHeaders, NamesAreFoundOutsideComments) {
  const auto names =
      names_in("// std::map\nstd::vector<int> a; std::ranges::sort(a); tl::expected");
  EXPECT_EQ(names, (std::set<std::string>{"vector", "sort", "expected"}));
}

TEST(StandardHeaders, EveryFileThatIsCompiledWithThemIncludesWhatItUses) {
  const std::vector<TextFile> files =
      text_files(VYRE_SOURCE_DIR, {"include", "host", "cuda", "tools"},
                 {".hpp", ".h", ".cpp", ".def", ".inl", ".cuh"});
  Tree tree{files};
  const std::set<std::string> listed = precompiled_headers();
  int looked_at = 0;
  for (const TextFile& file : files) {
    if (file.path.substr(file.path.rfind('.')) != ".cpp") continue;
    ++looked_at;
    const std::set<std::string> names = names_in(file.text);
    const std::set<std::string> included = tree.outside_headers_of(file.path);
    for (const auto& [header, of_header] : names_of_headers()) {
      if (listed.count(std::string{header}) == 0 || included.count(std::string{header}) != 0)
        continue;
      for (const std::string_view name : of_header) {
        if (names.count(std::string{name}) == 0) continue;
        ADD_FAILURE() << file.path << " uses " << name << " and does not include <" << header
                      << ">";
        break;
      }
    }
  }
  EXPECT_GT(looked_at, 100);
}

}  // namespace
}  // namespace vyre::layout

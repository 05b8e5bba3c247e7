#include "barriers.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

#include "tree.hpp"

namespace vyre::layout {
namespace {

/// A barrier or a fence: of the block, the warp, a group of threads, memory.
bool has_barrier(std::string_view code) {
  constexpr std::array<std::string_view, 14> kSigns{
      "__syncthreads", "__syncwarp",    "__threadfence", ".sync(",       "->sync(",
      "::sync(",       "fence_acq_rel", "fence_sc",      "thread_fence", "\"fence.",
      "\"membar.",     "\"bar.",        "\"barrier.",     "arrive_and_wait("};
  return std::any_of(kSigns.begin(), kSigns.end(), [&](std::string_view sign) {
    return code.find(sign) != std::string_view::npos;
  });
}

std::string_view comment_of(std::string_view line) {
  const auto at = line.find("//");
  return at == std::string_view::npos ? std::string_view{} : line.substr(at);
}

/// Whether the text names a tag of the memory model, as [RING-1].
bool has_tag(std::string_view text) {
  for (auto open = text.find('['); open != std::string_view::npos;
       open = text.find('[', open + 1)) {
    const auto dash = text.find('-', open);
    const auto close = text.find(']', open);
    if (dash == std::string_view::npos || close == std::string_view::npos) return false;
    const auto all = [&](std::size_t from, std::size_t to, auto is) {
      return from < to && std::all_of(text.begin() + static_cast<std::ptrdiff_t>(from),
                                      text.begin() + static_cast<std::ptrdiff_t>(to),
                                      [&](unsigned char c) { return is(c) != 0; });
    };
    if (all(open + 1, dash, [](int c) { return std::isupper(c); }) &&
        all(dash + 1, close, [](int c) { return std::isdigit(c); }))
      return true;
  }
  return false;
}

bool is_reason(std::string_view comment) {
  if (comment.find("----") != std::string_view::npos) return false;
  if (has_tag(comment)) return true;
  std::istringstream words{std::string{comment}};
  int count = -1;  // the slashes
  for (std::string word; words >> word;) ++count;
  return count >= 3;
}

}  // namespace

std::vector<std::string> bare_barriers(std::string_view path, std::string_view source) {
  std::vector<std::string> bare;
  const std::vector<std::string_view> lines = lines_of(source);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view own = comment_of(lines[i]);
    const std::string_view code = lines[i].substr(0, lines[i].size() - own.size());
    if (!has_barrier(code) || is_reason(own)) continue;
    if (i > 0) {
      const std::string_view above = comment_of(lines[i - 1]);
      const bool alone = lines[i - 1].find_first_not_of(' ') == lines[i - 1].size() - above.size();
      if (alone && is_reason(above)) continue;
    }
    bare.push_back(std::string{path} + ':' + std::to_string(i + 1) +
                   ": no comment beside this barrier says what it publishes to which threads: " +
                   std::string{code.substr(std::min(code.find_first_not_of(' '), code.size()))});
  }
  return bare;
}

int count_barriers(std::string_view source) {
  int count = 0;
  for (const std::string_view line : lines_of(source)) {
    const std::string_view own = comment_of(line);
    if (has_barrier(line.substr(0, line.size() - own.size()))) ++count;
  }
  return count;
}

}  // namespace vyre::layout

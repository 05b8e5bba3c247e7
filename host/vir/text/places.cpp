// Places of a text in words. See text.hpp.
#include <algorithm>

#include "base/message.hpp"
#include "vir/text/text.hpp"

namespace vyre::vir {

SourcePlace SourceMap::of(NodeId node, ExprId expr) const noexcept {
  if (expr < exprs.size() && exprs[expr].line != 0) return exprs[expr];
  return node < nodes.size() ? nodes[node] : SourcePlace{};
}

std::string to_string(const SourceMap& map, SourcePlace place, std::string_view unnamed) {
  if (place.line == 0) return {};
  const std::string& own = map.files[place.file];
  const std::string_view file = own.empty() ? unnamed : std::string_view(own);
  return message("{}{}{}:{}", file, file.empty() ? "" : ":", place.line, place.column);
}

std::vector<std::string> calls_to(const SourceMap& map, SourcePlace place,
                                  std::string_view unnamed) {
  std::vector<std::string> steps;
  while (place.call != 0) {
    const SourceCall& call = map.calls[place.call - 1];
    steps.push_back(message("in fn '{}', called at {}", call.fn, to_string(map, call.at, unnamed)));
    place = call.at;
  }
  return steps;
}

std::string joined_steps(const std::vector<std::string>& steps, std::string_view between) {
  constexpr std::size_t kShownSteps{8};
  std::string text;
  for (std::size_t i = 0; i < std::min(steps.size(), kShownSteps); ++i)
    text += message("{}{}", between, steps[i]);
  if (steps.size() > kShownSteps)
    text += message("{}and {} steps before", between, steps.size() - kShownSteps);
  return text;
}

}  // namespace vyre::vir

// Places of a text in words. See text.hpp.
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

}  // namespace vyre::vir

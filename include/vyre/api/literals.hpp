// compile_literals(): the automaton over many byte strings that op match.literals takes as its
// second input. Spec: docs/ops.md.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

enum class AsciiCase { distinct, same };

/// Pattern i of the hits is patterns[i].
[[nodiscard]] inline Result<Blob> compile_literals(std::span<const std::string_view> patterns,
                                                   AsciiCase ascii_case = AsciiCase::distinct) {
  std::vector<vyre_span> spans;
  spans.reserve(patterns.size());
  for (const std::string_view pattern : patterns) spans.push_back({pattern.data(), pattern.size()});
  vyre_blob* automaton = nullptr;
  const detail::Failed failed{vyre_literals_compile(
      spans.data(), spans.size(), ascii_case == AsciiCase::same ? VYRE_IGNORE_ASCII_CASE : 0,
      &automaton)};
  if (failed) return failed.error();
  return Blob(automaton);
}

}  // namespace vyre::VYRE_V0

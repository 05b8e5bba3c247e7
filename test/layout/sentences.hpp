// Sentences that code puts together with `+`, where base/message.hpp has a pattern for them. Test
// support.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vyre::layout {

/// Operands of a `+` in C++ source that are a literal with a word and a space, or a call of
/// std::to_string, as `path:line: ...`. std::string(...) around a literal, brackets around an
/// operand and a choice between literals in brackets are seen through. Literals with `\":` are
/// JSON, and no sentence.
[[nodiscard]] std::vector<std::string> joined_sentences(std::string_view path,
                                                        std::string_view source);

}  // namespace vyre::layout

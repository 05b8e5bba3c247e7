// What to write instead of words and signs of other languages. Private to host/vir/text. Spec:
// docs/vir0-text.md, "Errors and limits".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lexer.hpp"

namespace vyre::vir::text {

/// "; write ..." for a word of another language, or nothing.
[[nodiscard]] std::string advice_for(std::string_view word);
/// That, or "; did you mean 'x'?" for the nearest of these.
[[nodiscard]] std::string hint_for(std::string_view word,
                                   const std::vector<std::string_view>& known);
/// As advice_for() of a word, for what stands at a place where something else was expected.
[[nodiscard]] std::string advice_for(const Token& token, const Token& next);

}  // namespace vyre::vir::text

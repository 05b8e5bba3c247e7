// Names from untrusted programs, made safe and short for messages: quoted, control characters
// escaped, cut. Host only, used by the dispatch plan and the validator.
#pragma once

#include <string>

#include "vir/program/program.hpp"

namespace vyre::vir {

[[nodiscard]] std::string quote(std::string_view name);
/// The symbol's name; "(no name)" where it is outside the pool.
[[nodiscard]] std::string quote_symbol(const Program& program, Symbol symbol);

}  // namespace vyre::vir

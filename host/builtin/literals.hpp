// Makes the pattern buffer of match.literals: an Aho-Corasick automaton over many byte strings.
// Host only, pure. The bytes are documented in docs/internals/builtin-ops.md and
// literals_layout.hpp.
#pragma once

#include <span>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/interrupt.hpp"

namespace vyre::builtin {

struct LiteralOptions {
  bool ignore_ascii_case{false};  // A to Z and a to z are the same byte
};

/// Errc::limit_exceeded for more patterns than a set has.
[[nodiscard]] Status check_literal_count(std::uint64_t patterns);
/// Pattern i of the hits is patterns[i]. Errc::invalid_argument for an empty list or pattern,
/// Errc::limit_exceeded for what is longer than limits.def allows; both name the pattern's index.
/// Errc::cancelled if `interrupt`, which may be null, is over before the automaton is made.
[[nodiscard]] Result<Bytes> compile_literals(std::span<const ByteSpan> patterns,
                                             LiteralOptions options = {},
                                             Interrupt* interrupt = nullptr);

/// How many bytes of an output of match.literals tell something: the header, and the hits that it
/// says are there.
[[nodiscard]] std::uint64_t told_bytes(ByteSpan output) noexcept;

}  // namespace vyre::builtin

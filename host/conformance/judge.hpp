// Judges one line: what was expected, what came, and in one sentence why they differ.
// Host only, private to this room.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "executors.hpp"
#include "vector_line.hpp"

namespace vyre::conformance {

struct Judgement {
  std::optional<std::string> failure;  // why the case does not pass
  bool error_overruled{false};         // it passes with outputs where the line has an error
};
[[nodiscard]] Judgement judge(const ExecutionCase& c, CaseExecutor& executor);

/// The mutated blob, or an error if the mutation does not fit the wire.
[[nodiscard]] Result<Bytes> mutated(ByteSpan wire, const Mutation& mutation);
[[nodiscard]] std::optional<std::string> judge(ByteSpan blob, const Mutation& mutation);
/// "xor at 75 with 1" for failure texts.
[[nodiscard]] std::string describe(const Mutation& mutation);

}  // namespace vyre::conformance

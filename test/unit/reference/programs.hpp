// Short programs for the tests of the reference executor: one output buffer of u32, any statements
// before.
#pragma once

#include <cstdint>
#include <vector>

#include "reference/evaluate.hpp"
#include "support/program_builder.hpp"

namespace vyre::test {

/// Runs the builder's program; `words` are the inputs, one list a buffer.
inline reference::Outcome evaluate(ProgramBuilder& builder,
                                   const std::vector<std::vector<std::uint32_t>>& words = {},
                                   const reference::Options& options = {}) {
  std::vector<Bytes> inputs;
  for (const auto& list : words) {
    Bytes bytes;
    for (const std::uint32_t word : list) append_le(bytes, word);
    inputs.push_back(std::move(bytes));
  }
  return reference::evaluate(builder.program, inputs, options);
}

inline std::vector<std::uint32_t> words_of(const Bytes& bytes) {
  std::vector<std::uint32_t> words;
  for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) {
    words.push_back(load_le<std::uint32_t>(bytes, at));
  }
  return words;
}

}  // namespace vyre::test

// What PROGRAM names in `vyre run` and `vyre record`: a program in a file, or a built-in op, which
// looks like a program whose buffers are those of the op. Main thread. Spec: docs/cli.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "library.hpp"
#include "op_catalogue.hpp"
#include "reduce.hpp"

namespace vyre::cli {

struct RunTarget {
  std::optional<v0::Program> program;            // none: a built-in op
  std::shared_ptr<const OpCatalogue> catalogue;  // with `builtin`
  const BuiltinOp* builtin{nullptr};
  std::vector<v0::ProgramBuffer> buffers;  // as it declares them

  /// The built-in op's name; empty for a program.
  [[nodiscard]] std::string builtin_name() const {
    return builtin == nullptr ? std::string() : builtin->info.name;
  }
  /// Of a built-in op's outputs, by the sizes of its inputs.
  [[nodiscard]] Result<std::vector<v0::OutputSize>> output_sizes(
      std::span<const std::uint64_t> input_bytes, std::uint32_t param) const {
    return catalogue->output_sizes(*builtin, input_bytes, param);
  }
};

/// `word`: the name of a built-in op, or a file; a file of such a name is given with a path. Where
/// it is neither, the error says which ops have names like it.
[[nodiscard]] Result<RunTarget> load_target(const std::string& word, v0::Profile profile,
                                            v0::Timeout timeout);

/// The bytes that a built-in op wants in place of those that were bound to one of its buffers: the
/// automaton of match.literals for the lines of its patterns.
[[nodiscard]] Result<Bytes> bytes_for_op(const RunTarget& target, const std::string& buffer,
                                         Bytes bound);

/// What of an op's outputs an item has written; `outputs`: all of them, in declaration order.
/// Refuses outputs that had no room for all results.
[[nodiscard]] Result<ByteSpan> written_part(const std::string& builtin,
                                            std::span<const ByteSpan> outputs, std::size_t index);

/// How the outputs of a built-in op for the chunks of a file become its output for the file: with
/// the op's own arithmetic, or none where they do not decide it: also where chunks overlap and what
/// two of them have would count twice. None for programs, which have no name here.
[[nodiscard]] Reduce default_reduce(const std::string& builtin, const std::string& output,
                                    std::uint32_t param, std::uint64_t overlap_bytes);
/// `rule` for this output, or why it would be a wrong answer of a built-in op.
[[nodiscard]] Result<Reduce> checked_reduce(const RunTarget& target, const std::string& output,
                                            Reduce rule, std::uint32_t param,
                                            std::uint64_t overlap_bytes);

}  // namespace vyre::cli

#include "run_target.hpp"

#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "base/message.hpp"
#include "program_file.hpp"
#include "shell.hpp"

namespace vyre::cli {
namespace {

constexpr std::string_view kMatch{"match.literals"};
constexpr std::string_view kSelect{"select.u32"};
constexpr std::string_view kAutomatonMagic{"VLIT"};
/// Of the header of match.literals, and of each hit.
constexpr std::uint64_t kHitBytes{16};

v0::ProgramBuffer buffer_of(const v0::OpBuffer& declared, v0::Role role) {
  v0::ProgramBuffer buffer;
  buffer.name = declared.name;
  buffer.role = role;
  buffer.element = declared.element;
  buffer.element_bytes = declared.element == VYRE_ELEMENT_U8    ? 1
                         : declared.element == VYRE_ELEMENT_U64 ? 8
                                                                : 4;
  buffer.length_bits = buffer.element_bytes * 8;
  return buffer;
}

RunTarget target_of(std::shared_ptr<const OpCatalogue> catalogue, const BuiltinOp& op) {
  RunTarget target;
  target.catalogue = std::move(catalogue);
  target.builtin = &op;
  for (const v0::OpBuffer& input : op.info.inputs)
    target.buffers.push_back(buffer_of(input, v0::Role::read));
  for (const v0::OpBuffer& output : op.info.outputs)
    target.buffers.push_back(buffer_of(output, v0::Role::output));
  return target;
}

}  // namespace

Result<RunTarget> load_target(const std::string& word, v0::Profile profile, v0::Timeout timeout) {
  // A name with a path is a file's, and so is standard input.
  if (word != "-" && word.find('/') == std::string::npos) {
    VYRE_ASSIGN(const auto catalogue, OpCatalogue::open());
    if (const BuiltinOp* const op = catalogue->find(word)) return target_of(catalogue, *op);
    const std::string near = catalogue->names_near(word);
    if (!near.empty() && ::access(word.c_str(), F_OK) != 0) {
      return fail(
          Errc::not_found,
          message("there is no file and no built-in op '{}'; near: {}; `vyre ops` lists the ops",
                  shown(word), near));
    }
  }
  RunTarget target;
  VYRE_ASSIGN(target.program, load_program(word, profile, timeout));
  VYRE_ASSIGN(target.buffers, taken(target.program->buffers()));
  return target;
}

Result<Bytes> bytes_for_op(const RunTarget& target, const std::string& buffer, Bytes bound) {
  if (target.builtin_name() != kMatch || buffer != target.builtin->info.inputs[1].name)
    return bound;
  std::string_view text(reinterpret_cast<const char*>(bound.data()), bound.size());
  if (text.starts_with(kAutomatonMagic)) return bound;
  std::vector<std::string_view> literals;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    literals.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  VYRE_ASSIGN(const v0::Blob automaton, taken(v0::compile_literals(literals)));
  return Bytes(automaton.bytes().begin(), automaton.bytes().end());
}

Result<ByteSpan> written_part(const std::string& builtin, std::span<const ByteSpan> outputs,
                              std::size_t index) {
  const ByteSpan all = outputs[index];
  if (builtin == kSelect && index == 0) {
    const std::uint64_t count = load_le<std::uint32_t>(outputs[1], 0);
    return all.first(std::min<std::uint64_t>(all.size(), count * 4));
  }
  if (builtin != kMatch) return all;
  const auto hits = load_le<std::uint64_t>(all, 0);
  const auto records = load_le<std::uint64_t>(all, 8);
  if (hits == records) return all.first(kHitBytes + records * kHitBytes);
  return fail(Errc::limit_exceeded,
              message("there are {} hits, and the output has room for {}; --count hits={} gives "
                      "it room for all",
                      hits, records, kHitBytes + hits * kHitBytes));
}

Reduce default_reduce(const std::string& builtin, const std::string& output, std::uint32_t param,
                      std::uint64_t overlap_bytes) {
  const std::string_view name = builtin;
  const auto of = [name](std::string_view text) { return name.starts_with(text); };
  if (of("reduce.min.")) return Reduce::min;
  if (of("reduce.max.")) return Reduce::max;
  if (overlap_bytes != 0) return Reduce::none;
  if (name == "histogram.u8" || of("reduce.sum.u32") || of("reduce.sum.i32")) return Reduce::sum32;
  // With a number of most bytes, each chunk would give so many.
  if (name == "mem.copy" && output == "target" && param == 0) return Reduce::concat;
  return Reduce::none;
}

Result<Reduce> checked_reduce(const RunTarget& target, const std::string& output, Reduce rule,
                              std::uint32_t param, std::uint64_t overlap_bytes) {
  if (target.builtin == nullptr || rule == Reduce::none) return rule;
  const Reduce own = default_reduce(target.builtin_name(), output, param, overlap_bytes);
  if (rule == own) return rule;
  // The counts of a chunk are right as they are; sums of numbers have wrapped in it already.
  if (rule == Reduce::sum && own == Reduce::sum32)
    return target.builtin_name() == "histogram.u8" ? rule : own;
  return fail(
      Errc::invalid_argument,
      message("'{}' of {} for a file does not follow from those of its chunks by {}; run it "
              "without {}, or give --reduce none for a row each",
              output, target.builtin_name(), reduce_name(rule),
              overlap_bytes == 0 ? "--chunk" : "--overlap, whose bytes count twice"));
}

}  // namespace vyre::cli

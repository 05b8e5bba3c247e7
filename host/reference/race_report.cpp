// What the race detector is told of a program's buffers before it starts, and its findings in
// words.
#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "race_watch.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/statements.hpp"

namespace vyre::reference {
namespace {

/// A statement in a message is cut behind so many bytes.
constexpr std::size_t kShownStatementBytes{80};

std::string what(const vir::Program& program, const Access& access) {
  const bool is_copy = program.nodes[access.node].tag != vir::NodeTag::Store;
  switch (access.kind) {
    case AccessKind::atomic:
      return "an atomic";
    case AccessKind::read:
      return access.expr != vir::kNone ? "a load" : "the read of a copy";
    case AccessKind::write:
      break;
  }
  return is_copy ? "the write of a copy" : "a store";
}

std::string place_of(const vir::SourceMap& places, const std::string& file, const Access& access) {
  const vir::SourcePlace place = places.of(access.node, access.expr);
  if (place.line == 0) return {};
  return message(" at {}{}", to_string(places, place, file),
                 vir::joined_steps(calls_to(places, place, file), ", "));
}

std::string describe(const vir::Program& program, const std::vector<std::uint32_t>& statements,
                     const vir::SourceMap& places, const std::string& file, const Access& access) {
  std::string text = vir::disassemble_statement(program, access.node);
  if (text.size() > kShownStatementBytes) text = text.substr(0, kShownStatementBytes) + "...";
  return message("{} by lane {} of workgroup {}{} (statement {}: {})", what(program, access),
                 access.lane, access.workgroup, place_of(places, file, access),
                 statements[access.node], text);
}

}  // namespace

std::vector<Watched> watch(const vir::Program& program, const Names& names,
                           std::span<const std::uint32_t> memory_of) {
  const std::size_t count = program.buffers.size();
  std::vector<bool> written(count, false);
  std::vector<bool> copied(count, false);  // from or to, so at any byte
  const auto set = [&](std::vector<bool>& flags, vir::Symbol name) {
    if (const std::uint32_t index = names.buffer[name]; index != vir::kNone) flags[index] = true;
  };
  for (const vir::NodeId id : vir::statements_in_order(program)) {
    const vir::Node& node = program.nodes[id];
    if (node.tag == vir::NodeTag::Store) set(written, node.name);
    if (node.tag == vir::NodeTag::AsyncLoad || node.tag == vir::NodeTag::AsyncStore) {
      set(copied, node.name);
      set(copied, node.name2);
      set(written, node.name2);
    }
  }
  (void)vir::any_expression(program, [&](const vir::Expr& expr) {
    if (expr.tag == vir::ExprTag::Atomic) set(written, expr.name);
    return false;
  });
  std::vector<Watched> watched(count);
  std::vector<bool> changes(count, false);  // by memory
  for (std::size_t i = 0; i < count; ++i) {
    watched[i].memory = memory_of.empty() ? static_cast<std::uint32_t>(i) : memory_of[i];
    if (written[i]) changes[watched[i].memory] = true;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t stride = vir::element_stride(program, program.buffers[i].element);
    constexpr std::uint64_t kAtomicBytes{4};  // and they begin at multiples of the stride too
    const std::uint64_t common = stride | kAtomicBytes;
    watched[i].granule =
        copied[i] || stride == 0 ? 1 : static_cast<std::uint32_t>(common & (~common + 1));
    watched[i].in_workgroup = program.buffers[i].access == vir::Access::Workgroup;
    watched[i].watched = changes[watched[i].memory];
  }
  return watched;
}

std::string to_string(const vir::Program& program, const vir::SourceMap& places,
                      const std::string& file, const Race& race) {
  const std::vector<std::uint32_t> statements = vir::statement_numbers(program);
  const vir::BufferDecl& buffer = program.buffers[race.later_buffer];
  std::string text = message("data race on '{}'", program.name(buffer.name));
  if (race.earlier_buffer != race.later_buffer) {
    text += message(" and '{}', which share their memory",
                    program.name(program.buffers[race.earlier_buffer].name));
  }
  text += message(", byte {}", race.offset);
  if (const std::uint64_t stride = vir::element_stride(program, buffer.element); stride > 1)
    text += message(" (element {})", race.offset / stride);
  text += message(": {}, and {}", describe(program, statements, places, file, race.earlier),
                  describe(program, statements, places, file, race.later));
  if (race.times > 1) text += message("; {} times", race.times);
  return text;
}

std::string shadow_exceeded() {
  return message(
      "the search for races notes more than {} bytes about this item's memory, so it was not "
      "searched whole; take a smaller input, or --chunk",
      kMaxRaceShadowBytes);
}

}  // namespace vyre::reference

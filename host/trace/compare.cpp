// Byte, ulp and status comparison, and the life of buffer contents. See compare.hpp.
#include "compare.hpp"

#include <algorithm>

#include "base/message.hpp"
#include "base/ulp.hpp"
#include "builtin/rules.hpp"
#include "protocol/fault_names.hpp"
#include "protocol/limits.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/transcendentals.hpp"

namespace vyre::trace {
namespace {

constexpr std::size_t kShownBytes{16};

/// The buffers that a handle names; `handle` must outlive the result.
std::span<const std::uint32_t> members(const TraceState& state, const std::uint32_t& handle) {
  if (handle == 0) return {};
  const auto* set = state.set(handle);
  return set == nullptr ? std::span<const std::uint32_t>(&handle, 1)
                        : std::span<const std::uint32_t>(*set);
}

/// Refused before it touched a byte.
bool never_ran(const MegakernelWorkItem& item, const Ending& ending) noexcept {
  if (ending.status != CompletionStatus::faulted) return false;
  switch (ending.fault.code) {
    case FaultCode::bad_binding:
    case FaultCode::unknown_op:
    case FaultCode::unknown_handle:
      return true;
    case FaultCode::bad_operation:  // a built-in's param; a program meets it on its way
      return item.op_handle < kFirstUserOp;
    default:
      return false;
  }
}

}  // namespace

std::optional<std::uint64_t> first_difference(ByteSpan expected, ByteSpan actual,
                                              std::uint32_t ulp) {
  const std::size_t common = std::min(expected.size(), actual.size());
  std::size_t at = 0;
  while (at < common) {
    constexpr std::size_t kPiece{4'096};
    const std::size_t n = std::min(kPiece, common - at);
    if (std::memcmp(expected.data() + at, actual.data() + at, n) == 0) {
      at += n;
      continue;
    }
    for (const std::size_t end = at + n; at < end;) {
      const bool element = ulp != 0 && at % 4 == 0 && at + 4 <= common;
      if (element && ulp_distance(load_le<std::uint32_t>(expected, at),
                                  load_le<std::uint32_t>(actual, at)) <= ulp) {
        at += 4;
      } else if (!element && expected[at] == actual[at]) {
        ++at;
      } else {
        return at;
      }
    }
  }
  if (expected.size() != actual.size()) return common;
  return std::nullopt;
}

std::string hex_at(ByteSpan bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return "(end)";
  return to_hex(bytes.subspan(offset, std::min<std::size_t>(kShownBytes, bytes.size() - offset)));
}

bool same_ending(const Ending& a, const Ending& b) noexcept {
  if (a.status != b.status) return false;
  if (a.status == CompletionStatus::done) return true;
  // Completions carry the low half of the workgroup index.
  return a.fault.code == b.fault.code &&
         static_cast<std::uint32_t>(a.fault.workgroup) ==
             static_cast<std::uint32_t>(b.fault.workgroup) &&
         a.fault.lane == b.fault.lane && a.fault.statement == b.fault.statement;
}

std::string to_string(const Ending& ending) {
  std::string text(status_name(ending.status));
  if (ending.status == CompletionStatus::done) return text;
  text += message(" ({}", fault_name(ending.fault.code));
  if (ending.status == CompletionStatus::faulted) {
    text += message(" at workgroup {}, lane {}, statement {}",
                    static_cast<std::uint32_t>(ending.fault.workgroup), ending.fault.lane,
                    ending.fault.statement);
  }
  text += ')';
  return text;
}

void WriteTracker::define(std::uint32_t op, const vir::Program& program) {
  const bool transcendental = vir::uses_transcendentals(program);
  Op made;
  for (const vir::BufferDecl& buffer : program.buffers) {
    const vir::BufferRole role = vir::role_of(buffer);
    if (role == vir::BufferRole::workgroup) continue;
    BufferRule rule;
    rule.writes = vir::is_returned(role);
    rule.tolerant =
        rule.writes && transcendental && program.types[buffer.element].tag == vir::TypeTag::F32;
    if (role == vir::BufferRole::allocated)
      rule.exact_bytes = vir::required_bytes(program, buffer).value_or(0);
    (vir::takes_input(role) ? made.inputs : made.outputs).push_back(rule);
  }
  ops_[op] = std::move(made);
}

void WriteTracker::item(const MegakernelWorkItem& item, std::uint64_t ordinal, const Ending& ending,
                        const TraceState& state, std::vector<std::uint32_t>& written) {
  if (item.op_handle == static_cast<std::uint32_t>(builtin::Op::nop) || never_ran(item, ending))
    return;
  const auto inputs = members(state, item.input_handle);
  const auto outputs = members(state, item.output_handle);
  const auto op = ops_.find(item.op_handle);
  const bool fill = item.op_handle == static_cast<std::uint32_t>(builtin::Op::mem_fill);
  const bool copy = item.op_handle == static_cast<std::uint32_t>(builtin::Op::mem_copy);

  bool unspecified = ending.status != CompletionStatus::done;
  if (!fill) {
    for (const std::uint32_t handle : inputs)
      unspecified = unspecified || buffer(handle).unspecified;
  }
  const auto write = [&](std::uint32_t handle, bool whole, bool tolerant) {
    Buffer& b = buffers_[handle];
    b.last_item = ordinal;
    b.written = true;
    b.unspecified = unspecified || (b.unspecified && !whole);
    b.tolerant = tolerant || (b.tolerant && !whole);
    written.push_back(handle);
  };
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TraceState::Buffer* real = state.buffer(outputs[i]);
    const std::uint64_t size = real == nullptr ? 0 : real->bytes;
    if (op != ops_.end() && i < op->second.outputs.size()) {
      const BufferRule& rule = op->second.outputs[i];
      write(outputs[i], rule.exact_bytes >= size, rule.tolerant);
    } else if (fill) {
      write(outputs[i], true, false);
    } else if (!copy) {  // built-in ops: what lies behind the result stays, and may be unspecified
      write(outputs[i], false, false);
    } else {  // mem.copy: what it copies is as tolerant as its source
      const TraceState::Buffer* source = inputs.size() == 1 ? state.buffer(inputs[0]) : nullptr;
      const bool whole =
          source != nullptr && source->bytes >= size && (item.param == 0 || item.param >= size);
      write(outputs[i], whole, inputs.size() == 1 && buffer(inputs[0]).tolerant);
    }
  }
  if (op == ops_.end()) return;
  for (std::size_t i = 0; i < inputs.size() && i < op->second.inputs.size(); ++i) {
    const BufferRule& rule = op->second.inputs[i];
    if (rule.writes) write(inputs[i], false, rule.tolerant);
  }
}

void WriteTracker::targets(const MegakernelWorkItem& item, const TraceState& state,
                           std::vector<std::uint32_t>& out) const {
  if (item.op_handle == static_cast<std::uint32_t>(builtin::Op::nop)) return;
  for (const std::uint32_t handle : members(state, item.output_handle)) out.push_back(handle);
  const auto op = ops_.find(item.op_handle);
  if (op == ops_.end()) return;
  const auto inputs = members(state, item.input_handle);
  for (std::size_t i = 0; i < inputs.size() && i < op->second.inputs.size(); ++i) {
    if (op->second.inputs[i].writes) out.push_back(inputs[i]);
  }
}

void WriteTracker::overwritten(std::uint32_t handle, bool whole) {
  const auto found = buffers_.find(handle);
  if (found == buffers_.end() || !whole) return;
  found->second.unspecified = false;
  found->second.tolerant = false;
}

WriteTracker::Buffer WriteTracker::buffer(std::uint32_t handle) const {
  const auto found = buffers_.find(handle);
  return found == buffers_.end() ? Buffer{} : found->second;
}

}  // namespace vyre::trace

// Built-in ops on a worker: looks the item's buffers up and hands them to the plain form of the op.
// What an op means, and which items it refuses, is not decided here: docs/ops.md.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "builtin/ops.hpp"
#include "builtin/twins.hpp"
#include "fast_forms.hpp"
#include "literal_units.hpp"
#include "split_ops.hpp"
#include "worker.hpp"

namespace vyre::cpu {
namespace {

/// One more than any op takes, so that too many are seen without gathering them all.
using Buffers = std::array<builtin::Buffer, builtin::kMaxOpBuffers + 1>;

/// An op over no more bytes, whose items lately were quicker than the time, is over before another
/// worker would be awake.
constexpr std::uint64_t kShortBytes{std::uint64_t{16} << 10};
constexpr std::uint32_t kShortNs{20'000};

/// What the item read and wrote, if its op does nothing else and so goes as fast as memory does.
std::uint64_t moved_bytes(const MegakernelWorkItem& item, std::span<const builtin::Buffer> inputs,
                          std::span<const builtin::Buffer> outputs) {
  if (item.op_handle == static_cast<std::uint32_t>(builtin::Op::mem_fill)) return outputs[0].bytes;
  if (item.op_handle != static_cast<std::uint32_t>(builtin::Op::mem_copy)) return 0;
  const std::uint64_t most = item.param == 0 ? inputs[0].bytes : item.param;
  return 2 * std::min({most, inputs[0].bytes, outputs[0].bytes});
}

/// Nothing: the op has no form of its own for buffers that are not cut.
std::optional<FaultCode> run_fast(builtin::Op op, std::span<const builtin::Buffer> inputs,
                                  std::span<const builtin::Buffer> outputs,
                                  const builtin::StopWord& stop) {
  if (op == builtin::Op::hash_crc32c) {
    const std::uint32_t crc = crc32c({inputs[0].data, inputs[0].bytes});
    std::memcpy(outputs[0].data, &crc, sizeof crc);
    return FaultCode::none;
  }
  if (op != builtin::Op::select_u32) return std::nullopt;
  const std::uint64_t words = std::min(inputs[0].bytes / 4, inputs[1].bytes);
  const std::uint64_t room = outputs[0].bytes / 4;
  std::uint64_t kept = 0;
  const auto select = [&](std::uint64_t begin, std::uint64_t end) {
    const std::uint64_t used = std::min(kept, room);
    kept += select_words(inputs[0].data + begin * 4, inputs[1].data + begin, end - begin,
                         outputs[0].data + used * 4, room - used);
  };
  if (!builtin::in_pieces(words, builtin::kPieceBytes / 4, stop, select))
    return FaultCode::shutdown;
  const auto count = static_cast<std::uint32_t>(kept);
  std::memcpy(outputs[1].data, &count, sizeof count);
  return FaultCode::none;
}

}  // namespace

FaultCode Worker::run_form(const MegakernelWorkItem& item, std::span<const builtin::Buffer> inputs,
                           std::span<const builtin::Buffer> outputs,
                           builtin::LiteralMatcher* literals) {
  if (const FaultCode why = builtin::refusal(item.op_handle, inputs, outputs, item.param);
      why != FaultCode::none)
    return why;
  const auto op = static_cast<builtin::Op>(item.op_handle);
  const std::uint32_t workers = state_.options.workers;
  FaultCode why = FaultCode::none;
  if (op == builtin::Op::match_literals && workers != 1) {
    if (const auto cut = LiteralUnits::of(inputs, outputs, literals, &state_.stop_running)) {
      why = run_split(*cut);
      if (why == FaultCode::none) why = cut->fault();
      if (why != FaultCode::none || !cut->gave_up()) return why;
    }
  }
  if (const auto cut = split(op, inputs, outputs, item.param, workers)) {
    why = run_split(*cut);
    if (workers != 1) return why;  // its time is not that of one worker
  } else if (const auto ran = run_fast(op, inputs, outputs, &state_.stop_running)) {
    why = *ran;
  } else {
    why = builtin::run_passed(item.op_handle, inputs, outputs, item.param, &state_.stop_running,
                              literals);
  }
  if (why == FaultCode::none) moved_bytes_ = moved_bytes(item, inputs, outputs);
  return why;
}

FaultCode Worker::run_split(SplitOp& op) {
  for (std::uint32_t phase = 0; phase < op.phases(); ++phase) {
    const std::uint64_t units = op.units(phase);
    if (units == 0) continue;
    auto item = std::make_shared<SpreadItem>();
    item->op = &op;
    item->phase = phase;
    item->total = units;
    if (const Fault fault = run_shared(item, units > 1); fault.code != FaultCode::none)
      return fault.code;
  }
  op.finish();
  return FaultCode::none;
}

FaultCode Worker::run_builtin(const MegakernelWorkItem& item, const OpRecord& op) {
  bool known = true;
  std::uint64_t bytes = 0;
  files_.clear();
  const auto gather = [&](const std::uint32_t& handle, Buffers& buffers) {
    const auto list = state_.memory.members(handle, known);
    const std::size_t count = std::min(list.size(), buffers.size());
    for (std::size_t i = 0; i < count; ++i) {
      const MemoryEntry* entry = state_.memory.find(list[i]);
      known = known && entry != nullptr && entry->kind != MemoryEntry::Kind::set;
      if (!known) break;
      buffers[i] = {entry->data, entry->bytes, entry->handle,
                    entry->kind == MemoryEntry::Kind::file};
      bytes += entry->bytes;
      if (entry->file) files_.push_back(entry->file.get());
    }
    return std::span<const builtin::Buffer>(buffers.data(), count);
  };
  Buffers input_buffers;
  Buffers output_buffers;
  const auto inputs = gather(item.input_handle, input_buffers);
  const auto outputs = gather(item.output_handle, output_buffers);
  if (!known) return FaultCode::unknown_handle;
  builtin::LiteralMatcher* literals = nullptr;
  if (inputs.size() == 2) {
    const std::uint32_t patterns = state_.memory.members(item.input_handle, known)[1];
    literals = state_.memory.find(patterns)->literals.get();
  }
  if (bytes > kShortBytes || op.estimate_ns.load(std::memory_order_relaxed) > kShortNs)
    flush_before_long_work();
  if (const FaultCode why = run_form(item, inputs, outputs, literals); why != FaultCode::none)
    return why;
  for (const platform::MappedFile* file : files_) {
    if (!file->intact()) return FaultCode::io_error;
  }
  return FaultCode::none;
}

}  // namespace vyre::cpu

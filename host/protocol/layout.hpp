// The layout of every protocol structure as a walk, so that host and device can print it and
// compare. Host and device; no allocation. test/layout compares the host's print with
// test/golden/layout.txt; a kernel prints the same walk through a sink of its own. Spec:
// docs/internals/protocol.md.
//
// A Sink has type(name, size, alignment), field(type, name, offset, size) and constant(name,
// value).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/host_device.hpp"
#include "protocol/completion.hpp"
#include "protocol/io_request.hpp"
#include "protocol/ring.hpp"
#include "protocol/work_item.hpp"

namespace vyre {

template <class Sink>
VYRE_HD void describe_layout(Sink& sink) {
#define VYRE_LAYOUT_TYPE(T) sink.type(#T, sizeof(T), alignof(T))
#define VYRE_LAYOUT_FIELD(T, member) sink.field(#T, #member, offsetof(T, member), sizeof(T::member))
#define VYRE_LAYOUT_CONSTANT(name) sink.constant(#name, static_cast<std::uint64_t>(name))
  VYRE_LAYOUT_TYPE(MegakernelWorkItem);
  VYRE_LAYOUT_FIELD(MegakernelWorkItem, op_handle);
  VYRE_LAYOUT_FIELD(MegakernelWorkItem, input_handle);
  VYRE_LAYOUT_FIELD(MegakernelWorkItem, output_handle);
  VYRE_LAYOUT_FIELD(MegakernelWorkItem, param);
  VYRE_LAYOUT_TYPE(Completion);
  VYRE_LAYOUT_FIELD(Completion, head);
  VYRE_LAYOUT_FIELD(Completion, position_low);
  VYRE_LAYOUT_FIELD(Completion, workgroup);
  VYRE_LAYOUT_FIELD(Completion, lane);
  VYRE_LAYOUT_TYPE(RingSlot);
  VYRE_LAYOUT_FIELD(RingSlot, word);
  VYRE_LAYOUT_TYPE(RingPosition);
  VYRE_LAYOUT_FIELD(RingPosition, position);
  VYRE_LAYOUT_FIELD(RingPosition, reserved);
  VYRE_LAYOUT_TYPE(ProducerWords);
  VYRE_LAYOUT_FIELD(ProducerWords, tail);
  VYRE_LAYOUT_FIELD(ProducerWords, reserved0);
  VYRE_LAYOUT_FIELD(ProducerWords, limit_cache);
  VYRE_LAYOUT_FIELD(ProducerWords, reserved1);
  VYRE_LAYOUT_TYPE(IoRequestLine);
  VYRE_LAYOUT_FIELD(IoRequestLine, lap);
  VYRE_LAYOUT_FIELD(IoRequestLine, op);
  VYRE_LAYOUT_FIELD(IoRequestLine, source);
  VYRE_LAYOUT_FIELD(IoRequestLine, destination);
  VYRE_LAYOUT_FIELD(IoRequestLine, tag);
  VYRE_LAYOUT_FIELD(IoRequestLine, queue);
  VYRE_LAYOUT_FIELD(IoRequestLine, offset);
  VYRE_LAYOUT_FIELD(IoRequestLine, length);
  VYRE_LAYOUT_FIELD(IoRequestLine, order);
  VYRE_LAYOUT_FIELD(IoRequestLine, reserved);
  VYRE_LAYOUT_FIELD(IoRequestLine, commit);
  VYRE_LAYOUT_TYPE(IoCompletionLine);
  VYRE_LAYOUT_FIELD(IoCompletionLine, lap);
  VYRE_LAYOUT_FIELD(IoCompletionLine, status);
  VYRE_LAYOUT_FIELD(IoCompletionLine, error_number);
  VYRE_LAYOUT_FIELD(IoCompletionLine, data_line);
  VYRE_LAYOUT_FIELD(IoCompletionLine, bytes_done);
  VYRE_LAYOUT_FIELD(IoCompletionLine, offset);
  VYRE_LAYOUT_FIELD(IoCompletionLine, tag);
  VYRE_LAYOUT_FIELD(IoCompletionLine, skip);
  VYRE_LAYOUT_FIELD(IoCompletionLine, submitted_ns);
  VYRE_LAYOUT_FIELD(IoCompletionLine, done_ns);
  VYRE_LAYOUT_FIELD(IoCompletionLine, reserved);
  VYRE_LAYOUT_TYPE(IoQueueHead);
  VYRE_LAYOUT_FIELD(IoQueueHead, heartbeat);
  VYRE_LAYOUT_FIELD(IoQueueHead, broken);
  VYRE_LAYOUT_FIELD(IoQueueHead, reserved);
  VYRE_LAYOUT_TYPE(AliasPlace);
  VYRE_LAYOUT_FIELD(AliasPlace, data);
  VYRE_LAYOUT_FIELD(AliasPlace, bytes);

  VYRE_LAYOUT_CONSTANT(kSlotPhaseBit);
  VYRE_LAYOUT_CONSTANT(kSlotFlagsShift);
  VYRE_LAYOUT_CONSTANT(kSlotFlagsMask);
  VYRE_LAYOUT_CONSTANT(kSlotOpMask);
  VYRE_LAYOUT_CONSTANT(kCompletionPhaseBit);
  VYRE_LAYOUT_CONSTANT(kRingClosedBit);
  VYRE_LAYOUT_CONSTANT(kQueueFlagNone);
  VYRE_LAYOUT_CONSTANT(kQueueFlagAfterPrevious);
  VYRE_LAYOUT_CONSTANT(kQueueFlagAfterAll);
  VYRE_LAYOUT_CONSTANT(kQueueFlagAbandoned);
  VYRE_LAYOUT_CONSTANT(kIoLines);
  VYRE_LAYOUT_CONSTANT(kIoRequestBytes);
  VYRE_LAYOUT_CONSTANT(kIoBlock);
  VYRE_LAYOUT_CONSTANT(kIoLineDataBytes);
  VYRE_LAYOUT_CONSTANT(kMaxAliases);
  VYRE_LAYOUT_CONSTANT(IngestLayout::kHead);
  VYRE_LAYOUT_CONSTANT(IngestLayout::kRequests);
  VYRE_LAYOUT_CONSTANT(IngestLayout::kCompletions);
  VYRE_LAYOUT_CONSTANT(IngestLayout::kAliases);
  VYRE_LAYOUT_CONSTANT(IngestLayout::kLineData);
  VYRE_LAYOUT_CONSTANT(IngestLayout::kStreams);
  VYRE_LAYOUT_CONSTANT(IoRequestOp::none);
  VYRE_LAYOUT_CONSTANT(IoRequestOp::read);
  VYRE_LAYOUT_CONSTANT(IoRequestOp::fence);
  VYRE_LAYOUT_CONSTANT(IoStatus::ok);
  VYRE_LAYOUT_CONSTANT(IoStatus::end_of_file);
  VYRE_LAYOUT_CONSTANT(IoStatus::error);
  VYRE_LAYOUT_CONSTANT(IoStatus::cancelled);
  VYRE_LAYOUT_CONSTANT(IoStatus::rejected);
  VYRE_LAYOUT_CONSTANT(IoStatus::timeout);
  VYRE_LAYOUT_CONSTANT(CompletionStatus::done);
  VYRE_LAYOUT_CONSTANT(CompletionStatus::faulted);
  VYRE_LAYOUT_CONSTANT(CompletionStatus::cancelled);
  VYRE_LAYOUT_CONSTANT(FaultCode::none);
  VYRE_LAYOUT_CONSTANT(FaultCode::trap);
  VYRE_LAYOUT_CONSTANT(FaultCode::fuel_exhausted);
  VYRE_LAYOUT_CONSTANT(FaultCode::i32_division_by_zero);
  VYRE_LAYOUT_CONSTANT(FaultCode::i32_division_overflow);
  VYRE_LAYOUT_CONSTANT(FaultCode::bad_index);
  VYRE_LAYOUT_CONSTANT(FaultCode::cast_out_of_range);
  VYRE_LAYOUT_CONSTANT(FaultCode::type_mismatch);
  VYRE_LAYOUT_CONSTANT(FaultCode::divergent_barrier);
  VYRE_LAYOUT_CONSTANT(FaultCode::barrier_deadlock);
  VYRE_LAYOUT_CONSTANT(FaultCode::async_misuse);
  VYRE_LAYOUT_CONSTANT(FaultCode::id_overflow);
  VYRE_LAYOUT_CONSTANT(FaultCode::unbound_variable);
  VYRE_LAYOUT_CONSTANT(FaultCode::bad_operation);
  VYRE_LAYOUT_CONSTANT(FaultCode::bad_binding);
  VYRE_LAYOUT_CONSTANT(FaultCode::unknown_op);
  VYRE_LAYOUT_CONSTANT(FaultCode::unknown_handle);
  VYRE_LAYOUT_CONSTANT(FaultCode::io_error);
  VYRE_LAYOUT_CONSTANT(FaultCode::shutdown);
  VYRE_LAYOUT_CONSTANT(FaultCode::wall_time);
  VYRE_LAYOUT_CONSTANT(FaultCode::worker_lost);
  VYRE_LAYOUT_CONSTANT(FaultCode::abandoned);
  VYRE_LAYOUT_CONSTANT(FaultCode::copy_limit);
  VYRE_LAYOUT_CONSTANT(FaultCode::out_of_memory);
  VYRE_LAYOUT_CONSTANT(FaultCode::cancelled);
#undef VYRE_LAYOUT_TYPE
#undef VYRE_LAYOUT_FIELD
#undef VYRE_LAYOUT_CONSTANT
}

}  // namespace vyre

#include "chunk_stream.hpp"

#include "base/message.hpp"
#include "protocol/fault_names.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::cli {

Result<ChunkStream> ChunkStream::open(runtime::Session& session, runtime::OpHandle op,
                                      StreamPlan plan, FileSource files) {
  runtime::StreamOptions options;
  options.chunk_bytes = plan.chunk_bytes;
  options.overlap_bytes = plan.overlap_bytes;
  options.param = plan.invocations;
  options.max_in_flight = plan.max_in_flight;
  options.inputs = plan.inputs;
  options.outputs = plan.outputs;
  VYRE_ASSIGN(runtime::Stream stream, session.stream(std::move(files), op, options));
  return ChunkStream(std::move(plan), std::move(stream));
}

Result<StreamedItem> ChunkStream::wait_for(std::uint64_t file, std::uint64_t chunk,
                                           Deadline deadline) {
  stream_.skip_to(file, chunk);  // what was late is waited for no more
  auto next = stream_.next(deadline);
  if (!next) {
    Error error = std::move(next).error();
    if (error.code == Errc::deadline_exceeded) error.message = "it did not end within --timeout";
    return tl::unexpected<Error>(std::move(error));
  }
  if (*next == nullptr)
    return fail(Errc::internal, "the stream ended before the last of its files");
  const runtime::StreamResult& result = **next;
  if (result.chunk.file != file || (!result.error && result.chunk.index != chunk)) {
    return fail(Errc::internal,
                message("the stream gave chunk {} of file {} in place of chunk {} of file {}",
                        result.chunk.index, result.chunk.file, chunk, file));
  }
  StreamedItem item;
  item.offset = result.chunk.offset;
  item.last = result.chunk.last || result.error.has_value();
  item.input_failed = result.error.has_value();
  item.outputs = outputs_of(result);
  return item;
}

Result<std::vector<ByteSpan>> ChunkStream::outputs_of(const runtime::StreamResult& result) const {
  if (result.error) return tl::unexpected<Error>(*result.error);
  if (result.status != CompletionStatus::done)
    return tl::unexpected<Error>(error_of(result.status, result.fault));
  if (result.outputs.size() != plan_.returned.size()) {
    return fail(Errc::internal, message("the stream gave {} outputs of {}", result.outputs.size(),
                                        plan_.returned.size()));
  }
  std::vector<ByteSpan> outputs;
  outputs.reserve(plan_.returned.size());
  for (std::size_t i = 0; i < plan_.returned.size(); ++i) {
    const ByteSpan whole = result.outputs[i];
    const vir::ByteRange range = vir::returned_range(*plan_.returned[i], whole.size());
    outputs.push_back(whole.subspan(range.start, range.end - range.start));
  }
  return outputs;
}

Error error_of(CompletionStatus status, const Fault& fault) {
  const bool faulted = status == CompletionStatus::faulted;
  std::string text(fault_name(fault.code));
  if (faulted) {
    text += message(" at workgroup {}, lane {}, statement {}", fault.workgroup, fault.lane,
                    fault.statement);
  }
  return {faulted ? Errc::faulted : Errc::cancelled, std::move(text), kNoOffset, 0, 0, 0};
}

}  // namespace vyre::cli

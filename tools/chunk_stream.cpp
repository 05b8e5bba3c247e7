#include "chunk_stream.hpp"

#include <algorithm>

#include "protocol/fault_names.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::cli {
namespace {

/// What keeping the result of one chunk takes, with what it costs beside its bytes.
std::uint64_t kept_bytes(const std::vector<runtime::StreamOutput>& outputs) {
  std::uint64_t sum = sizeof(StreamedItem);
  for (const runtime::StreamOutput& output : outputs) sum += sizeof(Bytes) + output.bytes;
  return sum;
}

}  // namespace

Result<ChunkStream> ChunkStream::open(runtime::Session& session, runtime::OpHandle op,
                                      StreamPlan plan, FileSource files) {
  runtime::StreamOptions options;
  options.chunk_bytes = plan.chunk_bytes;
  options.overlap_bytes = plan.overlap_bytes;
  options.param = plan.invocations;
  options.in_order = false;
  options.max_in_flight = plan.max_in_flight;
  options.max_ahead = std::max<std::uint64_t>(plan.early_bytes / kept_bytes(plan.outputs), 1);
  options.inputs = plan.inputs;
  options.outputs = plan.outputs;
  VYRE_ASSIGN(runtime::Stream stream, session.stream(std::move(files), op, options));
  return ChunkStream(std::move(plan), std::move(stream));
}

StreamedItem ChunkStream::take(std::map<Place, StreamedItem>::iterator at) {
  StreamedItem item = std::move(at->second);
  early_.erase(at);
  return item;
}

Result<StreamedItem> ChunkStream::wait_for(std::uint64_t file, std::uint64_t chunk,
                                           runtime::Deadline deadline) {
  stream_.skip_to(file, chunk);  // what was late is waited for no more, also by the stream
  while (true) {
    while (!early_.empty() && early_.begin()->first < Place(file, chunk)) take(early_.begin());
    auto found = early_.find({file, chunk});
    if (found == early_.end()) found = early_.find({file, kFileFailed});
    if (found != early_.end()) return take(found);
    VYRE_TRY(receive(deadline));
  }
}

Status ChunkStream::receive(runtime::Deadline deadline) {
  auto next = stream_.next(deadline);
  if (!next) {
    Error error = std::move(next).error();
    if (error.code == Errc::deadline_exceeded) error.message = "it did not end within --timeout";
    return tl::unexpected<Error>(std::move(error));
  }
  if (*next == nullptr)
    return fail(Errc::internal, "the stream ended before the last of its files");
  const runtime::StreamResult& result = **next;
  StreamedItem item;
  item.offset = result.chunk.offset;
  item.last = result.chunk.last || result.error.has_value();
  item.input_failed = result.error.has_value();
  if (result.error) {
    item.outputs = tl::unexpected<Error>(*result.error);
  } else if (result.status != CompletionStatus::done) {
    item.outputs = tl::unexpected<Error>(error_of(result.status, result.fault));
  } else if (result.outputs.size() != plan_.returned.size()) {
    return fail(Errc::internal, "the stream gave " + std::to_string(result.outputs.size()) +
                                    " outputs of " + std::to_string(plan_.returned.size()));
  } else {
    for (std::size_t i = 0; i < plan_.returned.size(); ++i) {
      const ByteSpan whole = result.outputs[i];
      const vir::ByteRange range = vir::returned_range(*plan_.returned[i], whole.size());
      item.outputs->emplace_back(whole.begin() + static_cast<std::ptrdiff_t>(range.start),
                                 whole.begin() + static_cast<std::ptrdiff_t>(range.end));
    }
  }
  const Place place(result.chunk.file, item.input_failed ? kFileFailed : result.chunk.index);
  early_.insert_or_assign(place, std::move(item));
  return {};
}

Error error_of(CompletionStatus status, const Fault& fault) {
  const bool faulted = status == CompletionStatus::faulted;
  std::string text(fault_name(fault.code));
  if (faulted) {
    text += " at workgroup " + std::to_string(fault.workgroup) + ", lane " +
            std::to_string(fault.lane) + ", statement " + std::to_string(fault.statement);
  }
  return {faulted ? Errc::faulted : Errc::cancelled, std::move(text), kNoOffset, 0, 0, 0};
}

}  // namespace vyre::cli

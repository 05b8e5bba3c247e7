#include "chunk_stream.hpp"

#include "base/message.hpp"

namespace vyre::cli {

Result<ChunkStream> ChunkStream::open(v0::Queue& queue, v0::Op op, const v0::StreamOptions& how,
                                      const std::optional<v0::Program>& program,
                                      std::vector<const v0::ProgramBuffer*> returned,
                                      FileSource files) {
  VYRE_ASSIGN(v0::Stream stream, taken(queue.stream(std::move(files), op, how)));
  return ChunkStream(program, std::move(returned), std::move(stream));
}

Result<StreamedItem> ChunkStream::wait_for(std::uint64_t file, std::uint64_t chunk,
                                           v0::Timeout timeout) {
  stream_.skip_to(file, chunk);  // what was late is waited for no more
  auto next = taken(stream_.next(timeout));
  if (!next) {
    Error error = std::move(next).error();
    if (error.code == Errc::deadline_exceeded) error.message = "it did not end within --timeout";
    return tl::unexpected<Error>(std::move(error));
  }
  if (!*next) return fail(Errc::internal, "the stream ended before the last of its files");
  const v0::Chunk& result = **next;
  const auto failed = result.error();
  if (result.file() != file || (!failed && result.index() != chunk)) {
    return fail(Errc::internal,
                message("the stream gave chunk {} of file {} in place of chunk {} of file {}",
                        result.index(), result.file(), chunk, file));
  }
  StreamedItem item;
  item.offset = result.offset();
  item.bytes = result.size_bytes();
  item.seen = result.seen_bytes();
  item.last = result.last() || failed.has_value();
  item.input_failed = failed.has_value();
  if (failed) {
    item.outputs = tl::unexpected<Error>(error_of(*failed));
  } else {
    item.outputs = outputs_of(result);
  }
  return item;
}

Result<std::vector<ByteSpan>> ChunkStream::outputs_of(const v0::Chunk& chunk) const {
  if (!chunk.result().done()) return tl::unexpected<Error>(error_of(chunk.result(), program_));
  if (chunk.outputs() != returned_.size()) {
    return fail(Errc::internal,
                message("the stream gave {} outputs of {}", chunk.outputs(), returned_.size()));
  }
  std::vector<ByteSpan> outputs;
  outputs.reserve(returned_.size());
  for (std::size_t i = 0; i < returned_.size(); ++i)
    outputs.push_back(returned_[i]->result_of(chunk.output(i)));
  return outputs;
}

}  // namespace vyre::cli

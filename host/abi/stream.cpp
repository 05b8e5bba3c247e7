// Streams: files in chunks, results as the C ABI shows them.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/message.hpp"
#include "bound.hpp"
#include "queue.hpp"
#include "runtime/stream.hpp"
#include "structures.hpp"
#include "taken.hpp"

/// One thread at a time is in a call (`taken`). What callers see of the last result lives here
/// until the next call.
struct vyre_stream {
  vyre_stream(vyre::abi::SessionReference of, vyre::runtime::Stream opened)
      : session(std::move(of)), engine(std::move(opened)) {}

  vyre::abi::SessionReference session;
  vyre::runtime::Stream engine;
  std::atomic<bool> taken{false};
  vyre_chunk chunk{};
  std::vector<vyre_span> outputs;
  std::unique_ptr<vyre_error, void (*)(vyre_error*)> error{nullptr, vyre_error_free};
};

namespace vyre::abi {
namespace {

Result<runtime::StreamOptions> engine_options(const vyre_session& session, std::uint32_t queue,
                                              const vyre_stream_options& from) {
  VYRE_TRY(read_named(from.options, from.option_count, {}, {}));
  VYRE_TRY(given_array(from.inputs, from.input_count, "inputs"));
  VYRE_TRY(given_array(from.outputs, from.output_count, "outputs"));
  constexpr std::uint32_t kKnown = VYRE_STREAM_AS_THEY_COME | VYRE_STREAM_KEEP_BYTES;
  if ((from.flags & ~kKnown) != 0) {
    return fail(Errc::unsupported,
                message("flags {} are not all known: VYRE_STREAM_AS_THEY_COME and "
                        "VYRE_STREAM_KEEP_BYTES are",
                        from.flags));
  }
  runtime::StreamOptions to;
  if (from.chunk_bytes != 0) to.chunk_bytes = from.chunk_bytes;
  to.overlap_bytes = from.overlap_bytes;
  to.in_order = (from.flags & VYRE_STREAM_AS_THEY_COME) == 0;
  to.keep_bytes = (from.flags & VYRE_STREAM_KEEP_BYTES) != 0;
  to.param = from.param;
  to.queue = queue;
  to.max_in_flight = from.max_in_flight;
  to.max_ahead = from.max_ahead;
  for (std::size_t i = 0; i < from.input_count; ++i) {
    to.inputs.emplace_back();
    if (from.inputs[i] == 0) continue;
    VYRE_ASSIGN(to.inputs.back(), session.handles.find(from.inputs[i]));
  }
  for (std::size_t i = 0; i < from.output_count; ++i) {
    to.outputs.push_back({from.outputs[i].bytes, {}});
    if (from.outputs[i].shared == 0) continue;
    if (from.outputs[i].bytes != 0) {
      return fail(Errc::invalid_argument,
                  message("output {} has {} bytes of its own and a shared buffer; give one of both",
                          i, from.outputs[i].bytes));
    }
    VYRE_ASSIGN(to.outputs.back().shared, session.handles.find(from.outputs[i].shared));
  }
  switch (from.place) {
    case VYRE_PLACE_AUTO:
      to.place = runtime::ChunkPlace::automatic;
      break;
    case VYRE_PLACE_IN_PLACE:
      to.place = runtime::ChunkPlace::in_place;
      break;
    case VYRE_PLACE_DEVICE:
      to.place = runtime::ChunkPlace::device;
      break;
    default:
      return fail(Errc::invalid_argument,
                  message("place is {}: use a VYRE_PLACE_ constant", from.place));
  }
  return to;
}

Status open_stream(vyre_queue* queue, runtime::FileSource files, vyre_op op,
                   const vyre_stream_options* options, vyre_stream** stream) {
  vyre_session& session = *queue->session;
  VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_stream_options"));
  VYRE_ASSIGN(const std::uint32_t number, op_number(session, op));
  VYRE_ASSIGN(const auto how, engine_options(session, queue->number, wanted));
  VYRE_ASSIGN(runtime::Stream opened,
              session.engine.stream(std::move(files), runtime::OpHandle{number}, how));
  *stream = new vyre_stream(SessionReference(session), std::move(opened));
  return {};
}

/// What callers see of a result, until the next call.
const vyre_chunk* show(vyre_stream& stream, const runtime::StreamResult& result) {
  stream.outputs.clear();
  for (const ByteSpan output : result.outputs) {
    stream.outputs.push_back({output.data(), output.size()});
  }
  stream.error.reset(result.error ? make_error(*result.error) : nullptr);
  vyre_chunk& chunk = stream.chunk;
  chunk.struct_size = sizeof(vyre_chunk);
  chunk.status = static_cast<std::uint32_t>(result.status);
  chunk.file = result.chunk.file;
  chunk.index = result.chunk.index;
  chunk.offset = result.chunk.offset;
  chunk.bytes = result.chunk.bytes;
  chunk.seen_bytes = result.chunk.seen_bytes;
  chunk.last = result.chunk.last ? 1 : 0;
  chunk.code = static_cast<std::uint32_t>(result.fault.code);
  chunk.workgroup = result.fault.workgroup;
  chunk.lane = result.fault.lane;
  chunk.statement = result.fault.statement;
  chunk.path = result.path.c_str();
  chunk.error = stream.error.get();
  chunk.outputs = stream.outputs.data();
  chunk.output_count = stream.outputs.size();
  chunk.data = {result.bytes.data(), result.bytes.size()};
  return &chunk;
}

Result<const vyre_chunk*> next(vyre_stream& stream, vyre_ns timeout) {
  const Waits waits(stream.session->deadline(timeout));
  VYRE_ASSIGN(const runtime::StreamResult* result,
              waits.run([&](Deadline until) { return stream.engine.next(until); }));
  return result == nullptr ? nullptr : show(stream, *result);
}

Status for_each(vyre_stream& stream, vyre_sink sink, void* context, vyre_ns timeout) {
  for (;;) {
    VYRE_ASSIGN(const vyre_chunk* chunk, next(stream, timeout));
    if (chunk == nullptr) return {};
    if (const std::int32_t answer = sink(context, chunk); answer != 0) {
      Error stopped{Errc::cancelled, message("the sink ended the loop with {}", answer)};
      stopped.detail = answer;
      return tl::unexpected<Error>(std::move(stopped));
    }
  }
}

/// A call that is alone on a stream.
template <class Work>
vyre_error* alone(const char* call, vyre_stream* stream, const Work& work) noexcept {
  return guarded(call, [&]() -> Status {
    VYRE_TRY(given(stream, "stream"));
    VYRE_TRY(usable(&*stream->session));
    const Taken taken(stream->taken);
    if (taken) return work();
    return fail(Errc::busy, "another call is under way on this stream; wait for it");
  });
}

}  // namespace
}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_stream_open(vyre_queue* queue, const char* const* files, size_t count, vyre_op op,
                             const vyre_stream_options* options, vyre_stream** stream) {
  return guarded("vyre_stream_open", [&]() -> Status {
    VYRE_TRY(usable(queue));
    VYRE_TRY(given(stream, "stream"));
    VYRE_ASSIGN(auto paths, read_paths(files, count, "files"));
    runtime::FileSource source = [paths = std::move(paths),
                                  at = std::size_t{0}]() mutable -> std::optional<std::string> {
      if (at == paths.size()) return std::nullopt;
      return std::move(paths[at++]);
    };
    return open_stream(queue, std::move(source), op, options, stream);
  });
}

vyre_error* vyre_stream_open_paths(vyre_queue* queue, vyre_next_path next_path, void* context,
                                   vyre_op op, const vyre_stream_options* options,
                                   vyre_stream** stream) {
  return guarded("vyre_stream_open_paths", [&]() -> Status {
    VYRE_TRY(usable(queue));
    VYRE_TRY(given(reinterpret_cast<const void*>(next_path), "next_path"));
    VYRE_TRY(given(stream, "stream"));
    runtime::FileSource source = [next_path, context]() -> std::optional<std::string> {
      const char* path = next_path(context);
      if (path == nullptr) return std::nullopt;
      return std::string(path);
    };
    return open_stream(queue, std::move(source), op, options, stream);
  });
}

vyre_error* vyre_stream_next(vyre_stream* stream, vyre_ns timeout, const vyre_chunk** chunk) {
  return alone("vyre_stream_next", stream, [&]() -> Status {
    VYRE_TRY(given(chunk, "chunk"));
    VYRE_ASSIGN(*chunk, next(*stream, timeout));
    return {};
  });
}

vyre_error* vyre_stream_for_each(vyre_stream* stream, vyre_sink sink, void* context,
                                 vyre_ns timeout) {
  return alone("vyre_stream_for_each", stream, [&]() -> Status {
    VYRE_TRY(given(reinterpret_cast<const void*>(sink), "sink"));
    return for_each(*stream, sink, context, timeout);
  });
}

void vyre_stream_cancel(vyre_stream* stream) {
  if (stream != nullptr && !stream->session->forked()) stream->engine.cancel();
}

void vyre_stream_skip_to(vyre_stream* stream, uint64_t file, uint64_t chunk) {
  if (stream != nullptr && !stream->session->forked()) stream->engine.skip_to(file, chunk);
}

vyre_error* vyre_stream_describe(vyre_stream* stream, vyre_stream_progress* progress) {
  return guarded("vyre_stream_describe", [&]() -> Status {
    VYRE_TRY(given(stream, "stream"));
    VYRE_TRY(usable(&*stream->session));
    VYRE_TRY(given(progress, "progress"));
    VYRE_TRY(check_output(progress, "vyre_stream_progress"));
    const runtime::StreamProgress now = stream->engine.progress();
    write_output(progress, vyre_stream_progress{0, 0, now.files_opened, now.files_ended,
                                                now.files_failed, now.chunks_read, now.chunks_ended,
                                                now.bytes_opened, now.bytes_read});
    return {};
  });
}

void vyre_stream_free(vyre_stream* stream) {
  if (stream == nullptr) return;
  // In a forked child the threads that it waits for are missing: the memory stays.
  if (stream->session->forked()) return;
  quietly([stream] { delete stream; });
}

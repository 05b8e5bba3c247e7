// See stream_shape.hpp.
#include "stream_shape.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "base/message.hpp"
#include "builtin/rules.hpp"

namespace vyre::runtime {
Result<StreamShape> StreamShape::make(StreamHost& host, OpHandle op, const StreamOptions& options) {
  StreamShape shape;
  VYRE_ASSIGN(shape.plan, ChunkPlan::make(options.chunk_bytes, options.overlap_bytes));
  VYRE_ASSIGN(const OpInfo info, host.op_info(op));
  shape.op = op;
  shape.param = options.param;
  shape.inputs = options.inputs;
  shape.outputs = options.outputs;
  shape.builtin = info.builtin;
  shape.recorded = host.observed();
  shape.device = host.on_device();
  shape.copy_chunks = shape.device && options.place == ChunkPlace::device && !shape.recorded;
  VYRE_TRY(shape.check_inputs(host, info));
  VYRE_TRY(shape.check_outputs(host, info));
  return shape;
}

Status StreamShape::check_inputs(StreamHost& host, const OpInfo& info) {
  const auto& wanted = info.signature.inputs;
  if (inputs.empty()) inputs.push_back(Handle{});
  // `nop` takes no buffers and looks at none: a stream of it only reads.
  const std::size_t count = builtin && wanted.empty() ? 1 : wanted.size();
  if (inputs.size() != count) {
    return fail(Errc::invalid_argument, message("op '{}' takes {} inputs, the stream names {}; "
                                                "list all of them, with Handle{{}} for the chunk",
                                                info.name, wanted.size(), inputs.size()));
  }
  std::optional<std::size_t> chunk;
  for (std::size_t i = 0; i < count; ++i) {
    if (inputs[i].id != 0) {
      if (auto alive = host.buffer_bytes(inputs[i]); !alive) {
        Error error = std::move(alive).error();
        error.message = message("input {} of the stream: {}", i, error.message);
        return tl::unexpected<Error>(std::move(error));
      }
      continue;
    }
    if (chunk) {
      return fail(Errc::invalid_argument,
                  message("inputs {} and {} of the stream are both the chunk (Handle{{}}); one of "
                          "them has to be a buffer",
                          *chunk, i));
    }
    chunk = i;
  }
  if (!chunk) {
    return fail(Errc::invalid_argument,
                "no input of the stream is the chunk; give BufferRef{} (in C 0) in its place");
  }
  if (*chunk < wanted.size() && wanted[*chunk].read_write) {
    return fail(
        Errc::invalid_argument,
        message("op '{}' writes its input '{}' in place; streams feed inputs that are only read",
                info.name, wanted[*chunk].name));
  }
  return {};
}

Status StreamShape::check_outputs(StreamHost& host, const OpInfo& info) {
  const auto& wanted = info.signature.outputs;
  if (outputs.empty() && op.id == static_cast<std::uint32_t>(builtin::Op::match_literals))
    outputs.push_back({host.hit_bytes(), {}});
  if (outputs.empty() && builtin && !wanted.empty()) {
    return fail(
        Errc::invalid_argument,
        message("op '{}' has outputs without a declared size; say in outputs how long each is",
                info.name));
  }
  if (outputs.empty()) {
    for (const auto& output : wanted) outputs.push_back({output.min_bytes, {}});
  }
  if (outputs.size() != wanted.size()) {
    return fail(Errc::invalid_argument, message("op '{}' has {} outputs, the stream names {}",
                                                info.name, wanted.size(), outputs.size()));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    std::uint64_t bytes = outputs[i].bytes;
    if (outputs[i].shared.id != 0) {
      auto alive = host.buffer_bytes(outputs[i].shared);
      if (!alive) {
        Error error = std::move(alive).error();
        error.message = message("output {} of the stream: {}", i, error.message);
        return tl::unexpected<Error>(std::move(error));
      }
      bytes = *alive;
    } else {
      if (__builtin_add_overflow(own_bytes, bytes, &own_bytes) || own_bytes > std::uint64_t{1}
                                                                                  << 48) {
        return fail(Errc::limit_exceeded, "the outputs of one item have more than 2^48 bytes");
      }
      own_bytes = up_to(own_bytes, kResultAlign);
    }
    if (bytes < wanted[i].min_bytes) {
      return fail(Errc::invalid_argument,
                  message("output {} of the stream ('{}') has {} bytes; op '{}' needs {}", i,
                          wanted[i].name, bytes, info.name, wanted[i].min_bytes));
    }
  }
  return {};
}

Status StreamShape::claim_memory(StreamHost& host, std::uint32_t max_in_flight) {
  if (max_in_flight > kMaxStreamItems) {
    return fail(Errc::invalid_argument,
                message("max_in_flight is {}: choose at most {}, or 0 for what memory allows",
                        max_in_flight, kMaxStreamItems));
  }
  const std::uint64_t wanted = max_in_flight != 0 ? max_in_flight : kMaxStreamItems;
  // A direct read is rounded out to blocks on both sides.
  buffer_bytes = up_to(plan.chunk_bytes(), kIoBlock) + 2 * kIoBlock;
  const std::uint64_t result_bytes = device && !recorded ? own_bytes : 0;
  const std::uint64_t least = buffer_bytes + up_to(result_bytes, kIoBlock);
  const std::uint64_t most = host.space().largest();
  const auto claimed = least > most
                           ? std::nullopt
                           : host.space().claim(least, wanted * (buffer_bytes + result_bytes));
  if (!claimed) {
    return fail(
        Errc::out_of_memory,
        message("chunks of {} bytes{} need {} bytes of ingest memory in one piece; {} are free of "
                "ingest_bytes {}; raise ingest_bytes, end other streams or make chunks smaller",
                plan.chunk_bytes(),
                result_bytes != 0 ? message(" with results of {}", result_bytes) : "", least, most,
                host.ingest_bytes()));
  }
  space = *claimed;
  std::uint64_t chunks = wanted;
  std::uint64_t results_bytes = 0;
  if (result_bytes != 0) {
    // As many chunks as full ones fit, or, for many small files, a quarter of the memory.
    const std::uint64_t full = space.bytes / (buffer_bytes + result_bytes);
    chunks = std::clamp<std::uint64_t>(space.bytes / 4 / result_bytes,
                                       std::max<std::uint64_t>(full, 1), wanted);
    while (chunks > 1 && up_to(chunks * result_bytes, kIoBlock) + buffer_bytes > space.bytes)
      --chunks;
    results_bytes = up_to(chunks * result_bytes, kIoBlock);
  } else if (own_bytes != 0) {
    // Outputs outside ingest memory are bounded by it as well, but two can always overlap.
    chunks = std::min(chunks, std::max<std::uint64_t>(2, space.bytes / own_bytes));
  }
  most_in_flight = static_cast<std::uint32_t>(std::min(chunks, wanted));
  results = {space.offset, results_bytes};
  buffers = {space.offset + results_bytes, space.bytes - results_bytes};
  return {};
}

}  // namespace vyre::runtime

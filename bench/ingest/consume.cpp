#include "ingest/consume.hpp"

#include <array>

#include "builtin/literals_layout.hpp"
#include "builtin/ops.hpp"
#include "vir/text/text.hpp"

namespace vyre::bench {
namespace {

enum Op : std::uint32_t {
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) symbol = id,
#include "protocol/op_table.def"
};

builtin::Buffer input(ByteSpan bytes, std::uint32_t handle) {
  return {const_cast<std::uint8_t*>(bytes.data()), bytes.size(), handle, true};
}

}  // namespace

std::uint32_t crc32c(ByteSpan bytes) {
  std::uint32_t sum = 0;
  const builtin::Buffer in = input(bytes, 1);
  const builtin::Buffer out{reinterpret_cast<std::uint8_t*>(&sum), sizeof sum, 2, false};
  (void)builtin::run(hash_crc32c, {&in, 1}, {&out, 1}, 0);
  return sum;
}

std::uint64_t literal_hits(ByteSpan text, ByteSpan blob) {
  std::array<std::uint64_t, 2 + 2 * 64> hits{};
  const std::array<builtin::Buffer, 2> in{input(text, 1), input(blob, 2)};
  const builtin::Buffer out{reinterpret_cast<std::uint8_t*>(hits.data()), sizeof hits, 3, false};
  (void)builtin::run(match_literals, in, {&out, 1}, 0);
  return hits[0];
}

Consumer crc_consumer(std::uint64_t expected) {
  Consumer consumer;
  consumer.op = "hash.crc32c";
  consumer.outputs = {{4, {}}};
  consumer.value = [](ByteSpan out) { return load_le<std::uint32_t>(out, 0); };
  consumer.expected = expected;
  return consumer;
}

Consumer literals_consumer(ByteSpan blob, std::uint32_t records, std::uint64_t expected) {
  Consumer consumer;
  consumer.op = "match.literals";
  consumer.outputs = {{sizeof(builtin::LiteralHits) + records * sizeof(builtin::LiteralHit), {}}};
  consumer.second_input = blob;
  consumer.value = [](ByteSpan out) { return load_le<std::uint64_t>(out, 0); };
  consumer.expected = expected;
  return consumer;
}

Result<runtime::OpHandle> op_of(runtime::Session& session, const Consumer& consumer) {
  if (consumer.program.empty()) return session.find_op(consumer.op);
  VYRE_ASSIGN(const vir::Program program, vir::assemble(consumer.program));
  return session.register_program("bench", program);
}

Result<Took> stream_lap(runtime::Session& session, const StreamPlan& plan,
                        const Consumer& consumer) {
  const auto until = after(std::chrono::seconds{static_cast<int>(kStreamSeconds)});
  VYRE_ASSIGN(const runtime::OpHandle op, op_of(session, consumer));
  runtime::StreamOptions options;
  options.chunk_bytes = plan.chunk_bytes;
  options.in_order = false;
  options.param = consumer.param;
  options.place = plan.place;
  options.max_in_flight = plan.max_in_flight;
  options.outputs = consumer.outputs;
  runtime::Handle second{};
  if (!consumer.second_input.empty()) {
    VYRE_ASSIGN(second, session.upload(consumer.second_input));
    options.inputs = {runtime::Handle{}, second};
  }
  std::uint64_t bytes = 0;
  std::uint64_t sum = 0;
  VYRE_ASSIGN(const Took took, timed([&]() -> Status {
                VYRE_ASSIGN(auto stream, session.stream(plan.files.paths, op, options));
                for (;;) {
                  VYRE_ASSIGN(const runtime::StreamResult* result, stream.next(until));
                  if (result == nullptr) return {};
                  if (result->error) return tl::unexpected<Error>(*result->error);
                  if (result->status != CompletionStatus::done || result->outputs.empty())
                    return fail(Errc::faulted, "an item over '" + result->path + "' was not done");
                  bytes += result->chunk.bytes;
                  sum += consumer.value(result->outputs[0]);
                }
              }));
  if (second.id != 0) VYRE_TRY(session.release(second, until));
  if (bytes != plan.files.total())
    return fail(Errc::mismatch, "the stream ended after " + std::to_string(bytes) + " bytes");
  if (sum != consumer.expected)
    return fail(Errc::mismatch, "the results add up to " + std::to_string(sum) + ", not to " +
                                    std::to_string(consumer.expected));
  return took;
}

}  // namespace vyre::bench

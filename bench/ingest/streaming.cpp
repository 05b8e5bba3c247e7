// Large files, from the page cache (tier C) or by O_DIRECT after the cache was dropped (tier A), in
// chunks of 1 MiB, 32 under way, into the same amount of memory. In turns: the bare ring, the pump
// alone, read() and read() + memcpy by one thread, a Session's stream with a program that looks at
// 64 words of a chunk, and with hash.crc32c. Inside the timed region: the first read until the last
// chunk or result is there; opening rings and sessions is outside. The rows named cpu/... say
// processor seconds of all threads. What bounds the stream with hash.crc32c is the hash over memory
// by all processors, a contestant as well.
#include <atomic>
#include <cstring>
#include <thread>

#include "ingest/bare_ring.hpp"
#include "ingest/consume.hpp"
#include "ingest/pump_lap.hpp"
#include "platform/host_info.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint32_t kTouches{64};

/// One word of every 16 KiB of a chunk.
Consumer touch_consumer(const FileSet& files, const Contents& contents, const Shape& shape) {
  Consumer consumer;
  consumer.program =
      "workgroup 64, 1, 1;\n"
      "buffer x: u32[] read_only;\n"
      "buffer y: u32[64] read_write output;\n"
      "region \"touch\" { y[lid.x] = x[lid.x * 4096u]; }\n";
  consumer.param = kTouches;
  consumer.outputs = {{4 * kTouches, {}}};
  consumer.value = [](ByteSpan out) {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < kTouches; ++i) sum += load_le<std::uint32_t>(out, 4 * i);
    return sum;
  };
  for (std::size_t file = 0; file < files.paths.size(); ++file) {
    for (std::uint64_t at = 0; at < files.bytes_each; at += shape.chunk_bytes / kTouches)
      consumer.expected += contents.word(files.first + file, at);
  }
  return consumer;
}

/// Calls `use(chunk)` for all chunks, on all processors.
template <class Use>
void for_chunks(const FileSet& files, std::uint64_t chunk_bytes, const Use& use) {
  std::vector<Chunk> chunks;
  ChunkWalk walk(files, chunk_bytes);
  while (const auto chunk = walk.next()) chunks.push_back(*chunk);
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    // Relaxed: which thread takes which is all that it decides.
    for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < chunks.size();)
      use(chunks[i]);
  };
  std::vector<std::thread> others;
  for (std::uint32_t i = 1; i < platform::logical_cpus(); ++i) others.emplace_back(run);
  run();
  for (std::thread& thread : others) thread.join();
}

std::uint64_t crc_sum(const FileSet& files, const Contents& contents, std::uint64_t chunk_bytes) {
  std::atomic<std::uint64_t> sum{0};
  for_chunks(files, chunk_bytes, [&](const Chunk& chunk) {
    thread_local Bytes bytes;
    bytes.resize(chunk.bytes);
    contents.fill(files.first + chunk.file, chunk.offset, bytes);
    sum += crc32c(bytes);
  });
  return sum;
}

Result<Took> crc_over_memory(const FileSet& files, const Segments& segments) {
  return timed([&]() -> Status {
    std::atomic<std::uint64_t> sum{0};
    for_chunks(files, segments.shape().chunk_bytes, [&](const Chunk& chunk) {
      const std::uint64_t segment = chunk.offset / kMiB % segments.shape().depth;
      sum += crc32c(segments.segment(segment).first(chunk.bytes));
    });
    if (sum == 0) return fail(Errc::mismatch, "all checksums of the segments are 0");
    return {};
  });
}

/// read() by one thread; `copy`: into a buffer of its own and from there into the segments.
Result<Took> read_lap(const FileSet& files, const Contents& contents, const Segments& segments,
                      bool copy) {
  VYRE_ASSIGN(const OpenFiles open, OpenFiles::open(files, 0));
  Bytes buffer(segments.shape().chunk_bytes);
  Ledger ledger(files, contents, segments);
  ChunkWalk walk(files, segments.shape().chunk_bytes);
  std::size_t segment = 0;
  VYRE_ASSIGN(const Took took, timed([&]() -> Status {
                while (const auto chunk = walk.next()) {
                  segment = (segment + 1) % segments.shape().depth;
                  std::uint8_t* into = copy ? buffer.data() : segments.segment(segment).data();
                  const ssize_t n = ::read(open[chunk->file], into, chunk->bytes);
                  if (n != static_cast<ssize_t>(chunk->bytes)) return wrong_chunk(*chunk);
                  if (copy) std::memcpy(segments.segment(segment).data(), into, chunk->bytes);
                  if (!ledger.landed(segment, *chunk, 0)) return wrong_chunk(*chunk);
                }
                return {};
              }));
  VYRE_TRY(ledger.check());
  return took;
}

/// The tier that is meant, or where the system refuses io_uring the pool of threads.
Result<ingest::TierChoice> tier_here(bool direct, const FileSet& files, const Segments& segments) {
  ingest::PumpOptions options;
  options.tier = direct ? ingest::TierChoice::direct_fixed : ingest::TierChoice::buffered;
  const auto pump = ingest::Pump::start(options, segments.memory());
  const auto file = ingest::File::open(files.paths[0], options.tier);
  if (pump && file) return options.tier;
  if (direct) return tl::unexpected<Error>(pump ? file.error() : pump.error());
  return ingest::TierChoice::thread_pool;
}

}  // namespace

Status stream_section(const Settings& settings, const RowSink& sink, bool direct) {
  const Contents contents;
  const FileSet files = settings.some_large();
  const Shape shape;
  VYRE_ASSIGN(Segments segments, Segments::make(shape));
  VYRE_TRY(warm_up(files));
  VYRE_ASSIGN(const ingest::TierChoice tier, tier_here(direct, files, segments));
  const Consumer touch = touch_consumer(files, contents, shape);
  const Consumer crc = crc_consumer(crc_sum(files, contents, shape.chunk_bytes));

  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cpu;
  options.ingest_bytes = shape.session_bytes();
  options.ingest_tier = tier;
  VYRE_ASSIGN(runtime::Session session, runtime::Session::open(options));
  const StreamPlan plan{files, shape.chunk_bytes, runtime::ChunkPlace::automatic, shape.depth};
  const auto cold = [&](const std::function<Result<Took>()>& lap) {
    return [&, lap]() -> Result<Took> {
      if (direct) VYRE_TRY(drop_cached(files));
      return lap();
    };
  };
  const auto pump_alone_with = [&](bool parallel_copies) -> Result<Took> {
    std::memset(segments.memory().data(), 0, IngestLayout::kStreams);
    ingest::PumpOptions pump_options;
    pump_options.parallel_copies = parallel_copies;
    pump_options.tier = tier;
    pump_options.depth = shape.depth;
    VYRE_ASSIGN(const auto pump, ingest::Pump::start(pump_options, segments.memory()));
    return pump_lap(*pump, files, contents, segments, tier);
  };
  const auto pump_alone = [&] { return pump_alone_with(ingest::PumpOptions{}.parallel_copies); };
  enum : std::size_t { bare, pump, touched, hashed, copied, plain, hash, one_thread };
  std::vector<Contestant> contestants{
      {"io_uring READ_FIXED, bare",
       cold([&] { return bare_ring_lap(files, contents, segments, direct); })},
      {"pump alone", cold(pump_alone)},
      {"stream, 64 words of a chunk", cold([&] { return stream_lap(session, plan, touch); })},
      {"stream, hash.crc32c", cold([&] { return stream_lap(session, plan, crc); })},
      {"read() + memcpy", cold([&] { return read_lap(files, contents, segments, true); })},
      {"read()", cold([&] { return read_lap(files, contents, segments, false); })},
      {"crc32c over memory, all processors", [&] { return crc_over_memory(files, segments); }},
  };
  std::vector<std::size_t> timed_ways{pump, touched, hashed, copied, plain};
  if (!direct) {  // direct reads copy nothing
    contestants.push_back(
        {"pump alone, its thread copies", [&] { return pump_alone_with(false); }});
    timed_ways.insert(timed_ways.begin() + 1, one_thread);
  }
  const auto all = take_turns(contestants, settings.laps, settings.seconds);
  const double gigabytes = static_cast<double>(files.total()) * 1e-9;
  const std::string section = direct ? "stream_direct" : "stream_warm";
  for (const std::size_t ours : timed_ways) {
    std::vector<std::size_t> baselines{bare, copied, plain};
    if (ours == hashed) baselines.push_back(hash);
    Row row = rate_row(section, "GB/s", gigabytes, all, ours, baselines);
    if (ours == pump || ours == one_thread || ours == touched) {
      row.goal = 0.95;
      row.goal_is_ratio = true;
    }
    row.details.emplace_back("tier_E", tier == ingest::TierChoice::thread_pool ? 1 : 0);
    sink.add(row);
  }
  for (const std::size_t ours : timed_ways)
    sink.add(cpu_row(section, "s/GB", gigabytes, all, ours, bare));
  return {};
}

}  // namespace vyre::bench

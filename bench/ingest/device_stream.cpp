// Large files out of the page cache through the resident kernel, match.literals with 100 words as
// the consumer, chunks of 256 KiB, 1 MiB and 4 MiB, read where they landed or copied to the device
// first. Inside the timed region: from Session::stream until its end; every lap's hits are compared
// with those known beforehand. In turns with them: the pump alone at the same chunk size (what
// storage gives). Before the kernel is there: pinned memory read by all multiprocessors and copied
// by the engine (what the link gives). Between: the same items over buffers in device memory (what
// the consumer takes).
#include <cstring>

#include "ingest/consume.hpp"
#include "ingest/pump_lap.hpp"
#include "support/device.hpp"
#include "support/zero_copy.hpp"

namespace vyre::bench {
namespace {

using runtime::ChunkPlace;
using runtime::Handle;
using runtime::Session;

constexpr std::array<Shape, 3> kShapes{{{256 * 1'024, 64}, {kMiB, 64}, {4 * kMiB, 32}}};
constexpr std::uint64_t kResidentBytes{64 * kMiB};
constexpr int kLinkRuns{7};

std::uint32_t records_of(std::uint64_t chunk_bytes) {
  return static_cast<std::uint32_t>(32 + chunk_bytes / kMiB * 64);
}

/// Segments that the device can read, as long as this lives.
class Pinned {
 public:
  [[nodiscard]] static Result<Pinned> make(MutableByteSpan memory) {
    Pinned made;
    VYRE_TRY(check(cudaHostRegister(memory.data(), memory.size(), cudaHostRegisterDefault),
                   "pinning the bench's segments"));
    made.memory_.reset(memory.data());
    return made;
  }

 private:
  struct Unregister {
    void operator()(std::uint8_t* memory) const noexcept { (void)cudaHostUnregister(memory); }
  };
  std::unique_ptr<std::uint8_t, Unregister> memory_;
};

LinkRates link_rates(const Segments& segments, const Contents& contents) {
  const auto pinned = Pinned::make(segments.memory());
  if (!pinned) {
    const tl::unexpected<Error> why(pinned.error());
    return {why, why};
  }
  const std::uint64_t bytes = segments.memory().size() / kBlockBytes * kBlockBytes;
  contents.fill(0, 0, segments.memory().first(bytes));
  return measure_link(segments.memory().first(bytes), kLinkRuns);
}

Status finish(Session& session, std::uint64_t expected) {
  VYRE_ASSIGN(const auto drained, session.wait_all(after(std::chrono::seconds{10})));
  if (drained.ended < expected || drained.not_done != 0)
    return fail(Errc::faulted, "an item over resident bytes was not done");
  return {};
}

/// Bytes/s of match.literals over buffers in device memory, all of them under way together.
Result<double> resident_rate(Session& session, const Contents& contents, const Bytes& blob,
                             std::uint64_t chunk_bytes, int laps) {
  const auto soon = after(std::chrono::seconds{10});
  VYRE_ASSIGN(const runtime::OpHandle op, session.find_op("match.literals"));
  VYRE_ASSIGN(const Handle words, session.upload(blob));
  std::vector<Handle> handles{words};
  std::vector<Handle> hits;
  std::vector<MegakernelWorkItem> items;
  Bytes text(chunk_bytes);
  for (std::uint64_t at = 0; at < kResidentBytes; at += chunk_bytes) {
    contents.fill(0, at, text);
    VYRE_ASSIGN(const Handle chunk, session.upload(text));
    VYRE_ASSIGN(const Handle both, session.bind(std::array{chunk, words}));
    VYRE_ASSIGN(const Handle out, session.allocate(16 + 16 * records_of(chunk_bytes)));
    items.push_back({op.id, both.id, out.id, 0});
    handles.insert(handles.begin(), {both, chunk});
    hits.push_back(out);
  }
  constexpr int kRounds{16};
  std::vector<double> seconds;
  for (int lap = 0; lap <= laps; ++lap) {
    const auto start = Clock::now();
    for (int round = 0; round < kRounds; ++round) {
      if (session.submit_many(items, soon).accepted != items.size())
        return fail(Errc::queue_full, "an item over resident bytes was refused");
      // Before the next round: items that write the same hits would wait for each other.
      VYRE_TRY(finish(session, items.size()));
    }
    if (lap > 0) seconds.push_back(seconds_since(start));
  }
  for (std::size_t i = 0; i < hits.size(); ++i) {
    VYRE_ASSIGN(const Bytes found, session.download(hits[i], soon));
    if (load_le<std::uint64_t>(found, 0) != contents.hits(0, i * chunk_bytes, chunk_bytes))
      return fail(Errc::mismatch, "other hits over resident bytes than there are");
  }
  handles.insert(handles.end(), hits.begin(), hits.end());
  for (const Handle handle : handles) VYRE_TRY(session.release(handle, soon));
  return static_cast<double>(kResidentBytes) * kRounds / median(seconds);
}

Result<double> in_gigabytes(const Result<double>& rate) {
  if (!rate) return tl::unexpected<Error>(rate.error());
  return *rate * 1e-9;
}

}  // namespace

void describe_device(const RowSink& sink) {
  const auto names = device_names();
  if (!names) return;
  sink.fact("device", names->device);
  sink.fact("driver_cuda", names->driver);
}

Status device_stream_section(const Settings& settings, const RowSink& sink) {
  const Contents contents;
  const FileSet files = settings.large();
  VYRE_TRY(warm_up(files));
  VYRE_ASSIGN(const Bytes blob, contents.literals());
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < files.paths.size(); ++i)
    hits += contents.hits(files.first + i, 0, files.bytes_each);

  std::vector<Segments> segments;
  for (const Shape& shape : kShapes) {
    VYRE_ASSIGN(Segments made, Segments::make(shape));
    segments.push_back(std::move(made));
  }
  const LinkRates link = link_rates(segments.back(), contents);

  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cuda;
  options.ingest_bytes = kShapes.back().session_bytes();
  VYRE_ASSIGN(Session session, Session::open(options));
  const auto pump_alone = [&](const Segments& own) -> Result<Took> {
    std::memset(own.memory().data(), 0, IngestLayout::kStreams);
    ingest::PumpOptions pump_options;
    pump_options.depth = own.shape().depth;
    VYRE_ASSIGN(const auto pump, ingest::Pump::start(pump_options, own.memory()));
    return pump_lap(*pump, files, contents, own, pump_options.tier);
  };
  std::vector<Consumer> consumers;
  for (const Shape& shape : kShapes)
    consumers.push_back(literals_consumer(blob, records_of(shape.chunk_bytes), hits));
  std::vector<Contestant> contestants;
  for (std::size_t s = 0; s < kShapes.size(); ++s) {
    contestants.push_back({"pump alone", [&, s] { return pump_alone(segments[s]); }});
    for (const ChunkPlace place : {ChunkPlace::in_place, ChunkPlace::device}) {
      const Shape shape = kShapes[s];
      const std::string where = place == ChunkPlace::device ? "device" : "in_place";
      contestants.push_back(
          {where + "/chunk:" + std::to_string(shape.chunk_bytes), [&, s, shape, place] {
             return stream_lap(session, {files, shape.chunk_bytes, place, shape.depth},
                               consumers[s]);
           }});
    }
  }
  std::vector<Result<double>> resident;
  for (const Shape& shape : kShapes)
    resident.push_back(resident_rate(session, contents, blob, shape.chunk_bytes, settings.laps));
  const auto all = take_turns(contestants, settings.laps, settings.seconds);

  const double gigabytes = static_cast<double>(files.total()) * 1e-9;
  const auto zero_copy = in_gigabytes(link.zero_copy);
  const auto engine = in_gigabytes(link.copy_engine);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t s = i / 3;
    const std::size_t pump = s * 3;
    if (i == pump) continue;
    Row row = rate_row("device_stream", "GB/s", gigabytes, all, i, std::array{pump});
    row.baselines.push_back(Number("link: read by all multiprocessors", zero_copy));
    row.baselines.push_back(Number("link: copy engine", engine));
    row.baselines.push_back(Number("match.literals, resident", in_gigabytes(resident[s])));
    if (row.baselines[0].value && zero_copy && engine) {
      const double bound = std::min(*row.baselines[0].value, std::max(*zero_copy, *engine));
      row.baselines.insert(row.baselines.begin(), Number("slower of storage and link", bound));
      row.goal = 0.9;
      row.goal_is_ratio = true;
    }
    sink.add(row);
    sink.add(cpu_row("device_stream", "s/GB", gigabytes, all, i, pump));
  }
  return session.close();
}

}  // namespace vyre::bench

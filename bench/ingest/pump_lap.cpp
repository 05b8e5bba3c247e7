#include "ingest/pump_lap.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace vyre::bench {
namespace {

constexpr std::chrono::seconds kPatience{10};  // for any one read

class Ends final : public ingest::ReadSink {
 public:
  void ended(const ingest::ReadResult& result) noexcept override {
    {
      const std::lock_guard lock(mutex_);
      ends_.push_back(result);  // never more than the segments: reserved below
    }
    some_.notify_one();
  }
  explicit Ends(std::size_t segments) {
    ends_.reserve(segments);
    taken_.reserve(segments);
  }
  /// Those that came meanwhile; empty: none within kPatience.
  const std::vector<ingest::ReadResult>& wait() {
    taken_.clear();
    std::unique_lock lock(mutex_);
    (void)some_.wait_for(lock, kPatience, [this] { return !ends_.empty(); });
    taken_.swap(ends_);
    return taken_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable some_;
  std::vector<ingest::ReadResult> ends_;
  std::vector<ingest::ReadResult> taken_;
};

}  // namespace

Result<Took> pump_lap(ingest::Pump& pump, const FileSet& files, const Contents& contents,
                      const Segments& segments, ingest::TierChoice tier) {
  std::vector<std::shared_ptr<const ingest::File>> open;
  for (const std::string& path : files.paths) {
    VYRE_ASSIGN(auto file, ingest::File::open(path, tier));
    open.push_back(std::move(file));
  }
  const std::uint32_t depth = segments.shape().depth;
  Ends ends(depth);
  Ledger ledger(files, contents, segments);
  ChunkWalk walk(files, segments.shape().chunk_bytes);
  std::vector<Chunk> under_way(depth);
  std::vector<ingest::ReadRequest> requests;
  std::uint32_t reading = 0;
  const auto begin = [&](std::size_t segment) {
    const auto chunk = walk.next();
    if (!chunk) return;
    under_way[segment] = *chunk;
    const MutableByteSpan to = segments.segment(segment);
    requests.push_back(
        {open[chunk->file], chunk->offset, chunk->bytes, to.data(), to.size(), &ends, segment});
    ++reading;
  };
  const auto all = [&]() -> Status {
    for (std::size_t segment = 0; segment < depth; ++segment) begin(segment);
    for (;;) {
      if (!requests.empty()) VYRE_TRY(pump.read(requests));
      requests.clear();
      if (reading == 0) return {};
      const auto& came = ends.wait();
      if (came.empty()) return fail(Errc::deadline_exceeded, "the pump ended no read for 10 s");
      for (const ingest::ReadResult& end : came) {
        const auto segment = static_cast<std::size_t>(end.tag);
        --reading;
        if (end.status != ingest::ReadStatus::ok || end.bytes != under_way[segment].bytes ||
            !ledger.landed(segment, under_way[segment], end.skip))
          return wrong_chunk(under_way[segment]);
        begin(segment);
      }
    }
  };
  const auto took = timed(all);
  if (!took) {
    // Reads still under way write into memory that is about to go.
    pump.cancel(&ends);
    for (std::size_t n = 1; reading > 0 && n > 0;) {
      n = ends.wait().size();
      reading -= static_cast<std::uint32_t>(std::min<std::size_t>(n, reading));
    }
    return took;
  }
  VYRE_TRY(ledger.check());
  return took;
}

}  // namespace vyre::bench

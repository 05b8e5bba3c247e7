// One round of the pump, and how eagerly it looks for requests that come without a ring.
#include "pump_core.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace vyre::ingest {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr nanoseconds kHeartbeat{kIoHeartbeatNs};
/// A device cannot ring. So long after its last request the pump looks without sleeping: items ask
/// again as soon as they have their bytes.
constexpr nanoseconds kHot{microseconds{200}};
/// After that it sleeps between two looks while a file is published, each time longer.
constexpr nanoseconds kQuietMin{microseconds{50}};
constexpr std::uint32_t kQuietDoublings{4};
/// Memory of streams that is registered with the first read into it; then twice as much each time.
constexpr std::uint64_t kFirstStreams{std::uint64_t{2} << 20};
constexpr nanoseconds kQuietMax{microseconds{500}};

std::int32_t errno_of(const Error& why) {
  return why.detail > 0 ? why.detail : EIO;
}

}  // namespace

PumpCore::PumpCore(Io& io, const Options& options, MutableByteSpan memory, const FileTable& files,
                   Counters& counters)
    : io_(io),
      options_(options),
      memory_(memory),
      files_(files),
      counters_(counters),
      reads_(io, options.reads, counters),
      requests_(queue::IoQueueView::of(memory), io, reads_, files, counters,
                options.request_timeout),
      now_(io.now()),
      last_beat_(now_),
      last_look_(now_),
      last_request_(now_ - kHot) {
  requests_.beat();
}

void PumpCore::register_lines() {
  if (std::exchange(lines_registered_, true) || !options_.fixed) return;
  io_.register_memory(
      memory_.subspan(IngestLayout::kLineData, IngestLayout::kStreams - IngestLayout::kLineData));
  counters_.describe_registration(io_.registration());
}

void PumpCore::register_all() {
  register_lines();
  register_streams(0, memory_.size());
}

/// From byte `begin` of the streams on, up to `end` or what the memory has.
void PumpCore::register_streams(std::uint64_t begin, std::uint64_t end) {
  if (!options_.fixed || memory_.size() <= IngestLayout::kStreams) return;
  // Region by region: pinning zeroes every page, and workers that wait watch the heartbeat.
  const MutableByteSpan streams = memory_.subspan(IngestLayout::kStreams);
  end = std::min<std::uint64_t>(end, streams.size());
  for (std::uint64_t at = begin / kIoBlock * kIoBlock;
       at < end && io_.registration().reason.empty();) {
    const std::uint64_t bytes = std::min(kMaxRegisteredRegionBytes, end - at);
    io_.register_memory(streams.subspan(at, bytes));
    at += bytes;
    requests_.beat();
  }
  streams_end_ = io_.registration().reason.empty() ? std::max(end, streams_end_) : streams.size();
  counters_.describe_registration(io_.registration());
}

void PumpCore::add(Read&& read) {
  const std::uint8_t* const streams = memory_.data() + IngestLayout::kStreams;
  if (!finished_ && read.to >= streams && read.to < memory_.data() + memory_.size()) {
    const std::uint64_t all = memory_.size() - IngestLayout::kStreams;
    const auto begin = static_cast<std::uint64_t>(read.to - streams);
    const std::uint64_t end = std::min(all, begin + read.bytes + 2 * kIoBlock);
    if (end > streams_end_) {
      // A read lies in one region. So the next one begins so far before the end of the last that
      // no read of this length lies in neither.
      const std::uint64_t back = std::min(streams_end_, end - begin);
      register_streams(std::min(begin, streams_end_ - back),
                       std::max({end, 2 * streams_end_, kFirstStreams}));
    } else if (io_.registration().reason.empty() && !io_.fixed(read.to, end - begin)) {
      // Longer than those that came before, across such a place.
      register_streams(begin - std::min(begin, end - begin), std::min(all, 2 * end - begin));
    }
  }
  reads_.add(std::move(read));
}

nanoseconds PumpCore::patience() const {
  nanoseconds most = kHeartbeat / 2;
  if (stopping_)
    most = std::min<nanoseconds>(most, std::max<nanoseconds>(drain_until_ - io_.now(), {}));
  if (stopping_ || !options_.device_asks || files_.empty()) return most;
  if (now_ - last_request_ < kHot) return nanoseconds{0};
  return std::min(most, std::min(kQuietMax, kQuietMin * (1 << quiet_rounds_)));
}

void PumpCore::look(bool rung, Time now) {
  // Unrung looks are for devices, and for a ring that was lost on its way.
  const bool due = now - last_look_ >= kHeartbeat / 4;
  if (!rung && !due && (!options_.device_asks || files_.empty())) return;
  last_look_ = now;
  if (requests_.take(now) != 0) {
    register_lines();  // before their reads are handed over
    last_request_ = now;
    quiet_rounds_ = 0;
  } else if (now - last_request_ >= kHot && quiet_rounds_ < kQuietDoublings) {
    ++quiet_rounds_;
  }
}

void PumpCore::step(bool rung, nanoseconds patience) {
  if (finished_) return;
  now_ = io_.now();
  if (now_ - last_beat_ >= kHeartbeat / 4) {
    requests_.beat();
    last_beat_ = now_;
  }
  if (!stopping_) look(rung, now_);
  requests_.expire(now_);
  // Between two looks at full speed, and at the end of a stop, there is nothing to enter for.
  if (!reads_.idle() || (!stopping_ && patience.count() > 0)) {
    if (auto gone = reads_.step(patience); !gone) return die(std::move(gone).error());
  }
  if (!stopping_ || (!reads_.idle() && io_.now() < drain_until_)) return;
  // The head first: a worker that finds it broken does not wait for a line that gets no answer.
  requests_.close(FaultCode::shutdown);
  abandoned_ = reads_.end_all(ReadStatus::cancelled, 0);
  requests_.answer_rest(io_.now());
  finished_ = true;
}

void PumpCore::stop() {
  if (stopping_ || finished_) return;
  stopping_ = true;
  drain_until_ = io_.now() + options_.drain;
  reads_.cancel(nullptr);
}

void PumpCore::die(Error why) {
  if (finished_) return;
  const std::int32_t error_number = errno_of(why);
  broken_ = std::move(why);
  if (options_.dying) options_.dying(*broken_);
  requests_.close(FaultCode::io_error);
  abandoned_ = reads_.end_all(ReadStatus::error, error_number);
  requests_.answer_rest(io_.now());
  finished_ = true;
}

}  // namespace vyre::ingest

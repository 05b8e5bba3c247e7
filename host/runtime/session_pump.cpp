// See session_pump.hpp.
#include "session_pump.hpp"

#include <new>
#include <string>
#include <utility>

#include "base/message.hpp"
#include "protocol/io_request.hpp"

namespace vyre::runtime {

ingest::TierChoice SessionPump::tier_for_pieces() const noexcept {
  // Pieces that are asked for one by one: the page cache answers them sooner than storage.
  const SessionOptions& options = setup_.options;
  const bool forced =
      options.ingest_tier != ingest::TierChoice::automatic && options.ingest_bytes != 0;
  return forced ? options.ingest_tier : ingest::TierChoice::buffered;
}

Result<MutableByteSpan> SessionPump::memory() {
  if (setup_.options.ingest_bytes == 0) {
    return fail(Errc::unsupported, message("ingest_bytes is 0, so this session reads no files "
                                           "while items run; open it with at least {}",
                                           kLeastIngestBytes));
  }
  const MutableByteSpan memory = backend_.ingest_memory();
  if (memory.size() < kLeastIngestBytes) {
    return fail(Errc::out_of_memory, message("the backend has {} bytes of ingest memory of the {} "
                                             "that were asked for; lower ingest_bytes",
                                             memory.size(), setup_.options.ingest_bytes));
  }
  return memory;
}

Result<ingest::Pump*> SessionPump::start() {
  if (ingest::Pump* already = running()) return already;
  const std::lock_guard lock(mutex_);
  VYRE_TRY(life_.open());
  if (pump_) return pump_.get();
  if (failed_) return tl::unexpected<Error>(*failed_);
  VYRE_ASSIGN(const MutableByteSpan memory, this->memory());
  ingest::PumpOptions how;
  how.tier = setup_.options.ingest_tier;
  how.device_asks = setup_.on_device;
  how.make_io = setup_.hooks.make_io;
  how.timeline = setup_.timeline;
  if (setup_.hooks.pump_drain.count() > 0) how.drain = setup_.hooks.pump_drain;
  auto started = ingest::Pump::start(how, memory);
  if (!started) {
    if (started.error().code == Errc::deadline_exceeded) {
      // Its thread may still come, and answer requests: no second one over the same lines.
      life_.leak();
      backend_.leak_ingest_memory();
      failed_ = started.error();
    }
    return tl::unexpected<Error>(std::move(started).error());
  }
  pump_ = std::move(*started);
  space_.give({IngestLayout::kStreams, memory.size() - IngestLayout::kStreams});
  bell_.running_.store(pump_.get(), std::memory_order_release);  // [PUMP-1]
  return pump_.get();
}

bool SessionPump::stop() {
  const std::lock_guard lock(mutex_);
  if (!pump_ || pump_->stop()) return true;
  life_.leak();
  backend_.leak_ingest_memory();
  return false;
}

void SessionPump::keep(std::unique_ptr<ingest::ReadSink> sink) noexcept {
  ingest::ReadSink* const kept = sink.release();  // without memory for a list it stays for good
  try {
    const std::lock_guard lock(mutex_);
    kept_.reserve(kept_.size() + 1);
    kept_.emplace_back(kept);
  } catch (const std::bad_alloc&) {
  }
}

void SessionPump::count_file(const ingest::Pump& pump, const ingest::File& file) noexcept {
  if (file.bytes() == 0) return;
  files_by_tier_[static_cast<std::size_t>(pump.tier_of(file))].fetch_add(1,
                                                                         std::memory_order_relaxed);
}

std::optional<report::IngestSection> SessionPump::section() const {
  const ingest::Pump* pump = running();
  if (pump == nullptr) return std::nullopt;
  report::IngestSection section = pump->counters();
  // The pump sees reads; which files they are of is known here.
  for (report::IngestTier& row : section.tiers) {
    for (std::uint32_t tier = 0; tier < ingest::kTiers; ++tier) {
      if (row.tier == ingest::letter(static_cast<ingest::Tier>(tier)))
        row.files = files_by_tier_[tier].load(std::memory_order_relaxed);
    }
  }
  return section;
}

}  // namespace vyre::runtime

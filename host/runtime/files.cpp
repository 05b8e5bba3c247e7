// Files of a session: mapped ones, loaded ones, and the pump that reads them, which starts with the
// first need for it. Spec: docs/internals/ingest.md.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backend/handle.hpp"
#include "state.hpp"

namespace vyre::runtime {
namespace {

/// For handles that no other caller knows: nothing can be under way.
constexpr std::chrono::seconds kReleaseUnused{1};

std::string text(std::uint64_t value) {
  return std::to_string(value);
}

/// For sessions without ingest memory, which have no pump.
Status read_plainly(const ingest::File& file, std::uint64_t offset, MutableByteSpan out) {
  std::size_t done = 0;
  std::uint32_t interrupted = 0;
  while (done < out.size()) {
    const ssize_t got = pread(file.descriptor(), out.data() + done, out.size() - done,
                              static_cast<off_t>(offset + done));
    if (got > 0) {
      done += static_cast<std::size_t>(got);
      continue;
    }
    if (got < 0 && errno == EINTR && ++interrupted < kRetriesInterrupted) continue;
    Error error{Errc::io, {}, offset + done};
    if (got < 0) {
      error.detail = errno;
      error.message = "cannot read '" + file.path() + "' at offset " + text(offset + done) + ": " +
                      std::strerror(errno);
    } else {
      error.message = "'" + file.path() + "' had " + text(file.bytes()) +
                      " bytes when it was opened and ends at " + text(offset + done) +
                      " now; keep it as it is while it is read";
    }
    return tl::unexpected<Error>(std::move(error));
  }
  return {};
}

}  // namespace

ingest::TierChoice Session::State::tier_for_pieces() const noexcept {
  // Pieces that somebody asks for one by one: the page cache answers them sooner than storage.
  const bool forced =
      options_.ingest_tier != ingest::TierChoice::automatic && options_.ingest_bytes != 0;
  return forced ? options_.ingest_tier : ingest::TierChoice::c;
}

Result<ingest::Pump*> Session::State::pump() {
  // [PUMP-1] acquire: the pump behind the pointer.
  if (ingest::Pump* running = running_pump_.load(std::memory_order_acquire)) return running;
  const std::lock_guard lock(pump_mutex_);
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  if (pump_) return pump_.get();
  if (pump_failed_) return tl::unexpected<Error>(*pump_failed_);
  if (options_.ingest_bytes == 0) {
    return fail(Errc::unsupported,
                "ingest_bytes is 0, so this session reads no files while items run; open it with "
                "at least " +
                    text(kLeastIngestBytes));
  }
  const MutableByteSpan memory = backend_->ingest_memory();
  if (memory.size() < kLeastIngestBytes) {
    return fail(Errc::out_of_memory,
                "the backend has " + text(memory.size()) + " bytes of ingest memory of the " +
                    text(options_.ingest_bytes) + " that were asked for; lower ingest_bytes");
  }
  ingest::PumpOptions how;
  how.tier = options_.ingest_tier;
  how.device_asks = on_device_;
  how.make_io = hooks_.make_io;
  if (hooks_.pump_drain.count() > 0) how.drain = hooks_.pump_drain;
  auto started = ingest::Pump::start(how, memory);
  if (!started) {
    if (started.error().code == Errc::deadline_exceeded) {
      // Its thread may still come, and answer requests: no second one over the same lines.
      leaked_ = true;
      backend_->leak_ingest_memory();
      pump_failed_ = started.error();
    }
    return tl::unexpected<Error>(std::move(started).error());
  }
  pump_ = std::move(*started);
  stream_space_.give({IngestLayout::kStreams, memory.size() - IngestLayout::kStreams});
  running_pump_.store(pump_.get(), std::memory_order_release);  // [PUMP-1]
  return pump_.get();
}

void Session::State::ring_pump() noexcept {
  if (ingest::Pump* running = running_pump_.load(std::memory_order_acquire)) running->ring();
}

void Session::State::stop_pump() {
  const std::lock_guard lock(pump_mutex_);
  if (!pump_ || pump_->stop()) return;
  leaked_ = true;
  backend_->leak_ingest_memory();
  if (close_error_.empty()) {
    close_error_ =
        "a read of a file did not end in time; the pump and the memory it reads into are left "
        "behind";
  }
}

backend::Backend::ReadPiece Session::State::piece_reader(
    const std::shared_ptr<const ingest::File>& file, const CopyUntil& until) {
  return [this, file, until](std::uint64_t offset, MutableByteSpan piece) -> Status {
    VYRE_TRY(until.go_on("reading '" + file->path() + "'",
                         "at byte " + text(offset) + " of " + text(file->bytes())));
    if (options_.ingest_bytes == 0) return read_plainly(*file, offset, piece);
    VYRE_ASSIGN(ingest::Pump* const pumping, pump());
    return pumping->read_now(file, offset, piece);
  };
}

Result<Handle> Session::State::map_file(const std::string& path, const MapOptions& options) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  if (options.only_queue && *options.only_queue >= options_.queues) {
    return fail(Errc::invalid_argument, "only_queue is " + text(*options.only_queue) +
                                            ": this session has " + text(options_.queues) +
                                            " queues, numbered from 0");
  }
  VYRE_ASSIGN(const auto file, ingest::File::open(path, tier_for_pieces()));
  OrderLock lock(order_);
  VYRE_ASSIGN(const std::uint32_t handle, next_handle());
  lock.unlock();
  Status mapped = in_backend([&] {
    return backend_->map_file(handle, {path, file->descriptor(), file->bytes()});
  });
  if (!mapped) {
    lock.lock();
    free_place(handle);
    return tl::unexpected<Error>(std::move(mapped).error());
  }
  return put_made(handle, HandleRecord::Kind::file, file->bytes(), nullptr, file,
                  options.only_queue.value_or(ingest::kAnyTenant));
}

Result<Handle> Session::State::load_file(const std::string& path, const CopyUntil& until) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  const auto choice = options_.ingest_bytes == 0 ? ingest::TierChoice::c : options_.ingest_tier;
  VYRE_ASSIGN(const auto file, ingest::File::open(path, choice));
  const auto read = piece_reader(file, until);
  VYRE_ASSIGN(const Handle handle, allocate(file->bytes(), nullptr, {}));
  // On the CPU the bytes go where they stay: no other caller knows the handle yet.
  const auto there = backend_->view(handle.id);
  Bytes piece;
  const auto load = [&]() -> Status {
    for (std::uint64_t at = 0; at < file->bytes();) {
      const std::uint64_t bytes = std::min(kCopyPieceBytes, file->bytes() - at);
      if (there) {
        VYRE_TRY(read(at, {const_cast<std::uint8_t*>(there->data()) + at, bytes}));
      } else {
        piece.resize(bytes);
        VYRE_TRY(read(at, piece));
        VYRE_TRY(write(handle, at, piece, until));
      }
      at += bytes;
    }
    return {};
  };
  if (auto loaded = load(); !loaded) {
    (void)release(handle, after(kReleaseUnused));
    return tl::unexpected<Error>(std::move(loaded).error());
  }
  if (const ingest::Pump* running = running_pump_.load(std::memory_order_acquire))
    count_file(*running, *file);
  if (there) {
    bytes_in_.fetch_add(file->bytes(), std::memory_order_relaxed);
    const OrderLock lock(order_);
    const std::lock_guard observing(observer_.mutex);
    if (observer_.observer) observer_.observer->on_write(handle, 0, *there);
  }
  return handle;
}

Status Session::State::publish(Handle file) {
  auto pumping = pump();
  const OrderLock lock(order_);
  HandleRecord* record = find_handle(file.id);
  if (record == nullptr || record->releasing) return {};  // the submit meets that by itself
  if (!pumping) {
    Error why = std::move(pumping).error();
    if (why.code != Errc::closed) {
      why.message = "an item copies asynchronously out of '" + record->file->path() +
                    "', which needs the pump: " + why.message;
    }
    return tl::unexpected<Error>(std::move(why));
  }
  if (record->published) return {};
  (*pumping)->publish_file(file.id, record->file, record->tenant);
  record->published = true;
  count_file(**pumping, *record->file);
  return {};
}

Status Session::State::bring(Handle file, const CopyUntil& until) {
  const std::lock_guard one(bring_mutex_);
  OrderLock lock(order_);
  HandleRecord* record = find_handle(file.id);
  if (record == nullptr || record->releasing || !backend_->must_bring(file.id)) return {};
  ++record->host_writers;  // nobody reads or releases it meanwhile
  const auto read = piece_reader(record->file, until);
  lock.unlock();
  Status brought = backend_->bring_file(file.id, read);
  lock.lock();
  --record->host_writers;
  if (brought) bytes_in_.fetch_add(record->bytes, std::memory_order_relaxed);
  lock.unlock();
  changed_.notify();
  return brought;
}

}  // namespace vyre::runtime

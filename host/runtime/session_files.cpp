// See session_files.hpp.
#include "session_files.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/message.hpp"

namespace vyre::runtime {
namespace {

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
      error.message = message("cannot read '{}' at offset {}: {}", file.path(), offset + done,
                              std::strerror(errno));
    } else {
      error.message = message(
          "'{}' had {} bytes when it was opened and ends at {} now; keep it as it is while it is "
          "read",
          file.path(), file.bytes(), offset + done);
    }
    return tl::unexpected<Error>(std::move(error));
  }
  return {};
}

}  // namespace

backend::Backend::ReadPiece SessionFiles::piece_reader(
    const std::shared_ptr<const ingest::File>& file, const CopyUntil& until) {
  return [this, file, until](std::uint64_t offset, MutableByteSpan piece) -> Status {
    VYRE_TRY(until.go_on(message("reading '{}'", file->path()),
                         message("at byte {} of {}", offset, file->bytes())));
    if (setup_.options.ingest_bytes == 0) return read_plainly(*file, offset, piece);
    VYRE_ASSIGN(ingest::Pump* const pumping, pump_.start());
    return pumping->read_now(file, offset, piece);
  };
}

Status SessionFiles::publish(Handle file) {
  auto pumping = pump_.start();
  const OrderLock lock(order_);
  HandleRecord* record = handles_.find(lock, file.id);
  if (record == nullptr || record->releasing) return {};  // the submit meets that by itself
  if (!pumping) {
    Error why = std::move(pumping).error();
    if (why.code != Errc::closed) {
      why.message = message("an item copies asynchronously out of '{}', which needs the pump: {}",
                            record->file->path(), why.message);
    }
    return tl::unexpected<Error>(std::move(why));
  }
  if (record->published) return {};
  (*pumping)->publish_file(file.id, record->file, record->only_queue);
  record->published = true;
  pump_.count_file(**pumping, *record->file);
  return {};
}

Status SessionFiles::bring(Handle file, const CopyUntil& until) {
  const BringLock one = bring_lock();
  OrderLock lock(order_);
  HandleRecord* record = handles_.find(lock, file.id);
  if (record == nullptr || record->releasing || !backend_.must_bring(file.id)) return {};
  ++record->host_writers;  // no thread reads or releases it meanwhile
  const auto read = piece_reader(record->file, until);
  lock.unlock();
  Status brought = backend_.bring_file(file.id, read);
  lock.lock();
  --record->host_writers;
  if (brought) SessionCounters::add(counters_.bytes_in, record->bytes);
  lock.unlock();
  results_.notify();
  return brought;
}

Status SessionFiles::bring_alone(const BringLock&, std::uint32_t handle,
                                 const std::shared_ptr<const ingest::File>& file) {
  if (!backend_.must_bring(handle)) return {};
  return backend_.bring_file(handle, piece_reader(file));
}

void SessionFiles::withdraw(const OrderLock&, const HandleRecord& record) {
  if (!record.published) return;
  if (ingest::Pump* running = pump_.running()) running->withdraw_file(record.handle);
}

}  // namespace vyre::runtime

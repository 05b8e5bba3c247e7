// See host_copies.hpp.
#include "host_copies.hpp"

#include <new>
#include <string>

#include "base/message.hpp"

namespace vyre::runtime {
namespace {

bool inside(const HandleRecord& record, std::uint64_t offset, std::uint64_t bytes) {
  return offset <= record.bytes && bytes <= record.bytes - offset;
}

}  // namespace

Result<std::uint64_t> HostCopies::buffer_bytes(Handle buffer) {
  const OrderLock lock(over_.order);
  VYRE_ASSIGN(const HandleRecord* record, over_.handles.find_buffer(lock, buffer, "measure"));
  return record->bytes;
}

Status HostCopies::write(Handle buffer, std::uint64_t offset, ByteSpan bytes,
                         const CopyUntil& until) {
  VYRE_TRY(over_.life.open());
  OrderLock lock(over_.order);
  VYRE_ASSIGN(HandleRecord * record, over_.handles.find_buffer(lock, buffer, "write"));
  if (record->kind == HandleRecord::Kind::file) {
    return fail(Errc::invalid_argument,
                message("handle {} is a mapped file and cannot be written", buffer.id));
  }
  if (record->read_only) {
    return fail(
        Errc::invalid_argument,
        record->cached
            ? message("handle {} is a cached input and cannot be written; upload the bytes "
                      "uncached to change them",
                      buffer.id)
            : message("handle {} was imported for reading only and cannot be written", buffer.id));
  }
  if (!inside(*record, offset, bytes.size())) {
    return fail(Errc::invalid_argument,
                message("{} bytes at offset {} do not fit buffer {} of {} bytes", bytes.size(),
                        offset, buffer.id, record->bytes));
  }
  VYRE_ASSIGN(record, over_.waits.await_free(lock, buffer, true, until));
  ++record->host_writers;
  over_.handles.raise_version(lock, *record);
  lock.unlock();
  Copied written =
      copy_in_pieces(bytes.size(), message("the write to handle {}", buffer.id), until,
                     [&](std::uint64_t at, std::uint64_t piece) {
                       return over_.backend.write(buffer.id, offset + at, bytes.subspan(at, piece));
                     });
  lock.lock();
  if (written.bytes == record->bytes) record->lineage.reset();  // nothing of it is left
  // Before others may use the buffer again: an observer hears of what is in it, in that order.
  if (written.status || written.bytes != 0) {
    over_.tap.tell(over_.tap.hold(lock), [&](SessionObserver& observer) {
      observer.on_write(over_.handles.public_handle(*record), offset, bytes.first(written.bytes));
    });
  }
  --record->host_writers;
  lock.unlock();
  over_.results.notify();
  SessionCounters::add(over_.counters.bytes_in, written.bytes);
  if (!written.status && written.bytes != 0) written.status.error().offset = offset + written.bytes;
  return written.status;
}

Result<HandleRecord*> HostCopies::await_readable(OrderLock& lock, Handle buffer,
                                                 const CopyUntil& until) {
  for (;;) {
    VYRE_ASSIGN(HandleRecord* const record, over_.waits.await_free(lock, buffer, false, until));
    if (record->kind != HandleRecord::Kind::file || !over_.files.must_bring(buffer.id))
      return record;
    lock.unlock();
    VYRE_TRY(over_.files.bring(buffer, until));
    lock.lock();
  }
}

Status HostCopies::download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                                 const CopyUntil& until) {
  // Also after close(): what ended has written what it wrote. Not where a worker was left behind.
  if (over_.life.leaked()) {
    return fail(Errc::closed,
                "the session is closed, and a worker that did not stop may still be writing");
  }
  OrderLock lock(over_.order);
  VYRE_ASSIGN(HandleRecord * record, over_.handles.find_buffer(lock, buffer, "read"));
  if (!inside(*record, offset, out.size())) {
    return fail(Errc::invalid_argument,
                message("{} bytes at offset {} are not inside buffer {} of {} bytes", out.size(),
                        offset, buffer.id, record->bytes));
  }
  VYRE_ASSIGN(record, await_readable(lock, buffer, until));
  ++record->host_readers;
  lock.unlock();
  Copied read =
      copy_in_pieces(out.size(), message("the download of handle {}", buffer.id), until,
                     [&](std::uint64_t at, std::uint64_t piece) {
                       return over_.backend.read(buffer.id, offset + at, out.subspan(at, piece));
                     });
  lock.lock();
  --record->host_readers;
  lock.unlock();
  over_.results.notify();
  SessionCounters::add(over_.counters.bytes_out, read.bytes);
  if (read.status) {
    SessionCounters::add(over_.counters.readbacks, 1);
  } else if (read.bytes != 0) {
    read.status.error().offset = offset + read.bytes;
  }
  return read.status;
}

Result<Bytes> HostCopies::download(Handle buffer, const CopyUntil& until) {
  VYRE_ASSIGN(const std::uint64_t size, buffer_bytes(buffer));
  Bytes bytes;
  try {
    bytes.resize(size);
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, message("downloading buffer {} needs {} bytes of host memory, "
                                             "which are not available; use download_into",
                                             buffer.id, size));
  }
  VYRE_TRY(download_into(buffer, 0, bytes, until));
  return bytes;
}

}  // namespace vyre::runtime

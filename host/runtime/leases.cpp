// See leases.hpp.
#include "leases.hpp"

#include <new>

#include "base/message.hpp"

namespace vyre::runtime {
namespace {

Status may_be_leased(const HandleRecord& record, LeaseAccess access) {
  if (record.kind == HandleRecord::Kind::file) {
    return fail(Errc::unsupported,
                message("handle {} is a mapped file and cannot be leased: it may become shorter "
                        "while it is read; read what is needed of it",
                        record.handle));
  }
  if (access == LeaseAccess::read_write && record.read_only) {
    return fail(Errc::invalid_argument,
                message("handle {} {}; lease it for reading", record.handle,
                        record.cached ? "is a cached input" : "was imported for reading only"));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<Bytes>> Leases::copy_of(std::uint32_t handle, std::uint64_t bytes,
                                               const CopyUntil& until) {
  try {
    auto copy = std::make_shared<Bytes>(bytes);
    const Copied read = copy_in_pieces(bytes, message("the copy for a lease of handle {}", handle),
                                       until, [&](std::uint64_t at, std::uint64_t piece) {
                                         return over_.backend.read(
                                             handle, at, MutableByteSpan{*copy}.subspan(at, piece));
                                       });
    VYRE_TRY(read.status);
    SessionCounters::add(over_.counters.bytes_out, bytes);
    return copy;
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory,
                message("a lease of handle {} needs {} bytes of host memory for a copy, which are "
                        "not available",
                        handle, bytes));
  }
}

Result<MutableByteSpan> Leases::take(Handle buffer, LeaseAccess access, const CopyUntil& until) {
  const bool writes = access == LeaseAccess::read_write;
  if (writes) VYRE_TRY(over_.life.open());
  if (over_.life.leaked()) {
    return fail(Errc::closed,
                "the session is closed, and a worker that did not stop may still be writing");
  }
  OrderLock lock(over_.order);
  VYRE_ASSIGN(HandleRecord * record, over_.handles.find_buffer(lock, buffer, "lease"));
  VYRE_TRY(may_be_leased(*record, access));
  VYRE_ASSIGN(record, over_.waits.await_free(lock, buffer, writes, until));
  ++(writes ? record->host_writers : record->host_readers);
  if (writes) over_.handles.raise_version(lock, *record);
  ++record->leases;
  record->leased_to_write = writes;
  SessionCounters::add(writes ? over_.counters.uploaded_bytes : over_.counters.output_bytes,
                       record->bytes);
  if (const auto there = over_.backend.host_bytes(record->handle))
    return MutableByteSpan{const_cast<std::uint8_t*>(there->data()), record->bytes};
  if (record->lease_copy) return MutableByteSpan{*record->lease_copy};  // of another reader
  lock.unlock();
  auto copy = copy_of(record->handle, record->bytes, until);
  lock.lock();
  if (!copy) {
    end(lock, *record);
    return tl::unexpected<Error>(std::move(copy).error());
  }
  if (!record->lease_copy) record->lease_copy = std::move(*copy);
  return MutableByteSpan{*record->lease_copy};
}

void Leases::end(const OrderLock&, HandleRecord& record) {
  --(record.leased_to_write ? record.host_writers : record.host_readers);
  if (--record.leases == 0) {
    record.leased_to_write = false;
    record.lease_copy.reset();
  }
  over_.results.notify();
}

Status Leases::give_back(Handle buffer, Deadline deadline) {
  OrderLock lock(over_.order);
  VYRE_ASSIGN(HandleRecord* const record, over_.handles.find_known(lock, buffer, "unlease"));
  if (record->leases == 0 || record->lease_returning) {
    return fail(Errc::invalid_argument,
                message("cannot unlease handle {}: no lease of it is open", buffer.id));
  }
  if (!record->leased_to_write) {
    end(lock, *record);
    return {};
  }
  Status written;
  if (const auto copy = record->lease_copy) {
    record->lease_returning = true;
    lock.unlock();
    written =
        copy_in_pieces(
            copy->size(), message("giving back the lease of handle {}", buffer.id), {deadline},
            [&](std::uint64_t at, std::uint64_t piece) {
              return over_.backend.write(record->handle, at, ByteSpan{*copy}.subspan(at, piece));
            })
            .status;
    lock.lock();
    record->lease_returning = false;
    if (!written && retryable(written.error())) return written;  // the lease goes on
    SessionCounters::add(over_.counters.bytes_in, copy->size());
  }
  // Before others may use the buffer again: an observer hears of what is in it, in that order.
  if (over_.tap.active()) {
    const auto there = over_.backend.host_bytes(record->handle);
    const ByteSpan bytes = there ? *there : ByteSpan{*record->lease_copy};
    over_.tap.tell(over_.tap.hold(lock), [&](SessionObserver& observer) {
      observer.on_write(over_.handles.public_handle(*record), 0, bytes.first(record->bytes));
    });
  }
  end(lock, *record);
  return written;
}

}  // namespace vyre::runtime

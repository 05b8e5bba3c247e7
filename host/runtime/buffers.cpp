// Buffers and binding sets: making, writing, reading and releasing them in the order of the work.
#include <algorithm>
#include <new>

#include "state.hpp"
#include "vyre/backend/handle.hpp"

namespace vyre::runtime {
namespace {

/// A place in the handle table is used again only when so many wait: a stale handle meets its old
/// generation for as long as can be.
constexpr std::size_t kFreeHandlesKept{4'096};
constexpr std::uint32_t kGenerations{256};

std::string text(std::uint64_t value) {
  return std::to_string(value);
}

}  // namespace

HandleRecord* Session::State::find_handle(std::uint32_t handle) noexcept {
  HandleRecord* record = handles_.find(backend::handle_index(handle));
  if (record == nullptr || record->kind == HandleRecord::Kind::none || record->handle != handle)
    return nullptr;
  return record;
}

Result<HandleRecord*> Session::State::live_buffer(Handle handle, const char* what, bool views) {
  HandleRecord* record = find_handle(handle.id);
  if (record == nullptr || record->releasing ||
      (record->kind == HandleRecord::Kind::view && !views)) {
    return fail(Errc::not_found, std::string("cannot ") + what + " handle " + text(handle.id) +
                                     ": it is not alive in this session");
  }
  if (record->kind == HandleRecord::Kind::set) {
    return fail(Errc::invalid_argument, std::string("cannot ") + what + " handle " +
                                            text(handle.id) +
                                            ": it is a binding set; name one of its buffers");
  }
  return record;
}

Result<std::uint32_t> Session::State::next_handle() {
  std::uint32_t index = 0;
  if (free_handles_.size() > kFreeHandlesKept ||
      (handles_used_ == kMaxHandles && !free_handles_.empty())) {
    index = free_handles_.front();
    free_handles_.pop_front();
  } else if (handles_used_ < kMaxHandles) {
    index = handles_used_++;
  } else {
    return fail(Errc::limit_exceeded,
                "all " + text(kMaxHandles - 1) + " handles are alive (kMaxHandles); release some");
  }
  return backend::make_handle(index, handles_.at(index).generation);
}

void Session::State::put_handle(std::uint32_t handle, HandleRecord::Kind kind,
                                std::uint64_t bytes) {
  HandleRecord& record = handles_.at(backend::handle_index(handle));
  record.kind = kind;
  record.handle = handle;
  record.bytes = bytes;
}

Status Session::State::reserve_bytes(std::uint64_t bytes) {
  const std::uint64_t budget = options_.memory_budget_bytes;
  if (budget != 0 && bytes > budget - std::min(budget, bytes_allocated_)) {
    return fail(Errc::out_of_memory, "a buffer of " + text(bytes) + " bytes was requested, but " +
                                         text(budget - std::min(budget, bytes_allocated_)) +
                                         " bytes are available of the memory budget of " +
                                         text(budget) +
                                         "; release buffers or raise memory_budget_bytes");
  }
  bytes_allocated_ += bytes;
  return {};
}

Result<Handle> Session::State::allocate(std::uint64_t bytes, const ByteSpan* contents) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  OrderLock lock(order_);
  VYRE_TRY(reserve_bytes(bytes));
  auto handle = next_handle();
  Status made =
      handle ? backend_->allocate(*handle, bytes) : Status{tl::unexpected<Error>(handle.error())};
  if (!made) {
    bytes_allocated_ -= bytes;
    if (handle) free_handles_.push_back(backend::handle_index(*handle));
    return tl::unexpected<Error>(std::move(made).error());
  }
  allocations_.fetch_add(1, std::memory_order_relaxed);
  put_handle(*handle, HandleRecord::Kind::buffer, bytes);
  HandleRecord& record = *find_handle(*handle);
  if (contents != nullptr) {
    // Nobody else knows the handle yet, so the bytes need no lock; but they must be there before an
    // observer that is being attached looks at them.
    record.host_writers = 1;
    lock.unlock();
    const Status written = backend_->write(*handle, 0, *contents);
    lock.lock();
    record.host_writers = 0;
    changed_.notify();
    if (!written) return tl::unexpected<Error>(written.error());
    bytes_in_.fetch_add(bytes, std::memory_order_relaxed);
  }
  if (observer_.active.load(std::memory_order_acquire)) {
    const std::lock_guard observing(observer_.mutex);
    if (contents != nullptr && observer_.observer) {
      observer_.observer->on_buffer(Handle{*handle}, *contents, false);
    } else {
      VYRE_TRY(observe_handle(record));
    }
  }
  return Handle{*handle};
}

Result<Handle> Session::State::make_view() {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  const OrderLock lock(order_);
  VYRE_ASSIGN(const std::uint32_t handle, next_handle());
  if (auto made = backend_->make_view(handle); !made) {
    free_handles_.push_back(backend::handle_index(handle));
    return tl::unexpected<Error>(std::move(made).error());
  }
  put_handle(handle, HandleRecord::Kind::view, 0);
  ++views_;
  return Handle{handle};
}

Result<Handle> Session::State::bind(std::span<const Handle> buffers) {
  return bind_any(buffers, false);
}

Result<Handle> Session::State::bind_views(std::span<const Handle> buffers) {
  return bind_any(buffers, true);
}

Result<Handle> Session::State::bind_any(std::span<const Handle> buffers, bool views) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  if (buffers.size() > kMaxBindingBuffers) {
    return fail(Errc::limit_exceeded, "a binding set of " + text(buffers.size()) +
                                          " buffers is longer than the limit of " +
                                          text(kMaxBindingBuffers));
  }
  const OrderLock lock(order_);
  std::vector<std::uint32_t> members;
  members.reserve(buffers.size());
  for (const Handle buffer : buffers) {
    VYRE_TRY(live_buffer(buffer, "bind", views));
    members.push_back(buffer.id);
  }
  VYRE_ASSIGN(const std::uint32_t handle, next_handle());
  if (auto bound = backend_->bind(handle, members); !bound) {
    free_handles_.push_back(backend::handle_index(handle));
    return tl::unexpected<Error>(std::move(bound).error());
  }
  for (const std::uint32_t member : members) ++find_handle(member)->sets;
  put_handle(handle, HandleRecord::Kind::set, 0);
  HandleRecord& record = *find_handle(handle);
  record.members = std::move(members);
  if (observer_.active.load(std::memory_order_acquire)) {
    const std::lock_guard observing(observer_.mutex);
    VYRE_TRY(observe_handle(record));
  }
  return Handle{handle};
}

Status Session::State::observe_handle(const HandleRecord& record) {
  if (!observer_.observer) return {};
  if (record.kind == HandleRecord::Kind::set) {
    std::vector<Handle> buffers;
    for (const std::uint32_t member : record.members) buffers.push_back(Handle{member});
    observer_.observer->on_bind(Handle{record.handle}, buffers);
    return {};
  }
  const bool file = record.kind == HandleRecord::Kind::file;
  if (file && backend_->must_bring(record.handle))
    VYRE_TRY(backend_->bring_file(record.handle, piece_reader(record.file)));
  // A file that was cut short meanwhile is told with zeros, as items would read it.
  if (const auto there = backend_->view(record.handle)) {
    observer_.observer->on_buffer(Handle{record.handle}, *there, file);
    return {};
  }
  try {
    Bytes bytes(record.bytes);
    (void)backend_->read(record.handle, 0, bytes);
    observer_.observer->on_buffer(Handle{record.handle}, bytes, file);
    return {};
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "telling the observer of buffer " + text(record.handle) +
                                         " needs " + text(record.bytes) +
                                         " bytes of host memory, which are not available");
  }
}

Result<std::uint64_t> Session::State::buffer_bytes(Handle buffer) {
  const OrderLock lock(order_);
  VYRE_ASSIGN(const HandleRecord* record, live_buffer(buffer, "measure"));
  return record->bytes;
}

Result<HandleRecord*> Session::State::await_free(OrderLock& lock, Handle handle, bool writes,
                                                 Deadline deadline) {
  const auto late = [&] {
    return fail(Errc::deadline_exceeded, "items that use handle " + text(handle.id) +
                                             " had not ended at the deadline; allow more time");
  };
  for (;;) {
    HandleRecord* record = find_handle(handle.id);
    if (record == nullptr) {
      return fail(Errc::not_found, "handle " + text(handle.id) + " was released meanwhile");
    }
    const auto copying = [writes](const HandleRecord& r) {
      return r.host_writers != 0 || (writes && r.host_readers != 0);
    };
    if (copying(*record)) {
      lock.unlock();
      const bool in_time = wait_for(deadline, [&] {
        const std::lock_guard again(order_);
        const HandleRecord* now = find_handle(handle.id);
        return now == nullptr || !copying(*now);
      });
      lock.lock();
      if (!in_time) return late();
      continue;
    }
    std::optional<QueueSpan> busy;
    record->uses.prune(
        [this](const QueueSpan& span) { return collectors_[span.queue]->ended(span); });
    record->uses.conflicts(writes, [&](const QueueSpan& span) { busy = span; });
    if (!busy) return record;
    lock.unlock();
    const bool in_time = wait_ended(*busy, deadline);
    lock.lock();
    if (!in_time) return late();
  }
}

Status Session::State::write(Handle buffer, std::uint64_t offset, ByteSpan bytes,
                             Deadline deadline) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  sync_points_.fetch_add(1, std::memory_order_relaxed);
  OrderLock lock(order_);
  VYRE_ASSIGN(HandleRecord * record, live_buffer(buffer, "write"));
  if (record->kind == HandleRecord::Kind::file) {
    return fail(Errc::invalid_argument,
                "handle " + text(buffer.id) + " is a mapped file and cannot be written");
  }
  if (offset > record->bytes || bytes.size() > record->bytes - offset) {
    return fail(Errc::invalid_argument, text(bytes.size()) + " bytes at offset " + text(offset) +
                                            " do not fit buffer " + text(buffer.id) + " of " +
                                            text(record->bytes) + " bytes");
  }
  VYRE_ASSIGN(record, await_free(lock, buffer, true, deadline));
  ++record->host_writers;
  if (observer_.active.load(std::memory_order_acquire)) {
    const std::lock_guard observing(observer_.mutex);
    if (observer_.observer) observer_.observer->on_write(buffer, offset, bytes);
  }
  lock.unlock();
  Status written = backend_->write(buffer.id, offset, bytes);
  lock.lock();
  --record->host_writers;
  lock.unlock();
  changed_.notify();
  if (written) bytes_in_.fetch_add(bytes.size(), std::memory_order_relaxed);
  return written;
}

Status Session::State::download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                                     Deadline deadline) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  sync_points_.fetch_add(1, std::memory_order_relaxed);
  OrderLock lock(order_);
  VYRE_ASSIGN(HandleRecord * record, live_buffer(buffer, "download"));
  if (offset > record->bytes || out.size() > record->bytes - offset) {
    return fail(Errc::invalid_argument, text(out.size()) + " bytes at offset " + text(offset) +
                                            " are not inside buffer " + text(buffer.id) + " of " +
                                            text(record->bytes) + " bytes");
  }
  VYRE_ASSIGN(record, await_free(lock, buffer, false, deadline));
  while (record->kind == HandleRecord::Kind::file && backend_->must_bring(buffer.id)) {
    lock.unlock();
    VYRE_TRY(bring(buffer, deadline));
    lock.lock();
    VYRE_ASSIGN(record, await_free(lock, buffer, false, deadline));
  }
  ++record->host_readers;
  lock.unlock();
  Status read = backend_->read(buffer.id, offset, out);
  lock.lock();
  --record->host_readers;
  lock.unlock();
  changed_.notify();
  if (!read) return read;
  readbacks_.fetch_add(1, std::memory_order_relaxed);
  bytes_out_.fetch_add(out.size(), std::memory_order_relaxed);
  return {};
}

Result<Bytes> Session::State::download(Handle buffer, Deadline deadline) {
  VYRE_ASSIGN(const std::uint64_t size, buffer_bytes(buffer));
  Bytes bytes;
  try {
    bytes.resize(size);
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory,
                "downloading buffer " + text(buffer.id) + " needs " + text(size) +
                    " bytes of host memory, which are not available; use download_into");
  }
  VYRE_TRY(download_into(buffer, 0, bytes, deadline));
  return bytes;
}

void Session::State::drop_handle(HandleRecord& record) {
  const std::uint32_t handle = record.handle;
  backend_->release(handle);
  const std::uint32_t generation = (record.generation + 1) % kGenerations;
  record = HandleRecord{};
  record.generation = generation;
  free_handles_.push_back(backend::handle_index(handle));
}

Status Session::State::release(Handle handle, Deadline deadline) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  sync_points_.fetch_add(1, std::memory_order_relaxed);
  OrderLock lock(order_);
  HandleRecord* record = find_handle(handle.id);
  if (record == nullptr || record->releasing) {
    return fail(Errc::not_found,
                "cannot release handle " + text(handle.id) + ": it is not alive in this session");
  }
  if (record->sets != 0) {
    return fail(Errc::invalid_argument, "cannot release buffer " + text(handle.id) + ": " +
                                            text(record->sets) +
                                            " live binding sets name it; release them first");
  }
  record->releasing = true;  // no new item may name it while we wait
  auto free = await_free(lock, handle, true, deadline);
  if (!free) {
    record->releasing = false;
    return tl::unexpected<Error>(std::move(free).error());
  }
  if (record->kind == HandleRecord::Kind::set) {
    for (const std::uint32_t member : record->members) --find_handle(member)->sets;
  }
  if (record->kind == HandleRecord::Kind::buffer) bytes_allocated_ -= record->bytes;
  if (record->kind == HandleRecord::Kind::view) --views_;
  if (record->published) {
    if (ingest::Pump* running = running_pump_.load(std::memory_order_acquire))
      running->withdraw_file(handle.id);
  }
  drop_handle(*record);
  if (observer_.active.load(std::memory_order_acquire)) {
    const std::lock_guard observing(observer_.mutex);
    if (observer_.observer) observer_.observer->on_release(handle);
  }
  return {};
}

}  // namespace vyre::runtime

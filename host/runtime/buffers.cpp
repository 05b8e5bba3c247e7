// Buffers and binding sets: making, writing, reading and releasing them in the order of the work.
#include <algorithm>
#include <new>

#include "backend/handle.hpp"
#include "runtime/budget.hpp"
#include "state.hpp"

namespace vyre::runtime {
namespace {

/// A place in the handle table is used again only when so many wait. Together with the generations
/// a number comes again after a million releases at the earliest: what an item with a stale number
/// meets until then is an error.
constexpr std::size_t kFreeHandlesKept{4'096};
constexpr std::uint32_t kGenerations{256};
/// What a member of a set costs: its handle in the session and in the backend, and its use.
constexpr std::uint64_t kMemberBytes{16};

std::string text(std::uint64_t value) {
  return std::to_string(value);
}

/// How far a copy came, and why it came no further.
struct Copied {
  std::uint64_t bytes{0};
  Status status;
};

/// Piece by piece: `copy` takes where a piece begins and how long it is. The first is always
/// copied, so that one piece takes whatever time it takes.
template <class Copy>
Copied copy_in_pieces(std::uint64_t bytes, const std::string& what, const CopyUntil& until,
                      const Copy& copy) {
  Copied copied;
  do {
    if (copied.bytes != 0) {
      copied.status =
          until.go_on(what, "after " + text(copied.bytes) + " of " + text(bytes) + " bytes");
      if (!copied.status) return copied;
    }
    const std::uint64_t piece = std::min(kCopyPieceBytes, bytes - copied.bytes);
    copied.status = copy(copied.bytes, piece);
    if (!copied.status) return copied;
    copied.bytes += piece;
  } while (copied.bytes < bytes);
  return copied;
}

}  // namespace

Status CopyUntil::go_on(const std::string& what, const std::string& place) const {
  if (told_to_stop()) return fail(Errc::cancelled, what + " was told to stop " + place);
  if (Clock::now() < deadline) return {};
  return fail(Errc::deadline_exceeded,
              what + " was cut at the deadline " + place + "; allow more time");
}

HandleRecord* Session::State::find_handle(std::uint32_t handle) noexcept {
  HandleRecord* record = handles_.find(backend::handle_index(handle));
  if (record == nullptr || record->kind == HandleRecord::Kind::none || record->handle != handle)
    return nullptr;
  return record;
}

Result<HandleRecord*> Session::State::live_handle(const Handle& handle, const char* what) {
  const auto cannot = [&] {
    return std::string("cannot ") + what + " handle " + text(handle.id) + ": ";
  };
  if (handle.session != 0 && handle.session != number_) {
    return fail(Errc::invalid_argument,
                cannot() + "it belongs to another session; use the session that gave it out");
  }
  HandleRecord* record = find_handle(handle.id);
  const bool stale = record != nullptr && handle.session != 0 && record->serial != handle.serial;
  if (stale || (record == nullptr && handle.session != 0 && handle.id != 0)) {
    return fail(Errc::not_found, cannot() + "it was released" +
                                     (stale ? ", and another buffer has its number now" : "") +
                                     "; it is not alive in this session");
  }
  if (record == nullptr || record->releasing)
    return fail(Errc::not_found, cannot() + "it is not alive in this session");
  return record;
}

Result<HandleRecord*> Session::State::live_buffer(const Handle& handle, const char* what,
                                                  bool views) {
  VYRE_ASSIGN(HandleRecord* const record, live_handle(handle, what));
  if (record->kind == HandleRecord::Kind::view && !views) {
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
  if (free_handles_.size() > hooks_.free_handles_kept.value_or(kFreeHandlesKept) ||
      (handles_used_ == kMaxHandles && !free_handles_.empty())) {
    index = free_handles_.front();
    free_handles_.pop_front();
  } else if (handles_used_ < kMaxHandles) {
    index = handles_used_++;
  } else {
    return fail(Errc::limit_exceeded,
                "all " + text(kMaxHandles - 1) + " handles are alive (kMaxHandles); release some");
  }
  // Sessions opened one after another begin with different generations: a bare number of another
  // session's handle is refused, too, rather than meet a buffer that has its place here.
  const std::uint32_t generation = (number_ - 1 + handles_.at(index).releases) % kGenerations;
  return backend::make_handle(index, generation);
}

HandleRecord& Session::State::put_handle(std::uint32_t handle, HandleRecord::Kind kind,
                                         std::uint64_t bytes) {
  HandleRecord& record = handles_.at(backend::handle_index(handle));
  record.kind = kind;
  record.handle = handle;
  record.serial = next_serial_++;
  record.bytes = bytes;
  return record;
}

void Session::State::free_place(std::uint32_t handle) {
  HandleRecord& record = handles_.at(backend::handle_index(handle));
  const std::uint32_t releases = record.releases + 1;
  record = HandleRecord{};
  record.releases = releases;
  free_handles_.push_back(backend::handle_index(handle));
}

void Session::State::release_in_backend(std::uint32_t handle) {
  const std::lock_guard making(memory_mutex_);
  backend_->release(handle);
}

Status Session::State::reserve_bytes(std::uint64_t bytes, const char* what) {
  const std::uint64_t budget = options_.memory_budget_bytes;
  const std::uint64_t counted = counted_bytes(bytes);
  const std::uint64_t left = budget - std::min(budget, bytes_reserved_);
  if (budget != 0 && counted > left) {
    const std::string least =
        counted == bytes ? "" : ", which counts as " + text(kHandleBytes) + ",";
    return fail(Errc::out_of_memory, std::string(what) + " of " + text(bytes) + " bytes" + least +
                                         " was requested, but " + text(left) +
                                         " bytes are available of the memory budget of " +
                                         text(budget) +
                                         "; release buffers or raise memory_budget_bytes");
  }
  bytes_reserved_ += counted;
  return {};
}

void Session::State::give_back_bytes(std::uint64_t bytes) noexcept {
  bytes_reserved_ -= counted_bytes(bytes);
}

Result<Handle> Session::State::put_made(std::uint32_t handle, HandleRecord::Kind kind,
                                        std::uint64_t bytes, const ByteSpan* contents,
                                        const std::shared_ptr<const ingest::File>& file,
                                        std::uint32_t tenant) {
  // No caller knows the handle yet, so its bytes are read without a lock; an observer that comes
  // meanwhile makes us read them after all.
  std::optional<Contents> read;
  for (;;) {
    OrderLock lock(order_);
    const bool observed = observer_.active.load(std::memory_order_acquire);
    if (!observed || contents != nullptr || read) {
      HandleRecord& record = put_handle(handle, kind, bytes);
      record.file = file;
      record.tenant = tenant;
      const Handle made = public_handle(record);
      if (!observed) return made;
      const std::lock_guard observing(observer_.mutex);
      if (observer_.observer) {
        observer_.observer->on_buffer(made, contents != nullptr ? *contents : read->bytes,
                                      kind == HandleRecord::Kind::file);
      }
      return made;
    }
    lock.unlock();
    std::unique_lock bringing(bring_mutex_, std::defer_lock);
    if (file != nullptr) bringing.lock();
    auto got = contents_of(handle, bytes, file);
    if (file != nullptr) bringing.unlock();
    if (got) {
      read = std::move(*got);
      continue;
    }
    release_in_backend(handle);
    lock.lock();
    if (kind == HandleRecord::Kind::buffer) give_back_bytes(bytes);
    free_place(handle);
    return tl::unexpected<Error>(std::move(got).error());
  }
}

Result<Handle> Session::State::allocate(std::uint64_t bytes, const ByteSpan* contents,
                                        const CopyUntil& until) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  std::uint32_t handle = 0;
  {
    const OrderLock lock(order_);
    VYRE_TRY(reserve_bytes(bytes, "a buffer"));
    auto next = next_handle();
    if (!next) {
      give_back_bytes(bytes);
      return tl::unexpected<Error>(std::move(next).error());
    }
    handle = *next;
  }
  Status made = in_backend([&] { return backend_->allocate(handle, bytes); });
  if (made && contents != nullptr) {
    made = copy_in_pieces(bytes, "the upload", until, [&](std::uint64_t at, std::uint64_t piece) {
             return backend_->write(handle, at, contents->subspan(at, piece));
           }).status;
    if (!made) release_in_backend(handle);
  }
  if (!made) {
    const OrderLock lock(order_);
    give_back_bytes(bytes);
    free_place(handle);
    return tl::unexpected<Error>(std::move(made).error());
  }
  VYRE_ASSIGN(const Handle put, put_made(handle, HandleRecord::Kind::buffer, bytes, contents,
                                         nullptr, ingest::kAnyTenant));
  allocations_.fetch_add(1, std::memory_order_relaxed);
  if (contents != nullptr) bytes_in_.fetch_add(bytes, std::memory_order_relaxed);
  return put;
}

Result<Handle> Session::State::make_view() {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  OrderLock lock(order_);
  VYRE_ASSIGN(const std::uint32_t handle, next_handle());
  ++views_;  // from now on no observer is attached
  lock.unlock();
  Status made = in_backend([&] { return backend_->make_view(handle); });
  lock.lock();
  if (!made) {
    --views_;
    free_place(handle);
    return tl::unexpected<Error>(std::move(made).error());
  }
  return public_handle(put_handle(handle, HandleRecord::Kind::view, 0));
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
  std::vector<std::uint32_t> members;
  members.reserve(buffers.size());
  OrderLock lock(order_);
  for (const Handle& buffer : buffers) {
    VYRE_TRY(live_buffer(buffer, "bind", views));
    members.push_back(buffer.id);
  }
  // A set of views belongs to a stream, which has few of them and gives them back.
  const std::uint64_t bytes = members.size() * kMemberBytes;
  if (!views) VYRE_TRY(reserve_bytes(bytes, "a binding set"));
  const auto next = next_handle();
  if (!next) {
    if (!views) give_back_bytes(bytes);
    return tl::unexpected<Error>(next.error());
  }
  const std::uint32_t handle = *next;
  for (const std::uint32_t member : members) ++find_handle(member)->sets;  // they stay meanwhile
  lock.unlock();
  Status bound = in_backend([&] { return backend_->bind(handle, members); });
  lock.lock();
  if (!bound) {
    for (const std::uint32_t member : members) --find_handle(member)->sets;
    if (!views) give_back_bytes(bytes);
    free_place(handle);
    return tl::unexpected<Error>(std::move(bound).error());
  }
  HandleRecord& record = put_handle(handle, HandleRecord::Kind::set, 0);
  record.members = std::move(members);
  record.counted = !views;
  if (observer_.active.load(std::memory_order_acquire)) {
    const std::lock_guard observing(observer_.mutex);
    if (observer_.observer) tell_set(record);
  }
  return public_handle(record);
}

void Session::State::tell_set(const HandleRecord& record) {
  std::vector<Handle> buffers;
  for (const std::uint32_t member : record.members)
    buffers.push_back(public_handle(*find_handle(member)));
  observer_.observer->on_bind(public_handle(record), buffers);
}

Result<Session::State::Contents> Session::State::contents_of(
    std::uint32_t handle, std::uint64_t bytes, const std::shared_ptr<const ingest::File>& file) {
  if (file != nullptr && backend_->must_bring(handle))
    VYRE_TRY(backend_->bring_file(handle, piece_reader(file)));
  // A file that was cut short meanwhile is told with zeros, as items would read it.
  if (const auto there = backend_->view(handle)) return Contents{*there, {}};
  try {
    Contents contents;
    contents.copy.resize(bytes);
    VYRE_TRY(backend_->read(handle, 0, contents.copy));
    contents.bytes = contents.copy;
    return contents;
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "telling the observer of buffer " + text(handle) + " needs " +
                                         text(bytes) +
                                         " bytes of host memory, which are not available");
  }
}

Result<std::uint64_t> Session::State::buffer_bytes(Handle buffer) {
  const OrderLock lock(order_);
  VYRE_ASSIGN(const HandleRecord* record, live_buffer(buffer, "measure"));
  return record->bytes;
}

Result<HandleRecord*> Session::State::await_free(OrderLock& lock, const Handle& handle, bool writes,
                                                 const CopyUntil& until) {
  const auto late = [&] {
    if (until.told_to_stop()) {
      return fail(Errc::cancelled,
                  "told to stop while items that use handle " + text(handle.id) + " had not ended");
    }
    return fail(Errc::deadline_exceeded, "items that use handle " + text(handle.id) +
                                             " had not ended at the deadline; allow more time");
  };
  // Found again after each wait: the same handle, unless it was released meanwhile.
  std::uint64_t serial = handle.serial;
  const auto find = [&]() -> HandleRecord* {
    HandleRecord* record = find_handle(handle.id);
    if (record != nullptr && serial == 0) serial = record->serial;  // of a bare number
    return record != nullptr && record->serial == serial ? record : nullptr;
  };
  std::uint64_t turn = 0;
  const auto leave = [&] {
    HandleRecord* record = find();
    if (turn == 0 || record == nullptr) return;
    record->line.leave(turn);
    changed_.notify();  // the next in line may be waiting for that alone
  };
  const auto blocked = [&](const HandleRecord& record) {
    return record.host_writers != 0 || (writes && record.host_readers != 0) ||
           (!record.releasing && record.line.ahead_of(turn, writes));
  };
  for (;;) {
    HandleRecord* record = find();
    if (record == nullptr)
      return fail(Errc::not_found, "handle " + text(handle.id) + " was released meanwhile");
    std::optional<Use> busy;
    record->uses.conflicts(
        writes, [this](const Use& use) { return over(use); }, [&](const Use& use) { busy = use; });
    const bool copying = blocked(*record);
    if (!copying && !busy) {
      leave();
      return record;
    }
    if (turn == 0) {
      turn = next_turn_++;
      record->line.join(turn, writes);
    }
    lock.unlock();
    const auto free_now = [&] {
      if (!copying) return look_over(*busy);
      const std::lock_guard again(order_);
      const HandleRecord* now = find();
      return now == nullptr || !blocked(*now);
    };
    bool free = false;
    (void)wait_for(until.deadline, [&] { return (free = free_now()) || until.told_to_stop(); });
    lock.lock();
    if (!free) {
      leave();
      return late();
    }
  }
}

Status Session::State::write(Handle buffer, std::uint64_t offset, ByteSpan bytes,
                             const CopyUntil& until) {
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
  VYRE_ASSIGN(record, await_free(lock, buffer, true, until));
  ++record->host_writers;
  lock.unlock();
  Copied written =
      copy_in_pieces(bytes.size(), "the write to handle " + text(buffer.id), until,
                     [&](std::uint64_t at, std::uint64_t piece) {
                       return backend_->write(buffer.id, offset + at, bytes.subspan(at, piece));
                     });
  lock.lock();
  // Before others may use the buffer again: an observer hears of what is in it, in that order.
  if ((written.status || written.bytes != 0) && observer_.active.load(std::memory_order_acquire)) {
    const std::lock_guard observing(observer_.mutex);
    if (observer_.observer) {
      observer_.observer->on_write(public_handle(*record), offset, bytes.first(written.bytes));
    }
  }
  --record->host_writers;
  lock.unlock();
  changed_.notify();
  bytes_in_.fetch_add(written.bytes, std::memory_order_relaxed);
  if (!written.status && written.bytes != 0) written.status.error().offset = offset + written.bytes;
  return written.status;
}

Status Session::State::download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                                     const CopyUntil& until) {
  // Also after close(): what ended has written what it wrote. Not where a worker was left behind.
  if (leaked()) {
    return fail(Errc::closed,
                "the session is closed, and a worker that did not stop may still be writing");
  }
  sync_points_.fetch_add(1, std::memory_order_relaxed);
  OrderLock lock(order_);
  VYRE_ASSIGN(HandleRecord * record, live_buffer(buffer, "download"));
  if (offset > record->bytes || out.size() > record->bytes - offset) {
    return fail(Errc::invalid_argument, text(out.size()) + " bytes at offset " + text(offset) +
                                            " are not inside buffer " + text(buffer.id) + " of " +
                                            text(record->bytes) + " bytes");
  }
  VYRE_ASSIGN(record, await_free(lock, buffer, false, until));
  while (record->kind == HandleRecord::Kind::file && backend_->must_bring(buffer.id)) {
    lock.unlock();
    VYRE_TRY(bring(buffer, until));
    lock.lock();
    VYRE_ASSIGN(record, await_free(lock, buffer, false, until));
  }
  ++record->host_readers;
  lock.unlock();
  Copied read =
      copy_in_pieces(out.size(), "the download of handle " + text(buffer.id), until,
                     [&](std::uint64_t at, std::uint64_t piece) {
                       return backend_->read(buffer.id, offset + at, out.subspan(at, piece));
                     });
  lock.lock();
  --record->host_readers;
  lock.unlock();
  changed_.notify();
  bytes_out_.fetch_add(read.bytes, std::memory_order_relaxed);
  if (read.status) {
    readbacks_.fetch_add(1, std::memory_order_relaxed);
  } else if (read.bytes != 0) {
    read.status.error().offset = offset + read.bytes;
  }
  return read.status;
}

Result<Bytes> Session::State::download(Handle buffer, const CopyUntil& until) {
  VYRE_ASSIGN(const std::uint64_t size, buffer_bytes(buffer));
  Bytes bytes;
  try {
    bytes.resize(size);
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory,
                "downloading buffer " + text(buffer.id) + " needs " + text(size) +
                    " bytes of host memory, which are not available; use download_into");
  }
  VYRE_TRY(download_into(buffer, 0, bytes, until));
  return bytes;
}

Status Session::State::release(Handle handle, Deadline deadline) {
  if (closing_.load(std::memory_order_acquire)) return fail(Errc::closed, "the session is closed");
  sync_points_.fetch_add(1, std::memory_order_relaxed);
  OrderLock lock(order_);
  VYRE_ASSIGN(HandleRecord * record, live_handle(handle, "release"));
  if (record->sets != 0) {
    return fail(Errc::invalid_argument, "cannot release buffer " + text(handle.id) + ": " +
                                            text(record->sets) +
                                            " live binding sets name it; release them first");
  }
  record->releasing = true;  // no new item may name it while we wait
  auto free = await_free(lock, handle, true, {deadline});
  if (!free) {
    record->releasing = false;
    return tl::unexpected<Error>(std::move(free).error());
  }
  if (record->published) {
    if (ingest::Pump* running = running_pump_.load(std::memory_order_acquire))
      running->withdraw_file(handle.id);
  }
  lock.unlock();
  release_in_backend(handle.id);  // the record stays as it is: it is being released
  lock.lock();
  if (record->kind == HandleRecord::Kind::set) {
    for (const std::uint32_t member : record->members) --find_handle(member)->sets;
    if (record->counted) give_back_bytes(record->members.size() * kMemberBytes);
  }
  if (record->kind == HandleRecord::Kind::buffer) give_back_bytes(record->bytes);
  if (record->kind == HandleRecord::Kind::view) --views_;
  const Handle released = public_handle(*record);
  free_place(handle.id);
  if (observer_.active.load(std::memory_order_acquire)) {
    const std::lock_guard observing(observer_.mutex);
    if (observer_.observer) observer_.observer->on_release(released);
  }
  lock.unlock();
  changed_.notify();  // an observer may wait to be attached, a submit for its turn
  return {};
}

}  // namespace vyre::runtime

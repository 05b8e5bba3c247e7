// Making and releasing buffers, binding sets and aliases. Files are in buffers_of_files.cpp. See
// buffers.hpp.
#include "buffers.hpp"

#include <limits>
#include <new>
#include <utility>
#include <vector>

#include "base/message.hpp"
#include "runtime/set_size.hpp"

namespace vyre::runtime {

template <class Attempt>
Result<Handle> Buffers::with_memory(const CopyUntil& until, const Attempt& attempt) {
  for (;;) {
    const std::uint64_t freed = over_.retirements.freed();
    auto made = attempt();
    if (made || made.error().code != Errc::out_of_memory) return made;
    if (evict_one()) continue;
    VYRE_ASSIGN(const bool more, over_.retirements.await_freed(freed, until));
    if (!more) return made;
  }
}

Result<Handle> Buffers::allocate(std::uint64_t bytes, const ByteSpan* contents,
                                 const CopyUntil& until) {
  return with_memory(until, [&] { return try_allocate(bytes, contents, until); });
}

Result<Handle> Buffers::try_allocate(std::uint64_t bytes, const ByteSpan* contents,
                                     const CopyUntil& until) {
  VYRE_TRY(over_.life.open());
  Made made;
  made.bytes = bytes;
  made.contents = contents;
  {
    const OrderLock lock(over_.order);
    VYRE_TRY(over_.budget.reserve(lock, bytes, "a buffer"));
    auto place = over_.handles.take_place(lock);
    if (!place) {
      over_.budget.give_back(lock, bytes);
      return tl::unexpected<Error>(std::move(place).error());
    }
    made.handle = *place;
  }
  Status allocated = over_.maker.make(until.deadline, [&](backend::Backend& backend) {
    return backend.allocate(made.handle, bytes, until.deadline);
  });
  if (!allocated) {
    undo(made);
    return tl::unexpected<Error>(std::move(allocated).error());
  }
  if (contents != nullptr) {
    allocated =
        copy_in_pieces(bytes, "the upload", until, [&](std::uint64_t at, std::uint64_t piece) {
          return over_.backend.write(made.handle, at, contents->subspan(at, piece));
        }).status;
  }
  if (!allocated) {
    discard(made);
    return tl::unexpected<Error>(std::move(allocated).error());
  }
  VYRE_ASSIGN(const Handle put, put_made(made));
  SessionCounters::add(over_.counters.allocations, 1);
  if (contents != nullptr) {
    SessionCounters::add(over_.counters.bytes_in, bytes);
    SessionCounters::add(over_.counters.uploaded_bytes, bytes);
  }
  return put;
}

Result<Handle> Buffers::import(MutableByteSpan host, const ImportOptions& options,
                               Deadline deadline) {
  VYRE_TRY(over_.life.open());
  constexpr std::uintptr_t kAlignment{16};  // what programs may rely on
  if (host.data() == nullptr && !host.empty())
    return fail(Errc::invalid_argument, "the memory to import is null");
  if (reinterpret_cast<std::uintptr_t>(host.data()) % kAlignment != 0) {
    return fail(Errc::invalid_argument,
                message("the memory to import begins {} bytes behind a multiple of {}; align it to "
                        "{} bytes, or upload a copy",
                        reinterpret_cast<std::uintptr_t>(host.data()) % kAlignment, kAlignment,
                        kAlignment));
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(host.data());
  if (host.size() > std::numeric_limits<std::uintptr_t>::max() - begin) {
    return fail(Errc::invalid_argument,
                message("the memory to import has {} bytes from address {} on, which is beyond "
                        "the end of all memory; give the size that is there",
                        host.size(), begin));
  }
  Made made;
  made.bytes = host.size();
  made.lent = &options;
  {
    const OrderLock lock(over_.order);
    VYRE_TRY(over_.budget.reserve(lock, 0, "an imported buffer"));
    auto place = over_.handles.take_place(lock);
    if (!place) {
      over_.budget.give_back(lock, 0);
      return tl::unexpected<Error>(std::move(place).error());
    }
    made.handle = *place;
    if (auto lent = over_.handles.lend(lock, made.handle, host, options.writable); !lent) {
      over_.budget.give_back(lock, 0);
      over_.handles.free_place(lock, made.handle);
      return tl::unexpected<Error>(std::move(lent).error());
    }
  }
  Status imported = over_.maker.make(deadline, [&](backend::Backend& backend) {
    return backend.import_memory(made.handle, host, options.writable, deadline);
  });
  if (!imported) {
    undo(made);
    return tl::unexpected<Error>(std::move(imported).error());
  }
  return put_made(made);
}

void Buffers::undo(const Made& made) {
  const OrderLock lock(over_.order);
  if (made.kind == HandleRecord::Kind::buffer) over_.budget.give_back(lock, made.budget_bytes());
  over_.handles.free_place(lock, made.handle);
}

void Buffers::discard(const Made& made) {
  OrderLock lock(over_.order);
  HandleRecord& record = over_.handles.put(lock, made.handle, made.kind, made.bytes);
  record.told = false;
  record.releasing = true;
  record.lent = made.lent != nullptr;
  over_.retirements.make_room(lock);
  std::vector<DoneCall> none;  // no caller lent memory that no caller knows
  over_.retirements.take(lock, record, Clock::now(), none);
}

Result<Handle> Buffers::put_made(const Made& made) {
  // No caller knows the handle yet, so its bytes are read without a lock. They are read only once
  // an observer listens, which may come between two rounds.
  std::optional<Contents> read;
  for (;;) {
    {
      const OrderLock lock(over_.order);
      if (!over_.tap.active()) return put(lock, made, {});
      if (made.contents != nullptr) return put(lock, made, *made.contents);
      if (read) return put(lock, made, read->bytes);
    }
    auto got = contents_of(made);
    if (!got) {
      discard(made);
      return tl::unexpected<Error>(std::move(got).error());
    }
    read = std::move(*got);
  }
}

Handle Buffers::put(const OrderLock& lock, const Made& made, ByteSpan contents) {
  HandleRecord& record = over_.handles.put(lock, made.handle, made.kind, made.bytes);
  record.file = made.file;
  record.only_queue = made.only_queue;
  if (made.lent != nullptr) {
    record.lent = true;
    record.read_only = !made.lent->writable;
    record.done = {made.lent->done, made.lent->context};
  }
  const Handle handle = over_.handles.public_handle(record);
  over_.tap.tell(over_.tap.hold(lock), [&](SessionObserver& observer) {
    observer.on_buffer(handle, contents, made.kind == HandleRecord::Kind::file);
  });
  return handle;
}

Result<Buffers::Contents> Buffers::contents_of(const Made& made) {
  if (made.file == nullptr) return contents_of(made.handle, made.bytes);
  const BringLock bringing = over_.files.bring_lock();
  VYRE_TRY(over_.files.bring_alone(bringing, made.handle, made.file));
  return contents_of(made.handle, made.bytes);
}

Result<Buffers::Contents> Buffers::contents_of(std::uint32_t handle, std::uint64_t bytes) const {
  // A file that was cut short meanwhile is told with zeros, as items would read it.
  if (const auto there = over_.backend.host_bytes(handle)) return Contents{*there, {}};
  try {
    Contents contents;
    contents.copy.resize(bytes);
    VYRE_TRY(over_.backend.read(handle, 0, contents.copy));
    contents.bytes = contents.copy;
    return contents;
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, message("telling the observer of buffer {} needs {} bytes of "
                                             "host memory, which are not available",
                                             handle, bytes));
  }
}

Result<Handle> Buffers::make_alias() {
  VYRE_TRY(over_.life.open());
  OrderLock lock(over_.order);
  VYRE_ASSIGN(const std::uint32_t handle, over_.handles.take_place(lock));
  over_.handles.count_view(lock);  // from now on no observer is attached
  lock.unlock();
  Status made = over_.maker.make(
      Deadline::max(), [&](backend::Backend& backend) { return backend.make_alias(handle); });
  lock.lock();
  if (!made) {
    over_.handles.uncount_view(lock);
    over_.handles.free_place(lock, handle);
    return tl::unexpected<Error>(std::move(made).error());
  }
  return over_.handles.public_handle(over_.handles.put(lock, handle, HandleRecord::Kind::alias, 0));
}

Result<std::uint32_t> Buffers::take_set(const OrderLock& lock,
                                        std::span<const std::uint32_t> members, bool aliases) {
  // A set of aliases belongs to a stream, which has few of them and gives them back.
  const std::uint64_t bytes = HandleTable::set_bytes(members.size());
  if (!aliases) VYRE_TRY(over_.budget.reserve(lock, bytes, "a binding set"));
  auto place = over_.handles.take_place(lock);
  if (!place) {
    if (!aliases) over_.budget.give_back(lock, bytes);
    return place;
  }
  over_.handles.hold_members(lock, members);  // they stay while the backend makes the set
  return place;
}

Result<Handle> Buffers::bind(std::span<const Handle> buffers, bool aliases,
                             const CopyUntil& until) {
  return with_memory(until, [&] { return try_bind(buffers, aliases, until.deadline); });
}

Result<Handle> Buffers::try_bind(std::span<const Handle> buffers, bool aliases, Deadline deadline) {
  VYRE_TRY(over_.life.open());
  VYRE_TRY(fits_a_set(buffers.size()));
  std::vector<std::uint32_t> members;
  members.reserve(buffers.size());
  OrderLock lock(over_.order);
  for (const Handle& buffer : buffers) {
    VYRE_TRY(over_.handles.find_buffer(lock, buffer, "bind", aliases));
    members.push_back(buffer.id);
  }
  VYRE_ASSIGN(const std::uint32_t handle, take_set(lock, members, aliases));
  lock.unlock();
  Status bound = over_.maker.make(
      deadline, [&](backend::Backend& backend) { return backend.bind(handle, members, deadline); });
  lock.lock();
  if (!bound) {
    over_.handles.let_members_go(lock, members);
    if (!aliases) over_.budget.give_back(lock, HandleTable::set_bytes(members.size()));
    over_.handles.free_place(lock, handle);
    return tl::unexpected<Error>(std::move(bound).error());
  }
  HandleRecord& record = over_.handles.put(lock, handle, HandleRecord::Kind::set, 0);
  record.members = std::move(members);
  record.counted = !aliases;
  SessionCounters::add(over_.counters.allocations, 1);
  if (over_.tap.active()) tell_set(lock, over_.tap.hold(lock), record);
  return over_.handles.public_handle(record);
}

void Buffers::tell_set(const OrderLock& lock, const ObserverTap::Hold& hold,
                       const HandleRecord& set) {
  std::vector<Handle> buffers;
  for (const std::uint32_t member : set.members)
    buffers.push_back(over_.handles.public_handle(*over_.handles.find(lock, member)));
  over_.tap.tell(hold, [&](SessionObserver& observer) {
    observer.on_bind(over_.handles.public_handle(set), buffers);
  });
}

Status Buffers::release(Handle handle, Deadline deadline, std::vector<DoneCall>& calls) {
  VYRE_TRY(over_.life.open());
  OrderLock lock(over_.order);
  VYRE_ASSIGN(HandleRecord* const record, over_.handles.find_live(lock, handle, "release"));
  if (record->holders > 1) {
    over_.inputs.let_go(lock, *record);
    return {};
  }
  if (record->sets != 0) {
    return fail(
        Errc::invalid_argument,
        message("cannot release buffer {}: {} live binding sets name it; release them first",
                handle.id, record->sets));
  }
  if (record->cached) {  // its memory stays, so what uses it need not end first
    over_.inputs.let_go(lock, *record);
    return {};
  }
  record->releasing = true;  // no new item may name it meanwhile
  auto free = over_.waits.await_free(lock, handle, true, {deadline});
  if (!free) {
    record->releasing = false;
    return tl::unexpected<Error>(std::move(free).error());
  }
  over_.retirements.make_room(lock);
  over_.retirements.take(lock, *record, deadline, calls);
  return {};
}

Status Buffers::retire(Handle handle, std::vector<DoneCall>& calls) {
  VYRE_TRY(over_.life.open());
  OrderLock lock(over_.order);
  VYRE_ASSIGN(HandleRecord* const record, over_.handles.find_live(lock, handle, "retire"));
  if (record->cached) {
    over_.inputs.let_go(lock, *record);
    return {};
  }
  over_.retirements.make_room(lock);
  record->releasing = true;
  over_.retirements.take(lock, *record, Clock::now(), calls);
  return {};
}

bool Buffers::settled(const OrderLock& lock) {
  bool settled = true;
  over_.handles.for_each(lock, [&](const HandleRecord& record) {
    settled = record.host_writers == 0 && (!record.releasing || record.cached);
    return settled;
  });
  return settled;
}

Status Buffers::tell_all(const OrderLock& lock, const BringLock& bringing,
                         const ObserverTap::Hold& hold) {
  Status told;
  const auto tell = [&](const HandleRecord& record) -> Status {
    if (record.file != nullptr)
      VYRE_TRY(over_.files.bring_alone(bringing, record.handle, record.file));
    VYRE_ASSIGN(const Contents contents, contents_of(record.handle, record.bytes));
    over_.tap.tell(hold, [&](SessionObserver& observer) {
      observer.on_buffer(over_.handles.public_handle(record), contents.bytes,
                         record.kind == HandleRecord::Kind::file);
    });
    return {};
  };
  over_.handles.for_each(lock, [&](const HandleRecord& record) {
    if (record.kind != HandleRecord::Kind::set) told = tell(record);
    return told.has_value();
  });
  if (!told) return told;
  over_.handles.for_each(lock, [&](const HandleRecord& record) {
    if (record.kind == HandleRecord::Kind::set) tell_set(lock, hold, record);
    return true;
  });
  return {};
}

}  // namespace vyre::runtime

// See handle_table.hpp.
#include "handle_table.hpp"

#include <string>

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {
namespace {

constexpr std::uint32_t kGenerations{256};
/// What a member of a set costs: its handle in the session and in the backend, and its use.
constexpr std::uint64_t kMemberBytes{16};

std::string not_alive(const char* what, std::uint32_t handle) {
  return message("cannot {} handle {}: it is not alive in this session", what, handle);
}

}  // namespace

std::string lease_held(const HandleRecord& record) {
  return message("handle {} is leased to {}; unlease it, or allow more time", record.handle,
                 record.leased_to_write ? "a caller that writes it"
                                        : message("{} callers that read it", record.leases));
}

Result<HandleRecord*> HandleTable::find_live(const OrderLock& lock, const Handle& handle,
                                             const char* what) {
  VYRE_ASSIGN(HandleRecord* const record, find_known(lock, handle, what));
  if (record->releasing) return fail(Errc::not_found, not_alive(what, handle.id));
  return record;
}

Result<HandleRecord*> HandleTable::find_known(const OrderLock& lock, const Handle& handle,
                                              const char* what) {
  if (handle.session != 0 && handle.session != session_) {
    return fail(Errc::invalid_argument,
                message("cannot {} handle {}: it belongs to another session, number {}, and this "
                        "is session {}; use the one that gave it out",
                        what, handle.id, handle.session, session_));
  }
  HandleRecord* record = find(lock, handle.id);
  const bool stale = record != nullptr && handle.session != 0 && record->serial != handle.serial;
  if (stale || (record == nullptr && handle.session != 0 && handle.id != 0)) {
    return fail(Errc::not_found,
                message("cannot {} handle {}: it was released{}; it is not alive in this session",
                        what, handle.id, stale ? ", and another buffer has its number now" : ""));
  }
  if (record == nullptr) return fail(Errc::not_found, not_alive(what, handle.id));
  return record;
}

Result<HandleRecord*> HandleTable::find_buffer(const OrderLock& lock, const Handle& handle,
                                               const char* what, bool aliases) {
  VYRE_ASSIGN(HandleRecord* const record, find_live(lock, handle, what));
  if (record->kind == HandleRecord::Kind::alias && !aliases)
    return fail(Errc::not_found, not_alive(what, handle.id));
  if (record->kind == HandleRecord::Kind::set) {
    return fail(Errc::invalid_argument,
                message("cannot {} handle {}: it is a binding set; name one of its buffers", what,
                        handle.id));
  }
  return record;
}

Result<std::uint32_t> HandleTable::take_place(const OrderLock&) {
  std::uint32_t index = 0;
  if (free_places_.size() > free_places_kept_ ||
      (places_used_ == kMaxHandles && !free_places_.empty())) {
    index = free_places_.front();
    free_places_.pop_front();
  } else if (places_used_ < kMaxHandles) {
    index = places_used_++;
  } else {
    return fail(Errc::limit_exceeded,
                message("all {} handles are alive (kMaxHandles); release some", kMaxHandles - 1));
  }
  // Sessions opened one after another begin with different generations: a bare number of another
  // session's handle is refused, too, rather than meet a buffer that has its place here.
  const std::uint32_t generation = (session_ - 1 + records_.at(index).releases) % kGenerations;
  return backend::make_handle(index, generation);
}

HandleRecord& HandleTable::put(const OrderLock&, std::uint32_t handle, HandleRecord::Kind kind,
                               std::uint64_t bytes) {
  HandleRecord& record = records_.at(backend::handle_index(handle));
  record.kind = kind;
  record.handle = handle;
  record.serial = next_serial_++;
  record.version = next_version_++;
  record.bytes = bytes;
  return record;
}

void HandleTable::revive(const OrderLock&, HandleRecord& record) noexcept {
  record.releasing = false;
  record.serial = next_serial_++;
}

void HandleTable::free_place(const OrderLock& lock, std::uint32_t handle) {
  imported_.remove(lock, handle);
  HandleRecord& record = records_.at(backend::handle_index(handle));
  const std::uint32_t releases = record.releases + 1;
  record = HandleRecord{};
  record.releases = releases;
  free_places_.push_back(backend::handle_index(handle));
}

void HandleTable::remove(const OrderLock& lock, HandleRecord& record) {
  switch (record.kind) {
    case HandleRecord::Kind::set:
      let_members_go(lock, record.members);
      if (record.counted) budget_.give_back(lock, set_bytes(record.members.size()));
      break;
    case HandleRecord::Kind::buffer:
      budget_.give_back(lock, record.lent ? 0 : record.bytes);
      break;
    case HandleRecord::Kind::alias:
      uncount_view(lock);
      break;
    case HandleRecord::Kind::file:
    case HandleRecord::Kind::none:
      break;
  }
  free_place(lock, record.handle);
}

void HandleTable::hold_members(const OrderLock& lock,
                               std::span<const std::uint32_t> members) noexcept {
  for (const std::uint32_t member : members) ++find(lock, member)->sets;
}

void HandleTable::let_members_go(const OrderLock& lock,
                                 std::span<const std::uint32_t> members) noexcept {
  for (const std::uint32_t member : members) --find(lock, member)->sets;
}

std::uint64_t HandleTable::set_bytes(std::size_t members) noexcept {
  return members * kMemberBytes;
}

}  // namespace vyre::runtime

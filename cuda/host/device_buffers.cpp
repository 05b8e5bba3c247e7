// Changing the device's handle table and moving bytes. See device_buffers.hpp.
#include "device_buffers.hpp"

#include <algorithm>
#include <new>
#include <thread>

#include "backend/handle.hpp"
#include "base/message.hpp"
#include "queue/atomics.hpp"

namespace vyre::cuda {
namespace {

using megakernel::Command;
using megakernel::ControlCommand;
using megakernel::EntryKind;
using queue::HostAtomics;
using queue::Order;

/// Between two looks whether lent memory has been unlocked.
constexpr std::chrono::microseconds kGapLook{200};

Status check_index(std::uint32_t handle) {
  const std::uint32_t index = backend::handle_index(handle);
  if (index < megakernel::kMaxDeviceHandles) return {};
  return fail(Errc::limit_exceeded,
              message("handle index {} is above the device's table of {} entries "
                      "(kMaxDeviceHandles); release buffers and binding sets",
                      index, megakernel::kMaxDeviceHandles));
}

}  // namespace

Result<std::uint64_t> DeviceArena::allocate(std::uint64_t bytes, const std::string& what) {
  const std::lock_guard lock(mutex_);
  try {
    if (const auto offset = arena_.allocate(bytes)) return base_ + *offset;
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, message("the host has no memory to note {}", what));
  }
  return fail(
      Errc::out_of_memory,
      message("{} was requested with {} bytes of device memory, {} of {} are available, {} in one "
              "piece; release buffers or open the session with a larger arena",
              what, bytes, arena_.bytes() - arena_.used(), arena_.bytes(), arena_.largest_free()));
}

Result<std::shared_ptr<DeviceArena::Claim>> DeviceArena::claim(std::uint64_t bytes,
                                                               const std::string& what,
                                                               ControlQueue& control,
                                                               Deadline deadline) {
  for (;;) {
    const std::uint64_t ended = control.left_ended();
    auto address = allocate(bytes, what);
    if (address) {
      try {
        return std::make_shared<Claim>(*this, *address);
      } catch (const std::bad_alloc&) {
        free(*address);
        return fail(Errc::out_of_memory, message("the host has no memory to note {}", what));
      }
    }
    VYRE_ASSIGN(const bool more, control.await_left(ended, deadline));
    if (!more) return tl::unexpected<Error>(std::move(address).error());
  }
}

void DeviceArena::free(std::uint64_t address) noexcept {
  const std::lock_guard lock(mutex_);
  (void)arena_.free(address - base_);
}

std::uint64_t DeviceArena::bytes() const {
  const std::lock_guard lock(mutex_);
  return arena_.bytes();
}
std::uint64_t DeviceArena::used() const {
  const std::lock_guard lock(mutex_);
  return arena_.used();
}

Status DeviceBuffers::put(Command what, const Entry& entry, const ControlQueue::Until& until) {
  ControlCommand command{};
  command.command = what;
  if (what == Command::fill) {
    command.to = entry.data;
    command.bytes = entry.bytes;
  }
  command.entry = entry;
  VYRE_TRY(control_.run(command, until));
  entries_.at(backend::handle_index(entry.handle)) = entry;
  return {};
}

Status DeviceBuffers::allocate(std::uint32_t handle, std::uint64_t bytes, Deadline deadline) {
  VYRE_TRY(check_index(handle));
  VYRE_ASSIGN(const std::shared_ptr<DeviceArena::Claim> claim,
              arena_.claim(bytes, "a buffer", control_, deadline));
  VYRE_TRY(put(Command::fill, {claim->address(), bytes, handle, EntryKind::memory, 0, 0},
               {deadline, claim}));
  claim->keep();
  return {};
}

Status DeviceBuffers::import_memory(std::uint32_t handle, MutableByteSpan host, bool writable,
                                    Deadline deadline) {
  VYRE_TRY(check_index(handle));
  if (host.empty()) return allocate(handle, 0, deadline);  // there is nothing to lock
  VYRE_ASSIGN(const std::uint64_t address, lending_.lend(handle, host, writable));
  // Items may write neither a file nor this, if it is not `writable`.
  const EntryKind kind = writable ? EntryKind::memory : EntryKind::file;
  Status known = put(Command::put_handle, {address, host.size(), handle, kind, 0, 0}, {deadline});
  // No item can name a handle that no caller knows, so the memory is out of use, locked or not.
  if (!known) lending_.end(handle);
  return known;
}

Status DeviceBuffers::map_file(std::uint32_t handle, const backend::MappableFile& file,
                               Deadline deadline) {
  VYRE_TRY(check_index(handle));
  // No address yet: items ask for its bytes, or bring_file() comes first.
  return put(Command::put_handle, {0, file.bytes, handle, EntryKind::file, 0, 0}, {deadline});
}

Status DeviceBuffers::make_read_only(std::uint32_t handle, Deadline deadline) {
  const Entry* entry = find(handle);
  if (entry == nullptr || entry->kind != EntryKind::memory)
    return fail(Errc::not_found, message("handle {} is not a live buffer", handle));
  Entry sealed = *entry;
  sealed.kind = EntryKind::file;  // as a file whose bytes are here
  return put(Command::put_handle, sealed, {deadline});
}

bool DeviceBuffers::must_bring(std::uint32_t handle) const noexcept {
  const Entry* entry = find(handle);
  return entry != nullptr && entry->kind == EntryKind::file && entry->data == 0;
}

Status DeviceBuffers::bring_file(std::uint32_t handle, const backend::Backend::ReadPiece& read) {
  const Entry* entry = find(handle);
  if (entry == nullptr || entry->kind != EntryKind::file)
    return fail(Errc::not_found, message("handle {} is not a mapped file", handle));
  if (entry->data != 0) return {};
  Entry resident = *entry;
  VYRE_ASSIGN(resident.data, arena_.allocate(resident.bytes, "a mapped file"));
  if (Status copied = transfers_.write(resident.data, resident.bytes, read); !copied) {
    arena_.free(resident.data);
    return copied;
  }
  return put(Command::put_handle, resident, {});
}

Status DeviceBuffers::make_alias(std::uint32_t handle) {
  VYRE_TRY(check_index(handle));
  if (ingest_.empty()) {
    return fail(Errc::unsupported,
                "this backend has no ingest memory and so no aliases; open it with ingest_bytes");
  }
  free_places_.reserve(kMaxAliases);  // so that release() needs no memory
  std::uint32_t place = places_used_;
  if (!free_places_.empty()) {
    place = free_places_.back();
    free_places_.pop_back();
  } else if (place < kMaxAliases) {
    ++places_used_;
  } else {
    return fail(
        Errc::limit_exceeded,
        message("{} aliases are alive (kMaxAliases): release one before the next", kMaxAliases));
  }
  auto* const at = reinterpret_cast<AliasPlace*>(ingest_.data() + IngestLayout::kAliases) + place;
  *at = {};
  // On an error the place stays taken, like memory.
  return put(Command::put_handle,
             {reinterpret_cast<std::uintptr_t>(at), 0, handle, EntryKind::alias, 0, 0}, {});
}

void DeviceBuffers::place_alias(std::uint32_t alias, std::uint32_t of, std::uint64_t offset,
                                std::uint64_t bytes) noexcept {
  const Entry* entry = find(alias);
  if (entry == nullptr || entry->kind != EntryKind::alias) return;
  std::uint64_t base = reinterpret_cast<std::uintptr_t>(ingest_.data());
  if (of != 0) {
    const Entry* buffer = find(of);
    base = buffer == nullptr ? 0 : buffer->data;
  }
  auto* const at = reinterpret_cast<AliasPlace*>(static_cast<std::uintptr_t>(entry->data));
  // [ALIAS-1] Relaxed: the publication of the next item that names the alias publishes them.
  HostAtomics::store(&at->data, base + offset, Order::relaxed);
  HostAtomics::store(&at->bytes, bytes, Order::relaxed);
}

Status DeviceBuffers::bind(std::uint32_t set, std::span<const std::uint32_t> buffers,
                           Deadline deadline) {
  VYRE_TRY(check_index(set));
  const ByteSpan bytes{reinterpret_cast<const std::uint8_t*>(buffers.data()), buffers.size_bytes()};
  VYRE_ASSIGN(const std::shared_ptr<DeviceArena::Claim> claim,
              arena_.claim(bytes.size(), "a binding set", control_, deadline));
  VYRE_TRY(transfers_.write(claim->address(), bytes));
  VYRE_TRY(put(Command::put_handle,
               {claim->address(), bytes.size(), set, EntryKind::set,
                static_cast<std::uint32_t>(buffers.size()), 0},
               {deadline, claim}));
  claim->keep();
  return {};
}

bool DeviceBuffers::release(std::uint32_t handle, Deadline deadline) noexcept {
  Entry* entry = entries_.find(backend::handle_index(handle));
  if (entry == nullptr || entry->kind == EntryKind::none || entry->handle != handle)
    return unlock(handle, deadline);
  const std::uint64_t address = entry->data;
  const EntryKind kind = entry->kind;
  const bool in_arena = kind != EntryKind::alias && address != 0 && !lending_.find(handle);
  std::shared_ptr<DeviceArena::Claim> claim;
  try {
    if (in_arena) claim = std::make_shared<DeviceArena::Claim>(arena_, address);
  } catch (const std::bad_alloc&) {
    return false;  // nothing has changed
  }
  bool published = false;
  const Status told = put(Command::put_handle, {0, 0, handle, EntryKind::none, 0, 0},
                          {deadline, claim, &published});
  if (!told && !published && retryable(told.error())) {
    if (claim) claim->keep();
    return false;
  }
  // If the device does not answer, the memory stays taken until it does or the backend is gone.
  if (!told && !published && claim) claim->keep();
  if (!told) entry->kind = EntryKind::none;
  if (told && kind == EntryKind::alias) {
    const auto first = reinterpret_cast<std::uintptr_t>(ingest_.data() + IngestLayout::kAliases);
    free_places_.push_back(static_cast<std::uint32_t>((address - first) / sizeof(AliasPlace)));
  }
  return unlock(handle, deadline);
}

bool DeviceBuffers::unlock(std::uint32_t handle, Deadline deadline) noexcept {
  lending_.end(handle);
  if (!lending_.is_ending(handle)) return true;
  resident_.look_soon();
  while (lending_.is_ending(handle)) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kGapLook);
  }
  return true;
}

const DeviceBuffers::Entry* DeviceBuffers::find(std::uint32_t handle) const noexcept {
  const Entry* entry = entries_.find(backend::handle_index(handle));
  const bool live = entry != nullptr && entry->handle == handle && entry->kind != EntryKind::none;
  return live ? entry : nullptr;
}

Result<const DeviceBuffers::Entry*> DeviceBuffers::range(std::uint32_t handle, std::uint64_t offset,
                                                         std::uint64_t bytes) const {
  const Entry* entry = find(handle);
  if (entry == nullptr || entry->kind == EntryKind::set || entry->kind == EntryKind::alias) {
    return fail(Errc::not_found, message("handle {} is not a live buffer", handle));
  }
  if (offset > entry->bytes || bytes > entry->bytes - offset) {
    return fail(Errc::invalid_argument,
                message("{} bytes at offset {} do not fit buffer {} of {} bytes", bytes, offset,
                        handle, entry->bytes));
  }
  if (entry->kind == EntryKind::file && entry->data == 0) {
    return fail(
        Errc::invalid_argument,
        message(
            "the bytes of the mapped file {} are not on the device: bring_file() has to come first",
            handle));
  }
  return entry;
}

Status DeviceBuffers::write(std::uint32_t handle, std::uint64_t offset, ByteSpan bytes) {
  VYRE_ASSIGN(const Entry* entry, range(handle, offset, bytes.size()));
  if (entry->kind == EntryKind::file) {
    return fail(Errc::invalid_argument,
                message("buffer {} is a mapped file and cannot be written", handle));
  }
  if (const auto lent = lending_.find(handle)) {
    std::copy(bytes.begin(), bytes.end(), lent->subspan(offset).begin());
    return {};
  }
  return transfers_.write(entry->data + offset, bytes);
}

Status DeviceBuffers::read(std::uint32_t handle, std::uint64_t offset, MutableByteSpan out) {
  VYRE_ASSIGN(const Entry* entry, range(handle, offset, out.size()));
  if (copy_lent(handle, offset, out)) return {};
  return transfers_.read(entry->data + offset, out);
}

bool DeviceBuffers::copy_lent(std::uint32_t handle, std::uint64_t offset,
                              MutableByteSpan out) const noexcept {
  const auto lent = lending_.find(handle);
  if (!lent) return false;
  const MutableByteSpan from = lent->subspan(offset, out.size());
  std::copy(from.begin(), from.end(), out.begin());
  return true;
}

Status DeviceBuffers::read_after_end(Door& door, std::uint32_t handle, std::uint64_t offset,
                                     MutableByteSpan out) {
  VYRE_ASSIGN(const Entry* entry, range(handle, offset, out.size()));
  if (out.empty() || copy_lent(handle, offset, out)) return {};
  return door.peek(out.data(), reinterpret_cast<const std::uint8_t*>(entry->data + offset),
                   out.size(), Clock::now() + kControlWait);
}

}  // namespace vyre::cuda

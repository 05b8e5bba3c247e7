// Allocation, file aliases and binding sets of the CPU backend.
#include "memory.hpp"

#include <algorithm>
#include <cstdlib>

#include "backend/handle.hpp"
#include "base/message.hpp"
#include "protocol/io_request.hpp"

namespace vyre::cpu {
namespace {

void free_bytes(const MemoryEntry& entry) {
  const bool bytes = entry.kind == MemoryEntry::Kind::memory ||
                     (entry.kind == MemoryEntry::Kind::file && entry.file == nullptr);
  if (bytes && !entry.alias && !entry.lent) std::free(entry.data);
}

}  // namespace

MemoryTable::~MemoryTable() {
  for (std::uint32_t i = 0; i < used_below_; ++i) {
    const MemoryEntry* entry = entries_.find(i);
    if (entry != nullptr) free_bytes(*entry);
  }
}

MemoryEntry& MemoryTable::fresh(std::uint32_t handle) {
  const std::uint32_t index = backend::handle_index(handle);
  used_below_ = std::max(used_below_, index + 1);
  MemoryEntry& entry = entries_.at(index);
  entry.handle = handle;
  return entry;
}

Status MemoryTable::allocate(std::uint32_t handle, std::uint64_t bytes) {
  // calloc: zeroed lazily by the kernel where large, aligned to 16 bytes as aliases must be.
  std::unique_ptr<void, decltype(&std::free)> data{
      bytes > SIZE_MAX / 2 ? nullptr : std::calloc(1, std::max<std::uint64_t>(bytes, 1)),
      &std::free};
  if (data == nullptr) {
    return fail(Errc::out_of_memory,
                message("cannot allocate a buffer of {} bytes of host memory", bytes));
  }
  MemoryEntry& entry = fresh(handle);  // may need memory itself
  entry.kind = MemoryEntry::Kind::memory;
  entry.data = static_cast<std::uint8_t*>(data.release());
  entry.bytes = bytes;
  return {};
}

Status MemoryTable::map_file(std::uint32_t handle, const backend::MappableFile& mappable) {
  VYRE_ASSIGN(auto file,
              platform::MappedFile::open(mappable.descriptor, mappable.bytes, mappable.path));
  MemoryEntry& entry = fresh(handle);
  entry.kind = MemoryEntry::Kind::file;
  // Never written: workers refuse a file where a program writes.
  entry.data = const_cast<std::uint8_t*>(file->bytes().data());
  entry.bytes = file->bytes().size();
  entry.file = std::move(file);
  return {};
}

void MemoryTable::import(std::uint32_t handle, MutableByteSpan host, bool writable) {
  MemoryEntry& entry = fresh(handle);
  entry.kind = writable ? MemoryEntry::Kind::memory : MemoryEntry::Kind::file;
  entry.lent = true;
  entry.data = host.data();
  entry.bytes = host.size();
}

void MemoryTable::make_read_only(std::uint32_t handle) noexcept {
  MemoryEntry* entry = entries_.find(backend::handle_index(handle));
  if (entry == nullptr || entry->handle != handle || entry->kind != MemoryEntry::Kind::memory)
    return;
  entry->kind = MemoryEntry::Kind::file;
  entry->literals = LiteralSearch::of({entry->data, entry->bytes});
}

Status MemoryTable::make_alias(std::uint32_t handle) {
  if (aliases_ == kMaxAliases) {
    return fail(Errc::limit_exceeded,
                message("{} aliases are alive already; release one", kMaxAliases));
  }
  MemoryEntry& entry = fresh(handle);
  entry.kind = MemoryEntry::Kind::memory;
  entry.alias = true;
  ++aliases_;
  return {};
}

void MemoryTable::place_alias(std::uint32_t alias, std::uint8_t* data,
                              std::uint64_t bytes) noexcept {
  MemoryEntry* entry = entries_.find(backend::handle_index(alias));
  if (entry == nullptr || entry->handle != alias || !entry->alias) return;
  entry->data = data;
  entry->bytes = bytes;
}

Status MemoryTable::bind(std::uint32_t set, std::span<const std::uint32_t> buffers) {
  MemoryEntry& entry = fresh(set);
  entry.kind = MemoryEntry::Kind::set;
  entry.members.assign(buffers.begin(), buffers.end());
  return {};
}

void MemoryTable::release(std::uint32_t handle) noexcept {
  MemoryEntry* entry = entries_.find(backend::handle_index(handle));
  if (entry == nullptr || entry->handle != handle) return;
  free_bytes(*entry);
  if (entry->alias) --aliases_;
  *entry = MemoryEntry{};
}

const MemoryEntry* MemoryTable::find(std::uint32_t handle) const noexcept {
  const MemoryEntry* entry = entries_.find(backend::handle_index(handle));
  if (entry == nullptr || entry->kind == MemoryEntry::Kind::none || entry->handle != handle) {
    return nullptr;
  }
  return entry;
}

std::span<const std::uint32_t> MemoryTable::members(const std::uint32_t& handle,
                                                    bool& known) const noexcept {
  if (handle == 0) return {};
  const MemoryEntry* entry = find(handle);
  known = known && entry != nullptr;
  if (entry == nullptr) return {};
  if (entry->kind == MemoryEntry::Kind::set) return entry->members;
  return {&handle, 1};
}

Result<const MemoryEntry*> MemoryTable::range(std::uint32_t handle, std::uint64_t offset,
                                              std::uint64_t bytes) const {
  const MemoryEntry* entry = find(handle);
  if (entry == nullptr || entry->kind == MemoryEntry::Kind::set) {
    return fail(Errc::not_found, message("handle {} is not a live buffer", handle));
  }
  if (offset > entry->bytes || bytes > entry->bytes - offset) {
    return fail(Errc::invalid_argument,
                message("{} bytes at offset {} do not fit buffer {} of {} bytes", bytes, offset,
                        handle, entry->bytes));
  }
  return entry;
}

}  // namespace vyre::cpu

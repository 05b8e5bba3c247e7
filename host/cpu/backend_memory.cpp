// Allocation, file views and binding sets of the CPU backend.
#include "backend_memory.hpp"

#include <algorithm>
#include <cstdlib>

#include "vyre/backend/handle.hpp"

namespace vyre::cpu {

MemoryTable::~MemoryTable() {
  for (std::uint32_t i = 0; i < used_below_; ++i) {
    MemoryEntry* entry = entries_.find(i);
    if (entry != nullptr && entry->kind == MemoryEntry::Kind::memory) std::free(entry->data);
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
  // calloc: zeroed lazily by the kernel where large, aligned to 16 bytes as views must be.
  void* data = bytes > SIZE_MAX / 2 ? nullptr : std::calloc(1, std::max<std::uint64_t>(bytes, 1));
  if (data == nullptr) {
    return fail(Errc::out_of_memory,
                "cannot allocate a buffer of " + std::to_string(bytes) + " bytes of host memory");
  }
  MemoryEntry& entry = fresh(handle);
  entry.kind = MemoryEntry::Kind::memory;
  entry.data = static_cast<std::uint8_t*>(data);
  entry.bytes = bytes;
  return {};
}

Result<std::uint64_t> MemoryTable::map_file(std::uint32_t handle, const std::string& path) {
  VYRE_ASSIGN(auto file, GuardedFile::open(path));
  MemoryEntry& entry = fresh(handle);
  entry.kind = MemoryEntry::Kind::file;
  // Never written: workers refuse a file where a program writes.
  entry.data = const_cast<std::uint8_t*>(file->bytes().data());
  entry.bytes = file->bytes().size();
  entry.file = std::move(file);
  return entry.bytes;
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
  if (entry->kind == MemoryEntry::Kind::memory) std::free(entry->data);
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
    return fail(Errc::not_found, "handle " + std::to_string(handle) + " is not a live buffer");
  }
  if (offset > entry->bytes || bytes > entry->bytes - offset) {
    return fail(Errc::invalid_argument, std::to_string(bytes) + " bytes at offset " +
                                            std::to_string(offset) + " do not fit buffer " +
                                            std::to_string(handle) + " of " +
                                            std::to_string(entry->bytes) + " bytes");
  }
  return entry;
}

}  // namespace vyre::cpu

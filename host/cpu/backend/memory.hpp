// The CPU backend's handle table: what a buffer handle or a binding set means to a worker.
// Host only. Written by one thread at a time (the Session's), read by workers without a lock: an
// entry is complete before an item that names it is published, and lives until no item names it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "backend/stable_table.hpp"
#include "base/bytes.hpp"
#include "literal_search.hpp"
#include "platform/mapped_file.hpp"

namespace vyre::cpu {

struct MemoryEntry {
  enum class Kind : std::uint8_t {
    none,
    memory,
    file,  // never written: a mapped file, memory that was lent for reading, or a cached input
    set
  };
  Kind kind{Kind::none};
  std::uint32_t handle{0};  // with its generation
  std::uint8_t* data{nullptr};
  std::uint64_t bytes{0};
  bool alias{false};  // memory of another owner; data and bytes move
  bool lent{false};   // memory of another owner, which stays where it is
  std::unique_ptr<platform::MappedFile> file;
  std::unique_ptr<LiteralSearch> literals;  // of a cached input that is a pattern blob
  std::vector<std::uint32_t> members;       // of a set
};

class MemoryTable {
 public:
  MemoryTable() = default;
  MemoryTable(const MemoryTable&) = delete;
  MemoryTable& operator=(const MemoryTable&) = delete;
  ~MemoryTable();

  [[nodiscard]] Status allocate(std::uint32_t handle, std::uint64_t bytes);
  [[nodiscard]] Status map_file(std::uint32_t handle, const backend::MappableFile& file);
  void import(std::uint32_t handle, MutableByteSpan host, bool writable);
  void make_read_only(std::uint32_t handle) noexcept;
  [[nodiscard]] Status make_alias(std::uint32_t handle);
  /// [ALIAS-1] Only while no unfinished item names the alias: the publication of the next one that
  /// does publishes these words, and the collection of the last one came before.
  void place_alias(std::uint32_t alias, std::uint8_t* data, std::uint64_t bytes) noexcept;
  [[nodiscard]] Status bind(std::uint32_t set, std::span<const std::uint32_t> buffers);
  void release(std::uint32_t handle) noexcept;

  /// Null if nothing lives under that handle, generation included.
  [[nodiscard]] const MemoryEntry* find(std::uint32_t handle) const noexcept;
  /// The buffers that a handle names: itself, a set's members, or none (0). `handle` must outlive
  /// the result; `known` becomes false if nothing lives under it.
  [[nodiscard]] std::span<const std::uint32_t> members(const std::uint32_t& handle,
                                                       bool& known) const noexcept;
  /// A buffer (not a set) and a range inside it, or why not.
  [[nodiscard]] Result<const MemoryEntry*> range(std::uint32_t handle, std::uint64_t offset,
                                                 std::uint64_t bytes) const;

 private:
  MemoryEntry& fresh(std::uint32_t handle);
  backend::StableTable<MemoryEntry> entries_;
  std::uint32_t used_below_{0};
  std::uint32_t aliases_{0};
};

}  // namespace vyre::cpu

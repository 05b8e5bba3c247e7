// A table that grows by chunks and never moves its entries: readers need no lock, writers serialise
// themselves. Host only. Used for ops and handles, whose indices are dense and bounded.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "protocol/limits.hpp"

namespace vyre::backend {

template <class T>
class StableTable {
 public:
  static constexpr std::uint32_t kChunkShift{12};
  static constexpr std::uint32_t kChunkEntries{1u << kChunkShift};
  static constexpr std::uint32_t kMaxEntries{kMaxHandles};

  StableTable() = default;
  StableTable(const StableTable&) = delete;
  StableTable& operator=(const StableTable&) = delete;
  ~StableTable() {
    for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }

  /// Null if nothing was ever put near `index`; an entry not put yet is a T{}.
  [[nodiscard]] T* find(std::uint32_t index) const noexcept {
    if (index >= kMaxEntries) return nullptr;
    // [TABLE-1] acquire: the chunk's entries were constructed.
    Chunk* chunk = chunks_[index >> kChunkShift].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &(*chunk)[index & (kChunkEntries - 1)];
  }

  /// The entry, made if need be; `index` is below kMaxEntries. One writer at a time.
  [[nodiscard]] T& at(std::uint32_t index) {
    auto& chunk_pointer = chunks_[index >> kChunkShift];
    Chunk* chunk = chunk_pointer.load(
        std::memory_order_relaxed);  // relaxed: writers are serialised by the caller
    if (chunk == nullptr) {
      chunk = new Chunk{};
      chunk_pointer.store(chunk, std::memory_order_release);  // [TABLE-1]
    }
    return (*chunk)[index & (kChunkEntries - 1)];
  }

 private:
  using Chunk = std::array<T, kChunkEntries>;
  std::array<std::atomic<Chunk*>, kMaxEntries / kChunkEntries> chunks_{};
};

}  // namespace vyre::backend

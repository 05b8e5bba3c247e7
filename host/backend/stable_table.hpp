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
  static constexpr std::uint32_t kMaxEntries{kMaxHandles};

  StableTable() = default;
  StableTable(const StableTable&) = delete;
  StableTable& operator=(const StableTable&) = delete;
  ~StableTable() {
    for (auto& chunk : chunks_) delete[] chunk.load(std::memory_order_relaxed);
  }

  /// Null if nothing was ever put near `index`; an entry not put yet is a T{}.
  [[nodiscard]] T* find(std::uint32_t index) const noexcept {
    if (index >= kMaxEntries) return nullptr;
    const Place place = Place::of(index);
    // [TABLE-1] acquire: the chunk's entries were constructed.
    T* const chunk = chunks_[place.chunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk + place.entry;
  }

  /// The entry, made if need be; `index` is below kMaxEntries. One writer at a time.
  [[nodiscard]] T& at(std::uint32_t index) {
    const Place place = Place::of(index);
    auto& chunk_pointer = chunks_[place.chunk];
    T* chunk = chunk_pointer.load(std::memory_order_relaxed);  // relaxed: writers are serialised by
                                                               // the caller
    if (chunk == nullptr) {
      chunk = new T[place.entries]{};
      chunk_pointer.store(chunk, std::memory_order_release);  // [TABLE-1]
    }
    return chunk[place.entry];
  }

 private:
  static constexpr std::uint32_t kChunkShift{12};
  static constexpr std::uint32_t kChunkEntries{1u << kChunkShift};
  /// The first chunk is cut up, because most sessions need few entries, and making a whole chunk
  /// would be most of the time that they take to open.
  static constexpr std::uint32_t kPieceShift{7};
  static constexpr std::uint32_t kPieceEntries{1u << kPieceShift};
  static constexpr std::uint32_t kPieces{kChunkEntries / kPieceEntries};

  struct Place {
    std::uint32_t chunk;    // in chunks_
    std::uint32_t entry;    // in the chunk
    std::uint32_t entries;  // of the chunk

    static constexpr Place of(std::uint32_t index) noexcept {
      if (index < kChunkEntries)
        return {index >> kPieceShift, index & (kPieceEntries - 1), kPieceEntries};
      return {kPieces - 1 + (index >> kChunkShift), index & (kChunkEntries - 1), kChunkEntries};
    }
  };

  std::array<std::atomic<T*>, kPieces - 1 + kMaxEntries / kChunkEntries> chunks_{};
};

}  // namespace vyre::backend

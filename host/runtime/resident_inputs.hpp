// Cached uploads: buffers with known contents, which the next caller with equal bytes shares
// instead of uploading them again. They are read-only, so nothing ever makes one invalid. One that
// no caller holds stays until its memory is wanted; then the one that was let go first goes. Host
// only.
//
// Lock: the caller holds the order lock, which every function asks for.
#pragma once

#include <cstdint>
#include <cstring>
#include <list>
#include <optional>
#include <unordered_map>

#include "base/digest.hpp"
#include "handle_table.hpp"
#include "order_lock.hpp"

namespace vyre::runtime {

/// What is in a cached buffer: the digest of its bytes, or of the identity of the file that they
/// were read from, and how many they are.
struct ContentKey {
  enum class Of : std::uint8_t { bytes, file };
  Of of{Of::bytes};
  Digest digest;
  std::uint64_t bytes{0};
  friend bool operator==(const ContentKey&, const ContentKey&) = default;
};

class ResidentInputs {
 public:
  explicit ResidentInputs(HandleTable& handles) : handles_(handles) {}

  /// One more caller holds the buffer with these contents, if there is one.
  [[nodiscard]] std::optional<Handle> hold(const OrderLock&, const ContentKey& key);
  /// From now on the buffer is found by its contents, which no other has; the caller that made it
  /// holds it.
  void add(const OrderLock&, HandleRecord& record, const ContentKey& key);
  /// One caller less holds the buffer. After the last one the buffer is kept, and its handle is
  /// over for callers.
  void let_go(const OrderLock&, HandleRecord& record) noexcept;
  /// Takes the buffer that has been kept for the longest time out of the cache, for the caller to
  /// release; null: none is kept.
  [[nodiscard]] HandleRecord* take_oldest(const OrderLock&) noexcept;

 private:
  struct Entry {
    ContentKey key;
    std::uint32_t handle{0};
  };
  using Entries = std::list<Entry>;
  struct Hash {
    std::size_t operator()(const ContentKey& key) const noexcept {
      std::size_t first = 0;
      std::memcpy(&first, key.digest.bytes.data(), sizeof(first));
      return first;
    }
  };
  HandleTable& handles_;
  Entries held_;  // by callers
  Entries kept_;  // by none; the oldest first
  std::unordered_map<ContentKey, Entries::iterator, Hash> by_key_;
  std::unordered_map<std::uint32_t, Entries::iterator> by_handle_;
};

}  // namespace vyre::runtime

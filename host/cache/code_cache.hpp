// Both levels of the cache of compiled forms: the memory of the process, which its sessions share,
// and a folder. Host only; any thread. Spec: docs/internals/jit.md, "The cache".
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "cache/store.hpp"

namespace vyre::cache {

/// Of the forms in memory, all sessions together. Those that were not used for longest go.
inline constexpr std::uint64_t kMemoryBytes{std::uint64_t{256} << 20};

enum class Level : std::uint8_t { none, memory, folder };

struct CacheCounts {
  std::uint64_t in_memory{0};  // forms found there
  std::uint64_t in_folder{0};
  std::uint64_t made{0};      // found nowhere, and put by the caller
  std::uint64_t damaged{0};   // files that were removed, of `made`
  std::uint64_t not_kept{0};  // could not be written: a full disk, a folder that has gone
};

class MemoryLevel;

class CodeCache {
 public:
  /// `folder`: as folder_or_default() says; "-": none. A folder that cannot be used is none, and
  /// why_no_folder() says why.
  explicit CodeCache(const std::string& folder);

  /// Null: it is not there, and the caller makes it and puts it.
  [[nodiscard]] std::shared_ptr<const Bytes> find(const Digest& key, Level* level = nullptr);
  /// Keeps it in both levels where that works, and returns it.
  std::shared_ptr<const Bytes> put(const Digest& key, Bytes form);

  [[nodiscard]] CacheCounts counts() const;
  [[nodiscard]] const std::string& why_no_folder() const noexcept { return why_no_folder_; }
  /// Empty: there is none.
  [[nodiscard]] std::string folder() const { return store_ ? store_->folder() : std::string(); }

 private:
  std::shared_ptr<MemoryLevel> memory_;
  std::optional<Store> store_;
  std::string why_no_folder_;
  mutable std::mutex mutex_;
  CacheCounts counts_;
};

}  // namespace vyre::cache

// A folder of compiled forms, a file each, named by a digest. Any number of processes use it at
// once: a file appears whole by a rename, readers take no lock, and what does not check is removed.
// Host only; any thread. Spec: docs/internals/jit.md, "The cache".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/digest.hpp"

namespace vyre::cache {

/// Of a payload: linked modules are far below it.
inline constexpr std::uint64_t kMaxPayloadBytes{std::uint64_t{64} << 20};
/// All files of a folder together, unless the caller says otherwise. Beyond it the ones that were
/// not used for longest go, down to four fifths.
inline constexpr std::uint64_t kFolderBytes{std::uint64_t{1} << 30};
/// What was not used for so long goes.
inline constexpr std::int64_t kUnusedDays{90};

struct StoreOptions {
  std::string folder;  // made if its parent exists
  std::uint64_t most_bytes{kFolderBytes};
};

enum class Look : std::uint8_t {
  found,
  absent,
  damaged,  // it does not check, or it is not ours alone; it was removed
};

struct Entry {
  Digest key;
  std::uint64_t bytes{0};  // of the file
  std::int64_t used_s{0};  // last use, seconds since 1970
  std::string path;
};

struct Verified {
  std::uint64_t good{0};
  std::uint64_t removed{0};  // damaged, or not ours alone
};

struct Freed {
  std::uint64_t files{0};
  std::uint64_t bytes{0};
};

class Store {
 public:
  /// Makes the folder with mode 0700 where it is absent. Refuses one that is not this user's or
  /// that others may write, because what lies in it is code.
  [[nodiscard]] static Result<Store> open(StoreOptions options);

  /// The payload, if the file checks; its time of use becomes now.
  [[nodiscard]] Look find(const Digest& key, Bytes& payload) const;
  /// Errc::io where the disk is full or the folder has gone; nothing is left behind then.
  [[nodiscard]] Status put(const Digest& key, ByteSpan payload) const;
  /// Removes what is too old or too much, unless another process is at it.
  Freed evict() const;

  [[nodiscard]] std::vector<Entry> list() const;  // the one used last first
  /// Reads every file.
  [[nodiscard]] Verified verify() const;
  Freed clear() const;

  [[nodiscard]] const std::string& folder() const noexcept { return options_.folder; }

 private:
  explicit Store(StoreOptions options) : options_(std::move(options)) {}
  [[nodiscard]] std::string folder_of(const Digest& key) const;
  [[nodiscard]] std::string path_of(const Digest& key) const;
  [[nodiscard]] Look read(const Digest& key, const std::string& path, Bytes& payload) const;
  void remove_leavings(std::int64_t age_s) const;

  StoreOptions options_;
};

/// `given`; where it is empty, "vyre" in $XDG_CACHE_HOME, or in ".cache" of $HOME; an error where
/// none of them is set.
[[nodiscard]] Result<std::string> folder_or_default(const std::string& given);

}  // namespace vyre::cache

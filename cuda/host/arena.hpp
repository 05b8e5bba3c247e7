// Sub-allocates one block of device memory that was reserved before the kernel went resident: best
// fit in granules of 256 bytes, neighbours joined when they are freed. Host only and pure: it deals
// in offsets and never touches the memory. One thread at a time. Spec:
// docs/internals/resident-host.md, "Memory".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace vyre::cuda {

inline constexpr std::uint64_t kArenaGranule{256};  // what 16-byte and coalesced accesses want

class Arena {
 public:
  /// Offsets are below `bytes`, which is rounded down to whole granules.
  explicit Arena(std::uint64_t bytes);

  /// Offset of a run of at least `bytes` (one granule for none); nullopt: no free run is that long.
  [[nodiscard]] std::optional<std::uint64_t> allocate(std::uint64_t bytes);
  /// `offset` came from allocate() and is not free; anything else is ignored and answered by false.
  /// Needs no memory, so it cannot fail.
  [[nodiscard]] bool free(std::uint64_t offset) noexcept;

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// In whole granules.
  [[nodiscard]] std::uint64_t used() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t largest_free() const noexcept;

 private:
  using BySize = std::set<std::pair<std::uint64_t, std::uint64_t>>;  // bytes, offset
  struct Run {
    std::uint64_t bytes;
    BySize::node_type size_node;  // of a run in use: waits here until the run is free again
  };
  /// The runs tile the arena; no two free ones are neighbours.
  std::map<std::uint64_t, Run> runs_;
  BySize free_by_size_;
  std::uint64_t bytes_;
  std::uint64_t used_{0};
};

}  // namespace vyre::cuda

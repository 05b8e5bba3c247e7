// Which items of a batch conflict, and which item wrote last what another one reads: both per
// buffer, from its last writer and the readers since. Host only, no I/O; O(buffers used). Spec:
// docs/internals/planner.md, "Conflict graph" and "Lineage".
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "planner/work.hpp"

namespace vyre::planner {

inline constexpr std::uint32_t kNoItem{std::numeric_limits<std::uint32_t>::max()};

/// Why a later item has to wait for an earlier one; kinds combine by OR.
enum ConflictKind : std::uint8_t {
  kRaw = 1,  // it reads what the earlier one wrote
  kWar = 2,  // it writes what the earlier one reads
  kWaw = 4,  // it writes what the earlier one wrote
};

struct Conflict {
  std::uint32_t earlier;
  std::uint8_t kinds;
};

/// The edges order every pair of items that conflict, most of them by a path of several edges.
struct ConflictGraph {
  std::vector<std::uint64_t> first;  // in `edges`, by item; one more at the end
  std::vector<Conflict> edges;

  /// What the item waits for, each earlier item once.
  [[nodiscard]] std::span<const Conflict> before(std::size_t item) const noexcept {
    return std::span(edges).subspan(first[item], first[item + 1] - first[item]);
  }
};

/// Whether an item of the batch is to run.
enum class Runs : std::uint8_t {
  no,
  yes,
  /// An earlier submission stands for it, as long as nothing is written in between: it has a place
  /// in the order and runs alone, if it runs.
  perhaps,
};

/// Items that do not run have no edges; an empty `runs` means that all run.
[[nodiscard]] ConflictGraph conflict_graph(const Work& work, std::span<const Runs> runs);

/// An item, and the item that last wrote bytes which it reads or keeps.
struct Derivation {
  std::uint32_t item;
  std::uint32_t from;
  friend bool operator==(const Derivation&, const Derivation&) = default;
};

/// Goes through a batch in its order and finds what derives from what.
class Deriver {
 public:
  explicit Deriver(const Work& work);

  /// Appends the derivations of one item, each once. `from_before(buffer)` is called for what it
  /// reads or keeps of a buffer whose bytes are those from before the batch.
  template <class FromBefore>
  void next(std::uint32_t item, std::vector<Derivation>& out, const FromBefore& from_before) {
    for (const BufferUse& use : work_.uses_of(item)) {
      if ((use.bits & (kReads | kKeeps)) == 0) continue;
      const std::uint32_t writer = writer_[use.buffer];
      if (writer == kBefore) {
        from_before(use.buffer);
      } else if (writer != kNoItem && writer != item && noted_[writer] != item) {
        noted_[writer] = item;
        out.push_back({item, writer});
      }
    }
    for (const BufferUse& use : work_.uses_of(item)) {
      if ((use.bits & kWrites) != 0) writer_[use.buffer] = item;
    }
  }
  /// The caller overwrites the whole buffer between two items of the batch.
  void host_write(std::uint32_t buffer) { writer_[buffer] = kNoItem; }
  /// The item that wrote the buffer last, or nothing of the batch.
  [[nodiscard]] std::uint32_t writer(std::uint32_t buffer) const noexcept {
    return writer_[buffer] == kBefore ? kNoItem : writer_[buffer];
  }

 private:
  static constexpr std::uint32_t kBefore{kNoItem - 1};
  const Work& work_;
  std::vector<std::uint32_t> writer_;  // by buffer
  std::vector<std::uint32_t> noted_;   // by item: the last one that derives from it
};

}  // namespace vyre::planner

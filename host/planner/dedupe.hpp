// Which items of a batch need not run because an earlier one did the same work and nothing was
// written in between. Host only, no I/O; O(buffers) an item. Spec: docs/internals/planner.md,
// "Dedupe".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "planner/work.hpp"
#include "protocol/limits.hpp"

namespace vyre::planner {

struct BufferVersion {
  std::uint32_t handle;
  std::uint64_t version;
};

/// What an item does, and the versions of its buffers at a moment. `buffers` are the inputs in
/// their order, then the outputs.
struct WorkKey {
  std::uint32_t op;  // id
  std::uint32_t param;
  std::uint32_t inputs;
  std::span<const BufferVersion> buffers;
};

/// The last items that ran, by what they do. A session keeps one a queue, under its order lock; a
/// plan makes one of its own for its batch.
class DedupeTable {
 public:
  /// Remembers the last `entries` keys.
  explicit DedupeTable(std::size_t entries = kDedupeEntries) : limit_(entries) {}

  void reserve(std::size_t keys);
  /// The item that did the same work and whose buffers have not been written since. `key` has the
  /// versions of now.
  [[nodiscard]] std::optional<std::uint64_t> find(const WorkKey& key) const;
  /// `item` is accepted. `key` has the versions after its own writes.
  void remember(const WorkKey& key, std::uint64_t item);
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  static constexpr std::size_t kFewBuffers{2};
  struct Entry {
    std::uint64_t hash;
    std::uint64_t item;
    std::uint64_t age;  // keys remembered before it
    std::size_t first;  // in more_, where `few` is too short
    std::uint32_t op;
    std::uint32_t param;
    std::uint32_t inputs;
    std::uint32_t buffers;
    std::array<BufferVersion, kFewBuffers> few;  // in the same lines of memory as the rest
  };
  struct Slot {
    std::uint32_t entry{0};  // index into entries_ + 1; 0: free
    std::uint32_t hash{0};   // its high half, so that most other keys are told apart here
  };
  [[nodiscard]] static std::uint64_t hash_of(const WorkKey& key) noexcept;
  [[nodiscard]] const BufferVersion* buffers_of(const Entry& entry) const noexcept {
    return entry.buffers <= kFewBuffers ? entry.few.data() : &more_[entry.first];
  }
  [[nodiscard]] bool same_work(const Entry& entry, const WorkKey& key) const noexcept;
  [[nodiscard]] std::size_t slot_of(std::uint64_t hash, const WorkKey& key) const noexcept;
  [[nodiscard]] bool recent(const Entry& entry) const noexcept {
    return ages_ - entry.age <= limit_;
  }
  void rehash(std::size_t slots);
  /// Drops the entries that find() no longer gives.
  void forget_old();

  std::size_t limit_;
  std::uint64_t ages_{0};
  std::vector<Entry> entries_;
  std::vector<BufferVersion> more_;
  std::vector<Slot> slots_;
};

/// The item that stands for a removed one.
struct Standing {
  bool earlier{false};    // of an earlier plan or submission: `item` is what its table has
  std::uint64_t item{0};  // else an index into the batch
  friend bool operator==(const Standing&, const Standing&) = default;
};

/// Goes through a batch in its order. `earlier` may be null; it is only read.
class Deduper {
 public:
  Deduper(const Work& work, const DedupeTable* earlier);

  /// The next item of the batch. With a value it is removed; without, it runs and its writes count.
  [[nodiscard]] std::optional<Standing> next();
  /// Of the item that next() went past: a later item may be equal to it.
  [[nodiscard]] bool last_was_repeatable() const noexcept { return repeatable_; }
  /// The caller writes the buffer between two items of the batch.
  void host_write(std::uint32_t buffer) { ++buffers_[buffer].version; }

 private:
  [[nodiscard]] bool may_repeat(const Item& item);
  [[nodiscard]] bool fenced() const noexcept;
  /// With the versions that the batch has seen so far, or that a table from before it would know.
  [[nodiscard]] WorkKey key_of(const Item& item, bool of_the_batch);

  /// What is looked at for every use of a buffer, side by side in memory.
  struct Buffer {
    std::uint64_t version;
    /// Writers for which an earlier submission stands. Should one run after all, then between those
    /// before it and those behind it.
    std::uint64_t perhaps_written;
    std::uint64_t seen;  // the last item that was seen with it, and whether that item writes it
    std::uint32_t handle;
    bool plain;
  };

  const Work& work_;
  const DedupeTable* earlier_;
  DedupeTable table_;
  std::size_t next_{0};
  bool repeatable_{false};
  std::vector<Buffer> buffers_;
  std::vector<BufferVersion> scratch_;
};

}  // namespace vyre::planner

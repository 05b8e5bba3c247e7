// What one item does to buffers, and what it therefore has to wait for: the rules by which a
// session gives the result of running items one by one. Host only.
//
// Lock: the caller holds the order lock, which every function asks for. The records in an
// ItemAccesses may be used only until that lock is given up; find() then has to be called again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "handle_table.hpp"
#include "op_table.hpp"
#include "order_lock.hpp"
#include "protocol/work_item.hpp"

namespace vyre::runtime {

struct Access {
  HandleRecord* record;
  bool writes;
  FileNeed need{};
};

/// A file that an item cannot read yet, and what has to be done about it.
struct FileWant {
  Handle file;
  bool pump{false};  // publish it to the pump; else make it resident
};

class ItemAccesses {
 public:
  explicit ItemAccesses(HandleTable& handles) : handles_(handles) {}

  /// Of an item of `queue` with this op; an error names the handle. Nothing is allocated once the
  /// largest item so far has been here.
  [[nodiscard]] Status find(const OrderLock& lock, std::uint32_t queue,
                            const MegakernelWorkItem& item, const OpRecord& op);
  /// Adds those of another item, which goes to the same place in the queue.
  [[nodiscard]] Status find_more(const OrderLock& lock, std::uint32_t queue,
                                 const MegakernelWorkItem& item, const OpRecord& op);
  [[nodiscard]] const std::vector<Access>& all(const OrderLock&) const noexcept { return all_; }

  /// A host copy has one of the buffers.
  [[nodiscard]] bool copy_under_way(const OrderLock&) const noexcept;
  /// The first buffer that copy_under_way() means and that is leased; null: none is.
  [[nodiscard]] const HandleRecord* leased(const OrderLock&) const noexcept;
  /// Others that wait for one of the buffers came before `turn` (0: before this moment).
  [[nodiscard]] bool behind_others(const OrderLock&, std::uint64_t turn) const noexcept;
  /// The first file that the item cannot read yet. `must_bring(handle)` says that a file is not
  /// resident.
  template <class MustBring>
  [[nodiscard]] std::optional<FileWant> file_wanted(const OrderLock&,
                                                    const MustBring& must_bring) const {
    for (const Access& access : all_) {
      const HandleRecord& record = *access.record;
      if (record.kind != HandleRecord::Kind::file) continue;
      if (access.need.pump && !record.published)
        return FileWant{handles_.public_handle(record), true};
      if (access.need.resident && must_bring(record.handle))
        return FileWant{handles_.public_handle(record), false};
    }
    return std::nullopt;
  }

  // `over(use)` says that nothing has to wait for a use any more.
  /// An item of another queue that has to end first.
  template <class Over>
  [[nodiscard]] std::optional<Use> conflict_elsewhere(const OrderLock&, std::uint32_t queue,
                                                      const Over& over) const {
    std::optional<Use> found;
    for (const Access& access : all_) {
      access.record->uses.conflicts(access.writes, over, [&](const Use& use) {
        if (use.queue != queue) found = use;
      });
    }
    return found;
  }
  /// Queue flags that make an item at `position` wait for conflicting items of its own queue.
  template <class Over>
  [[nodiscard]] std::uint8_t order_flags(const OrderLock&, std::uint32_t queue,
                                         std::uint64_t position, const Over& over) const {
    std::uint8_t flags = kQueueFlagNone;
    for (const Access& access : all_) {
      access.record->uses.conflicts(access.writes, over, [&](const Use& use) {
        if (use.queue != queue) return;
        const bool just_before = use.position + 1 == position;
        flags |= just_before ? kQueueFlagAfterPrevious : kQueueFlagAfterAll;
      });
    }
    return flags;
  }
  /// From now on the item at `position` uses the buffers.
  template <class Over>
  void enter(const OrderLock& lock, std::uint32_t queue, std::uint64_t position, const Over& over) {
    for (const Access& access : all_) {
      if (!access.writes) access.record->uses.add_reader(queue, position, over);
    }
    for (const Access& access : all_) {
      if (!access.writes) continue;
      access.record->uses.set_writer(queue, position);
      handles_.raise_version(lock, *access.record);
    }
  }

 private:
  struct Side;  // an item's inputs or outputs
  [[nodiscard]] Status add(const OrderLock& lock, std::uint32_t queue, const Side& side);
  [[nodiscard]] static Status check_queue(const HandleRecord& file, std::uint32_t queue);

  HandleTable& handles_;
  std::vector<Access> all_;
};

/// The place of one item in the lines of the buffers that it waits for.
class PlaceInLines {
 public:
  explicit PlaceInLines(HandleTable& handles) : handles_(handles) {}

  /// 0 while it stands in no line.
  [[nodiscard]] std::uint64_t turn() const noexcept { return turn_; }
  /// Draws a turn at the first call; later calls do nothing.
  void join(const OrderLock& lock, const ItemAccesses& accesses);
  /// True: it stood in a line, so the next in that line has to be woken.
  [[nodiscard]] bool leave(const OrderLock& lock);

 private:
  HandleTable& handles_;
  std::uint64_t turn_{0};
  std::vector<std::uint32_t> lines_;  // handles of buffers
};

}  // namespace vyre::runtime

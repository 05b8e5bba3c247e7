// What the last items of each queue did that were submitted in plans: a later item of a plan that
// would do the same need not run. Host only.
//
// Lock: the caller holds the order lock, which every function asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "handle_table.hpp"
#include "order_lock.hpp"
#include "planner/dedupe.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {

/// What an item of a plan does, with the versions that its buffers have now; none: one of them was
/// released. `versions` holds them while the key is in use.
[[nodiscard]] inline std::optional<planner::WorkKey> key_of(
    const OrderLock& lock, HandleTable& handles, const planner::Work& work,
    const planner::Item& item, std::vector<planner::BufferVersion>& versions) {
  versions.clear();
  for (const planner::BufferUse& use : work.uses_of(item)) {
    const std::uint32_t handle = work.buffers[use.buffer].handle;
    const HandleRecord* const record = handles.find(lock, handle);
    if (record == nullptr || record->releasing) return std::nullopt;
    versions.push_back({handle, record->version});
  }
  return planner::WorkKey{work.ops[item.op].id, item.param, item.inputs, versions};
}

class DoneWork {
 public:
  explicit DoneWork(std::uint32_t queues) : tables_(queues) {}

  /// False: no item of the queue was remembered, so none is found.
  [[nodiscard]] bool any(const OrderLock&, std::uint32_t queue) const noexcept {
    return tables_[queue] != nullptr;
  }
  /// Where an item was published.
  struct At {
    std::uint64_t position{0};
    std::uint32_t member{0};
    [[nodiscard]] std::uint64_t number() const noexcept {
      return position * kMaxRegionMembers + member;
    }
    [[nodiscard]] static At of(std::uint64_t number) noexcept {
      return {number / kMaxRegionMembers, static_cast<std::uint32_t>(number % kMaxRegionMembers)};
    }
  };
  /// The item that did the same; `key` has the versions of now.
  [[nodiscard]] std::optional<At> find(const OrderLock&, std::uint32_t queue,
                                       const planner::WorkKey& key) const {
    const auto& table = tables_[queue];
    const auto found = table ? table->find(key) : std::nullopt;
    return found ? std::optional(At::of(*found)) : std::nullopt;
  }
  /// `key` has the versions after the item's own writes.
  void remember(const OrderLock&, std::uint32_t queue, const planner::WorkKey& key, const At& at) {
    auto& table = tables_[queue];
    if (!table) table = std::make_unique<planner::DedupeTable>();
    table->remember(key, at.number());
  }
  /// No item is found that was remembered so far.
  void forget(const OrderLock&) noexcept {
    for (auto& table : tables_) table.reset();
  }

 private:
  std::vector<std::unique_ptr<planner::DedupeTable>> tables_;  // by queue; null: none yet
};

}  // namespace vyre::runtime

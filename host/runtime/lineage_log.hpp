// Which rules the bytes of each buffer come from, and a log of the regions that brought them there.
// It starts with the first tag or the first plan with lineage; from then on every item that writes
// a buffer is in a region of the log, alone or with others. What it says is what items were
// submitted to do, also where one faults or is cancelled. Host only. Spec:
// docs/internals/lineage.md.
//
// Lock: the caller holds the order lock, which every function asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "done_work.hpp"
#include "handle_table.hpp"
#include "op_table.hpp"
#include "order_lock.hpp"
#include "planner/regions.hpp"
#include "planner/rule_set.hpp"
#include "protocol/work_item.hpp"
#include "rule_table.hpp"
#include "session_setup.hpp"

namespace vyre::runtime {

/// What the bytes of a buffer carry. Buffers that one region wrote share it.
struct BufferLineage {
  planner::RuleSet rules;               // all of them
  planner::RuleSet tags;                // of these: what callers said of the bytes
  std::optional<std::uint64_t> region;  // that wrote it last
};

/// A region as a report lists it.
struct LoggedRegion {
  BufferLineage carried;  // its whole set
  planner::RuleSet own;   // of its members' ops, and the tags of what they read
  std::vector<std::uint64_t> from;
  std::vector<std::uint32_t> ops;  // each once
  bool listed{false};              // it has its lists; else they would make a report too long
  std::uint32_t queue{0};
  std::uint64_t position{0};
  planner::Form form{planner::Form::single};
  std::uint64_t items{0};
};

class LineageLog {
 public:
  LineageLog(const SessionSetup& setup, HandleTable& handles, const OpTable& ops, RuleTable& rules,
             DoneWork& done_work)
      : setup_(setup), handles_(handles), ops_(ops), rules_(rules), done_work_(done_work) {}

  [[nodiscard]] bool tracks(const OrderLock&) const noexcept { return tracks_; }
  /// From now on. Items that ran before are in no region, so they stand for no later ones.
  void begin(const OrderLock& lock) noexcept {
    if (!tracks_) done_work_.forget(lock);
    tracks_ = true;
  }

  /// Adds rules to what a buffer carries.
  [[nodiscard]] Status tag(const OrderLock& lock, HandleRecord& record,
                           std::span<const std::string> names);
  /// Finds what the items derive from, which will be published together or not at all. Items
  /// outside plans that write nothing are in no region.
  void prepare(const OrderLock& lock, std::span<const MegakernelWorkItem> items, bool planned);
  /// What was prepared is published there.
  void commit(const OrderLock& lock, std::uint32_t queue, std::uint64_t position,
              planner::Form form) noexcept;
  /// Names of the rules of an op that is known, which need no number yet.
  [[nodiscard]] std::vector<std::string> rule_names(const OrderLock& lock, std::uint32_t op) const;
  [[nodiscard]] const std::vector<std::string>& all_names(const OrderLock& lock) const noexcept {
    return rules_.names(lock);
  }
  /// Time spent here, and by plans (add_ns()).
  [[nodiscard]] std::uint64_t ns(const OrderLock&) const noexcept { return ns_; }
  void add_ns(const OrderLock&, std::uint64_t ns) noexcept { ns_ += ns; }

  struct Snapshot {
    std::vector<std::string> rules;
    std::vector<std::shared_ptr<const LoggedRegion>> first;  // kMaxReportedRegions of them
    std::uint64_t regions{0};
    std::uint64_t items{0};
    std::uint64_t ns{0};
  };
  /// Nothing where nothing was tracked.
  [[nodiscard]] std::optional<Snapshot> snapshot(const OrderLock& lock) const;

 private:
  /// The region that is being put together.
  struct Pending {
    std::shared_ptr<LoggedRegion> region;  // null: nothing is to be logged
    std::vector<HandleRecord*> written;
  };
  void add_item(const OrderLock& lock, const MegakernelWorkItem& item);
  void derive_from(const HandleRecord& record);
  [[nodiscard]] bool written_here(const HandleRecord& record) const noexcept;
  void write(HandleRecord& record);
  [[nodiscard]] const std::vector<std::uint32_t>& rules_of(const OrderLock& lock, std::uint32_t op);

  const SessionSetup& setup_;
  HandleTable& handles_;
  const OpTable& ops_;
  RuleTable& rules_;
  DoneWork& done_work_;
  bool tracks_{false};
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> builtin_rules_;  // once used
  std::vector<std::shared_ptr<const LoggedRegion>> first_;
  std::uint64_t regions_{0};
  std::uint64_t items_{0};
  std::uint64_t ns_{0};
  std::uint64_t numbers_{0};  // in the lists that regions of first_ have
  Pending pending_;
  std::uint64_t turn_{0};               // of prepare()
  std::vector<std::uint64_t> written_;  // by place of a handle: the turn that last wrote it
};

}  // namespace vyre::runtime

// The lineage rules of a session: names and their slots, numbered in the order in which ops and
// tags first name them. Host only.
//
// Lock: the caller holds the order lock, which every function asks for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "order_lock.hpp"
#include "planner/lineage.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {

/// Whether names may be those of rules; `owner` says in an error whose they are.
[[nodiscard]] Status check_rule_names(std::span<const std::string> names, const std::string& owner);

class RuleTable {
 public:
  /// limit_exceeded if so many more names do not fit.
  [[nodiscard]] Status room(const OrderLock&, std::size_t more) const;
  /// The slots of names that check_rule_names() has seen; new ones get the next ones.
  [[nodiscard]] std::vector<std::uint32_t> slots(const OrderLock&,
                                                 std::span<const std::string> names);
  [[nodiscard]] const std::vector<std::string>& names(const OrderLock&) const noexcept {
    return book_.names();
  }

 private:
  planner::RuleBook book_;
};

}  // namespace vyre::runtime

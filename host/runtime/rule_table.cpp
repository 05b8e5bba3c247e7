// See rule_table.hpp.
#include "rule_table.hpp"

#include "base/message.hpp"

namespace vyre::runtime {

Status check_rule_names(std::span<const std::string> names, const std::string& owner) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) continue;
    return fail(Errc::invalid_argument,
                message("lineage rule {} of {} for {} has an empty name; give each rule one", i,
                        names.size(), owner));
  }
  return {};
}

Status RuleTable::room(const OrderLock&, std::size_t more) const {
  const std::size_t used = book_.names().size();
  if (used <= kMaxLineageRules && more <= kMaxLineageRules - used) return {};
  return fail(Errc::limit_exceeded,
              message("{} more lineage rules do not fit: the session has {}, at most {} fit "
                      "(kMaxLineageRules); use fewer names",
                      more, used, kMaxLineageRules));
}

std::vector<std::uint32_t> RuleTable::slots(const OrderLock&, std::span<const std::string> names) {
  std::vector<std::uint32_t> slots;
  slots.reserve(names.size());
  for (const std::string& name : names) slots.push_back(*book_.slot(name));
  return slots;
}

}  // namespace vyre::runtime

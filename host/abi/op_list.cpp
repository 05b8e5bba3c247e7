// See op_list.hpp.
#include "op_list.hpp"

#include <utility>

namespace vyre::abi {

Result<const runtime::OpInfo*> OpList::describe(const runtime::Session& engine, std::uint32_t op) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(op); found != known_.end()) return found->second.get();
  }
  VYRE_ASSIGN(runtime::OpInfo info, engine.op_info(runtime::OpHandle{op}));
  auto kept = std::make_unique<const runtime::OpInfo>(std::move(info));
  const std::lock_guard lock(mutex_);
  return known_.emplace(op, std::move(kept)).first->second.get();
}

void OpList::keep_places(std::uint32_t op, std::shared_ptr<const StatementPlaces> places) {
  const std::lock_guard lock(mutex_);
  places_.insert_or_assign(op, std::move(places));
}

std::shared_ptr<const StatementPlaces> OpList::places(std::uint32_t op) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(op);
  return found == places_.end() ? nullptr : found->second;
}

}  // namespace vyre::abi

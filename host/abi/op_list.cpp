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

}  // namespace vyre::abi

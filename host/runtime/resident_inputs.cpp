// See resident_inputs.hpp.
#include "resident_inputs.hpp"

namespace vyre::runtime {

std::optional<Handle> ResidentInputs::hold(const OrderLock& lock, const ContentKey& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  HandleRecord& record = *handles_.find(lock, found->second->handle);
  if (record.holders++ == 0) {
    held_.splice(held_.end(), kept_, found->second);
    handles_.revive(lock, record);
  }
  return handles_.public_handle(record);
}

void ResidentInputs::add(const OrderLock&, HandleRecord& record, const ContentKey& key) {
  Entries entry{{key, record.handle}};
  const auto by_key = by_key_.emplace(key, entry.begin()).first;
  try {
    by_handle_.emplace(record.handle, entry.begin());
  } catch (...) {
    by_key_.erase(by_key);
    throw;
  }
  held_.splice(held_.end(), entry);
  record.cached = true;
  record.holders = 1;
}

void ResidentInputs::let_go(const OrderLock&, HandleRecord& record) noexcept {
  if (--record.holders != 0) return;
  record.releasing = true;  // for everyone but hold() and take_oldest()
  kept_.splice(kept_.end(), held_, by_handle_.find(record.handle)->second);
}

HandleRecord* ResidentInputs::take_oldest(const OrderLock& lock) noexcept {
  if (kept_.empty()) return nullptr;
  const Entry& oldest = kept_.front();
  HandleRecord* const record = handles_.find(lock, oldest.handle);
  by_key_.erase(oldest.key);
  by_handle_.erase(oldest.handle);
  kept_.pop_front();
  record->cached = false;
  return record;
}

}  // namespace vyre::runtime

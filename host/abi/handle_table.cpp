// See handle_table.hpp.
#include "handle_table.hpp"

#include <string>

#include "base/message.hpp"

namespace vyre::abi {

Result<std::uint64_t> HandleTable::add(const runtime::Handle& handle) {
  const std::lock_guard lock(mutex_);
  const bool again = !free_.empty();
  if (!again && next_index_ > kMaxIndex) {
    return fail(Errc::limit_exceeded, message("all {} handles of the session are in use or used "
                                              "up; retire some or open another session",
                                              kMaxIndex));
  }
  const std::uint32_t index = again ? free_.front() : next_index_;
  Entry& entry = entries_.at(index);
  if (again) {
    free_.pop_front();
  } else {
    ++next_index_;
  }
  // Relaxed: generations change under the mutex.
  const auto last = static_cast<std::uint32_t>(entry.use.load(std::memory_order_relaxed) >> 32);
  const std::uint32_t generation = last == 0 ? first_generation_ : last + 1;
  entry.serial.store(handle.serial, std::memory_order_relaxed);
  // [NUMBER-1] release: the serial.
  entry.use.store(std::uint64_t{generation} << 32 | handle.id, std::memory_order_release);
  return Number{tag_, Kind::buffer, generation, index}.bits();
}

Result<runtime::Handle> HandleTable::find(std::uint64_t number) const {
  if (!names(number, Kind::buffer, tag_)) {
    return tl::unexpected<Error>(not_a(Kind::buffer, number, tag_));
  }
  const Number parts = Number::of(number);
  const std::uint32_t id = item_number(number);
  if (id == 0) return tl::unexpected<Error>(ended(parts));
  // Where the number ends meanwhile and its index is used again, the serial is of the next use, and
  // the runtime refuses the pair.
  return runtime::Handle{id, engine_number_,
                         entries_.find(parts.index)->serial.load(std::memory_order_relaxed)};
}

Result<runtime::Handle> HandleTable::take(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  VYRE_ASSIGN(const runtime::Handle handle, find(number));
  const Number parts = Number::of(number);
  if (parts.generation < kMaxGeneration) free_.push_back(parts.index);
  // Relaxed: it publishes nothing.
  entries_.at(parts.index)
      .use.store(std::uint64_t{parts.generation} << 32, std::memory_order_relaxed);
  return handle;
}

void HandleTable::begin_lease(std::uint64_t number, const runtime::Handle& handle) {
  const std::lock_guard lock(mutex_);
  Leased& leased = leased_[number];
  leased.handle = handle;
  ++leased.times;
}

void HandleTable::end_lease(std::uint64_t number) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = leased_.find(number);
  if (found != leased_.end() && --found->second.times == 0) leased_.erase(found);
}

Result<runtime::Handle> HandleTable::find_leased(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = leased_.find(number);
  return found == leased_.end() ? find(number) : found->second.handle;
}

Error HandleTable::ended(const Number& number) const {
  const Entry* entry = entries_.find(number.index);
  const std::uint64_t use = entry == nullptr ? 0 : entry->use.load(std::memory_order_relaxed);
  const std::string name =
      message("buffer {} (generation {}) of session {}", number.index, number.generation, tag_);
  if (number.generation == 0 || number.generation > use >> 32) {
    return {Errc::not_found, message("{} was never given out", name)};
  }
  return {Errc::not_found, message("{} was retired; make another one", name)};
}

}  // namespace vyre::abi

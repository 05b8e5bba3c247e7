// Which of the runtime's handles a 64-bit handle means. Numbers are looked up without a lock, for
// items. One that was ended never comes again: each use of an index has its own generation, and an
// index whose generations are used up is left alone. Host only; any thread.
//
// Lock: a mutex of its own around giving out and ending numbers; nothing is called under it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "backend/stable_table.hpp"
#include "base/error.hpp"
#include "numbers.hpp"
#include "runtime/session.hpp"

namespace vyre::abi {

class HandleTable {
 public:
  /// `first_generation` is for tests.
  HandleTable(std::uint32_t tag, std::uint32_t engine_number, std::uint32_t first_generation = 1)
      : tag_(tag), engine_number_(engine_number), first_generation_(first_generation) {}

  /// Errc::limit_exceeded where all indices are in use or used up.
  [[nodiscard]] Result<std::uint64_t> add(const runtime::Handle& handle);
  /// Ends a number, and gives what it meant; fails as find() does.
  [[nodiscard]] Result<runtime::Handle> take(std::uint64_t number);
  /// invalid_argument for another session's or none, not_found for one that ended.
  [[nodiscard]] Result<runtime::Handle> find(std::uint64_t number) const;
  /// The runtime's number, as items hold it; 0 where find() fails.
  [[nodiscard]] std::uint32_t item_number(std::uint64_t number) const noexcept {
    const Number parts = Number::of(number);
    const Entry* entry = names(number, Kind::buffer, tag_) ? entries_.find(parts.index) : nullptr;
    if (entry == nullptr) return 0;
    // [NUMBER-1] acquire: the serial beside it.
    const std::uint64_t use = entry->use.load(std::memory_order_acquire);
    return use >> 32 == parts.generation ? static_cast<std::uint32_t>(use) : 0;
  }

  // A buffer may be retired while it is leased, and the lease still ends by its number.
  void begin_lease(std::uint64_t number, const runtime::Handle& handle);
  void end_lease(std::uint64_t number) noexcept;
  /// What is leased; else as find().
  [[nodiscard]] Result<runtime::Handle> find_leased(std::uint64_t number);

 private:
  struct Entry {
    /// Generation in the upper half, the runtime's number in the lower: 0 while it is free.
    std::atomic<std::uint64_t> use{0};
    std::atomic<std::uint64_t> serial{0};
  };
  struct Leased {
    runtime::Handle handle;
    std::uint32_t times{0};
  };
  [[nodiscard]] Error ended(const Number& number) const;

  const std::uint32_t tag_;
  const std::uint32_t engine_number_;
  const std::uint32_t first_generation_;
  backend::StableTable<Entry> entries_;
  std::mutex mutex_;
  std::uint32_t next_index_{1};
  std::deque<std::uint32_t> free_;
  std::unordered_map<std::uint64_t, Leased> leased_;
};

}  // namespace vyre::abi

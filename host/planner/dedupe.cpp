// See dedupe.hpp.
#include "planner/dedupe.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "protocol/work_item.hpp"

namespace vyre::planner {
namespace {

constexpr std::size_t kFewestSlots{64};

/// splitmix64's finish: every bit of the word reaches every bit of the result.
std::uint64_t mixed(std::uint64_t z) noexcept {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

}  // namespace

std::uint64_t DedupeTable::hash_of(const WorkKey& key) noexcept {
  std::uint64_t hash = mixed(std::uint64_t{key.op} << 32 | key.param);
  hash = mixed(hash + key.inputs);
  for (const BufferVersion& one : key.buffers) hash = mixed(hash * 3 + one.handle);
  return hash;
}

bool DedupeTable::same_work(const Entry& entry, const WorkKey& key) const noexcept {
  return entry.op == key.op && entry.param == key.param && entry.inputs == key.inputs &&
         entry.buffers == key.buffers.size() &&
         std::equal(
             key.buffers.begin(), key.buffers.end(), buffers_of(entry),
             [](const BufferVersion& a, const BufferVersion& b) { return a.handle == b.handle; });
}

std::size_t DedupeTable::slot_of(std::uint64_t hash, const WorkKey& key) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot].entry != 0; slot = (slot + 1) & mask) {
    if (slots_[slot].hash == static_cast<std::uint32_t>(hash >> 32) &&
        same_work(entries_[slots_[slot].entry - 1], key)) {
      break;
    }
  }
  return slot;
}

std::optional<std::uint64_t> DedupeTable::find(const WorkKey& key) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t found = slots_[slot_of(hash_of(key), key)].entry;
  if (found == 0) return std::nullopt;
  const Entry& entry = entries_[found - 1];
  if (!recent(entry)) return std::nullopt;
  const BufferVersion* const then = buffers_of(entry);
  for (std::size_t i = 0; i < key.buffers.size(); ++i) {
    if (then[i].version != key.buffers[i].version) return std::nullopt;
  }
  return entry.item;
}

void DedupeTable::remember(const WorkKey& key, std::uint64_t item) {
  if (slots_.size() < 2 * (entries_.size() + 1)) {
    forget_old();
    rehash(std::max({kFewestSlots, slots_.size(), std::bit_ceil(4 * (entries_.size() + 1))}));
  }
  const std::uint64_t hash = hash_of(key);
  Slot& slot = slots_[slot_of(hash, key)];
  if (slot.entry == 0) {
    const auto count = static_cast<std::uint32_t>(key.buffers.size());
    entries_.push_back({hash, item, ages_, more_.size(), key.op, key.param, key.inputs, count, {}});
    if (count > kFewBuffers) more_.resize(more_.size() + count);
    slot = {static_cast<std::uint32_t>(entries_.size()), static_cast<std::uint32_t>(hash >> 32)};
  }
  Entry& entry = entries_[slot.entry - 1];
  entry.item = item;
  entry.age = ages_;
  std::copy(key.buffers.begin(), key.buffers.end(),
            entry.buffers <= kFewBuffers ? entry.few.data() : &more_[entry.first]);
  ++ages_;
}

void DedupeTable::reserve(std::size_t keys) {
  entries_.reserve(keys);
  if (slots_.size() < 2 * (keys + 1)) rehash(std::bit_ceil(std::max(kFewestSlots, 2 * (keys + 1))));
}

void DedupeTable::rehash(std::size_t slots) {
  slots_.assign(slots, Slot{});
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t slot = entries_[i].hash & (slots - 1);
    while (slots_[slot].entry != 0) slot = (slot + 1) & (slots - 1);
    slots_[slot] = {static_cast<std::uint32_t>(i + 1),
                    static_cast<std::uint32_t>(entries_[i].hash >> 32)};
  }
}

void DedupeTable::forget_old() {
  // The pool moves only together with the entries, so that each keeps its own part.
  std::size_t kept = 0;
  std::size_t end = 0;
  for (const Entry& old : entries_) {
    if (!recent(old)) continue;
    Entry entry = old;
    entry.first = end;
    if (entry.buffers > kFewBuffers) {
      std::copy_n(more_.begin() + static_cast<std::ptrdiff_t>(old.first), old.buffers,
                  more_.begin() + static_cast<std::ptrdiff_t>(end));
      end += old.buffers;
    }
    entries_[kept++] = entry;
  }
  entries_.resize(kept);
  more_.resize(end);
}

Deduper::Deduper(const Work& work, const DedupeTable* earlier)
    : work_(work),
      earlier_(earlier),
      table_(std::numeric_limits<std::size_t>::max()),
      buffers_(work.buffers.size()) {
  for (std::size_t b = 0; b < buffers_.size(); ++b) {
    const BufferFacts& facts = work.buffers[b];
    buffers_[b] = {facts.version, 0, 0, facts.handle, facts.plain};
  }
  table_.reserve(work.items.size());
}

bool Deduper::may_repeat(const Item& item) {
  if (!work_.ops[item.op].repeatable || item.outputs == 0) return false;
  // A buffer that is read and written, or written twice, does not hold the same bytes at the second
  // run.
  const std::uint64_t mark = 2 * (next_ + 1);
  for (const BufferUse& use : work_.uses_of(item)) {
    Buffer& buffer = buffers_[use.buffer];
    const bool writes = (use.bits & kWrites) != 0;
    if (!buffer.plain || (buffer.seen >= mark && (writes || buffer.seen != mark))) return false;
    buffer.seen = mark + (writes ? 1 : 0);
  }
  return true;
}

bool Deduper::fenced() const noexcept {
  const bool behind_waits = next_ + 1 < work_.items.size() &&
                            (work_.items[next_ + 1].flags & kQueueFlagAfterPrevious) != 0;
  return work_.items[next_].flags != kQueueFlagNone || behind_waits;
}

WorkKey Deduper::key_of(const Item& item, bool of_the_batch) {
  scratch_.clear();
  for (const BufferUse& use : work_.uses_of(item)) {
    const Buffer& buffer = buffers_[use.buffer];
    scratch_.push_back(
        {buffer.handle, buffer.version + (of_the_batch ? buffer.perhaps_written : 0)});
  }
  return {work_.ops[item.op].id, item.param, item.inputs, scratch_};
}

std::optional<Standing> Deduper::next() {
  const Item& item = work_.items[next_];
  repeatable_ = may_repeat(item);
  if (repeatable_ && !fenced()) {
    if (const auto here = table_.find(key_of(item, true))) {
      ++next_;
      return Standing{false, *here};
    }
    const auto before = earlier_ != nullptr ? earlier_->find(key_of(item, false)) : std::nullopt;
    if (before) {
      for (const BufferUse& use : work_.uses_of(item)) {
        if ((use.bits & kWrites) != 0) ++buffers_[use.buffer].perhaps_written;
      }
      ++next_;
      return Standing{true, *before};
    }
  }
  for (const BufferUse& use : work_.uses_of(item)) {
    if ((use.bits & kWrites) != 0) ++buffers_[use.buffer].version;
  }
  if (repeatable_) table_.remember(key_of(item, true), next_);
  ++next_;
  return std::nullopt;
}

}  // namespace vyre::planner

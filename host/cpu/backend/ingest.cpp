// Makes the ingest memory of the CPU backend and says whether a pump serves it.
#include "ingest.hpp"

#include <new>
#include <utility>

namespace vyre::cpu {

MutableByteSpan IngestMemory::memory(std::uint64_t bytes) noexcept {
  if (bytes < IngestLayout::kStreams) return {};
  try {
    const std::lock_guard lock(making_);
    if (!owned_) {
      auto mapping = staging::Mapping::create(bytes, "ingest memory");
      if (!mapping) return {};
      owned_ = std::make_unique<Space>(std::move(*mapping));
      space_.store(owned_.get(), std::memory_order_release);  // [INGEST-1]
    }
    return owned_->mapping.bytes();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

MutableByteSpan IngestMemory::bytes() const noexcept {
  const Space* space = space_.load(std::memory_order_acquire);  // [INGEST-1]
  return space == nullptr ? MutableByteSpan{} : space->mapping.bytes();
}

queue::IoClient* IngestMemory::served() const noexcept {
  Space* space = space_.load(std::memory_order_acquire);  // [INGEST-1]
  if (space == nullptr) return nullptr;
  const bool seen = space->client.heartbeat() != 0 || space->client.broken() != 0;
  return seen ? &space->client : nullptr;
}

void IngestMemory::leak() noexcept {
  const std::lock_guard lock(making_);
  if (owned_) owned_->mapping.leak();
}

}  // namespace vyre::cpu

// The copy engines of the fake device. See fake_door.hpp.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "fake_door.hpp"

namespace vyre::cuda {

bool FakeDoor::has(const std::uint8_t* at, std::uint64_t bytes, bool pinned) const {
  const auto inside = [&](const std::uint8_t* data, std::uint64_t size) {
    const std::less_equal<> before;
    return before(data, at) && before(at + bytes, data + size);
  };
  for (const Mapping& mapping : mappings_) {
    if (mapping.pinned == pinned && inside(mapping.data, mapping.bytes)) return true;
  }
  if (!pinned) return false;
  const std::lock_guard lock(device_->locked_mutex);
  for (const auto& [data, size] : device_->locked_bytes) {
    if (inside(data, size)) return true;
  }
  return false;
}

Status FakeDoor::begin_copy(CopyWay way, std::uint64_t device, std::uint8_t* host,
                            std::uint64_t bytes, std::uint32_t mark) {
  if (device_->refuse_copy) return fail(Errc::device_lost, "the copy was refused");
  auto* const memory = reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(device));
  EXPECT_TRUE(has(memory, bytes, false)) << "it is no device memory";
  EXPECT_TRUE(has(host, bytes, true)) << "the device cannot reach this host memory";
  const bool up = way == CopyWay::to_device;
  const std::lock_guard lock(copying_);
  Copy& copy = copies_.at(mark);
  EXPECT_FALSE(copy.under_way) << "the mark " << mark << " has a copy already";
  copy = {up ? memory : host, up ? host : memory, bytes, 0, true};
  ++device_->copies;
  device_->copied_bytes += bytes;
  device_->copied_host = host;
  return {};
}

Result<bool> FakeDoor::copy_ended(std::uint32_t mark) {
  if (!device_->copies_end) return false;
  const std::lock_guard lock(copying_);
  Copy& copy = copies_.at(mark);
  EXPECT_TRUE(copy.under_way);
  if (++copy.looks < 2) return false;
  const std::lock_guard memory(memory_);
  std::memcpy(copy.to, copy.from, copy.bytes);
  copy.under_way = false;
  return true;
}

}  // namespace vyre::cuda

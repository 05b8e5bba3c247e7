// Modules that a backend loads through the fake door: they are counted, and whether a kernel was
// there.
#include <gtest/gtest.h>

#include <cstring>

#include "fake_door.hpp"

namespace vyre::cuda {

Result<std::vector<std::uint64_t>> FakeDoor::load_code(ByteSpan cubin, std::uint32_t functions) {
  if (device_->driver->kernels != 0) ++device_->loads_beside_a_kernel;
  EXPECT_GT(cubin.size(), 1'000u);
  if (device_->refuse_load) return fail(Errc::unsupported, "the driver loads nothing");
  ++device_->loads;
  return std::vector<std::uint64_t>(functions, 0x1000);
}

Status FakeDoor::put_word(std::uint8_t* to, std::uint64_t word) {
  std::memcpy(to, &word, sizeof(word));
  ++device_->words;
  return {};
}

}  // namespace vyre::cuda

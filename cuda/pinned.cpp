// Mapping, populating and registering. See pinned.hpp.
#include "pinned.hpp"

#include <cuda_runtime_api.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "device_error.hpp"

namespace vyre::cuda {
namespace {

constexpr std::uint64_t kHugePage{std::uint64_t{2} << 20};

}  // namespace

Result<Pinned> Pinned::create(std::uint64_t bytes) {
  const std::uint64_t size = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  const std::uint64_t mapped = size + kHugePage;  // to start at a huge page
  void* const map =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) {
    return fail(Errc::out_of_memory,
                "cannot map " + std::to_string(mapped) +
                    " bytes of host memory for the device's rings: " + std::strerror(errno));
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(map);
  const std::uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
  auto* const data = static_cast<std::uint8_t*>(map) + (first - begin);
  Pinned pinned{static_cast<std::uint8_t*>(map), mapped, data, size};
  (void)::madvise(data, size, MADV_HUGEPAGE);  // a wish; small pages only take longer to register
  std::memset(data, 0, size);                  // populates
  VYRE_CUDA_TRY(cudaHostRegister(data, size, cudaHostRegisterMapped | cudaHostRegisterPortable),
                "registering " + std::to_string(size) + " bytes of host memory");
  pinned.registered_ = true;
  void* seen = nullptr;
  VYRE_CUDA_TRY(cudaHostGetDevicePointer(&seen, data, 0), "asking for a device address");
  if (seen != data) {
    return fail(Errc::unsupported,
                "this device sees host memory at other addresses than the host; the rings need "
                "one address for both");
  }
  return pinned;
}

Pinned::Pinned(Pinned&& other) noexcept
    : map_(other.map_),
      mapped_(other.mapped_),
      data_(other.data_),
      size_(other.size_),
      registered_(other.registered_) {
  other.map_ = nullptr;
  other.registered_ = false;
}

Pinned::~Pinned() {
  if (map_ == nullptr) return;
  // If the driver still holds the pages they must not be unmapped under it.
  if (registered_ && cudaHostUnregister(data_) != cudaSuccess) return;
  (void)::munmap(map_, mapped_);
}

}  // namespace vyre::cuda

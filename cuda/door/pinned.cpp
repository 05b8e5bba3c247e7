// Placing, populating and registering. See pinned.hpp.
#include "pinned.hpp"

#include <cuda_runtime_api.h>

#include <array>
#include <cctype>
#include <fstream>
#include <string>
#include <utility>

#include "base/message.hpp"
#include "device_error.hpp"

namespace vyre::cuda {
namespace {

constexpr std::uint64_t kHugePage{std::uint64_t{2} << 20};

/// -1: the system does not say, or has one node.
int device_node(int device) {
  std::array<char, 32> bus{};
  if (cudaDeviceGetPCIBusId(bus.data(), static_cast<int>(bus.size()), device) != cudaSuccess)
    return -1;
  std::string name(bus.data());
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::ifstream file("/sys/bus/pci/devices/" + name + "/numa_node");
  int node = -1;
  return file >> node ? node : -1;
}

}  // namespace

Result<Pinned> Pinned::create(std::uint64_t bytes, int device) {
  const std::uint64_t size = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  VYRE_ASSIGN(staging::Mapping mapping,
              staging::Mapping::create(size, "the rings and slots of a device"));
  mapping.prefer_node(device_node(device));
  // Before registering: the driver would fault the pages in one by one.
  VYRE_TRY(mapping.populate(0, size));
  Pinned pinned(std::move(mapping));
  std::uint8_t* const data = pinned.bytes().data();
  VYRE_CUDA_TRY(cudaHostRegister(data, size, cudaHostRegisterMapped | cudaHostRegisterPortable),
                message("registering {} bytes of host memory", size));
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
    : mapping_(std::move(other.mapping_)), registered_(std::exchange(other.registered_, false)) {}

Pinned::~Pinned() {
  // If the driver still holds the pages they must not be unmapped under it.
  if (registered_ && cudaHostUnregister(mapping_.bytes().data()) != cudaSuccess) mapping_.leak();
}

}  // namespace vyre::cuda

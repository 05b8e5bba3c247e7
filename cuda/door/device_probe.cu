// Probes driver, device, compute capability and cooperative launch. Runs on the host, once for a
// session.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "base/message.hpp"
#include "cuda/door/device_probe.hpp"
#include "cuda/host/device_choice.hpp"
#include "cuda/megakernel/launch.hpp"
#include "device_context.hpp"
#include "device_error.hpp"

namespace vyre::cuda {
namespace {

constexpr int kMinComputeMajor{9};  // images of the resident kernel are built for sm_90

std::string version_text(int version) {
  return message("{}.{}", version / 1000, version % 1000 / 10);
}

DeviceProbe unsupported(std::string why) {
  return {MegakernelCaps::unsupported(std::move(why)), std::nullopt};
}

DeviceProbe probe_one(int ordinal) {
  cudaDeviceProp properties{};
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, ordinal);
      error != cudaSuccess) {
    return unsupported(
        message("device {} does not answer: {}", ordinal, cudaGetErrorString(error)));
  }
  int driver = 0;
  (void)cudaDriverGetVersion(&driver);  // it has answered before
  DeviceProbe probe;
  probe.device = message("{} (sm_{}{}, driver {})", properties.name, properties.major,
                         properties.minor, version_text(driver));
  probe.memory_bytes = properties.totalGlobalMem;
  probe.ordinal = ordinal;
  const std::string& device = *probe.device;
  if (properties.major < kMinComputeMajor) {
    probe.caps = MegakernelCaps::unsupported(
        message("{} is older than sm_90, which the resident kernel is built for", device));
    return probe;
  }
  if (!properties.cooperativeLaunch) {
    probe.caps =
        MegakernelCaps::unsupported(message("{} does not support cooperative launch", device));
    return probe;
  }
  const auto context = DeviceContext::of(ordinal);
  if (!context) {
    probe.caps = MegakernelCaps::unsupported(context.error().message);
    return probe;
  }
  const DeviceContext::Scope here(*context);
  std::uint32_t blocks = 0;
  std::uint32_t shared_bytes = 0;
  std::uint32_t warp_shared_bytes = 0;
  const cudaError_t error = megakernel::query_grid(blocks, shared_bytes, warp_shared_bytes);
  if (error != cudaSuccess || blocks == 0) {
    probe.caps = MegakernelCaps::unsupported(message(
        "the resident kernel does not fit {}: {}", device,
        error != cudaSuccess ? cudaGetErrorString(error) : "no block of it is resident at once"));
    return probe;
  }
  probe.caps = MegakernelCaps::with_workers(blocks * megakernel::kBlockWarps);
  return probe;
}

Result<std::vector<DeviceIdentity>> identities(int count) {
  std::vector<DeviceIdentity> devices;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    cudaDeviceProp properties{};
    VYRE_CUDA_TRY(cudaGetDeviceProperties(&properties, ordinal),
                  message("asking device {} what it is", ordinal));
    devices.push_back(
        {properties.name, uuid_text(std::span<const char, 16>(properties.uuid.bytes))});
  }
  return devices;
}

}  // namespace

Result<DeviceProbe> probe_device(std::string_view wanted) {
  if (!wanted.empty()) VYRE_TRY(check_device_name(wanted));
  // Lazy loading would block the first launch beside a resident kernel; it must be off before the
  // first call.
  ::setenv("CUDA_MODULE_LOADING", "EAGER", 0);
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
    return unsupported("no CUDA driver is installed on this machine");
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess)
    return unsupported(message("the CUDA driver lists no device: {}", cudaGetErrorString(error)));
  if (count == 0) return unsupported("the CUDA driver lists no device");
  if (!wanted.empty()) {
    VYRE_ASSIGN(const std::vector<DeviceIdentity> devices, identities(count));
    VYRE_ASSIGN(const std::size_t chosen, find_device(wanted, devices));
    return probe_one(static_cast<int>(chosen));
  }
  DeviceProbe first = probe_one(0);
  for (int ordinal = 1; !first.caps.supported && ordinal < count; ++ordinal) {
    DeviceProbe other = probe_one(ordinal);
    if (other.caps.supported) return other;
  }
  return first;
}

}  // namespace vyre::cuda

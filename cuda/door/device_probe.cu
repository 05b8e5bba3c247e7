// Probes driver, device, compute capability and cooperative launch. Runs on the host, once a
// session.
#include <cuda_runtime_api.h>

#include <cstdlib>

#include "base/message.hpp"
#include "cuda/door/device_probe.hpp"
#include "cuda/megakernel/launch.hpp"

namespace vyre::cuda {
namespace {

constexpr int kMinComputeMajor{9};  // images of the resident kernel are built for sm_90

std::string version_text(int version) {
  return message("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace

DeviceProbe probe_device() {
  // Lazy loading would block the first launch beside a resident kernel; it must be off before the
  // first call.
  ::setenv("CUDA_MODULE_LOADING", "EAGER", 0);
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    return {MegakernelCaps::unsupported("no CUDA driver is installed on this machine"),
            std::nullopt};
  }
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    return {MegakernelCaps::unsupported(
                message("the CUDA driver lists no device: {}", cudaGetErrorString(error))),
            std::nullopt};
  }
  if (count == 0)
    return {MegakernelCaps::unsupported("the CUDA driver lists no device"), std::nullopt};

  cudaDeviceProp properties{};
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, 0); error != cudaSuccess) {
    return {MegakernelCaps::unsupported(
                message("device 0 does not answer: {}", cudaGetErrorString(error))),
            std::nullopt};
  }
  std::string device = message("{} (sm_{}{}, driver {})", properties.name, properties.major,
                               properties.minor, version_text(driver));
  if (properties.major < kMinComputeMajor) {
    return {MegakernelCaps::unsupported(
                message("{} is older than sm_90, which the resident kernel is built for", device)),
            device};
  }
  if (!properties.cooperativeLaunch) {
    return {MegakernelCaps::unsupported(message("{} does not support cooperative launch", device)),
            device};
  }
  DeviceProbe probe{{}, device};
  probe.memory_bytes = properties.totalGlobalMem;
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

}  // namespace vyre::cuda

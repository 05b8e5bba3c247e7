// The CUDA room of a build without nvcc: it answers, and its answer is no.
#include "vyre/cuda/device_probe.hpp"

namespace vyre::cuda {

DeviceProbe probe_device() {
  return {MegakernelCaps::unsupported(
              "built without the CUDA Toolkit (VYRE_CUDA=OFF or nvcc not found)"),
          std::nullopt};
}

}  // namespace vyre::cuda

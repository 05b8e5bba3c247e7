// The CUDA room of a build without nvcc: it answers, and its answer is no.
#include "base/message.hpp"
#include "cuda/door/device_probe.hpp"
#include "cuda/host/device_backend.hpp"
#include "cuda/host/device_choice.hpp"

namespace vyre::cuda {
namespace {

constexpr const char* kWhy{"built without the CUDA Toolkit (VYRE_CUDA=OFF or nvcc not found)"};

}  // namespace

Result<DeviceProbe> probe_device(std::string_view wanted) {
  if (!wanted.empty()) VYRE_TRY(check_device_name(wanted));
  return DeviceProbe{MegakernelCaps::unsupported(kWhy), std::nullopt};
}

Result<std::unique_ptr<backend::Backend>> make_backend(const backend::Options&,
                                                       const DeviceOptions&) {
  return fail(Errc::unsupported,
              message("there is no CUDA backend: {}; use the cpu backend", kWhy));
}

}  // namespace vyre::cuda

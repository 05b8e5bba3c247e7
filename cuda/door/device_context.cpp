// Contexts by the driver's own functions. See device_context.hpp.
#include "device_context.hpp"

#include <cuda_runtime_api.h>

#include "base/message.hpp"
#include "device_error.hpp"

namespace vyre::cuda {
namespace {

/// The driver's library is not linked, so that the program starts where there is none.
struct DriverCalls {
  decltype(&::cuDeviceGet) device_get{nullptr};
  decltype(&::cuDevicePrimaryCtxRetain) retain{nullptr};
  decltype(&::cuCtxPushCurrent) push{nullptr};
  decltype(&::cuCtxPopCurrent) pop{nullptr};
};

template <class Function>
cudaError_t find(const char* name, Function& into) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult status{};
#if CUDART_VERSION >= 12050
  constexpr unsigned kVersion{12000};  // of the driver's functions that this file was written for
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion(name, &found, kVersion, cudaEnableDefault, &status);
#else
  const cudaError_t error = cudaGetDriverEntryPoint(name, &found, cudaEnableDefault, &status);
#endif
  if (error != cudaSuccess) return error;
  if (status != cudaDriverEntryPointSuccess || found == nullptr) return cudaErrorInsufficientDriver;
  into = reinterpret_cast<Function>(found);
  return cudaSuccess;
}

struct Driver {
  DriverCalls calls;
  cudaError_t error{cudaSuccess};

  Driver() {
    error = find("cuDeviceGet", calls.device_get);
    if (error == cudaSuccess) error = find("cuDevicePrimaryCtxRetain", calls.retain);
    if (error == cudaSuccess) error = find("cuCtxPushCurrent", calls.push);
    if (error == cudaSuccess) error = find("cuCtxPopCurrent", calls.pop);
  }
};

const Driver& driver() {
  static const Driver found;
  return found;
}

}  // namespace

Result<DeviceContext> DeviceContext::of(int ordinal) {
  int count = 0;  // counting starts the driver, and makes no context
  VYRE_CUDA_TRY(cudaGetDeviceCount(&count), "starting the driver");
  VYRE_CUDA_TRY(driver().error, "asking the driver for its functions");
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUresult said = driver().calls.device_get(&device, ordinal);
  if (said == CUDA_SUCCESS) said = driver().calls.retain(&context, device);
  if (said == CUDA_ERROR_OUT_OF_MEMORY) {
    return fail(Errc::out_of_memory,
                message("device {} has no memory for a context; free memory on it", ordinal));
  }
  if (said != CUDA_SUCCESS) {
    return fail(Errc::unsupported, message("the driver makes no context on device {} (error {})",
                                           ordinal, static_cast<int>(said)));
  }
  return DeviceContext(ordinal, context);
}

DeviceContext::Scope::Scope(const DeviceContext& context) noexcept
    : pushed_(driver().calls.push(context.context_) == CUDA_SUCCESS) {}

DeviceContext::Scope::~Scope() {
  CUcontext ours = nullptr;
  if (pushed_) (void)driver().calls.pop(&ours);
}

}  // namespace vyre::cuda

// Sorts CUDA's errors into kinds of Error. See device_error.hpp.
#include "device_error.hpp"

#include "base/message.hpp"

namespace vyre::cuda {
namespace {

Errc kind_of(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return Errc::out_of_memory;
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorNotSupported:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorCooperativeLaunchTooLarge:
      return Errc::unsupported;
    default:
      return Errc::device_lost;
  }
}

}  // namespace

Error device_error(cudaError_t error, const std::string& doing) {
  Error out;
  out.code = kind_of(error);
  out.detail = static_cast<std::int32_t>(error);
  out.message =
      message("{} ({}) while {}", cudaGetErrorName(error), cudaGetErrorString(error), doing);
  if (out.code == Errc::device_lost) out.message += "; open a new session, in a new process";
  return out;
}

}  // namespace vyre::cuda

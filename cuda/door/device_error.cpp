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

Error lock_error(cudaError_t error, std::uint64_t bytes) {
  Errc code{};
  const char* why = nullptr;
  switch (error) {
    case cudaErrorHostMemoryAlreadyRegistered:
      code = Errc::invalid_argument;
      why =
          "a page of them is locked already, by an earlier import or by the program itself; end "
          "that first, or upload a copy";
      break;
    case cudaErrorInvalidValue:
      code = Errc::invalid_argument;
      why =
          "the driver does not take this memory (a file that is mapped, read-only pages, or memory "
          "of a device); upload a copy";
      break;
    case cudaErrorMemoryAllocation:
      code = Errc::out_of_memory;
      why = "the system locks no more pages; import less, or upload a copy";
      break;
    case cudaErrorNotSupported:
      code = Errc::unsupported;
      why = "this device cannot reach memory of the host; upload a copy";
      break;
    default:
      return device_error(error, message("locking {} bytes of the caller", bytes));
  }
  Error out{code, message("{} while locking {} bytes of the caller for the device: {}",
                          cudaGetErrorName(error), bytes, why)};
  out.detail = static_cast<std::int32_t>(error);
  return out;
}

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

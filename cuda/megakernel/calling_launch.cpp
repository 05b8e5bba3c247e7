// See calling_launch.hpp.
#include "cuda/megakernel/calling_launch.hpp"

#include <mutex>

#include "calling_blob.hpp"

namespace vyre::cuda::megakernel {
namespace {

/// Loaded once, for all devices, and kept: a session of the process may come back to it.
cudaError_t find_kernel(const void*& kernel) {
  static std::mutex mutex;
  static cudaKernel_t found{nullptr};
  const std::lock_guard lock(mutex);
  if (found == nullptr) {
    cudaLibrary_t library = nullptr;
    cudaError_t error = cudaLibraryLoadData(&library, calling_kernel_fatbin(), nullptr, nullptr, 0,
                                            nullptr, nullptr, 0);
    if (error == cudaSuccess) error = cudaLibraryEnumerateKernels(&found, 1, library);
    if (error != cudaSuccess) return error;
  }
  kernel = reinterpret_cast<const void*>(found);
  return cudaSuccess;
}

/// Of the current device. Beside a resident kernel of this kind there is nothing to do.
cudaError_t make_stack() {
  constexpr std::size_t kWanted{kKernelStackBytes + kFunctionStackBytes};
  std::size_t there = 0;
  const cudaError_t error = cudaDeviceGetLimit(&there, cudaLimitStackSize);
  if (error != cudaSuccess || there >= kWanted) return error;
  return cudaDeviceSetLimit(cudaLimitStackSize, kWanted);
}

}  // namespace

bool has_calling_kernel() noexcept {
  return calling_kernel_fatbin() != nullptr;
}

cudaError_t query_calling_grid(std::uint32_t shared_bytes, std::uint32_t& blocks,
                               std::uint32_t& registers) {
  int device = 0;
  int multiprocessors = 0;
  int resident = 0;
  const void* kernel = nullptr;
  cudaFuncAttributes attributes{};
  cudaError_t error = make_stack();
  if (error == cudaSuccess) error = find_kernel(kernel);
  if (error == cudaSuccess) error = cudaGetDevice(&device);
  if (error == cudaSuccess)
    error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  if (error == cudaSuccess) error = cudaFuncGetAttributes(&attributes, kernel);
  if (error == cudaSuccess) {
    error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shared_bytes));
  }
  if (error == cudaSuccess) {
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        &resident, kernel, static_cast<int>(kBlockThreads), shared_bytes);
  }
  if (error != cudaSuccess) return error;
  blocks = static_cast<std::uint32_t>(multiprocessors * resident);
  registers = static_cast<std::uint32_t>(attributes.numRegs);
  return cudaSuccess;
}

cudaError_t launch_calling(const KernelArguments& arguments, std::uint32_t blocks,
                           cudaStream_t stream) {
  const void* kernel = nullptr;
  if (const cudaError_t error = find_kernel(kernel); error != cudaSuccess) return error;
  KernelArguments copy = arguments;
  void* parameters[]{&copy};
  return cudaLaunchCooperativeKernel(kernel, dim3(blocks), dim3(kBlockThreads), parameters,
                                     arguments.shared_bytes, stream);
}

}  // namespace vyre::cuda::megakernel

// See loaded_code.hpp.
#include "loaded_code.hpp"

#include "base/message.hpp"
#include "cuda/megakernel/calling_launch.hpp"
#include "device_error.hpp"
#include "jit/jit.hpp"

namespace vyre::cuda {
namespace {

Result<std::vector<std::uint64_t>> table_of(cudaLibrary_t library, std::uint32_t functions) {
  cudaKernel_t stack = nullptr;
  VYRE_CUDA_TRY(cudaLibraryGetKernel(&stack, library, jit::kStackName),
                "looking for the stack that compiled programs need");
  cudaFuncAttributes needs{};
  VYRE_CUDA_TRY(cudaFuncGetAttributes(&needs, stack), "asking what compiled programs need");
  using megakernel::kFunctionStackBytes;
  if (needs.localSizeBytes > kFunctionStackBytes) {
    return fail(Errc::limit_exceeded,
                message("a compiled program needs {} bytes of a thread's stack, {} are there "
                        "(kFunctionStackBytes)",
                        needs.localSizeBytes, kFunctionStackBytes));
  }
  void* table = nullptr;
  std::size_t bytes = 0;
  VYRE_CUDA_TRY(cudaLibraryGetGlobal(&table, &bytes, library, jit::kTableName),
                "looking for the table of compiled programs");
  std::vector<std::uint64_t> addresses(functions);
  if (bytes != functions * sizeof(std::uint64_t)) {
    return fail(Errc::internal,
                message("a module has a table of {} bytes for {} programs", bytes, functions));
  }
  VYRE_CUDA_TRY(cudaMemcpy(addresses.data(), table, bytes, cudaMemcpyDeviceToHost),
                "reading the table of compiled programs");
  return addresses;
}

}  // namespace

Result<std::vector<std::uint64_t>> LoadedCode::load(DeviceShare& share, std::uint32_t own,
                                                    ByteSpan cubin, std::uint32_t functions) {
  Result<std::vector<std::uint64_t>> addresses;
  const auto work = [&]() -> Status {
    cudaLibrary_t library = nullptr;
    VYRE_CUDA_TRY(
        cudaLibraryLoadData(&library, cubin.data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
        message("loading compiled programs of {} bytes", cubin.size()));
    libraries_.push_back(library);
    VYRE_ASSIGN(addresses, table_of(library, functions));
    return {};
  };
  Status done;
  if (!share.alone(own, [&] { done = work(); })) {
    return fail(Errc::unsupported,
                "another session of this process has blocks of a device, and loading compiled "
                "programs would wait for its kernel; close it first");
  }
  VYRE_TRY(done);
  return addresses;
}

void LoadedCode::unload(DeviceShare& share, std::uint32_t own) noexcept {
  (void)share.alone(own, [&] {
    for (cudaLibrary_t library : libraries_) (void)cudaLibraryUnload(library);
  });
  libraries_.clear();
}

}  // namespace vyre::cuda

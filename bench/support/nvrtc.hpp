// NVRTC, if the machine has it: CUDA C++ text -> loaded kernel, for the time that a program never
// seen before takes there. Host only; the library is opened at run time.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <string>

#include "base/error.hpp"

namespace vyre::bench {

class RuntimeCompiler {
 public:
  [[nodiscard]] static Result<RuntimeCompiler> open();
  RuntimeCompiler(RuntimeCompiler&&) noexcept;
  ~RuntimeCompiler();

  struct Unload {
    void operator()(cudaLibrary_t library) const noexcept { (void)cudaLibraryUnload(library); }
  };
  struct Kernel {
    std::unique_ptr<std::remove_pointer_t<cudaLibrary_t>, Unload> code;
    cudaKernel_t kernel{nullptr};
  };
  /// Compiles for `architecture` ("sm_90") without fma, loads it, finds extern "C" `name`.
  [[nodiscard]] Result<Kernel> compile(const std::string& source, const std::string& name,
                                       const std::string& architecture) const;

 private:
  struct Functions;
  RuntimeCompiler();
  std::unique_ptr<Functions> functions_;
};

}  // namespace vyre::bench

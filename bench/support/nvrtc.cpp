#include "support/nvrtc.hpp"

#include <vector>

#include "support/device.hpp"
#include "support/shared_object.hpp"

namespace vyre::bench {

/// The part of nvrtc.h that we call; 0 is success everywhere.
struct RuntimeCompiler::Functions {
  using Program = void*;
  SharedObject object;
  int (*create)(Program*, const char* source, const char* name, int headers, const char* const*,
                const char* const*){nullptr};
  int (*compile)(Program, int options, const char* const*){nullptr};
  int (*cubin_size)(Program, std::size_t*){nullptr};
  int (*cubin)(Program, char*){nullptr};
  int (*destroy)(Program*){nullptr};
};

RuntimeCompiler::RuntimeCompiler() : functions_(std::make_unique<Functions>()) {}
RuntimeCompiler::RuntimeCompiler(RuntimeCompiler&&) noexcept = default;
RuntimeCompiler::~RuntimeCompiler() = default;

Result<RuntimeCompiler> RuntimeCompiler::open() {
  RuntimeCompiler made;
  Functions& f = *made.functions_;
  if (!f.object.open({"libnvrtc.so.13", "/usr/local/cuda/lib64/libnvrtc.so.13", "libnvrtc.so.12",
                      "/usr/local/cuda/lib64/libnvrtc.so.12"}))
    return fail(Errc::not_found, "libnvrtc.so.13 or .12 is not on this machine");
  if (!f.object.find(f.create, "nvrtcCreateProgram") ||
      !f.object.find(f.compile, "nvrtcCompileProgram") ||
      !f.object.find(f.cubin_size, "nvrtcGetCUBINSize") ||
      !f.object.find(f.cubin, "nvrtcGetCUBIN") ||
      !f.object.find(f.destroy, "nvrtcDestroyProgram")) {
    return fail(Errc::unsupported, "this libnvrtc lacks a function that we call");
  }
  return made;
}

Result<RuntimeCompiler::Kernel> RuntimeCompiler::compile(const std::string& source,
                                                         const std::string& name,
                                                         const std::string& architecture) const {
  const Functions& f = *functions_;
  Functions::Program program = nullptr;
  if (f.create(&program, source.c_str(), "bench.cu", 0, nullptr, nullptr) != 0)
    return fail(Errc::internal, "NVRTC takes no program");
  const std::string target = "--gpu-architecture=" + architecture;
  const char* options[] = {target.c_str(), "--fmad=false"};
  std::size_t bytes = 0;
  std::vector<char> cubin;
  bool made = f.compile(program, 2, options) == 0 && f.cubin_size(program, &bytes) == 0;
  if (made) {
    cubin.resize(bytes);
    made = f.cubin(program, cubin.data()) == 0;
  }
  (void)f.destroy(&program);
  if (!made) return fail(Errc::internal, "NVRTC does not compile " + name);
  Kernel kernel;
  cudaLibrary_t library = nullptr;
  VYRE_TRY(
      check(cudaLibraryLoadData(&library, cubin.data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
            "loading a compiled program"));
  kernel.code.reset(library);
  VYRE_TRY(check(cudaLibraryGetKernel(&kernel.kernel, library, name.c_str()),
                 "finding the kernel of a compiled program"));
  return kernel;
}

}  // namespace vyre::bench

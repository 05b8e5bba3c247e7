// The device that a door's calls go to. The CUDA runtime has a current device for each thread, and
// threads of the caller come through the door: a scope puts the door's device in front and leaves
// the thread's own choice as it was. cudaSetDevice() could not, because setting a device back makes
// a context on it. Host only; any thread.
#pragma once

#include <cuda.h>

#include "base/error.hpp"

namespace vyre::cuda {

class DeviceContext {
 public:
  /// Of the device with this number. The process keeps it, as the runtime does.
  [[nodiscard]] static Result<DeviceContext> of(int ordinal);

  [[nodiscard]] int ordinal() const noexcept { return ordinal_; }

  /// While it lives, calls of this thread go to the device.
  class Scope {
   public:
    explicit Scope(const DeviceContext& context) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    bool pushed_;
  };

 private:
  DeviceContext(int ordinal, CUcontext context) : ordinal_(ordinal), context_(context) {}

  int ordinal_;
  CUcontext context_;
};

}  // namespace vyre::cuda

// The CUDA runtime as device benches use it: errors as Status, memory that frees itself. Host only.
// Nothing here may be alive or called while a resident kernel runs, except what CUDA allows beside
// one (docs/internals/benchmarking.md): so sections measure their baselines first.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "support/statistics.hpp"

namespace vyre::bench {

[[nodiscard]] Status check(cudaError_t error, const char* what);

struct DeviceFree {
  void operator()(void* memory) const noexcept { (void)cudaFree(memory); }
};
struct PinnedFree {
  void operator()(void* memory) const noexcept { (void)cudaFreeHost(memory); }
};
template <class T>
using DeviceMemory = std::unique_ptr<T, DeviceFree>;
template <class T>
using PinnedMemory = std::unique_ptr<T, PinnedFree>;

/// Zeroed.
template <class T>
[[nodiscard]] Result<DeviceMemory<T>> device_memory(std::size_t count) {
  void* memory = nullptr;
  VYRE_TRY(check(cudaMalloc(&memory, count * sizeof(T)), "reserving device memory"));
  DeviceMemory<T> owner(static_cast<T*>(memory));
  VYRE_TRY(check(cudaMemset(memory, 0, count * sizeof(T)), "zeroing device memory"));
  return owner;
}
/// Zeroed; the device sees it at the same address.
template <class T>
[[nodiscard]] Result<PinnedMemory<T>> pinned_memory(std::size_t count) {
  void* memory = nullptr;
  VYRE_TRY(
      check(cudaHostAlloc(&memory, count * sizeof(T), cudaHostAllocMapped | cudaHostAllocPortable),
            "reserving pinned memory"));
  PinnedMemory<T> owner(static_cast<T*>(memory));
  std::memset(memory, 0, count * sizeof(T));
  return owner;
}

class Stream {
 public:
  [[nodiscard]] static Result<Stream> make();
  [[nodiscard]] cudaStream_t get() const noexcept { return stream_.get(); }
  [[nodiscard]] Status wait() const { return check(cudaStreamSynchronize(get()), "a stream"); }

 private:
  struct Destroy {
    void operator()(cudaStream_t stream) const noexcept { (void)cudaStreamDestroy(stream); }
  };
  std::unique_ptr<std::remove_pointer_t<cudaStream_t>, Destroy> stream_;
};

/// "NVIDIA H100 80GB HBM3, sm_90" and "13.0" (CUDA version of the driver).
struct DeviceNames {
  std::string device;
  std::string driver;
};
[[nodiscard]] Result<DeviceNames> device_names();

/// Two events around device work.
class EventPair {
 public:
  [[nodiscard]] static Result<EventPair> make();
  [[nodiscard]] Status begin(cudaStream_t stream) const {
    return check(cudaEventRecord(first_.get(), stream), "recording an event");
  }
  /// Waits for the end of what was enqueued since begin().
  [[nodiscard]] Result<double> seconds(cudaStream_t stream) const;

 private:
  struct Destroy {
    void operator()(cudaEvent_t event) const noexcept { (void)cudaEventDestroy(event); }
  };
  using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, Destroy>;
  Event first_;
  Event last_;
};

/// Median device time in seconds of `runs` calls of `enqueue(stream)` -> Status, after a warm-up.
template <class Enqueue>
[[nodiscard]] Result<double> device_seconds(int runs, const Enqueue& enqueue) {
  VYRE_ASSIGN(const Stream stream, Stream::make());
  VYRE_ASSIGN(const EventPair events, EventPair::make());
  std::vector<double> samples;
  for (int run = 0; run <= runs; ++run) {
    VYRE_TRY(events.begin(stream.get()));
    VYRE_TRY(enqueue(stream.get()));
    VYRE_ASSIGN(const double seconds, events.seconds(stream.get()));
    if (run > 0) samples.push_back(seconds);
  }
  return median(samples);
}

}  // namespace vyre::bench

// The built-in ops on a device by plain launches, one a phase: what the resident kernel's workers
// run, without the kernel. For differential tests and benches. Host header. Spec: docs/ops.md.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.hpp"
#include "builtin/ops.hpp"
#include "protocol/completion.hpp"

namespace vyre::cuda {

/// Copies the buffers to the device, runs the op there, and copies the outputs back; the result
/// is what vyre::builtin::run would say. Bytes of the outputs that the op leaves alone stay.
[[nodiscard]] Result<FaultCode> run_builtin_on_device(
    std::uint32_t op, std::span<const vyre::builtin::Buffer> inputs,
    std::span<const vyre::builtin::Buffer> outputs, std::uint32_t param);

/// A buffer that is in device memory already, 16-byte aligned.
struct DeviceSpan {
  void* data{nullptr};
  std::uint64_t bytes{0};
};

/// One op over device memory, to be launched again and again.
class BuiltinLaunch {
 public:
  [[nodiscard]] static Result<BuiltinLaunch> make(std::uint32_t op,
                                                  std::span<const DeviceSpan> inputs,
                                                  std::span<const DeviceSpan> outputs,
                                                  std::uint32_t param);
  BuiltinLaunch(BuiltinLaunch&& other) noexcept;
  BuiltinLaunch& operator=(BuiltinLaunch&&) = delete;
  ~BuiltinLaunch();

  /// Runs it to its end; the fault, if there is one. Learns how many phases there are.
  [[nodiscard]] Result<FaultCode> run();
  /// Queues all phases that the last run() had on a stream (cudaStream_t); returns at once.
  [[nodiscard]] Status enqueue(void* stream);

 private:
  struct State;
  explicit BuiltinLaunch(State* state) : state_(state) {}
  State* state_;
};

}  // namespace vyre::cuda

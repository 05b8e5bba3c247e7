// The executors of the C ABI. Host only.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/executor.hpp"
#include "base/message.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

/// 0 is `otherwise`.
[[nodiscard]] inline Result<Executor> executor_of(std::uint32_t executor, Executor otherwise) {
  switch (executor) {
    case 0:
      return otherwise;
    case VYRE_EXECUTOR_CPU:
      return Executor::cpu;
    case VYRE_EXECUTOR_CUDA:
      return Executor::cuda;
    case VYRE_EXECUTOR_REFERENCE:
      return Executor::reference;
    case VYRE_EXECUTOR_JIT:
      return Executor::jit;
    default:
      return fail(Errc::invalid_argument,
                  message("executor {} is unknown; use a VYRE_EXECUTOR_ constant", executor));
  }
}

}  // namespace vyre::abi

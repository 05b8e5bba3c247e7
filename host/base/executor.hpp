// What runs programs: the words that replay, conformance and the command line share. Host only.
#pragma once

#include <cstdint>
#include <string_view>

namespace vyre {

enum class Executor : std::uint8_t { reference, cpu, cuda, jit };

/// "reference", "cpu", "cuda", "jit": the device, every program compiled that can be.
[[nodiscard]] constexpr std::string_view executor_name(Executor executor) noexcept {
  switch (executor) {
    case Executor::reference:
      return "reference";
    case Executor::cpu:
      return "cpu";
    case Executor::cuda:
      return "cuda";
    case Executor::jit:
      return "jit";
  }
  return "unknown";
}

[[nodiscard]] constexpr bool on_device(Executor executor) noexcept {
  return executor == Executor::cuda || executor == Executor::jit;
}

}  // namespace vyre

// What runs programs: the words that replay, conformance and the command line share. Host only.
#pragma once

#include <cstdint>
#include <string_view>

namespace vyre {

enum class Executor : std::uint8_t { reference, cpu, cuda };

/// "reference", "cpu", "cuda".
[[nodiscard]] constexpr std::string_view executor_name(Executor executor) noexcept {
  switch (executor) {
    case Executor::reference:
      return "reference";
    case Executor::cpu:
      return "cpu";
    case Executor::cuda:
      return "cuda";
  }
  return "unknown";
}

}  // namespace vyre

// NVIDIA's linker for code made at run time (nvJitLink), found at run time, so that a binary runs
// where the toolkit is absent. Host only; any thread. Spec: docs/internals/jit.md, "Linking".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace vyre::cuda {

/// What code is made for.
struct CodeTarget {
  std::uint32_t architecture{0};   // 90: sm_90
  std::uint32_t max_registers{0};  // of a thread of the kernel that will call the code
};

class Linker {
 public:
  /// Errc::unsupported where the library is not found, with the names that were tried.
  [[nodiscard]] static Result<std::shared_ptr<const Linker>> load();
  virtual ~Linker() = default;

  /// "13.0", as the library says.
  [[nodiscard]] virtual const std::string& version() const noexcept = 0;
  /// A cubin that a device loads. `text`: PTX; `library`: a fatbin that it calls into, or empty. An
  /// error has the linker's own words.
  [[nodiscard]] virtual Result<Bytes> link(const std::string& text, ByteSpan library,
                                           const CodeTarget& target) const = 0;
};

/// Our own sine to logarithm (host/core/f32_transcendental.hpp) as a fatbin; empty in a build
/// without nvcc.
[[nodiscard]] ByteSpan own_functions() noexcept;

}  // namespace vyre::cuda

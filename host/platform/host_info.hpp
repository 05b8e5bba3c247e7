// Facts about this machine and build for reports. Host only.
#pragma once

#include <cstdint>
#include <string>

namespace vyre::platform {

[[nodiscard]] std::string cpu_model();
[[nodiscard]] std::uint32_t logical_cpus();
[[nodiscard]] std::uint64_t physical_memory_bytes();  // 0 if the system does not say
[[nodiscard]] std::string kernel_release();
[[nodiscard]] std::string build_description();  // version, commit, compiler, build type
[[nodiscard]] std::string utc_now_rfc3339();

/// What this process has used since it began.
struct ProcessUse {
  std::uint64_t user_ns{0};  // of all its threads
  std::uint64_t system_ns{0};
  std::uint64_t peak_resident_bytes{0};
};
[[nodiscard]] ProcessUse process_use() noexcept;
[[nodiscard]] std::string random_id();  // 128 bits, hexadecimal

}  // namespace vyre::platform

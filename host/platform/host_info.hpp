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
[[nodiscard]] std::string random_id();  // 128 bits, hexadecimal

}  // namespace vyre::platform

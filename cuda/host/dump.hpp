// What a stuck or lost kernel was at, in words: roles, ring words, orders. Host only. Made once,
// when the watchdog fires; every read of the device is bounded and may fail, which is then said.
// Spec: docs/internals/resident-host.md, "Failure".
#pragma once

#include <string>

#include "cuda/host/door.hpp"
#include "reservation.hpp"

namespace vyre::cuda {

/// Several lines, without a last line feed.
[[nodiscard]] std::string describe_kernel(Door& door, const Reservation& reserved,
                                          std::uint32_t epoch);

}  // namespace vyre::cuda

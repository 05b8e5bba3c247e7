// Every bound of the runtime as a constant. The rows, with unit and reason, are in limits.def.
// Plain constants, read by host and device code; `vyre caps` prints them through limits_table.hpp.
#pragma once

#include <cstdint>

namespace vyre {

#define VYRE_LIMIT(type, name, value, unit, reason) inline constexpr type name{value};
#include "protocol/limits.def"
#undef VYRE_LIMIT

}  // namespace vyre

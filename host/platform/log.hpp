// The door to logging (spdlog, to stderr). Host only. Rooms below floor 2 do not log, they return.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

#include "vyre/base/error.hpp"

namespace vyre::platform {

/// Levels: trace debug info warn error off. Called once by main(); tests leave the default (warn).
[[nodiscard]] Status set_log_level(const std::string& level);
[[nodiscard]] spdlog::logger& log();

}  // namespace vyre::platform

// The door to logging (spdlog, to stderr). Host only. Rooms below floor 2 do not log, they return.
#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace vyre::platform {

/// Levels: trace debug info warn error off. Called once by main(); tests leave the default (warn).
[[nodiscard]] Status set_log_level(const std::string& level);
/// Messages go to `hook(context, level, line)`, with the levels above counted from 0; null: to
/// stderr. No lock is held during the call. A call of the former hook that began on another thread
/// may still be under way afterwards.
void set_log_hook(void (*hook)(void* context, std::int32_t level, const char* line), void* context);
[[nodiscard]] spdlog::logger& log();

}  // namespace vyre::platform

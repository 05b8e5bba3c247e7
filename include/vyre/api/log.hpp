// set_log(): where the library's messages go. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

enum class LogLevel : std::int32_t {
  trace = VYRE_LOG_TRACE,
  debug = VYRE_LOG_DEBUG,
  info = VYRE_LOG_INFO,
  warn = VYRE_LOG_WARN,
  error = VYRE_LOG_ERROR,
  off = VYRE_LOG_OFF,
};
/// Called from any thread, also from several at once. What it throws is dropped.
using LogHook = std::function<void(LogLevel, std::string_view)>;

/// Messages of `level` and above go to `hook`; an empty hook: to standard error. Hooks are kept
/// until the process ends, because another thread may still be in one that was replaced.
[[nodiscard]] inline Result<void> set_log(LogHook hook, LogLevel level = LogLevel::warn) {
  if (!hook) {
    return detail::status(vyre_set_log(nullptr, nullptr, static_cast<std::int32_t>(level)));
  }
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::unique_ptr<LogHook>>;
  const std::lock_guard lock(mutex);
  kept->push_back(std::make_unique<LogHook>(std::move(hook)));
  const vyre_log call = [](void* context, std::int32_t at, const char* text) {
    VYRE_API_TRY {
      (*static_cast<LogHook*>(context))(static_cast<LogLevel>(at), text);
    }
    VYRE_API_CATCH_ALL {  // a message that could not be delivered has no caller to tell
    }
  };
  return detail::status(vyre_set_log(call, kept->back().get(), static_cast<std::int32_t>(level)));
}

}  // namespace vyre::VYRE_V0

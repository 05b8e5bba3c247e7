#include "platform/log.hpp"
#include "base/message.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace vyre::platform {

spdlog::logger& log() {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>(
        "vyre", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_level(spdlog::level::warn);
    made->set_pattern("%^%l%$: %v");
    return made;
  }();
  return *logger;
}

Status set_log_level(const std::string& level) {
  for (const auto* known : {"trace", "debug", "info", "warn", "error", "off"}) {
    if (level == known) {
      log().set_level(spdlog::level::from_str(level));
      return {};
    }
  }
  return fail(
      Errc::invalid_argument,
      message("log level '{}' is unknown; use trace, debug, info, warn, error or off", level));
}

}  // namespace vyre::platform

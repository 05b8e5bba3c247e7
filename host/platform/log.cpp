#include "platform/log.hpp"
#include "base/message.hpp"

#include <spdlog/sinks/sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <atomic>
#include <memory>

namespace vyre::platform {
namespace {

struct Hook {
  void (*call)(void* context, std::int32_t level, const char* line);
  void* context;
};
/// Null: stderr.
std::atomic<std::shared_ptr<const Hook>>& installed() {
  static std::atomic<std::shared_ptr<const Hook>> hook;
  return hook;
}

/// Gives each message to the hook, or to stderr where there is none. Has no lock of its own.
class HookOrStderr final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    if (const auto hook = installed().load()) {
      const std::string line(message.payload.data(), message.payload.size());
      hook->call(hook->context, static_cast<std::int32_t>(message.level), line.c_str());
    } else {
      stderr_.log(message);
    }
  }
  void flush() override { stderr_.flush(); }
  void set_pattern(const std::string& pattern) override { stderr_.set_pattern(pattern); }
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    stderr_.set_formatter(std::move(formatter));
  }

 private:
  spdlog::sinks::stderr_color_sink_mt stderr_;
};

}  // namespace

spdlog::logger& log() {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>("vyre", std::make_shared<HookOrStderr>());
    made->set_level(spdlog::level::warn);
    made->set_pattern("%^%l%$: %v");
    return made;
  }();
  return *logger;
}

void set_log_hook(void (*hook)(void* context, std::int32_t level, const char* line),
                  void* context) {
  installed().store(hook == nullptr ? nullptr : std::make_shared<const Hook>(Hook{hook, context}));
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

// What belongs to no session: the version and the log.
#include <string>

#include "base/message.hpp"
#include "guard.hpp"
#include "platform/host_info.hpp"
#include "platform/log.hpp"
#include "vyre/vyre.h"

using namespace vyre;
using namespace vyre::abi;

uint32_t vyre_abi_version(void) {
  return VYRE_ABI_VERSION;
}

uint32_t vyre_version(void) {
  return VYRE_VERSION_NUMBER;
}

const char* vyre_build(void) {
  try {
    static const std::string text = platform::build_description();
    return text.c_str();
  } catch (...) {  // no memory for the longer one
    return VYRE_VERSION_STRING;
  }
}

vyre_error* vyre_set_log(vyre_log log, void* context, int32_t level) {
  return guarded("vyre_set_log", [&]() -> Status {
    constexpr const char* kLevels[]{"trace", "debug", "info", "warn", "error", "off"};
    if (level < VYRE_LOG_TRACE || level > VYRE_LOG_OFF) {
      return fail(Errc::invalid_argument,
                  message("level {} is unknown; use a VYRE_LOG_ constant", level));
    }
    platform::set_log_hook(log, context);
    return platform::set_log_level(kLevels[level]);
  });
}

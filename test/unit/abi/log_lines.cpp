// See log_lines.hpp. Apart from the tests, which see the API and not the rooms.
#include "log_lines.hpp"

#include "platform/log.hpp"

namespace vyre::test {

void log_info(const char* line) {
  platform::log().info(line);
}
void log_warning(const char* line) {
  platform::log().warn(line);
}
void log_error(const char* line) {
  platform::log().error(line);
}
void log_debug(const char* line) {
  platform::log().debug(line);
}

}  // namespace vyre::test

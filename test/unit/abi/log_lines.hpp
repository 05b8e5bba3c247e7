// Messages of the library's own log, for tests of the hook. Test code.
#pragma once

namespace vyre::test {

void log_info(const char* line);
void log_warning(const char* line);
void log_error(const char* line);
void log_debug(const char* line);

}  // namespace vyre::test

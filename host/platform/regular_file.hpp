// Opening what must be a regular file. Private to this room.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/error.hpp"

namespace vyre::platform {

/// A descriptor that the caller closes, or a refusal that neither waits nor disturbs: opening a
/// FIFO waits for its writer, and opening and closing it again would break the writer's pipe.
[[nodiscard]] Result<int> open_regular(const std::string& path, const std::string& action,
                                       struct stat& info);

}  // namespace vyre::platform

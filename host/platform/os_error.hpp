// What the operating system said, as an error. Host only.
#pragma once

#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/message.hpp"

namespace vyre::platform {

/// "cannot open standard input: ...", with the errno in `detail`.
[[nodiscard]] inline tl::unexpected<Error> os_error_of(const std::string& action,
                                                       const std::string& what, int error) {
  return tl::unexpected<Error>(Error{
      Errc::io, message("{} {}: {}", action, what, std::strerror(error)), kNoOffset, 0, 0, error});
}
/// The same of a path, which is quoted.
[[nodiscard]] inline tl::unexpected<Error> os_error(const std::string& action,
                                                    const std::string& path, int error) {
  return os_error_of(action, message("'{}'", path), error);
}

}  // namespace vyre::platform

// The library as the command uses it: the public C++ API, and its answers as the command's own.
// Main thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "vyre/vyre.hpp"

namespace vyre::cli {

/// After a stop signal, a call that ended because of it says which signal it was.
[[nodiscard]] Error error_of(const v0::Error& error);

template <class T>
[[nodiscard]] Result<T> taken(v0::Result<T> result) {
  if (!result) return tl::unexpected<Error>(error_of(result.error()));
  return *std::move(result);
}
[[nodiscard]] Status taken(const v0::Result<void>& result);

/// "reference", "cpu" or "cuda". `what` it is and the `others` that it may be are for the message.
[[nodiscard]] Result<v0::Executor> executor_of(const std::string& name, std::string_view what,
                                               std::string_view others = "");

}  // namespace vyre::cli

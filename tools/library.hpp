// The library as the command uses it: the public C++ API, and its answers as the command's own.
// Main thread, whose calls of the library a stop signal ends (main.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
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

/// What is left until a deadline.
[[nodiscard]] v0::Timeout left_until(Deadline deadline);

/// A bound of the library by the name that `vyre caps` gives it.
[[nodiscard]] std::uint64_t limit(std::string_view name);

/// "FILE:3:5"
[[nodiscard]] std::string to_string(const v0::TextPlace& place);

/// Why an item has no results, and where in the text of its program, if it has one.
[[nodiscard]] Error error_of(const v0::ItemResult& result,
                             const std::optional<v0::Program>& program);

/// "reference", "cpu" or "cuda". `what` it is and the `others` that it may be are for the message.
[[nodiscard]] Result<v0::Executor> executor_of(const std::string& name, std::string_view what,
                                               std::string_view others = "");

}  // namespace vyre::cli

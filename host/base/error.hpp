// Error and Result<T>: how a room says that untrusted data or the environment failed it.
// Host only. Faults inside a verified program are not errors but completions
// (protocol/completion.hpp). Spec: docs/ARCHITECTURE.md, "Errors".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace vyre {

/// What kind of thing went wrong. Stable names (`errc_name`) appear in JSON; numbers do not. New
/// codes are appended: the C ABI numbers them in this order, from 1.
enum class Errc : std::uint16_t {
  invalid_argument,   // a caller's value is out of range or contradicts another
  malformed,          // bytes or text that do not follow their grammar
  version_mismatch,   // a format version or profile that is not ours
  limit_exceeded,     // a bound from protocol/limits.hpp
  refused,            // a well-formed program that the validator refuses
  unsupported,        // a construct or device that this build or machine cannot run
  not_found,          // a file, op, handle, queue that does not exist
  io,                 // the operating system said no; `detail` is errno
  out_of_memory,      // arena or host memory; the message has requested and available bytes
  queue_full,         // a ring had no free slot before the deadline
  deadline_exceeded,  // a bounded wait ended without its event; the call may be made again
  closed,             // the session or ring no longer accepts work
  faulted,            // a program stopped with a fault where a result was needed
  cancelled,          // the item was cancelled before it ran to its end
  mismatch,           // two results that should be equal are not
  device_lost,        // sticky device error or a worker that died
  internal,           // our own broken promise
  wall_time,          // the session's max_wall_time has passed: nothing starts any more
  busy,               // another thread is in a call on an object that takes one at a time
};

[[nodiscard]] std::string_view errc_name(Errc code) noexcept;

inline constexpr std::uint64_t kNoOffset{~std::uint64_t{0}};

/// `offset` is a byte offset into the named input (kNoOffset: none); line and column count from 1
/// (0: none). `detail` is errno for Errc::io, a validator code number for Errc::refused, else 0.
/// `message` is one sentence that names the thing, the value, the limit and the remedy.
struct Error {
  Errc code{Errc::internal};
  std::string message;
  std::uint64_t offset{kNoOffset};
  std::uint32_t line{0};
  std::uint32_t column{0};
  std::int32_t detail{0};
};

/// The same call may succeed later although nothing else was changed.
[[nodiscard]] inline bool retryable(const Error& error) noexcept {
  return error.code == Errc::queue_full || error.code == Errc::deadline_exceeded ||
         error.code == Errc::busy;
}

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string message,
                                                std::uint64_t offset = kNoOffset) {
  return tl::unexpected<Error>(Error{code, std::move(message), offset, 0, 0, 0});
}

/// "CODE: message (at offset N | line L, column C)" for terminals and logs.
[[nodiscard]] std::string to_string(const Error& error);

}  // namespace vyre

/// Returns the error of a Result from the enclosing function, or goes on.
#define VYRE_TRY(expression)                                              \
  do {                                                                    \
    if (auto vyre_try_ = (expression); !vyre_try_) {                      \
      return tl::unexpected<::vyre::Error>(std::move(vyre_try_).error()); \
    }                                                                     \
  } while (false)

#define VYRE_CONCAT_(a, b) a##b
#define VYRE_CONCAT(a, b) VYRE_CONCAT_(a, b)
/// `VYRE_ASSIGN(auto x, expression);` unwraps a Result into a new variable or returns its error.
#define VYRE_ASSIGN(declaration, expression) \
  VYRE_ASSIGN_(declaration, expression, VYRE_CONCAT(vyre_result_, __LINE__))
#define VYRE_ASSIGN_(declaration, expression, name)                         \
  auto name = (expression);                                                 \
  if (!name) return tl::unexpected<::vyre::Error>(std::move(name).error()); \
  declaration = std::move(*name)

// Error, Exception and Result<T>: what a call gives if it could not do its work. A caller tests the
// Result, or calls value(), which throws an Exception with the Error's text. Where exceptions are
// off (-fno-exceptions), value() of an Error prints that text and aborts.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

// What may throw is code of the caller; where exceptions are off, nothing does.
#ifdef __cpp_exceptions
#define VYRE_API_TRY try
#define VYRE_API_CATCH_ALL catch (...)
#else
#define VYRE_API_TRY if constexpr (true)
#define VYRE_API_CATCH_ALL else
#endif

namespace vyre::VYRE_V0 {

/// Numbers and meanings are those of vyre.h.
enum class Code : std::int32_t {
  ok = VYRE_OK,
  invalid_argument = VYRE_INVALID_ARGUMENT,
  malformed = VYRE_MALFORMED,
  version_mismatch = VYRE_VERSION_MISMATCH,
  limit_exceeded = VYRE_LIMIT_EXCEEDED,
  refused = VYRE_REFUSED,
  unsupported = VYRE_UNSUPPORTED,
  not_found = VYRE_NOT_FOUND,
  io = VYRE_IO,
  out_of_memory = VYRE_OUT_OF_MEMORY,
  queue_full = VYRE_QUEUE_FULL,
  deadline_exceeded = VYRE_DEADLINE_EXCEEDED,
  closed = VYRE_CLOSED,
  faulted = VYRE_FAULTED,
  cancelled = VYRE_CANCELLED,
  mismatch = VYRE_MISMATCH,
  device_lost = VYRE_DEVICE_LOST,
  internal = VYRE_INTERNAL,
  wall_time = VYRE_WALL_TIME,
  busy = VYRE_BUSY,
};
/// "invalid_argument"; "unknown" for a code of a later library.
[[nodiscard]] inline const char* name(Code code) {
  return vyre_code_name(static_cast<std::int32_t>(code));
}

/// A copy of what a vyre_error says.
struct Error {
  Code code{Code::internal};
  bool retryable{false};             // the same call may succeed later without any other change
  std::int32_t detail{0};            // errno of Code::io, the violated rule of Code::refused
  std::uint64_t offset{UINT64_MAX};  // into what was given, or of a copy that was cut; else the max
  std::uint32_t line{0};             // from 1; 0: none
  std::uint32_t column{0};
  std::string text;     // "CODE: message (place)"
  std::string message;  // one sentence: what, where, the value, the limit, the remedy

  /// Copies; null gives Code::ok.
  [[nodiscard]] static Error from(const vyre_error* error) {
    return {static_cast<Code>(vyre_error_code(error)),
            vyre_error_retryable(error) != 0,
            vyre_error_detail(error),
            vyre_error_offset(error),
            vyre_error_line(error),
            vyre_error_column(error),
            vyre_error_text(error),
            vyre_error_message(error)};
  }
  /// An error of this API itself.
  [[nodiscard]] static Error of(Code code, std::string message) {
    Error error;
    error.code = code;
    error.text = std::string(name(code)) + ": " + message;
    error.message = std::move(message);
    return error;
  }
};

/// What Result::value() throws.
class VYRE_API Exception : public std::exception {
 public:
  explicit Exception(Error error) : error_(std::move(error)) {}
  [[nodiscard]] const char* what() const noexcept override { return error_.text.c_str(); }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

namespace detail {

[[noreturn]] inline void no_value(const Error& error) {
#ifdef __cpp_exceptions
  throw Exception(error);
#else
  std::fprintf(stderr, "vyre: value() of an error: %s\n", error.text.c_str());
  std::abort();
#endif
}

}  // namespace detail

/// A T or an Error.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return held_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// Throws Exception; without exceptions, aborts.
  [[nodiscard]] T& value() & { return checked(), *std::get_if<0>(&held_); }
  [[nodiscard]] const T& value() const& { return checked(), *std::get_if<0>(&held_); }
  [[nodiscard]] T value() && { return checked(), std::move(*std::get_if<0>(&held_)); }
  /// Only where there is one.
  [[nodiscard]] T& operator*() & { return *std::get_if<0>(&held_); }
  [[nodiscard]] const T& operator*() const& { return *std::get_if<0>(&held_); }
  [[nodiscard]] T operator*() && { return std::move(*std::get_if<0>(&held_)); }
  [[nodiscard]] T* operator->() { return std::get_if<0>(&held_); }
  [[nodiscard]] const T* operator->() const { return std::get_if<0>(&held_); }
  [[nodiscard]] const Error& error() const { return *std::get_if<1>(&held_); }

 private:
  void checked() const {
    if (!has_value()) detail::no_value(error());
  }
  std::variant<T, Error> held_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  /// Throws Exception; without exceptions, aborts.
  void value() const {
    if (error_) detail::no_value(*error_);
  }
  [[nodiscard]] const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

namespace detail {

/// Owns what a call of the C ABI returned.
class Failed {
 public:
  explicit Failed(vyre_error* error) noexcept : error_(error) {}
  Failed(const Failed&) = delete;
  Failed& operator=(const Failed&) = delete;
  ~Failed() { vyre_error_free(error_); }
  explicit operator bool() const noexcept { return error_ != nullptr; }
  [[nodiscard]] Error error() const { return Error::from(error_); }
  [[nodiscard]] const vyre_error* get() const noexcept { return error_; }

 private:
  vyre_error* error_;
};

[[nodiscard]] inline Result<void> status(vyre_error* error) {
  if (const Failed failed{error}) return failed.error();
  return {};
}

}  // namespace detail

}  // namespace vyre::VYRE_V0

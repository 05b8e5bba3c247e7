// What stands between every call of the C ABI and its work: nothing that the work throws gets out.
// Host only; any thread.
#pragma once

#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include "base/error.hpp"
#include "base/message.hpp"
#include "error.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

[[nodiscard]] inline Error thrown(const char* call, const char* what) {
  return {Errc::internal, message("{}: {} was thrown; please report it", call, what)};
}

/// Runs `work`, which gives a Status.
template <class Work>
[[nodiscard]] vyre_error* guarded(const char* call, const Work& work) noexcept {
  try {
    try {
      const Status status = work();
      return status ? nullptr : make_error(status.error());
    } catch (const std::bad_alloc&) {
      return out_of_memory();
    } catch (const std::exception& error) {
      return make_error(thrown(call, error.what()));
    } catch (...) {
      return make_error(thrown(call, "something that is no std::exception"));
    }
  } catch (...) {  // while the sentence was made
    return out_of_memory();
  }
}

/// The same for calls that have no error to give.
template <class Work>
void quietly(const Work& work) noexcept {
  try {
    work();
  } catch (...) {  // nothing of it concerns the caller, and nothing is left half done
  }
}

/// Refuses a null pointer by the name of the parameter.
[[nodiscard]] inline Status given(const void* pointer, const char* parameter) {
  if (pointer != nullptr) return {};
  return fail(Errc::invalid_argument,
              message("{} is NULL: it was never made, moved from, or left out", parameter));
}
/// A path or directory: an empty one would name something by accident.
[[nodiscard]] inline Status given_path(const char* path, const char* parameter) {
  VYRE_TRY(given(path, parameter));
  if (*path != '\0') return {};
  return fail(Errc::invalid_argument, message("{} is empty; name one", parameter));
}
/// More elements than any memory holds; bytes have no such bound.
inline constexpr std::uint64_t kMaxListed{std::uint64_t{1} << 40};
/// An array of no elements may be null.
template <class T>
[[nodiscard]] Status given_array(const T* pointer, std::uint64_t count, const char* parameter) {
  if constexpr (!std::is_void_v<T>) {
    if (count > kMaxListed) {
      return fail(Errc::limit_exceeded,
                  message("{} has a count of {}: a list has at most {} elements; give the number "
                          "that is there",
                          parameter, count, kMaxListed));
    }
  }
  if (pointer != nullptr || count == 0) return {};
  return fail(Errc::invalid_argument,
              message("{} is NULL with a count of {}; give that many elements", parameter, count));
}

}  // namespace vyre::abi

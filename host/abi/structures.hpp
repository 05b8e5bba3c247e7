// Structures with a struct_size: how options are read and outputs written when the caller was
// compiled with another release. Host only. Spec: docs/abi.md, "Growth".
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

/// More than any release will need, and few enough that a wrong size reads nothing far away.
inline constexpr std::uint32_t kMaxStructBytes{4'096};

[[nodiscard]] Status check_struct_size(std::uint32_t size, const char* type);
/// Refuses bytes that are not zero: the caller asks for something that this release does not know.
[[nodiscard]] Status check_tail(const void* structure, std::uint32_t known, std::uint32_t size,
                                const char* type);

/// `reserved` is set: a later release may give it a meaning.
[[nodiscard]] Error not_zero(std::uint32_t reserved, const char* type);

/// What the caller gave, defaults (zeros) for what it did not, also for null.
template <class T>
[[nodiscard]] Result<T> read_options(const T* options, const char* type) {
  static_assert(std::is_trivially_copyable_v<T>);
  T known{};
  if (options != nullptr) {
    const std::uint32_t size = options->struct_size;
    VYRE_TRY(check_struct_size(size, type));
    VYRE_TRY(check_tail(options, sizeof(T), size, type));
    std::memcpy(&known, options, std::min<std::size_t>(size, sizeof(T)));
  }
  known.struct_size = sizeof(T);
  if constexpr (requires { known.reserved; }) {
    if (known.reserved != 0) return tl::unexpected<Error>(not_zero(known.reserved, type));
  }
  return known;
}

/// Whether `out` can be written; null can, to no effect.
template <class T>
[[nodiscard]] Status check_output(const T* out, const char* type) {
  if (out == nullptr) return {};
  return check_struct_size(out->struct_size, type);
}

/// Fills what fits, and zeros behind what this release knows. `out` was checked.
template <class T>
void write_output(T* out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (out == nullptr) return;
  const std::uint32_t size = out->struct_size;
  value.struct_size = size;
  std::memcpy(out, &value, std::min<std::size_t>(size, sizeof(T)));
  if (size > sizeof(T)) {
    std::memset(reinterpret_cast<unsigned char*>(out) + sizeof(T), 0, size - sizeof(T));
  }
}

/// An option by name, and what reads its value.
struct NamedOption {
  std::string_view key;
  std::function<Status(std::string_view value)> set;
};
/// Sets each pair; an unknown key is refused with the list of those that are known, a reserved one
/// as such.
[[nodiscard]] Status read_named(const vyre_option* options, std::size_t count,
                                const std::vector<NamedOption>& known,
                                const std::vector<std::string_view>& reserved);
/// `count` strings of the caller's list `what`; null among them is an error that says which.
[[nodiscard]] Result<std::vector<std::string>> read_strings(const char* const* strings,
                                                            std::size_t count, const char* what);
/// As read_strings(), and none of them may be empty.
[[nodiscard]] Result<std::vector<std::string>> read_paths(const char* const* paths,
                                                          std::size_t count, const char* what);
/// All of `value` as a decimal number.
[[nodiscard]] Result<std::uint64_t> whole_number(std::string_view key, std::string_view value,
                                                 std::uint64_t most);

}  // namespace vyre::abi

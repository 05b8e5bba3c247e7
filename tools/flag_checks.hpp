// Checks of flag values that the parser makes before a command starts: exit 2 names the flag.
#pragma once

#include <cstdint>
#include <limits>

#include "options.hpp"

namespace vyre::cli {

/// How help, manual pages and completions write the values of --profile.
inline constexpr char kProfileNames[]{"v4-0.6.3|v4-0.6.4|v6"};

/// An empty name reads as "flag not given" further on, so it is refused here.
[[nodiscard]] ValueCheck not_empty();
[[nodiscard]] ValueCheck whole_up_to(std::uint64_t most);
/// For options of type Number.
template <class Number>
[[nodiscard]] ValueCheck whole() {
  return whole_up_to(std::numeric_limits<Number>::max());
}
/// For --workers, also where the executor has none: what is wrong is wrong on all of them.
[[nodiscard]] ValueCheck workers();
/// For options of 64 bits.
[[nodiscard]] ValueCheck bytes();
[[nodiscard]] ValueCheck seconds();

}  // namespace vyre::cli

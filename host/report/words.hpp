// Numbers as people read them, for the lines of a summary. Host only. Private to this room.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vyre::report {

[[nodiscard]] std::string time_text(double ns);
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
[[nodiscard]] std::string rate_text(double per_second);  // of items
/// Of at least one value.
[[nodiscard]] std::uint64_t median(std::vector<std::uint64_t> values);

}  // namespace vyre::report

// What a replay found, as JSON: for the command and the C ABI. Host only, pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "trace/trace.hpp"

namespace vyre::trace {

[[nodiscard]] nlohmann::ordered_json to_json(const Difference& difference);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<RacyItem>& items);

}  // namespace vyre::trace

// What a replay found, as JSON: for the command and the C ABI. Host only, pure.
#pragma once

#include <string>
#include <vector>

#include "base/json_writer.hpp"
#include "trace/trace.hpp"

namespace vyre::trace {

/// Each writes one value.
void write(JsonWriter& out, const Difference& difference);
void write(JsonWriter& out, const std::vector<RacyItem>& items);

}  // namespace vyre::trace

// The value of --bind: a file, or numbers and text written out.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.hpp"

namespace vyre::cli {

/// "NAME=VALUE" at the first '='.
[[nodiscard]] Result<std::pair<std::string, std::string>> split_assignment(const std::string& text,
                                                                           const std::string& flag);
/// u32:1,2  i32:-1  f32:0.5,1e3  hex:00ff  text:needle  file:PATH, or a path without a prefix.
[[nodiscard]] Result<Bytes> bind_value(const std::string& value, std::uint64_t max_bytes);
/// The path of a value that is a file; empty for one written out.
[[nodiscard]] std::string bind_file(const std::string& value);

}  // namespace vyre::cli

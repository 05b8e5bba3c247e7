// Hands a text to a collector by HTTP. post.cpp alone names libcurl, and a build without it says so
// by name. Main thread. Spec: docs/report-tools.md, "To a collector".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace vyre::cli {

struct PostOptions {
  std::string url;                   // http:// or https://
  std::vector<std::string> headers;  // "NAME: VALUE" each, beside Content-Type
  std::uint32_t retries{4};          // after the first try
  std::chrono::nanoseconds timeout{std::chrono::seconds{30}};  // for all of it, waits too
};

/// Refuses what can be no such post, and every post where the build has no libcurl.
[[nodiscard]] Status check_post(const PostOptions& options);
/// POST with Content-Type application/json. Tries again after a failure of the connection and after
/// 429, 502, 503 and 504: in half a second, then twice as long each time, or when Retry-After says.
/// Redirects are not followed. Errors: io, with the last answer and how often it was tried;
/// deadline_exceeded; cancelled by a signal.
[[nodiscard]] Status post_json(const PostOptions& options, std::string_view text);

}  // namespace vyre::cli

// Report files of any length, a document after the other. Host only; any thread. Page:
// docs/report.md.
#pragma once

#include <functional>
#include <string>

#include "report/report.hpp"

namespace vyre::report {

using EachDocument = std::function<Status(Document&&)>;
/// Gives each document of a file, which has one or JSON Lines of them. Of lines the longest one is
/// held, and no more. An error of `each` ends it.
[[nodiscard]] Status for_each_document(const std::string& path, const EachDocument& each);

}  // namespace vyre::report

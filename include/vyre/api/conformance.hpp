// conformance(): runs vector files against an executor and judges every line. Spec:
// docs/internals/conformance.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/api/trace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

struct ConformanceFailure {
  std::string_view file;
  std::uint64_t line;  // from 1
  std::string_view name;
  std::string_view why;
};
/// Zero means the default, as in vyre_conformance_options.
struct ConformanceOptions {
  Executor executor{Executor::cpu};
  std::uint64_t max_failures_kept{0};
  bool keep_no_failures{false};  // whatever `max_failures_kept` says
  std::chrono::nanoseconds case_timeout{0};
  std::function<void(const ConformanceFailure&)> on_failure{};  // must not throw
  /// Counts files, before each; must not throw.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress{};
  vyre_stopped stopped{nullptr};
};
struct Conformance {
  vyre_conformance_result counts;
  Blob json;
};
/// "-" is standard input. A failed line is no error: look at counts.failed.
[[nodiscard]] inline Result<Conformance> conformance(const std::vector<std::string>& files,
                                                     const ConformanceOptions& options = {}) {
  const std::vector<const char*> paths = detail::c_strings(files);
  vyre_conformance_options c = VYRE_INIT(vyre_conformance_options);
  c.executor = static_cast<std::uint32_t>(options.executor);
  c.max_failures_kept = options.max_failures_kept;
  c.case_timeout = options.case_timeout.count();
  c.keep_no_failures = options.keep_no_failures ? 1 : 0;
  c.context = const_cast<ConformanceOptions*>(&options);
  if (options.progress) {
    c.progress = [](void* context, std::uint64_t done, std::uint64_t total) {
      static_cast<const ConformanceOptions*>(context)->progress(done, total);
    };
  }
  if (options.on_failure) {
    c.on_failure = [](void* context, const char* file, std::uint64_t line, const char* name,
                      const char* why) {
      static_cast<const ConformanceOptions*>(context)->on_failure({file, line, name, why});
    };
  }
  c.stopped = options.stopped;
  vyre_conformance_result counts = VYRE_INIT(vyre_conformance_result);
  vyre_blob* json = nullptr;
  const detail::Failed failed{vyre_conformance(paths.data(), paths.size(), &c, &counts, &json)};
  if (failed) return failed.error();
  return Conformance{counts, Blob(json)};
}

}  // namespace vyre::VYRE_V0

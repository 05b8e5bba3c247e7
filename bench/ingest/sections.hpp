// The sections of ingest_bench. Each runs in a process of its own and adds its rows to the sink; an
// error ends the section, not the bench. Spec: docs/internals/benchmarking.md.
#pragma once

#include <string>

#include "base/error.hpp"
#include "ingest/files.hpp"
#include "runtime/session.hpp"
#include "support/rows.hpp"

namespace vyre::bench {

struct Settings {
  std::string files;  // where the parent has made them
  std::uint64_t total{1'024 * kMiB};
  std::uint64_t count{100'000};
  int laps{3};
  double seconds{20};  // for the laps of a section
  [[nodiscard]] FileSet large() const { return large_files(files, total); }
  /// As many of them as one processor can hash in a lap.
  [[nodiscard]] FileSet some_large() const {
    FileSet some = large();
    while (some.paths.size() > 1 && some.total() > 1'024 * kMiB) some.paths.pop_back();
    return some;
  }
  [[nodiscard]] FileSet small() const { return small_files(files, count); }
};

[[nodiscard]] Status stream_section(const Settings&, const RowSink&, bool direct);
[[nodiscard]] Status small_files_section(const Settings&, const RowSink&, runtime::BackendKind);
[[nodiscard]] Status requests_section(const Settings&, const RowSink&, runtime::BackendKind);
/// Only where the bench was built with nvcc.
[[nodiscard]] Status device_stream_section(const Settings&, const RowSink&);
void describe_device(const RowSink&);

}  // namespace vyre::bench

// Conformance: vector files against an executor.
#include "conformance/conformance.hpp"

#include <string>
#include <vector>

#include "blob.hpp"
#include "executors.hpp"
#include "guard.hpp"
#include "structures.hpp"

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_conformance(const char* const* paths, size_t count,
                             const vyre_conformance_options* options,
                             vyre_conformance_result* result, vyre_blob** json) {
  return guarded("vyre_conformance", [&]() -> Status {
    VYRE_TRY(given_array(paths, count, "paths"));
    VYRE_TRY(check_output(result, "vyre_conformance_result"));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_conformance_options"));
    conformance::Options how;
    VYRE_ASSIGN(how.executor, executor_of(wanted.executor, Executor::cpu));
    if (wanted.max_failures_kept != 0) how.max_failures_kept = wanted.max_failures_kept;
    if (wanted.keep_no_failures != 0) how.max_failures_kept = 0;
    if (wanted.case_timeout < 0) {
      return fail(Errc::invalid_argument, "case_timeout is negative; 0: 120 s");
    }
    if (wanted.case_timeout != 0) how.case_timeout = std::chrono::nanoseconds{wanted.case_timeout};
    how.stopped = wanted.stopped;
    if (wanted.progress != nullptr) {
      how.progress = [&wanted](std::uint64_t done, std::uint64_t total) {
        wanted.progress(wanted.context, done, total);
      };
    }
    VYRE_ASSIGN(const auto files, read_paths(paths, count, "paths"));
    VYRE_ASSIGN(const conformance::Summary summary,
                conformance::run_files(files, how, [&](const conformance::Failure& failure) {
                  if (wanted.on_failure == nullptr) return;
                  wanted.on_failure(wanted.context, failure.file.c_str(), failure.line,
                                    failure.name.c_str(), failure.why.c_str());
                }));
    if (json != nullptr) *json = make_blob(conformance::to_json(summary, how));
    write_output(result, vyre_conformance_result{0, summary.stopped ? 1u : 0u, summary.files,
                                                 summary.cases, summary.passed,
                                                 summary.errors_overruled, summary.decoder_verdicts,
                                                 summary.decoder_passed, summary.failed});
    return {};
  });
}

// Checks of flag values that the parser makes before a command starts (exit 2 names the flag), and
// options that several commands have.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "input_options.hpp"
#include "options.hpp"

namespace vyre::cli {

/// An empty name reads as "flag not given" further on, so it is refused here.
[[nodiscard]] ValueCheck not_empty();
[[nodiscard]] ValueCheck whole_up_to(std::uint64_t most);
/// For options of type Number.
template <class Number>
[[nodiscard]] ValueCheck whole() {
  return whole_up_to(std::numeric_limits<Number>::max());
}
/// For options of 64 bits.
[[nodiscard]] ValueCheck bytes();
[[nodiscard]] ValueCheck seconds();

/// --profile: how wire blobs are read and written.
Option add_profile(const Command& command, std::string& profile);
/// --workers, also where the executor has none: what is wrong is wrong on all of them.
Option add_workers(const Command& command, std::uint32_t& workers);
/// --files-from, -0, --hidden, --follow-links, -z, --follow, --flush-after
void add_inputs(const Command& command, InputOptions& options);
/// What contradicts what among them. `paths`: how many were named beside.
[[nodiscard]] Status check_inputs(const InputOptions& options, std::size_t paths);
/// --report
Option add_report_file(const Command& command, std::string& file);
/// --label and --report-every of the report that --report writes.
Option add_labels(const Command& command, const Option& report, std::vector<std::string>& labels);
/// --report-files
void add_report_files(const Command& command, const Option& report, bool& by_file);
/// --jit and --cache-dir
void add_compiling(const Command& command, std::string& jit, std::string& folder);
/// --timeline
Option add_timeline(const Command& command, std::string& file);
/// What a session is opened with if a timeline is wanted.
inline const std::pair<std::string, std::string> kTimelineOption{"timeline", "262144"};
void add_report_every(const Command& command, const Option& report, std::string& every);

}  // namespace vyre::cli

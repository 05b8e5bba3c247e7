#include "flag_checks.hpp"

#include "library.hpp"
#include "numbers.hpp"

namespace vyre::cli {
namespace {

/// Puts the number that `read` finds in place of the text: the parser behind takes a leading 0 for
/// octal and a sign for a large number.
template <class Read>
ValueCheck number_by(Read read) {
  return [read](std::string& value) {
    const auto number = read(value);
    if (!number) return number.error().message;
    value = std::to_string(*number);
    return std::string();
  };
}

}  // namespace

ValueCheck not_empty() {
  return [](std::string& value) {
    return value.empty() ? std::string("the name is empty") : std::string();
  };
}

ValueCheck whole_up_to(std::uint64_t most) {
  return number_by([most](const std::string& value) { return whole_number(value, most); });
}

ValueCheck bytes() {
  return number_by([](const std::string& value) { return byte_count(value); });
}

ValueCheck seconds() {
  return [](std::string& value) {
    const auto number = seconds_of(value);
    return number ? std::string() : number.error().message;
  };
}

Option add_profile(const Command& command, std::string& profile) {
  return command.option("--profile", profile, "the layout of wire blobs")
      .type_name("v4-0.6.3|v4-0.6.4|v6")
      .shows_default();
}

Option add_workers(const Command& command, std::uint32_t& workers) {
  return command.option("--workers", workers, "CPU worker threads; 0 is one a logical CPU")
      .type_name("N")
      .shows_default()
      .check(whole_up_to(limit("max_cpu_workers")));
}

void add_inputs(const Command& command, InputOptions& options) {
  command.option("--files-from", options.paths_from, "read the paths that this file lists")
      .type_name("FILE")
      .check(not_empty());
  command.flag("-0", options.null_separated,
               "a NUL byte, not a newline, is behind each path of --files-from");
  command.flag("--hidden", options.hidden,
               "in folders: what has a name that begins with a dot, too");
  command.flag("--follow-links", options.links, "in folders: what symbolic links lead to, too");
  command.flag("-z,--decompress", options.decompress, "read what gzip and Zstandard files hold");
  command
      .option("--follow", options.follow,
              "read this file as it grows, and what takes its place, until a signal comes")
      .type_name("FILE")
      .check(not_empty());
  command
      .option("--flush-after", options.flush_after_ms,
              "milliseconds that input waits to fill a chunk")
      .type_name("MS")
      .shows_default()
      .check(whole_up_to(60'000));
}

Status check_inputs(const InputOptions& options, std::size_t paths) {
  const auto refused = [](const char* text) { return fail(Errc::invalid_argument, text); };
  const bool list = !options.paths_from.empty();
  if (options.null_separated && !list)
    return refused("-0 is of the list that --files-from names; give that too");
  if (list && paths != 0) return refused("--files-from and paths exclude each other");
  if (options.follow.empty()) return {};
  if (list || paths != 0) return refused("--follow is of one file alone; give no other paths");
  if (options.follow == "-") return refused("--follow is of a file that has a name; give that");
  if (options.decompress) return refused("--follow and -z exclude each other");
  return {};
}

Option add_report_file(const Command& command, std::string& file) {
  return command.option("--report", file, "write the run's report here")
      .type_name("FILE")
      .check(not_empty());
}

Option add_labels(const Command& command, const Option& report, std::vector<std::string>& labels) {
  return command.option("--label", labels, "of the report: what its readers can sort runs by")
      .type_name("NAME=VALUE")
      .one_value_each()
      .needs(report);
}

void add_report_files(const Command& command, const Option& report, bool& by_file) {
  command
      .flag("--report-files", by_file,
            "the report has the bytes and items of each file, and its name")
      .needs(report);
}

Option add_timeline(const Command& command, std::string& file) {
  return command
      .option("--timeline", file,
              "write here what happened when, for Perfetto: items by queue and worker, reads")
      .type_name("FILE")
      .check(not_empty());
}

void add_report_every(const Command& command, const Option& report, std::string& every) {
  command
      .option("--report-every", every,
              "append a snapshot to the report's file so often, and the report last: 1s, 250ms")
      .type_name("TIME")
      .check([](std::string& value) {
        const auto interval = interval_of(value);
        return interval ? std::string() : interval.error().message;
      })
      .needs(report);
}

void add_compiling(const Command& command, std::string& jit, std::string& folder) {
  command
      .option("--jit", jit,
              "compile programs for the device: off, auto (in the background), or force, which is "
              "an error where it cannot be had")
      .shows_default()
      .one_of({"off", "auto", "force"});
  command
      .option("--cache-dir", folder,
              "folder of compiled programs (default: vyre in the user's cache folder; -: none)")
      .type_name("DIR");
}

}  // namespace vyre::cli

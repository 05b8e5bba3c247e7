#include "claims.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "bind_value.hpp"
#include "platform/descriptor.hpp"
#include "platform/output.hpp"

namespace vyre::cli {
namespace {

namespace fs = std::filesystem;

std::string canonical(const std::string& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? path : whole.string();
}

std::string key_of(const struct stat& info) {
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return {};
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

/// Whether it is the directory or something in it.
bool lies_in(const std::string& path, const std::string& directory) {
  const auto real = platform::behind_links(path);
  const std::string inner = canonical(real ? *real : path) + "/";
  std::string outer = canonical(directory);
  if (outer.empty() || outer.back() != '/') outer += '/';
  return inner.compare(0, outer.size(), outer) == 0;
}

bool is_stream(const std::string& path) {
  return path == "-" || platform::named_descriptor(path).has_value();
}

/// The files that --bind reads.
std::vector<std::string> bound_files(const RunOptions& options) {
  std::vector<std::string> files;
  for (const std::string& text : options.binds) {
    const auto assignment = split_assignment(text, "--bind");
    if (!assignment) continue;  // the planner refuses it
    std::string file = bind_file(assignment->second);
    if (!file.empty()) files.push_back(std::move(file));
  }
  return files;
}

/// Refuses a `path` that lies in the directory of a trace or is it.
Status check_outside(const std::string& path, const std::string& flag,
                     const std::string& directory) {
  if (path.empty() || directory.empty() || is_stream(path) || !lies_in(path, directory)) return {};
  return fail(Errc::invalid_argument, flag + " '" + shown(path) + "' lies in the trace '" +
                                          shown(directory) +
                                          "', which holds the recording only; name another place");
}

/// Which files the outputs of chunks go to shows only as they are written, so none of the
/// directory may be an input.
Status check_chunk_directory(const RunOptions& options) {
  std::vector<std::string> inputs = bound_files(options);
  inputs.insert(inputs.end(), options.files.begin(), options.files.end());
  inputs.push_back(options.program);
  inputs.push_back(options.report);
  for (const std::string& path : inputs) {
    if (path.empty() || is_stream(path) || !lies_in(path, options.out_directory)) continue;
    return fail(Errc::invalid_argument, "'" + shown(path) + "' lies in --out-dir '" +
                                            shown(options.out_directory) +
                                            "', where outputs of chunks might replace it; name "
                                            "another directory");
  }
  return {};
}

}  // namespace

/// What all names of one file have in common; empty for what may be named often. A file that is not
/// there yet goes by the place that its name leads to.
std::string Claims::identity(const std::string& path, int stream) const {
  struct stat info {};
  const auto number = path == "-" ? std::optional(stream) : platform::named_descriptor(path);
  if (number) return ::fstat(*number, &info) == 0 ? key_of(info) : std::string();
  const auto look_at_folder_of = [this](const std::string& name) {
    const std::size_t slash = name.find_last_of('/');
    const std::string folder = slash == std::string::npos ? "." : name.substr(0, slash + 1);
    if (folder != folder_) {
      struct stat there {};
      folder_ = folder;
      folder_canonical_ = canonical(folder);
      folder_exists_ = ::stat(folder.c_str(), &there) == 0;
    }
    return slash + 1;  // of the last part; npos + 1 is 0
  };
  // In this order for the sake of thousands of outputs that are not there yet.
  std::string real = path;
  std::size_t last = look_at_folder_of(real);
  if (folder_exists_ && ::lstat(path.c_str(), &info) == 0) {
    if (!S_ISLNK(info.st_mode) || ::stat(path.c_str(), &info) == 0) return key_of(info);
    if (const auto behind = platform::behind_links(path)) real = *behind;
    last = look_at_folder_of(real);
  }
  return folder_canonical_ + "/" + real.substr(last);
}

void Claims::reads(const std::string& path, const std::string& as) {
  if (std::string key = identity(path, STDIN_FILENO); !key.empty())
    taken_.try_emplace(std::move(key), as);
}

Status Claims::writes(const std::string& path, const std::string& flag) {
  std::string key = identity(path, STDOUT_FILENO);
  if (key.empty()) return {};
  const bool stream = path == "-";
  const std::string as =
      stream ? "standard output" : "what " + flag + " writes, '" + shown(path) + "'";
  const auto [at, is_new] = taken_.try_emplace(std::move(key), as);
  if (is_new) return {};
  return fail(Errc::invalid_argument,
              (stream ? "standard output goes" : flag + " would write '" + shown(path) + "'") +
                  " over " + at->second + "; name another file");
}

Status Claims::may_fill(const std::string& directory, const std::string& flag) const {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    const auto found = taken_.find(identity(path, -1));
    if (found == taken_.end()) continue;
    return fail(Errc::invalid_argument, flag + " holds '" + shown(path) + "', which is " +
                                            found->second +
                                            " and might be written over; name another directory");
  }
  return {};
}

namespace {

Status prints(Shell& shell, Claims& claims) {
  Status may = claims.writes("-", "");
  if (!may) shell.json = false;
  return may;
}

/// Standard input can be read once.
Status named_once(std::size_t readers) {
  if (readers <= 1) return {};
  return fail(Errc::invalid_argument, "standard input is named " + std::to_string(readers) +
                                          " times; it can be read once: name files instead");
}

std::size_t readers_in(const std::vector<std::string>& paths) {
  return static_cast<std::size_t>(
      std::count_if(paths.begin(), paths.end(), platform::names_standard_input));
}

}  // namespace

Status check_conversion(Shell& shell, const std::string& program, const std::string& output) {
  if (shell.json && output != "-" && platform::names_standard_output(output)) {
    return fail(Errc::invalid_argument,
                "-o " + shown(output) + " and --json both want standard output; name a file");
  }
  Claims claims;
  claims.reads(program, "the program '" + shown(program) + "'");
  if (output != "-") VYRE_TRY(claims.writes(output, "-o"));
  return output == "-" || shell.json ? prints(shell, claims) : Status{};
}

Status check_printing(Shell& shell, const std::vector<std::string>& inputs) {
  VYRE_TRY(named_once(readers_in(inputs)));
  Claims claims;
  for (const std::string& path : inputs) claims.reads(path, "the input '" + shown(path) + "'");
  return prints(shell, claims);
}

Status check_streams(const Shell& shell, const RunOptions& options) {
  VYRE_TRY(named_once(readers_in({options.program}) + readers_in(options.files) +
                      readers_in(bound_files(options))));
  if (platform::names_standard_output(options.out_file) && shell.json)
    return fail(Errc::invalid_argument, "-o - and --json both want standard output; name a file");
  const bool values =
      options.out_directory.empty() &&
      (options.out_file.empty() || platform::names_standard_output(options.out_file));
  if (platform::names_standard_output(options.report) && (shell.json || values)) {
    return fail(Errc::invalid_argument, std::string("--report - and ") +
                                            (shell.json ? "--json" : "the results") +
                                            " both want standard output; name a file for one");
  }
  return {};
}

Status check_paths(Shell& shell, const RunOptions& options,
                   const std::vector<std::string>& stored) {
  VYRE_TRY(check_outside(options.out_file, "-o", options.trace_directory));
  VYRE_TRY(check_outside(options.out_directory, "--out-dir", options.trace_directory));
  VYRE_TRY(check_outside(options.report, "--report", options.trace_directory));
  Claims claims;
  claims.reads(options.program, "the program '" + shown(options.program) + "'");
  for (const std::string& file : options.files)
    claims.reads(file, "the input '" + shown(file) + "'");
  for (const std::string& file : bound_files(options))
    claims.reads(file, "the input '" + shown(file) + "' of --bind");
  for (const std::string& path : stored)
    VYRE_TRY(claims.writes(path, options.out_file.empty() ? "--out-dir" : "-o"));
  if (!options.report.empty()) VYRE_TRY(claims.writes(options.report, "--report"));
  const bool values = options.out_file.empty() && options.out_directory.empty();
  if (shell.json || values) VYRE_TRY(prints(shell, claims));
  if (options.chunk_bytes == 0 || options.out_directory.empty()) return {};
  VYRE_TRY(check_chunk_directory(options));
  return claims.may_fill(options.out_directory, "--out-dir");
}

Status check_replay(Shell& shell, const std::string& trace, const std::string& report) {
  Claims claims;
  if (!report.empty()) {
    VYRE_TRY(check_outside(report, "--report", trace));
    std::error_code error;
    for (fs::recursive_directory_iterator entry(trace, error), end; !error && entry != end;
         entry.increment(error)) {
      claims.reads(entry->path().string(), "a part of the trace");
    }
    VYRE_TRY(claims.writes(report, "--report"));
  }
  return prints(shell, claims);
}

}  // namespace vyre::cli

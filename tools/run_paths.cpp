#include "run_paths.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>
#include <unordered_map>

#include "bind_value.hpp"

namespace vyre::cli {
namespace {

namespace fs = std::filesystem;

std::string canonical(const std::string& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? path : whole.string();
}

/// What two names of one file have in common; empty for what may be named often (devices, pipes,
/// "-"). A file that is not there yet goes by its canonical path.
std::string identity(const std::string& path) {
  struct stat info {};
  if (path == "-") return {};
  if (::stat(path.c_str(), &info) != 0) return canonical(path);
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return {};
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

/// Whether it is the directory or something in it.
bool lies_in(const std::string& path, const std::string& directory) {
  const std::string inner = canonical(path) + "/";
  std::string outer = canonical(directory);
  if (outer.empty() || outer.back() != '/') outer += '/';
  return inner.compare(0, outer.size(), outer) == 0;
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

}  // namespace

namespace {

/// Which files the outputs of chunks go to shows only as they are written, so none of the
/// directory may be an input.
Status check_chunk_directory(const RunOptions& options) {
  if (options.chunk_bytes == 0 || options.out_directory.empty()) return {};
  std::vector<std::string> inputs = bound_files(options);
  inputs.insert(inputs.end(), options.files.begin(), options.files.end());
  inputs.push_back(options.program);
  inputs.push_back(options.report);
  for (const std::string& path : inputs) {
    if (path.empty() || path == "-" || !lies_in(path, options.out_directory)) continue;
    return fail(Errc::invalid_argument, "'" + shown(path) + "' lies in --out-dir '" +
                                            shown(options.out_directory) +
                                            "', where outputs of chunks might replace it; name "
                                            "another directory");
  }
  return {};
}

}  // namespace

Status check_streams(const Shell& shell, const RunOptions& options) {
  std::size_t readers = options.program == "-" ? 1 : 0;
  for (const std::string& file : options.files) readers += file == "-";
  for (const std::string& file : bound_files(options)) readers += file == "-";
  if (readers > 1) {
    return fail(Errc::invalid_argument, "standard input is named " + std::to_string(readers) +
                                            " times; it can be read once: name files instead");
  }
  if (options.out_file == "-" && shell.json)
    return fail(Errc::invalid_argument, "-o - and --json both want standard output; name a file");
  const bool values =
      options.out_directory.empty() && (options.out_file.empty() || options.out_file == "-");
  if (options.report == "-" && (shell.json || values)) {
    return fail(Errc::invalid_argument, std::string("--report - and ") +
                                            (shell.json ? "--json" : "the results") +
                                            " both want standard output; name a file for one");
  }
  return {};
}

Status check_outside(const std::string& path, const std::string& flag,
                     const std::string& directory) {
  if (path.empty() || directory.empty() || path == "-" || !lies_in(path, directory)) return {};
  return fail(Errc::invalid_argument, flag + " '" + shown(path) + "' lies in the trace '" +
                                          shown(directory) +
                                          "', which holds the recording only; name another place");
}

Status check_paths(const RunOptions& options, const std::vector<std::string>& stored) {
  VYRE_TRY(check_outside(options.out_file, "-o", options.trace_directory));
  VYRE_TRY(check_outside(options.out_directory, "--out-dir", options.trace_directory));
  VYRE_TRY(check_outside(options.report, "--report", options.trace_directory));
  VYRE_TRY(check_chunk_directory(options));
  std::unordered_map<std::string, std::string> taken;
  const auto take = [&](const std::string& path, const std::string& as) {
    if (std::string key = identity(path); !key.empty()) taken.try_emplace(std::move(key), as);
  };
  if (!stored.empty() || !options.report.empty()) {
    take(options.program, "the program '" + shown(options.program) + "'");
    for (const std::string& file : options.files) take(file, "the input '" + shown(file) + "'");
    for (const std::string& file : bound_files(options))
      take(file, "the input '" + shown(file) + "' of --bind");
  }
  const auto give = [&](const std::string& path, const std::string& flag) -> Status {
    std::string key = identity(path);
    if (key.empty()) return {};
    const std::string as = "what " + flag + " writes, '" + shown(path) + "'";
    const auto [at, is_new] = taken.try_emplace(std::move(key), as);
    if (is_new) return {};
    return fail(Errc::invalid_argument, flag + " would write '" + shown(path) + "' over " +
                                            at->second + "; name another file");
  };
  for (const std::string& path : stored)
    VYRE_TRY(give(path, options.out_file.empty() ? "--out-dir" : "-o"));
  if (!options.report.empty()) VYRE_TRY(give(options.report, "--report"));
  return {};
}

}  // namespace vyre::cli

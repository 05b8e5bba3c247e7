#include "claims.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "base/message.hpp"
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
  return message("{}:{}", info.st_dev, info.st_ino);
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
  return fail(
      Errc::invalid_argument,
      message("{} '{}' lies in the trace '{}', which holds the recording only; name another place",
              flag, shown(path), shown(directory)));
}

/// Which files the outputs of chunks go to shows only as they are written, so none of the
/// directory may be an input.
Status check_chunk_directory(const RunOptions& options, const v0::Program* program) {
  std::vector<std::string> inputs = bound_files(options);
  inputs.insert(inputs.end(), options.files.begin(), options.files.end());
  if (program != nullptr) {
    const std::vector<std::string> sources = program->sources();
    inputs.insert(inputs.end(), std::next(sources.begin()), sources.end());
    inputs.push_back(options.program);
  }
  inputs.push_back(options.report);
  inputs.push_back(options.timeline);
  for (const std::string& path : inputs) {
    if (path.empty() || is_stream(path) || !lies_in(path, options.out_directory)) continue;
    return fail(Errc::invalid_argument, message("'{}' lies in --out-dir '{}', where outputs of "
                                                "chunks might replace it; name another directory",
                                                shown(path), shown(options.out_directory)));
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

void Claims::reads_includes_of(const v0::Program& program) {
  const std::vector<std::string> files = program.sources();
  for (std::size_t i = 1; i < files.size(); ++i)
    reads(files[i], message("the included file '{}'", shown(files[i])));
}

Status Claims::writes(const std::string& path, const std::string& flag) {
  std::string key = identity(path, STDOUT_FILENO);
  if (key.empty()) return {};
  const bool stream = path == "-";
  const std::string as =
      stream ? "standard output" : message("what {} writes, '{}'", flag, shown(path));
  const auto [at, is_new] = taken_.try_emplace(std::move(key), as);
  if (is_new) return {};
  return fail(
      Errc::invalid_argument,
      message("{} over {}; name another file",
              stream ? "standard output goes" : message("{} would write '{}'", flag, shown(path)),
              at->second));
}

Status Claims::may_fill(const std::string& directory, const std::string& flag) const {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    const auto found = taken_.find(identity(path, -1));
    if (found == taken_.end()) continue;
    return fail(
        Errc::invalid_argument,
        message("{} holds '{}', which is {} and might be written over; name another directory",
                flag, shown(path), found->second));
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
  return fail(Errc::invalid_argument,
              message("standard input is named {} times; it can be read once: name files instead",
                      readers));
}

std::size_t readers_in(const std::vector<std::string>& paths) {
  return static_cast<std::size_t>(
      std::count_if(paths.begin(), paths.end(), platform::names_standard_input));
}

}  // namespace

Status check_conversion(Shell& shell, const std::string& program, const std::string& output) {
  if (shell.json && output != "-" && platform::names_standard_output(output)) {
    return fail(Errc::invalid_argument,
                message("-o {} and --json both want standard output; name a file", shown(output)));
  }
  Claims claims;
  claims.reads(program, message("the program '{}'", shown(program)));
  if (output != "-") VYRE_TRY(claims.writes(output, "-o"));
  return output == "-" || shell.json ? prints(shell, claims) : Status{};
}

Status check_includes(const v0::Program& program, const std::string& output,
                      const std::string& flag) {
  Claims claims;
  claims.reads_includes_of(program);
  return output == "-" ? Status{} : claims.writes(output, flag);
}

Status check_printing(Shell& shell, const std::vector<std::string>& inputs) {
  VYRE_TRY(named_once(readers_in(inputs)));
  Claims claims;
  for (const std::string& path : inputs) claims.reads(path, message("the input '{}'", shown(path)));
  return prints(shell, claims);
}

Status check_streams(const Shell& shell, const RunOptions& options) {
  VYRE_TRY(named_once(readers_in({options.program, options.paths_from}) +
                      readers_in(options.files) + readers_in(bound_files(options))));
  if (platform::names_standard_output(options.out_file) && shell.json)
    return fail(Errc::invalid_argument, "-o - and --json both want standard output; name a file");
  const bool values =
      options.out_directory.empty() &&
      (options.out_file.empty() || platform::names_standard_output(options.out_file));
  for (const auto& [flag, file] :
       {std::pair{"--report", &options.report}, {"--timeline", &options.timeline}}) {
    if (!platform::names_standard_output(*file) || !(shell.json || values)) continue;
    return fail(Errc::invalid_argument,
                message("{} - and {} both want standard output; name a file for one", flag,
                        (shell.json ? "--json" : "the results")));
  }
  return {};
}

Status check_paths(Shell& shell, const RunOptions& options, const v0::Program* program,
                   const std::vector<std::string>& stored) {
  VYRE_TRY(check_outside(options.out_file, "-o", options.trace_directory));
  VYRE_TRY(check_outside(options.out_directory, "--out-dir", options.trace_directory));
  VYRE_TRY(check_outside(options.report, "--report", options.trace_directory));
  VYRE_TRY(check_outside(options.timeline, "--timeline", options.trace_directory));
  Claims claims;
  if (program != nullptr) {
    claims.reads(options.program, message("the program '{}'", shown(options.program)));
    claims.reads_includes_of(*program);
  }
  if (!options.paths_from.empty()) claims.reads(options.paths_from, "the list of paths");
  for (const std::string& file : options.files)
    claims.reads(file, message("the input '{}'", shown(file)));
  for (const std::string& file : bound_files(options))
    claims.reads(file, message("the input '{}' of --bind", shown(file)));
  for (const std::string& path : stored)
    VYRE_TRY(claims.writes(path, options.out_file.empty() ? "--out-dir" : "-o"));
  if (!options.report.empty()) VYRE_TRY(claims.writes(options.report, "--report"));
  if (!options.timeline.empty()) VYRE_TRY(claims.writes(options.timeline, "--timeline"));
  const bool values = options.out_file.empty() && options.out_directory.empty();
  if (shell.json || values) VYRE_TRY(prints(shell, claims));
  if (options.out_directory.empty() || !stored.empty() || options.chunk_bytes == 0) return {};
  VYRE_TRY(check_chunk_directory(options, program));
  return claims.may_fill(options.out_directory, "--out-dir");
}

Status check_replay(Shell& shell, const std::string& trace, const std::string& report,
                    const std::string& timeline) {
  Claims claims;
  if (!report.empty() || !timeline.empty()) {
    VYRE_TRY(check_outside(report, "--report", trace));
    VYRE_TRY(check_outside(timeline, "--timeline", trace));
    std::error_code error;
    for (fs::recursive_directory_iterator entry(trace, error), end; !error && entry != end;
         entry.increment(error)) {
      claims.reads(entry->path().string(), "a part of the trace");
    }
    if (!report.empty()) VYRE_TRY(claims.writes(report, "--report"));
    if (!timeline.empty()) VYRE_TRY(claims.writes(timeline, "--timeline"));
  }
  return prints(shell, claims);
}

}  // namespace vyre::cli

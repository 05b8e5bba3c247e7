#include "run_inputs.hpp"

#include <sys/stat.h>

#include "file_walk.hpp"
#include "flag_checks.hpp"

namespace vyre::cli {
namespace {

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Result<bool> find_inputs(const Shell& shell, RunOptions& options) {
  VYRE_TRY(check_inputs(options, options.files.size()));
  if ((options.hidden || options.links) && !options.recursive)
    return fail(Errc::invalid_argument, "--hidden and --follow-links are of folders: give -r too");
  if (!options.follow.empty()) {
    if (options.chunk_bytes == 0)
      return fail(Errc::invalid_argument, "--follow reads chunks of a file: give --chunk too");
    if (!options.out_file.empty()) {
      return fail(Errc::invalid_argument,
                  "-o takes one output, and each file that --follow meets has its own; use "
                  "--out-dir");
    }
    options.files = {options.follow};
    return true;
  }
  if (!options.paths_from.empty()) {
    VYRE_ASSIGN(options.files, paths_of_list(options.paths_from, options.null_separated));
  }
  if (!options.recursive) return true;
  bool all = true;
  std::vector<std::string> files;
  for (std::string& path : options.files) {
    if (!is_folder(path)) {  // what is not there fails as an item
      files.push_back(std::move(path));
      continue;
    }
    FileWalk walk(shell, options, {path});
    while (auto file = walk.next()) files.push_back(std::move(file->path));
    all = all && !walk.failed();
  }
  options.files = std::move(files);
  return all;
}

}  // namespace vyre::cli

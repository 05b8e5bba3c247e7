#include "file_walk.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/message.hpp"
#include "platform/descriptor.hpp"
#include "platform/file.hpp"

namespace vyre::cli {
namespace {

/// Links that lead to their own parents end here where they are followed.
constexpr std::size_t kMostLevels{1'024};

}  // namespace

FileWalk::FileWalk(const Shell& shell, const InputOptions& options, std::vector<std::string> paths,
                   const WalkOutputs& outputs)
    : shell_(shell),
      hidden_(options.hidden),
      follow_links_(options.links),
      paths_(std::move(paths)),
      skips_outputs_(outputs.skipped) {
  struct stat status;
  if (::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode))
    standard_output_ = Identity{status.st_dev, status.st_ino};
  for (const std::string& path : outputs.paths) {
    if (!path.empty() && ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode))
      outputs_.push_back({status.st_dev, status.st_ino});
  }
}

bool FileWalk::is_output(const struct stat& status, const std::string& path) {
  const Identity identity{status.st_dev, status.st_ino};
  if (std::find(outputs_.begin(), outputs_.end(), identity) == outputs_.end()) return false;
  if (skips_outputs_) return true;
  met_output_ =
      fail(Errc::invalid_argument,
           message("'{}' would be read and written over; name another file for the output",
                   shown(path)));
  return true;
}

void FileWalk::tell(const std::string& path, const std::string& why) {
  failed_ = true;
  complain(shell_, message("'{}': {}", shown(path), why));
}

std::optional<InputFile> FileWalk::next() {
  while (met_output_) {
    auto file = levels_.empty() ? take_named() : take_found();
    if (file) return file;
    if (levels_.empty() && next_path_ == paths_.size()) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<InputFile> FileWalk::take_named() {
  if (next_path_ == paths_.size()) return std::nullopt;
  const std::string& path = paths_[next_path_++];
  if (platform::names_standard_input(path)) return InputFile{"-", true, false};
  if (path.empty()) {
    enter(path);
    return std::nullopt;
  }
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) {
    tell(path, std::strerror(errno));
    return std::nullopt;
  }
  if (S_ISDIR(status.st_mode)) {
    enter(path);
    return std::nullopt;
  }
  if (is_output(status, path)) return std::nullopt;
  return InputFile{path, true, S_ISREG(status.st_mode)};
}

std::optional<InputFile> FileWalk::take_found() {
  Level& level = levels_.back();
  if (level.names.empty()) {
    levels_.pop_back();
    return std::nullopt;
  }
  const auto [name, listed_kind] = std::move(level.names.back());
  level.names.pop_back();
  const std::string path = level.prefix + name;
  unsigned char kind = listed_kind;
  const bool asked = kind == DT_UNKNOWN || (kind == DT_LNK && follow_links_) ||
                     (kind == DT_REG && (standard_output_ || !outputs_.empty()));
  struct stat status {};
  if (asked) {
    if ((follow_links_ ? ::stat : ::lstat)(path.c_str(), &status) != 0) {
      if (errno != ENOENT || kind == DT_LNK) tell(path, std::strerror(errno));
      return std::nullopt;
    }
    kind = S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_UNKNOWN;
  }
  if (kind == DT_DIR) {
    enter(path);
    return std::nullopt;
  }
  if (kind != DT_REG) return std::nullopt;
  // Output must not feed on itself.
  if (standard_output_ == Identity{status.st_dev, status.st_ino}) return std::nullopt;
  if (is_output(status, path)) return std::nullopt;
  return InputFile{path, false, true};
}

void FileWalk::enter(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.empty() ? "." : path.c_str()),
                                                   ::closedir);
  if (!folder) return tell(path, std::strerror(errno));
  Level level;
  struct stat status;
  if (::fstat(::dirfd(folder.get()), &status) == 0) level.identity = {status.st_dev, status.st_ino};
  for (const Level& above : levels_) {
    if (above.identity == level.identity)
      return tell(path, "a symbolic link leads back to a folder above it");
  }
  if (levels_.size() == kMostLevels)
    return tell(path, message("{} folders in each other are the most", kMostLevels));
  level.prefix = path.empty() || path.back() == '/' ? path : path + "/";
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) {
      if (errno != 0) tell(path, std::strerror(errno));
      break;
    }
    const std::string_view name(entry->d_name);
    if (name == "." || name == ".." || (!hidden_ && name[0] == '.')) continue;
    level.names.emplace_back(name, entry->d_type);
  }
  std::sort(level.names.begin(), level.names.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  levels_.push_back(std::move(level));
}

Result<std::vector<std::string>> paths_of_list(const std::string& list, bool null_separated) {
  VYRE_ASSIGN(const Bytes bytes, platform::read_file(list));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const char separator = null_separated ? '\0' : '\n';
  std::vector<std::string> paths;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    if (end != at) paths.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return paths;
}

}  // namespace vyre::cli

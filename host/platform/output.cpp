// Temporary file, rename, and what stays of the file that is replaced. See the header.
#include "platform/output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/message.hpp"
#include "platform/os_error.hpp"
#include "platform/stop.hpp"
#include "temporary_file.hpp"

namespace vyre::platform {
namespace {

constexpr int kMaxLinks{40};  // as the system follows
/// Between two looks at the stop signal.
constexpr std::size_t kWriteStep{std::size_t{1} << 20};
constexpr char kAccessList[]{"system.posix_acl_access"};

/// What a replaced file had: as far as this process may give it away.
Status keep_attributes(int file, const std::string& path, const std::string& old_path,
                       const struct stat& old) {
  struct stat now {};
  if (::fstat(file, &now) != 0) return os_error("cannot stat", path, errno);
  mode_t mode = old.st_mode & 07777;
  if (now.st_uid != old.st_uid || now.st_gid != old.st_gid) {
    const bool all = ::fchown(file, old.st_uid, old.st_gid) == 0;
    const bool group = all || ::fchown(file, static_cast<uid_t>(-1), old.st_gid) == 0;
    // Rights of another owner or group are not given to the new file.
    if (!all) mode &= ~static_cast<mode_t>(S_ISUID | S_ISGID);
    if (!group) mode &= ~static_cast<mode_t>(S_IRWXG);
  }
  if (::fchmod(file, mode) != 0) return os_error("cannot chmod", path, errno);
  std::array<char, 4096> list;
  const ssize_t bytes = ::lgetxattr(old_path.c_str(), kAccessList, list.data(), list.size());
  if (bytes > 0 &&
      ::fsetxattr(file, kAccessList, list.data(), static_cast<std::size_t>(bytes), 0) != 0)
    return os_error("cannot keep the access list of", path, errno);
  return {};
}

/// Some file systems have nothing to bring anywhere and say EINVAL.
Status to_disk(int file, const std::string& path) {
  if (::fsync(file) == 0 || errno == EINVAL || errno == EOPNOTSUPP) return {};
  return os_error("cannot fsync", path, errno);
}

/// Answers with which a folder or a mount says that names in it cannot be exchanged.
bool may_write_in_place(int error) {
  return error == EACCES || error == EPERM || error == EROFS || error == EBUSY || error == EXDEV;
}

}  // namespace

struct OutputFiles::Target {
  std::string path;  // as it was given
  std::string real;  // behind symbolic links
  std::string name;  // in its folder
  bool exists{false};
  struct stat old {};
};

Result<std::string> behind_links(const std::string& path) {
  std::string at = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    struct stat info {};
    if (::lstat(at.c_str(), &info) != 0 || !S_ISLNK(info.st_mode)) return at;
    std::array<char, 4096> target;
    const ssize_t bytes = ::readlink(at.c_str(), target.data(), target.size());
    if (bytes < 0) return os_error("cannot read the link", at, errno);
    std::string next(target.data(), static_cast<std::size_t>(bytes));
    at = next.empty() || next.front() == '/' ? next : folder_of(at) + "/" + next;
  }
  return os_error("cannot follow", path, ELOOP);
}

/// Where Durability::together keeps one file of each file system until sync().
Status OutputFiles::settle(Descriptor file, const std::string& path) {
  if (durability_ == Durability::together && unsynced_.find(folder_device_) == unsynced_.end()) {
    unsynced_.emplace(folder_device_, std::pair(std::move(file), path));
    return {};
  }
  if (::close(file.release()) != 0) return os_error("cannot close", path, errno);
  return {};
}

Status OutputFiles::sync() {
  for (const auto& [device, file] : unsynced_) {
    if (::syncfs(file.first.get()) != 0)
      return os_error("cannot bring to the disk what was written beside", file.second, errno);
  }
  unsynced_.clear();
  return {};
}

Status OutputFiles::enter(const std::string& folder, const std::string& path) {
  if (folder_fd_ && folder == folder_) return {};
  Descriptor opened(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (!opened || ::fstat(opened.get(), &info) != 0) return os_error("cannot write", path, errno);
  folder_device_ = static_cast<std::uint64_t>(info.st_dev);
  folder_fd_ = std::move(opened);
  folder_ = folder;
  return {};
}

Status OutputFiles::write_directly(const std::string& path, int flags, ByteSpan bytes) {
  Descriptor file;
  if (const auto number = named_descriptor(path)) {
    file = Descriptor::borrowed(*number);
  } else {
    while (!file) {
      file = Descriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | flags));
      if (file) break;
      if (errno != EINTR) return os_error("cannot open", path, errno);
      if (stop_signal() != 0) return interrupted();
    }
  }
  VYRE_TRY(write_all(file, bytes, message("to '{}'", path)));
  return (flags & O_TRUNC) != 0 && durability_ == Durability::each ? to_disk(file.get(), path)
                                                                   : Status{};
}

/// `in_place`: nothing was changed, but the file can only be written where it is.
Status OutputFiles::replace(const Target& target, ByteSpan bytes, bool& in_place) {
  const auto look = [&](const Error& error) {
    in_place = target.exists && may_write_in_place(error.detail);
  };
  auto made = TemporaryFile::create(folder_fd_.get(), target.exists ? 0600 : 0666, target.path);
  if (!made) {
    look(made.error());
    return tl::unexpected<Error>(std::move(made).error());
  }
  TemporaryFile& temporary = **made;
  Descriptor& file = temporary.file();
  // What is written after the signal, as a report is, and the blobs of a trace stay whole.
  const int before = stop_signal();
  for (ByteSpan rest = bytes; !rest.empty();) {
    const ByteSpan step = rest.first(std::min(rest.size(), kWriteStep));
    VYRE_TRY(write_all(file, step, message("to '{}'", target.path)));
    rest = rest.subspan(step.size());
    if (stop_signal() != before && durability_ != Durability::none) return interrupted();
  }
  if (target.exists) VYRE_TRY(keep_attributes(file.get(), target.path, target.real, target.old));
  if (durability_ == Durability::each) VYRE_TRY(to_disk(file.get(), target.path));
  VYRE_TRY(settle(std::move(file), target.path));
  Status renamed = temporary.rename_to(target.name, target.path);
  if (!renamed) look(renamed.error());
  return renamed;
}

Status OutputFiles::write(const std::string& path, ByteSpan bytes) {
  if (named_descriptor(path)) return write_directly(path, 0, bytes);
  Target target;
  target.path = path;
  target.real = path;
  target.exists = ::lstat(path.c_str(), &target.old) == 0;
  if (!target.exists && errno != ENOENT) return os_error("cannot write", path, errno);
  if (target.exists && S_ISLNK(target.old.st_mode)) {
    struct stat behind {};
    const bool named = ::stat(path.c_str(), &behind) == 0;
    if (named && !S_ISREG(behind.st_mode)) {
      target.old = behind;
    } else {
      VYRE_ASSIGN(target.real, behind_links(path));
      target.exists = ::lstat(target.real.c_str(), &target.old) == 0;
    }
  }
  target.name = target.real.substr(target.real.find_last_of('/') + 1);
  if (target.name.empty() || (target.exists && S_ISDIR(target.old.st_mode)))
    return os_error("cannot write", path, EISDIR);
  if (target.exists && !S_ISREG(target.old.st_mode)) return write_directly(path, 0, bytes);
  VYRE_TRY(enter(folder_of(target.real), path));
  // A file that may not be written is not replaced either.
  if (target.exists && ::faccessat(folder_fd_.get(), target.name.c_str(), W_OK, AT_EACCESS) != 0)
    return os_error("cannot write", path, errno);
  bool in_place = false;
  const Status replaced = replace(target, bytes, in_place);
  if (!in_place) {
    if (!replaced || durability_ != Durability::each) return replaced;
    const Descriptor folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder) (void)::fsync(folder.get());
    return {};
  }
  return write_directly(target.real, O_TRUNC, bytes);
}

Status write_file_atomically(const std::string& path, ByteSpan bytes) {
  return OutputFiles(Durability::each).write(path, bytes);
}

}  // namespace vyre::platform

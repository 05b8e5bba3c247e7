// Opening files and choosing how each is read. See ingest/file.hpp. A small file costs one
// open, one fstat and one close, because a job may read a hundred thousand of them. Spec:
// docs/internals/ingest.md, "Choice" and "Files".
#include "ingest/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/message.hpp"
#include "doors.hpp"
#include "file_cache.hpp"
#include "platform/descriptor.hpp"
#include "protocol/limits.hpp"

namespace vyre::ingest {
namespace {

constexpr int kOpenTries{16};  // a signal's handler may interrupt open()

tl::unexpected<Error> system_error(const std::string& action, const std::string& path, int error) {
  return tl::unexpected<Error>(
      Error{Errc::io, message("cannot {} '{}': {}", action, path, std::strerror(error)), kNoOffset,
            0, 0, error});
}

tl::unexpected<Error> no_regular_file(const std::string& path, mode_t mode) {
  if (S_ISDIR(mode)) return system_error("read", path, EISDIR);
  const char* kind = S_ISFIFO(mode)                     ? "a FIFO"
                     : S_ISSOCK(mode)                   ? "a socket"
                     : (S_ISCHR(mode) || S_ISBLK(mode)) ? "a device"
                                                        : "no file of bytes";
  return fail(Errc::invalid_argument,
              message("cannot read '{}': it is {}; name a regular file, or copy its bytes into one",
                      path, kind));
}

bool wants_direct(TierChoice choice) {
  return choice == TierChoice::direct_fixed || choice == TierChoice::direct;
}

}  // namespace

Result<std::shared_ptr<const File>> File::open(const std::string& path, TierChoice choice) {
  if (choice == TierChoice::gpudirect) {
    return fail(Errc::unsupported, message("cannot read '{}' through cuFile (tier D): this build "
                                           "has no such reads; use A, B, C, E or automatic",
                                           path));
  }
  int descriptor = -1;
  for (int tries = 0; tries < kOpenTries; ++tries) {
    // O_NONBLOCK: a FIFO must not make us wait for its writer. On a regular file only io_uring
    // of older kernels looks at it, and only where the file system cannot say that a read would
    // wait (no FMODE_NOWAIT: some network ones): each read then ends with EAGAIN twice before a
    // worker does it. So large files lose the flag below; a small one keeps it, since a call more
    // for each of a hundred thousand costs every file what two more rounds cost the few.
    descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (descriptor >= 0 || errno != EINTR) break;
  }
  if (descriptor < 0) {
    if (errno == ENXIO) return no_regular_file(path, S_IFSOCK);
    return system_error("open", path, errno);
  }
  const std::shared_ptr<File> file(new File);  // owns the descriptor from here on
  file->path_ = path;
  file->descriptor_ = descriptor;
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) return system_error("stat", path, errno);
  if (!S_ISREG(info.st_mode)) return no_regular_file(path, info.st_mode);
  if (!platform::size_is_true(descriptor, info.st_dev)) {
    return fail(Errc::unsupported,
                message("cannot read '{}' in pieces: its file system makes contents up as they are "
                        "read and states no true size ({} bytes here); read it to its end and "
                        "upload the bytes, or copy it into a regular file",
                        path, info.st_size));
  }
  file->bytes_ = static_cast<std::uint64_t>(info.st_size);

  const auto buffered = [&file](std::string why) -> std::shared_ptr<const File> {
    file->why_buffered_ = std::move(why);
    // Where it fails reads are tried again.
    if (file->bytes_ > kSmallFileBytes) (void)::fcntl(file->descriptor_, F_SETFL, 0);
    return file;
  };
  if (choice == TierChoice::buffered) return buffered("asked for");
  if (!wants_direct(choice)) {
    if (file->bytes_ <= kSmallFileBytes) return buffered("small");
    if (half_cached(descriptor, file->bytes_).value_or(false)) return buffered("in the page cache");
  }
  std::string reason;
  if (const auto alignment = direct_alignment(descriptor, reason)) {
    const int flags = ::fcntl(descriptor, F_GETFL);
    if (flags >= 0 && ::fcntl(descriptor, F_SETFL, (flags & ~O_NONBLOCK) | O_DIRECT) == 0) {
      if (alignment->told || direct_read_works(descriptor, reason)) {
        file->direct_ = true;
        file->offset_alignment_ = alignment->offset;
        file->memory_alignment_ = alignment->memory;
        return std::shared_ptr<const File>(file);
      }
      if (::fcntl(descriptor, F_SETFL, flags) != 0) return system_error("read", path, errno);
    } else {
      reason = message("refused ({})", errno_name(errno));
    }
  }
  if (wants_direct(choice)) {
    return fail(Errc::unsupported,
                message("cannot read '{}' with O_DIRECT (tier {}): {}; use C or automatic", path,
                        choice == TierChoice::direct_fixed ? "A" : "B", reason));
  }
  return buffered(std::move(reason));
}

File::~File() {
  if (descriptor_ >= 0) (void)::close(descriptor_);
}

Result<std::uint64_t> File::bytes_now() const {
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0) return system_error("stat", path_, errno);
  return static_cast<std::uint64_t>(info.st_size);
}

Result<FileIdentity> File::identity_now() const {
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0) return system_error("stat", path_, errno);
  const auto ns = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return FileIdentity{info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
                      ns(info.st_mtim), ns(info.st_ctim)};
}

}  // namespace vyre::ingest

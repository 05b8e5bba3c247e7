// An opened regular file and what reading it needs to know. Host only; immutable once opened,
// shared by its readers, closed with the last of them. Spec: docs/internals/ingest.md, "Files".
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "ingest/tier.hpp"

namespace vyre::ingest {

/// Two equal ones of a file: nothing wrote it in between, as far as the file system's clock shows.
struct FileIdentity {
  std::uint64_t device{0};
  std::uint64_t inode{0};
  std::uint64_t bytes{0};
  std::int64_t modified_ns{0};
  std::int64_t changed_ns{0};
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

class File {
 public:
  /// Refuses, with the path: what cannot be opened (errno), directories (EISDIR), FIFOs, sockets
  /// and devices (never waits for a FIFO's writer), and files whose size is no count of bytes, as
  /// those of /proc and /sys (unsupported). `choice` decides about O_DIRECT; a forced
  /// direct tier that the file refuses is an error that says so, in automatic it becomes buffered
  /// with the reason in why_buffered().
  [[nodiscard]] static Result<std::shared_ptr<const File>> open(const std::string& path,
                                                                TierChoice choice);
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }  // when it was opened
  /// fstat's size now; Errc::io with the errno.
  [[nodiscard]] Result<std::uint64_t> bytes_now() const;
  [[nodiscard]] Result<FileIdentity> identity_now() const;
  [[nodiscard]] bool direct() const noexcept { return direct_; }  // O_DIRECT is set
  /// Offsets and lengths of direct reads are multiples of this, addresses of memory_alignment();
  /// both 1 where direct() is false. At most kIoBlock.
  [[nodiscard]] std::uint32_t offset_alignment() const noexcept { return offset_alignment_; }
  [[nodiscard]] std::uint32_t memory_alignment() const noexcept { return memory_alignment_; }
  /// Why automatic did not choose O_DIRECT: "in the page cache", "small", "refused (EINVAL)"; empty
  /// where direct().
  [[nodiscard]] const std::string& why_buffered() const noexcept { return why_buffered_; }

 private:
  File() = default;
  std::string path_;
  int descriptor_{-1};
  std::uint64_t bytes_{0};
  bool direct_{false};
  std::uint32_t offset_alignment_{1};
  std::uint32_t memory_alignment_{1};
  std::string why_buffered_;
};

}  // namespace vyre::ingest

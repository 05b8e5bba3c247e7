// Files of records: one that grows by appending through a shared mapping, so that a killed process
// loses nothing it has appended and no append costs a system call; and a sequential reader with
// bounded memory. Host only; one thread at a time. Failures are Errc::io with errno in `detail` and
// the path in the message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "platform/descriptor.hpp"
#include "platform/mapped_file.hpp"

namespace vyre::platform {

class TemporaryFile;

class AppendFile {
 public:
  /// The file must not exist. Space is reserved ahead (1 MiB, doubling to 16 MiB), so a full disk
  /// is an error of append() and never a signal; the reserved tail is zeros until close().
  [[nodiscard]] static Result<AppendFile> create(const std::string& path);
  AppendFile() = default;
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  /// Errc::io if the file was cut under the mapping: the bytes are lost then.
  [[nodiscard]] Status append(ByteSpan bytes);
  /// Replaces the last `bytes.size()` bytes; they must lie in the window that append() writes now,
  /// else false.
  [[nodiscard]] bool rewrite_last(ByteSpan bytes) noexcept;
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Cuts the reserved tail off, fsync, close. Nothing may be appended afterwards.
  [[nodiscard]] Status close();

 private:
  [[nodiscard]] Status next_window();
  /// An error if another process cut the file under the window.
  [[nodiscard]] Status check_window() const;

  std::string path_;
  int fd_{-1};
  std::uint8_t* window_{nullptr};
  std::size_t window_bytes_{0};
  std::uint64_t window_start_{0};  // file offset of the window
  MappingGuard guard_;             // of the window
  std::uint64_t size_{0};
};

/// Reads a file from its start, a piece at a time.
class FileReader {
 public:
  [[nodiscard]] static Result<FileReader> open(const std::string& path);
  FileReader(FileReader&& other) noexcept;
  FileReader& operator=(FileReader&& other) noexcept;
  ~FileReader();

  /// Fills `out` unless the file ends first; 0 at its end.
  [[nodiscard]] Result<std::size_t> read(MutableByteSpan out);
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  FileReader() = default;
  std::string path_;
  int fd_{-1};
  std::uint64_t size_{0};
};

/// A file that is written piece by piece under a temporary name and gets its own at the end:
/// readers see nothing or all of it. Not synced to the disk: for many small files whose loss in a
/// power cut is noticed by their digest.
class StagedFile {
 public:
  /// `mode` goes through the process umask.
  [[nodiscard]] static Result<StagedFile> create(const std::string& folder,
                                                 std::uint32_t mode = 0666);
  StagedFile(StagedFile&& other) noexcept;
  StagedFile& operator=(StagedFile&&) = delete;
  /// Removes what was not published; a second stop signal (stop.hpp) does, too.
  ~StagedFile();

  [[nodiscard]] Status append(ByteSpan bytes);
  /// As `name` in the folder. Once, after everything was appended.
  [[nodiscard]] Status publish(const std::string& name);

 private:
  StagedFile(std::string folder, Descriptor opened);
  std::string folder_;
  Descriptor opened_;  // the folder
  std::unique_ptr<TemporaryFile> temporary_;
};

}  // namespace vyre::platform

// Output files: the one way in which commands, reports and traces write them. Host only; one thread
// at a time an object. Failures are Errc::io with errno in `detail` and the path in the message; a
// stop signal (stop.hpp) gives a file up with Errc::cancelled. Spec: docs/cli.md, "Output files".
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.hpp"
#include "platform/descriptor.hpp"

namespace vyre::platform {

/// When what was written reaches the disk.
enum class Durability : std::uint8_t {
  each,      // with every file: fsync before its name appears, then its folder
  together,  // with OutputFiles::sync(), one call a file system however many files
  none,      // when the system sees fit: for files whose loss is noticed by their digest
};

/// A regular file is written beside its name and renamed when it is whole. It keeps the mode, the
/// owner and the access list of the file that it replaces. A symbolic link stays, and what it names
/// is written, whether that exists or not. Where the folder or the mount allows no rename, an
/// existing file is written in place. Devices, FIFOs and names of descriptors ("/dev/stdout") are
/// written directly.
class OutputFiles {
 public:
  explicit OutputFiles(Durability durability) : durability_(durability) {}

  [[nodiscard]] Status write(const std::string& path, ByteSpan bytes);
  /// Durability::together: everything written so far is on the disk.
  [[nodiscard]] Status sync();

 private:
  struct Target;
  [[nodiscard]] Status enter(const std::string& folder, const std::string& path);
  [[nodiscard]] Status write_directly(const std::string& path, int flags, ByteSpan bytes);
  [[nodiscard]] Status replace(const Target& target, ByteSpan bytes, bool& in_place);
  [[nodiscard]] Status settle(Descriptor file, const std::string& path);

  Durability durability_;
  std::string folder_;    // the last one, opened once for the many files in it
  Descriptor folder_fd_;  // O_PATH
  std::uint64_t folder_device_{0};
  std::map<std::uint64_t, std::pair<Descriptor, std::string>> unsynced_;  // one file a device
};

/// One file, Durability::each.
[[nodiscard]] Status write_file_atomically(const std::string& path, ByteSpan bytes);

/// The path behind the symbolic links at the end of `path`; what is there need not exist. ELOOP.
[[nodiscard]] Result<std::string> behind_links(const std::string& path);

}  // namespace vyre::platform

// Mappings of files that other processes may cut short. The kernel reports a page that is gone as
// SIGBUS; here it reads as zeros and marks the mapping instead, so that the reader gets an error
// and the process lives on. Only this and record_file.hpp map files for reading or writing. Host
// only. Rule: docs/internals/changing-bytes.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"

namespace vyre::platform {

/// Watches one mapping for the life of the object; at most kMaxMappedFiles of them that are read
/// and kMaxWrittenWindows that are written.
class MappingGuard {
 public:
  /// `begin` is what mmap gave. Pages that replace lost ones may be written if `writable`. `path`
  /// is for messages.
  [[nodiscard]] static Result<MappingGuard> watch(void* begin, std::size_t bytes, bool writable,
                                                  const std::string& path);
  MappingGuard() = default;
  MappingGuard(MappingGuard&& other) noexcept;
  MappingGuard& operator=(MappingGuard&& other) noexcept;
  ~MappingGuard();

  /// Whether a page was gone when it was touched. Everything from there on reads as zeros for as
  /// long as the mapping lives, even if the file grows again.
  [[nodiscard]] bool torn() const noexcept;
  /// Offset of that page in the mapping, if torn().
  [[nodiscard]] std::uint64_t torn_at() const noexcept;

 private:
  std::int32_t index_{-1};  // in the table that the signal handler reads
};

/// A read-only view of a regular file. Any thread may read the bytes. Another process may change
/// them in place at any time: read them once, or clamp what is made of them.
///
/// System calls must not be given these bytes: a lost page is an EFAULT there and not a signal.
class MappedFile {
 public:
  /// `bytes` of the file behind `descriptor`, which may be closed afterwards.
  [[nodiscard]] static Result<std::unique_ptr<MappedFile>> open(int descriptor, std::uint64_t bytes,
                                                                const std::string& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] ByteSpan bytes() const noexcept { return {data_, size_}; }
  /// Asked after reading: an error with path and offset if the file became shorter than the view or
  /// a page could not be read. What was read before is then not to be trusted.
  [[nodiscard]] Status check() const;
  [[nodiscard]] bool intact() const noexcept;

 private:
  MappedFile() = default;
  std::string path_;
  int descriptor_{-1};
  MappingGuard guard_;
  std::uint8_t* data_{nullptr};
  std::size_t size_{0};
};

}  // namespace vyre::platform

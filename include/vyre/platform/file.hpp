// The door to the file system: whole-file reads, atomic writes, read-only maps. Host only; every
// failure is Errc::io with errno in `detail` and the path in the message.
#pragma once

#include <cstdint>
#include <string>

#include "vyre/base/bytes.hpp"

namespace vyre::platform {

/// Whatever the path names, pipes too: it waits for their writer.
[[nodiscard]] Result<Bytes> read_file(const std::string& path,
                                      std::uint64_t max_bytes = ~std::uint64_t{0});
/// For paths inside a directory that somebody else wrote: what is no regular file is refused at
/// once.
[[nodiscard]] Result<Bytes> read_regular_file(const std::string& path,
                                              std::uint64_t max_bytes = ~std::uint64_t{0});
/// Temporary file in the same directory, write, fsync, rename, fsync of the directory.
[[nodiscard]] Status write_file_atomically(const std::string& path, ByteSpan bytes);
[[nodiscard]] Status append_file(const std::string& path, ByteSpan bytes);
[[nodiscard]] Status make_directories(const std::string& path);

/// A read-only private mapping of a regular file; empty files map to an empty span.
class MappedFile {
 public:
  [[nodiscard]] static Result<MappedFile> open(const std::string& path);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  [[nodiscard]] ByteSpan bytes() const noexcept { return {data_, size_}; }

 private:
  const std::uint8_t* data_{nullptr};
  std::size_t size_{0};
};

}  // namespace vyre::platform

// A read-only view of a file that may be truncated while items read it: a page that is gone reads
// as zeros and marks the view as broken, so that the item faults (io_error) and the process lives
// on. Host only, owned by the memory table. Any thread may read the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "vyre/base/bytes.hpp"

namespace vyre::cpu {

class GuardedFile {
 public:
  /// `bytes` of the regular file behind `descriptor`, which may be closed afterwards. `path` is for
  /// messages.
  [[nodiscard]] static Result<std::unique_ptr<GuardedFile>> open(int descriptor,
                                                                 std::uint64_t bytes,
                                                                 const std::string& path);
  GuardedFile(const GuardedFile&) = delete;
  GuardedFile& operator=(const GuardedFile&) = delete;
  ~GuardedFile();

  [[nodiscard]] ByteSpan bytes() const noexcept { return {data_, size_}; }
  /// False once the file became shorter than the view. Asked after reading: what was read before is
  /// then not to be trusted.
  [[nodiscard]] bool intact() const noexcept;

 private:
  GuardedFile() = default;
  int descriptor_{-1};
  std::int32_t guard_{-1};  // slot in the table that the signal handler reads
  const std::uint8_t* data_{nullptr};
  std::size_t size_{0};
};

}  // namespace vyre::cpu

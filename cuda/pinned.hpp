// One mapping of host memory that the device reads and writes at the host's addresses: anonymous,
// in huge pages where the system has them, registered once. Host only. Spec: docs/megakernel.md,
// "Memory".
#pragma once

#include <cstdint>

#include "vyre/base/bytes.hpp"

namespace vyre::cuda {

class Pinned {
 public:
  /// Zeroed. Registering takes long (docs/megakernel.md): once a region, never a buffer.
  [[nodiscard]] static Result<Pinned> create(std::uint64_t bytes);
  Pinned(Pinned&& other) noexcept;
  Pinned& operator=(Pinned&&) = delete;
  ~Pinned();  // may wait for every kernel of the device

  [[nodiscard]] MutableByteSpan bytes() const noexcept { return {data_, size_}; }

 private:
  Pinned(std::uint8_t* map, std::uint64_t mapped, std::uint8_t* data, std::uint64_t size)
      : map_(map), mapped_(mapped), data_(data), size_(size) {}

  std::uint8_t* map_;  // what mmap gave; `data_` is the first huge page in it
  std::uint64_t mapped_;
  std::uint8_t* data_;
  std::uint64_t size_;
  bool registered_{false};
};

}  // namespace vyre::cuda

// Host memory for rings, slots and uploads: one anonymous mapping in huge pages where the system
// has them, kept out of forked children. Registering it with a device or a ring is others' work.
// Host only. Spec: docs/internals/ingest.md, "Ingest memory".
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace vyre::staging {

class Mapping {
 public:
  /// Zeroed, not populated, aligned to 2 MiB; the huge page of the last byte is its own. `what`
  /// names it in errors.
  [[nodiscard]] static Result<Mapping> create(std::uint64_t bytes, const std::string& what);
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  [[nodiscard]] MutableByteSpan bytes() const noexcept { return {data_, size_}; }
  /// Pages [offset, offset + bytes) are there from now on; Errc::out_of_memory if the system has
  /// none (MADV_POPULATE_WRITE, or touching where the kernel is older than 5.14).
  [[nodiscard]] Status populate(std::uint64_t offset, std::uint64_t bytes);
  /// Pages not there yet come from this NUMA node, if the system lets us; before populate().
  void prefer_node(int node) noexcept;
  /// Never unmapped any more: something may still write it.
  void leak() noexcept { map_ = nullptr; }

 private:
  std::uint8_t* map_{nullptr};  // what mmap gave; data_ is the first huge page in it
  std::uint64_t mapped_{0};
  std::uint8_t* data_{nullptr};
  std::uint64_t size_{0};
};

}  // namespace vyre::staging

// One mapping of host memory that the device reads and writes at the host's addresses: anonymous,
// in huge pages where the system has them, on the device's NUMA node, registered once. Host only.
// Spec: docs/internals/resident-host.md, "Memory"; the order of the steps:
// docs/internals/ingest.md, "Ingest memory".
#pragma once

#include <cstdint>
#include <utility>

#include "base/bytes.hpp"
#include "staging/mapping.hpp"

namespace vyre::cuda {

class Pinned {
 public:
  /// Zeroed, near `device`, which is the current one. Registering takes long
  /// (docs/internals/megakernel.md): once a region, never a buffer.
  [[nodiscard]] static Result<Pinned> create(std::uint64_t bytes, int device);
  Pinned(Pinned&& other) noexcept;
  Pinned& operator=(Pinned&&) = delete;
  ~Pinned();  // may wait for every kernel of the device

  /// What was asked for, rounded up to whole huge pages.
  [[nodiscard]] MutableByteSpan bytes() const noexcept { return mapping_.bytes(); }

 private:
  explicit Pinned(staging::Mapping mapping) : mapping_(std::move(mapping)) {}

  staging::Mapping mapping_;
  bool registered_{false};
};

}  // namespace vyre::cuda

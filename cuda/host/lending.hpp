// Memory of callers that the device may use: locked by the door while it is lent. It is unlocked
// only between two launches, because the driver may wait for every kernel of the device meanwhile.
// Host only, no CUDA; any thread. Spec: docs/internals/resident-host.md, "Memory".
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "cuda/host/door.hpp"

namespace vyre::cuda {

class Lending {
 public:
  explicit Lending(Door& door) : door_(door) {}
  Lending(const Lending&) = delete;
  Lending& operator=(const Lending&) = delete;
  /// No kernel of the door is resident.
  ~Lending();

  /// The address by which the device knows the memory. `host` has at least one byte.
  [[nodiscard]] Result<std::uint64_t> lend(std::uint32_t handle, MutableByteSpan host,
                                           bool writable);
  [[nodiscard]] std::optional<MutableByteSpan> find(std::uint32_t handle) const noexcept;
  /// Nothing names the handle any more, so its memory may be unlocked. Of a handle that is not lent
  /// or has ended: no effect.
  void end(std::uint32_t handle) noexcept;
  /// It has ended, and its memory is still locked.
  [[nodiscard]] bool is_ending(std::uint32_t handle) const noexcept;

  // For the thread that keeps the kernel resident.
  /// Memory waits to be unlocked.
  [[nodiscard]] bool wants_gap() const noexcept;
  /// No kernel of the door is resident until the return.
  void unlock_ended() noexcept;

 private:
  struct Ended {
    std::uint32_t handle;
    MutableByteSpan host;
  };

  Door& door_;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, MutableByteSpan> lent_;  // by handle
  std::vector<Ended> ended_;                       // has room for all that is lent
};

}  // namespace vyre::cuda

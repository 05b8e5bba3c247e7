// What the backends of one process share because the device does not tell them apart: how many
// blocks are spoken for, and memory that must not be given back while a kernel is resident, since
// freeing waits for every kernel of the device. Memory of a closed backend waits here for the next
// one; all of it is freed with the last backend, before another one can launch. Host only; any
// thread. Spec: docs/internals/resident-host.md, "Two sessions".
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/error.hpp"
#include "cuda/host/one_at_a_time.hpp"
#include "pinned.hpp"

namespace vyre::cuda {

class DeviceShare {
 public:
  ~DeviceShare();
  DeviceShare() = default;
  DeviceShare(const DeviceShare&) = delete;
  DeviceShare& operator=(const DeviceShare&) = delete;

  /// At most `wanted` (0: all) of the `fit` blocks that are not spoken for; refuses below `least`.
  [[nodiscard]] Result<std::uint32_t> take_blocks(std::uint32_t wanted, std::uint32_t least,
                                                  std::uint32_t fit);
  void give_blocks(std::uint32_t blocks);

  /// Contents undefined.
  [[nodiscard]] Result<std::uint8_t*> take_memory(std::uint64_t bytes);
  void give_memory(std::uint8_t* memory);
  /// The largest piece that waits for a next owner.
  [[nodiscard]] std::uint64_t largest_waiting() const;
  /// Zeroed.
  [[nodiscard]] Result<MutableByteSpan> take_pinned(std::uint64_t bytes);
  void give_pinned(MutableByteSpan pinned);
  /// Neither lent again nor unmapped, ever.
  void leak_pinned(MutableByteSpan pinned) noexcept;
  /// As Door::lock_memory() and unlock_memory(). `own`: the blocks of the door that asks. Where
  /// another door has blocks, its kernel may be resident, and unlocking would wait for it: then the
  /// pages stay locked until the last door is gone.
  [[nodiscard]] Result<std::uint64_t> lock_memory(MutableByteSpan host, bool writable);
  void unlock_memory(std::uint8_t* host, std::uint32_t own) noexcept;
  [[nodiscard]] Result<cudaStream_t> take_stream();
  void give_stream(cudaStream_t stream);

 private:
  struct Piece {
    std::uint8_t* memory;
    std::uint64_t bytes;
    bool taken;
  };
  struct PinnedPiece {
    Pinned region;
    bool taken;
  };

  mutable std::mutex mutex_;
  std::uint32_t blocks_{0};
  std::vector<Piece> pieces_;
  std::vector<PinnedPiece> pinned_;
  std::vector<cudaStream_t> streams_;  // that wait
  std::vector<std::uint8_t*> locked_;  // begins of what is out of use, and not unlocked yet
  std::size_t lent_{0};                // how much is in use, for which `locked_` has room
};

/// The share that this process's backends hold now, or a new one once all of the last one is freed:
/// freeing beside a kernel of the next backend would wait for that kernel. The device is the
/// process's, so this is too.
[[nodiscard]] OneAtATime<DeviceShare>::Hold join_device_share();

}  // namespace vyre::cuda

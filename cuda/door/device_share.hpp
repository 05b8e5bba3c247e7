// What the backends of one process share because a device does not tell them apart: how many of its
// blocks are spoken for, and memory that must not be given back while a kernel is resident, since
// freeing waits for every kernel of the device. Memory of a closed backend waits here for the next
// one; all of it is freed with the last backend of the process, before another one can launch. Host
// only; any thread. Spec: docs/internals/resident-host.md, "Two sessions".
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/error.hpp"
#include "cuda/host/one_at_a_time.hpp"
#include "device_context.hpp"
#include "pinned.hpp"

namespace vyre::cuda {

/// Blocks of this process's backends on all devices. A backend takes its blocks under the lock, so
/// none can launch while it is held.
struct BlocksInUse {
  std::mutex mutex;
  std::uint32_t blocks{0};
};

/// Of one device. Calls go to that device, whatever the thread's own is.
class DeviceShare {
 public:
  ~DeviceShare();
  DeviceShare(DeviceContext device, BlocksInUse& in_use) : device_(device), in_use_(in_use) {}
  DeviceShare(const DeviceShare&) = delete;
  DeviceShare& operator=(const DeviceShare&) = delete;

  [[nodiscard]] int ordinal() const noexcept { return device_.ordinal(); }

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
  /// another door has blocks, its kernel may be resident, and unlocking would wait for it, because
  /// locked memory is every device's: then the pages stay locked until the last door is gone.
  [[nodiscard]] Result<std::uint64_t> lock_memory(MutableByteSpan host, bool writable);
  void unlock_memory(std::uint8_t* host, std::uint32_t own) noexcept;
  /// Runs `work` while no other door has blocks, and none takes any meanwhile; false: another one
  /// has, and `work` did not run. `own`: the blocks of the door that asks.
  template <class Work>
  [[nodiscard]] bool alone(std::uint32_t own, const Work& work) {
    const std::lock_guard lock(in_use_.mutex);
    if (in_use_.blocks != own) return false;
    work();
    return true;
  }
  [[nodiscard]] Result<cudaStream_t> take_stream();
  void give_stream(cudaStream_t stream);
  /// An event without a time, for the end of a copy.
  [[nodiscard]] Result<cudaEvent_t> take_mark();
  void give_mark(cudaEvent_t mark);

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

  DeviceContext device_;
  BlocksInUse& in_use_;
  std::uint32_t blocks_{0};
  std::vector<Piece> pieces_;
  std::vector<PinnedPiece> pinned_;
  std::vector<cudaStream_t> streams_;  // that wait
  std::vector<cudaEvent_t> marks_;     // that wait
  std::vector<std::uint8_t*> locked_;  // begins of what is out of use, and not unlocked yet
  std::size_t lent_{0};                // how much is in use, for which `locked_` has room
};

/// The shares of the devices in use.
class DeviceShares {
 public:
  /// Lives as long as these.
  [[nodiscard]] DeviceShare& of(DeviceContext device);

 private:
  BlocksInUse in_use_;
  std::vector<std::unique_ptr<DeviceShare>> shares_;
};

/// The shares that this process's backends hold now, or new ones once all of the last ones are
/// freed: freeing beside a kernel of the next backend would wait for that kernel. Devices are the
/// process's, so these are too.
[[nodiscard]] OneAtATime<DeviceShares>::Hold join_device_shares();

}  // namespace vyre::cuda

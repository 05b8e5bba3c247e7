// The backend's only door to a device: everything that it wants of a driver, so that all else in
// this folder is plain C++ and is tested over a door whose kernel is a host thread. Host only, no
// CUDA types; the real door is cuda/door/driver_door.cu. Calls come from the thread that opens and
// stops the backend unless said otherwise. Spec: docs/internals/resident-host.md, "Life".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "cuda/megakernel/layout.hpp"

namespace vyre::cuda {

struct DoorFacts {
  std::string device;                  // "NVIDIA H100 80GB HBM3 (sm_90, driver 13.0)"
  std::uint32_t blocks{0};             // of the kernel that this backend may keep resident
  std::uint32_t shared_bytes{0};       // dynamic shared memory of a block
  std::uint32_t warp_shared_bytes{0};  // a warp's slice of it
  std::uint64_t free_bytes{0};         // device memory, now
  std::uint64_t waiting_bytes{0};      // the largest piece kept from a closed backend
  // What code that the kernel calls has to fit.
  std::uint32_t architecture{0};      // 90: sm_90; 0: the door loads no code
  std::string why_no_code;            // then
  std::uint32_t kernel_registers{0};  // of a thread
  std::string driver;                 // its version
};

/// Copies that may be under way at once, and how many of these use no staging memory.
inline constexpr std::uint32_t kCopyMarks{24};
inline constexpr std::uint32_t kPlainMarks{8};
enum class CopyWay : std::uint8_t { to_device, to_host };

enum class KernelState : std::uint8_t { running, ended };

class Door {
 public:
  /// Gives everything back. Never while a kernel or a copy of this door may still run: then leak
  /// the door.
  virtual ~Door() = default;

  /// Once, first. Keeps at most `max_blocks` (0: all that fit) of the device for this backend,
  /// beside the other backends of this process; refuses by name where fewer than `least` are left.
  [[nodiscard]] virtual Result<DoorFacts> open(std::uint32_t max_blocks, std::uint32_t least) = 0;

  /// Device memory, 256-byte aligned, contents undefined. Kept until the door is gone.
  [[nodiscard]] virtual Result<std::uint8_t*> device_memory(std::uint64_t bytes) = 0;
  /// Zeroed host memory, page aligned, that the device reads and writes at the same address. Kept
  /// until the door is gone.
  [[nodiscard]] virtual Result<MutableByteSpan> pinned_memory(std::uint64_t bytes) = 0;
  /// The device may write pinned memory for ever: it is never given back, nor lent to the next.
  virtual void leak_pinned_memory() noexcept = 0;
  /// Locks memory of the caller so that the device reads it, and writes it if `writable`; returns
  /// the address by which the device knows it. Its bytes stay. An error leaves nothing behind. Any
  /// thread, one at a time.
  [[nodiscard]] virtual Result<std::uint64_t> lock_memory(MutableByteSpan host, bool writable) = 0;
  /// The device can reach it no more; the system may keep its pages for the process's other
  /// kernels. Only while no kernel of this door is resident. Any thread, one at a time.
  virtual void unlock_memory(MutableByteSpan host) noexcept = 0;
  /// From pinned memory, in order with launches. Before the first launch only.
  [[nodiscard]] virtual Status fill_device(std::uint8_t* to, const std::uint8_t* pinned_from,
                                           std::uint64_t bytes) = 0;
  /// The kernel has ended and will not be launched again: its blocks are free for others.
  virtual void retire() noexcept {}

  // From any thread, one at a time.
  /// Queues a launch behind the ones before it.
  [[nodiscard]] virtual Status launch(const megakernel::KernelArguments& arguments,
                                      std::uint32_t blocks) = 0;
  /// Whether a queued launch has not ended. An error is sticky: the device is lost.
  [[nodiscard]] virtual Result<KernelState> state() = 0;
  /// Reads device memory beside a running kernel, for diagnosis; gives up at the deadline.
  [[nodiscard]] virtual Status peek(void* to, const std::uint8_t* from, std::uint64_t bytes,
                                    Deadline deadline) = 0;

  // From any thread, several at once.
  /// Has a copy engine copy, beside a running kernel; copies of one way go one after the other.
  /// `host` is pinned by this door or locked. `mark`, below kCopyMarks, is no other copy's until
  /// this one has ended.
  [[nodiscard]] virtual Status begin_copy(CopyWay way, std::uint64_t device, std::uint8_t* host,
                                          std::uint64_t bytes, std::uint32_t mark) = 0;
  /// Whether the copy with this mark has ended: then what it wrote can be read. An error is sticky.
  [[nodiscard]] virtual Result<bool> copy_ended(std::uint32_t mark) = 0;
  /// Loads a module that cuda/link made, which stays loaded as long as the door, and returns the
  /// addresses of its `functions`. Only while no kernel of this door is resident. Refuses while
  /// another backend of the process has blocks, because loading would wait for its kernel.
  [[nodiscard]] virtual Result<std::vector<std::uint64_t>> load_code(ByteSpan cubin,
                                                                     std::uint32_t functions);
  /// Writes a word of device memory. Only while no kernel of this door is resident.
  [[nodiscard]] virtual Status put_word(std::uint8_t* to, std::uint64_t word);

  /// What interpreter::scratch_needed says of an image.
  [[nodiscard]] virtual std::uint64_t scratch_needed(const core::ImageView& image,
                                                     std::uint64_t workgroup_bytes, bool uses_async,
                                                     std::uint32_t warp_shared_bytes) const = 0;
};

}  // namespace vyre::cuda

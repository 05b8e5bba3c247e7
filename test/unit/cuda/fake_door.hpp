// A door whose device is host memory and whose kernel is a host thread that keeps the kernel's side
// of the contract (cuda/megakernel/layout.hpp): takes items in order, runs the host's commands,
// ends everything else as done, parks, leaves, stops, and freezes on request. So the backend's host
// half is tested whole without a device.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cuda/host/door.hpp"
#include "cuda/host/one_at_a_time.hpp"

namespace vyre::cuda {

/// What an item would find under a handle.
struct FakeEntry {
  megakernel::EntryKind kind{megakernel::EntryKind::none};
  const std::uint8_t* data{nullptr};
  std::uint64_t bytes{0};
};

class FakeDoor;

/// What the driver of a device is to all doors of a process: memory is freed with the last door,
/// and freeing waits for every kernel that runs then.
struct FakeDriver {
  struct Memory {
    explicit Memory(FakeDriver& of) : driver(of) {}
    ~Memory();
    FakeDriver& driver;
  };
  std::atomic<int> kernels{0};               // that are resident
  std::atomic<bool> freeing{false};          // has begun
  std::atomic<std::uint64_t> frees{0};       // that have ended
  std::atomic<std::uint64_t> frees_hung{0};  // that met a kernel, and would have waited for it
  std::chrono::microseconds free_takes{0};
  OneAtATime<Memory> memory;
};

/// What a test turns; shared with the door, which the backend owns.
struct FakeDevice {
  std::uint32_t blocks{4};
  std::uint64_t free_bytes{std::uint64_t{1} << 30};
  std::uint64_t scratch_needed{0};
  std::atomic<bool> sticky{false};     // state() fails from now on
  std::atomic<bool> forgetful{false};  // takes the next item and ends the launch
  std::atomic<bool> refuse_launch{false};
  std::atomic<std::uint64_t> launches{0};
  std::atomic<bool> open{false};     // a door is
  FakeDoor* door{nullptr};           // that is open
  std::atomic<bool> leaked{false};   // its pinned memory is never freed
  std::atomic<bool> stays{false};    // whatever park_after is
  std::atomic<bool> lingers{false};  // does not leave, whatever it is told
  /// Every other time the kernel tells that it parks and then does not.
  std::atomic<bool> wavers{false};
  std::array<std::atomic<std::uint64_t>, 4> taken{};  // items of each of the first queues
  std::atomic<std::uint64_t> looks{0};                // at the kernel's state
  std::atomic<std::uint64_t> mark_looks{0};           // items that looked for a mark
  /// Memory of callers that is locked now: address and whether the device may write it.
  std::map<const std::uint8_t*, bool> locked;
  std::mutex locked_mutex;  // the next one
  std::map<const std::uint8_t*, std::uint64_t> locked_bytes;
  std::atomic<bool> refuse_lock{false};
  std::atomic<std::uint64_t> unlocks{0};
  std::atomic<std::uint64_t> unlocks_beside_a_kernel{0};  // which would have waited for it
  std::function<void(std::uint32_t)> before_member;       // of a region; by the kernel
  std::atomic<std::uint64_t> images_run{0};               // of regions
  std::atomic<std::uint64_t> images_void{0};              // and that did not fit
  std::atomic<bool> refuse_copy{false};                   // begin_copy() fails
  std::atomic<bool> copies_end{true};    // false: a copy that has begun does not end
  std::atomic<std::uint64_t> copies{0};  // that have begun
  std::atomic<std::uint64_t> copied_bytes{0};
  /// Where the host's half of the last copy lay.
  std::atomic<const std::uint8_t*> copied_host{nullptr};
  std::uint32_t architecture{0};                          // 0: it loads no code
  std::atomic<bool> refuse_load{false};
  std::atomic<std::uint64_t> loads{0};                  // of modules
  std::atomic<std::uint64_t> words{0};                  // that were put
  std::atomic<std::uint64_t> loads_beside_a_kernel{0};  // which would have waited for it
  std::function<void(KernelState)> after_look;  // by the thread that looked, before it is told
  std::shared_ptr<FakeDriver> driver{std::make_shared<FakeDriver>()};
  /// The kernel found a promise of its own broken: a Broken, told in its next round.
  std::atomic<std::uint32_t> breaks{0};
  std::atomic<std::uint64_t> samples{0};  // KernelReport has them from the next round on
  std::atomic<std::uint64_t> busy_warps{0};
  /// All workers have long items: from the return on the kernel takes no command of the host.
  void set_busy(bool busy);
  /// As the kernel's find_entry; after the first launch.
  [[nodiscard]] FakeEntry seen(std::uint32_t handle) const;
};

class FakeDoor final : public Door {
 public:
  explicit FakeDoor(std::shared_ptr<FakeDevice> device);
  ~FakeDoor() override;

  [[nodiscard]] Result<DoorFacts> open(std::uint32_t max_blocks, std::uint32_t least) override;
  [[nodiscard]] Result<std::uint8_t*> device_memory(std::uint64_t bytes) override;
  [[nodiscard]] Result<MutableByteSpan> pinned_memory(std::uint64_t bytes) override;
  void leak_pinned_memory() noexcept override;
  [[nodiscard]] Result<std::uint64_t> lock_memory(MutableByteSpan host, bool writable) override;
  void unlock_memory(MutableByteSpan host) noexcept override;
  [[nodiscard]] Status fill_device(std::uint8_t* to, const std::uint8_t* pinned_from,
                                   std::uint64_t bytes) override;
  [[nodiscard]] Status launch(const megakernel::KernelArguments& arguments,
                              std::uint32_t blocks) override;
  [[nodiscard]] Result<KernelState> state() override;
  [[nodiscard]] Status peek(void* to, const std::uint8_t* from, std::uint64_t bytes,
                            Deadline deadline) override;
  [[nodiscard]] Status begin_copy(CopyWay way, std::uint64_t device, std::uint8_t* host,
                                  std::uint64_t bytes, std::uint32_t mark) override;
  [[nodiscard]] Result<bool> copy_ended(std::uint32_t mark) override;
  [[nodiscard]] Result<std::vector<std::uint64_t>> load_code(ByteSpan cubin,
                                                             std::uint32_t functions) override;
  [[nodiscard]] Status put_word(std::uint8_t* to, std::uint64_t word) override;
  [[nodiscard]] std::uint64_t scratch_needed(const core::ImageView& image,
                                             std::uint64_t workgroup_bytes, bool uses_async,
                                             std::uint32_t warp_shared_bytes) const override;

  [[nodiscard]] FakeEntry find_entry(std::uint32_t handle);
  void set_busy(bool busy);

 private:
  struct Mapping {
    std::uint8_t* data;
    std::uint64_t bytes;
    bool pinned;
  };
  /// Done at the second look at its end, so that what looks too early finds nothing.
  struct Copy {
    std::uint8_t* to{nullptr};
    const std::uint8_t* from{nullptr};
    std::uint64_t bytes{0};
    std::uint32_t looks{0};
    bool under_way{false};
  };
  [[nodiscard]] bool has(const std::uint8_t* at, std::uint64_t bytes, bool pinned) const;
  [[nodiscard]] Result<std::uint8_t*> map(std::uint64_t bytes, bool pinned);
  void stream();  // runs launches one after the other
  void run_kernel(const megakernel::KernelArguments& a);
  /// Items taken from all queues in one round.
  [[nodiscard]] std::uint64_t round(const megakernel::KernelArguments& a);
  [[nodiscard]] static FaultCode run_op(const megakernel::KernelArguments& a,
                                        const MegakernelWorkItem& item);
  /// As the kernel looks before it runs the image.
  [[nodiscard]] static bool fits_image(const megakernel::KernelArguments& a,
                                       const megakernel::RegionBlock& block);
  [[nodiscard]] CompletionStatus run_region(const megakernel::KernelArguments& a,
                                            std::uint64_t position, std::uint32_t number);
  void run_item(const megakernel::KernelArguments& a, std::uint32_t queue, std::uint64_t position,
                const queue::TakenItem& taken);

  std::shared_ptr<FakeDevice> device_;
  OneAtATime<FakeDriver::Memory>::Hold share_;
  std::vector<Mapping> mappings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<megakernel::KernelArguments> launches_;
  megakernel::KernelArguments arguments_{};  // of the last launch
  bool running_{false};
  bool exit_{false};
  std::uint64_t beats_{0};
  std::uint64_t parkings_{0};
  std::mutex memory_;  // device memory: the kernel's rounds and peek(); busy_
  bool busy_{false};
  std::mutex copying_;  // the copies
  std::array<Copy, kCopyMarks> copies_{};
  std::thread thread_;
};

}  // namespace vyre::cuda

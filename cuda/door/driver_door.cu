// The real door to the device: every CUDA runtime call of the backend is here or in the files it
// uses (device_share, pinned). Streams are non-blocking, and nothing here waits for a kernel
// without a bound. Compiled by nvcc because the interpreter says how much scratch an image needs.
// See host/door.hpp. Spec: docs/internals/resident-host.md, "Life".
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/message.hpp"
#include "cuda/host/backend.hpp"
#include "cuda/host/door.hpp"
#include "cuda/interpreter/interpret.cuh"
#include "cuda/megakernel/calling_launch.hpp"
#include "cuda/megakernel/launch.hpp"
#include "device_context.hpp"
#include "device_error.hpp"
#include "device_share.hpp"
#include "loaded_code.hpp"

namespace vyre::cuda {
namespace {

/// Pinned bytes that peek() reads through; larger reads come in parts.
constexpr std::uint64_t kBounceBytes{std::uint64_t{64} << 10};
constexpr std::chrono::microseconds kPeekLook{5};

std::string version_text(int version) {
  return message("{}.{}", version / 1000, version % 1000 / 10);
}

/// Each call goes to the door's device and leaves the calling thread's own as it was.
class DriverDoor final : public Door {
 public:
  /// `calls`: the kernel is to call compiled programs, if there is such a kernel.
  DriverDoor(int ordinal, bool calls) : ordinal_(ordinal), calls_(calls) {}
  DriverDoor(const DriverDoor&) = delete;
  DriverDoor& operator=(const DriverDoor&) = delete;
  ~DriverDoor() override {
    if (share_ == nullptr) return;
    for (cudaStream_t stream : copies_) {
      if (stream != nullptr) share_->give_stream(stream);
    }
    for (cudaEvent_t mark : marks_) {
      if (mark != nullptr) share_->give_mark(mark);
    }
    code_.unload(*share_, blocks_);
    for (std::uint8_t* memory : memory_) share_->give_memory(memory);
    for (const MutableByteSpan pinned : pinned_) share_->give_pinned(pinned);
    if (launches_ != nullptr) share_->give_stream(launches_);
    // A stream with a read that never ended is not given back.
    if (looks_ != nullptr && !look_stuck_) share_->give_stream(looks_);
    share_->give_blocks(blocks_);
  }

  [[nodiscard]] Result<DoorFacts> open(std::uint32_t max_blocks, std::uint32_t least) override {
    // Lazy loading would block the first launch beside a resident kernel; it must be off before the
    // first call.
    ::setenv("CUDA_MODULE_LOADING", "EAGER", 1);
    VYRE_ASSIGN(device_, DeviceContext::of(ordinal_));
    const DeviceContext::Scope here(*device_);
    cudaDeviceProp properties{};
    VYRE_CUDA_TRY(cudaGetDeviceProperties(&properties, ordinal_),
                  message("asking device {} what it is", ordinal_));
    int driver = 0;
    VYRE_CUDA_TRY(cudaDriverGetVersion(&driver), "asking for the driver's version");
    if (!properties.cooperativeLaunch) {
      return fail(Errc::unsupported,
                  message("{} does not support cooperative launch", properties.name));
    }
    shares_ = join_device_shares();
    share_ = &shares_->of(*device_);
    DoorFacts facts;
    facts.device = message("{} (sm_{}{}, driver {})", properties.name, properties.major,
                           properties.minor, version_text(driver));
    std::uint32_t fit = 0;
    VYRE_CUDA_TRY(megakernel::query_grid(fit, facts.shared_bytes, facts.warp_shared_bytes),
                  "asking how many blocks of the kernel fit");
    if (calls_) {
      facts.driver = version_text(driver);
      VYRE_TRY(choose_calling_kernel(properties, facts, fit));
    }
    VYRE_ASSIGN(blocks_, share_->take_blocks(max_blocks, least, fit));
    facts.blocks = blocks_;
    VYRE_ASSIGN(launches_, share_->take_stream());
    VYRE_ASSIGN(looks_, share_->take_stream());
    for (cudaStream_t& stream : copies_) {
      VYRE_ASSIGN(stream, share_->take_stream());
    }
    for (cudaEvent_t& mark : marks_) {
      VYRE_ASSIGN(mark, share_->take_mark());
    }
    std::size_t free = 0;
    std::size_t total = 0;
    VYRE_CUDA_TRY(cudaMemGetInfo(&free, &total), "asking for free device memory");
    facts.free_bytes = free;
    facts.waiting_bytes = share_->largest_waiting();
    return facts;
  }

  [[nodiscard]] Result<std::uint8_t*> device_memory(std::uint64_t bytes) override {
    VYRE_ASSIGN(std::uint8_t* const memory, share_->take_memory(bytes));
    memory_.push_back(memory);
    return memory;
  }

  [[nodiscard]] Result<MutableByteSpan> pinned_memory(std::uint64_t bytes) override {
    const std::uint64_t behind = (bytes + 4095) / 4096 * 4096;
    VYRE_ASSIGN(const MutableByteSpan pinned, share_->take_pinned(behind + kBounceBytes));
    pinned_.push_back(pinned);
    bounce_ = pinned.subspan(behind, kBounceBytes);
    return pinned.first(bytes);
  }

  [[nodiscard]] Result<std::uint64_t> lock_memory(MutableByteSpan host, bool writable) override {
    return share_->lock_memory(host, writable);
  }
  void unlock_memory(MutableByteSpan host) noexcept override {
    share_->unlock_memory(host.data(), blocks_);
  }

  void leak_pinned_memory() noexcept override {
    for (const MutableByteSpan pinned : pinned_) share_->leak_pinned(pinned);
    pinned_.clear();
  }

  [[nodiscard]] Status fill_device(std::uint8_t* to, const std::uint8_t* pinned_from,
                                   std::uint64_t bytes) override {
    const DeviceContext::Scope here(*device_);
    // From pinned memory, so that a copy engine does it: a memset would need a free block.
    VYRE_CUDA_TRY(cudaMemcpyAsync(to, pinned_from, bytes, cudaMemcpyHostToDevice, launches_),
                  "filling the kernel's structures");
    VYRE_CUDA_TRY(cudaStreamSynchronize(launches_), "filling the kernel's structures");
    return {};
  }

  [[nodiscard]] Status launch(const megakernel::KernelArguments& arguments,
                              std::uint32_t blocks) override {
    const DeviceContext::Scope here(*device_);
    VYRE_CUDA_TRY(
        calls_ ? megakernel::launch_calling(arguments, blocks, launches_)
               : megakernel::launch(arguments, blocks, launches_),
        message("launching the resident kernel (launch {}, {} blocks)", arguments.epoch, blocks));
    return {};
  }

  void retire() noexcept override {
    share_->give_blocks(blocks_);
    blocks_ = 0;
  }

  [[nodiscard]] Result<KernelState> state() override {
    const DeviceContext::Scope here(*device_);
    const cudaError_t error = cudaStreamQuery(launches_);
    if (error == cudaSuccess) return KernelState::ended;
    if (error == cudaErrorNotReady) return KernelState::running;
    return tl::unexpected<Error>(device_error(error, "the resident kernel was running"));
  }

  [[nodiscard]] Status peek(void* to, const std::uint8_t* from, std::uint64_t bytes,
                            Deadline deadline) override {
    const DeviceContext::Scope here(*device_);
    const std::lock_guard lock(looking_);
    auto* out = static_cast<std::uint8_t*>(to);
    VYRE_TRY(await_look(deadline));  // of a caller that gave up
    for (std::uint64_t at = 0; at < bytes;) {
      const std::uint64_t part = std::min<std::uint64_t>(bounce_.size(), bytes - at);
      VYRE_CUDA_TRY(
          cudaMemcpyAsync(bounce_.data(), from + at, part, cudaMemcpyDeviceToHost, looks_),
          "reading device memory beside the kernel");
      VYRE_TRY(await_look(deadline));
      std::memcpy(out + at, bounce_.data(), part);
      at += part;
    }
    return {};
  }

  [[nodiscard]] Status begin_copy(CopyWay way, std::uint64_t device, std::uint8_t* host,
                                  std::uint64_t bytes, std::uint32_t mark) override {
    const DeviceContext::Scope here(*device_);
    auto* const memory = reinterpret_cast<void*>(static_cast<std::uintptr_t>(device));
    const bool up = way == CopyWay::to_device;
    const cudaStream_t stream = copies_[up ? 0 : 1];
    VYRE_CUDA_TRY(cudaMemcpyAsync(up ? memory : host, up ? host : memory, bytes,
                                  up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost, stream),
                  "beginning a copy");
    VYRE_CUDA_TRY(cudaEventRecord(marks_[mark], stream), "marking the end of a copy");
    return {};
  }

  [[nodiscard]] Result<bool> copy_ended(std::uint32_t mark) override {
    const DeviceContext::Scope here(*device_);
    const cudaError_t error = cudaEventQuery(marks_[mark]);
    if (error == cudaSuccess) return true;
    if (error == cudaErrorNotReady) return false;
    return tl::unexpected<Error>(device_error(error, "waiting for a copy"));
  }

  [[nodiscard]] Result<std::vector<std::uint64_t>> load_code(ByteSpan cubin,
                                                             std::uint32_t functions) override {
    const DeviceContext::Scope here(*device_);
    return code_.load(*share_, blocks_, cubin, functions);
  }

  [[nodiscard]] Status put_word(std::uint8_t* to, std::uint64_t word) override {
    const DeviceContext::Scope here(*device_);
    const std::lock_guard lock(looking_);
    std::memcpy(bounce_.data(), &word, sizeof(word));
    VYRE_CUDA_TRY(
        cudaMemcpyAsync(to, bounce_.data(), sizeof(word), cudaMemcpyHostToDevice, launches_),
        "giving a program its compiled form");
    VYRE_CUDA_TRY(cudaStreamSynchronize(launches_), "giving a program its compiled form");
    return {};
  }

  [[nodiscard]] std::uint64_t scratch_needed(const core::ImageView& image,
                                             std::uint64_t workgroup_bytes, bool uses_async,
                                             std::uint32_t warp_shared_bytes) const override {
    return interpreter::scratch_needed(image, workgroup_bytes, uses_async, warp_shared_bytes);
  }

 private:
  [[nodiscard]] Status await_look(Deadline deadline) {
    for (;;) {
      const cudaError_t error = cudaStreamQuery(looks_);
      look_stuck_ = error == cudaErrorNotReady;
      if (error == cudaSuccess) return {};
      if (error != cudaErrorNotReady) {
        return tl::unexpected<Error>(
            device_error(error, "reading device memory beside the kernel"));
      }
      if (Clock::now() >= deadline)
        return fail(Errc::deadline_exceeded, "the device did not answer a read in time");
      std::this_thread::sleep_for(kPeekLook);
    }
  }

  /// The kernel that calls programs, or why it cannot be that one.
  [[nodiscard]] Status choose_calling_kernel(const cudaDeviceProp& properties, DoorFacts& facts,
                                             std::uint32_t& fit) {
    calls_ = false;
    if (!megakernel::has_calling_kernel()) {
      facts.why_no_code = "the library was built without the kernel that calls them (VYRE_JIT=OFF)";
      return {};
    }
    std::uint32_t blocks = 0;
    std::uint32_t registers = 0;
    cudaError_t error = cudaSuccess;
    // Threads get another stack, and code is loaded: both would wait for a resident kernel.
    if (!share_->alone(blocks_, [&] {
          error = megakernel::query_calling_grid(facts.shared_bytes, blocks, registers);
        })) {
      facts.why_no_code = "another session of this process has blocks of a device";
      return {};
    }
    VYRE_CUDA_TRY(error, "loading the kernel that calls compiled programs");
    if (blocks == 0) {
      facts.why_no_code = "the kernel that calls them does not fit the device";
      return {};
    }
    calls_ = true;
    fit = std::min(fit, blocks);
    facts.architecture = static_cast<std::uint32_t>(properties.major * 10 + properties.minor);
    facts.kernel_registers = registers;
    return {};
  }

  const int ordinal_;
  bool calls_;
  std::optional<DeviceContext> device_;  // from open() on
  OneAtATime<DeviceShares>::Hold shares_;
  DeviceShare* share_{nullptr};  // of these
  std::uint32_t blocks_{0};
  cudaStream_t launches_{nullptr};
  cudaStream_t looks_{nullptr};
  std::array<cudaStream_t, 2> copies_{};  // to the device, to the host
  std::array<cudaEvent_t, kCopyMarks> marks_{};
  std::vector<std::uint8_t*> memory_;
  std::vector<MutableByteSpan> pinned_;
  std::mutex looking_;
  MutableByteSpan bounce_;
  bool look_stuck_{false};
  LoadedCode code_;
};

}  // namespace

Result<std::unique_ptr<backend::Backend>> make_backend(const backend::Options& options,
                                                       const DeviceOptions& device) {
  return make_backend_over(
      std::make_unique<DriverDoor>(device.ordinal, device.jit != backend::Jit::off), options,
      device);
}

}  // namespace vyre::cuda

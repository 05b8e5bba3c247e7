// The CPU image interpreter: the single-source core instantiated with wide lane arrays, picked at
// run time by instruction set. One Interpreter per worker thread; it owns that thread's registers
// and workgroup memory. Spec: docs/internals/image.md.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/image.hpp"
#include "core/run.hpp"
#include "protocol/limits.hpp"
#include "queue/io_queue.hpp"

namespace vyre::cpu {

/// How long a worker waits for a pump that gives no sign of life.
inline constexpr std::chrono::nanoseconds kPumpPatience{50 * kIoHeartbeatNs};

/// How asynchronous copies out of files get their bytes: through the request lines that `client`
/// asks through and a pump serves. Outlives the run.
struct FileAsks {
  queue::IoClient* client{nullptr};
  std::span<const std::uint32_t> files;  // by declaration index: the file's handle; 0: memory
  std::uint32_t queue{0};
  std::uint32_t workers{1};    // that share the client, at most kIoLines
  std::function<void()> ring;  // something was asked; may be null
  std::chrono::nanoseconds patience{kPumpPatience};
  /// How long a worker waits while the pump lives and nothing comes.
  std::chrono::nanoseconds give_up{kRequestGiveUpNs};
};

class Interpreter {
 public:
  Interpreter();
  /// With one of variants(), so that tests can compare them.
  explicit Interpreter(std::string_view variant);
  ~Interpreter();
  Interpreter(Interpreter&&) noexcept;
  Interpreter& operator=(Interpreter&&) noexcept;

  /// Runs workgroups `span` of `grid`. `buffers` by declaration index of the program. Buffers that
  /// other workers write at the same time are allowed only where the program itself is race-free or
  /// atomic. `stop`, where given, is read at every loop iteration and between frames: once true,
  /// the run ends with FaultCode::shutdown. `passed`, where given, gets what a fused image executed
  /// up to the end of each member but the last, as RunResult counts. Without `asks` every byte is
  /// read where its buffer lies; with them a copy out of a file that cannot be read faults with
  /// io_error where the lane waits for it, and a buffer that is only copied from asynchronously is
  /// never touched.
  [[nodiscard]] core::RunResult run(const core::Image& image,
                                    std::span<const core::BufferView> buffers,
                                    const core::Grid& grid, core::WorkgroupSpan span,
                                    std::uint64_t fuel, const std::atomic<bool>* stop = nullptr,
                                    const FileAsks* asks = nullptr,
                                    std::uint64_t* passed = nullptr);

  /// "avx512", "avx2", "baseline": the variant this machine runs (caps and reports say it).
  [[nodiscard]] static std::string_view variant();
  /// All that it could run, that one first.
  [[nodiscard]] static std::vector<std::string_view> variants();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vyre::cpu

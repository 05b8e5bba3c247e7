// A backend as a bench drives it, without a Session: rings, buffers, programs. Host only, one
// thread unless a member says otherwise. Every wait is bounded by kMachineSeconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "megakernel/sections.hpp"
#include "runtime/session.hpp"
#include "support/statistics.hpp"

namespace vyre::bench {

inline constexpr double kMachineSeconds{10};
inline constexpr std::uint64_t kMiB{std::uint64_t{1} << 20};

struct MachineOptions {
  std::uint32_t queues{1};
  std::uint32_t ring_slots{4'096};
  std::uint64_t arena_bytes{64 * kMiB};
  std::chrono::nanoseconds park_after{0};
  backend::Jit jit{backend::Jit::off};
};

class Machine final : public backend::Listener {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Machine>> open(const Settings& settings,
                                                             const MachineOptions& options);
  ~Machine() override;

  [[nodiscard]] backend::Backend& backend() noexcept { return *backend_; }
  [[nodiscard]] backend::QueuePort& port(std::uint32_t queue) noexcept { return ports_[queue]; }

  [[nodiscard]] Result<std::uint32_t> add_program(const std::string& text);
  [[nodiscard]] Result<std::uint32_t> buffer(std::uint64_t bytes);
  [[nodiscard]] Result<std::uint32_t> buffer(ByteSpan contents);
  [[nodiscard]] Result<std::uint32_t> set(std::span<const std::uint32_t> buffers);
  /// The device knows the memory until the machine goes.
  [[nodiscard]] Status lend(MutableByteSpan host);
  void release(std::uint32_t handle) { backend_->release(handle); }
  [[nodiscard]] Status read(std::uint32_t handle, MutableByteSpan out) {
    return backend_->read(handle, 0, out);
  }

  /// Publishes one item on queue 0 and waits for its completion, polling; an error unless it is
  /// done.
  [[nodiscard]] Status run(const MegakernelWorkItem& item);
  /// Nanoseconds of each of `rounds` such calls.
  [[nodiscard]] Result<std::vector<double>> round_trips_ns(const MegakernelWorkItem& item,
                                                           std::uint32_t rounds);
  /// Seconds of `runs` such calls, after one that is not counted.
  [[nodiscard]] Result<Spread> spread_seconds(const MegakernelWorkItem& item, int runs);
  /// Their median.
  [[nodiscard]] Result<double> median_seconds(const MegakernelWorkItem& item, int runs) {
    return spread_seconds(item, runs).map([](const Spread& spread) { return spread.p50; });
  }

  // A bench collects by itself.
  void posted() noexcept override {}
  void idle() noexcept override {}

 private:
  Machine() = default;
  std::unique_ptr<backend::Backend> backend_;
  std::vector<backend::QueuePort> ports_;
  std::uint32_t next_handle_{1};
  std::uint32_t next_op_{0};
};

/// The same device reserved through the public API.
[[nodiscard]] runtime::SessionOptions session_options(const Settings& settings,
                                                      const MachineOptions& options);

}  // namespace vyre::bench

// See session_open.hpp.
#include "session_open.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/message.hpp"
#include "cpu/backend/backend.hpp"
#include "cuda/door/device_probe.hpp"
#include "cuda/host/device_backend.hpp"
#include "platform/host_info.hpp"

namespace vyre::runtime {
namespace {

Status check(const SessionOptions& options) {
  if (options.queues == 0 || options.queues > kMaxQueues) {
    return fail(Errc::invalid_argument,
                message("queues is {}: choose 1 to {}", options.queues, kMaxQueues));
  }
  if (!std::has_single_bit(options.ring_slots) || options.ring_slots < kMinRingSlots ||
      options.ring_slots > kMaxRingSlots) {
    return fail(Errc::invalid_argument,
                message("ring_slots is {}: choose a power of two from {} to {}", options.ring_slots,
                        kMinRingSlots, kMaxRingSlots));
  }
  if (options.workers > kMaxCpuWorkers) {
    return fail(Errc::invalid_argument,
                message("workers is {}: choose at most {}, or 0 for one a logical CPU",
                        options.workers, kMaxCpuWorkers));
  }
  if (options.fuel == 0) {
    return fail(Errc::invalid_argument, "fuel is 0: no loop could run; choose at least 1");
  }
  const auto at_least = [](const char* name, std::chrono::nanoseconds value,
                           std::int64_t least) -> Status {
    if (value.count() >= least) return {};
    return fail(Errc::invalid_argument,
                message("{} is {} ns: choose at least {}", name, value.count(), least));
  };
  VYRE_TRY(at_least("max_wall_time", options.max_wall_time, 0));
  VYRE_TRY(at_least("close_timeout", options.close_timeout, 0));
  VYRE_TRY(at_least("producer_timeout", options.producer_timeout, 1));
  VYRE_TRY(at_least("park_after", options.park_after, 0));
  VYRE_TRY(at_least("watchdog", options.watchdog, 1));
  if (options.ingest_bytes != 0 && options.ingest_bytes < kLeastIngestBytes) {
    return fail(Errc::invalid_argument, message("ingest_bytes is {}: choose at least {}, or 0 for "
                                                "no streams and no copies out of files",
                                                options.ingest_bytes, kLeastIngestBytes));
  }
  return {};
}

/// Beyond it no wait is told from one without a bound, and sums with the clock do not overflow.
std::chrono::nanoseconds bounded(std::chrono::nanoseconds d) {
  return std::min<std::chrono::nanoseconds>(d, std::chrono::hours{24 * 365});
}

std::uint32_t next_session_number() {
  static std::atomic<std::uint32_t> count{0};
  return count.fetch_add(1, std::memory_order_relaxed) + 1;  // relaxed: only a number
}

SessionSetup describe(const SessionOptions& options, TestHooks hooks) {
  SessionSetup setup;
  setup.options = options;
  if (setup.options.workers == 0)
    setup.options.workers = std::clamp(platform::logical_cpus(), 1u, kMaxCpuWorkers);
  setup.hooks = std::move(hooks);
  setup.number = next_session_number();
  setup.opened = Clock::now();
  setup.id = platform::random_id();
  setup.started_at = platform::utc_now_rfc3339();
  setup.used_before = platform::process_use();
  if (options.timeline_events != 0)
    setup.timeline = std::make_shared<report::Timeline>(setup.opened, options.timeline_events);
  return setup;
}

backend::Options backend_options(const SessionSetup& setup, const std::shared_ptr<PumpBell>& bell) {
  const SessionOptions& options = setup.options;
  backend::Options wanted;
  wanted.queues = options.queues;
  wanted.ring_slots = options.ring_slots;
  wanted.completion_slots = options.ring_slots;
  wanted.workers = options.workers;
  wanted.fuel = options.fuel;
  wanted.producer_timeout = bounded(options.producer_timeout);
  if (options.max_wall_time.count() > 0)
    wanted.start_until = later(setup.opened, options.max_wall_time);
  wanted.worker_dies = setup.hooks.worker_dies;
  wanted.ingest_bytes = options.ingest_bytes;
  wanted.ring_pump = [bell] { bell->ring(); };
  return wanted;
}

using Core = std::shared_ptr<SessionCore>;

Result<Core> start_over(SessionSetup setup, std::unique_ptr<backend::Backend> backend,
                        std::shared_ptr<PumpBell> bell) {
  auto core = std::make_shared<SessionCore>(std::move(setup), std::move(backend), std::move(bell));
  VYRE_TRY(core->start());
  return core;
}

std::string device_named_by(const SessionOptions& options) {
  if (!options.device.empty()) return options.device;
  const char* const named = std::getenv("VYRE_DEVICE");
  return named != nullptr ? named : "";
}

/// On a device, or an error that says why not in words. The name of the device stays in `setup`.
Result<Core> start_on_device(SessionSetup& setup, const cuda::DeviceProbe& probe) {
  setup.device = probe.device;
  if (!probe.caps.supported) return fail(Errc::unsupported, probe.caps.reason);
  const SessionOptions& options = setup.options;
  cuda::DeviceOptions how;
  how.ordinal = probe.ordinal;
  how.arena_bytes = options.device_memory_bytes;
  if (options.staging_bytes != 0) how.staging_bytes = options.staging_bytes;
  how.park_after = bounded(options.park_after);
  how.watchdog = bounded(options.watchdog);
  how.drain_after = options.drain_after;
  how.max_blocks = options.max_blocks;
  how.jit = options.jit;
  how.cache_folder = options.cache_dir;
  how.inject = setup.hooks.device_fault;
  auto bell = std::make_shared<PumpBell>();
  VYRE_ASSIGN(auto backend, cuda::make_backend(backend_options(setup, bell), how));
  SessionSetup on_device = setup;
  on_device.caps = MegakernelCaps::with_workers(backend->device_facts().workers);
  on_device.on_device = true;
  return start_over(std::move(on_device), std::move(backend), std::move(bell));
}

}  // namespace

Result<Core> open_core(const SessionOptions& options, TestHooks hooks) {
  VYRE_TRY(check(options));
  SessionSetup setup = describe(options, std::move(hooks));
  auto bell = std::make_shared<PumpBell>();
  if (setup.hooks.make_backend) {
    VYRE_ASSIGN(auto theirs, setup.hooks.make_backend(backend_options(setup, bell)));
    if (options.backend == BackendKind::cuda) {  // it stands for a device
      setup.caps = MegakernelCaps::with_workers(theirs->device_facts().workers);
      setup.on_device = true;
    }
    return start_over(std::move(setup), std::move(theirs), std::move(bell));
  }
  if (options.backend == BackendKind::cpu) {
    setup.caps = MegakernelCaps::unsupported("the CPU backend was asked for; no device was probed");
    if (options.jit == backend::Jit::force) {
      return fail(Errc::unsupported,
                  "jit is force, and the cpu backend interprets every program; use the cuda "
                  "backend, or leave jit off or automatic");
    }
  } else {
    // A name that means no device is a mistake, and CPU workers do not hide it.
    VYRE_ASSIGN(const cuda::DeviceProbe probe, cuda::probe_device(device_named_by(options)));
    auto on_device = start_on_device(setup, probe);
    if (on_device) return on_device;
    setup.caps = MegakernelCaps::unsupported(on_device.error().message);
    if (options.backend == BackendKind::cuda) {
      return fail(
          on_device.error().code,
          message("the CUDA backend cannot run here: {}; use the cpu backend", setup.caps.reason));
    }
    if (options.jit == backend::Jit::force) {
      return fail(
          Errc::unsupported,
          message("jit is force, and programs are compiled for a device only: {}; leave jit "
                  "off or automatic",
                  setup.caps.reason));
    }
  }
  VYRE_ASSIGN(auto workers, cpu::make_backend(backend_options(setup, bell)));
  return start_over(std::move(setup), std::move(workers), std::move(bell));
}

}  // namespace vyre::runtime

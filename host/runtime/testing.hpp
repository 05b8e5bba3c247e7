// Fault injection for tests: sessions whose workers die and whose producers vanish on purpose. Host
// only. Nothing here is part of the API; a program that is not a test has no use for it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "ingest/io.hpp"
#include "planner/launch_policy.hpp"
#include "runtime/session.hpp"

namespace vyre::backend {
class Backend;
struct Options;
}  // namespace vyre::backend

namespace vyre::runtime {

struct TestHooks {
  /// Asked before worker `worker` runs an item, its `items_run`-th; true: its thread ends there;
  /// std::bad_alloc: there is no memory to run the item.
  std::function<bool(std::uint32_t worker, std::uint64_t items_run)> worker_dies;
  /// Asked with the position just taken; true: the producer never publishes it, as if its thread
  /// had died.
  std::function<bool(std::uint32_t queue, std::uint64_t position)> producer_vanishes;
  /// CUDA only: a word that the kernel's host side watches; 1: the kernel stops looking at its
  /// rings without telling the session, until it is 0 again.
  std::shared_ptr<std::atomic<std::uint32_t>> device_fault;
  /// The session is not told of completions, as on a device: a waiting thread has to look itself.
  bool nobody_rings{false};
  /// Makes the pump's door to the system (ingest::PumpOptions::make_io). Null: the real one.
  std::function<Result<std::unique_ptr<ingest::Io>>()> make_io;
  /// ingest::PumpOptions::drain; 0: as it is.
  std::chrono::nanoseconds pump_drain{0};
  /// Streams copy results and chunks by items, as on a device.
  bool stream_as_on_device{false};
  /// Results kept for wait(); 0 = kDefaultHistory. A power of two, at least ring_slots.
  std::uint32_t history{0};
  /// Released handles that wait before the first of them is used again; as it is by default.
  std::optional<std::uint32_t> free_handles_kept;
  /// Makes the backend instead of the one that SessionOptions name. Null: that one.
  std::function<Result<std::unique_ptr<backend::Backend>>(const backend::Options&)> make_backend;
  /// Plans know no costs, as before the first item: items fuse wherever they may, however fast this
  /// machine is.
  bool nothing_measured{false};
  /// Between two decisions of the launch policy that no plan asks for; as it is by default.
  std::optional<std::chrono::nanoseconds> decide_every;
  /// Asked for every decision of the launch policy: what is decided instead; nullopt: the policy.
  std::function<std::optional<planner::MegakernelLaunchPlan>(
      std::uint32_t queue, const planner::MegakernelLaunchRequest& request)>
      forced_launch;
  /// Called by a submit between its look for an observer and the reservation of a position.
  std::function<void()> looked_for_observer;
};

[[nodiscard]] Result<Session> open_for_tests(const SessionOptions& options, TestHooks hooks);

}  // namespace vyre::runtime

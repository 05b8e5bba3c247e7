// A CUDA backend over a host thread, and the little that a Session would do with it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "cuda/host/backend.hpp"
#include "fake_door.hpp"

namespace vyre::cuda {

class Listening final : public backend::Listener {
 public:
  void posted() noexcept override { ++posts; }
  void idle() noexcept override { ++idles; }
  std::atomic<int> posts{0};
  std::atomic<int> idles{0};
};

class Running {
 public:
  backend::Options options{};
  DeviceOptions device{};
  std::shared_ptr<FakeDevice> fake{std::make_shared<FakeDevice>()};
  Listening listener;  // goes after the backend, whose threads call it
  std::unique_ptr<backend::Backend> backend;
  std::vector<backend::QueuePort> ports;

  Running();
  /// Opens and starts; further calls open a new one.
  void start();
  [[nodiscard]] Status open();

  /// Position of an item that was published and rung for.
  std::uint64_t submit(std::uint32_t op, std::uint32_t param = 0, std::uint32_t queue = 0);
  /// The next `count` completions, in any order; fewer after ten seconds.
  std::vector<queue::TakenCompletion> collect(std::size_t count, std::uint32_t queue = 0);
};

/// Later than what a test waits for takes on any machine.
[[nodiscard]] inline Deadline soon() {
  return Clock::now() + std::chrono::seconds{30};
}

/// Bytes that tell their place.
[[nodiscard]] Bytes pattern(std::size_t bytes, std::uint64_t seed);

}  // namespace vyre::cuda

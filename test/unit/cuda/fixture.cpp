#include "fixture.hpp"

#include <chrono>
#include <thread>

namespace vyre::cuda {

Running::Running() {
  options.queues = 1;
  options.ring_slots = 64;
  options.completion_slots = 64;
  options.fuel = 1'000;
  options.producer_timeout = std::chrono::milliseconds{60};
  device.arena_bytes = std::uint64_t{32} << 20;
  device.staging_bytes = std::uint64_t{1} << 20;
  device.scratch_bytes = 4'096;
}

Status Running::open() {
  backend.reset();
  VYRE_ASSIGN(backend, make_backend_over(std::make_unique<FakeDoor>(fake), options, device));
  ports.clear();
  for (std::uint32_t q = 0; q < options.queues; ++q) ports.push_back(backend->port(q));
  return {};
}

void Running::start() {
  const Status opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  const Status started = backend->start(listener);
  ASSERT_TRUE(started) << started.error().message;
}

std::uint64_t Running::submit(std::uint32_t op, std::uint32_t param, std::uint32_t queue) {
  const auto& producer = ports[queue].submissions;
  const queue::Reservation got = producer.try_reserve(1);
  EXPECT_EQ(got.count, 1u);
  EXPECT_TRUE(producer.try_publish(got.first, {op, 0, 0, param}, kQueueFlagNone));
  backend->doorbell();
  return got.first;
}

std::vector<queue::TakenCompletion> Running::collect(std::size_t count, std::uint32_t queue) {
  std::vector<queue::TakenCompletion> out;
  const auto until = Clock::now() + std::chrono::seconds{10};
  auto& reader = ports[queue].completions;
  while (out.size() < count && Clock::now() < until) {
    queue::TakenCompletion taken[16];
    const std::uint32_t got = reader.take(taken, 16, ports[queue].submissions.tail());
    out.insert(out.end(), taken, taken + got);
    reader.release();
    if (got == 0) std::this_thread::sleep_for(std::chrono::microseconds{20});
  }
  return out;
}

Bytes pattern(std::size_t bytes, std::uint64_t seed) {
  Bytes out(bytes);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (std::uint8_t& byte : out) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<std::uint8_t>(state);
  }
  return out;
}

}  // namespace vyre::cuda

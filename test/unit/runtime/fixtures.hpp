// What the runtime tests share: short names, a session, small programs. The same tests are built a
// second time, with VYRE_TEST_CUDA, against the device backend (test/device).
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "protocol/fault_names.hpp"
#include "runtime/session.hpp"
#include "runtime/testing.hpp"

namespace vyre::runtime::test {

inline constexpr std::uint32_t kNop{0};
inline constexpr std::uint32_t kFill{1};
inline constexpr std::uint32_t kCopy{2};

#define ASSERT_OK(result) ASSERT_TRUE((result).has_value()) << to_string((result).error())
#define EXPECT_OK(result) EXPECT_TRUE((result).has_value()) << to_string((result).error())

inline Deadline soon() {
  return after(std::chrono::seconds{30});
}

#ifdef VYRE_TEST_CUDA
inline constexpr std::string_view kBackendName{"cuda"};
#else
inline constexpr std::string_view kBackendName{"cpu"};
#endif
/// First line of a test that is about CPU workers.
#define ONLY_ON_CPU(why) \
  if (kBackendName != "cpu") GTEST_SKIP() << why

/// A session on the backend under test. On a device `workers` means nothing, and the session takes
/// a part of it only, so that several fit.
inline SessionOptions test_options(std::uint32_t workers = 2, std::uint32_t queues = 1) {
  SessionOptions options;
  options.backend = kBackendName == "cuda" ? BackendKind::cuda : BackendKind::cpu;
  options.workers = workers;
  options.queues = queues;
  options.max_blocks = 32;
  options.device_memory_bytes = std::uint64_t{64} << 20;
  return options;
}

inline Bytes words(std::initializer_list<std::uint32_t> values) {
  Bytes bytes;
  for (const std::uint32_t value : values) append_le(bytes, value);
  return bytes;
}

inline std::string outcome(const ItemResult& result) {
  return std::string(status_name(result.status)) + " " + std::string(fault_name(result.fault.code));
}

/// Submits, waits, and says how it ended.
inline std::string run(Session& session, const MegakernelWorkItem& item) {
  const auto ticket = session.submit(item, soon());
  if (!ticket) return to_string(ticket.error());
  const auto result = session.wait(*ticket, soon());
  return result ? outcome(*result) : to_string(result.error());
}

/// Random numbers of a test: VYRE_SEED replays; printed when something fails.
inline std::uint64_t test_seed() {
  const char* given = std::getenv("VYRE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : 20'261'122;
}
inline int test_scale() {
  const char* given = std::getenv("VYRE_TEST_SCALE");
  return given != nullptr ? std::max(1, std::atoi(given)) : 1;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(next() % bound); }

 private:
  std::uint64_t state_;
};

}  // namespace vyre::runtime::test

// The CUDA backend on the device without a Session: open, items, bytes, parking, two backends,
// failure, stop. Each step prints when it began, and the process ends itself after kAlarmSeconds: a
// hang shows where it is. Skips without a device (VYRE_REQUIRE_GPU=1: fails).
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "fixture.hpp"
#include "protocol/io_request.hpp"

namespace vyre::cuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kStreamBytes{std::uint64_t{8} << 20};
constexpr std::uint32_t kFill{1};
constexpr std::uint32_t kCopy{2};

void step(const std::string& what) {
  static const Clock::time_point begin = Clock::now();
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  std::printf("%10.3f ms  %s\n", ms, what.c_str());
  std::fflush(stdout);
}

class BackendOnDevice : public OnDevice {
 protected:
  [[nodiscard]] static backend::Options options() {
    backend::Options options;
    options.ingest_bytes = IngestLayout::kStreams + kStreamBytes;
    options.queues = 1;
    options.ring_slots = 4'096;
    options.completion_slots = 4'096;
    options.fuel = 1'000'000;
    options.producer_timeout = milliseconds{100};
    return options;
  }
  [[nodiscard]] static DeviceOptions device() {
    DeviceOptions device;
    device.arena_bytes = std::uint64_t{1} << 30;
    return device;
  }

  void open(const DeviceOptions& how) {
    step("open");
    auto made = make_backend(options(), how);
    ASSERT_TRUE(made) << made.error().message;
    backend_ = std::move(*made);
    step("start");
    const Status started = backend_->start(listener_);
    ASSERT_TRUE(started) << started.error().message;
    port_ = backend_->port(0);
  }

  /// One item, published and rung for.
  void submit(std::uint32_t op, std::uint32_t input = 0, std::uint32_t output = 0,
              std::uint32_t param = 0) {
    queue::Reservation got;
    const auto until = Clock::now() + seconds{5};
    while ((got = port_.submissions.try_reserve(1)).count == 0 && Clock::now() < until)
      (void)take();
    ASSERT_EQ(got.count, 1u) << "no room in the ring";
    ASSERT_TRUE(
        port_.submissions.try_publish(got.first, {op, input, output, param}, kQueueFlagNone));
    backend_->doorbell();
  }
  std::uint32_t take() {
    queue::TakenCompletion taken[64];
    const std::uint32_t count = port_.completions.take(taken, 64, port_.submissions.tail());
    for (std::uint32_t i = 0; i < count; ++i) {
      not_done_ += taken[i].completion.status() == CompletionStatus::done ? 0 : 1;
      last_code_ = taken[i].completion.code();
    }
    port_.completions.release();
    ended_ += count;
    return count;
  }
  /// Until `total` items have ended since the start.
  void collect(std::uint64_t total, Clock::duration limit = seconds{5}) {
    const auto until = Clock::now() + limit;
    while (ended_ < total) {
      if (take() != 0) continue;
      if (Clock::now() < until) continue;
      backend_->tend();
      const auto why = backend_->lost();
      FAIL() << ended_ << " of " << total << " items ended; heartbeat " << backend_->heartbeat()
             << (why ? "; " + why->message : std::string{});
    }
  }
  void stop() {
    step("stop");
    ASSERT_TRUE(backend_->stop(Clock::now()));
    step("stopped");
  }

  backend::QueuePort port_;
  std::uint64_t ended_{0};
  std::uint64_t not_done_{0};
  FaultCode last_code_{FaultCode::none};
};

TEST_F(BackendOnDevice, ItemsAndBytesGoThroughAndItStops) {
  open(device());
  if (HasFatalFailure()) return;
  step("one no-op");
  submit(0);
  collect(1);
  if (HasFatalFailure()) return;
  step("999 more");
  for (int i = 0; i < 999; ++i) submit(0);
  collect(1'000);
  EXPECT_EQ(not_done_, 0u);
  if (HasFatalFailure()) return;
  std::vector<double> rounds;
  for (int i = 0; i < 2'000; ++i) {
    const auto begin = Clock::now();
    submit(0);
    while (take() == 0 && Clock::now() - begin < seconds{1}) {
    }
    rounds.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  std::nth_element(rounds.begin(), rounds.begin() + 1'000, rounds.end());
  step("round trip p50 " + std::to_string(rounds[1'000]) + " us");
  step("an unknown op");
  submit(700'000);
  collect(3'001);
  EXPECT_EQ(last_code_, FaultCode::unknown_op);

  std::uint32_t handle = 0;
  for (const std::uint64_t bytes : {std::uint64_t{5}, std::uint64_t{4'096},
                                    std::uint64_t{1'000'003}, std::uint64_t{64} << 20}) {
    ++handle;
    step("allocate " + std::to_string(bytes));
    const Status got = backend_->allocate(handle, bytes);
    ASSERT_TRUE(got) << got.error().message;
    Bytes given(bytes);
    std::uint64_t state = bytes;
    for (std::uint8_t& byte : given) {
      state = state * 6'364'136'223'846'793'005u + 1;
      byte = static_cast<std::uint8_t>(state >> 56);
    }
    Bytes back(bytes, 1);
    step("read zeros");
    ASSERT_TRUE(backend_->read(handle, 0, back));
    EXPECT_EQ(back, Bytes(bytes, 0));
    step("write");
    ASSERT_TRUE(backend_->write(handle, 0, given));
    step("read");
    ASSERT_TRUE(backend_->read(handle, 0, back));
    step("compare");
    EXPECT_TRUE(back == given);
    if (bytes > 10) {
      ASSERT_TRUE(backend_->write(handle, 3, ByteSpan{given}.first(bytes - 3)));
      ASSERT_TRUE(backend_->read(handle, 3, MutableByteSpan{back}.first(bytes - 3)));
      EXPECT_TRUE(std::equal(back.begin(), back.end() - 3, given.begin())) << "at an odd offset";
    }
  }
  // Bytes a second of a large buffer, and the time of a small one.
  Bytes large(std::uint64_t{64} << 20, 1);
  for (int i = 0; i < 3; ++i) {
    const auto begin = Clock::now();
    ASSERT_TRUE(backend_->write(handle, 0, large));
    const auto middle = Clock::now();
    ASSERT_TRUE(backend_->read(handle, 0, large));
    const std::chrono::duration<double> in = middle - begin;
    const std::chrono::duration<double> out = Clock::now() - middle;
    step("64 MiB: write " + std::to_string(0.067108864 / in.count()) + " GB/s, read " +
         std::to_string(0.067108864 / out.count()) + " GB/s");
  }
  for (const std::uint64_t bytes : {4'096u, 65'536u, 1u << 20}) {
    std::vector<double> writes;
    std::vector<double> reads;
    for (int i = 0; i < 101; ++i) {
      const auto begin = Clock::now();
      ASSERT_TRUE(backend_->write(handle, 0, ByteSpan{large}.first(bytes)));
      const auto middle = Clock::now();
      ASSERT_TRUE(backend_->read(handle, 0, MutableByteSpan{large}.first(bytes)));
      const auto end = Clock::now();
      writes.push_back(std::chrono::duration<double, std::micro>(middle - begin).count());
      reads.push_back(std::chrono::duration<double, std::micro>(end - middle).count());
    }
    std::nth_element(writes.begin(), writes.begin() + 50, writes.end());
    std::nth_element(reads.begin(), reads.begin() + 50, reads.end());
    step(std::to_string(bytes) + " bytes: write " + std::to_string(writes[50]) + " us, read " +
         std::to_string(reads[50]) + " us p50");
  }
  const std::uint32_t members[2]{1, 2};
  ASSERT_TRUE(backend_->bind(99, members));
  backend_->release(99);
  backend_->release(1);
  const backend::DeviceFacts facts = backend_->device_facts();
  step(facts.device + ", " + std::to_string(facts.blocks) + " blocks, " +
       std::to_string(facts.workers) + " worker warps, arena used " +
       std::to_string(facts.arena_used));
  stop();
  EXPECT_EQ(backend_->device_facts().launches, 1u);
}

TEST_F(BackendOnDevice, NoItemIsLostBetweenParkingAndTheBell) {
  DeviceOptions how = device();
  how.park_after = milliseconds{1};
  open(how);
  if (HasFatalFailure()) return;
  step("300 rounds around the time of parking");
  for (std::uint64_t i = 0; i < 300; ++i) {
    submit(0);
    collect(i + 1);
    if (HasFatalFailure()) return;
    std::this_thread::sleep_for(std::chrono::microseconds{500 + i * 5});
  }
  step(std::to_string(backend_->device_facts().launches) + " launches");
  EXPECT_GT(backend_->device_facts().launches, 3u);
  stop();
}

/// Different in every word, and from round to round.
void put_pattern(MutableByteSpan bytes, std::uint64_t round) {
  std::uint64_t state = round * 0x9E3779B97F4A7C15u + 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 6'364'136'223'846'793'005u + 1;
    byte = static_cast<std::uint8_t>(state >> 56);
  }
}

TEST_F(BackendOnDevice, ViewsShowEachNewPatternOfTheSameSlotAndResultsComeWithTheCompletion) {
  // One slot, read and written again and again: a line that stays in a cache shows at once. Sizes
  // that one warp copies alone and sizes that many share.
  open(device());
  if (HasFatalFailure()) return;
  const MutableByteSpan memory = backend_->ingest_memory();
  ASSERT_EQ(memory.size(), IngestLayout::kStreams + kStreamBytes);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % 4096, 0u);
  constexpr std::uint32_t kIn{1};
  constexpr std::uint32_t kOut{2};
  constexpr std::uint32_t kBuffer{3};
  constexpr std::uint32_t kOfBuffer{4};
  ASSERT_TRUE(backend_->make_alias(kIn));
  ASSERT_TRUE(backend_->make_alias(kOut));
  ASSERT_TRUE(backend_->make_alias(kOfBuffer));
  ASSERT_TRUE(backend_->allocate(kBuffer, kStreamBytes / 2));
  std::uint64_t ended = 0;
  std::uint64_t wrong = 0;
  for (const std::uint64_t bytes : {std::uint64_t{16}, std::uint64_t{1'000}, std::uint64_t{40'000},
                                    std::uint64_t{1} << 20, std::uint64_t{3'333'333}}) {
    step("views of " + std::to_string(bytes) + " bytes");
    const std::uint64_t rounds = bytes < 100'000 ? 2'000 : 40;
    const std::uint64_t in = IngestLayout::kStreams;
    const std::uint64_t out = IngestLayout::kStreams + kStreamBytes / 2;
    for (std::uint64_t round = 0; round < rounds && wrong == 0; ++round) {
      const MutableByteSpan from = memory.subspan(in, bytes);
      const MutableByteSpan to = memory.subspan(out, bytes);
      put_pattern(from, ended);
      backend_->place_alias(kIn, 0, in, bytes);
      if (round % 2 == 0) {
        // In place: host memory to host memory.
        backend_->place_alias(kOut, 0, out, bytes);
        submit(kCopy, kIn, kOut);
        collect(++ended);
      } else {
        // By way of the device: into a part of a buffer, and from there back.
        backend_->place_alias(kOfBuffer, kBuffer, 256, bytes);
        backend_->place_alias(kOut, 0, out, bytes);
        submit(kCopy, kIn, kOfBuffer);
        collect(++ended);
        submit(kCopy, kOfBuffer, kOut);
        collect(++ended);
      }
      if (HasFatalFailure()) return;
      wrong += std::equal(from.begin(), from.end(), to.begin()) ? 0 : 1;
    }
    EXPECT_EQ(wrong, 0u) << bytes;
    submit(kFill, 0, kOut, 0xA5A5A5A5u);
    collect(++ended);
    const MutableByteSpan filled = memory.subspan(out, bytes);
    EXPECT_TRUE(std::all_of(filled.begin(), filled.end(), [](std::uint8_t b) { return b == 0xA5; }))
        << bytes;
    EXPECT_NE(memory[out + bytes], 0xA5) << "written behind the view";
  }
  EXPECT_EQ(not_done_, 0u);
  backend_->release(kOut);
  submit(kCopy, kIn, kOut);
  collect(++ended);
  EXPECT_EQ(last_code_, FaultCode::unknown_handle);
  stop();
}

TEST_F(BackendOnDevice, AFileWithoutBytesIsNoBufferForBuiltInOpsUntilItIsBrought) {
  open(device());
  if (HasFatalFailure()) return;
  Bytes contents(100'001);
  put_pattern(contents, 5);
  ASSERT_TRUE(backend_->map_file(1, {"/a/file", -1, contents.size()}));
  ASSERT_TRUE(backend_->allocate(2, contents.size()));
  submit(kCopy, 1, 2);
  collect(1);
  EXPECT_EQ(last_code_, FaultCode::bad_binding);
  ASSERT_TRUE(backend_->bring_file(1, [&](std::uint64_t at, MutableByteSpan piece) -> Status {
    std::copy_n(contents.begin() + static_cast<std::ptrdiff_t>(at), piece.size(), piece.begin());
    return {};
  }));
  submit(kCopy, 1, 2);
  collect(2);
  EXPECT_EQ(last_code_, FaultCode::none);
  Bytes back(contents.size());
  ASSERT_TRUE(backend_->read(2, 0, back));
  EXPECT_EQ(back, contents);
  backend_->release(1);
  stop();
}

TEST_F(BackendOnDevice, TwoBackendsShareTheDevice) {
  DeviceOptions how = device();
  how.max_blocks = 32;
  open(how);
  if (HasFatalFailure()) return;
  step("a second backend");
  auto other = make_backend(options(), how);
  ASSERT_TRUE(other) << other.error().message;
  Listening listener;
  ASSERT_TRUE((*other)->start(listener));
  submit(0);
  collect(1);
  step("the second moves bytes");
  ASSERT_TRUE((*other)->allocate(1, 100'000));
  Bytes bytes(100'000, 1);
  ASSERT_TRUE((*other)->read(1, 0, bytes));
  EXPECT_EQ(bytes, Bytes(100'000, 0));
  step("the second ends while the first is resident");
  ASSERT_TRUE((*other)->stop(Clock::now()));
  other->reset();
  step("a third takes its place");
  auto third = make_backend(options(), how);
  ASSERT_TRUE(third) << third.error().message;
  ASSERT_TRUE((*third)->start(listener));
  ASSERT_TRUE((*third)->allocate(1, 100'000));
  third->reset();
  submit(0);
  collect(2);
  stop();
}

TEST_F(BackendOnDevice, AStuckKernelIsDiagnosedAndLeavesWhenItCan) {
  DeviceOptions how = device();
  how.watchdog = milliseconds{300};
  how.inject = std::make_shared<std::atomic<std::uint32_t>>(0);
  open(how);
  if (HasFatalFailure()) return;
  submit(0);
  collect(1);
  step("the ingress stops");
  how.inject->store(1);
  std::this_thread::sleep_for(milliseconds{100});
  for (int i = 0; i < 10; ++i) submit(0);
  std::optional<Error> why;
  for (int i = 0; i < 3'000 && !why; ++i) {
    std::this_thread::sleep_for(milliseconds{1});
    backend_->tend();
    why = backend_->lost();
  }
  ASSERT_TRUE(why.has_value());
  step("lost");
  std::printf("%s\n", why->message.c_str());
  EXPECT_NE(why->message.find("ingress warps:"), std::string::npos);
  collect(11);
  EXPECT_EQ(last_code_, FaultCode::worker_lost);
  stop();
}

}  // namespace
}  // namespace vyre::cuda

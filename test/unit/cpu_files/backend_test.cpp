// Ingest memory, aliases and mapped files of the CPU backend: what lies where, what an item sees,
// and that a backend can always be stopped.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>

#include "cpu/backend/backend.hpp"
#include "fake_pump.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cpu {
namespace {

using backend::BufferRole;
using backend::ProgramBuffer;

constexpr std::uint64_t kStreamBytes{std::uint64_t{1} << 20};
constexpr std::uint32_t kSrc{1};
constexpr std::uint32_t kOut{2};
constexpr std::uint32_t kAlias{3};
constexpr std::uint32_t kOther{4};
constexpr std::uint32_t kSet{5};
constexpr std::uint32_t kOp{kFirstUserOp};

class Listening final : public backend::Listener {
 public:
  void posted() noexcept override {}
  void idle() noexcept override {}
};

class CpuBackendFiles : public testing::Test {
 protected:
  TemporaryFolder folder_;
  backend::Options options_{};
  std::atomic<int> rings_{0};
  Listening listener_;  // goes after the backend, whose threads call it
  std::unique_ptr<backend::Backend> backend_;
  std::vector<backend::QueuePort> ports_;
  std::unique_ptr<FakePump> pump_;

  CpuBackendFiles() {
    options_.queues = 2;
    options_.ring_slots = 64;
    options_.completion_slots = 64;
    options_.workers = 2;
    options_.fuel = 1'000'000;
    options_.producer_timeout = std::chrono::seconds{1};
    options_.ingest_bytes = IngestLayout::kStreams + kStreamBytes;
    options_.ring_pump = [this] { ++rings_; };
  }
  // The pump writes into the backend's memory.
  ~CpuBackendFiles() override { pump_.reset(); }

  void start() {
    auto made = make_backend(options_);
    ASSERT_TRUE(made) << made.error().message;
    backend_ = std::move(*made);
    for (std::uint32_t q = 0; q < options_.queues; ++q) ports_.push_back(backend_->port(q));
    ASSERT_TRUE(backend_->start(listener_));
  }
  FakePump& pump() {
    if (!pump_) pump_ = std::make_unique<FakePump>(backend_->ingest_memory());
    return *pump_;
  }
  /// src (read; a file is only asked for where `only_async`), t (workgroup), out (read_write).
  void add(const std::string& body, bool only_async) {
    const std::string text =
        "workgroup 4, 1, 1;\nbuffer src: u32[] read_only;\nbuffer t: u32[4096] workgroup;\n"
        "buffer out: u32[] read_write;\nregion \"r\" {\n" +
        body + "}\n";
    auto program = vir::assemble(text);
    ASSERT_TRUE(program) << to_string(program.error());
    auto prepared = vir::prepare(*program);
    ASSERT_TRUE(prepared);
    ASSERT_TRUE(vir::validate(*prepared));
    auto image = vir::lower(*prepared);
    ASSERT_TRUE(image) << image.error().message;
    auto grid = vir::grid_rule(*prepared);
    ASSERT_TRUE(grid);
    backend::ProgramOp op;
    op.name = "op";
    op.image = std::make_shared<const core::Image>(std::move(*image));
    op.buffers = {{BufferRole::read, only_async, 0},
                  {BufferRole::workgroup, false, 16'384},
                  {BufferRole::read_write, false, 0}};
    op.grid_rule = grid->rule;
    op.grid_buffers = std::move(grid->buffers);
    ASSERT_TRUE(backend_->add_program(kOp, std::move(op)));
  }
  void bind(std::uint32_t src, std::uint32_t out) {
    const std::uint32_t buffers[]{src, out};
    ASSERT_TRUE(backend_->bind(kSet, buffers));
  }
  void map(std::uint32_t handle, const std::string& name, ByteSpan bytes) {
    const int descriptor = folder_.file(name, bytes);
    ASSERT_TRUE(backend_->map_file(handle, {folder_.path(name), descriptor, bytes.size()}));
    if (pump_) pump_->publish(handle, {descriptor, bytes.size(), {}});
  }
  void submit(std::uint32_t param = 4, std::uint32_t queue = 0) {
    const auto& producer = ports_[queue].submissions;
    const queue::Reservation got = producer.try_reserve(1);
    ASSERT_EQ(got.count, 1u);
    ASSERT_TRUE(producer.try_publish(got.first, {kOp, kSet, 0, param}, kQueueFlagNone));
    backend_->doorbell();
  }
  /// The next completion; abandoned if none came within ten seconds.
  Completion collect(std::uint32_t queue = 0) {
    const auto until = Clock::now() + std::chrono::seconds{10};
    auto& reader = ports_[queue].completions;
    while (Clock::now() < until) {
      queue::TakenCompletion taken[1];
      const std::uint32_t got = reader.take(taken, 1, ports_[queue].submissions.tail());
      reader.release();
      if (got == 1) return taken[0].completion;
      std::this_thread::sleep_for(std::chrono::microseconds{20});
    }
    return Completion::make(CompletionStatus::cancelled, FaultCode::abandoned, 0, 0, 0, 0);
  }
  Completion run(std::uint32_t param = 4, std::uint32_t queue = 0) {
    submit(param, queue);
    return collect(queue);
  }
  Bytes read(std::uint32_t handle, std::uint64_t bytes) {
    Bytes out(bytes);
    EXPECT_TRUE(backend_->read(handle, 0, out));
    return out;
  }
  static Bytes piece(const Bytes& bytes, std::size_t from, std::size_t count) {
    return Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                 bytes.begin() + static_cast<std::ptrdiff_t>(from + count));
  }
};

const char* const kCopyWords = "out[gid.x] = src[gid.x];\n";
const char* const kAskForBytes =
    "if lid.x == 2u {\nasync_load(src, out, 1000u, 64u, \"a\");\nasync_wait(\"a\");\n}\n";

TEST_F(CpuBackendFiles, IngestMemoryIsPageAlignedZeroedAndOfTheSizeThatWasAskedFor) {
  options_.ingest_bytes = IngestLayout::kStreams + 12'345;
  start();
  const MutableByteSpan memory = backend_->ingest_memory();
  ASSERT_EQ(memory.size(), IngestLayout::kStreams + 12'345);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % 4'096, 0u);
  EXPECT_TRUE(std::all_of(memory.begin(), memory.end(), [](std::uint8_t b) { return b == 0; }));
  EXPECT_EQ(backend_->ingest_memory().data(), memory.data());
}

TEST_F(CpuBackendFiles, TooLittleIngestMemoryIsRefusedAndNoneIsNone) {
  options_.ingest_bytes = IngestLayout::kStreams - 1;
  const auto refused = make_backend(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_NE(refused.error().message.find(std::to_string(IngestLayout::kStreams)),
            std::string::npos);
  options_.ingest_bytes = 0;
  start();
  EXPECT_TRUE(backend_->ingest_memory().empty());
}

TEST_F(CpuBackendFiles, ACopyOutOfAMappedFileComesThroughThePump) {
  start();
  pump().start();
  const Bytes bytes = pattern(5'000, 1);
  map(kSrc, "data", bytes);
  EXPECT_FALSE(backend_->must_bring(kSrc));
  ASSERT_TRUE(backend_->allocate(kOut, 64));
  bind(kSrc, kOut);
  add(kAskForBytes, true);
  const Completion ended = run();
  EXPECT_EQ(ended.status(), CompletionStatus::done);
  EXPECT_EQ(read(kOut, 64), piece(bytes, 1'000, 64));
  EXPECT_EQ(pump().answered(), 1u);
  EXPECT_GT(rings_, 0);
}

TEST_F(CpuBackendFiles, WithoutAPumpOrWherePlainLoadsReadItTooTheMappingIsRead) {
  start();
  ASSERT_FALSE(backend_->ingest_memory().empty());  // but nobody serves it
  const Bytes bytes = pattern(5'000, 1);
  map(kSrc, "data", bytes);
  ASSERT_TRUE(backend_->allocate(kOut, 64));
  bind(kSrc, kOut);
  add(kAskForBytes, true);
  EXPECT_EQ(run().status(), CompletionStatus::done);
  EXPECT_EQ(read(kOut, 64), piece(bytes, 1'000, 64));
  ASSERT_TRUE(backend_->write(kOut, 0, Bytes(64, 0)));
  pump().start();
  add(kAskForBytes, false);
  EXPECT_EQ(run().status(), CompletionStatus::done);
  EXPECT_EQ(read(kOut, 64), piece(bytes, 1'000, 64));
  EXPECT_EQ(pump().seen(), 0u);
}

TEST_F(CpuBackendFiles, AnItemAsksForItsQueue) {
  start();
  const Bytes bytes = pattern(5'000, 1);
  map(kSrc, "data", bytes);
  pump().publish(kSrc, {folder_.file("same", bytes), bytes.size(), 1});
  pump().start();
  ASSERT_TRUE(backend_->allocate(kOut, 64));
  bind(kSrc, kOut);
  add(kAskForBytes, true);
  const Completion refused = run(4, 0);
  EXPECT_EQ(refused.status(), CompletionStatus::faulted);
  EXPECT_EQ(refused.code(), FaultCode::io_error);
  EXPECT_EQ(refused.lane, 2u);
  EXPECT_NE(refused.statement(), 0u);
  EXPECT_EQ(run(4, 1).status(), CompletionStatus::done);
}

TEST_F(CpuBackendFiles, AFileThatShrankFaultsWithItsLaneWhereItIsAskedForAndSomehowElsewhere) {
  start();
  pump().start();
  const Bytes bytes = pattern(20'000, 1);
  map(kSrc, "data", bytes);
  ASSERT_TRUE(backend_->allocate(kOut, 64));
  bind(kSrc, kOut);
  add(kAskForBytes, true);
  ASSERT_EQ(::truncate(folder_.path("data").c_str(), 1'100), 0);
  EXPECT_EQ(run().status(), CompletionStatus::done) << "the bytes that it asked for are there";
  ASSERT_EQ(::truncate(folder_.path("data").c_str(), 1'020), 0);
  const Completion asked = run();
  EXPECT_EQ(asked.code(), FaultCode::io_error);
  EXPECT_EQ(asked.lane, 2u);
  add(kCopyWords, false);
  EXPECT_EQ(run().code(), FaultCode::io_error);
}

TEST_F(CpuBackendFiles, AFileThatWasCutUnderAnItemFaultsItemsForGoodEvenIfItGrowsAgain) {
  start();
  const Bytes bytes = pattern(20'000, 1);
  map(kSrc, "data", bytes);
  ASSERT_TRUE(backend_->allocate(kOut, 20'000));
  bind(kSrc, kOut);
  add(kCopyWords, false);
  EXPECT_EQ(run(5'000).status(), CompletionStatus::done);
  const std::string path = folder_.path("data");
  ASSERT_EQ(::truncate(path.c_str(), 5'000), 0);
  EXPECT_EQ(run(5'000).code(), FaultCode::io_error);
  // From here on only the mark tells: the length is what it was, and the lost pages are zeros.
  ASSERT_EQ(::truncate(path.c_str(), 20'000), 0);
  EXPECT_EQ(run(5'000).code(), FaultCode::io_error);
  Bytes out(20'000);
  const Status read = backend_->read(kSrc, 0, out);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find(path), std::string::npos) << read.error().message;
}

TEST_F(CpuBackendFiles, AMappedFileOutlivesTheDescriptorThatItCameWith) {
  start();
  const Bytes bytes = pattern(64, 1);
  const int descriptor = folder_.file("data", bytes);
  const int second = ::dup(descriptor);
  ASSERT_TRUE(backend_->map_file(kSrc, {folder_.path("data"), second, bytes.size()}));
  ::close(second);
  ASSERT_TRUE(backend_->allocate(kOut, 16));
  bind(kSrc, kOut);
  add(kCopyWords, false);
  EXPECT_EQ(run().status(), CompletionStatus::done);
  EXPECT_EQ(read(kOut, 16), piece(bytes, 0, 16));
}

TEST_F(CpuBackendFiles, WhatIsNoRegularFileOrNoFileIsRefusedByName) {
  start();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Status pipe = backend_->map_file(kSrc, {"a pipe", ends[0], 10});
  ASSERT_FALSE(pipe);
  EXPECT_NE(pipe.error().message.find("a pipe"), std::string::npos);
  ::close(ends[0]);
  ::close(ends[1]);
  const Status nothing = backend_->map_file(kSrc, {"nothing", -1, 10});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().detail, EBADF);
}

TEST_F(CpuBackendFiles, AViewIsReadWhereItWasPlacedLast) {
  start();
  const MutableByteSpan memory = backend_->ingest_memory();
  const Bytes bytes = pattern(kStreamBytes, 3);
  std::copy(bytes.begin(), bytes.end(), memory.begin() + IngestLayout::kStreams);
  ASSERT_TRUE(backend_->make_alias(kAlias));
  ASSERT_TRUE(backend_->allocate(kOut, 64));
  bind(kAlias, kOut);
  add(kCopyWords, false);
  for (const std::uint64_t at :
       {std::uint64_t{0}, std::uint64_t{4'096}, std::uint64_t{16}, kStreamBytes - 64}) {
    backend_->place_alias(kAlias, 0, IngestLayout::kStreams + at, 64);
    EXPECT_EQ(run(16).status(), CompletionStatus::done);
    EXPECT_EQ(read(kOut, 64), piece(bytes, at, 64));
    ASSERT_TRUE(backend_->host_bytes(kAlias));
    EXPECT_EQ(backend_->host_bytes(kAlias)->size(), 64u);
  }
  // In a buffer; and shorter, so that its end is the alias's.
  ASSERT_TRUE(backend_->allocate(kOther, 256));
  ASSERT_TRUE(backend_->write(kOther, 0, piece(bytes, 0, 256)));
  backend_->place_alias(kAlias, kOther, 32, 8);
  ASSERT_TRUE(backend_->write(kOut, 0, Bytes(64, 0xFF)));
  EXPECT_EQ(run(16).status(), CompletionStatus::done);
  Bytes want = piece(bytes, 32, 8);
  want.resize(64, 0);  // reads past the end are zero
  EXPECT_EQ(read(kOut, 64), want);
}

TEST_F(CpuBackendFiles, AViewMayBeWrittenAndItsReleaseLeavesTheMemory) {
  start();
  const MutableByteSpan memory = backend_->ingest_memory();
  const Bytes bytes = pattern(64, 4);
  ASSERT_TRUE(backend_->allocate(kSrc, 64));
  ASSERT_TRUE(backend_->write(kSrc, 0, bytes));
  ASSERT_TRUE(backend_->make_alias(kAlias));
  backend_->place_alias(kAlias, 0, IngestLayout::kStreams + 160, 64);
  bind(kSrc, kAlias);
  add(kCopyWords, false);
  EXPECT_EQ(run(16).status(), CompletionStatus::done);
  const std::uint8_t* const written = memory.data() + IngestLayout::kStreams + 160;
  EXPECT_EQ(Bytes(written, written + 64), bytes);
  EXPECT_TRUE(std::all_of(written + 64, written + 4'096, [](std::uint8_t b) { return b == 0; }));
  backend_->release(kSet);
  backend_->release(kAlias);
  EXPECT_FALSE(backend_->host_bytes(kAlias));
  EXPECT_EQ(Bytes(written, written + 64), bytes);
  // An alias that is nowhere yet is empty.
  ASSERT_TRUE(backend_->make_alias(kAlias));
  EXPECT_EQ(backend_->host_bytes(kAlias)->size(), 0u);
}

TEST_F(CpuBackendFiles, ViewsThatOverlapWhereOneIsWrittenAreRefused) {
  start();
  ASSERT_FALSE(backend_->ingest_memory().empty());
  ASSERT_TRUE(backend_->make_alias(kAlias));
  ASSERT_TRUE(backend_->make_alias(kOther));
  add(kCopyWords, false);
  bind(kAlias, kOther);
  const auto code = [&](std::uint64_t read_at, std::uint64_t written_at) {
    backend_->place_alias(kAlias, 0, IngestLayout::kStreams + read_at, 64);
    backend_->place_alias(kOther, 0, IngestLayout::kStreams + written_at, 64);
    return run(16).code();
  };
  EXPECT_EQ(code(0, 64), FaultCode::none);
  EXPECT_EQ(code(64, 0), FaultCode::none);
  EXPECT_EQ(code(0, 48), FaultCode::bad_binding);
  EXPECT_EQ(code(48, 0), FaultCode::bad_binding);
  EXPECT_EQ(code(0, 0), FaultCode::bad_binding);
}

TEST_F(CpuBackendFiles, ViewsAreBoundedAndComeBack) {
  start();
  for (std::uint32_t i = 0; i < kMaxAliases; ++i) ASSERT_TRUE(backend_->make_alias(100 + i));
  const Status refused = backend_->make_alias(kAlias);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
  backend_->release(100);
  EXPECT_TRUE(backend_->make_alias(kAlias));
}

TEST_F(CpuBackendFiles, AWorkerThatWaitsForASilentPumpCanBeStopped) {
  start();
  pump().hold(true);
  pump().start();
  const Bytes bytes = pattern(5'000, 1);
  map(kSrc, "data", bytes);
  ASSERT_TRUE(backend_->allocate(kOut, 64));
  bind(kSrc, kOut);
  add(kAskForBytes, true);
  submit();
  while (pump().seen() == 0) std::this_thread::yield();
  backend_->stop_running();
  const Completion ended = collect();
  EXPECT_EQ(ended.status(), CompletionStatus::cancelled);
  EXPECT_EQ(ended.code(), FaultCode::shutdown);
  EXPECT_TRUE(backend_->stop(Clock::now() + std::chrono::seconds{5}));
}

TEST_F(CpuBackendFiles, ABrokenPumpFaultsItemsAndOneThatStoppedCancelsThem) {
  for (const auto why : {FaultCode::io_error, FaultCode::shutdown}) {
    backend_.reset();
    pump_.reset();
    ports_.clear();
    start();
    pump().hold(true);
    pump().start();
    map(kSrc, "data", pattern(5'000, 1));
    ASSERT_TRUE(backend_->allocate(kOut, 64));
    bind(kSrc, kOut);
    add(kAskForBytes, true);
    submit();
    while (pump().seen() == 0) std::this_thread::yield();
    pump().fail(why);
    const Completion ended = collect();
    EXPECT_EQ(ended.code(), why);
    EXPECT_EQ(ended.status(),
              why == FaultCode::io_error ? CompletionStatus::faulted : CompletionStatus::cancelled);
    // And so do those that come later, without a wait.
    EXPECT_EQ(run().code(), why);
    pump_.reset();
  }
}

TEST_F(CpuBackendFiles, ManyWorkgroupsAskFromSeveralWorkers) {
  options_.workers = 4;
  start();
  pump().batch = 4;
  pump().start();
  const Bytes bytes = pattern(300'000, 1);
  map(kSrc, "data", bytes);
  constexpr std::uint32_t kGroups{1'500};
  ASSERT_TRUE(backend_->allocate(kOut, kGroups * 16));
  bind(kSrc, kOut);
  add("async_load(src, t, wid.x * 52u, 16u, \"a\");\nasync_wait(\"a\");\n"
      "out[gid.x] = t[lid.x];\n",
      true);
  EXPECT_EQ(run(kGroups * 4).status(), CompletionStatus::done);
  Bytes want;
  for (std::uint32_t g = 0; g < kGroups; ++g) {
    const Bytes part = piece(bytes, g * 52, 16);
    want.insert(want.end(), part.begin(), part.end());
  }
  EXPECT_TRUE(read(kOut, kGroups * 16) == want);
  EXPECT_EQ(pump().answered(), kGroups);
}

TEST_F(CpuBackendFiles, IngestMemoryThatWasLeakedCanStillBeWrittenAfterTheBackend) {
  start();
  const MutableByteSpan memory = backend_->ingest_memory();
  backend_->leak_ingest_memory();
  EXPECT_TRUE(backend_->stop(Clock::now() + std::chrono::seconds{5}));
  backend_.reset();
  memory[IngestLayout::kStreams] = 1;
  EXPECT_EQ(memory[IngestLayout::kStreams], 1);
}

}  // namespace
}  // namespace vyre::cpu

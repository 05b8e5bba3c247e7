// Asynchronous copies out of files through the request lines: the bytes are those of memory, every
// way in which a read can fail becomes a fault where the lane waits, and no wait is without end.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <string>

#include "base/clock.hpp"
#include "cpu/interpreter/interpreter.hpp"
#include "fake_pump.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cpu {
namespace {

constexpr std::uint32_t kFile{0x0300'0007};  // a handle

core::Image image_of(const std::string& body, const std::string& lanes = "4, 1, 1",
                     std::uint32_t words = 50'000) {
  const std::string text =
      "workgroup " + lanes + ";\nbuffer src: u32[] read_only;\nbuffer t: u32[" +
      std::to_string(words) + "] workgroup;\nbuffer out: u32[] read_write;\nregion \"r\" {\n" +
      body + "}\n";
  auto program = vir::assemble(text);
  EXPECT_TRUE(program) << (program ? "" : to_string(program.error()));
  auto prepared = vir::prepare(*program);
  EXPECT_TRUE(prepared);
  const Status valid = vir::validate(*prepared);
  EXPECT_TRUE(valid) << (valid ? "" : valid.error().message);
  auto image = vir::lower(*prepared);
  EXPECT_TRUE(image) << (image ? "" : image.error().message);
  return *image;
}

/// Pre-order index of the nth AsyncWait.
std::uint32_t statement_of_wait(const core::Image& image, int nth = 0) {
  for (std::size_t i = 0; i < image.code.size(); ++i) {
    if (image.code[i].op == core::Opcode::async_wait && nth-- == 0) return image.statements[i];
  }
  ADD_FAILURE() << "no such wait";
  return 0;
}

class CpuFiles : public testing::Test {
 protected:
  TemporaryFolder folder_;
  LineMemory memory_;
  FakePump pump_{memory_.bytes()};
  queue::IoClient client_{queue::IoQueueView::of(memory_.bytes())};
  std::vector<std::uint32_t> files_{kFile, 0, 0};
  FileAsks asks_{&client_, files_, 0, 1, {}, kPumpPatience};
  Interpreter interpreter_;
  Bytes bytes_;
  int descriptor_{-1};

  void file(std::size_t bytes) {
    bytes_ = pattern(bytes, bytes + 1);
    descriptor_ = folder_.file("data", bytes_);
    pump_.publish(kFile, {descriptor_, bytes_.size(), {}});
  }

  struct Ran {
    core::RunResult result;
    Bytes out;  // with the poison on both sides
  };
  static constexpr std::size_t kPoison{64};

  /// Without `asks` the bytes are read where they lie; with them the source has no memory at all.
  Ran run(const core::Image& image, const FileAsks* asks, std::size_t out_bytes = 4'096,
          core::Grid grid = {1, 1, 1}, const std::atomic<bool>* stop = nullptr) {
    Ran ran{{}, Bytes(out_bytes + 2 * kPoison, 0xA5)};
    std::uint8_t* const nowhere = reinterpret_cast<std::uint8_t*>(std::uintptr_t{4'096});
    const std::vector<core::BufferView> buffers{
        {asks == nullptr ? bytes_.data() : nowhere, bytes_.size()},
        {nullptr, 0},
        {ran.out.data() + kPoison, out_bytes}};
    ran.result = interpreter_.run(image, buffers, grid, {0, grid[0]}, kDefaultFuel, stop, asks);
    return ran;
  }
  void expect_same(const core::Image& image, std::size_t out_bytes = 4'096,
                   core::Grid grid = {1, 1, 1}) {
    const Ran want = run(image, nullptr, out_bytes, grid);
    const Ran got = run(image, &asks_, out_bytes, grid);
    EXPECT_EQ(got.result.fault.code, want.result.fault.code);
    EXPECT_EQ(got.result.fault.workgroup, want.result.fault.workgroup);
    EXPECT_EQ(got.result.fault.lane, want.result.fault.lane);
    EXPECT_EQ(got.result.fault.statement, want.result.fault.statement);
    EXPECT_EQ(got.result.instructions, want.result.instructions);
    EXPECT_TRUE(got.out == want.out) << "other bytes than from memory";
    expect_poison(got, out_bytes);
  }
  static void expect_poison(const Ran& ran, std::size_t out_bytes) {
    const auto clean = [](auto begin, auto end) {
      return std::all_of(begin, end, [](std::uint8_t b) { return b == 0xA5; });
    };
    EXPECT_TRUE(clean(ran.out.begin(), ran.out.begin() + kPoison)) << "written before the buffer";
    EXPECT_TRUE(
        clean(ran.out.begin() + static_cast<std::ptrdiff_t>(kPoison + out_bytes), ran.out.end()))
        << "written behind the buffer";
  }
  /// Lines that nobody holds. Takes them, so at the end of a test.
  std::uint32_t credits() {
    std::uint32_t count = 0;
    while (client_.try_ask(IoRequestOp::fence, 0, 0, 0, 0, 0)) ++count;
    return count;
  }
};

TEST_F(CpuFiles, BytesAreThoseOfMemoryForEverySizeAtEveryOffset) {
  file(200'003);
  pump_.skip = 17;
  pump_.start();
  for (const std::uint32_t size : {0u, 1u, 511u, 512u, 513u, 4'095u, 4'096u, 4'097u, 65'535u,
                                   65'536u, 65'537u, 131'072u, 199'999u, 0xFFFF'FFFFu}) {
    for (const std::uint32_t offset :
         {0u, 1u, 4'095u, 4'096u, 65'535u, 135'000u, 200'002u, 200'003u, 200'004u, 0xFFFF'FFFFu}) {
      SCOPED_TRACE(std::to_string(size) + " bytes at " + std::to_string(offset));
      const std::string copy = std::to_string(offset) + "u, " + std::to_string(size) + "u, \"a\"";
      expect_same(image_of("if lid.x == 2u {\nasync_load(src, out, " + copy +
                           ");\nasync_wait(\"a\");\n}\n"),
                  180'001);
    }
  }
  EXPECT_EQ(pump_.answered(), pump_.seen());
  EXPECT_GT(pump_.answered(), 100u);
  EXPECT_EQ(credits(), kIoLines);
}

TEST_F(CpuFiles, ALargeFileIsReadBeyondFourGiB) {
  descriptor_ = folder_.file("sparse", {});
  const std::uint64_t edge = std::uint64_t{1} << 32;
  ASSERT_EQ(::ftruncate(descriptor_, static_cast<off_t>(edge + 100)), 0);
  const Bytes words = pattern(128, 9);
  ASSERT_EQ(::pwrite(descriptor_, words.data(), 128, static_cast<off_t>(edge - 64)), 128);
  pump_.publish(kFile, {descriptor_, edge + 100, {}});
  pump_.start();
  const core::Image image = image_of(
      "if lid.x == 0u {\nasync_load(src, out, 4294967232u, 128u, \"a\");\nasync_wait(\"a\");\n}\n");
  Bytes out(128);
  const std::vector<core::BufferView> buffers{
      {nullptr, edge + 100}, {nullptr, 0}, {out.data(), out.size()}};
  const auto ran =
      interpreter_.run(image, buffers, {1, 1, 1}, {0, 1}, kDefaultFuel, nullptr, &asks_);
  EXPECT_EQ(ran.fault.code, FaultCode::none);
  EXPECT_EQ(out, words);
}

TEST_F(CpuFiles, ManyLanesMayStartManyCopiesBeforeAnyWaits) {
  file(300'000);
  for (const std::uint32_t batch : {1u, 64u}) {
    SCOPED_TRACE("answers of " + std::to_string(batch) + " at once");
    LineMemory memory;
    FakePump pump{memory.bytes()};
    pump.batch = batch;
    pump.publish(kFile, {descriptor_, bytes_.size(), {}});
    pump.start();
    queue::IoClient client{queue::IoQueueView::of(memory.bytes())};
    asks_.client = &client;
    // 96 lanes, three copies each, five lines a lane: some 480 lines of 64.
    expect_same(
        image_of("async_load(src, t, lid.x * 977u, 100000u, \"a\");\n"
                 "async_load(src, t, lid.x * 3u, 65537u + lid.x, \"b\");\n"
                 "async_load(src, t, lid.x * 1000u, 8u, \"c\");\n"
                 "for i in 0u..96u {\nif lid.x == i {\n"
                 "async_wait(\"c\");\nout[i * 4u] = t[1u];\n"
                 "async_wait(\"a\");\nout[i * 4u + 1u] = t[i * 250u];\n"
                 "async_wait(\"b\");\nout[i * 4u + 2u] = t[16384u];\n}\n}\n",
                 "96, 1, 1"));
    EXPECT_GT(pump.answered(), 400u);
    EXPECT_LE(pump.most_under_way(), kIoLines);
    pump.kill();
  }
}

TEST_F(CpuFiles, NeighboursThatStartTheSameCopyShareItsRequests) {
  file(70'000);
  pump_.start();
  expect_same(
      image_of("async_load(src, t, 8u, 60000u, \"a\");\nasync_wait(\"a\");\n"
               "out[lid.x] = t[lid.x * 100u];\n",
               "64, 1, 1"));
  EXPECT_EQ(pump_.answered(), 1u);
}

TEST_F(CpuFiles, EveryWorkgroupAsksForItsOwnBytes) {
  file(100'000);
  pump_.start();
  expect_same(image_of("async_load(src, t, wid.x * 1111u, 4000u, \"a\");\nasync_wait(\"a\");\n"
                       "out[gid.x] = t[lid.x * 50u];\n"),
              4'096, {40, 1, 1});
  EXPECT_EQ(pump_.answered(), 40u);
}

TEST_F(CpuFiles, MisuseAndLimitsAreThoseOfMemory) {
  file(5'000'000);
  pump_.start();
  for (const char* body :
       {"async_load(src, out, 0u, 16u, \"a\");\nif lid.x == 2u { async_load(src, out, 0u, 16u, "
        "\"a\"); }\nasync_wait(\"a\");\n",
        "if lid.x > 1u { async_wait(\"a\"); }\n",
        "if lid.x == 3u { async_load(src, out, 0u, 4u, \"a\"); }\nout[gid.x] = 1u;\n"}) {
    SCOPED_TRACE(body);
    const core::Image image = image_of(body);
    EXPECT_EQ(run(image, nullptr).result.fault.code, FaultCode::async_misuse);
    expect_same(image);
  }
  // 128 lanes of 4 MB each are more than a workgroup may have pending.
  const core::Image image =
      image_of("async_load(src, t, lid.x / 32u, 4000000u, \"a\");\nasync_wait(\"a\");\n",
               "128, 1, 1", 1'000'000);
  EXPECT_EQ(run(image, nullptr).result.fault.code, FaultCode::copy_limit);
  expect_same(image);
  EXPECT_EQ(credits(), kIoLines) << "copies that nobody waited for keep their lines";
}

TEST_F(CpuFiles, AFileThatBecameShorterFaultsWhereTheLaneWaits) {
  file(100'000);
  ASSERT_EQ(::ftruncate(descriptor_, 50'000), 0);
  pump_.start();
  const core::Image image = image_of(
      "async_load(src, t, lid.x * 15000u, 10000u, \"a\");\nout[gid.x] = 1u;\n"
      "async_wait(\"a\");\nout[gid.x + 8u] = t[5u];\n",
      "8, 1, 1");
  const Ran ran = run(image, &asks_);
  EXPECT_EQ(ran.result.fault.code, FaultCode::io_error);
  EXPECT_EQ(ran.result.fault.lane, 3u) << "lanes 0 to 2 end at 40,000";
  EXPECT_EQ(ran.result.fault.workgroup, 0u);
  EXPECT_EQ(ran.result.fault.statement, statement_of_wait(image));
  expect_poison(ran, 4'096);
  EXPECT_EQ(credits(), kIoLines);
}

TEST_F(CpuFiles, TheWorkgroupThatFailsIsNamed) {
  file(40'000);
  ASSERT_EQ(::ftruncate(descriptor_, 35'000), 0);
  pump_.start();
  const core::Image image = image_of(
      "if lid.x == 1u {\nasync_load(src, t, wid.x * 10000u, 10000u, "
      "\"a\");\nasync_wait(\"a\");\n}\n");
  const Ran ran = run(image, &asks_, 4'096, {4, 1, 1});
  EXPECT_EQ(ran.result.fault.code, FaultCode::io_error);
  EXPECT_EQ(ran.result.fault.workgroup, 3u);
  EXPECT_EQ(ran.result.fault.lane, 1u);
}

struct Told {
  IoStatus status;
  std::int32_t error;
  FaultCode fault;
};
class Answers : public CpuFiles, public testing::WithParamInterface<Told> {};

TEST_P(Answers, BecomeTheFaultOfTheWaitingLane) {
  file(10'000);
  pump_.lie = [](const IoRequestLine& request) -> std::optional<IoCompletionLine> {
    if (request.offset != 512) return std::nullopt;
    IoCompletionLine answer{};
    answer.status = GetParam().status;
    answer.error_number = GetParam().error;
    return answer;
  };
  pump_.start();
  const core::Image image = image_of(
      "async_load(src, t, lid.x * 256u, 256u, \"a\");\nasync_load(src, t, 0u, 256u, \"b\");\n"
      "async_wait(\"b\");\nasync_wait(\"a\");\n");
  const Ran ran = run(image, &asks_);
  EXPECT_EQ(ran.result.fault.code, GetParam().fault);
  EXPECT_EQ(ran.result.fault.lane, 2u);
  EXPECT_EQ(ran.result.fault.statement, statement_of_wait(image, 1));
  EXPECT_EQ(credits(), kIoLines);
}

INSTANTIATE_TEST_SUITE_P(Files, Answers,
                         testing::Values(Told{IoStatus::error, EIO, FaultCode::io_error},
                                         Told{IoStatus::end_of_file, 0, FaultCode::io_error},
                                         Told{IoStatus::rejected, 0, FaultCode::io_error},
                                         Told{IoStatus::timeout, 0, FaultCode::io_error},
                                         Told{IoStatus::cancelled, 0, FaultCode::shutdown},
                                         Told{static_cast<IoStatus>(0), 0, FaultCode::io_error},
                                         Told{static_cast<IoStatus>(99), 0, FaultCode::io_error}));

TEST_F(CpuFiles, AnswersThatCannotBeTrueAreNotBelieved) {
  file(10'000);
  IoCompletionLine answer{};
  pump_.lie = [&answer](const IoRequestLine&) { return answer; };
  answer.status = IoStatus::ok;
  const core::Image image =
      image_of("if lid.x == 0u {\nasync_load(src, t, 0u, 5000u, \"a\");\nasync_wait(\"a\");\n}\n");
  const auto told = [&](std::uint64_t bytes, std::uint32_t skip) {
    LineMemory memory;
    FakePump pump{memory.bytes()};
    answer.bytes_done = bytes;
    answer.skip = skip;
    pump.lie = pump_.lie;
    pump.start();
    queue::IoClient client{queue::IoQueueView::of(memory.bytes())};
    FileAsks asks = asks_;
    asks.client = &client;
    return run(image, &asks).result.fault.code;
  };
  EXPECT_EQ(told(5'000, 0), FaultCode::none);
  EXPECT_EQ(told(4'999, 0), FaultCode::io_error);
  EXPECT_EQ(told(5'001, 0), FaultCode::io_error);
  EXPECT_EQ(told(5'000, static_cast<std::uint32_t>(kIoLineDataBytes) - 4'999), FaultCode::io_error);
  EXPECT_EQ(told(5'000, 0xFFFF'FFFF), FaultCode::io_error);
}

TEST_F(CpuFiles, HandlesRangesAndQueuesThatArePumpsAffairAreFaults) {
  file(10'000);
  pump_.publish(kFile + 1, {descriptor_, 10'000, 4});  // of queue 4
  pump_.publish(kFile + 2, {descriptor_, 1'000, {}});  // shorter than the program believes
  pump_.publish(kFile + 3, {-1, 10'000, {}});          // pread: EBADF
  pump_.start();
  const core::Image image =
      image_of("if lid.x == 1u {\nasync_load(src, t, 900u, 200u, \"a\");\nasync_wait(\"a\");\n}\n");
  const auto code = [&](std::uint32_t handle, std::uint32_t queue) {
    files_[0] = handle;
    asks_.queue = queue;
    return run(image, &asks_).result.fault.code;
  };
  EXPECT_EQ(code(kFile, 0), FaultCode::none);
  EXPECT_EQ(code(kFile + 1, 4), FaultCode::none);
  EXPECT_EQ(code(kFile + 1, 3), FaultCode::io_error);
  EXPECT_EQ(code(kFile + 2, 0), FaultCode::io_error);
  EXPECT_EQ(code(kFile + 3, 0), FaultCode::io_error);
  EXPECT_EQ(code(0x0400'0007, 0), FaultCode::io_error) << "another generation";
}

const char* const kOneCopy =
    "if lid.x == 1u {\nasync_load(src, t, 0u, 200u, \"a\");\nasync_wait(\"a\");\n}\n";

TEST_F(CpuFiles, AKilledPumpFailsWhoWaitsWithinTheBound) {
  file(10'000);
  pump_.start();
  const core::Image image = image_of(kOneCopy);
  EXPECT_EQ(run(image, &asks_).result.fault.code, FaultCode::none);
  pump_.kill();
  asks_.patience = std::chrono::milliseconds{50};
  const auto begin = Clock::now();
  const Ran ran = run(image, &asks_);
  EXPECT_EQ(ran.result.fault.code, FaultCode::io_error);
  EXPECT_EQ(ran.result.fault.lane, 1u);
  EXPECT_EQ(ran.result.fault.statement, statement_of_wait(image));
  EXPECT_GE(Clock::now() - begin, asks_.patience);
  // The next item does not wait for the same corpse again, nor for lines that it holds for ever.
  asks_.patience = std::chrono::hours{1};
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(run(image, &asks_).result.fault.code, FaultCode::io_error);
  }
}

TEST_F(CpuFiles, APumpThatTakesLongButLivesIsWaitedFor) {
  file(10'000);
  pump_.hold(true);
  pump_.start();
  // Longer than a busy machine keeps the pump's thread from giving a sign of life.
  asks_.patience = std::chrono::milliseconds{300};
  std::thread later([&] {
    std::this_thread::sleep_for(2 * asks_.patience);
    pump_.hold(false);
  });
  EXPECT_EQ(run(image_of(kOneCopy), &asks_).result.fault.code, FaultCode::none);
  later.join();
}

TEST_F(CpuFiles, AReadThatHangsUnderALivingPumpIsGivenUpWithinTheBound) {
  file(10'000);
  pump_.hold(true);
  pump_.start();
  asks_.patience = std::chrono::hours{1};
  asks_.give_up = std::chrono::milliseconds{40};
  const core::Image image = image_of(kOneCopy);
  const auto begin = Clock::now();
  const Ran ran = run(image, &asks_);
  EXPECT_GE(Clock::now() - begin, asks_.give_up);
  EXPECT_EQ(ran.result.fault.code, FaultCode::io_error);
  EXPECT_EQ(ran.result.fault.lane, 1u);
  EXPECT_EQ(ran.result.fault.statement, statement_of_wait(image));
  // Later items neither wait for that line nor leave the others' lines alone because of it.
  asks_.give_up = std::chrono::hours{1};
  const core::Image idle =
      image_of("if lid.x == 9u {\nasync_load(src, t, 0u, 200u, \"a\");\nasync_wait(\"a\");\n}\n");
  EXPECT_EQ(run(idle, &asks_).result.fault.code, FaultCode::none);
  asks_.workers = kIoLines;
  std::thread later([&] {
    const auto until = Clock::now() + std::chrono::seconds{10};
    while (pump_.seen() < 2 && Clock::now() < until) std::this_thread::yield();
    EXPECT_EQ(pump_.seen(), 2u) << "the worker does not ask by a second line";
    pump_.hold(false);
  });
  EXPECT_EQ(run(image, &asks_).result.fault.code, FaultCode::none);
  later.join();
  while (pump_.answered() < 2) std::this_thread::yield();
  EXPECT_EQ(run(idle, &asks_).result.fault.code, FaultCode::none);
  EXPECT_EQ(credits(), kIoLines) << "the line that was given up never came back";
}

TEST_F(CpuFiles, WhoFindsNoLineGivesUpWithinTheBoundToo) {
  file(10'000);
  pump_.hold(true);
  pump_.start();
  while (client_.try_ask(IoRequestOp::read, kFile, 0, 0, 1, 0)) {
  }
  asks_.patience = std::chrono::hours{1};
  asks_.give_up = std::chrono::milliseconds{20};
  EXPECT_EQ(run(image_of(kOneCopy), &asks_).result.fault.code, FaultCode::io_error);
}

TEST_F(CpuFiles, ABrokenPumpEndsTheWaitAtOnce) {
  file(10'000);
  for (const auto& [why, fault] : {std::pair{FaultCode::io_error, FaultCode::io_error},
                                   std::pair{FaultCode::shutdown, FaultCode::shutdown},
                                   std::pair{FaultCode::worker_lost, FaultCode::io_error}}) {
    LineMemory memory;
    FakePump pump{memory.bytes()};
    pump.hold(true);
    pump.start();
    queue::IoClient client{queue::IoQueueView::of(memory.bytes())};
    asks_.client = &client;
    asks_.patience = std::chrono::hours{1};
    std::thread later([&, why = why] {
      while (pump.seen() == 0) std::this_thread::yield();
      pump.fail(why);
    });
    EXPECT_EQ(run(image_of(kOneCopy), &asks_).result.fault.code, fault);
    later.join();
  }
}

TEST_F(CpuFiles, AStoppedWorkerLeavesItsLinesUntilTheirAnswersCame) {
  file(10'000);
  pump_.hold(true);
  pump_.start();
  asks_.patience = std::chrono::hours{1};
  const core::Image image = image_of(kOneCopy);
  std::atomic<bool> stop{false};
  std::thread later([&] {
    while (pump_.seen() == 0) std::this_thread::yield();
    stop = true;
  });
  EXPECT_EQ(run(image, &asks_, 4'096, {1, 1, 1}, &stop).result.fault.code, FaultCode::shutdown);
  later.join();
  // The pump may still write that slot: the line must not be anybody's before its answer.
  std::vector<queue::IoClient::Line> lines;
  while (const auto line = client_.try_ask(IoRequestOp::read, kFile, 0, 0, 1, 0)) {
    lines.push_back(*line);
  }
  EXPECT_EQ(lines.size(), kIoLines - 1);
  pump_.hold(false);
  for (const queue::IoClient::Line line : lines) {
    while (!client_.try_answer(line)) std::this_thread::yield();
    client_.give_back(line);
  }
  EXPECT_EQ(run(image, &asks_).result.fault.code, FaultCode::none);
  EXPECT_EQ(credits(), kIoLines) << "the line of the run that was stopped is lost";
}

TEST_F(CpuFiles, AFaultWithCopiesUnderWayGivesTheirLinesBack) {
  file(10'000);
  pump_.hold(true);
  pump_.start();
  std::thread later([&] {
    while (pump_.seen() == 0) std::this_thread::yield();
    pump_.hold(false);
  });
  const core::Image image =
      image_of("if lid.x == 1u {\nasync_load(src, t, 0u, 200u, \"a\");\nasync_wait(\"b\");\n}\n");
  EXPECT_EQ(run(image, &asks_).result.fault.code, FaultCode::async_misuse);
  later.join();
  EXPECT_EQ(credits(), kIoLines);
}

TEST_F(CpuFiles, AWorkerLeavesALineForEachOfTheOthers) {
  file(300'000);
  pump_.hold(true);
  pump_.start();
  asks_.workers = 20;
  std::atomic<bool> stop{false};
  std::thread later([&] {
    while (pump_.seen() < kIoLines - 19) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
    stop = true;
  });
  const core::Image image =
      image_of("async_load(src, t, lid.x * 100u, 10u, \"a\");\nasync_wait(\"a\");\n", "128, 1, 1");
  EXPECT_EQ(run(image, &asks_, 4'096, {1, 1, 1}, &stop).result.fault.code, FaultCode::shutdown);
  later.join();
  EXPECT_EQ(pump_.seen(), kIoLines - 19);
}

TEST_F(CpuFiles, WorkersThatShareTheLinesAllComeToTheirEnd) {
  file(300'000);
  pump_.batch = 8;
  pump_.start();
  constexpr std::uint32_t kWorkers{4};
  asks_.workers = kWorkers;
  std::atomic<std::uint32_t> rings{0};
  asks_.ring = [&rings] { ++rings; };
  const core::Image image = image_of(
      "async_load(src, t, lid.x * 2003u + wid.x, 70000u, \"a\");\n"
      "async_load(src, t, wid.x * 1000u + lid.x, 64u, \"b\");\n"
      "for i in 0u..24u {\nif lid.x == i {\nasync_wait(\"a\");\n"
      "out[gid.x * 2u] = t[17000u];\nasync_wait(\"b\");\nout[gid.x * 2u + 1u] = t[3u];\n"
      "}\n}\n",
      "24, 1, 1");
  const std::size_t out_bytes = 24 * 16 * 8;
  const Ran want = run(image, nullptr, out_bytes, {16, 1, 1});
  std::vector<Bytes> outs(kWorkers, Bytes(out_bytes));
  std::vector<std::thread> threads;
  for (std::uint32_t w = 0; w < kWorkers; ++w) {
    threads.emplace_back([&, w] {
      Interpreter interpreter;
      const std::vector<core::BufferView> buffers{
          {nullptr, bytes_.size()}, {nullptr, 0}, {outs[w].data(), out_bytes}};
      const auto ran =
          interpreter.run(image, buffers, {16, 1, 1}, {0, 16}, kDefaultFuel, nullptr, &asks_);
      EXPECT_EQ(ran.fault.code, FaultCode::none);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Bytes plain(want.out.begin() + kPoison,
                    want.out.begin() + static_cast<std::ptrdiff_t>(kPoison + out_bytes));
  for (const Bytes& out : outs) EXPECT_TRUE(out == plain);
  EXPECT_GT(rings, 0u);
  EXPECT_EQ(credits(), kIoLines);
}

}  // namespace
}  // namespace vyre::cpu

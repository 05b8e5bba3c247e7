// The device's end of the request lines without a device: programs that copy asynchronously out of
// files, run by an emulated warp, against a pump that is a host thread. Bytes are those of the same
// program over a plain buffer on the CPU; credits come back whatever happens.
#include "support/emulated_cuda.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "cpu/interpreter/interpreter.hpp"
#include "cuda/interpreter/interpret.cuh"
#include "protocol/limits.hpp"
#include "queue/io_queue.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

using cuda::interpreter::IoAccess;
using cuda::interpreter::IoWords;

constexpr std::uint32_t kFile{0x00300011};  // a handle with a generation
constexpr std::uint32_t kQueue{3};

Bytes file_bytes(std::size_t bytes) {
  Bytes out(bytes);
  std::mt19937_64 random(bytes);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
  return out;
}

core::Image image_of(const std::string& text) {
  const auto assembled = vir::assemble(text);
  if (!assembled) {
    ADD_FAILURE() << assembled.error().message;
    return {};
  }
  const auto program = vir::prepare(*assembled);
  if (!program || !vir::validate(*program)) {
    ADD_FAILURE() << "not a valid program";
    return {};
  }
  auto image = vir::lower(*program);
  if (!image) {
    ADD_FAILURE() << image.error().message;
    return {};
  }
  return *image;
}

std::string program(const std::string& statements, const std::string& more = "") {
  return "workgroup 64, 1, 1;\nbuffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n" +
         more + "region \"r\" {\n" + statements + "}\n";
}

/// Statement of the image's only async_wait.
std::uint32_t wait_statement(const core::Image& image) {
  for (std::size_t k = 0; k < image.code.size(); ++k) {
    if (image.code[k].op == core::Opcode::async_wait) return image.statements[k];
  }
  ADD_FAILURE() << "no async_wait";
  return 0;
}

/// Ingest memory, and a thread that answers from `file`, several requests late and in any order.
class PumpThread {
 public:
  using Answer = std::function<IoCompletionLine(const IoRequestLine&)>;

  explicit PumpThread(Bytes contents) : file(std::move(contents)) {
    const auto at = reinterpret_cast<std::uintptr_t>(storage_.data());
    memory_ = MutableByteSpan{storage_}.subspan((4096 - at % 4096) % 4096, IngestLayout::kStreams);
    view_ = queue::IoQueueView::of(memory_);
    access.head = view_.head;
    access.requests = view_.requests;
    access.completions = view_.completions;
    access.line_data = view_.line_data;
    access.words = &words;
    access.stop = &stop;
    access.give_up_ns = kRequestGiveUpNs;
  }
  ~PumpThread() { end(); }

  void start() {
    thread_ = std::thread([this] { serve(); });
  }
  void end() {
    leave_ = true;
    if (thread_.joinable()) thread_.join();
  }

  /// The bytes of a request in its slot, `skip` behind its begin.
  IoCompletionLine read(const IoRequestLine& request, std::uint32_t skip) {
    IoCompletionLine line{};
    line.skip = skip;
    line.offset = request.offset;
    const std::uint64_t left = request.offset < file.size() ? file.size() - request.offset : 0;
    line.bytes_done = std::min(left, request.length);
    line.status = line.bytes_done == request.length ? IoStatus::ok : IoStatus::end_of_file;
    std::memcpy(view_.line_data + request.destination * kIoLineDataBytes + skip,
                file.data() + request.offset, line.bytes_done);
    return line;
  }

  Bytes file;
  IoAccess access{};
  IoWords words{};
  std::uint32_t stop{0};
  Answer answer{[this](const IoRequestLine& r) { return read(r, skips[r.order % skips.size()]); }};
  std::vector<std::uint32_t> skips{0, 16, 3, 4095, 514, 1, 2'048, 4};
  std::atomic<bool> mute{false};        // answers nothing, beats on
  std::atomic<bool> beats{true};        // gives signs of life
  std::atomic<std::uint32_t> fail{0};   // a FaultCode: its last word
  std::atomic<std::uint64_t> seen{0};   // requests
  std::atomic<std::uint64_t> wrong{0};  // of them, not as they have to be
  std::atomic<std::uint64_t> answered{0};

 private:
  void serve() {
    queue::IoServer server(view_);
    std::vector<IoRequestLine> waiting;
    std::mt19937 random(7);
    bool failed = false;
    while (!leave_) {
      if (beats) server.beat();
      if (fail != 0 && !failed) {
        server.fail(fail);
        failed = true;
      }
      while (auto request = server.poll()) {
        if (request->op != IoRequestOp::read || request->source != kFile ||
            request->queue != kQueue || request->length == 0 || request->length > kIoRequestBytes)
          ++wrong;
        ++seen;
        waiting.push_back(*request);
      }
      if (mute || failed || waiting.empty()) {
        std::this_thread::yield();
        continue;
      }
      const std::size_t pick = random() % waiting.size();
      server.answer(waiting[pick], answer(waiting[pick]));
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(pick));
      ++answered;
    }
  }

  std::vector<std::uint8_t> storage_ = std::vector<std::uint8_t>(IngestLayout::kStreams + 4096);
  MutableByteSpan memory_;
  queue::IoQueueView view_;
  std::atomic<bool> leave_{false};
  std::thread thread_;
};

struct Ran {
  core::RunResult result;
  std::vector<Bytes> buffers;
};

/// Buffer 0 is the pump's file; workgroup buffers are empty.
/// `out_bytes`: what buffer 1 claims to have, where that is more than it has.
Ran run_on_warp(const core::Image& image, PumpThread& pump, std::vector<Bytes> buffers,
                std::uint64_t workgroups = 1, std::uint64_t scratch_bytes = 256 * 1024,
                std::uint64_t out_bytes = 0) {
  std::vector<core::BoundBuffer> bound;
  for (std::size_t k = 0; k < image.buffers.size(); ++k) {
    core::BufferView view{buffers[k].data(), buffers[k].size()};
    if (k == 0) {
      view = {reinterpret_cast<std::uint8_t*>(cuda::interpreter::kFileTag | kFile),
              pump.file.size()};
    }
    if (k == 1) view.bytes = std::max<std::uint64_t>(view.bytes, out_bytes);
    bound.push_back(core::bind_buffer(view, image.buffers[k]));
  }
  std::vector<std::uint8_t> scratch(scratch_bytes + 256, 0xAB);
  const auto at = reinterpret_cast<std::uintptr_t>(scratch.data());
  std::vector<core::Instruction> code(image.code.size() + 1);
  core::ImageView view = image.view();
  auto* const place = reinterpret_cast<core::Instruction*>(
      (reinterpret_cast<std::uintptr_t>(code.data()) + 15) / 16 * 16);
  std::copy(image.code.begin(), image.code.end(), place);
  view.code = place;
  cuda::interpreter::WarpMemory memory{test::emulated_shared(), 13 * 1024,
                                       scratch.data() + (256 - at % 256) % 256, scratch_bytes};
  memory.io = &pump.access;
  memory.queue = kQueue;
  std::array<cuda::interpreter::Staged, 32> staged;
  std::array<core::RunResult, 32> ran;
  test::run_warp([&](std::uint32_t lane) {
    ran[lane] =
        cuda::interpreter::run(view, image.workgroup_bytes, image.uses_async, bound.data(),
                               {static_cast<std::uint32_t>(workgroups), 1, 1}, {0, workgroups},
                               kDefaultFuel, &pump.stop, memory, staged[lane]);
  });
  for (const core::RunResult& one : ran) {
    EXPECT_EQ(one.fault.code, ran[0].fault.code) << "lanes do not agree";
    EXPECT_EQ(one.fault.lane, ran[0].fault.lane) << "lanes do not agree";
  }
  return {ran[0], std::move(buffers)};
}

/// The same on the CPU with the file as a plain buffer; everything has to be the same, and every
/// line free again.
Ran agree(const std::string& text, PumpThread& pump, std::vector<Bytes> buffers,
          std::uint32_t workgroups = 1, std::uint64_t scratch_bytes = 256 * 1024) {
  const core::Image image = image_of(text);
  Ran want{{}, buffers};
  want.buffers[0] = pump.file;
  std::vector<core::BufferView> views;
  for (Bytes& bytes : want.buffers) views.push_back({bytes.data(), bytes.size()});
  want.result =
      cpu::Interpreter().run(image, views, {workgroups, 1, 1}, {0, workgroups}, kDefaultFuel);
  Ran have = run_on_warp(image, pump, std::move(buffers), workgroups, scratch_bytes);
  EXPECT_EQ(have.result.fault.code, want.result.fault.code);
  EXPECT_EQ(have.result.fault.workgroup, want.result.fault.workgroup);
  EXPECT_EQ(have.result.fault.lane, want.result.fault.lane);
  EXPECT_EQ(have.result.fault.statement, want.result.fault.statement);
  if (want.result.fault.code == FaultCode::none) {
    for (std::size_t k = 1; k < have.buffers.size(); ++k)
      EXPECT_EQ(have.buffers[k], want.buffers[k]) << "buffer " << k;
  }
  EXPECT_EQ(pump.words.taken, 0u) << "lines were not given back";
  EXPECT_EQ(pump.wrong, 0u) << "requests that no pump would take";
  return have;
}

TEST(EmulatedIo, BytesOfAnyPlaceAndLengthArriveAsTheyAreInTheFile) {
  PumpThread pump(file_bytes(300'001));
  pump.start();
  for (const std::uint32_t offset : {0u, 1u, 3u, 4u, 16u, 65'535u, 65'536u, 299'990u, 300'001u}) {
    for (const std::uint32_t size : {0u, 1u, 4u, 15u, 17u, 4'096u, 65'536u, 65'537u, 150'000u}) {
      SCOPED_TRACE(std::to_string(size) + " at " + std::to_string(offset));
      agree(program("if lid.x == 0u {\nasync_load(src, out, " + std::to_string(offset) + "u, " +
                    std::to_string(size) + "u, \"a\");\nasync_wait(\"a\");\n}\n"),
            pump, {{}, Bytes(160'000, 0xC3)});
    }
  }
  // As the source of a store the file is read from its begin.
  agree(program("if lid.x == 0u {\nasync_store(src, out, 1001u, 140000u, \"a\");\n"
                "async_wait(\"a\");\n}\n"),
        pump, {{}, Bytes(160'000, 0xC3)});
}

TEST(EmulatedIo, WithoutCreditAWarpTakesInWhatItHasAndGoesOn) {
  // 64 lanes with two pieces each, twice as many as there are lines.
  PumpThread pump(file_bytes(200'000));
  pump.start();
  agree(program("async_load(src, out, lid.x * 1777u, 66000u, \"a\");\n"
                "for i in 0u..64u {\nif lid.x == i {\nasync_wait(\"a\");\n"
                "for k in 0u..16u { res[i * 16u + k] = out[k * 1031u]; }\n}\n}\n",
                "buffer res: u32[] read_write;\n"),
        pump, {{}, Bytes(66'000), Bytes(64 * 16 * 4)}, 1, std::uint64_t{6} << 20);
  EXPECT_EQ(pump.seen, 128u);
  EXPECT_EQ(pump.words.order, 128u);
}

TEST(EmulatedIo, LinesThatOthersHoldAreWaitedFor) {
  PumpThread pump(file_bytes(200'000));
  pump.start();
  pump.words.taken = ~std::uint64_t{0};  // other warps'
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    __atomic_fetch_and(&pump.words.taken, ~(std::uint64_t{1} << 63), __ATOMIC_RELEASE);
  });
  const Ran ran = run_on_warp(image_of(program("if lid.x == 0u {\nasync_load(src, out, 5u, "
                                               "150000u, \"a\");\nasync_wait(\"a\");\n}\n")),
                              pump, {{}, Bytes(160'000)});
  other.join();
  EXPECT_EQ(ran.result.fault.code, FaultCode::none);
  EXPECT_EQ(std::memcmp(ran.buffers[1].data(), pump.file.data() + 5, 150'000), 0);
  EXPECT_EQ(pump.words.taken, ~(std::uint64_t{1} << 63));
  EXPECT_EQ(pump.words.laps[63], 3u) << "one line did all of it";
}

TEST(EmulatedIo, NeighboursThatCopyTheSameBytesAskOnce) {
  PumpThread pump(file_bytes(100'000));
  pump.start();
  agree(program("async_load(src, out, 128u, 70000u, \"a\");\nasync_wait(\"a\");\n"), pump,
        {{}, Bytes(70'000)});
  EXPECT_EQ(pump.seen, 2u);
}

TEST(EmulatedIo, CopiesOverManyWorkgroupsAndWithAlmostNoRoomStayRight) {
  PumpThread pump(file_bytes(9'000));
  pump.start();
  const std::string text = program(
      "if lid.x == 0u {\nasync_load(src, t, wid.x * 64u, 512u, \"a\");\nasync_wait(\"a\");\n"
      "for i in 0u..40u {\nasync_store(src, out, i * 4u, 5120u, \"b\");\n"
      "async_load(src, t, i * 8u, 600u, \"c\");\nasync_wait(\"b\");\n"
      "async_store(t, out, 600u, i, \"d\");\nasync_wait(\"c\");\nasync_wait(\"d\");\n}\n}\n"
      "barrier;\nout[200u + lid.x] = t[lid.x];\n",
      "buffer t: u32[256] workgroup;\n");
  agree(text, pump, {{}, Bytes(6'000), {}}, 3);
  agree(text, pump, {{}, Bytes(6'000), {}}, 3, 66'048);
}

TEST(EmulatedIo, AFailureIsOfTheCopyWhoseBytesDidNotComeAndNotOfItsNeighbour) {
  PumpThread pump(file_bytes(64));
  pump.answer = [](const IoRequestLine& request) {
    IoCompletionLine failed{};
    failed.offset = request.offset;
    failed.status = IoStatus::error;
    return failed;
  };
  pump.start();
  // Lane 0 copies out of memory what lies just before the bytes that lane 5 asks for.
  const core::Image image = image_of(
      program("if lid.x == 0u { async_store(out, out, 64u, 16u, \"a\"); }\n"
              "if lid.x == 5u { async_load(src, out, 0u, 16u, \"b\"); async_wait(\"b\"); }\n"
              "if lid.x == 0u { async_wait(\"a\"); }\n"));
  const Ran ran = run_on_warp(image, pump, {{}, Bytes(128, 7)});
  EXPECT_EQ(ran.result.fault.code, FaultCode::io_error);
  EXPECT_EQ(ran.result.fault.lane, 5u);
}

TEST(EmulatedIo, ACopyThatWasWaitedForLeavesTheWholeLimitToTheNext) {
  for (const std::uint64_t beyond : {0u, 1u}) {
    PumpThread pump(file_bytes(64));
    pump.start();
    const std::uint64_t most = kMaxPendingCopyBytes - kPendingCopyOverhead + beyond;
    // Nothing is written there: the second copy is never waited for.
    const core::Image image = image_of(
        program("if lid.x == 3u {\nfor i in 0u..9u { async_load(src, out, 0u, 16u, \"a\"); "
                "async_wait(\"a\"); }\nasync_load(src, out, 0u, " +
                std::to_string(most) + "u, \"b\");\n}\n"));
    const Ran ran = run_on_warp(image, pump, {{}, Bytes(64)}, 1, 256 * 1024, kMaxPendingCopyBytes);
    EXPECT_EQ(ran.result.fault.code, beyond == 0 ? FaultCode::async_misuse : FaultCode::copy_limit);
    EXPECT_EQ(ran.result.fault.lane, 3u);
    EXPECT_EQ(pump.words.taken, 0u);
  }
}

TEST(EmulatedIo, WhatGoesWrongFaultsTheLaneThatWaitsForIt) {
  const core::Image image =
      image_of(program("async_load(src, out, lid.x * 100u, 100u, \"a\");\nasync_wait(\"a\");\n"));
  struct Wrong {
    IoStatus status;
    FaultCode code;
  };
  for (const Wrong wrong : {Wrong{IoStatus::error, FaultCode::io_error},
                            Wrong{IoStatus::end_of_file, FaultCode::io_error},
                            Wrong{IoStatus::rejected, FaultCode::io_error},
                            Wrong{IoStatus::timeout, FaultCode::io_error},
                            Wrong{IoStatus::cancelled, FaultCode::shutdown}}) {
    SCOPED_TRACE(static_cast<std::uint32_t>(wrong.status));
    PumpThread pump(file_bytes(100'000));
    pump.answer = [&](const IoRequestLine& request) {
      IoCompletionLine answer = pump.read(request, 0);
      if (request.offset != 500 && request.offset != 900) return answer;
      answer.status = wrong.status;
      answer.bytes_done = 60;
      return answer;
    };
    pump.start();
    const Ran ran = run_on_warp(image, pump, {{}, Bytes(100)});
    EXPECT_EQ(ran.result.fault.code, wrong.code);
    EXPECT_EQ(ran.result.fault.lane, 5u);
    EXPECT_EQ(ran.result.fault.statement, wait_statement(image));
    EXPECT_EQ(pump.words.taken, 0u);
  }
}

TEST(EmulatedIo, AFailureThatWasTakenInEarlyIsToldToTheLaneThatWaits) {
  // All lines are in use when lane 63 asks, so lane 0's failure comes long before its wait.
  const core::Image image = image_of(
      program("async_load(src, out, lid.x * 1777u, 66000u, \"a\");\nasync_wait(\"a\");\n"));
  PumpThread pump(file_bytes(200'000));
  pump.answer = [&](const IoRequestLine& request) {
    IoCompletionLine answer = pump.read(request, 0);
    if (request.offset == 2 * 1777 + kIoRequestBytes) answer.status = IoStatus::error;
    return answer;
  };
  pump.start();
  const Ran ran = run_on_warp(image, pump, {{}, Bytes(66'000)}, 1, std::uint64_t{6} << 20);
  EXPECT_EQ(ran.result.fault.code, FaultCode::io_error);
  EXPECT_EQ(ran.result.fault.lane, 2u);
  EXPECT_EQ(ran.result.fault.statement, wait_statement(image));
  EXPECT_EQ(pump.words.taken, 0u);
}

TEST(EmulatedIo, AnAnswerThatDoesNotFitItsRequestIsNotBelieved) {
  const core::Image image = image_of(
      program("if lid.x == 0u {\nasync_load(src, out, 0u, 100u, \"a\");\nasync_wait(\"a\");\n}\n"));
  for (const int which : {0, 1}) {
    PumpThread pump(file_bytes(1'000));
    pump.answer = [&](const IoRequestLine& request) {
      IoCompletionLine answer = pump.read(request, 0);
      if (which == 0) answer.skip = kIoBlock + 1;
      if (which == 1) answer.bytes_done = 99;  // and yet it says ok
      return answer;
    };
    pump.start();
    EXPECT_EQ(run_on_warp(image, pump, {{}, Bytes(100)}).result.fault.code, FaultCode::io_error);
  }
}

TEST(EmulatedIo, ADeadPumpEndsEveryWaitWithItsReason) {
  const core::Image image = image_of(
      program("async_load(src, out, lid.x * 1777u, 66000u, \"a\");\nasync_wait(\"a\");\n"));
  struct Death {
    const char* how;
    FaultCode last_word;
    FaultCode seen;
  };
  for (const Death death : {Death{"fails", FaultCode::worker_lost, FaultCode::io_error},
                            Death{"stops", FaultCode::shutdown, FaultCode::shutdown},
                            Death{"is silent", FaultCode::none, FaultCode::io_error}}) {
    SCOPED_TRACE(death.how);
    PumpThread pump(file_bytes(200'000));
    pump.mute = true;
    pump.fail = static_cast<std::uint32_t>(death.last_word);
    pump.beats = death.last_word != FaultCode::none;
    test::emulated_clock_rate = 100;
    pump.start();
    const Ran ran = run_on_warp(image, pump, {{}, Bytes(66'000)}, 1, std::uint64_t{6} << 20);
    test::emulated_clock_rate = 1;
    EXPECT_EQ(ran.result.fault.code, death.seen);
    EXPECT_EQ(ran.result.fault.lane, 0u);  // where starting fails, lower lanes go on to their wait
    // Their slots may still be written: nobody gets these lines before their answers.
    EXPECT_EQ(pump.words.taken, ~std::uint64_t{0});
    EXPECT_EQ(pump.words.lost, ~std::uint64_t{0});
  }
}

TEST(EmulatedIo, LinesThatWereLostAreUsedAgainOnceTheirAnswersCameAndNotBefore) {
  const std::string text =
      program("async_load(src, out, lid.x * 1777u, 66000u, \"a\");\nasync_wait(\"a\");\n");
  constexpr std::uint64_t kRoom{std::uint64_t{6} << 20};
  PumpThread pump(file_bytes(200'000));
  pump.mute = true;
  pump.beats = false;
  test::emulated_clock_rate = 100;
  pump.start();
  EXPECT_EQ(run_on_warp(image_of(text), pump, {{}, Bytes(66'000)}, 1, kRoom).result.fault.code,
            FaultCode::io_error);
  test::emulated_clock_rate = 1;
  EXPECT_EQ(pump.words.lost, ~std::uint64_t{0});
  // It lives again, and its answers are still on their way.
  pump.beats = true;
  pump.access.give_up_ns = 20'000'000;
  EXPECT_EQ(run_on_warp(image_of(text), pump, {{}, Bytes(66'000)}, 1, kRoom).result.fault.code,
            FaultCode::io_error);
  EXPECT_EQ(pump.words.lost, ~std::uint64_t{0});
  EXPECT_EQ(pump.words.order, kIoLines) << "a request in a line whose slot may still be written";
  pump.access.give_up_ns = kRequestGiveUpNs;
  pump.mute = false;
  while (pump.answered < kIoLines) std::this_thread::yield();
  agree(text, pump, {{}, Bytes(66'000)}, 1, kRoom);
  EXPECT_EQ(pump.words.lost, 0u);
  EXPECT_EQ(pump.words.order, 3 * kIoLines);
}

TEST(EmulatedIo, OfTheLinesThatWereLostOnlyThoseWithAnAnswerAreTakenOver) {
  PumpThread pump(file_bytes(1'000));
  pump.answer = [&](const IoRequestLine& request) { return pump.read(request, 0); };
  pump.start();
  // 62 lines are other warps'; of the two that were lost, line 9 is answered up to its lap.
  pump.words.taken = ~std::uint64_t{0};
  pump.words.lost = std::uint64_t{1} << 5 | std::uint64_t{1} << 9;
  pump.words.laps[5] = 7;
  const Ran ran = run_on_warp(image_of(program("if lid.x == 0u {\nasync_load(src, out, 3u, 100u, "
                                               "\"a\");\nasync_wait(\"a\");\n}\n")),
                              pump, {{}, Bytes(100)});
  EXPECT_EQ(ran.result.fault.code, FaultCode::none);
  EXPECT_EQ(std::memcmp(ran.buffers[1].data(), pump.file.data() + 3, 100), 0);
  EXPECT_EQ(pump.words.lost, std::uint64_t{1} << 5);
  EXPECT_EQ(pump.words.taken, ~(std::uint64_t{1} << 9));
  EXPECT_EQ(pump.words.laps[5], 7u);
  EXPECT_EQ(pump.words.laps[9], 1u);
}

TEST(EmulatedIo, AReadThatHangsUnderALivingPumpIsGivenUp) {
  const core::Image image = image_of(
      program("if lid.x == 3u {\nasync_load(src, out, 0u, 100u, \"a\");\nasync_wait(\"a\");\n}\n"));
  PumpThread pump(file_bytes(1'000));
  pump.mute = true;
  pump.access.give_up_ns = 30'000'000;
  pump.start();
  const auto begin = std::chrono::steady_clock::now();
  const Ran ran = run_on_warp(image, pump, {{}, Bytes(100)});
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds{20});
  EXPECT_EQ(ran.result.fault.code, FaultCode::io_error);
  EXPECT_EQ(ran.result.fault.lane, 3u);
  EXPECT_EQ(ran.result.fault.statement, wait_statement(image));
  EXPECT_EQ(pump.words.taken, 1u);
  EXPECT_EQ(pump.words.lost, 1u);
}

TEST(EmulatedIo, AClockThatJumpsBetweenTwoLooksIsNoSilence) {
  PumpThread pump({});  // never started: no beat
  std::vector<FaultCode> seen;
  test::run_warp([&](std::uint32_t lane) {
    cuda::interpreter::io::Patience patience(pump.access);
    for (std::uint32_t k = 0; k < 5 * cuda::interpreter::io::kLooksApart; ++k) {
      // A machine's time since its start, again: far more than the silence of a dead pump.
      if (lane == 0) test::emulated_clock_rate = 1 + k / cuda::interpreter::io::kLooksApart;
      const FaultCode code = patience.wait();
      if (lane == 0) seen.push_back(code);
    }
  });
  test::emulated_clock_rate = 1;
  EXPECT_EQ(seen, std::vector<FaultCode>(5 * cuda::interpreter::io::kLooksApart, FaultCode::none));
}

TEST(EmulatedIo, AnOrderToStopEndsTheWaitAndLosesTheLine) {
  PumpThread pump(file_bytes(1'000));
  pump.mute = true;
  pump.start();
  std::thread other([&] {
    // The order comes while the warp waits for its answer.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (__atomic_load_n(&pump.words.taken, __ATOMIC_RELAXED) == 0 &&
           std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    __atomic_store_n(&pump.stop, 1u, __ATOMIC_RELAXED);
  });
  const Ran ran = run_on_warp(image_of(program("if lid.x == 0u {\nasync_load(src, out, 0u, 100u, "
                                               "\"a\");\nasync_wait(\"a\");\n}\n")),
                              pump, {{}, Bytes(100)});
  other.join();
  EXPECT_EQ(ran.result.fault.code, FaultCode::shutdown);
  EXPECT_EQ(pump.words.taken, 1u);
  EXPECT_EQ(pump.words.lost, 1u);
}

TEST(EmulatedIo, AFaultWithCopiesUnderWayGivesTheirLinesBack) {
  PumpThread pump(file_bytes(100'000));
  pump.start();
  agree(program("async_load(src, out, lid.x * 100u, 100u, \"a\");\n"
                "if lid.x == 9u { trap(7u, \"no\"); }\nasync_wait(\"a\");\n"),
        pump, {{}, Bytes(100)});
  agree(program("async_load(src, out, lid.x * 100u, 100u, \"a\");\nout[0u] = 1u;\n"), pump,
        {{}, Bytes(100)});  // misuse: nobody waits
  EXPECT_EQ(pump.seen, 128u);
}

}  // namespace
}  // namespace vyre

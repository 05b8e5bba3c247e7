// Programs through a session: what is bound to what, faults with their place, files, items spread
// over workers.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fixtures.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

Result<OpHandle> assemble_into(Session& session, std::string_view name, std::string_view text) {
  VYRE_ASSIGN(const vir::Program program, vir::assemble(text));
  return session.register_program(name, program);
}

constexpr std::string_view kAdd =
    "workgroup 64, 1, 1;\n"
    "buffer a: u32[] read_only;\n"
    "buffer b: u32[] read_only;\n"
    "buffer y: u32[4] read_write output live_out;\n"
    "region \"add\" { if gid.x < len(y) { y[gid.x] = a[gid.x] + b[gid.x]; } }\n";

constexpr std::string_view kDouble =
    "workgroup 64, 1, 1;\n"
    "buffer x: u32[] read_write;\n"
    "region \"double\" { if gid.x < len(x) { x[gid.x] = x[gid.x] * 2; } }\n";

class Programs : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Session::open(test_options(3));
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
  }
  Handle upload(std::initializer_list<std::uint32_t> values) {
    return *session_->upload(words(values));
  }
  Handle bind(std::vector<Handle> buffers) { return *session_->bind(buffers); }
  Bytes bytes(Handle handle) { return *session_->download(handle, soon()); }
  std::optional<Session> session_;
};

TEST_F(Programs, ReadTheirInputsAndZeroFillTheirOutputs) {
  auto op = assemble_into(*session_, "add", kAdd);
  ASSERT_OK(op);
  const Handle in = bind({upload({1, 2}), upload({10, 20, 30, 40, 50})});
  const Handle out = upload({7, 7, 7, 7});
  EXPECT_EQ(run(*session_, {op->id, in.id, out.id, 0}), "done none");
  EXPECT_EQ(bytes(out), words({11, 22, 30, 40}));
}

TEST_F(Programs, OutputsOfManyPagesBeginAsZerosThroughout) {
  const auto op =
      assemble_into(*session_, "one",
                    "workgroup 64, 1, 1;\n"
                    "buffer y: u32[50000] read_write output live_out;\n"
                    "region \"one\" { if gid.x == 40000 { y[gid.x] = y[49999] + 1; } }\n");
  ASSERT_OK(op);
  const Handle out = *session_->upload(Bytes(200'000, 0xEE));
  EXPECT_EQ(run(*session_, {op->id, 0, out.id, 0}), "done none");
  Bytes expected(200'000, 0);
  expected[160'000] = 1;
  EXPECT_TRUE(bytes(out) == expected);
}

TEST_F(Programs, OutputsOfManyMebibytesBeginAsZerosThroughout) {
  constexpr std::uint64_t kBytes{(std::uint64_t{33} << 20) + 4};  // made zero piece by piece
  const auto op = assemble_into(*session_, "one",
                                "workgroup 64, 1, 1;\n"
                                "buffer y: u32[" +
                                    std::to_string(kBytes / 4) +
                                    "] read_write output live_out;\n"
                                    "region \"one\" { if gid.x == 0 { y[0] = 1; } }\n");
  ASSERT_OK(op);
  const Handle out = *session_->allocate(kBytes);
  ASSERT_EQ(run(*session_, {kFill, 0, out.id, 0xEEEEEEEE}), "done none");
  EXPECT_EQ(run(*session_, {op->id, 0, out.id, 64}), "done none");
  Bytes expected(kBytes, 0);
  expected[0] = 1;
  EXPECT_TRUE(bytes(out) == expected);
}

TEST_F(Programs, SayWhatTheyNeedBound) {
  auto op = assemble_into(*session_, "add", kAdd);
  ASSERT_OK(op);
  const auto info = session_->op_info(*op);
  ASSERT_OK(info);
  ASSERT_EQ(info->signature.inputs.size(), 2u);
  EXPECT_EQ(info->signature.inputs[1].name, "b");
  EXPECT_FALSE(info->signature.inputs[1].read_write);
  ASSERT_EQ(info->signature.outputs.size(), 1u);
  EXPECT_EQ(info->signature.outputs[0].min_bytes, 16u);
  EXPECT_TRUE(info->fingerprint.has_value());
  EXPECT_EQ(info->handle.id, kFirstUserOp);
}

TEST_F(Programs, TouchAnOutputOnlyAsFarAsTheyDeclareIt) {
  auto op = assemble_into(*session_, "add", kAdd);
  const Handle in = bind({upload({1, 2, 3, 4, 5, 6}), upload({1, 1, 1, 1, 1, 1})});
  const Handle out = upload({9, 9, 9, 9, 9, 9});
  EXPECT_EQ(run(*session_, {op->id, in.id, out.id, 0}), "done none");
  EXPECT_EQ(bytes(out), words({2, 3, 4, 5, 9, 9}));
}

TEST_F(Programs, FaultWithBadBindingWhenBuffersDoNotFit) {
  auto op = assemble_into(*session_, "add", kAdd);
  const Handle one = upload({1});
  const Handle pair = bind({one, upload({2})});
  const Handle out = upload({0, 0, 0, 0});
  const auto outcome = [&](Handle in, Handle o) {
    return run(*session_, {op->id, in.id, o.id, 0});
  };
  EXPECT_EQ(outcome(one, out), "faulted bad_binding") << "one input of two";
  EXPECT_EQ(outcome(bind({one, one, one}), out), "faulted bad_binding") << "three inputs of two";
  EXPECT_EQ(outcome(pair, Handle{0}), "faulted bad_binding") << "no output";
  EXPECT_EQ(outcome(pair, upload({1, 2, 3})), "faulted bad_binding") << "short output";
  EXPECT_EQ(outcome(pair, bind({out, one})), "faulted bad_binding") << "two outputs of one";
  EXPECT_EQ(outcome(bind({one, out}), out), "faulted bad_binding")
      << "written and read under two names";
  EXPECT_EQ(outcome(bind({one, one}), out), "done none") << "read twice is fine";
}

TEST_F(Programs, FaultWithBadBindingWhereABufferWithoutBytesIsWrittenUnderTwoNames) {
  const auto op = assemble_into(*session_, "copy",
                                "workgroup 64, 1, 1;\n"
                                "buffer x: u32[] read_only;\n"
                                "buffer y: u32[] read_write;\n"
                                "region \"copy\" { if gid.x < len(x) { y[gid.x] = x[gid.x]; } }\n");
  ASSERT_OK(op);
  const Handle one = *session_->allocate(0);
  const Handle two = *session_->allocate(0);
  EXPECT_EQ(run(*session_, {op->id, bind({one, two}).id, 0, 64}), "done none");
  EXPECT_EQ(run(*session_, {op->id, bind({one, one}).id, 0, 64}), "faulted bad_binding");
}

TEST_F(Programs, ReadWriteInputsAreWrittenInPlace) {
  auto op = assemble_into(*session_, "double", kDouble);
  ASSERT_OK(op);
  EXPECT_TRUE(session_->op_info(*op)->signature.inputs[0].read_write);
  const Handle x = upload({1, 2, 3});
  EXPECT_EQ(run(*session_, {op->id, x.id, 0, 0}), "done none");
  EXPECT_EQ(bytes(x), words({2, 4, 6}));
}

TEST_F(Programs, ParamAsksForAGridOfThatManyInvocations) {
  auto op = assemble_into(*session_, "count",
                          "workgroup 8, 1, 1;\n"
                          "buffer n: u32[1] read_write output live_out;\n"
                          "region \"count\" { let before = atomic_add(n[0], 1); }\n");
  ASSERT_OK(op);
  const Handle n = upload({0});
  for (const auto& [param, lanes] :
       {std::pair{0u, 8u}, {1u, 8u}, {9u, 16u}, {100'000u, 100'000u}}) {
    EXPECT_EQ(run(*session_, {op->id, 0, n.id, param}), "done none");
    EXPECT_EQ(bytes(n), words({lanes})) << param;
  }
}

TEST_F(Programs, AFaultCarriesTheLowestWorkgroupThatFaulted) {
  // Workgroups 40 and up divide by zero; spread over the workers in any order.
  auto op =
      assemble_into(*session_, "fault",
                    "workgroup 256, 1, 1;\n"
                    "buffer y: i32[262144] read_write output live_out;\n"
                    "region \"fault\" { y[gid.x] = 100 as i32 / (i32(gid.x / 10240) - 1i); }\n");
  if (!op) {
    op = assemble_into(
        *session_, "fault",
        "workgroup 256, 1, 1;\n"
        "buffer y: u32[262144] read_write output live_out;\n"
        "region \"fault\" { y[gid.x] = u32(i32(100) / (i32(gid.x / 10240) - i32(1))); }\n");
  }
  ASSERT_OK(op);
  const Handle y = *session_->allocate(262'144 * 4);
  for (int i = 0; i < 5; ++i) {
    auto ticket = session_->submit({op->id, 0, y.id, 0}, soon());
    ASSERT_OK(ticket);
    const auto result = session_->wait(*ticket, soon());
    ASSERT_OK(result);
    EXPECT_EQ(outcome(*result), "faulted i32_division_by_zero");
    EXPECT_EQ(result->fault.workgroup, 40u);
    EXPECT_EQ(result->fault.lane, 0u);
  }
}

TEST_F(Programs, AFaultCarriesTheLowestWorkgroupAlsoWhereAHigherOneFaultsFirst) {
  const auto op = assemble_into(
      *session_, "late",
      "workgroup 256, 1, 1;\n"
      "buffer y: u32[1048576] read_write output live_out;\n"
      "region \"late\" {\n"
      "  if wid.x == 3 { for i in 0..20000 { y[gid.x] = y[gid.x] + i; } trap(1, \"low\"); }\n"
      "  if wid.x > 2000 { trap(2, \"high\"); }\n"
      "}\n");
  ASSERT_OK(op);
  const Handle y = *session_->allocate(1'048'576 * 4);
  for (int i = 0; i < 3; ++i) {
    const auto ticket = session_->submit({op->id, 0, y.id, 0}, soon());
    ASSERT_OK(ticket);
    const auto result = session_->wait(*ticket, soon());
    ASSERT_OK(result);
    EXPECT_EQ(outcome(*result), "faulted trap");
    EXPECT_EQ(result->fault.workgroup, 3u);
  }
}

TEST_F(Programs, ABigItemSpreadOverWorkersGivesTheBytesOfOneWorker) {
  constexpr std::uint32_t kN{1u << 20};
  auto op = assemble_into(*session_, "mix",
                          "workgroup 256, 1, 1;\n"
                          "buffer x: u32[] read_write;\n"
                          "region \"mix\" { x[gid.x] = (x[gid.x] ^ gid.x) * 2654435761; }\n");
  ASSERT_OK(op);
  Bytes in;
  Bytes expected;
  for (std::uint32_t i = 0; i < kN; ++i) {
    append_le(in, i * 7u);
    append_le(expected, static_cast<std::uint32_t>(((i * 7u) ^ i) * 2'654'435'761u));
  }
  const Handle x = *session_->upload(in);
  EXPECT_EQ(run(*session_, {op->id, x.id, 0, 0}), "done none");
  EXPECT_TRUE(bytes(x) == expected);
}

TEST_F(Programs, ABigItemSpreadOverWorkersTakesTheStepsOfOneWorker) {
  ONLY_ON_CPU("a device spreads by other rules");
  const auto steps_with = [](std::uint32_t workers) -> std::optional<std::uint64_t> {
    auto session = Session::open(test_options(workers));
    if (!session) return std::nullopt;
    const auto op = assemble_into(*session, "mix",
                                  "workgroup 256, 1, 1;\n"
                                  "buffer x: u32[] read_write;\n"
                                  "region \"mix\" { x[gid.x] = x[gid.x] * 3 + gid.x; }\n");
    const auto x = session->allocate(std::uint64_t{4} << 18);
    if (!op || !x || run(*session, {op->id, x->id, 0, 0}) != "done none") return std::nullopt;
    for (const report::OpRow& row : session->report().ops)
      if (row.op_handle == op->id) return row.steps;
    return std::nullopt;
  };
  const auto one = steps_with(1);
  ASSERT_TRUE(one.has_value());
  EXPECT_GT(*one, std::uint64_t{1} << 18);
  EXPECT_EQ(steps_with(4), one);
}

TEST_F(Programs, TheSameProgramTwiceIsOneOpAndAnotherUnderItsNameIsRefused) {
  auto first = assemble_into(*session_, "p", kAdd);
  auto again = assemble_into(*session_, "p", kAdd);
  ASSERT_OK(again);
  EXPECT_EQ(*first, *again);
  EXPECT_EQ(assemble_into(*session_, "p", kDouble).error().code, Errc::invalid_argument);
  EXPECT_EQ(assemble_into(*session_, "nop", kDouble).error().code, Errc::invalid_argument);
  EXPECT_EQ(*session_->find_op("p"), *first);
}

TEST_F(Programs, ThatAreNotReadyAtTheDeadlineAreNotRegistered) {
  std::string text =
      "workgroup 1, 1, 1;\nbuffer out: u32[4] read_write output live_out;\n"
      "region \"large\" {\n";
  for (int k = 0; k < 50'000; ++k) text += "out[gid.x] = out[1] * out[2] + out[3];\n";
  const auto large = vir::assemble(text + "}\n");
  ASSERT_OK(large);
  EXPECT_EQ(session_->register_program("large", *large, Clock::now()).error().code,
            Errc::deadline_exceeded);
  // Half-way through: it takes tens of milliseconds at the least.
  const auto late =
      session_->register_program("large", *large, after(std::chrono::milliseconds{2}));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Errc::deadline_exceeded);
  EXPECT_EQ(session_->find_op("large").error().code, Errc::not_found);
  EXPECT_OK(session_->register_program("large", *large, soon()));
}

TEST_F(Programs, TakeOfTheMemoryBudget) {
  SessionOptions options = test_options();
  options.memory_budget_bytes = 64 * kHandleBytes;
  auto session = Session::open(options);
  ASSERT_OK(session);
  std::size_t registered = 0;
  for (;; ++registered) {
    const auto op = assemble_into(*session, "op" + std::to_string(registered), kAdd);
    if (!op) {
      EXPECT_EQ(op.error().code, Errc::out_of_memory) << op.error().message;
      break;
    }
    ASSERT_LE(registered, 64u);
  }
  EXPECT_GT(registered, 0u);
  EXPECT_EQ(session->find_op("op" + std::to_string(registered)).error().code, Errc::not_found);
}

TEST_F(Programs, FuelEndsALoopThatWouldRunForHours) {
  SessionOptions options = test_options(1);
  options.fuel = 1'000;
  auto session = Session::open(options);
  ASSERT_OK(session);
  auto op = assemble_into(*session, "spin",
                          "workgroup 1, 1, 1;\n"
                          "buffer y: u32[1] read_write output live_out;\n"
                          "region \"spin\" { for i in 0..4294967295 { y[0] = i; } }\n");
  ASSERT_OK(op);
  auto y = session->allocate(4);
  EXPECT_EQ(run(*session, {op->id, 0, y->id, 0}), "faulted fuel_exhausted");
}

class Files : public Programs {
 protected:
  void SetUp() override {
    Programs::SetUp();
    path_ = std::filesystem::temp_directory_path() /
            ("vyre_runtime_test_" + std::to_string(::getpid()));
  }
  void TearDown() override { std::filesystem::remove(path_); }
  void write_file(const Bytes& content) {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
  }
  std::filesystem::path path_;
};

TEST_F(Files, AreReadInPlaceAndNeverWritten) {
  write_file(words({1, 2, 3, 4}));
  auto file = session_->map_file(path_);
  ASSERT_OK(file);
  EXPECT_EQ(*session_->buffer_bytes(*file), 16u);
  EXPECT_EQ(bytes(*file), words({1, 2, 3, 4}));
  const Handle out = *session_->allocate(16);
  EXPECT_EQ(run(*session_, {kCopy, file->id, out.id, 0}), "done none");
  EXPECT_EQ(bytes(out), words({1, 2, 3, 4}));
  EXPECT_EQ(run(*session_, {kFill, 0, file->id, 0}), "faulted bad_binding");
  auto op = assemble_into(*session_, "double", kDouble);
  EXPECT_EQ(run(*session_, {op->id, file->id, 0, 0}), "faulted bad_binding");
  EXPECT_EQ(session_->write(*file, 0, Bytes{1}, soon()).error().code, Errc::invalid_argument);
  EXPECT_OK(session_->release(*file, soon()));
}

TEST_F(Files, MissingDirectoriesAndFifosAreRefusedByName) {
  const auto missing = session_->map_file(path_);
  EXPECT_EQ(missing.error().code, Errc::io);
  EXPECT_EQ(missing.error().detail, ENOENT);
  EXPECT_NE(missing.error().message.find(path_), std::string::npos);
  EXPECT_EQ(session_->map_file("/tmp").error().detail, EISDIR);
  write_file({});
  auto empty = session_->map_file(path_);
  ASSERT_OK(empty);
  EXPECT_EQ(bytes(*empty), Bytes{});
}

TEST_F(Files, TruncatedUnderAnItemFaultTheItemAndNotTheProcess) {
  ONLY_ON_CPU("a device reads the file once, when it is mapped");
  write_file(Bytes(1 << 20, 1));
  auto file = session_->map_file(path_);
  ASSERT_OK(file);
  const Handle out = *session_->allocate(1 << 20);
  EXPECT_EQ(run(*session_, {kCopy, file->id, out.id, 0}), "done none");
  ASSERT_EQ(::truncate(path_.c_str(), 5'000), 0);
  EXPECT_EQ(run(*session_, {kCopy, file->id, out.id, 0}), "faulted io_error");
  const auto read = session_->download(*file, soon());
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Errc::io);
  EXPECT_EQ(run(*session_, {kNop, 0, 0, 0}), "done none") << "the session goes on";
}

TEST_F(Files, CutInsideTheLastPageFaultTheItemToo) {
  ONLY_ON_CPU("a device reads the file once, when it is mapped");
  write_file(Bytes(100, 1));
  auto file = session_->map_file(path_);
  ASSERT_EQ(::truncate(path_.c_str(), 50), 0);
  const Handle out = *session_->allocate(100);
  EXPECT_EQ(run(*session_, {kCopy, file->id, out.id, 0}), "faulted io_error");
}

}  // namespace
}  // namespace vyre::runtime::test

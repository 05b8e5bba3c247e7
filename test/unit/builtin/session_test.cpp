// Built-in ops as a caller meets them: the cases on a Session of CPU workers, order between items
// with several outputs, truncated files, long ops that are stopped.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "builtin/ops.hpp"
#include "builtin/rules.hpp"
#include "support/builtin_cases.hpp"

namespace vyre::runtime::test {
namespace {

using builtin::Op;
using vyre::test::noise_bytes;
using vyre::test::words_of;

constexpr std::uint32_t id(Op op) {
  return static_cast<std::uint32_t>(op);
}
Deadline soon() {
  return after(std::chrono::seconds{60});
}
Session cpu_session(std::uint32_t workers) {
  SessionOptions options;
  options.backend = BackendKind::cpu;
  options.workers = workers;
  auto session = Session::open(options);
  EXPECT_TRUE(session) << to_string(session.error());
  return std::move(*session);
}

TEST(BuiltinOpsOnCpu, EveryCaseHolds) {
  Session session = cpu_session(2);
  std::size_t cases = 0;
  vyre::test::each_builtin_case([&](const vyre::test::BuiltinCase& c) {
    ++cases;
    const std::string wrong = vyre::test::run_builtin_case(session, c);
    EXPECT_TRUE(wrong.empty()) << c.name << ": " << wrong;
  });
  EXPECT_GT(cases, 300u);
}

TEST(BuiltinOpsOnCpu, ALargeItemThatWorkersShareGivesThePlainBytes) {
  constexpr std::size_t kBytes{std::size_t{5} << 20};
  Session session = cpu_session(3);
  const std::pair<Op, std::vector<std::size_t>> items[] = {
      {Op::reduce_sum_f32, {4}}, {Op::scan_inclusive_u32, {kBytes}}, {Op::histogram_u8, {1024}},
      {Op::hash_crc32c, {4}},    {Op::sort_u32, {kBytes, kBytes}},   {Op::mem_copy, {kBytes}}};
  for (const auto& [op, output_bytes] : items) {
    vyre::test::BuiltinCase c;
    c.name = std::to_string(id(op));
    c.op = id(op);
    c.inputs = {noise_bytes(kBytes + 3, id(op))};
    for (const std::size_t bytes : output_bytes) c.outputs.emplace_back(bytes, std::uint8_t{0x5A});
    c.expected = c.outputs;
    const std::array in{builtin::Buffer{c.inputs[0].data(), c.inputs[0].size(), 1, true}};
    std::vector<builtin::Buffer> out;
    for (Bytes& bytes : c.expected)
      out.push_back(
          {bytes.data(), bytes.size(), 2 + static_cast<std::uint32_t>(out.size()), false});
    ASSERT_EQ(builtin::run(id(op), in, out, 0), FaultCode::none) << c.name;
    for (int round = 0; round < 2; ++round) EXPECT_EQ(run_builtin_case(session, c), "") << c.name;
  }
}

TEST(BuiltinOpsOnCpu, AnItemThatReadsEitherOutputOfAnotherWaitsForIt) {
  // select writes two buffers; one later item reads the first, one the second, one writes an input.
  Session session = cpu_session(4);
  const Bytes values = noise_bytes(4 * 50'000, 1);
  const Bytes mask(50'000, 1);
  const std::uint32_t sum = [&values] {
    std::uint32_t total = 0;
    for (std::size_t i = 0; i < values.size(); i += 4) total += load_le<std::uint32_t>(values, i);
    return total;
  }();
  for (int round = 0; round < 50; ++round) {
    const auto in = session.upload(values);
    const auto keep = session.upload(mask);
    const auto kept = session.allocate(values.size());
    const auto count = session.allocate(4);
    const auto result = session.allocate(4);
    const auto copied = session.allocate(4);
    const auto inputs = session.bind(std::vector<Handle>{*in, *keep});
    const auto outputs = session.bind(std::vector<Handle>{*kept, *count});
    const MegakernelWorkItem items[] = {{id(Op::select_u32), inputs->id, outputs->id, 0},
                                        {id(Op::mem_fill), 0, in->id, 0},
                                        {id(Op::reduce_sum_u32), kept->id, result->id, 0},
                                        {id(Op::mem_copy), count->id, copied->id, 0},
                                        {id(Op::mem_fill), 0, kept->id, 0}};
    const auto done = session.submit_many(items, soon());
    ASSERT_EQ(done.accepted, 5u);
    EXPECT_EQ(*session.download(*result, soon()), words_of({sum}));
    EXPECT_EQ(*session.download(*copied, soon()), words_of({50'000}));
    EXPECT_EQ(*session.download(*in, soon()), Bytes(values.size()));
    EXPECT_EQ(*session.download(*kept, soon()), Bytes(values.size()));
    for (const Handle handle : {*inputs, *outputs, *in, *keep, *kept, *count, *result, *copied})
      ASSERT_TRUE(session.release(handle, soon()));
  }
}

TEST(BuiltinOpsOnCpu, AFileThatWasCutFaultsAndAWholeOneIsRead) {
  const std::string path = std::filesystem::temp_directory_path() /
                           ("vyre_builtin_" + std::to_string(::getpid()) + ".bin");
  std::ofstream(path, std::ios::binary).write("123456789", 9);
  Session session = cpu_session(1);
  const auto file = session.map_file(path);
  ASSERT_TRUE(file) << to_string(file.error());
  const auto out = session.allocate(4);
  const auto crc = session.submit({id(Op::hash_crc32c), file->id, out->id, 0}, soon());
  EXPECT_EQ(session.wait(*crc, soon())->status, CompletionStatus::done);
  EXPECT_EQ(*session.download(*out, soon()), words_of({0xE3069283}));
  const auto into = session.submit({id(Op::hash_crc32c), out->id, file->id, 0}, soon());
  EXPECT_EQ(session.wait(*into, soon())->fault.code, FaultCode::bad_binding);
  std::filesystem::resize_file(path, 3);
  const auto cut = session.submit({id(Op::hash_crc32c), file->id, out->id, 0}, soon());
  EXPECT_EQ(session.wait(*cut, soon())->fault.code, FaultCode::io_error);
  std::filesystem::remove(path);
}

TEST(BuiltinOpsOnCpu, ClosingStopsAnOpInTheMiddle) {
  SessionOptions options;
  options.backend = BackendKind::cpu;
  options.workers = 1;
  options.close_timeout = std::chrono::milliseconds{1};
  auto session = Session::open(options);
  ASSERT_TRUE(session);
  const auto in = session->allocate(std::uint64_t{1} << 28);
  const auto out = session->allocate(std::uint64_t{1} << 28);
  const auto work = session->allocate(std::uint64_t{1} << 28);
  const auto both = session->bind(std::vector<Handle>{*out, *work});
  const auto ticket = session->submit({id(Op::sort_u32), in->id, both->id, 0}, soon());
  ASSERT_TRUE(ticket);
  const auto begin = Clock::now();
  EXPECT_TRUE(session->close());
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{5});
  const auto result = session->wait(*ticket, soon());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, CompletionStatus::cancelled);
  EXPECT_EQ(result->fault.code, FaultCode::shutdown);
}

}  // namespace
}  // namespace vyre::runtime::test

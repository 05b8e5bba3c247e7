// Built-in ops in traces: recorded on CPU workers, replayed there and on the reference, and both in
// lock step; refused items too.
#include <gtest/gtest.h>

#include "builtin/literals.hpp"
#include "builtin/rules.hpp"
#include "support.hpp"

namespace vyre::trace {
namespace {

using runtime::Handle;

ReplayOptions on_two_workers(Executor executor, Compare compare) {
  ReplayOptions options;
  options.executor = executor;
  options.compare = compare;
  options.workers = 2;
  options.timeout = std::chrono::seconds{60};
  return options;
}

/// Every op once with what it needs, then items that are refused; returns how many items.
std::uint64_t record_ops(const std::string& directory) {
  const auto deadline = after(std::chrono::seconds{60});
  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cpu;
  options.workers = 2;
  auto session = runtime::Session::open(options);
  EXPECT_TRUE(session);
  RecordOptions record;
  record.session = options;
  auto recorder = Recorder::create(directory, record);
  EXPECT_TRUE(recorder);
  EXPECT_TRUE(session->observe(*recorder));

  Bytes noise(5'001);
  for (std::size_t i = 0; i < noise.size(); ++i)
    noise[i] = static_cast<std::uint8_t>(i * i * 31 + i / 7);
  const Handle input = *session->upload(noise);
  const Bytes pattern{noise[100], noise[101]};
  const ByteSpan patterns[] = {pattern, ByteSpan(noise).subspan(7, 1)};
  const Handle second[] = {*session->upload(noise),
                           *session->upload(*builtin::compile_literals(patterns))};
  std::uint64_t items = 0;
  const auto submit = [&](builtin::Op op, Handle in, Handle out, std::uint32_t param) {
    EXPECT_TRUE(session->submit({static_cast<std::uint32_t>(op), in.id, out.id, param}, deadline));
    ++items;
  };
  for (std::uint32_t id = 1; builtin::is_op(id); ++id) {
    const auto op = static_cast<builtin::Op>(id);
    Handle in;
    if (builtin::input_count(op) == 1) in = input;
    if (builtin::input_count(op) == 2) {
      in = *session->bind(
          std::vector<Handle>{input, second[op == builtin::Op::match_literals ? 1 : 0]});
    }
    // Dirty and longer than needed: what an op leaves is compared too.
    Handle out = *session->upload(noise);
    if (builtin::output_count(op) == 2)
      out = *session->bind(std::vector<Handle>{out, *session->upload(noise)});
    submit(op, in, out, builtin::takes_param(op) ? 4'711 : 0);
    const Handle untouched = *session->upload(noise);
    submit(op, in, input, 0);  // most are refused: the output is an input
    submit(op, {}, untouched, 5);
  }
  EXPECT_TRUE(session->wait_all(deadline));
  const auto finished = (*recorder)->finish(*session, deadline);
  EXPECT_TRUE(finished) << to_string(finished.error());
  EXPECT_TRUE(session->close());
  return items;
}

TEST(TraceReplay, BuiltInOpsReplayTheSameOnEveryExecutorRefusalsToo) {
  const test::Folder folder;
  const std::string trace = folder / "trace";
  const std::uint64_t items = record_ops(trace);
  for (const Executor executor : {Executor::cpu, Executor::reference}) {
    const auto result = replay(trace, on_two_workers(executor, Compare::expected));
    ASSERT_TRUE(result) << to_string(result.error());
    EXPECT_FALSE(result->difference) << result->difference->message;
    EXPECT_EQ(result->items, items);
    EXPECT_GT(result->buffers_compared, 15u);
  }
  const auto both = replay(trace, on_two_workers(Executor::cpu, Compare::executor));
  ASSERT_TRUE(both) << to_string(both.error());
  EXPECT_FALSE(both->difference) << both->difference->message;
  EXPECT_GT(both->buffers_compared, 15u);
}

}  // namespace
}  // namespace vyre::trace

// Sizes of outputs before anything runs, and a forked child, for which nothing runs.
#include <sys/wait.h>
#include <unistd.h>

#include "fixtures.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

std::vector<OutputSize> sizes(Session& session, const char* op, std::vector<std::uint64_t> inputs,
                              std::uint32_t param = 0) {
  return session.output_bytes(session.find_op(op).value(), inputs, param).value();
}

TEST(OutputBytes, OfBuiltinOpsFollowTheirInputs) {
  using Kind = OutputSize::Kind;
  auto session = Session::open(test_options(1));
  const auto expect = [&](const std::vector<OutputSize>& got, std::vector<OutputSize> wanted) {
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].kind, wanted[i].kind) << i;
      EXPECT_EQ(got[i].bytes, wanted[i].bytes) << i;
    }
  };
  expect(sizes(*session, "nop", {}), {});
  expect(sizes(*session, "mem.fill", {}), {{Kind::unknown, 0}});
  expect(sizes(*session, "mem.copy", {100}), {{Kind::exact, 100}});
  expect(sizes(*session, "mem.copy", {100}, 7), {{Kind::exact, 7}});
  expect(sizes(*session, "reduce.sum.f32", {4'000}), {{Kind::exact, 4}});
  expect(sizes(*session, "scan.exclusive.u32", {41}), {{Kind::exact, 40}});
  expect(sizes(*session, "sort.u32", {40}), {{Kind::exact, 40}, {Kind::exact, 40}});
  expect(sizes(*session, "histogram.u8", {5}), {{Kind::exact, 1'024}});
  expect(sizes(*session, "select.u32", {400, 30}), {{Kind::at_most, 120}, {Kind::exact, 4}});
  expect(sizes(*session, "hash.xxh64", {5}, 9), {{Kind::exact, 8}});
  expect(sizes(*session, "match.literals", {1'000, 500}), {{Kind::unknown, 16}});
}

TEST(OutputBytes, AreEnoughForEveryBuiltinOpThatNamesThem) {
  auto session = Session::open(test_options(1));
  for (const char* name : {"mem.copy", "reduce.sum.u32", "reduce.min.i32", "scan.inclusive.u32",
                           "sort.u32", "histogram.u8", "select.u32", "hash.crc32c", "hash.xxh64"}) {
    const auto op = session->find_op(name).value();
    const std::size_t count = session->op_info(op)->signature.inputs.size();
    std::vector<Handle> inputs;
    for (std::size_t i = 0; i < count; ++i)
      inputs.push_back(session->upload(Bytes(i == 0 ? 4'000 : 1'000, 1)).value());
    const auto given =
        count == 1 ? std::vector<std::uint64_t>{4'000} : std::vector<std::uint64_t>{4'000, 1'000};
    std::vector<Handle> outputs;
    const auto wanted = session->output_bytes(op, given);
    ASSERT_OK(wanted);
    for (const OutputSize& size : *wanted) outputs.push_back(session->allocate(size.bytes).value());
    const auto in = session->bind(inputs);
    const auto out = session->bind(outputs);
    EXPECT_EQ(run(*session, {op.id, in->id, out->id, 0}), "done none") << name;
  }
}

TEST(OutputBytes, OfAProgramAreThoseItDeclares) {
  auto session = Session::open(test_options(1));
  const auto program = vir::assemble(
      "workgroup 1, 1, 1; buffer a: u32[] read_only; buffer y: u32[5] read_write output live_out;"
      "region \"r\" { y[0] = a[0]; }");
  ASSERT_OK(program);
  const auto op = session->register_program("p", *program);
  ASSERT_OK(op);
  const auto got = session->output_bytes(*op, std::array<std::uint64_t, 1>{4}).value();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].kind, OutputSize::Kind::exact);
  EXPECT_EQ(got[0].bytes, 20u);
  EXPECT_EQ(session->output_bytes(*op, {}).error().code, Errc::invalid_argument);
  EXPECT_EQ(session->output_bytes({op->id + 1, 0}, {}).error().code, Errc::not_found);
}

// ---- fork ----

TEST(Fork, AChildGetsClosedFromEveryCallAndTheParentGoesOn) {
  auto session = Session::open(test_options(2));
  ASSERT_OK(session);
  const auto buffer = session->allocate(16);
  const auto ticket = session->submit({kFill, 0, buffer->id, 1}, soon());
  ASSERT_OK(ticket);
  const pid_t child = fork();
  if (child == 0) {
    // No assertion in here: the child says by its exit code which call went wrong.
    const auto closed = [](const auto& result) {
      return !result && result.error().code == Errc::closed;
    };
    Bytes bytes(16);
    int wrong = 0;
    if (!closed(session->submit({kNop, 0, 0, 0}, soon()))) wrong = 1;
    if (!closed(session->wait(*ticket, soon()))) wrong = 2;
    if (session->wait_many({&*ticket, 1}, 1, soon()).stopped_by->code != Errc::closed) wrong = 3;
    if (!closed(session->allocate(16))) wrong = 4;
    if (!closed(session->download_into(*buffer, 0, bytes, soon()))) wrong = 5;
    if (!closed(session->retire(*buffer))) wrong = 6;
    if (!closed(session->wait_all(soon()))) wrong = 7;
    if (!closed(session->close())) wrong = 8;
    { const Session dropped = std::move(*session); }  // waits for no thread
    _exit(wrong);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(outcome(*session->wait(*ticket, soon())), "done none");
  EXPECT_OK(session->close());
}

}  // namespace
}  // namespace vyre::runtime::test

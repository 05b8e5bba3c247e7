// Ends: objects that are freed in any order, results after close, and processes that fork.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "fixture.hpp"

namespace vyre::test {
namespace {

using Ends = OnASession;

TEST_F(Ends, FinishedResultsStayReadableAfterClose) {
  const Op fill = session_.find("mem.fill").value();
  auto output = session_.main().allocate(4).value();
  const Ticket ticket = session_.main().submit(Item{fill, {}, output, 5}).value();
  ASSERT_TRUE(session_.wait(ticket).value().done());
  const Totals totals = session_.close().value();
  EXPECT_EQ(totals.done, 1u);
  EXPECT_EQ(session_.close().value().done, totals.done);
  EXPECT_EQ(output.read<std::uint32_t>().value(), (std::vector<std::uint32_t>{5}));
  EXPECT_TRUE(session_.wait(ticket).value().done());
  EXPECT_EQ(session_.report().value().items_processed, 1u);
  EXPECT_TRUE(session_.find("mem.fill"));
  EXPECT_EQ(session_.main().submit(Item{fill, {}, output, 6}).error().code, Code::closed);
  EXPECT_EQ(session_.main().allocate(4).error().code, Code::closed);
  EXPECT_EQ(session_.add("h", Program::assemble(kHistogram).value()).error().code, Code::closed);
}

TEST_F(Ends, AfterCloseWhatIsThereCanBeAskedForAndNothingIsMade) {
  const Op fill = session_.find("mem.fill").value();
  auto buffer = up<std::uint32_t>({1, 2, 3});
  const Item item{fill, {}, buffer, 4};
  Queue queue = session_.main();
  const Ticket ticket = queue.submit(item).value();
  ASSERT_TRUE(session_.close());

  EXPECT_EQ(buffer.size_bytes().value(), 12u);
  EXPECT_EQ(buffer.lease<const std::uint32_t>().value().elements().size(), 3u);
  EXPECT_TRUE(session_.wait(ticket));
  EXPECT_EQ(session_.cancel(std::array{ticket}).value(), 0u);
  EXPECT_TRUE(session_.wait_all());
  EXPECT_TRUE(session_.find("mem.copy"));
  EXPECT_TRUE(session_.report_json());

  const auto closed = [](const auto& result, const char* what) {
    ASSERT_FALSE(result) << what;
    EXPECT_EQ(result.error().code, Code::closed) << what << ": " << result.error().text;
  };
  closed(queue.submit(item), "submit");
  closed(queue.run(session_.find("hash.crc32c").value(), std::array{buffer.ref()}), "run");
  closed(queue.plan(std::array{item}), "plan");
  closed(queue.stream(std::vector<std::string>{"/dev/null"}, fill, {}), "stream");
  closed(queue.bind(std::array{buffer.ref(), buffer.ref()}), "bind");
  closed(queue.upload(std::array{1, 2}), "upload");
  closed(buffer.lease<std::uint32_t>(), "a lease to write");
  closed(buffer.write(std::array{7u}), "write");
  closed(session_.tag(buffer.ref(), {"rule"}), "tag");
  const vyre_buffer handle = buffer.ref().handle;
  closed(buffer.retire(), "retire");
  std::uint32_t word = 0;
  const detail::Failed ended{vyre_buffer_read(session_.get(), handle, 0, &word, sizeof word, 0)};
  EXPECT_EQ(ended.error().code, Code::not_found) << ended.error().text;
}

TEST_F(Ends, BuffersAndBatchesOutliveTheirSession) {
  auto output = session_.main().allocate(4).value();
  Batch batch = session_.batch().value();
  Queue queue = session_.main();
  const std::array items{Item{session_.find("mem.fill").value(), {}, output, 5}};
  ASSERT_EQ(queue.submit(items, batch).accepted, 1u);
  ASSERT_TRUE(session_.wait_all());
  session_ = Session::open(on_cpu()).value();
  EXPECT_EQ(output.read<std::uint32_t>().value(), (std::vector<std::uint32_t>{5}));
  EXPECT_EQ(batch.wait().value().done, 1u);
  EXPECT_EQ(queue.submit(items[0]).error().code, Code::closed);
}

/// A collector of garbage frees objects in any order.
TEST_F(Ends, ObjectsAreFreedInEveryOrder) {
  std::array order{0, 1, 2, 3};
  do {
    vyre_session_options options = VYRE_INIT(vyre_session_options);
    options.device = "cpu";
    options.workers = 1;
    options.queues = 2;
    vyre_session* session = nullptr;
    vyre_queue* queue = nullptr;
    vyre_batch* batch = nullptr;
    vyre_stream* stream = nullptr;
    vyre_op op = 0;
    ASSERT_FALSE(detail::Failed{vyre_session_open(&options, &session)});
    ASSERT_FALSE(detail::Failed{vyre_queue_open(session, nullptr, &queue)});
    ASSERT_FALSE(detail::Failed{vyre_batch_new(session, &batch)});
    ASSERT_FALSE(detail::Failed{vyre_op_find(session, "hash.crc32c", &op)});
    vyre_stream_options of_stream = VYRE_INIT(vyre_stream_options);
    const vyre_stream_output output{4, 0};
    of_stream.outputs = &output;
    of_stream.output_count = 1;
    const char* files[] = {"/proc/self/status"};
    ASSERT_FALSE(detail::Failed{vyre_stream_open(queue, files, 1, op, &of_stream, &stream)});
    vyre_buffer buffer = 0;
    ASSERT_FALSE(
        detail::Failed{vyre_buffer_new(queue, 64, nullptr, VYRE_DEFAULT_TIMEOUT, &buffer)});
    for (const int object : order) {
      switch (object) {
        case 0:
          vyre_session_free(session);
          break;
        case 1:
          vyre_queue_free(queue);
          break;
        case 2:
          vyre_batch_free(batch);
          break;
        default:
          vyre_stream_free(stream);
          break;
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(Ends, SessionsOpenAndEndWhileOthersDo) {
  std::array<std::jthread, 3> threads;
  std::atomic<int> failures{0};
  for (auto& thread : threads) {
    thread = std::jthread([&failures] {
      for (int i = 0; i < 10; ++i) {
        auto session = Session::open(on_cpu());
        if (!session) {
          ++failures;
          return;
        }
        const auto ticket = session->main().submit(Item{session->find("nop").value()});
        if (!ticket || !session->wait(*ticket)) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
}

/// The exit code of a child that runs `work`.
template <class Work>
int in_a_child(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = -1;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

TEST_F(Ends, AForkedChildIsToldThatTheSessionIsClosed) {
  auto buffer = session_.main().allocate(4).value();
  Batch batch = session_.batch().value();
  const Op nop = session_.find("nop").value();
  const Ticket ticket = session_.main().submit(Item{nop}).value();
  ASSERT_TRUE(session_.wait(ticket));
  const int failed_at = in_a_child([&]() -> int {
    if (session_.main().submit(Item{nop}).error().code != Code::closed) return 1;
    if (session_.wait(ticket).error().code != Code::closed) return 2;
    if (session_.main().allocate(4).error().code != Code::closed) return 3;
    if (buffer.read<std::uint8_t>().error().code != Code::closed) return 4;
    if (batch.wait().error().code != Code::closed) return 5;
    if (session_.close().error().code != Code::closed) return 6;
    if (!contains(session_.find("nop").error().text, "fork")) return 7;
    {
      // Ends that would wait for threads which the child does not have.
      const Session session = std::move(session_);
      const Buffer gone = std::move(buffer);
      const Batch batch_gone = std::move(batch);
    }
    return 0;
  });
  EXPECT_EQ(failed_at, 0);
  EXPECT_TRUE(session_.wait(session_.main().submit(Item{nop}).value()));
}

}  // namespace
}  // namespace vyre::test

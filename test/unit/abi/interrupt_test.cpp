// What InterruptBy ends early: every call that waits, on its own thread alone.
#include <atomic>
#include <fstream>
#include <functional>
#include <thread>

#include "fixture.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::test {
namespace {

std::atomic<int> looks{0};

/// Says stop when it has been asked a second time: so the call has begun to wait.
bool second_look() {
  return ++looks >= 2;
}

class Interrupted : public InAFolder {
 protected:
  /// A session of one slow item that uses `output_`, and of a full ring of 32.
  void SetUp() override {
    InAFolder::SetUp();
    SessionOptions options = on_cpu();
    options.workers = 1;
    options.ring_slots = 32;
    options.default_timeout = std::chrono::seconds{600};
    session_.emplace(Session::open(options).value());
    output_.emplace(session_->main().allocate(4).value());
    const Op spin = session_->add("spin", Program::assemble(kSpin).value()).value();
    ticket_ = session_->main().submit(Item{spin, {}, *output_}).value();
  }
  template <class Call>
  void expect_cancelled(const char* what, const Call& call) {
    looks = 0;
    const InterruptBy interrupt(second_look);
    const auto result = call();
    ASSERT_FALSE(result) << what;
    EXPECT_EQ(result.error().code, Code::cancelled) << what << ": " << result.error().text;
  }

  std::optional<Session> session_;
  std::optional<Buffer> output_;
  Ticket ticket_;
};

TEST_F(Interrupted, WaitsEnd) {
  expect_cancelled("wait", [&] { return session_->wait(ticket_); });
  expect_cancelled("wait for several", [&] {
    return session_->wait(std::array{ticket_, ticket_}, 2);
  });
  expect_cancelled("wait_all", [&] { return session_->wait_all(); });
  auto batch = session_->batch().value();
  const std::array items{Item{session_->find("nop").value()}};
  ASSERT_EQ(session_->main().submit(items, batch).accepted, 1u);
  expect_cancelled("Batch::wait", [&] { return batch.wait(); });
}

TEST_F(Interrupted, CompilingOfWordsEnds) {
  std::vector<std::string> words;
  for (int i = 0; i < 5'000; ++i) words.push_back("word " + std::to_string(i));
  const std::vector<std::string_view> views(words.begin(), words.end());
  expect_cancelled("compile_literals", [&] { return compile_literals(views); });
  EXPECT_TRUE(compile_literals(views));
}

TEST_F(Interrupted, CopiesAndLeasesEndWhileTheyWaitForItems) {
  std::array<std::uint32_t, 1> word{};
  expect_cancelled("read", [&] { return output_->read_into(std::span<std::uint32_t>(word)); });
  expect_cancelled("write", [&] { return output_->write(std::span<const std::uint32_t>(word)); });
  expect_cancelled("lease", [&] { return output_->lease<std::uint32_t>(); });
}

TEST_F(Interrupted, ASubmitThatWaitsForRoomEndsAndKeepsWhatWasAccepted) {
  const std::vector<Item> items(40, Item{session_->find("nop").value()});
  std::vector<Ticket> tickets(items.size());
  looks = 0;
  const InterruptBy interrupt(second_look);
  const auto submitted = session_->main().submit(items, tickets);
  ASSERT_TRUE(submitted.stopped_by);
  EXPECT_EQ(submitted.stopped_by->code, Code::cancelled) << submitted.stopped_by->text;
  EXPECT_EQ(submitted.accepted, 31u);
  EXPECT_NE(tickets[30], Ticket{});
}

TEST_F(Interrupted, RunsStreamsAndRecordingsEnd) {
  const Op sum = session_->find("reduce.sum.u32").value();
  expect_cancelled("run", [&] { return session_->main().run(sum, std::array{output_->ref()}); });
  std::ofstream(path("chunk")) << std::string(64, 'a');
  StreamOptions options;
  options.outputs = {{.bytes = 4}};
  auto stream = session_->main().stream(std::vector{path("chunk")}, sum, options).value();
  expect_cancelled("Stream::next", [&] { return stream.next(); });
  expect_cancelled("Stream::for_each", [&] { return stream.for_each([](Chunk) {}); });
}

TEST_F(Interrupted, TheEndOfARecordingEnds) {
  SessionOptions options = on_cpu();
  options.workers = 1;
  auto session = Session::open(options).value();
  auto recorder = session.record(path("trace")).value();
  auto output = session.main().allocate(4).value();
  const Op spin = session.add("spin", Program::assemble(kSpin).value()).value();
  (void)session.main().submit(Item{spin, {}, output}).value();
  expect_cancelled("Recorder::finish", [&] { return recorder.finish(Timeout::forever()); });
}

TEST_F(Interrupted, OtherThreadsWaitOn) {
  looks = 100;
  const InterruptBy interrupt(second_look);
  std::jthread([&] {
    const auto waited = session_->wait(ticket_, std::chrono::milliseconds{5});
    EXPECT_EQ(waited.error().code, Code::deadline_exceeded);
  }).join();
  EXPECT_EQ(session_->wait(ticket_).error().code, Code::cancelled);
}

TEST_F(Interrupted, ACallThatIsNotStoppedGivesWhatItGivesOtherwise) {
  const InterruptBy never([] { return false; });
  const auto waited = session_->wait(ticket_, std::chrono::milliseconds{60});
  EXPECT_EQ(waited.error().code, Code::deadline_exceeded);
  auto other = Session::open(on_cpu()).value();
  const auto in = other.main().upload(std::string_view("123456789")).value();
  const auto out = other.main().run(other.find("hash.crc32c").value(), std::array{in.ref()});
  ASSERT_TRUE(out) << out.error().text;
  EXPECT_EQ(out->at(0).read<std::uint32_t>().value()[0], 0xe3069283u);
}

}  // namespace
}  // namespace vyre::test

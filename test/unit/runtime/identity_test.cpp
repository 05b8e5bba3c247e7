// Whose a handle, a ticket or an op is, and whether it still is: every public call refuses what
// another session gave out, what was released, and objects that were moved from or outlived theirs.
#include <functional>

#include "fixtures.hpp"
#include "stream_fixture.hpp"
#include "vir/text/text.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::runtime::test {
namespace {

const vir::Program& program() {
  static const vir::Program made = *vir::assemble(
      "workgroup 1, 1, 1;\nbuffer y: u32[1] read_write output live_out;\n"
      "region \"r\" { y[0] = 1; }\n");
  return made;
}

/// Every public call of Session that takes a handle, a ticket or an op.
struct Call {
  std::string name;
  std::function<std::optional<Error>(Session&, Handle)> with;
};

template <class R>
std::optional<Error> error_of(const R& result) {
  return result ? std::nullopt : std::optional<Error>(result.error());
}

const std::vector<Call>& calls_with_a_handle() {
  static const std::vector<Call> calls{
      {"write", [](Session& s, Handle h) { return error_of(s.write(h, 0, Bytes{1}, soon())); }},
      {"bind", [](Session& s, Handle h) { return error_of(s.bind(std::vector<Handle>{h})); }},
      {"buffer_bytes", [](Session& s, Handle h) { return error_of(s.buffer_bytes(h)); }},
      {"download", [](Session& s, Handle h) { return error_of(s.download(h, soon())); }},
      {"download_into",
       [](Session& s, Handle h) {
         Bytes out(1);
         return error_of(s.download_into(h, 0, out, soon()));
       }},
      {"stream input",
       [](Session& s, Handle h) {
         StreamOptions options;
         options.inputs = {h};
         options.outputs = {{4, {}}};
         return error_of(s.stream(std::vector<std::string>{}, OpHandle{kCrc32c}, options));
       }},
      {"stream output",
       [](Session& s, Handle h) {
         StreamOptions options;
         options.outputs = {{0, h}};
         return error_of(s.stream(std::vector<std::string>{}, OpHandle{kCrc32c}, options));
       }},
      {"release", [](Session& s, Handle h) { return error_of(s.release(h, soon())); }},
  };
  return calls;
}

TEST(Identity, HandlesOfAnotherSessionAreRefusedByEveryCall) {
  auto mine = Session::open(test_options());
  auto other = Session::open(test_options());
  ASSERT_OK(mine);
  ASSERT_OK(other);
  const auto foreign = other->upload(words({1}));
  const auto own = mine->upload(words({2}));
  ASSERT_OK(foreign);
  for (const Call& call : calls_with_a_handle()) {
    const auto error = call.with(*mine, *foreign);
    ASSERT_TRUE(error.has_value()) << call.name;
    EXPECT_EQ(error->code, Errc::invalid_argument) << call.name;
    EXPECT_NE(error->message.find("belongs to another session"), std::string::npos)
        << call.name << ": " << error->message;
  }
  EXPECT_EQ(*mine->download(*own, soon()), words({2}));
  EXPECT_EQ(*other->download(*foreign, soon()), words({1}));
}

TEST(Identity, NumbersOfAnotherSessionsHandlesAreRefusedInItems) {
  auto one = Session::open(test_options());
  auto two = Session::open(test_options());
  ASSERT_OK(one);
  ASSERT_OK(two);
  const auto a = one->allocate(4);
  const auto b = two->allocate(4);
  EXPECT_NE(a->id, b->id);
  EXPECT_EQ(two->submit({kFill, 0, a->id, 1}, soon()).error().code, Errc::invalid_argument);
  EXPECT_EQ(one->submit({kCopy, b->id, a->id, 1}, soon()).error().code, Errc::invalid_argument);
}

TEST(Identity, TicketsAndOpsOfAnotherSessionAreRefused) {
  auto mine = Session::open(test_options());
  auto other = Session::open(test_options());
  ASSERT_OK(mine);
  ASSERT_OK(other);
  const auto ticket = other->submit({kNop, 0, 0, 0}, soon());
  ASSERT_OK(ticket);
  ASSERT_EQ(run(*mine, {kFill, 0, 0, 0}), "faulted bad_binding");
  const auto waited = mine->wait(*ticket, soon());
  ASSERT_FALSE(waited.has_value()) << "the same position ended in this session, too";
  EXPECT_EQ(waited.error().code, Errc::invalid_argument);
  EXPECT_NE(waited.error().message.find("another session"), std::string::npos);
  EXPECT_OK(mine->wait({0, 0}, soon())) << "bare numbers are those of the session that is asked";

  const auto op = other->register_program("p", program());
  ASSERT_OK(op);
  ASSERT_OK(mine->register_program("q", program()));
  for (const auto& error : {error_of(mine->op_info(*op)),
                            error_of(mine->stream(std::vector<std::string>{}, *op, {}))}) {
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code, Errc::invalid_argument);
    EXPECT_NE(error->message.find("another session"), std::string::npos);
  }
  EXPECT_EQ(*other->find_op("p"), *op);
  EXPECT_OK(mine->op_info(*other->find_op("mem.fill"))) << "built-in ops are every session's";
}

TEST(Identity, AReleasedHandleIsRefusedAlsoWhenItsNumberComesAgain) {
  TestHooks hooks;
  hooks.free_handles_kept = 0;
  auto session = open_for_tests(test_options(), hooks);
  ASSERT_OK(session);
  const auto stale = session->upload(words({1}));
  ASSERT_OK(session->release(*stale, soon()));
  Handle again;
  for (int i = 0; i < 100'000 && again.id != stale->id; ++i) {
    if (again.id != 0) {
      ASSERT_OK(session->release(again, soon()));
    }
    again = *session->upload(words({2}));
  }
  ASSERT_EQ(again.id, stale->id) << "numbers have 32 bits and do come again";
  EXPECT_NE(again, *stale);
  for (const Call& call : calls_with_a_handle()) {
    const auto error = call.with(*session, *stale);
    ASSERT_TRUE(error.has_value()) << call.name;
    EXPECT_EQ(error->code, Errc::not_found) << call.name;
    EXPECT_NE(error->message.find("was released"), std::string::npos)
        << call.name << ": " << error->message;
  }
  EXPECT_EQ(*session->download(again, soon()), words({2}));
  EXPECT_EQ(*session->download(Handle{again.id}, soon()), words({2}))
      << "a bare number names what has it now";
}

TEST(Identity, AnItemThatNamesAReleasedBufferIsRefusedAlsoWhenItsPlaceIsTaken) {
  TestHooks hooks;
  hooks.free_handles_kept = 0;
  auto session = open_for_tests(test_options(), hooks);
  ASSERT_OK(session);
  const auto stale = session->allocate(4);
  ASSERT_OK(session->release(*stale, soon()));
  for (int i = 0; i < 8; ++i) {
    ASSERT_OK(session->allocate(4));
    const auto refused = session->submit({kFill, 0, stale->id, 1}, soon());
    ASSERT_FALSE(refused.has_value()) << "it would write another buffer";
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  }
}

TEST(Identity, ASessionThatWasMovedFromRefusesEveryCall) {
  auto opened = Session::open(test_options());
  ASSERT_OK(opened);
  Session gone = std::move(*opened);
  const Session session = std::move(gone);
  const auto refused = [](const std::optional<Error>& error) {
    return error && error->code == Errc::invalid_argument &&
           error->message.find("moved from") != std::string::npos;
  };
  for (const Call& call : calls_with_a_handle())
    EXPECT_TRUE(refused(call.with(gone, {}))) << call.name;
  const MegakernelWorkItem item{kNop, 0, 0, 0};
  EXPECT_TRUE(refused(error_of(gone.register_program("p", program()))));
  EXPECT_TRUE(refused(error_of(gone.register_wire("p", Bytes{1}))));
  EXPECT_TRUE(refused(error_of(gone.find_op("nop"))));
  EXPECT_TRUE(refused(error_of(gone.op_info(OpHandle{0}))));
  EXPECT_TRUE(refused(error_of(gone.allocate(1))));
  EXPECT_TRUE(refused(error_of(gone.upload(Bytes{1}))));
  EXPECT_TRUE(refused(error_of(gone.map_file("/proc/self/exe"))));
  EXPECT_TRUE(refused(error_of(gone.load_file("/proc/self/exe", soon()))));
  EXPECT_TRUE(refused(error_of(gone.submit(item, soon()))));
  EXPECT_TRUE(refused(gone.submit_many({&item, 1}, soon()).stopped_by));
  EXPECT_TRUE(refused(error_of(gone.wait({}, soon()))));
  EXPECT_TRUE(refused(error_of(gone.wait_all(soon()))));
  EXPECT_TRUE(refused(error_of(gone.close())));
  EXPECT_TRUE(refused(error_of(gone.observe(nullptr))));
  EXPECT_EQ(gone.options().queues, SessionOptions{}.queues);
  EXPECT_EQ(gone.backend_name(), "none");
  EXPECT_FALSE(gone.caps().supported);
  EXPECT_EQ(gone.report().report.published_items, 0u);
  EXPECT_EQ(session.backend_name(), kBackendName);
}

class Outliving : public ::testing::Test {
 protected:
  void SetUp() override {
    bytes_ = random_bytes(5'000, test_seed());
    path_ = folder_.write("f", bytes_);
    auto opened = Session::open(test_options());
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
  }
  Result<Stream> open(const StreamOptions& options) {
    return session_->stream({path_}, OpHandle{kCrc32c}, options);
  }
  Folder folder_;
  Bytes bytes_;
  std::string path_;
  std::optional<Session> session_;
};

TEST_F(Outliving, AStreamThatWasMovedFromRefusesEveryCall) {
  auto stream = open(crc_options(1'024));
  ASSERT_OK(stream);
  Stream other = std::move(*stream);
  const auto next = stream->next(soon());
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error().code, Errc::invalid_argument);
  EXPECT_NE(next.error().message.find("moved from"), std::string::npos);
  stream->cancel();
  stream->skip_to(1, 1);
  EXPECT_EQ(stream->progress().files_opened, 0u);
  EXPECT_FALSE(run_to_end(other).error) << "cancel() of the empty one did not reach it";
}

TEST_F(Outliving, AStreamThatOutlivesItsSessionSaysClosed) {
  for (const bool asked_before : {false, true}) {
    if (!session_) SetUp();
    auto stream = open(crc_options(1'024));
    ASSERT_OK(stream);
    if (asked_before) {
      EXPECT_OK(stream->next(soon()));
    }
    session_.reset();
    const Ran ran = run_to_end(*stream);
    ASSERT_TRUE(ran.error);
    EXPECT_EQ(ran.error->code, Errc::closed) << ran.error->message;
    stream->cancel();
    (void)stream->progress();
  }
}

TEST_F(Outliving, ResultsThatHadEndedComeOutAfterClose) {
  StreamOptions options = crc_options(64);
  options.max_in_flight = 64;
  auto stream = open(options);
  ASSERT_OK(stream);
  const auto published = [&] { return session_->report().report.published_items; };
  std::uint64_t delivered = 0;
  do {  // until more chunks have become items than were handed out
    ASSERT_OK(stream->next(soon()));
    ++delivered;
  } while (published() <= delivered && delivered < 70);
  ASSERT_OK(session_->wait_all(soon()));
  ASSERT_OK(session_->close());
  const Ran ran = run_to_end(*stream);
  ASSERT_TRUE(ran.error);
  EXPECT_EQ(ran.error->code, Errc::closed);
  EXPECT_EQ(delivered + ran.results.size(), published()) << "each item that ended has its result";
  for (const Seen& seen : ran.results) {
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(seen.chunk.offset);
    const Bytes there(begin, begin + static_cast<std::ptrdiff_t>(seen.chunk.bytes));
    EXPECT_EQ(seen.outputs.at(0), words({crc32c(there)}));
  }
}

TEST_F(Outliving, ACopyOfAResultStaysReadableWhenStreamAndSessionAreGone) {
  std::optional<StreamResult> kept;
  {
    auto stream = open(crc_options(8'192));
    ASSERT_OK(stream);
    const auto result = stream->next(soon());
    ASSERT_OK(result);
    kept = **result;
    if (kBackendName == "cpu") session_.reset();  // while the stream is there
  }
  session_.reset();
  ASSERT_EQ(kept->outputs.size(), 1u);
  EXPECT_EQ(Bytes(kept->outputs[0].begin(), kept->outputs[0].end()), words({crc32c(bytes_)}));
}

TEST(AfterClose, WhatItemsWroteCanBeDownloadedAndTheirResultsAsked) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  const auto a = session->allocate(8);
  const auto never = session->upload(words({5}));
  const auto ticket = session->submit({kFill, 0, a->id, 3}, soon());
  ASSERT_OK(ticket);
  ASSERT_OK(session->wait(*ticket, soon()));
  ASSERT_OK(session->close());
  EXPECT_EQ(outcome(*session->wait(*ticket, soon())), "done none");
  EXPECT_EQ(*session->download(*a, soon()), words({3, 3}));
  EXPECT_EQ(*session->download(*never, soon()), words({5}));
  EXPECT_EQ(*session->buffer_bytes(*a), 8u);
  EXPECT_EQ(session->download(Handle{a->id + 7}, soon()).error().code, Errc::not_found);
}

TEST(Deadlines, BeyondTheClocksRangeAreNoBoundRatherThanThePast) {
  EXPECT_EQ(after(std::chrono::nanoseconds::max()), Deadline::max());
  EXPECT_EQ(later(Deadline::max(), std::chrono::nanoseconds{1}), Deadline::max());
  EXPECT_LT(after(std::chrono::nanoseconds::min()), Clock::now());
  SessionOptions options = test_options();
  options.close_timeout = std::chrono::nanoseconds::max();
  options.max_wall_time = std::chrono::nanoseconds::max();
  options.producer_timeout = std::chrono::nanoseconds::max();
  options.park_after = std::chrono::nanoseconds::max();
  options.watchdog = std::chrono::nanoseconds::max();
  auto session = Session::open(options);
  ASSERT_OK(session);
  const Deadline never = after(std::chrono::nanoseconds::max());
  const auto a = session->allocate(4);
  const auto ticket = session->submit({kFill, 0, a->id, 3}, never);
  ASSERT_OK(ticket);
  EXPECT_EQ(outcome(*session->wait(*ticket, never)), "done none");
  EXPECT_OK(session->wait_all(never));
  EXPECT_EQ(*session->download(*a, never), words({3}));
  EXPECT_OK(session->release(*a, never));
  EXPECT_OK(session->close());
}

std::string registered(Session& session, const std::string& name, const std::string& text) {
  const auto made = vir::assemble(text);
  if (!made) return to_string(made.error());
  const auto op = session.register_program(name, *made);
  return op ? "op " + std::to_string(op->id - kFirstUserOp) : to_string(op.error());
}

TEST(Names, AProgramWithTheFingerprintOfAKnownOneButAnotherOrderIsNotTheKnownOne) {
  const std::string a = "buffer a: u32[1] @0 read_only;\n";
  const std::string b = "buffer b: u32[1] @1 read_only;\n";
  const std::string begin = "workgroup 1, 1, 1;\n";
  const std::string out = "buffer out: u32[1] @2 read_write output live_out;\n";
  const std::string body = "region \"r\" { out[0] = a[0] - b[0]; }\n";
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  EXPECT_EQ(registered(*session, "p", begin + a + b + out + body), "op 0");
  EXPECT_EQ(registered(*session, "p", begin + a + b + out + body), "op 0") << "the same again";
  const std::string other = registered(*session, "p", begin + b + a + out + body);
  EXPECT_NE(other.find("registered already with another program"), std::string::npos) << other;
  EXPECT_NE(other.find("another order"), std::string::npos) << other;
  EXPECT_EQ(registered(*session, "q", begin + b + a + out + body), "op 1");
  EXPECT_EQ(session->op_info(*session->find_op("p"))->fingerprint,
            session->op_info(*session->find_op("q"))->fingerprint);

  const auto p = *session->find_op("p");
  const auto q = *session->find_op("q");
  const Handle five = *session->upload(words({5}));
  const Handle three = *session->upload(words({3}));
  const Handle to = *session->allocate(4);
  const Handle set = *session->bind(std::vector<Handle>{five, three});
  EXPECT_EQ(run(*session, {p.id, set.id, to.id, 0}), "done none");
  EXPECT_EQ(*session->download(to, soon()), words({2}));
  EXPECT_EQ(run(*session, {q.id, set.id, to.id, 0}), "done none");
  EXPECT_EQ(*session->download(to, soon()), words({static_cast<std::uint32_t>(-2)}));

  // Operands of | have one order in the fingerprint, but atomics run in the order written.
  const std::string cell =
      begin + "buffer n: u32[1] read_write;\n" + "buffer m: u32[2] read_write output live_out;\n";
  EXPECT_EQ(
      registered(*session, "atoms",
                 cell + "region \"r\" { m[0] = atomic_add(n[0], 1) | atomic_add(n[0], 2); }\n"),
      "op 2");
  const std::string swapped =
      registered(*session, "atoms",
                 cell + "region \"r\" { m[0] = atomic_add(n[0], 2) | atomic_add(n[0], 1); }\n");
  EXPECT_NE(swapped.find("registered already with another program"), std::string::npos) << swapped;
}

TEST(Names, TheSameProgramFromTextAndFromItsWireFormIsOneOp) {
  auto session = Session::open(test_options());
  ASSERT_OK(session);
  const auto op = session->register_program("p", program());
  ASSERT_OK(op);
  const auto wire = vir::encode(program());
  ASSERT_OK(wire);
  const auto again = session->register_wire("p", *wire);
  ASSERT_OK(again);
  EXPECT_EQ(*again, *op);
}

}  // namespace
}  // namespace vyre::runtime::test

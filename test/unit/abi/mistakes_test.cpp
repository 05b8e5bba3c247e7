// Mistakes of callers, and the answer that each gets: an Error that names what was wrong, and never
// wrong bytes, a crash or a wait without a bound.
#include <limits>

#include "fixture.hpp"

namespace vyre::test {
namespace {

using Mistakes = OnASession;

TEST_F(Mistakes, AForeignBufferIsRefusedAndBothSessionsAreNamed) {
  auto other = Session::open(on_cpu()).value();
  auto theirs = other.main().upload(std::vector<std::uint32_t>{1, 2, 3, 4}).value();
  auto ours = up<std::uint32_t>({5, 6, 7, 8});
  // Both have the same index and generation.
  ASSERT_EQ(theirs.ref().handle & 0xFFFF'FFFF'FFFFu, ours.ref().handle & 0xFFFF'FFFF'FFFFu);
  std::uint32_t word = 77;
  const detail::Failed failed{
      vyre_buffer_read(session_.get(), theirs.ref().handle, 0, &word, sizeof word, 0)};
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed.error().code, Code::invalid_argument);
  EXPECT_EQ(word, 77u);
  const std::string text = failed.error().text;
  EXPECT_TRUE(contains(text, "session " + std::to_string(vyre_session_tag(session_.get()))))
      << text;
  EXPECT_TRUE(contains(text, "session " + std::to_string(vyre_session_tag(other.get())))) << text;
}

TEST_F(Mistakes, ForeignOpsAndBuffersOfItemsAreRefusedByTheirPlace) {
  auto other = Session::open(on_cpu()).value();
  const Op nop = session_.find("nop").value();
  const Op their_nop = other.find("nop").value();
  auto theirs = other.main().allocate(4).value();
  const std::array items{Item{nop}, Item{nop}, Item{nop, theirs}, Item{nop}};
  std::array<Ticket, 4> tickets;
  const Submitted submitted = session_.main().submit(items, tickets);
  EXPECT_EQ(submitted.accepted, 2u);
  ASSERT_TRUE(submitted.stopped_by);
  EXPECT_EQ(submitted.stopped_by->code, Code::invalid_argument);
  EXPECT_TRUE(contains(submitted.stopped_by->text, "item 2")) << submitted.stopped_by->text;
  EXPECT_TRUE(session_.wait(tickets[1]).value().done());

  const auto refused = session_.main().submit(Item{their_nop});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
}

TEST_F(Mistakes, AForeignTicketIsRefusedAndBothSessionsAreNamed) {
  auto other = Session::open(on_cpu()).value();
  const Ticket ours = session_.main().submit(Item{session_.find("nop").value()}).value();
  ASSERT_TRUE(session_.wait(ours).value().done());
  const auto result = other.wait(ours);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::invalid_argument);
  EXPECT_TRUE(
      contains(result.error().text, "session " + std::to_string(vyre_session_tag(session_.get()))));
  EXPECT_EQ(session_.wait(Ticket{}).error().code, Code::invalid_argument);
}

TEST_F(Mistakes, ARetiredBufferIsNotFoundHoweverManyCameAfterIt) {
  const Op fill = session_.find("mem.fill").value();
  auto buffer = session_.main().allocate(4).value();
  const BufferRef stale = buffer.ref();
  ASSERT_TRUE(buffer.retire());
  // The runtime's 32-bit numbers come again after 256 uses of a place.
  for (int i = 0; i < 300; ++i) (void)session_.main().allocate(4).value();
  std::uint32_t word = 0;
  const detail::Failed failed{
      vyre_buffer_read(session_.get(), stale.handle, 0, &word, sizeof word, 0)};
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed.error().code, Code::not_found);
  EXPECT_EQ(session_.main().submit(Item{fill, {}, stale}).error().code, Code::not_found);
  EXPECT_EQ(session_.main().bind(std::array{stale}).error().code, Code::not_found);
}

TEST_F(Mistakes, ObjectsThatWereMovedFromAreRefused) {
  Session moved = std::move(session_);
  EXPECT_EQ(session_.find("nop").error().code, Code::invalid_argument);
  EXPECT_EQ(session_.main().allocate(4).error().code, Code::invalid_argument);
  EXPECT_EQ(session_.close().error().code, Code::invalid_argument);
  EXPECT_TRUE(contains(session_.report().error().text, "session is NULL"));
  auto buffer = moved.main().allocate(4).value();
  const Buffer taken = std::move(buffer);
  EXPECT_EQ(buffer.read<std::uint8_t>().error().code, Code::invalid_argument);
  EXPECT_EQ(buffer.retire().error().code, Code::invalid_argument);
  Batch batch = moved.batch().value();
  const Batch kept = std::move(batch);
  EXPECT_EQ(batch.wait().error().code, Code::invalid_argument);
  session_ = std::move(moved);
  EXPECT_TRUE(session_.find("nop"));
}

TEST_F(Mistakes, NullIsRefusedByNameInEveryPlace) {
  const auto refused = [](vyre_error* error, const char* name) {
    const detail::Failed failed{error};
    ASSERT_TRUE(failed) << name;
    EXPECT_EQ(failed.error().code, Code::invalid_argument);
    EXPECT_TRUE(contains(failed.error().text, std::string(name) + " is NULL"))
        << failed.error().text;
  };
  vyre_session* s = session_.get();
  vyre_queue* q = session_.main().get();
  vyre_op op = session_.find("nop").value().handle;
  vyre_buffer buffer = 0;
  refused(vyre_session_open(nullptr, nullptr), "session");
  refused(vyre_session_close(nullptr, 0, nullptr), "session");
  refused(vyre_session_caps(s, nullptr), "caps");
  refused(vyre_session_notify_fd(s, nullptr), "fd");
  refused(vyre_queue_main(s, nullptr), "queue");
  refused(vyre_queue_open(nullptr, nullptr, nullptr), "session");
  refused(vyre_program_assemble(nullptr, 4, 0, nullptr), "text");
  refused(vyre_program_verify(nullptr, 0), "program");
  refused(vyre_program_examine(nullptr, 0, nullptr, nullptr), "program");
  refused(vyre_program_explain(nullptr, 0, nullptr, nullptr), "program");
  refused(vyre_program_read_text(nullptr, 4, nullptr, 0, nullptr), "text");
  refused(vyre_program_read_text("", 0, nullptr, 0, nullptr), "program");
  refused(vyre_program_place(nullptr, 0, nullptr), "program");
  refused(vyre_program_describe_buffer(nullptr, 0, nullptr), "program");
  refused(vyre_program_grid(nullptr, nullptr, 0, 0, nullptr), "program");
  refused(vyre_reference_new(nullptr, nullptr, 0, nullptr), "program");
  refused(vyre_reference_run(nullptr, nullptr, 0, 0, nullptr), "reference");
  refused(vyre_reference_report(nullptr, nullptr, nullptr), "reference");
  refused(vyre_session_report(s, nullptr, nullptr), "json");
  refused(vyre_program_print_image(nullptr, 0, 0, nullptr), "program");
  refused(vyre_program_equal(nullptr, nullptr, nullptr), "one");
  refused(vyre_profile_find(nullptr, nullptr), "name");
  refused(vyre_limit_at(0, nullptr), "limit");
  refused(vyre_ingest_probe(nullptr, nullptr), "directory");
  refused(vyre_session_ops(s, nullptr, 0, nullptr), "count");
  refused(vyre_op_add(s, nullptr, nullptr, nullptr, 0, &op), "name");
  refused(vyre_op_find(s, nullptr, &op), "name");
  refused(vyre_op_describe(s, op, nullptr), "info");
  refused(vyre_buffer_new(nullptr, 4, nullptr, 0, &buffer), "queue");
  refused(vyre_buffer_new(q, 4, nullptr, 0, nullptr), "buffer");
  refused(vyre_buffer_import(q, nullptr, 4, VYRE_READ, nullptr, nullptr, 0, &buffer), "host");
  refused(vyre_buffer_map_file(q, nullptr, 0, 0, &buffer), "path");
  refused(vyre_buffer_read(s, buffer, 0, nullptr, 4, 0), "bytes");
  refused(vyre_submit(q, nullptr, 1, 0, 0, nullptr, nullptr, nullptr), "items");
  refused(vyre_wait(s, nullptr, 1, 1, 0, nullptr, 0, nullptr), "tickets");
  refused(vyre_batch_new(s, nullptr), "batch");
  refused(vyre_buffer_tag(s, 0, nullptr, 1), "rules");
  refused(vyre_report_regions(s, nullptr, 1, nullptr), "regions");
  refused(vyre_report_regions(s, nullptr, 0, nullptr), "count");
  refused(vyre_report_lineage(nullptr, 1, 0, nullptr), "text");
  refused(vyre_report_merge(nullptr, 1, 0, nullptr), "json");
  refused(vyre_report_diff(nullptr, "after", nullptr, nullptr), "before");
  refused(vyre_report_diff("before", nullptr, nullptr, nullptr), "after");
  refused(vyre_report_gate(nullptr, 1, nullptr, nullptr, nullptr, nullptr), "passed");
  refused(vyre_report_export(nullptr, 1, "csv", nullptr), "text");
  refused(vyre_report_snapshot(nullptr, nullptr, nullptr), "now");
  refused(vyre_session_timeline(s, nullptr), "json");
  refused(vyre_plan_new(q, nullptr, 1, 0, nullptr, nullptr), "items");
  refused(vyre_plan_new(q, nullptr, 0, 0, nullptr, nullptr), "plan");
  refused(vyre_plan_describe(nullptr, 0, nullptr), "plan");
  refused(vyre_plan_submit(q, nullptr, 0, nullptr, nullptr), "plan");
  refused(vyre_stream_next(nullptr, 0, nullptr), "stream");
  refused(vyre_record(s, nullptr, 0, nullptr), "directory");
  refused(vyre_replay(nullptr, nullptr, nullptr, nullptr), "directory");
  refused(vyre_report_json(s, 2, nullptr), "json");
  // Freeing and retaining nothing does nothing.
  vyre_session_free(nullptr);
  vyre_queue_free(nullptr);
  vyre_program_free(nullptr);
  vyre_batch_free(nullptr);
  vyre_plan_free(nullptr);
  vyre_stream_free(nullptr);
  vyre_recorder_free(nullptr);
  vyre_reference_free(nullptr);
  vyre_blob_free(nullptr);
  vyre_error_free(nullptr);
  vyre_stream_cancel(nullptr);
  EXPECT_EQ(vyre_session_retain(nullptr), nullptr);
  EXPECT_EQ(vyre_queue_session(nullptr), nullptr);
  EXPECT_EQ(vyre_session_tag(nullptr), 0u);
  EXPECT_STREQ(vyre_error_text(nullptr), "ok");
}

TEST_F(Mistakes, TimeoutsBeyondTheClockAreNoBoundAndNegativeOnesAreOver) {
  EXPECT_EQ(Timeout(std::chrono::nanoseconds::max()).ns(), VYRE_FOREVER);
  EXPECT_EQ(Timeout(std::chrono::hours::max()).ns(), VYRE_FOREVER);
  EXPECT_EQ(Timeout(std::chrono::duration<double>(1e300)).ns(), VYRE_FOREVER);
  EXPECT_EQ(Timeout(std::chrono::seconds{-1}).ns(), 0);
  EXPECT_EQ(Timeout(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())).ns(),
            0);
  EXPECT_EQ(Timeout(std::chrono::milliseconds{3}).ns(), 3'000'000);
  EXPECT_LT(Timeout().ns(), 0);
  const Item nop{session_.find("nop").value()};
  for (const Timeout timeout : {Timeout(std::chrono::nanoseconds::max()), Timeout::forever(),
                                Timeout(std::chrono::hours{2'000'000})}) {
    const Ticket ticket = session_.main().submit(nop, timeout).value();
    EXPECT_TRUE(session_.wait(ticket, timeout).value().done());
  }
}

TEST_F(Mistakes, ValueThrowsTheErrorsText) {
  try {
    (void)session_.find("no such op").value();
    FAIL() << "no exception";
  } catch (const Exception& e) {
    EXPECT_TRUE(contains(e.what(), "not_found: ")) << e.what();
    EXPECT_TRUE(contains(e.what(), "no such op")) << e.what();
    EXPECT_EQ(e.error().code, Code::not_found);
    EXPECT_FALSE(e.error().retryable);
  }
  try {
    (void)Program::assemble("workgroup 1, 1, 1;\nnonsense").value();
    FAIL() << "no exception";
  } catch (const Exception& e) {
    EXPECT_EQ(e.error().line, 2u) << e.what();
  }
}

TEST_F(Mistakes, AfterItsWallTimeASessionSaysSoWithACodeOfItsOwn) {
  SessionOptions options = on_cpu();
  options.max_wall_time = std::chrono::nanoseconds{1};
  auto session = Session::open(options).value();
  const auto refused = session.main().submit(Item{session.find("nop").value()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::wall_time) << refused.error().text;
  EXPECT_FALSE(refused.error().retryable);
}

TEST_F(Mistakes, AWaitThatIsCutMayBeMadeAgain) {
  auto output = session_.main().allocate(4).value();
  const Ticket ticket = spin(output);
  const auto cut = session_.wait(ticket, Timeout::poll());
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::deadline_exceeded);
  EXPECT_TRUE(cut.error().retryable);
  EXPECT_TRUE(session_.close());
  EXPECT_EQ(session_.wait(ticket, kLong).value().status, ItemStatus::cancelled);
}

TEST_F(Mistakes, AnUploadThatIsCutLeavesNothing) {
  SessionOptions options = on_cpu();
  options.memory_bytes = std::uint64_t{80} << 20;
  auto session = Session::open(options).value();
  const std::vector<std::uint8_t> bytes(std::size_t{64} << 20);
  for (int i = 0; i < 3; ++i) {
    const auto cut = session.main().upload(bytes, Timeout::poll());
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, Code::deadline_exceeded) << cut.error().text;
  }
  EXPECT_TRUE(session.main().allocate(bytes.size()));
}

TEST_F(Mistakes, AForgottenFaultIsCountedByCloseAndKeptByItsBatch) {
  const Op divide = op("divide", kDivide);
  auto zero = up<std::int32_t>({0});
  auto output = session_.main().allocate(4).value();
  Batch batch = session_.batch().value();
  const std::array faulting{Item{divide, zero, output}};
  ASSERT_EQ(session_.main().submit(faulting, batch).accepted, 1u);
  // More than a queue keeps results of.
  const std::vector<Item> others(1'000, Item{session_.find("nop").value()});
  for (int i = 0; i < 70; ++i) {
    ASSERT_EQ(session_.main().submit(others).accepted, others.size());
  }
  ASSERT_TRUE(session_.wait_all());
  const Totals totals = session_.close().value();
  EXPECT_EQ(totals.accepted, 70'001u);
  EXPECT_EQ(totals.done, 70'000u);
  EXPECT_EQ(totals.faulted, 1u);
  EXPECT_EQ(totals.unasked, 1u);
  const Totals of_batch = batch.wait().value();
  EXPECT_EQ(of_batch.accepted, 1u);
  EXPECT_EQ(of_batch.faulted, 1u);
  const auto failures = batch.failures().value();
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_STREQ(failures[0].code_name(), "i32_division_by_zero");
  EXPECT_EQ(batch.wait().value().unasked, 0u);
}

TEST_F(Mistakes, AFaultThatWasAskedForIsNoForgottenOne) {
  const Op divide = op("divide", kDivide);
  auto zero = up<std::int32_t>({0});
  auto output = session_.main().allocate(4).value();
  const Ticket ticket = session_.main().submit(Item{divide, zero, output}).value();
  EXPECT_EQ(session_.wait(ticket).value().status, ItemStatus::faulted);
  EXPECT_EQ(session_.close().value().unasked, 0u);
}

TEST_F(Mistakes, RunSaysWhyAnItemFaultedAndLeavesNothing) {
  SessionOptions options = on_cpu();
  options.memory_bytes = std::uint64_t{1} << 20;
  auto session = Session::open(options).value();
  const Op divide = op_in(session, "divide", kDivide);
  auto zero = session.main().upload(std::array<std::int32_t, 1>{0}).value();
  for (int i = 0; i < 5'000; ++i) {  // 256 bytes of the budget each, if they stayed
    const auto out = session.main().run(divide, std::array{zero.ref()});
    ASSERT_FALSE(out);
    ASSERT_EQ(out.error().code, Code::faulted) << out.error().text;
    ASSERT_TRUE(contains(out.error().text, "i32_division_by_zero")) << out.error().text;
  }
}

TEST_F(Mistakes, RunRefusesAnOpWhoseOutputMayHaveAnySize) {
  const Op fill = session_.find("mem.fill").value();
  const auto out = session_.main().run(fill);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::unsupported) << out.error().text;
}

TEST_F(Mistakes, UnknownFlagsAndSidesAndDevicesAreRefused) {
  const Op nop = session_.find("nop").value();
  const auto submitted = session_.main().submit(Item{nop, {}, {}, 0, static_cast<Order>(64)});
  ASSERT_FALSE(submitted);
  EXPECT_EQ(submitted.error().code, Code::invalid_argument);
  EXPECT_TRUE(contains(submitted.error().text, "item 0: flags 64"));
  vyre_op_buffer buffer = VYRE_INIT(vyre_op_buffer);
  const detail::Failed side{vyre_op_describe_buffer(session_.get(), nop.handle, 2, 0, &buffer)};
  EXPECT_EQ(side.error().code, Code::invalid_argument);
  const detail::Failed index{
      vyre_op_describe_buffer(session_.get(), nop.handle, VYRE_INPUT, 0, &buffer)};
  EXPECT_EQ(index.error().code, Code::invalid_argument);
  SessionOptions options = on_cpu();
  options.device = "abacus";
  const auto opened = Session::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::invalid_argument);
  EXPECT_TRUE(contains(opened.error().text, "'abacus'"));
}

TEST_F(Mistakes, TicketsOfAnotherCountThanItemsAreRefused) {
  const std::vector<Item> items(3, Item{session_.find("nop").value()});
  std::array<Ticket, 2> tickets;
  const Submitted submitted = session_.main().submit(items, tickets);
  EXPECT_EQ(submitted.accepted, 0u);
  ASSERT_TRUE(submitted.stopped_by);
  EXPECT_EQ(submitted.stopped_by->code, Code::invalid_argument);
}

TEST_F(Mistakes, ACountThatNoListHasIsALimitWithItsNumber) {
  const vyre_buffer buffer = 0;
  const vyre_ticket ticket{};
  const vyre_span pattern{"a", 1};
  vyre_buffer set = 0;
  vyre_blob* blob = nullptr;
  const auto too_many = [](vyre_error* error) {
    const detail::Failed failed{error};
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed.error().code, Code::limit_exceeded) << failed.error().text;
    EXPECT_TRUE(contains(failed.error().text, std::to_string(SIZE_MAX))) << failed.error().text;
  };
  too_many(vyre_buffer_bind(session_.main().get(), &buffer, SIZE_MAX, 0, &set));
  too_many(vyre_wait(session_.get(), &ticket, SIZE_MAX, 0, 0, nullptr, 0, nullptr));
  too_many(vyre_cancel(session_.get(), &ticket, SIZE_MAX, nullptr));
  too_many(vyre_literals_compile(&pattern, SIZE_MAX, 0, &blob));
}

TEST_F(Mistakes, ReservedFieldsAndOptionsThatAreGivenTwiceAreRefused) {
  const auto refused = [](vyre_error* error, std::string_view part) {
    const detail::Failed failed{error};
    ASSERT_TRUE(failed) << part;
    EXPECT_EQ(failed.error().code, Code::invalid_argument) << failed.error().text;
    EXPECT_TRUE(contains(failed.error().text, part)) << failed.error().text;
  };
  vyre_queue_options queue = VYRE_INIT(vyre_queue_options);
  queue.reserved = 1;
  vyre_queue* opened = nullptr;
  refused(vyre_queue_open(session_.get(), &queue, &opened), "reserved of a vyre_queue_options");
  vyre_buffer_options buffer = VYRE_INIT(vyre_buffer_options);
  buffer.reserved = 7;
  vyre_buffer made = 0;
  refused(vyre_buffer_new(session_.main().get(), 4, &buffer, 0, &made), "is 7");
  buffer.reserved = 0;
  const vyre_option twice[]{{"cache", "1"}, {"cache", "0"}};
  buffer.options = twice;
  buffer.option_count = 2;
  buffer.init = "abcd";
  refused(vyre_buffer_new(session_.main().get(), 4, &buffer, 0, &made), "'cache' is given twice");
  EXPECT_EQ(session_.report_json(17).error().code, Code::invalid_argument);
  EXPECT_TRUE(session_.report_json(16));
}

TEST_F(Mistakes, AnItemOfNoOpIsNamedByItsPlace) {
  const vyre_op none = session_.find("nop").value().handle | 0xFFFFFF;
  const std::array items{Item{session_.find("nop").value()}, Item{Op{none}}};
  const Submitted submitted = session_.main().submit(items);
  ASSERT_TRUE(submitted.stopped_by);
  EXPECT_TRUE(contains(submitted.stopped_by->text, "item 1: op ")) << submitted.stopped_by->text;
}

TEST_F(Mistakes, ARunThatMeetsItsTimeoutSaysWhatBecomesOfItsItem) {
  auto busy = session_.main().allocate(4).value();
  const Ticket running = spin(busy);
  const Op spinning = session_.find("spin").value();
  const auto late = session_.main().run(spinning, {}, 0, std::chrono::milliseconds{20});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::deadline_exceeded);
  EXPECT_NE(contains(late.error().text, "the item was cancelled before it started"),
            contains(late.error().text, "the item has started, and goes on"))
      << late.error().text;
  EXPECT_FALSE(session_.wait(running, Timeout::poll()));
}

}  // namespace
}  // namespace vyre::test

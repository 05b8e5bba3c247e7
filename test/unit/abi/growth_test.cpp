// Structures that grow: a caller that was compiled with an older or a newer release than the
// library, options by name, arrays with a stride.
#include <cstdlib>
#include <cstring>

#include "fixture.hpp"

namespace vyre::test {
namespace {

using Growth = OnASession;

/// A structure of a later release: the same with more behind it.
template <class T>
struct Later {
  T now{};
  std::uint64_t more[2]{};

  explicit Later(std::uint64_t fill = 0) : more{fill, fill} { now.struct_size = sizeof(Later); }
};

TEST_F(Growth, OptionsThatEndEarlyGetDefaultsForTheRest) {
  vyre_session_options options = VYRE_INIT(vyre_session_options);
  options.device = "cpu";
  // Behind the size, values that would be refused.
  options.workers = 2;
  options.ring_slots = 3;
  options.max_wall_time = -1;
  options.options = nullptr;
  options.option_count = 9;
  for (const std::uint32_t size : {8u, 16u}) {
    options.struct_size = size;
    vyre_session* session = nullptr;
    const detail::Failed failed{vyre_session_open(&options, &session)};
    EXPECT_FALSE(failed) << size << ": " << failed.error().text;
    vyre_session_free(session);
  }
  options.struct_size = sizeof(options);
  vyre_session* session = nullptr;
  EXPECT_TRUE(detail::Failed{vyre_session_open(&options, &session)});
}

TEST_F(Growth, OptionsWithMoreBehindThemAreTakenWhileThatIsZero) {
  Later<vyre_buffer_options> options;
  vyre_buffer buffer = 0;
  EXPECT_FALSE(detail::Failed{
      vyre_buffer_new(session_.main().get(), 4, &options.now, VYRE_DEFAULT_TIMEOUT, &buffer)});
  Later<vyre_buffer_options> newer(1);
  const detail::Failed failed{
      vyre_buffer_new(session_.main().get(), 4, &newer.now, VYRE_DEFAULT_TIMEOUT, &buffer)};
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed.error().code, Code::unsupported);
  EXPECT_TRUE(contains(failed.error().text, "byte 32 of a vyre_buffer_options"))
      << failed.error().text;
}

TEST_F(Growth, ASizeThatNoStructureHasIsRefused) {
  for (const std::uint32_t size : {0u, 4u, 12u, 33u, 5'000u, 0xFFFF'FFF8u}) {
    vyre_session_options options = VYRE_INIT(vyre_session_options);
    options.struct_size = size;
    vyre_session* session = nullptr;
    const detail::Failed failed{vyre_session_open(&options, &session)};
    ASSERT_TRUE(failed) << size;
    EXPECT_EQ(failed.error().code, Code::invalid_argument);
    EXPECT_TRUE(contains(failed.error().text, "VYRE_INIT"));
  }
  vyre_caps caps{};
  EXPECT_TRUE(detail::Failed{vyre_session_caps(session_.get(), &caps)});
}

TEST_F(Growth, OutputsAreFilledAsFarAsTheyGo) {
  (void)session_.main().submit(Item{session_.find("nop").value()}).value();
  vyre_totals totals;
  std::memset(&totals, 0xAB, sizeof totals);
  totals.struct_size = offsetof(vyre_totals, faulted);
  ASSERT_FALSE(detail::Failed{vyre_session_wait(session_.get(), VYRE_DEFAULT_TIMEOUT, &totals)});
  EXPECT_EQ(totals.accepted, 1u);
  EXPECT_EQ(totals.done, 1u);
  EXPECT_EQ(totals.faulted, 0xABAB'ABAB'ABAB'ABABu);
  EXPECT_EQ(totals.struct_size, offsetof(vyre_totals, faulted));

  Later<vyre_totals> later(5);
  ASSERT_FALSE(detail::Failed{vyre_session_wait(session_.get(), VYRE_DEFAULT_TIMEOUT, &later.now)});
  EXPECT_EQ(later.now.accepted, 1u);
  EXPECT_EQ(later.more[0], 0u);
  EXPECT_EQ(later.more[1], 0u);
}

TEST_F(Growth, ArraysMayHaveElementsOfALaterRelease) {
  struct LaterItem {
    vyre_item now;
    std::uint64_t more;
  };
  struct LaterResult {
    vyre_result now;
    std::uint64_t more;
  };
  const vyre_op nop = session_.find("nop").value().handle;
  std::array<LaterItem, 5> items{};
  for (LaterItem& item : items) item = {{nop, 0, 0, 0, 0}, 99};
  std::array<vyre_ticket, 5> tickets;
  ASSERT_FALSE(detail::Failed{vyre_submit(session_.main().get(), &items[0].now, items.size(),
                                          sizeof(LaterItem), VYRE_DEFAULT_TIMEOUT, nullptr,
                                          tickets.data(), nullptr)});
  std::array<LaterResult, 5> results;
  for (LaterResult& result : results) result.more = 99;
  ASSERT_FALSE(detail::Failed{vyre_wait(session_.get(), tickets.data(), 5, 5, VYRE_DEFAULT_TIMEOUT,
                                        &results[0].now, sizeof(LaterResult), nullptr)});
  for (const LaterResult& result : results) {
    EXPECT_EQ(result.now.status, static_cast<std::uint32_t>(VYRE_ITEM_DONE));
    EXPECT_EQ(result.more, 99u);
  }
  for (const std::size_t stride : {8u, 31u, 33u}) {
    const detail::Failed failed{
        vyre_submit(session_.main().get(), &items[0].now, 1, stride, 0, nullptr, nullptr, nullptr)};
    EXPECT_EQ(failed.error().code, Code::invalid_argument) << stride;
  }
}

TEST_F(Growth, OptionsByNameAreReadAndUnknownOnesAreListed) {
  SessionOptions options = on_cpu();
  options.more = {
      {"ingest_bytes", "0"}, {"producer_timeout_ns", "2000000000"}, {"ingest_tier", "e"}};
  auto session = Session::open(options).value();
  StreamOptions of_stream;
  of_stream.outputs = {StreamOutput{4}};
  const auto stream = session.main().stream({"x"}, session.find("hash.crc32c").value(), of_stream);
  ASSERT_FALSE(stream);  // because there is no ingest memory
  EXPECT_TRUE(contains(stream.error().text, "ingest")) << stream.error().text;

  const auto refusal = [](std::string key, std::string value) {
    SessionOptions wrong = on_cpu();
    wrong.more = {{std::move(key), std::move(value)}};
    const auto opened = Session::open(wrong);
    return opened ? Error{} : opened.error();
  };
  const Error unknown = refusal("ingest_byte", "0");
  EXPECT_EQ(unknown.code, Code::unsupported);
  EXPECT_TRUE(contains(unknown.text, "'ingest_byte'") && contains(unknown.text, "ingest_bytes"))
      << unknown.text;
  EXPECT_EQ(refusal("ingest_bytes", "many").code, Code::invalid_argument);
  EXPECT_EQ(refusal("ingest_bytes", "12 ").code, Code::invalid_argument);
  EXPECT_EQ(refusal("max_blocks", "4294967296").code, Code::invalid_argument);
  EXPECT_EQ(refusal("ingest_tier", "f").code, Code::invalid_argument);
  EXPECT_EQ(refusal("jit", "sometimes").code, Code::invalid_argument);
  const Error forced = refusal("jit", "force");
  EXPECT_EQ(forced.code, Code::unsupported);
  EXPECT_TRUE(contains(forced.text, "jit is force")) << forced.text;
  EXPECT_EQ(refusal("jit", "auto").code, Error{}.code) << "the cpu backend interprets";
}

TEST_F(Growth, WhatComesLaterIsRefusedByName) {
  const auto program = Program::assemble(kHistogram).value();
  const vyre_option jit{"jit", "1"};
  vyre_op_options options = VYRE_INIT(vyre_op_options);
  options.options = &jit;
  options.option_count = 1;
  vyre_op op = 0;
  const detail::Failed of_op{
      vyre_op_add(session_.get(), "h", program.get(), &options, VYRE_DEFAULT_TIMEOUT, &op)};
  EXPECT_EQ(of_op.error().code, Code::unsupported);
  EXPECT_TRUE(contains(of_op.error().text, "'jit' is reserved")) << of_op.error().text;

  const vyre_option tenant{"tenant", "a"};
  vyre_queue_options of_queue = VYRE_INIT(vyre_queue_options);
  of_queue.options = &tenant;
  of_queue.option_count = 1;
  vyre_queue* queue = nullptr;
  const detail::Failed failed{vyre_queue_open(session_.get(), &of_queue, &queue)};
  EXPECT_EQ(failed.error().code, Code::unsupported);
  EXPECT_EQ(queue, nullptr);
}

/// Without a device, too; and CPU workers do not hide the mistake.
TEST_F(Growth, ANameThatCanBeNoDevicesIsRefusedWhereverItComesFrom) {
  SessionOptions options;
  for (const char* const device : {"cuda:", "cuda:first", "cuda:-1", "cuda:GPU-12"}) {
    options.device = device;
    const auto opened = Session::open(options);
    ASSERT_FALSE(opened) << device;
    EXPECT_EQ(opened.error().code, Code::invalid_argument) << opened.error().text;
  }
  ASSERT_EQ(::setenv("VYRE_DEVICE", "first", 1), 0);
  for (const char* const device : {"auto", "cuda"}) {
    options.device = device;
    const auto opened = Session::open(options);
    ASSERT_FALSE(opened) << device;
    EXPECT_EQ(opened.error().code, Code::invalid_argument) << opened.error().text;
    EXPECT_TRUE(contains(opened.error().text, "'first'"));
  }
  options.device = "cpu";
  EXPECT_TRUE(Session::open(options));
  ASSERT_EQ(::unsetenv("VYRE_DEVICE"), 0);
}

}  // namespace
}  // namespace vyre::test

// Buffers: typed copies, import, files, sets, leases, and buffers that go while they are in use.
#include <atomic>
#include <cerrno>
#include <fstream>
#include <memory>
#include <numeric>

#include "fixture.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::test {
namespace {

using Buffers = OnASession;

/// What asking for four bytes with an option comes to.
std::int32_t code_of_four_bytes(Queue& queue, const vyre_option& option) {
  vyre_buffer_options options = VYRE_INIT(vyre_buffer_options);
  options.options = &option;
  options.option_count = 1;
  vyre_buffer buffer = 0;
  vyre_error* const error = vyre_buffer_new(queue.get(), 4, &options, 0, &buffer);
  const std::int32_t code = vyre_error_code(error);
  vyre_error_free(error);
  return code;
}

TEST_F(Buffers, ElementsComeBackAsTheyWent) {
  auto buffer = session_.main().upload(std::vector<double>{1.5, -2.0, 0.25}).value();
  EXPECT_EQ(buffer.size_bytes().value(), 24u);
  EXPECT_EQ(buffer.read<double>().value(), (std::vector<double>{1.5, -2.0, 0.25}));
  ASSERT_TRUE(buffer.write(std::span<const double>(std::array{7.0}), 8));
  std::array<double, 2> part{};
  ASSERT_TRUE(buffer.read_into(std::span<double>(part), 8));
  EXPECT_EQ(part, (std::array{7.0, 0.25}));
  struct Five {
    std::array<char, 5> bytes;
  };
  EXPECT_EQ(buffer.read<Five>().error().code, Code::invalid_argument);
  EXPECT_EQ(buffer.read_into(std::span<double>(part), 16).error().code, Code::invalid_argument);
  auto zeros = session_.main().allocate(8).value();
  EXPECT_EQ(zeros.read<std::uint64_t>().value(), (std::vector<std::uint64_t>{0}));
}

TEST_F(Buffers, CopiesTakeTheRangesThatUploadsTake) {
  std::vector<int> values{4, 5, 6};
  auto buffer = session_.main().upload(values).value();
  values = {7, 8, 9};
  ASSERT_TRUE(buffer.write(values));
  ASSERT_TRUE(buffer.write(std::span(values).first(1), 4));
  std::vector<int> back(3);
  ASSERT_TRUE(buffer.read_into(back));
  EXPECT_EQ(back, (std::vector<int>{7, 7, 9}));
  std::array<int, 1> part{};
  ASSERT_TRUE(buffer.read_into(part, 8));
  EXPECT_EQ(part[0], 9);
  ASSERT_TRUE(buffer.read_into(std::span(back).last(1)));
  EXPECT_EQ(back[2], 7);
}

TEST_F(Buffers, MemoryIsLentOnceUnlessItIsOnlyRead) {
  alignas(64) std::array<std::uint32_t, 32> memory{};
  const std::span<std::uint32_t> all(memory);
  const std::span<const std::uint32_t> read(memory);
  Queue& queue = session_.main();
  std::atomic<int> back{0};
  const auto give_back = [&back] {
    ++back;
    back.notify_all();
  };
  const auto refused = [](const Result<Buffer>& made) {
    return !made && made.error().code == Code::invalid_argument &&
           contains(made.error().text, "overlaps that of handle");
  };
  {
    auto first = queue.import(all.subspan(8, 8), give_back);
    ASSERT_TRUE(first) << first.error().text;
    EXPECT_TRUE(refused(queue.import(all.subspan(8, 8))));
    EXPECT_TRUE(refused(queue.import(all)));
    EXPECT_TRUE(refused(queue.import(all.subspan(12, 1))));
    EXPECT_TRUE(refused(queue.import(read.subspan(12, 8))));
    EXPECT_TRUE(queue.import(all.first(8), give_back));
    EXPECT_TRUE(queue.import(all.subspan(16, 8), give_back));
  }
  for (int given = back; given < 3; given = back) back.wait(given);
  auto one = queue.import(read.first(16));
  ASSERT_TRUE(one) << one.error().text;
  EXPECT_TRUE(queue.import(read.subspan(4, 4)));
  EXPECT_TRUE(refused(queue.import(all.subspan(12, 8))));
}

TEST_F(Buffers, MemoryBeyondTheLastAddressIsNotImported) {
  alignas(16) std::array<char, 16> memory{};
  vyre_buffer made = 0;
  const detail::Failed failed{vyre_buffer_import(session_.main().get(), memory.data(), UINT64_MAX,
                                                 VYRE_READ, nullptr, nullptr, 0, &made)};
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed.error().code, Code::invalid_argument);
  EXPECT_EQ(made, 0u);
}

TEST_F(Buffers, CachedOnesOfEqualBytesAreSentOnceAndGoOneByOne) {
  const std::vector<std::uint32_t> values{3, 1, 2};
  auto first = session_.main().upload_cached(values).value();
  const auto sent = session_.report().value().telemetry.bytes_uploaded;
  auto second = session_.main().upload_cached(values).value();
  EXPECT_EQ(session_.report().value().telemetry.bytes_uploaded, sent);
  const BufferRef given_back = first.ref();
  ASSERT_TRUE(first.retire());
  const Item item{session_.find("mem.copy").value(), given_back, second};
  EXPECT_FALSE(session_.main().submit(item)) << "it was given back";
  EXPECT_EQ(second.read<std::uint32_t>().value(), values) << "its owner still holds it";
  EXPECT_EQ(second.write(std::span<const std::uint32_t>(values)).error().code,
            Code::invalid_argument);
  const auto third = session_.main().upload_cached(values).value();
  EXPECT_EQ(session_.report().value().telemetry.bytes_uploaded, sent);
  EXPECT_EQ(third.read<std::uint32_t>().value(), values);
  EXPECT_EQ(
      session_.main().upload_cached(std::vector<std::uint32_t>{}).value().size_bytes().value(), 0u);
  EXPECT_EQ(code_of_four_bytes(session_.main(), {"cache", "2"}), VYRE_INVALID_ARGUMENT);
}

TEST_F(Buffers, ABufferForHitsIsAsLongAsTheLaunchPolicyExpects) {
  const auto hits = session_.main().allocate_hits();
  ASSERT_TRUE(hits) << hits.error().text;
  EXPECT_GE(hits->size_bytes().value(), 16u + 16 * 1'024) << "a header, and the least capacity";
  EXPECT_EQ(code_of_four_bytes(session_.main(), {"hits", "1"}), VYRE_INVALID_ARGUMENT);
}

TEST_F(Buffers, ABufferThatGoesWhileItIsUsedIsFreedAfterItsLastItem) {
  const Op copy = session_.find("mem.copy").value();
  std::vector<std::uint8_t> bytes(1 << 20, 42);
  auto output = session_.main().allocate(bytes.size()).value();
  std::vector<Ticket> tickets;
  for (int i = 0; i < 50; ++i) {
    auto input = session_.main().upload(bytes).value();
    tickets.push_back(session_.main().submit(Item{copy, input, output}).value());
  }
  for (const ItemResult& result : session_.wait(tickets, tickets.size()).value()) {
    ASSERT_TRUE(result.done()) << result.code_name();
  }
  EXPECT_EQ(output.read<std::uint8_t>().value(), bytes);
}

TEST_F(Buffers, ASetKeepsTheMembersThatAreRetired) {
  const Op sort = session_.find("sort.u32").value();
  auto keys = session_.main().upload(std::vector<std::uint32_t>{3, 1, 2}).value();
  auto order = session_.main().allocate(12).value();
  auto sorted = session_.main().allocate(12).value();
  auto set = session_.main().bind(std::array{sorted.ref(), order.ref()}).value();
  ASSERT_TRUE(order.retire());
  EXPECT_TRUE(session_.wait(session_.main().submit(Item{sort, keys, set}).value()).value().done());
  EXPECT_EQ(sorted.read<std::uint32_t>().value(), (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST_F(Buffers, RunMakesTheOutputsOfBuiltInOps) {
  auto keys = session_.main().upload(std::vector<std::uint32_t>{30, 10, 20}).value();
  auto sorted = session_.main().run(session_.find("sort.u32").value(), std::array{keys.ref()});
  ASSERT_TRUE(sorted) << sorted.error().text;
  ASSERT_EQ(sorted->size(), 2u);
  EXPECT_EQ((*sorted)[0].read<std::uint32_t>().value(), (std::vector<std::uint32_t>{10, 20, 30}));
  EXPECT_EQ((*sorted)[1].read<std::uint32_t>().value(), (std::vector<std::uint32_t>{10, 20, 30}));
  const std::string text = "123456789";
  auto bytes = session_.main().upload(std::span<const char>(text)).value();
  auto crc = session_.main().run(session_.find("hash.crc32c").value(), std::array{bytes.ref()});
  ASSERT_TRUE(crc) << crc.error().text;
  EXPECT_EQ(crc->at(0).read<std::uint32_t>().value(), (std::vector<std::uint32_t>{0xE3069283}));
}

TEST_F(Buffers, ARunWhoseBuffersDoNotFitSaysSoAndNamesNoLane) {
  const auto program = Program::assemble(
      "workgroup 1, 1, 1;\nbuffer a: u32[4] read_only;\n"
      "buffer y: u32[1] read_write output live_out;\nregion \"r\" { y[0] = a[0]; }\n");
  const Op op = session_.add("first", program.value()).value();
  const auto one = session_.main().upload(std::vector<std::uint32_t>{7}).value();
  const auto ran = session_.main().run(op, std::array{one.ref()});
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, Code::faulted);
  EXPECT_NE(ran.error().text.find("'first' faulted: bad_binding: its buffers do not fit"),
            std::string::npos)
      << ran.error().text;
  EXPECT_EQ(ran.error().text.find("lane"), std::string::npos) << ran.error().text;
  EXPECT_EQ(ran.error().line, 0u);
  const std::string report(session_.report_json().value().text());
  EXPECT_EQ(report.find("\"place\": \""), std::string::npos) << report;
}

TEST_F(Buffers, LiteralsAreFoundByTheAutomatonThatWasCompiled) {
  const std::vector<std::string_view> words{"needle", "hay"};
  const Blob automaton = compile_literals(words, AsciiCase::same).value();
  auto text = session_.main().upload(std::string_view("a NEEDLE in the hay")).value();
  auto compiled = session_.main().upload(automaton.bytes()).value();
  auto hits = session_.main().allocate(8 + 2 * 8).value();
  auto inputs = session_.main().bind(std::array{text.ref(), compiled.ref()}).value();
  const Op match = session_.find("match.literals").value();
  ASSERT_TRUE(
      session_.wait(session_.main().submit(Item{match, inputs, hits}).value()).value().done());
  EXPECT_EQ(hits.read<std::uint32_t>().value()[0], 2u);
  EXPECT_EQ(compile_literals({}).error().code, Code::invalid_argument);
}

TEST_F(Buffers, ImportedMemoryIsUsedAndGivenBackOnce) {
  std::vector<std::uint32_t> host{5, 1, 4};
  std::atomic<int> done{0};
  {
    auto buffer =
        session_.main().import(std::span<std::uint32_t>(host), [&done] { ++done; }).value();
    const Op fill = session_.find("mem.fill").value();
    const Ticket ticket = session_.main().submit(Item{fill, {}, buffer, 9}).value();
    ASSERT_TRUE(session_.wait(ticket).value().done());
    EXPECT_EQ(host, (std::vector<std::uint32_t>{9, 9, 9}));
    EXPECT_EQ(done.load(), 0);
  }
  session_ = Session::open(on_cpu()).value();  // the other ends, and with it every import
  EXPECT_EQ(done.load(), 1);
}

TEST_F(Buffers, ImportedMemoryThatIsOnlyReadIsNotWritten) {
  const std::vector<std::uint32_t> host{1, 2, 3};
  auto buffer = session_.main().import(std::span<const std::uint32_t>(host)).value();
  const Op fill = session_.find("mem.fill").value();
  const ItemResult result =
      session_.wait(session_.main().submit(Item{fill, {}, buffer, 9}).value()).value();
  EXPECT_EQ(result.status, ItemStatus::faulted);
  EXPECT_STREQ(result.code_name(), "bad_binding");
  EXPECT_EQ(host, (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST_F(Buffers, AWriteUnderALeaseIsATimeoutThatNamesTheLease) {
  auto buffer = up<std::uint32_t>({1, 2});
  {
    const auto lease = buffer.lease<const std::uint32_t>().value();
    EXPECT_EQ(lease[1], 2u);
    const auto write = buffer.write(std::span<const std::uint32_t>(std::array{7u}), 0,
                                    std::chrono::milliseconds{1});
    ASSERT_FALSE(write);
    EXPECT_EQ(write.error().code, Code::deadline_exceeded);
    EXPECT_TRUE(write.error().retryable);
    EXPECT_TRUE(contains(write.error().text, "lease")) << write.error().text;
    EXPECT_TRUE(buffer.lease<const std::uint32_t>(Timeout::poll()));  // readers share
    EXPECT_FALSE(buffer.lease<std::uint32_t>(Timeout::poll()));
  }
  EXPECT_TRUE(buffer.write(std::span<const std::uint32_t>(std::array{7u})));
  {
    auto lease = buffer.lease<std::uint32_t>().value();
    lease[0] = 8;
  }
  EXPECT_EQ(buffer.read<std::uint32_t>().value(), (std::vector<std::uint32_t>{8, 2}));
}

TEST_F(Buffers, ALeaseOutlivesItsBuffer) {
  auto buffer = std::make_unique<Buffer>(up<std::uint32_t>({1, 2, 3}));
  auto lease = buffer->lease<std::uint32_t>().value();
  buffer.reset();
  lease[2] = 30;
  EXPECT_EQ(std::accumulate(lease.begin(), lease.end(), 0u), 33u);
}

using FileBuffers = InAFolder;

TEST_F(FileBuffers, FilesAreMappedAndLoaded) {
  auto session = Session::open(on_cpu()).value();
  std::ofstream(path("x")) << "123456789";
  const Op crc = session.find("hash.crc32c").value();
  auto mapped = session.main().map_file(path("x")).value();
  auto loaded = session.main().load_file(path("x")).value();
  for (const BufferRef input : {mapped.ref(), loaded.ref()}) {
    auto out = session.main().run(crc, std::array{input}).value();
    EXPECT_EQ(out[0].read<std::uint32_t>().value()[0], 0xE3069283u);
  }
  const Error none = session.main().map_file(path("none")).error();
  EXPECT_EQ(none.code, Code::io) << none.text;
  EXPECT_EQ(none.detail, ENOENT);

  auto own = session.open_queue().value();
  auto only = own.map_own_file(path("x")).value();
  auto out = session.main().allocate(4).value();
  EXPECT_EQ(session.main().submit(Item{crc, only, out}).error().code, Code::invalid_argument);
  EXPECT_TRUE(own.submit(Item{crc, only, out}));
}

}  // namespace
}  // namespace vyre::test

// Bytes into and out of buffers of the device, through the public Session: of every length and
// offset, of many threads, and around items that use the same buffers.
#include <algorithm>
#include <thread>

#include "support/choice.hpp"
#include "unit/runtime/fixtures.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

/// Registers a program that adds 1 to every word, in as many workgroups as there are.
std::uint32_t add_count(Session& session) {
  const auto program = vir::assemble(
      "workgroup 64, 1, 1;\n"
      "buffer x: u32[] read_write;\n"
      "region \"count\" { if gid.x < len(x) { x[gid.x] = x[gid.x] + 1; } }\n");
  EXPECT_OK(program);
  const auto op = session.register_program("count", *program);
  EXPECT_OK(op);
  return op ? op->id : 0;
}

SessionOptions all_blocks(std::uint32_t queues = 1) {
  SessionOptions options = test_options(1, queues);
  options.max_blocks = 0;
  return options;
}

Bytes salted(std::size_t bytes, std::uint32_t salt) {
  Bytes out(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    out[i] = static_cast<std::uint8_t>((i * 2'654'435'761u + salt) >> 13);
  return out;
}

TEST(DeviceBytes, ComeBackAsTheyWentWhateverTheirLengthAndOffset) {
  auto session = Session::open(all_blocks());
  ASSERT_OK(session);
  std::uint32_t salt = 0;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{15},
        std::size_t{16}, std::size_t{17}, std::size_t{255}, std::size_t{256}, std::size_t{257},
        std::size_t{4'095}, std::size_t{65'537}, std::size_t{1'048'575}, std::size_t{1'048'576},
        std::size_t{1'048'577}, std::size_t{5'000'003}, std::size_t{20'000'001}}) {
    SCOPED_TRACE(std::to_string(size) + " bytes");
    const Bytes in = salted(size, ++salt);
    const auto buffer = session->upload(in);
    ASSERT_OK(buffer);
    const auto out = session->download(*buffer, soon());
    ASSERT_OK(out);
    EXPECT_TRUE(*out == in);
    for (const std::size_t offset : {std::size_t{1}, std::size_t{7}, std::size_t{16}, size / 2}) {
      if (offset >= size) continue;
      const std::size_t length = std::min<std::size_t>(size - offset, 3'333 + offset);
      Bytes want = *session->download(*buffer, soon());
      const Bytes part = salted(length, ++salt);
      ASSERT_OK(session->write(*buffer, offset, part, soon()));
      std::copy(part.begin(), part.end(), want.begin() + static_cast<std::ptrdiff_t>(offset));
      EXPECT_TRUE(*session->download(*buffer, soon()) == want) << "written at " << offset;
      Bytes some(length);
      ASSERT_OK(session->download_into(*buffer, offset, some, soon()));
      EXPECT_TRUE(some == part) << "read at " << offset;
    }
    const auto zero = session->allocate(size);
    ASSERT_OK(zero);
    EXPECT_TRUE(*session->download(*zero, soon()) == Bytes(size, 0)) << "not zero when made";
    ASSERT_OK(session->release(*zero, soon()));
    ASSERT_OK(session->release(*buffer, soon()));
  }
}

TEST(DeviceBytes, OfManyThreadsDoNotMix) {
  auto session = Session::open(all_blocks(2));
  ASSERT_OK(session);
  const std::uint32_t count = add_count(*session);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      Random random(test_seed() + 100 + t);
      for (int i = 0; i < 60; ++i) {
        const Bytes in = salted(4 * (1 + random.below(40'000)), random.below(1'000'000));
        const auto buffer = session->upload(in);
        const std::uint32_t times = random.below(4);
        for (std::uint32_t k = 0; buffer && k < times; ++k)
          wrong += !session->submit({count, buffer->id, 0, 0}, soon(), t % 2).has_value();
        Bytes want;
        for (std::size_t at = 0; at < in.size(); at += 4)
          append_le(want, load_le<std::uint32_t>(in, at) + times);
        const auto out = buffer ? session->download(*buffer, soon()) : Result<Bytes>(Bytes{});
        wrong += !out || *out != want;
        if (buffer) wrong += !session->release(*buffer, soon()).has_value();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(DeviceBytes, OfABufferThatItemsHaveReadAreThoseThatWereWrittenLast) {
  auto session = Session::open(all_blocks());
  ASSERT_OK(session);
  const std::uint32_t count = add_count(*session);
  Random random(test_seed() + 200);
  for (const std::size_t words : {1u, 1'000u, 20'000u, 400'000u}) {
    SCOPED_TRACE(std::to_string(words) + " words");
    // What lies in the caches of the multiprocessors is from the round before.
    const auto buffer = session->upload(Bytes(4 * words, 0));
    ASSERT_OK(buffer);
    Bytes lent(4 * words);
    const auto known = session->import(lent, ImportOptions{true, nullptr, nullptr}, soon());
    ASSERT_OK(known);
    std::uint32_t wrong = 0;
    for (int round = 0; round < 100; ++round) {
      const Bytes in = salted(4 * words, random.below(1'000'000));
      const bool in_place = random.below(2) != 0;
      if (in_place) lent = in;
      ASSERT_OK(session->write(*buffer, 0, in_place ? lent : in, soon()));
      ASSERT_OK(session->submit({count, buffer->id, 0, 0}, soon()));
      Bytes ordinary(4 * words);
      Bytes& out = random.below(2) != 0 ? lent : ordinary;
      ASSERT_OK(session->download_into(*buffer, 0, out, soon()));
      for (std::size_t at = 0; at < in.size(); at += 4)
        wrong += load_le<std::uint32_t>(out, at) != load_le<std::uint32_t>(in, at) + 1;
    }
    EXPECT_EQ(wrong, 0u);
    ASSERT_OK(session->release(*buffer, soon()));
    ASSERT_OK(session->release(*known, soon()));
  }
}

}  // namespace
}  // namespace vyre::runtime::test

// Cached uploads: equal bytes are sent once, neither items nor callers write them, and they make
// room when memory is wanted.
#include <atomic>
#include <fstream>
#include <thread>

#include "fixtures.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::uint32_t kSumOp{3};

class ResidentInputs : public ::vyre::test::InAFolder {
 protected:
  void SetUp() override {
    InAFolder::SetUp();
    open(test_options());
  }
  void open(const SessionOptions& options) {
    auto opened = Session::open(options);
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
  }
  MegakernelTelemetry telemetry() { return session_->report().report.telemetry; }
  std::uint32_t sum(const Handle& in) {
    const auto out = session_->allocate(4);
    EXPECT_EQ(run(*session_, {kSumOp, in.id, out->id, 0}), "done none");
    const Bytes bytes = session_->download(*out, soon()).value_or(Bytes(4));
    EXPECT_OK(session_->release(*out, soon()));
    return load_le<std::uint32_t>(bytes, 0);
  }
  void write_file(const std::string& name, const std::string& text) {
    std::ofstream(path(name), std::ios::binary | std::ios::trunc) << text;
  }
  std::optional<Session> session_;
};

TEST_F(ResidentInputs, EqualBytesAreSentOnce) {
  EXPECT_EQ(telemetry().resident_input_cache_hit, std::nullopt) << "nothing was looked for";
  EXPECT_FALSE(session_->report().caches);
  const Bytes bytes = words({1, 2, 3});
  const auto first = session_->upload_cached(bytes, soon());
  ASSERT_OK(first);
  EXPECT_EQ(telemetry().resident_input_cache_hit, false);
  const auto sent = telemetry().bytes_uploaded;
  const auto allocations = telemetry().resident_allocations;
  const auto second = session_->upload_cached(bytes, soon());
  ASSERT_OK(second);
  EXPECT_EQ(*second, *first);
  EXPECT_EQ(telemetry().resident_input_cache_hit, true);
  EXPECT_EQ(telemetry().bytes_uploaded, sent);
  EXPECT_EQ(telemetry().resident_allocations, allocations);
  const auto other = session_->upload_cached(words({1, 2, 4}), soon());
  ASSERT_OK(other);
  EXPECT_NE(other->id, first->id);
  const auto caches = session_->report().caches;
  ASSERT_TRUE(caches);
  EXPECT_EQ(caches->inputs.found, 1u);
  EXPECT_EQ(caches->inputs.bytes_found, 12u);
  EXPECT_EQ(caches->inputs.sent, 2u);
  EXPECT_EQ(caches->inputs.bytes_sent, 24u);
  EXPECT_EQ(sum(*first), 6u);
  EXPECT_OK(session_->release(*first, soon()));
  EXPECT_EQ(sum(*second), 6u) << "the second caller still holds it";
  EXPECT_EQ(sum(*other), 7u);
}

TEST_F(ResidentInputs, NeitherItemsNorCallersWriteThem) {
  const auto in = session_->upload_cached(words({1, 2, 3}), soon());
  ASSERT_OK(in);
  EXPECT_EQ(run(*session_, {kFill, 0, in->id, 7}), "faulted bad_binding");
  const auto set = session_->bind(std::array{*in}, soon());
  ASSERT_OK(set);
  EXPECT_EQ(run(*session_, {kFill, 0, set->id, 7}), "faulted bad_binding");
  const auto written = session_->write(*in, 0, words({9}), soon());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::invalid_argument);
  EXPECT_NE(written.error().message.find("cached"), std::string::npos) << written.error().message;
  const auto leased = session_->lease(*in, LeaseAccess::read_write, soon());
  ASSERT_FALSE(leased);
  EXPECT_EQ(leased.error().code, Errc::invalid_argument);
  EXPECT_EQ(session_->download(*in, soon()).value(), words({1, 2, 3}));
}

TEST_F(ResidentInputs, AReleasedHandleIsOverThoughTheNextUploadFindsTheBytes) {
  const Bytes bytes = words({5, 6});
  const auto first = session_->upload_cached(bytes, soon());
  ASSERT_OK(session_->upload_cached(bytes, soon()));
  ASSERT_OK(session_->release(*first, soon()));
  ASSERT_OK(session_->retire(*first));
  for (int round = 0; round < 2; ++round) {
    const auto read = session_->download(*first, soon());
    ASSERT_FALSE(read) << round;
    EXPECT_EQ(read.error().code, Errc::not_found);
    const auto again = session_->release(*first, soon());
    ASSERT_FALSE(again) << "a caller cannot release more than it holds";
    EXPECT_EQ(again.error().code, Errc::not_found);
    if (round == 1) break;
    const auto item = session_->submit({kSumOp, first->id, 0, 0}, soon());
    ASSERT_FALSE(item);
    EXPECT_EQ(item.error().code, Errc::invalid_argument);
    const auto sent = telemetry().bytes_uploaded;
    const auto found = session_->upload_cached(bytes, soon());
    ASSERT_OK(found);
    EXPECT_EQ(telemetry().bytes_uploaded, sent);
    EXPECT_EQ(sum(*found), 11u);
  }
}

TEST_F(ResidentInputs, AnItemStillReadsABufferThatItsCallerReleased) {
  const auto out = session_->allocate(4);
  for (std::uint32_t i = 0; i < 200; ++i) {
    const auto in = session_->upload_cached(words({i, 1}), soon());
    ASSERT_OK(in);
    ASSERT_OK(session_->submit({kSumOp, in->id, out->id, 0}, soon()));
    ASSERT_OK(session_->release(*in, soon()));
  }
  const Bytes last = session_->download(*out, soon()).value();
  EXPECT_EQ(load_le<std::uint32_t>(last, 0), 200u);
}

TEST_F(ResidentInputs, WhatNoCallerHoldsMakesRoomTheOldestFirst) {
  constexpr std::uint64_t kPart{64 << 10};
  SessionOptions options = test_options();
  options.memory_budget_bytes = 4 * kPart;
  open(options);
  const auto part = [](std::uint8_t value) { return Bytes(kPart, value); };
  for (std::uint8_t i = 0; i < 3; ++i) {
    const auto in = session_->upload_cached(part(i), soon());
    ASSERT_OK(in);
    ASSERT_OK(session_->release(*in, soon()));
  }
  const auto held = session_->upload_cached(part(1), soon());
  ASSERT_OK(held);
  const auto sent = telemetry().bytes_uploaded;
  const auto large = session_->allocate(2 * kPart, soon());
  ASSERT_OK(large);  // needs one of the two that are kept
  ASSERT_OK(session_->upload_cached(part(2), soon()));
  EXPECT_EQ(telemetry().bytes_uploaded, sent) << "it was kept for a shorter time";
  const auto more = session_->allocate(kPart, soon());
  ASSERT_FALSE(more) << "callers hold all of it";
  EXPECT_EQ(more.error().code, Errc::out_of_memory);
  ASSERT_OK(session_->release(*large, soon()));
  ASSERT_OK(session_->upload_cached(part(0), soon()));
  EXPECT_EQ(telemetry().bytes_uploaded, *sent + kPart) << "the first one is gone";
  EXPECT_EQ(session_->report().caches->inputs.evicted, 1u);
}

TEST_F(ResidentInputs, AFileIsReadOnceUntilItChanges) {
  write_file("in", std::string("\1\0\0\0\2\0\0\0", 8));
  const auto first = session_->load_file_cached(path("in"), soon());
  ASSERT_OK(first);
  const auto sent = telemetry().bytes_uploaded;
  const auto second = session_->load_file_cached(path("in"), soon());
  ASSERT_OK(second);
  EXPECT_EQ(*second, *first);
  EXPECT_EQ(telemetry().bytes_uploaded, sent);
  EXPECT_EQ(sum(*second), 3u);
  // The same size: the times have to tell it, and some file systems tick in milliseconds.
  std::filesystem::last_write_time(
      path("in"), std::filesystem::last_write_time(path("in")) + std::chrono::seconds{1});
  write_file("in", std::string("\1\0\0\0\3\0\0\0", 8));
  std::filesystem::last_write_time(
      path("in"), std::filesystem::last_write_time(path("in")) + std::chrono::seconds{2});
  const auto changed = session_->load_file_cached(path("in"), soon());
  ASSERT_OK(changed);
  EXPECT_NE(changed->id, first->id);
  EXPECT_EQ(sum(*changed), 4u);
  EXPECT_EQ(sum(*first), 3u);
  const auto none = session_->load_file_cached(path("none"), soon());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::io);
}

TEST_F(ResidentInputs, ManyThreadsWithTheSameBytesEndWithOneBuffer) {
  constexpr int kThreads{8};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (std::uint32_t i = 0; i < 100; ++i) {
        const auto in = session_->upload_cached(words({i % 3, 1}), soon());
        if (!in || !session_->download(*in, soon()) || !session_->release(*in, soon())) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  const auto sent = telemetry().bytes_uploaded;
  for (std::uint32_t i = 0; i < 3; ++i) ASSERT_OK(session_->upload_cached(words({i, 1}), soon()));
  EXPECT_EQ(telemetry().bytes_uploaded, sent) << "all three are kept";
}

}  // namespace
}  // namespace vyre::runtime::test

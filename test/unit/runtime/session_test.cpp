// The public API on the CPU backend: one caller, every call.
#include "vyre/runtime/session.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace vyre::runtime {
namespace {

constexpr std::uint32_t kNop{0};
constexpr std::uint32_t kFill{1};
constexpr std::uint32_t kCopy{2};

Deadline soon() { return after(std::chrono::seconds{20}); }

Result<Session> open(std::uint32_t workers = 2) {
  SessionOptions options;
  options.backend = BackendKind::cpu;
  options.workers = workers;
  return Session::open(options);
}

#define ASSERT_OK(result) ASSERT_TRUE((result).has_value()) << to_string((result).error())

TEST(Session, RunsANoOpToItsEnd) {
  auto session = open();
  ASSERT_OK(session);
  auto ticket = session->submit({kNop, 0, 0, 0}, soon());
  ASSERT_OK(ticket);
  auto result = session->wait(*ticket, soon());
  ASSERT_OK(result);
  EXPECT_EQ(result->status, CompletionStatus::done);
  EXPECT_TRUE(session->close().has_value());
}

TEST(Session, FillsCopiesAndDownloadsInTheOrderOfTheCalls) {
  auto session = open();
  ASSERT_OK(session);
  auto a = session->allocate(10);
  auto b = session->allocate(6);
  ASSERT_OK(a);
  ASSERT_OK(b);
  ASSERT_OK(session->submit({kFill, 0, a->id, 0x04030201}, soon()));
  ASSERT_OK(session->submit({kCopy, a->id, b->id, 0}, soon()));
  ASSERT_OK(session->submit({kFill, 0, a->id, 0}, soon()));
  auto bytes = session->download(*b, soon());
  ASSERT_OK(bytes);
  EXPECT_EQ(*bytes, (Bytes{1, 2, 3, 4, 1, 2}));
  bytes = session->download(*a, soon());
  ASSERT_OK(bytes);
  EXPECT_EQ(*bytes, Bytes(10, 0));
}

TEST(Session, TenThousandNoOpsAllEnd) {
  auto session = open();
  ASSERT_OK(session);
  const std::vector<MegakernelWorkItem> items(10'000, MegakernelWorkItem{kNop, 0, 0, 0});
  const auto many = session->submit_many(items, soon());
  EXPECT_EQ(many.accepted, items.size());
  auto drained = session->wait_all(soon());
  ASSERT_OK(drained);
  EXPECT_EQ(drained->ended, items.size());
  EXPECT_EQ(drained->not_done, 0u);
}

}  // namespace
}  // namespace vyre::runtime

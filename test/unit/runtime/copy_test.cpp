// Copies between host memory and buffers: what a deadline or a request to stop cuts, and what is
// left of it.
#include "hand_backend.hpp"

namespace vyre::runtime::test {
namespace {

/// Two pieces and a byte of the third.
constexpr std::uint64_t kLarge{2 * kCopyPieceBytes + 1};

bool always() {
  return true;
}

/// The bytes of a buffer from `at` on, few enough for one piece.
Bytes some(Session& session, const Handle& buffer, std::uint64_t at, std::size_t count) {
  Bytes bytes(count);
  EXPECT_OK(session.download_into(buffer, at, bytes, now()));
  return bytes;
}

struct CutCall {
  Deadline deadline;
  bool (*stopped)();
  Errc code;
};
/// Each is over before the second piece.
const CutCall kCut[]{{Deadline::min(), nullptr, Errc::deadline_exceeded},
                     {Deadline::max(), always, Errc::cancelled}};

TEST(Copies, ACutWriteLeavesWhatItCopiedUpToThePlaceThatTheErrorNames) {
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  const Bytes twos(kLarge, 2);
  for (const CutCall& cut : kCut) {
    const auto buffer = session->allocate(kLarge + 8);
    ASSERT_OK(buffer);
    const Status written = session->write(*buffer, 8, twos, cut.deadline, cut.stopped);
    ASSERT_FALSE(written.has_value());
    EXPECT_EQ(written.error().code, cut.code);
    EXPECT_EQ(written.error().offset, 8 + kCopyPieceBytes) << written.error().message;
    EXPECT_EQ(some(*session, *buffer, 6, 4), (Bytes{0, 0, 2, 2}));
    EXPECT_EQ(some(*session, *buffer, 6 + kCopyPieceBytes, 4), (Bytes{2, 2, 0, 0}));
    EXPECT_EQ(some(*session, *buffer, kLarge + 7, 1), Bytes{0});
    EXPECT_OK(session->release(*buffer, soon()));
  }
}

TEST(Copies, ACutDownloadHasCopiedUpToThePlaceThatTheErrorNames) {
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  const auto buffer = session->upload(Bytes(kLarge + 8, 3));
  ASSERT_OK(buffer);
  Bytes out(kLarge);
  for (const CutCall& cut : kCut) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    const Status read = session->download_into(*buffer, 8, out, cut.deadline, cut.stopped);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, cut.code);
    EXPECT_EQ(read.error().offset, 8 + kCopyPieceBytes) << read.error().message;
    EXPECT_EQ(out[kCopyPieceBytes - 1], 3);
    EXPECT_EQ(out[kCopyPieceBytes], 0);
    const auto whole = session->download(*buffer, cut.deadline, cut.stopped);
    ASSERT_FALSE(whole.has_value());
    EXPECT_EQ(whole.error().code, cut.code);
  }
  // The buffer is free again.
  EXPECT_OK(session->release(*buffer, now()));
}

TEST(Copies, ACutUploadLeavesNothingBehind) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = kLarge;
  ByHand hand(1, options);
  ASSERT_TRUE(hand.session.has_value());
  const Bytes bytes(kLarge);
  for (const CutCall& cut : kCut) {
    const auto made = hand->upload(bytes, cut.deadline, cut.stopped);
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, cut.code) << made.error().message;
    EXPECT_EQ(hand.backend->allocated, 0);
  }
  EXPECT_OK(hand->upload(bytes)) << "the budget is free";
}

TEST(Copies, OnePieceIsCopiedHoweverLateItIs) {
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  const Bytes bytes(kCopyPieceBytes, 1);
  const auto buffer = session->upload(bytes, Deadline::min(), always);
  ASSERT_OK(buffer);
  EXPECT_OK(session->write(*buffer, 0, bytes, Deadline::min(), always));
  EXPECT_OK(session->download(*buffer, Deadline::min(), always));
}

class Writes : public SessionObserver {
 public:
  std::vector<std::uint64_t> sizes;
  void on_program(OpHandle, std::string_view, const vir::Program&) override {}
  void on_buffer(Handle, ByteSpan, bool) override {}
  void on_write(Handle, std::uint64_t, ByteSpan bytes) override { sizes.push_back(bytes.size()); }
  void on_bind(Handle, std::span<const Handle>) override {}
  void on_release(Handle) override {}
  void on_submit(const Ticket&, const MegakernelWorkItem&, std::uint8_t,
                 std::chrono::nanoseconds) override {}
  void on_completion(const ItemResult&, std::chrono::nanoseconds) override {}
};

TEST(Copies, AnObserverHearsOfWhatArrivedOfAWrite) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session.has_value());
  const auto buffer = hand->allocate(kLarge);
  ASSERT_OK(buffer);
  const auto writes = std::make_shared<Writes>();
  ASSERT_OK(hand->observe(writes));
  const Bytes bytes(kLarge);
  EXPECT_FALSE(hand->write(*buffer, 0, bytes, Deadline::min()));
  EXPECT_OK(hand->write(*buffer, 0, bytes, Deadline::max()));
  hand.backend->fail_writes = true;
  EXPECT_FALSE(hand->write(*buffer, 0, bytes, Deadline::max()));
  EXPECT_EQ(writes->sizes, (std::vector<std::uint64_t>{kCopyPieceBytes, kLarge}));
}

TEST(Copies, AWaitForItemsEndsWhenItIsToldToStop) {
  ByHand hand(1);
  ASSERT_TRUE(hand.session.has_value());
  const auto buffer = hand->allocate(4);
  ASSERT_OK(buffer);
  ASSERT_OK(hand->submit({kFill, 0, buffer->id, 7}, now()));
  const auto bytes = hand->download(*buffer, Deadline::max(), always);
  ASSERT_FALSE(bytes.has_value());
  EXPECT_EQ(bytes.error().code, Errc::cancelled) << bytes.error().message;
  hand.backend->end_all(0);
  EXPECT_OK(hand->write(*buffer, 0, Bytes{1}, now())) << "the wait left its place in the line";
}

}  // namespace
}  // namespace vyre::runtime::test

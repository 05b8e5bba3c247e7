// Comparison: bytes, ulp, and a planted fault in an executor that lock step must pin to its item.
#include <gtest/gtest.h>

#include "support.hpp"
#include "trace/player.hpp"

namespace vyre::trace {
namespace {

using test::RawEvents;

Bytes floats(std::initializer_list<std::uint32_t> bits) {
  Bytes out;
  for (const std::uint32_t b : bits) append_le(out, b);
  return out;
}

TEST(TraceCompare, FirstDifferentByteIsFoundAnywhere) {
  Bytes a(10'000, 1);
  EXPECT_FALSE(first_difference(a, a, 0));
  for (const std::size_t at : {0u, 1u, 4'095u, 4'096u, 9'999u}) {
    Bytes b = a;
    b[at] = 2;
    EXPECT_EQ(first_difference(a, b, 0), at);
  }
  EXPECT_EQ(first_difference(a, ByteSpan(a).first(9'000), 0), 9'000u);
  EXPECT_EQ(hex_at(a, 9'998), "0101");
  EXPECT_EQ(hex_at(a, 10'000), "(end)");
}

TEST(TraceCompare, UlpAllowsNeighboursAndNothingElse) {
  const Bytes one = floats({0x3F800000, 0x3F800000});
  EXPECT_FALSE(first_difference(one, floats({0x3F800000, 0x3F800004}), 4));
  EXPECT_EQ(first_difference(one, floats({0x3F800000, 0x3F800005}), 4), 4u);
  EXPECT_EQ(first_difference(one, floats({0x3F800001, 0x3F800000}), 0), 0u);
  EXPECT_FALSE(
      first_difference(floats({0x80000000}), floats({0}), 1));  // the two zeros are neighbours
  EXPECT_FALSE(first_difference(floats({0x7FC00000}), floats({0x7FC00000}), 4));
  EXPECT_EQ(first_difference(floats({0x7FC00000}), floats({0x7FC00001}), 4), 0u);
  EXPECT_EQ(first_difference(floats({0x7F800000}), floats({0x7F800001}), 4),
            0u);  // infinity and NaN
}

TEST(TraceCompare, EndingsDifferInEveryPart) {
  const Ending a{CompletionStatus::faulted, {FaultCode::trap, 1, 2, 3}};
  EXPECT_TRUE(same_ending(a, a));
  Ending b = a;
  b.fault.lane = 0;
  EXPECT_FALSE(same_ending(a, b));
  b = a;
  b.fault.code = FaultCode::fuel_exhausted;
  EXPECT_FALSE(same_ending(a, b));
  b = a;
  b.fault.statement = 9;
  EXPECT_FALSE(same_ending(a, b));
  EXPECT_FALSE(same_ending(a, {}));
  EXPECT_EQ(to_string(a), "faulted (trap at workgroup 1, lane 2, statement 3)");
}

/// The reference, for tests that change one of its calls.
class OverReference : public Target {
 public:
  std::string_view name() const override { return inner_->name(); }
  Status define(std::uint32_t op, const std::string& name, const vir::Program& program) override {
    return inner_->define(op, name, program);
  }
  Status set_buffer(std::uint32_t handle, const Contents& contents) override {
    return inner_->set_buffer(handle, contents);
  }
  Status write(std::uint32_t handle, std::uint64_t offset, ByteSpan bytes) override {
    return inner_->write(handle, offset, bytes);
  }
  Status bind(std::uint32_t set, std::span<const std::uint32_t> members) override {
    return inner_->bind(set, members);
  }
  Status release(std::uint32_t handle) override { return inner_->release(handle); }
  Status submit(std::span<const MegakernelWorkItem> items, std::uint32_t queue,
                std::uint8_t flags) override {
    return inner_->submit(items, queue, flags);
  }
  Result<std::vector<NotDone>> settle(bool details) override { return inner_->settle(details); }
  Result<Bytes> read(std::uint32_t handle) override { return inner_->read(handle); }
  Result<report::Document> finish() override { return inner_->finish(); }

 private:
  std::unique_ptr<Target> inner_{make_reference_target(kDefaultFuel)};
};

/// The reference with one wrong byte: item `bad_item` leaves its output's byte 5 one too high.
class Liar final : public OverReference {
 public:
  Liar(std::uint64_t bad_item, std::uint32_t handle) : bad_item_(bad_item), handle_(handle) {}
  std::string_view name() const override { return "liar"; }
  Status submit(std::span<const MegakernelWorkItem> items, std::uint32_t queue,
                std::uint8_t flags) override {
    for (const MegakernelWorkItem& item : items) {
      VYRE_TRY(OverReference::submit({&item, 1}, queue, flags));
      if (next_++ != bad_item_) continue;
      Bytes bytes = read(handle_).value();
      bytes[5] += 1;
      VYRE_TRY(write(handle_, 0, bytes));
    }
    return {};
  }

 private:
  std::uint64_t bad_item_;
  std::uint32_t handle_;
  std::uint64_t next_{0};
};

/// A reference that notes the flags of every item.
class Listening final : public OverReference {
 public:
  Status submit(std::span<const MegakernelWorkItem> items, std::uint32_t queue,
                std::uint8_t of_items) override {
    flags.insert(flags.end(), items.size(), of_items);
    return OverReference::submit(items, queue, of_items);
  }
  std::vector<std::uint8_t> flags;
};

/// `count` items: fill buffer 1 with their number, copy it to buffer 2.
MemorySource fills_and_copies(std::uint32_t count) {
  RawEvents events;
  events.zeros(1, 64).zeros(2, 64);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i % 2 == 0) events.submit(1, 0, 1, 0, i);
    if (i % 2 == 1) events.submit(2, 1, 2);
  }
  MemorySource source;
  source.events_bytes = events.bytes();
  return source;
}

Played played(MemorySource& source, std::uint64_t bad_item, std::uint32_t handle,
              std::uint64_t window, std::uint64_t fine_from) {
  const auto found = scan(source, 1u << 20);
  EXPECT_TRUE(found);
  Liar liar(bad_item, handle);
  const auto judge = make_reference_target(kDefaultFuel);
  Target* targets[]{&liar, judge.get()};
  PlayOptions options;
  options.compare = Compare::executor;
  options.window = window;
  options.fine_from = fine_from;
  options.deadline = after(std::chrono::seconds{10});
  auto result = Player(source, *found, targets, options).play();
  EXPECT_TRUE(result);
  return result ? *result : Played{};
}

TEST(TraceLockStep, WrongByteShowsInItsWindowAndThenInItsItem) {
  MemorySource source = fills_and_copies(100);
  for (const std::uint64_t bad : {0u, 1u, 17u, 40u, 62u, 99u}) {
    SCOPED_TRACE(bad);
    const std::uint32_t handle = bad % 2 == 0 ? 1 : 2;
    const Played coarse = played(source, bad, handle, 16, ~std::uint64_t{0});
    ASSERT_TRUE(coarse.difference);
    EXPECT_LE(coarse.window_begin, bad);
    EXPECT_GT(coarse.window_end, bad);
    const Played fine = played(source, bad, handle, 16, coarse.window_begin);
    ASSERT_TRUE(fine.difference);
    EXPECT_EQ(fine.difference->item, bad);
    EXPECT_EQ(fine.difference->buffer, handle);
    EXPECT_EQ(fine.difference->offset, 5u);
    EXPECT_NE(fine.difference->expected, fine.difference->actual);
    EXPECT_EQ(fine.window_end, bad + 1);
  }
}

TEST(TraceLockStep, AWriteOfTheHostHidesNoWrongByteInFrontOfIt) {
  MemorySource source;
  const Bytes over(64, 9);
  const Digest digest = blake3(over);
  source.blobs[digest.hex()] = over;
  Record write(Kind::write);
  write.set_half(2, 1);
  write.set_wide(0, over.size());
  write.set_digest(digest);
  source.events_bytes = RawEvents().zeros(1, 64).submit(1, 0, 1, 0, 7).add(write).submit().bytes();
  const Played result = played(source, 0, 1, 256, ~std::uint64_t{0});
  ASSERT_TRUE(result.difference);
  EXPECT_EQ(result.difference->item, 0u);
  EXPECT_EQ(result.difference->offset, 5u);
}

TEST(TraceLockStep, EveryItemIsSubmittedWithItsOwnFlags) {
  const std::vector<std::uint8_t> flags{0, kQueueFlagAfterAll, kQueueFlagAfterAll,
                                        kQueueFlagAfterPrevious, 0};
  RawEvents events;
  for (const std::uint8_t flag : flags) {
    Record item(Kind::submit);
    item.set_small(0, flag, 0);
    events.add(item);
  }
  MemorySource source;
  source.events_bytes = events.bytes();
  const auto found = scan(source, 1u << 20);
  ASSERT_TRUE(found);
  Listening listening;
  Target* targets[]{&listening};
  PlayOptions options;
  options.window = 256;
  ASSERT_TRUE(Player(source, *found, targets, options).play());
  EXPECT_EQ(listening.flags, flags);
}

TEST(TraceLockStep, EqualExecutorsCompareEveryWrittenBuffer) {
  MemorySource source = fills_and_copies(10);
  const Played result = played(source, ~std::uint64_t{0}, 1, 1, ~std::uint64_t{0});
  EXPECT_FALSE(result.difference);
  EXPECT_EQ(played(source, ~std::uint64_t{0}, 1, 256, ~std::uint64_t{0}).buffers_compared, 10u);
  EXPECT_EQ(result.buffers_compared, 10u);
  EXPECT_EQ(result.bytes_compared, 640u);
}

TEST(WriteTracker, BytesAfterAFaultAreUnspecifiedUntilTheyAreOverwritten) {
  TraceState state(1u << 20);
  MemorySource source;
  source.events_bytes = RawEvents().zeros(1, 64).zeros(2, 64).zeros(3, 64).bytes();
  auto reader = EventReader::open(source, false);
  ASSERT_TRUE(reader);
  while (reader->next().value()) ASSERT_TRUE(state.take(*reader, source));
  WriteTracker tracker;
  tracker.define(1'024, test::trap_program());
  std::vector<std::uint32_t> written;
  const Ending trapped{CompletionStatus::faulted, {FaultCode::trap, 1, 0, 0}};
  tracker.item({1'024, 1, 2, 0}, 0, trapped, state, written);
  EXPECT_EQ(written, std::vector<std::uint32_t>{2});
  EXPECT_TRUE(tracker.buffer(2).unspecified);
  tracker.item({2, 2, 3, 0}, 1, {}, state, written);  // copying such bytes spreads them
  EXPECT_TRUE(tracker.buffer(3).unspecified);
  tracker.item({1, 0, 2, 0}, 2, {}, state, written);  // a fill ends it
  EXPECT_FALSE(tracker.buffer(2).unspecified);
  EXPECT_EQ(tracker.buffer(2).last_item, 2u);
  tracker.item({2, 2, 3, 10}, 3, {}, state, written);  // a part does not
  EXPECT_TRUE(tracker.buffer(3).unspecified);
  tracker.overwritten(3, false);  // nor does a part that the host writes
  EXPECT_TRUE(tracker.buffer(3).unspecified);
  tracker.overwritten(3, true);
  EXPECT_FALSE(tracker.buffer(3).unspecified);
  const Ending refused{CompletionStatus::faulted, {FaultCode::bad_binding, 0, 0, 0}};
  tracker.item({1'024, 1, 2, 0}, 4, refused, state, written);  // it never touched a byte
  EXPECT_FALSE(tracker.buffer(2).unspecified);
}

TEST(WriteTracker, OnlyFloatResultsOfTranscendentalsAreTolerant) {
  TraceState state(1u << 20);
  MemorySource source;
  source.events_bytes = RawEvents().zeros(1, 256).zeros(2, 256).bytes();
  auto reader = EventReader::open(source, false);
  ASSERT_TRUE(reader);
  while (reader->next().value()) ASSERT_TRUE(state.take(*reader, source));
  WriteTracker tracker;
  tracker.define(1'024, test::sine_program());
  tracker.define(1'025, test::square_program());
  std::vector<std::uint32_t> written;
  tracker.item({1'024, 1, 2, 0}, 0, {}, state, written);
  EXPECT_TRUE(tracker.buffer(2).tolerant);
  tracker.item({2, 1, 2, 10}, 1, {}, state, written);
  EXPECT_TRUE(tracker.buffer(2).tolerant) << "behind the part that was copied over it";
  tracker.item({1'025, 1, 2, 0}, 1, {}, state, written);
  EXPECT_FALSE(tracker.buffer(2).tolerant);
}

}  // namespace
}  // namespace vyre::trace

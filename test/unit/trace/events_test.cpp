// The record reader and the state behind it: what a cut recording still says, and what is refused
// with its place.
#include <gtest/gtest.h>

#include "support.hpp"
#include "trace/scan.hpp"

namespace vyre::trace {
namespace {

using test::RawEvents;

constexpr std::uint64_t kBudget{1u << 22};  // two queues fit

Result<Scan> scanned(const Bytes& events, bool sealed = false, std::uint64_t items = 0) {
  MemorySource source;
  source.events_bytes = events;
  source.manifest.complete = sealed;
  source.manifest.items = items;
  return scan(source, kBudget);
}

void expect_refused(const RawEvents& events, const std::string& part, Errc code = Errc::malformed) {
  const auto found = scanned(events.bytes());
  ASSERT_FALSE(found) << part;
  EXPECT_EQ(found.error().code, code) << found.error().message;
  EXPECT_NE(found.error().message.find(part), std::string::npos) << found.error().message;
  EXPECT_NE(found.error().message.find("events.bin"), std::string::npos) << found.error().message;
  EXPECT_NE(found.error().message.find("record "), std::string::npos) << found.error().message;
  EXPECT_NE(found.error().offset, kNoOffset);
}

/// A record of two cells, neither of which is all zeros.
Record a_write() {
  Record write(Kind::write);
  write.set_half(2, 1);
  write.set_wide(0, 64);
  write.set_digest(blake3(Bytes(64, 1)));
  return write;
}

RawEvents three_items() {
  RawEvents events;
  events.zeros(1, 64)
      .add(a_write())
      .submit(1, 0, 1)
      .submit()
      .done(0, 2)
      .submit(0, 0, 0, 1)
      .done(0, 1, 1)
      .end(3, 3);
  return events;
}

TEST(TraceEvents, SealedTraceIsReadToItsEnd) {
  const auto found = scanned(three_items().bytes(), true, 3);
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_TRUE(found->complete);
  EXPECT_EQ(found->items, 3u);
  EXPECT_EQ(found->queues.size(), 2u);
}

TEST(TraceEvents, TruncationAtEveryByteLeavesThePrefix) {
  const Bytes whole = three_items().bytes();
  std::uint64_t last = 0;
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    SCOPED_TRACE(cut);
    const auto found =
        scanned(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut)));
    ASSERT_TRUE(found) << to_string(found.error());
    EXPECT_FALSE(found->complete);
    EXPECT_GE(found->items, last);
    last = found->items;
  }
  EXPECT_EQ(last, 3u);
}

TEST(TraceEvents, TruncationAtEveryByteWithReservedZerosLeavesThePrefix) {
  const Bytes whole = three_items().bytes();
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    SCOPED_TRACE(cut);
    Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
    bytes.resize(whole.size() + (std::size_t{1} << 19));  // more than the reader's block
    const auto found = scanned(bytes);
    ASSERT_TRUE(found) << to_string(found.error());
    EXPECT_FALSE(found->complete);
  }
}

TEST(TraceEvents, BytesBehindATornRecordAreDamageWhereverTheyLie) {
  constexpr std::size_t kBlock{std::size_t{1} << 18};  // the reader's
  Bytes torn = RawEvents().submit().zeros(1, 64).add(a_write()).bytes();
  torn.resize(torn.size() - 1);
  const std::size_t begin = torn.size() - 63;  // of the torn record
  torn.resize(3 * kBlock);
  ASSERT_TRUE(scanned(torn));
  for (const std::size_t at : {begin + kMaxRecordBytes, kBlock - 1, kBlock,
                               kBlock + kMaxRecordBytes, 2 * kBlock, 3 * kBlock - 1}) {
    Bytes more = torn;
    more[at] = 1;
    const auto found = scanned(more);
    ASSERT_FALSE(found) << at;
    EXPECT_EQ(found.error().code, Errc::malformed);
    EXPECT_EQ(found.error().offset, begin) << at;
  }
}

TEST(TraceEvents, ASealedTraceWhoseItemsDoNotAllEndIsRefused) {
  const auto found = scanned(RawEvents().submit().submit().done(0, 1).end(2, 1).bytes(), true, 2);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::malformed);
  EXPECT_NE(found.error().message.find("1 items never end"), std::string::npos)
      << found.error().message;
}

TEST(TraceEvents, CutTraceThatCallsItselfSealedIsAnErrorWithItsPlace) {
  const Bytes whole = three_items().bytes();
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const auto found =
        scanned(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut)), true, 3);
    ASSERT_FALSE(found) << cut;
    EXPECT_NE(found.error().offset, kNoOffset) << found.error().message;
  }
}

TEST(TraceEvents, EveryFlippedBitOfASealedTraceIsNoticed) {
  const Bytes whole = three_items().bytes();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bytes = whole;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_FALSE(scanned(bytes, true, 3)) << bit;
  }
}

TEST(TraceEvents, DamageInTheMiddleIsNotTakenForAKill) {
  Bytes bytes;
  {
    RawEvents events;
    for (int i = 0; i < 100; ++i) events.submit();
    bytes = events.bytes();
  }
  bytes[32 * 10 + 9] ^= 1;
  const auto found = scanned(bytes);
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("record 9"), std::string::npos) << found.error().message;
  EXPECT_EQ(found.error().offset, 320u);
}

TEST(TraceEvents, OtherVersionIsNamed) {
  Bytes bytes = three_items().bytes();
  bytes[8] = 9;
  const auto found = scanned(bytes);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::version_mismatch);
}

TEST(TraceEvents, RecordsThatNameWhatDoesNotExistAreRefused) {
  expect_refused(RawEvents().submit(1'023),
                 "op 1023");  // between the built-ins and the first user op
  expect_refused(RawEvents().submit(1'024), "op 1024");
  expect_refused(RawEvents().submit(1, 0, 9), "handle 9");
  expect_refused(RawEvents().submit(0, 0, 0, 64), "queue 64");
  expect_refused(RawEvents().done(0, 1), "1 completions");
  expect_refused(RawEvents().submit().done(0, 2), "2 completions");
  expect_refused(RawEvents().submit().done(~std::uint64_t{0}, 2), "completions");
  expect_refused(RawEvents().submit().submit().done(0, 1).done(0, 1), "ends twice");
  expect_refused(RawEvents().submit().done(0, 1).done(0, 1), "more completions");
  expect_refused(RawEvents().zeros(0, 1), "handle 0");
  expect_refused(RawEvents().zeros(1, 1).zeros(1, 2), "in use");
  expect_refused(RawEvents().submit().end(2, 0), "counts 2");
  Record release(Kind::release);
  release.set_half(2, 4);
  expect_refused(RawEvents().add(release), "handle 4");
  Record write(Kind::write);
  write.set_half(2, 1);
  write.set_word(~std::uint64_t{0});
  write.set_wide(0, 2);
  expect_refused(RawEvents().zeros(1, 8).add(write), "outside buffer 1");
  Record final_contents(Kind::final);
  final_contents.set_half(2, 1);
  final_contents.set_word(8);
  expect_refused(RawEvents().zeros(1, 8).add(final_contents).submit(), "behind the final contents");
  expect_refused(RawEvents().zeros(1, 9).add(final_contents), "has 9 bytes");
  Record completion(Kind::completion);
  completion.set_small(0, 3, 0);
  expect_refused(RawEvents().submit().add(completion), "status 3");
  Record bind(Kind::bind);
  bind.set_half(2, 7);
  bind.set_word(1);
  expect_refused(RawEvents().add(bind), "does not exist", Errc::not_found);
  bind.set_word(~std::uint64_t{0});
  expect_refused(RawEvents().add(bind), "the limit", Errc::limit_exceeded);
  Record program(Kind::program);
  program.set_half(0, 7);
  expect_refused(RawEvents().add(program), "op 7");
}

TEST(TraceEvents, AskingForMoreMemoryThanAllowedIsRefusedBeforeAnythingIsMade) {
  expect_refused(RawEvents().zeros(1, std::uint64_t{1} << 60), "memory budget",
                 Errc::limit_exceeded);
  expect_refused(RawEvents().zeros(1, kBudget / 2).zeros(2, kBudget / 2).zeros(3, 1),
                 "memory budget", Errc::limit_exceeded);
}

TEST(TraceEvents, SetsAndProgramsThatShareOneBlobAreCountedEach) {
  // Each record is 64 or 128 bytes long and names the same blob; what is made of it is not.
  MemorySource source;
  Bytes members;
  for (std::uint32_t i = 0; i < kMaxBindingBuffers; ++i) append_le(members, std::uint32_t{1});
  const Digest digest = blake3(members);
  source.blobs[digest.hex()] = members;
  RawEvents events;
  events.zeros(1, 4);
  const std::uint64_t sets = kBudget / (kMaxBindingBuffers * 4) + 1;
  for (std::uint32_t i = 0; i < sets; ++i) {
    Record bind(Kind::bind);
    bind.set_half(2, 2 + i);
    bind.set_word(kMaxBindingBuffers);
    bind.set_digest(digest);
    events.add(bind);
  }
  source.events_bytes = events.bytes();
  const auto refused = scan(source, kBudget);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
  EXPECT_NE(refused.error().message.find("memory budget"), std::string::npos);

  Record program(Kind::program);
  program.set_half(0, kFirstUserOp);
  program.set_word(kBudget / 2);
  expect_refused(RawEvents().add(program), "memory budget", Errc::limit_exceeded);
}

TEST(TraceEvents, ReleasedSetsGiveTheirMemoryBack) {
  MemorySource source;
  Bytes members;
  for (std::uint32_t i = 0; i < 1'000; ++i) append_le(members, std::uint32_t{1});
  const Digest digest = blake3(members);
  source.blobs[digest.hex()] = members;
  RawEvents events;
  events.zeros(1, 4);
  for (int i = 0; i < 100; ++i) {
    Record bind(Kind::bind);
    bind.set_half(2, 2);
    bind.set_word(1'000);
    bind.set_digest(digest);
    Record release(Kind::release);
    release.set_half(2, 2);
    events.add(bind).add(release);
  }
  source.events_bytes = events.bytes();
  EXPECT_TRUE(scan(source, 20'000));
}

TEST(TraceEvents, ReleasedBuffersGiveTheirMemoryBack) {
  Record release(Kind::release);
  release.set_half(2, 1);
  RawEvents events;
  for (int i = 0; i < 100; ++i) events.zeros(1, 1'000).add(release);
  MemorySource source;
  source.events_bytes = events.bytes();
  EXPECT_TRUE(scan(source, 1'000));
}

TEST(TraceEvents, EndingsThatCloseAGapGiveItsMemoryBack) {
  RawEvents events;
  for (std::uint64_t i = 0; i < 1'000; i += 2) {
    events.submit().submit().done(i + 1, 1).done(i, 1);
  }
  MemorySource source;
  source.events_bytes = events.bytes();
  const auto found = scan(source, 1'000);
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->items, 1'000u);
}

TEST(TraceEvents, EndingsThatAreNotDoneCountAgainstTheBudget) {
  constexpr std::uint32_t kItems{1'000};
  RawEvents events;
  for (std::uint32_t i = 0; i < kItems; ++i) {
    events.submit();
    Record fault(Kind::completion);
    fault.set_small(0, 1, 1);
    fault.set_half(0, i);
    events.add(fault);
  }
  MemorySource source;
  source.events_bytes = events.bytes();
  const auto found = scan(source, kItems * 1'000);
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->not_done, kItems);
  const auto refused = scan(source, kItems * 10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
}

TEST(TraceEvents, FileWithoutABlobCannotAskForMemoryBesideTheBudget) {
  Record both(Kind::buffer);
  both.set_small(kBufferFileBacked | kBufferZeros, 0, 0);
  both.set_word(std::uint64_t{1} << 40);
  both.set_half(2, 1);
  expect_refused(RawEvents().add(both), "flags 3");
}

TEST(TraceEvents, BufferInALiveSetMayNotBeReleased) {
  MemorySource source;
  Bytes list;
  append_le(list, std::uint32_t{1});
  const Digest digest = blake3(list);
  source.blobs[digest.hex()] = list;
  Record bind(Kind::bind);
  bind.set_half(2, 7);
  bind.set_word(1);
  bind.set_digest(digest);
  Record release_buffer(Kind::release);
  release_buffer.set_half(2, 1);
  Record release_set(Kind::release);
  release_set.set_half(2, 7);
  source.events_bytes = RawEvents().zeros(1, 8).add(bind).add(release_buffer).bytes();
  EXPECT_FALSE(scan(source, kBudget));
  source.events_bytes =
      RawEvents().zeros(1, 8).add(bind).add(release_set).add(release_buffer).bytes();
  EXPECT_TRUE(scan(source, kBudget));
}

}  // namespace
}  // namespace vyre::trace

// Traces that were changed, cut or made up: an error that names file, offset and record, never a
// crash.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>

#include "support.hpp"
#include "trace/source.hpp"

namespace vyre::trace {
namespace {

namespace fs = std::filesystem;
using test::Folder;
using test::slurp;
using test::spill;

class DamagedTrace : public ::testing::Test {
 protected:
  void SetUp() override { test::record_session(folder_ / "trace", 11, 40); }

  [[nodiscard]] std::string file(const std::string& name) const {
    return folder_ / ("trace/" + name);
  }
  [[nodiscard]] std::vector<std::string> blobs() const {
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(file("blobs")))
      paths.push_back(entry.path().string());
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  /// Both readers refuse; the message of inspect() is returned.
  std::string refused() {
    ReplayOptions options;
    options.executor = Executor::reference;
    options.compare = Compare::expected;
    EXPECT_FALSE(replay(folder_ / "trace", options));
    const auto info = inspect(folder_ / "trace");
    EXPECT_FALSE(info);
    return info ? "" : to_string(info.error());
  }

  Folder folder_;
};

TEST_F(DamagedTrace, ReadersThatAreToldToStopDoNotReadAsFarAsTheDamage) {
  std::string events = slurp(file("events.bin"));
  events[events.size() / 2] = static_cast<char>(events[events.size() / 2] ^ 1);
  spill(file("events.bin"), events);
  refused();
  ReplayOptions options;
  options.stopped = [] { return true; };
  const auto replayed = replay(folder_ / "trace", options);
  ASSERT_TRUE(replayed) << to_string(replayed.error());
  EXPECT_TRUE(replayed->stopped);
  EXPECT_EQ(replayed->items, 0u);
  const auto info = inspect(folder_ / "trace", options.stopped);
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Errc::cancelled) << info.error().message;
}

TEST_F(DamagedTrace, ChangedBlobIsNamedByItsDigest) {
  // Every blob is needed by some record, so every change must be seen by both readers... of a copy
  // each time.
  for (const std::string& path : blobs()) {
    const std::string before = slurp(path);
    if (before.empty()) continue;
    std::string after = before;
    after[after.size() / 2] = static_cast<char>(after[after.size() / 2] ^ 1);
    spill(path, after);
    const auto info = inspect(folder_ / "trace");
    ASSERT_FALSE(info) << path;
    EXPECT_EQ(info.error().code, Errc::mismatch);
    EXPECT_NE(info.error().message.find(fs::path(path).filename().string()), std::string::npos)
        << info.error().message;
    EXPECT_NE(info.error().message.find("record "), std::string::npos) << info.error().message;
    spill(path, before);
  }
  ASSERT_TRUE(inspect(folder_ / "trace"));
}

TEST_F(DamagedTrace, MissingOrShortBlobIsNamed) {
  const std::string path = blobs().front();
  const std::string before = slurp(path);
  spill(path, before.substr(0, before.size() - 1));
  EXPECT_NE(refused().find(fs::path(path).filename().string()), std::string::npos);
  fs::remove(path);
  EXPECT_NE(refused().find(fs::path(path).filename().string()), std::string::npos);
}

TEST_F(DamagedTrace, ABlobThatTwoRecordsGiveTwoLengthsIsRefusedByEveryReader) {
  const Bytes bytes(8, 7);
  const Digest digest = blake3(bytes);
  for (const std::uint8_t flags : {std::uint8_t{0}, kBufferFileBacked}) {
    const std::string trace = folder_ / ("made" + std::to_string(flags));
    test::RawEvents events;
    for (const std::uint64_t length : {8u, 4u}) {
      Record buffer(Kind::buffer);
      buffer.set_small(flags, 0, 0);
      buffer.set_word(length);
      buffer.set_half(2, static_cast<std::uint32_t>(length));
      buffer.set_digest(digest);
      events.add(buffer);
    }
    fs::create_directories(trace + "/blobs");
    spill(trace + "/manifest.json", manifest_json({}));
    spill(trace + "/events.bin", {events.bytes().begin(), events.bytes().end()});
    spill(trace + "/blobs/" + digest.hex(), {bytes.begin(), bytes.end()});
    for (const Executor executor : {Executor::reference, Executor::cpu}) {
      ReplayOptions options;
      options.executor = executor;
      const auto replayed = replay(trace, options);
      ASSERT_FALSE(replayed);
      EXPECT_NE(replayed.error().message.find("where the record says 4"), std::string::npos)
          << replayed.error().message;
    }
    const auto info = inspect(trace);
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().code, Errc::malformed);
    EXPECT_NE(info.error().message.find("record 1"), std::string::npos) << info.error().message;
  }
}

TEST_F(DamagedTrace, AFifoInPlaceOfAnyFileIsRefusedAndNotWaitedFor) {
  for (const std::string& path : {file("manifest.json"), file("events.bin"), blobs().front()}) {
    const std::string before = slurp(path);
    fs::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_NE(refused().find(fs::path(path).filename().string()), std::string::npos);
    fs::remove(path);
    spill(path, before);
  }
  ASSERT_TRUE(inspect(folder_ / "trace"));
}

TEST_F(DamagedTrace, EventsCutAfterSealingAreAnError) {
  const std::string events = slurp(file("events.bin"));
  for (const std::size_t cut :
       {std::size_t{0}, std::size_t{31}, events.size() / 2, events.size() - 1}) {
    spill(file("events.bin"), events.substr(0, cut));
    EXPECT_NE(refused().find("events.bin"), std::string::npos);
  }
  fs::remove(file("events.bin"));
  EXPECT_NE(refused().find("events.bin"), std::string::npos);
}

TEST_F(DamagedTrace, ResealedEventsWithAnotherItemAreRefusedByTheirDigest) {
  // Somebody who recomputes the checks still has the manifest's digest against him.
  std::string events = slurp(file("events.bin"));
  for (std::size_t at = kCellBytes; at < events.size();) {
    Record r;
    const std::size_t size = cells_of(static_cast<std::uint8_t>(events[at])) * kCellBytes;
    std::memcpy(r.data(), events.data() + at, size);
    if (r.kind() == Kind::submit && r.item().op_handle == 1) {
      MegakernelWorkItem item = r.item();
      item.param ^= 1;
      r.set_item(item);
      r.seal(at);
      std::memcpy(events.data() + at, r.bytes().data(), size);
      break;
    }
    at += size;
  }
  spill(file("events.bin"), events);
  const auto info = inspect(folder_ / "trace");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Errc::mismatch);
}

TEST_F(DamagedTrace, DirectoryWithoutManifestIsNoTrace) {
  fs::remove(file("manifest.json"));
  EXPECT_NE(refused().find("no trace"), std::string::npos);
  const auto missing = inspect(folder_ / "nothing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
}

TEST_F(DamagedTrace, ProgramThatTheValidatorRefusesIsRefusedWithItsRecord) {
  // A made-up trace may carry any program with a right digest.
  spill(file("manifest.json"), "{\"schema\": \"vyre.trace/1\"");
  EXPECT_NE(refused().find("manifest.json"), std::string::npos);
}

TEST_F(DamagedTrace, RandomDamageNeverCrashes) {
  const std::string events = slurp(file("events.bin"));
  const std::string manifest = slurp(file("manifest.json"));
  std::mt19937_64 rng(5);
  ReplayOptions options;
  options.executor = Executor::reference;
  options.compare = Compare::expected;
  std::string open_manifest = manifest;
  open_manifest.replace(open_manifest.find("\"complete\": true"), 16, "\"complete\": false");
  for (int round = 0; round < 40; ++round) {
    std::string bad = events;
    for (std::uint64_t n = 1 + rng() % 3; n != 0; --n)
      bad[rng() % bad.size()] = static_cast<char>(rng());
    if (rng() % 4 == 0) bad.resize(rng() % bad.size());
    if (rng() % 2 == 0) {  // make the records pass their checks so that the next layer is tried
      for (std::size_t at = kCellBytes; at + kCellBytes <= bad.size();) {
        const std::size_t size = cells_of(static_cast<std::uint8_t>(bad[at])) * kCellBytes;
        if (size == 0 || at + size > bad.size()) break;
        Record r;
        std::memcpy(r.data(), bad.data() + at, size);
        r.seal(at);
        std::memcpy(bad.data() + at, r.bytes().data(), size);
        at += size;
      }
    }
    spill(file("events.bin"), bad);
    spill(file("manifest.json"), rng() % 2 == 0 ? manifest : open_manifest);
    (void)inspect(folder_ / "trace");
    (void)replay(folder_ / "trace", options);
  }
}

}  // namespace
}  // namespace vyre::trace

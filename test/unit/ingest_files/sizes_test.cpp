// Whole files of every awkward size, and their ends from every awkward offset, on every tier: the
// bytes of a plain read, and no byte beside them.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <ostream>

#include "unit/ingest_pump/rig.hpp"

namespace vyre::ingest::test {
namespace {

constexpr std::uint64_t kMiB{std::uint64_t{1} << 20};
constexpr std::uint64_t kSlot{kIoRequestBytes};

struct Way {
  const char* name;
  TierChoice choice;
  /// How GoogleTest names it: without one the name would hold an address.
  friend void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }
};

class FileSizes : public ::testing::TestWithParam<Way> {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<Folder>();
    ASSERT_TRUE(folder_->there());
    for (const std::uint64_t size :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{511}, std::uint64_t{512},
          std::uint64_t{513}, std::uint64_t{4095}, std::uint64_t{4096}, std::uint64_t{4097},
          kSlot - 1, kSlot, kSlot + 1, kMiB - 1, kMiB, kMiB + 1}) {
      paths_[size] = *folder_ / std::to_string(size);
      write_pattern(paths_[size], size);
    }
  }
  static void TearDownTestSuite() {
    paths_.clear();
    folder_.reset();
  }
  void SetUp() override {
    const auto direct = File::open(paths_.at(4096), GetParam().choice);
    if (!direct) GTEST_SKIP() << direct.error().message;
    auto started = Pump::start({.tier = GetParam().choice}, memory_.span());
    if (!started && started.error().code == Errc::unsupported)
      GTEST_SKIP() << started.error().message;
    ASSERT_TRUE(started) << started.error().message;
    pump_ = *std::move(started);
  }
  void TearDown() override {
    if (pump_) {
      EXPECT_TRUE(pump_->stop());
    }
  }
  /// Reads the file from `offset` to its end, in one request, into poisoned memory.
  void check(const std::shared_ptr<const File>& file, std::uint64_t offset) {
    const std::uint64_t bytes = file->bytes() - offset;
    const std::uint64_t room = room_for(*file, offset, bytes);
    std::memset(memory_.streams(), kPoison, kStreamBytes);
    std::uint8_t* const to = memory_.streams() + kIoBlock;
    ASSERT_LE(room + 2 * kIoBlock, kStreamBytes);
    Ends ends;
    const ReadRequest request{file, offset, bytes, to, room, &ends, 1};
    ASSERT_TRUE(pump_->read({&request, 1}));
    const ReadResult result = ends.wait(1).at(0);
    ASSERT_EQ(result.status, ReadStatus::ok);
    ASSERT_EQ(result.bytes, bytes);
    // By memcmp() and not byte by byte, which takes ThreadSanitizer half a minute.
    static const Bytes kWhole = pattern(0, kMiB + 1);
    static const Bytes kPoisoned(kStreamBytes, kPoison);
    EXPECT_EQ(std::memcmp(kWhole.data() + offset, to + result.skip, bytes), 0);
    const std::uint8_t* const end = memory_.streams() + kStreamBytes;
    EXPECT_EQ(std::memcmp(kPoisoned.data(), memory_.streams(), kIoBlock), 0);
    const auto behind = static_cast<std::size_t>(end - (to + room));
    EXPECT_EQ(std::memcmp(kPoisoned.data(), to + room, behind), 0);
  }

  static constexpr std::uint64_t kStreamBytes{2 * kMiB};
  static std::unique_ptr<Folder> folder_;
  static std::map<std::uint64_t, std::string> paths_;
  Memory memory_{kStreamBytes};
  std::unique_ptr<Pump> pump_;
};
std::unique_ptr<Folder> FileSizes::folder_;
std::map<std::uint64_t, std::string> FileSizes::paths_;

TEST_P(FileSizes, EveryFileIsReadToItsLastByteFromEveryOffset) {
  for (const auto& [size, path] : paths_) {
    const auto file = open(path, GetParam().choice);
    ASSERT_TRUE(file);
    for (const std::uint64_t offset :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{511}, std::uint64_t{512},
          std::uint64_t{4095}, std::uint64_t{4096}, kSlot - 1, kSlot, kSlot + 1, size - 1, size}) {
      if (offset > size) continue;
      check(file, offset);
      if (HasFatalFailure()) FAIL() << size << " bytes from " << offset;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, FileSizes,
                         ::testing::Values(Way{"automatic", TierChoice::automatic},
                                           Way{"A", TierChoice::direct_fixed},
                                           Way{"B", TierChoice::direct},
                                           Way{"C", TierChoice::buffered},
                                           Way{"E", TierChoice::thread_pool}),
                         [](const auto& way) { return std::string(way.param.name); });

}  // namespace
}  // namespace vyre::ingest::test

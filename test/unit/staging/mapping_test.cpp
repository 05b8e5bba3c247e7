// Memory that others register: where it lies, that it is there when it should be, and whose it is.
#include "staging/mapping.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

namespace vyre::staging {
namespace {

constexpr std::uint64_t kHugePage{2 << 20};

/// Pages of [at, at + bytes) that are there; -1: not all of it is mapped.
std::int64_t resident(const std::uint8_t* at, std::uint64_t bytes) {
  std::vector<unsigned char> pages((bytes + 4095) / 4096);
  if (::mincore(const_cast<std::uint8_t*>(at), bytes, pages.data()) != 0) return -1;
  return std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return (p & 1U) != 0; });
}

TEST(Mapping, IsZeroedAlignedToAHugePageAndAsLongAsAsked) {
  const auto mapping = Mapping::create(3 * kHugePage + 4097, "test");
  ASSERT_TRUE(mapping) << mapping.error().message;
  EXPECT_EQ(mapping->bytes().size(), 3 * kHugePage + 4097);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping->bytes().data()) % kHugePage, 0U);
  EXPECT_TRUE(std::all_of(mapping->bytes().begin(), mapping->bytes().end(),
                          [](std::uint8_t b) { return b == 0; }));
}

TEST(Mapping, HasNoPagesBeforeTheyAreAskedForAndThoseAskedForAfter) {
  auto mapping = Mapping::create(4 * kHugePage, "test");
  ASSERT_TRUE(mapping);
  EXPECT_EQ(resident(mapping->bytes().data(), 4 * kHugePage), 0);
  ASSERT_TRUE(mapping->populate(kHugePage + 5, 4096));
  EXPECT_EQ(resident(mapping->bytes().data() + kHugePage, 8192), 2);
  EXPECT_EQ(resident(mapping->bytes().data() + 3 * kHugePage, kHugePage), 0);
}

TEST(Mapping, PopulatingChangesNoByte) {
  auto mapping = Mapping::create(kHugePage, "test");
  ASSERT_TRUE(mapping);
  mapping->bytes()[4096] = 7;
  mapping->bytes()[9000] = 8;
  ASSERT_TRUE(mapping->populate(0, kHugePage));
  EXPECT_EQ(mapping->bytes()[4096], 7);
  EXPECT_EQ(mapping->bytes()[9000], 8);
}

TEST(Mapping, PopulatesTheLastPartOfAPage) {
  auto mapping = Mapping::create(10'001, "test");
  ASSERT_TRUE(mapping);
  ASSERT_TRUE(mapping->populate(0, 10'001));
  EXPECT_EQ(resident(mapping->bytes().data(), 10'001), 3);
}

TEST(Mapping, RefusesRangesOutsideAndSizesThatCannotBe) {
  auto mapping = Mapping::create(8192, "test");
  ASSERT_TRUE(mapping);
  EXPECT_TRUE(mapping->populate(8192, 0));
  for (const auto& [offset, bytes] : {std::pair<std::uint64_t, std::uint64_t>{8192, 1},
                                      {8193, 0},
                                      {0, 8193},
                                      {4096, ~std::uint64_t{0}}}) {
    const Status status = mapping->populate(offset, bytes);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Errc::invalid_argument);
  }
  EXPECT_EQ(Mapping::create(0, "test").error().code, Errc::invalid_argument);
  EXPECT_EQ(Mapping::create(~std::uint64_t{0}, "test").error().code, Errc::invalid_argument);
}

TEST(Mapping, MoreThanTheSystemHasIsAnErrorThatNamesItsUser) {
  const auto mapping = Mapping::create(std::uint64_t{1} << 50, "slots of the pump");
  ASSERT_FALSE(mapping);
  EXPECT_EQ(mapping.error().code, Errc::out_of_memory);
  EXPECT_NE(mapping.error().message.find("slots of the pump"), std::string::npos);
}

TEST(Mapping, AForkedChildDoesNotHaveIt) {
  auto mapping = Mapping::create(kHugePage, "test");
  ASSERT_TRUE(mapping);
  ASSERT_TRUE(mapping->populate(0, kHugePage));
  const std::uint8_t* const at = mapping->bytes().data();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    unsigned char page = 0;
    const bool gone = ::mincore(const_cast<std::uint8_t*>(at), 4096, &page) != 0 && errno == ENOMEM;
    ::_exit(gone ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Mapping, ANodeThatDoesNotExistIsNoHarm) {
  auto mapping = Mapping::create(kHugePage, "test");
  ASSERT_TRUE(mapping);
  for (const int node : {-1, 0, 1023, 1024, 1 << 30}) mapping->prefer_node(node);
  ASSERT_TRUE(mapping->populate(0, kHugePage));
  mapping->bytes()[kHugePage - 1] = 1;
}

TEST(Mapping, MovesAndEndsOnce) {
  auto first = Mapping::create(8192, "test");
  ASSERT_TRUE(first);
  const std::uint8_t* const at = first->bytes().data();
  Mapping second(std::move(*first));
  EXPECT_EQ(second.bytes().data(), at);
  EXPECT_TRUE(first->bytes().empty());
  Mapping third;
  third = std::move(second);
  EXPECT_EQ(third.bytes().data(), at);
  third = Mapping();
  EXPECT_EQ(resident(at, 4096), -1) << "unmapped with its last owner";
}

TEST(Mapping, ALeakedOneStays) {
  std::uint8_t* at = nullptr;
  {
    auto mapping = Mapping::create(8192, "test");
    ASSERT_TRUE(mapping);
    at = mapping->bytes().data();
    ASSERT_TRUE(mapping->populate(0, 8192));
    mapping->leak();
    EXPECT_EQ(mapping->bytes().data(), at) << "whoever leaks it may still read it";
  }
  EXPECT_EQ(resident(at, 4096), 1);
  ::munmap(at, 8192);
}

}  // namespace
}  // namespace vyre::staging

// What a machine is told to give was tried on it.
#include "ingest/probe.hpp"

#include <dlfcn.h>

#include "ingest/doors.hpp"
#include "ingest/file.hpp"
#include "ingest/probe_cufile.hpp"
#include "ingest/uring.hpp"
#include "unit/ingest_doors/fixture.hpp"

namespace vyre::ingest {
namespace {

TEST(Probe, HasARowForEachTierWithItsReason) {
  const test::Folder folder;
  ASSERT_TRUE(folder.there());
  const auto rows = probe_tiers(folder.path());
  ASSERT_EQ(rows.size(), kTiers);
  for (std::uint32_t i = 0; i < kTiers; ++i) {
    EXPECT_EQ(rows[i].tier, static_cast<Tier>(i));
    EXPECT_NE(rows[i].reason, "") << letter(rows[i].tier);
  }
  EXPECT_TRUE(rows[4].available) << rows[4].reason;
  EXPECT_FALSE(rows[3].available) << "nothing here reads through cuFile";
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "the scratch file is removed";
}

TEST(Probe, SaysWhatTheDoorAndFilesSay) {
  const test::Folder folder;
  ASSERT_TRUE(folder.there());
  const auto rows = probe_tiers(folder.path());
  ASSERT_EQ(rows.size(), kTiers);
  const auto ring = Uring::create();
  EXPECT_EQ(rows[2].available, ring.has_value()) << rows[2].reason;
  if (!ring) {
    EXPECT_EQ(rows[0].reason, ring.error().message);
    GTEST_SKIP() << ring.error().message;
  }
  test::write_pattern(folder / "f", 4096);
  const auto file = File::open(folder / "f", TierChoice::direct);
  EXPECT_EQ(rows[1].available, file.has_value()) << rows[1].reason;
}

TEST(Probe, AFolderThatIsNotThereIsTheReason) {
  for (const TierFacts& row : probe_tiers("/nonexistent/folder")) {
    EXPECT_FALSE(row.available);
    if (row.tier != Tier::gpudirect) {
      EXPECT_NE(row.reason.find("/nonexistent/folder"), std::string::npos) << row.reason;
    }
  }
}

TEST(Probe, InMemoryFileSystemsGiveNoDirectTier) {
  const test::Folder shm("/dev/shm");
  if (!shm.there()) GTEST_SKIP() << "no /dev/shm";
  const auto rows = probe_tiers(shm.path());
  EXPECT_FALSE(rows[0].available) << rows[0].reason;
  EXPECT_FALSE(rows[1].available) << rows[1].reason;
  if (Uring::create()) {
    EXPECT_NE(rows[1].reason.find("O_DIRECT"), std::string::npos) << rows[1].reason;
  }
}

TEST(Probe, WhateverCuFileSaysItIsRefusedWithThat) {
  if (void* const real = ::dlopen("libcufile.so.0", RTLD_NOW); real != nullptr) {
    ::dlclose(real);
    GTEST_SKIP() << "there is a real one";
  }
  EXPECT_NE(why_no_cufile().find("no cuFile library"), std::string::npos) << why_no_cufile();
  void* const fake = ::dlopen(VYRE_FAKE_CUFILE_PATH, RTLD_NOW);
  ASSERT_NE(fake, nullptr) << ::dlerror();
  for (const auto& [word, part] : {std::pair{"closed", "cuFileDriverOpen says 5011"},
                                   {"compatible", "compatibility mode"},
                                   {"direct", "reports a direct path (nvidia-fs 2.25"}}) {
    ASSERT_EQ(::setenv("VYRE_FAKE_CUFILE", word, 1), 0);
    EXPECT_NE(why_no_cufile().find(part), std::string::npos) << word << ": " << why_no_cufile();
  }
  ::unsetenv("VYRE_FAKE_CUFILE");
}

TEST(Probe, CuFileIsNeverPretended) {
  EXPECT_NE(describe_cufile(0, 0, 0).find("compatibility mode"), std::string::npos);
  EXPECT_NE(describe_cufile(2, 20, 1U << 4).find("not built here"), std::string::npos);
  EXPECT_NE(why_no_cufile(), "");
}

}  // namespace
}  // namespace vyre::ingest

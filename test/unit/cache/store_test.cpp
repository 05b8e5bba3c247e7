// The cache of compiled forms: what is found again, what is refused, and what many processes and a
// damaged, foreign or full disk do to it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "cache/code_cache.hpp"
#include "cache/store.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::cache {
namespace {

Digest key_of(std::uint32_t number) {
  return blake3(as_bytes("key " + std::to_string(number)));
}
Bytes form_of(std::uint32_t number, std::size_t bytes = 3'000) {
  Bytes form(bytes);
  for (std::size_t i = 0; i < bytes; ++i) form[i] = static_cast<std::uint8_t>(i * 7 + number);
  return form;
}

class Caching : public test::InAFolder {
 protected:
  [[nodiscard]] std::string folder() const { return path("cache"); }
  [[nodiscard]] Store store(std::uint64_t most = kFolderBytes) const {
    return Store::open({folder(), most}).value();
  }
  [[nodiscard]] static bool holds(const Store& store, std::uint32_t number) {
    Bytes form;
    return store.find(key_of(number), form) == Look::found && form == form_of(number);
  }
};

TEST_F(Caching, WhatWasPutIsFoundByAnotherStore) {
  ASSERT_TRUE(store().put(key_of(1), form_of(1)));
  EXPECT_TRUE(holds(store(), 1));
  Bytes form;
  EXPECT_EQ(store().find(key_of(2), form), Look::absent);
  EXPECT_EQ(store().list().size(), 1u);
}

TEST_F(Caching, AFlippedBitAnywhereIsFoundOutAndTheFileRemoved) {
  const Store here = store();
  ASSERT_TRUE(here.put(key_of(1), form_of(1, 200)));
  const std::string file = here.list().front().path;
  const auto size = std::filesystem::file_size(file);
  for (std::uintmax_t at = 0; at < size; ++at) {
    ASSERT_TRUE(here.put(key_of(1), form_of(1, 200)));
    std::fstream edit(file, std::ios::in | std::ios::out | std::ios::binary);
    edit.seekg(static_cast<std::streamoff>(at));
    const char now = static_cast<char>(edit.get() ^ 4);
    edit.seekp(static_cast<std::streamoff>(at));
    edit.put(now);
    edit.close();
    Bytes form;
    ASSERT_EQ(here.find(key_of(1), form), Look::damaged) << "byte " << at;
    ASSERT_EQ(here.find(key_of(1), form), Look::absent);
  }
}

TEST_F(Caching, AFileThatWasCutOrGrewIsRemoved) {
  const Store here = store();
  for (const std::uintmax_t bytes : {0u, 1u, 55u, 87u, 100u, 5'000u}) {
    ASSERT_TRUE(here.put(key_of(1), form_of(1)));
    std::filesystem::resize_file(here.list().front().path, bytes);
    Bytes form;
    EXPECT_EQ(here.find(key_of(1), form), Look::damaged) << bytes;
  }
}

TEST_F(Caching, TheFileOfAnotherKeyIsNotTaken) {
  const Store here = store();
  ASSERT_TRUE(here.put(key_of(1), form_of(1)));
  const std::string from = here.list().front().path;
  ASSERT_TRUE(here.put(key_of(2), form_of(2)));
  for (const Entry& entry : here.list())
    if (entry.path != from)
      std::filesystem::copy_file(from, entry.path,
                                 std::filesystem::copy_options::overwrite_existing);
  Bytes form;
  EXPECT_EQ(here.find(key_of(2), form), Look::damaged);
  EXPECT_TRUE(holds(here, 1));
}

TEST_F(Caching, AFileThatOthersMayWriteOrThatIsALinkIsNotTaken) {
  const Store here = store();
  ASSERT_TRUE(here.put(key_of(1), form_of(1)));
  const std::string file = here.list().front().path;
  ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
  Bytes form;
  EXPECT_EQ(here.find(key_of(1), form), Look::damaged);
  ASSERT_TRUE(here.put(key_of(1), form_of(1)));
  std::filesystem::rename(file, path("elsewhere"));
  std::filesystem::create_symlink(path("elsewhere"), file);
  EXPECT_EQ(here.find(key_of(1), form), Look::damaged);
  EXPECT_TRUE(std::filesystem::exists(path("elsewhere"))) << "the link went, not what it names";
}

TEST_F(Caching, AFolderThatOthersMayWriteIsRefusedByName) {
  std::filesystem::create_directory(folder());
  ASSERT_EQ(::chmod(folder().c_str(), 0777), 0);
  const auto refused = Store::open({folder()});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(folder()), std::string::npos);
  const CodeCache cache(folder());
  EXPECT_EQ(cache.why_no_folder(), refused.error().message);
}

TEST_F(Caching, AFolderOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  std::filesystem::create_directory(folder());
  ASSERT_EQ(::chown(folder().c_str(), 12'345, 12'345), 0);
  EXPECT_FALSE(Store::open({folder()}));
}

TEST_F(Caching, EvictionTakesWhatWasNotUsedForLongest) {
  const Store here = store(10'000);
  for (std::uint32_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(here.put(key_of(i), form_of(i)));
    const std::string file = here.list().front().path;
    for (const Entry& entry : here.list()) {
      if (entry.key != key_of(i)) continue;
      const timespec used[2]{{1'900'000'000 + i, 0}, {1'900'000'000 + i, 0}};
      ASSERT_EQ(::utimensat(AT_FDCWD, entry.path.c_str(), used, 0), 0);
    }
  }
  const Freed freed = here.evict();
  EXPECT_EQ(freed.files, 3u);
  EXPECT_TRUE(holds(here, 3));
  EXPECT_TRUE(holds(here, 4));
  EXPECT_EQ(here.list().size(), 2u);
}

TEST_F(Caching, WhatNobodyUsedForAQuarterGoes) {
  const Store here = store();
  ASSERT_TRUE(here.put(key_of(1), form_of(1)));
  const timespec long_ago[2]{{1'000'000, 0}, {1'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, here.list().front().path.c_str(), long_ago, 0), 0);
  EXPECT_EQ(here.evict().files, 1u);
}

TEST_F(Caching, EightProcessesReadAndWriteTheSameFilesAndNoneSeesHalfOfOne) {
  const Store here = store(40'000);
  std::vector<pid_t> children;
  for (std::uint32_t p = 0; p < 8; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      bool fine = true;
      for (std::uint32_t round = 0; round < 60; ++round) {
        const std::uint32_t number = (round * 7 + p) % 6;
        Bytes form;
        const Look look = here.find(key_of(number), form);
        if (look == Look::damaged || (look == Look::found && form != form_of(number))) fine = false;
        if (look == Look::absent && !here.put(key_of(number), form_of(number))) fine = false;
        if (round % 20 == p) (void)here.evict();
      }
      ::_exit(fine ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(here.verify().removed, 0u);
}

TEST_F(Caching, AProcessThatIsKilledWhileItWritesLeavesNothingThatIsRead) {
  const Store here = store();
  for (std::uint32_t round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (std::uint32_t i = 0;; ++i) (void)here.put(key_of(i % 4), form_of(i % 4, 200'000));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(300 + 150 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(here.verify().removed, 0u);
  }
  (void)here.clear();
  EXPECT_EQ(here.list().size(), 0u);
}

TEST_F(Caching, ADiskThatTakesNothingIsCountedAndTheFormIsUsedAllTheSame) {
  CodeCache cache(folder());
  std::filesystem::create_directory(folder() + "/" + key_of(1).hex().substr(0, 2));
  // In place of a full disk, which a test cannot have: a folder that is a file.
  std::filesystem::remove_all(folder() + "/" + key_of(1).hex().substr(0, 2));
  std::ofstream(folder() + "/" + key_of(1).hex().substr(0, 2)) << "no folder";
  EXPECT_EQ(*cache.put(key_of(1), form_of(1)), form_of(1));
  EXPECT_EQ(cache.counts().not_kept, 1u);
  Level level{};
  EXPECT_NE(cache.find(key_of(1), &level), nullptr);
  EXPECT_EQ(level, Level::memory);
}

TEST_F(Caching, ASecondSessionFindsFormsInMemoryAndALaterProcessInTheFolder) {
  {
    CodeCache first(folder());
    EXPECT_EQ(first.find(key_of(1)), nullptr);
    first.put(key_of(1), form_of(1));
    CodeCache second("-");
    Level level{};
    EXPECT_NE(second.find(key_of(1), &level), nullptr);
    EXPECT_EQ(level, Level::memory);
    EXPECT_EQ(second.counts().in_memory, 1u);
  }
  CodeCache later(folder());
  Level level{};
  const auto form = later.find(key_of(1), &level);
  ASSERT_NE(form, nullptr);
  EXPECT_EQ(*form, form_of(1));
  EXPECT_EQ(level, Level::folder);
}

}  // namespace
}  // namespace vyre::cache

// A child to which the system refuses a call or locked memory reads the same bytes by the next best
// way and says which call was refused, and with what.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <functional>

#include "ingest/doors.hpp"
#include "ingest/probe.hpp"
#include "ingest/uring.hpp"
#include "sandbox.hpp"
#include "staging/mapping.hpp"
#include "unit/ingest_pump/rig.hpp"

namespace vyre::ingest {
namespace {

constexpr int kSetup{425};
constexpr int kEnter{426};
constexpr int kRegister{427};
constexpr int kCachestat{451};
constexpr int kNoSeccomp{77};

/// Runs `body` in a child, which has it print what is wrong. "": nothing was.
std::string in_child(const std::function<std::string()>& body) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child < 0) return "no child";
  if (child == 0) {
    ::alarm(60);  // a child that hangs is killed
    const std::string wrong = body();
    const bool written =
        ::write(pipe[1], wrong.data(), wrong.size()) == static_cast<ssize_t>(wrong.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string text;
  char part[4096];
  for (ssize_t n = 0; (n = ::read(pipe[0], part, sizeof part)) > 0;)
    text.append(part, static_cast<std::size_t>(n));
  ::close(pipe[0]);
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return "the child was lost";
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return text + " (the child ended with status " + std::to_string(status) + ")";
  return text;
}

constexpr std::uint64_t kStreamBytes{std::uint64_t{8} << 20};
constexpr std::uint64_t kFileBytes{3'000'017};
constexpr std::uint64_t kPart{65'536};
constexpr std::uint64_t kPlace{kPart + 2 * kIoBlock};

/// Reads the file in parts through a pump of its own and compares; what is wrong, or "".
std::string read_through_pump(const std::string& path, TierChoice choice,
                              report::IngestSection& told) {
  const test::Memory memory(kStreamBytes);
  auto pump = Pump::start({.tier = choice}, memory.span());
  if (!pump) return pump.error().message;
  const auto file = File::open(path, choice);
  if (!file) return file.error().message;
  test::Ends ends;
  std::vector<ReadRequest> requests;
  for (std::uint64_t at = 0; at < kFileBytes; at += kPart) {
    requests.push_back({*file, at, std::min(kPart, kFileBytes - at),
                        memory.streams() + at / kPart * kPlace, kPlace, &ends, at / kPart});
  }
  if (auto taken = (*pump)->read(requests); !taken) return taken.error().message;
  const auto results = ends.wait(requests.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Bytes wanted = test::pattern(requests[i].offset, requests[i].bytes);
    if (results[i].status != ReadStatus::ok || results[i].bytes != requests[i].bytes ||
        std::memcmp(requests[i].to + results[i].skip, wanted.data(), wanted.size()) != 0) {
      return "part " + std::to_string(i) + " is not the file's";
    }
  }
  told = (*pump)->counters();
  return (*pump)->stop() ? "" : "the pump did not stop";
}

std::string expect_in(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos ? "" : "'" + part + "' is not in '" + text + "'";
}

class Refusals : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(folder_.there());
    path_ = folder_ / "file";
    test::write_pattern(path_, kFileBytes);
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);  // so that automatic reads it directly
    ::close(fd);
  }
  /// Whether there is something that can be refused here.
  static std::string ring_here() {
    const auto ring = Uring::create();
    return ring ? "" : ring.error().message;
  }
  void expect_nothing_wrong(const std::function<std::string()>& body) {
    const std::string wrong = in_child(body);
    if (wrong == std::to_string(kNoSeccomp)) GTEST_SKIP() << "no seccomp here";
    EXPECT_EQ(wrong, "");
  }
  test::Folder folder_;
  std::string path_;
};

TEST_F(Refusals, WithoutIoUringThreadsReadTheSameBytesAndTheDoorSaysWhichCallAndErrno) {
  for (const auto& [error, name] :
       {std::pair{EPERM, "EPERM"}, std::pair{ENOSYS, "ENOSYS"}, std::pair{EACCES, "EACCES"},
        std::pair{ENOMEM, "ENOMEM"}, std::pair{EINVAL, "EINVAL"}}) {
    SCOPED_TRACE(name);
    expect_nothing_wrong([&, error = error, name = std::string(name)]() -> std::string {
      if (!vyre::test::refuse_call(kSetup, error)) return std::to_string(kNoSeccomp);
      const auto door = open_door(TierChoice::automatic);
      if (!door) return door.error().message;
      if (door->best != Tier::thread_pool || door->io->name() != "thread pool")
        return "the door is " + std::string(door->io->name());
      std::string wrong = expect_in(door->reason, "io_uring_setup: " + name);
      report::IngestSection told;
      if (wrong.empty()) wrong = read_through_pump(path_, TierChoice::automatic, told);
      if (!wrong.empty()) return wrong;
      if (told.tiers.size() != 1 || told.tiers[0].tier != "E") return "not read by tier E";
      return expect_in(told.reason, name);
    });
  }
}

TEST_F(Refusals, ForcedTiersWithoutIoUringAreErrorsWithCallErrnoAndRemedy) {
  expect_nothing_wrong([&]() -> std::string {
    if (!vyre::test::refuse_call(kSetup, EPERM)) return std::to_string(kNoSeccomp);
    for (const auto& [choice, name] : {std::pair{TierChoice::direct_fixed, "tier A"},
                                       {TierChoice::direct, "tier B"},
                                       {TierChoice::buffered, "tier C"}}) {
      const test::Memory memory(kStreamBytes);
      const auto pump = Pump::start({.tier = choice}, memory.span());
      if (pump) return std::string(name) + " was given";
      if (pump.error().code != Errc::unsupported) return "the code is another";
      for (const char* const part : {name, "io_uring_setup", "EPERM", "io_uring_disabled"}) {
        if (const auto wrong = expect_in(pump.error().message, part); !wrong.empty()) return wrong;
      }
    }
    report::IngestSection told;
    if (const auto wrong = read_through_pump(path_, TierChoice::thread_pool, told); !wrong.empty())
      return wrong;
    return told.reason.empty() ? "" : "what was asked for needs no reason";
  });
}

TEST_F(Refusals, TheProbeSaysWhyNotMore) {
  expect_nothing_wrong([&]() -> std::string {
    if (!vyre::test::refuse_call(kSetup, EPERM)) return std::to_string(kNoSeccomp);
    const auto rows = probe_tiers(folder_.path());
    if (rows.size() != kTiers) return "not a row a tier";
    for (const std::size_t i : {0U, 1U, 2U}) {
      if (rows[i].available) return "a ring's tier is there";
      if (const auto wrong = expect_in(rows[i].reason, "io_uring_setup: EPERM"); !wrong.empty())
        return wrong;
    }
    return rows[4].available ? "" : rows[4].reason;
  });
}

TEST_F(Refusals, ARingThatMayNotBeEnteredIsNone) {
  if (const auto why = ring_here(); !why.empty()) GTEST_SKIP() << why;
  expect_nothing_wrong([&]() -> std::string {
    if (!vyre::test::refuse_call(kEnter, EPERM)) return std::to_string(kNoSeccomp);
    report::IngestSection told;
    if (const auto wrong = read_through_pump(path_, TierChoice::automatic, told); !wrong.empty())
      return wrong;
    if (told.door != "thread pool") return "the door is " + told.door;
    return expect_in(told.reason, "io_uring_enter: EPERM");
  });
}

TEST_F(Refusals, MemoryThatMayNotBeRegisteredIsReadIntoWithoutAndSaysWhy) {
  if (const auto why = ring_here(); !why.empty()) GTEST_SKIP() << why;
  for (const auto& [error, name] : {std::pair{EOPNOTSUPP, "EOPNOTSUPP"}, {EFAULT, "EFAULT"}}) {
    SCOPED_TRACE(name);
    expect_nothing_wrong([&, error = error, name = std::string(name)]() -> std::string {
      if (!vyre::test::refuse_call(kRegister, error)) return std::to_string(kNoSeccomp);
      report::IngestSection told;
      if (auto wrong = read_through_pump(path_, TierChoice::automatic, told); !wrong.empty())
        return wrong;
      if (told.registered_regions != 0) return "something was registered";
      for (const auto& tier : told.tiers) {
        if (tier.fixed_operations != 0 || tier.tier == "A")
          return "tier " + tier.tier + " was used";
      }
      return expect_in(told.registration_reason, name);
    });
  }
}

/// Too little for any memory of ours; newer kernels count even the ring.
TEST_F(Refusals, WithoutLockedMemoryTheBytesAreTheSameAndTheReasonIsTheLimit) {
  if (const auto why = ring_here(); !why.empty()) GTEST_SKIP() << why;
  for (const rlim_t limit : {rlim_t{0}, rlim_t{1} << 18}) {
    SCOPED_TRACE(limit);
    expect_nothing_wrong([&]() -> std::string {
      if (!vyre::test::limit_locked_memory(limit)) return "the limit could not be set";
      report::IngestSection told;
      if (auto wrong = read_through_pump(path_, TierChoice::automatic, told); !wrong.empty())
        return wrong;
      if (told.registered_bytes != 0) return "something was registered";
      for (const auto& tier : told.tiers) {
        if (tier.fixed_operations != 0) return "a fixed read of memory that is not registered";
      }
      if (told.door == "thread pool" && limit == 0)
        return expect_in(told.reason, "io_uring_setup: ENOMEM") +
               expect_in(told.reason, "RLIMIT_MEMLOCK");
      if (told.door != "io_uring") return "the door is " + told.door + ": " + told.reason;
      for (const auto& tier : told.tiers) {
        if (tier.tier != "B" && tier.tier != "C") return "tier " + tier.tier + " was used";
      }
      return expect_in(told.registration_reason, "ENOMEM") +
             expect_in(told.registration_reason, "RLIMIT_MEMLOCK");
    });
  }
}

TEST_F(Refusals, ForcedAWithoutLockedMemoryIsAnErrorThatSaysSo) {
  if (const auto why = ring_here(); !why.empty()) GTEST_SKIP() << why;
  for (const rlim_t limit : {rlim_t{0}, rlim_t{1} << 18, rlim_t{6} << 20}) {
    SCOPED_TRACE(limit);
    expect_nothing_wrong([&]() -> std::string {
      if (!vyre::test::limit_locked_memory(limit)) return "the limit could not be set";
      const test::Memory memory(kStreamBytes);
      const auto pump = Pump::start({.tier = TierChoice::direct_fixed}, memory.span());
      if (pump) return "tier A was given";
      if (pump.error().code != Errc::unsupported) return "the code is another";
      return expect_in(pump.error().message, "ENOMEM") +
             expect_in(pump.error().message, "RLIMIT_MEMLOCK");
    });
  }
}

TEST_F(Refusals, ALittleLockedMemoryIsUsedAndTheRestGoesWithout) {
  if (const auto why = ring_here(); !why.empty()) GTEST_SKIP() << why;
  expect_nothing_wrong([&]() -> std::string {
    if (!vyre::test::limit_locked_memory(rlim_t{3} << 20)) return "the limit could not be set";
    report::IngestSection told;
    if (auto wrong = read_through_pump(path_, TierChoice::automatic, told); !wrong.empty())
      return wrong;
    if (told.registered_bytes == 0) return "nothing was registered: " + told.registration_reason;
    if (told.registered_bytes > 3U << 20) return "more than the limit was registered";
    return expect_in(told.registration_reason, "ENOMEM");
  });
}

TEST_F(Refusals, WithoutCachestatThePageCacheIsAskedByMincore) {
  expect_nothing_wrong([&]() -> std::string {
    if (!vyre::test::refuse_call(kCachestat, ENOSYS)) return std::to_string(kNoSeccomp);
    Bytes all(kFileBytes);
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (::pread(fd, all.data(), all.size(), 0) != static_cast<ssize_t>(all.size())) return "short";
    const auto file = File::open(path_, TierChoice::automatic);
    if (!file) return file.error().message;
    return (*file)->why_buffered() == "in the page cache" ? ""
                                                          : "'" + (*file)->why_buffered() + "'";
  });
}

TEST_F(Refusals, WithoutPopulatingPagesAreTouchedAndWithoutPagesThatIsAnError) {
  expect_nothing_wrong([]() -> std::string {
    constexpr std::uint64_t kBytes{1 << 20};
    auto mapping = staging::Mapping::create(kBytes, "test");
    if (!mapping) return mapping.error().message;
    mapping->bytes()[5'000] = 7;
    if (!vyre::test::refuse_call(SYS_madvise, EINVAL)) return std::to_string(kNoSeccomp);
    if (const Status there = mapping->populate(0, kBytes); !there) return there.error().message;
    std::vector<unsigned char> pages(kBytes / 4096);
    if (::mincore(mapping->bytes().data(), kBytes, pages.data()) != 0) return "mincore";
    if (std::count(pages.begin(), pages.end(), 0) != 0) return "a page is not there";
    return mapping->bytes()[5'000] == 7 ? "" : "touching changed a byte";
  });
  expect_nothing_wrong([]() -> std::string {
    auto mapping = staging::Mapping::create(1 << 20, "test");
    if (!mapping) return mapping.error().message;
    if (!vyre::test::refuse_call(SYS_madvise, ENOMEM)) return std::to_string(kNoSeccomp);
    const Status there = mapping->populate(0, 1 << 20);
    if (there) return "populated without pages";
    return there.error().code == Errc::out_of_memory ? "" : there.error().message;
  });
}

#ifdef SYS_statx
TEST_F(Refusals, WithoutStatxDirectReadsAreInBlocks) {
  const auto direct = File::open(path_, TierChoice::direct_fixed);
  if (!direct) GTEST_SKIP() << direct.error().message;
  expect_nothing_wrong([&]() -> std::string {
    if (!vyre::test::refuse_call(SYS_statx, ENOSYS)) return std::to_string(kNoSeccomp);
    const auto file = File::open(path_, TierChoice::direct_fixed);
    if (!file) return file.error().message;
    if ((*file)->offset_alignment() != kIoBlock) return "other blocks";
    report::IngestSection told;
    return ring_here().empty() ? read_through_pump(path_, TierChoice::direct, told) : "";
  });
}
#endif

}  // namespace
}  // namespace vyre::ingest

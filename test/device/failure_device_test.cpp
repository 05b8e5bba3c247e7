// What goes wrong on a device: a kernel that stops looking, a process that is killed beside its
// resident kernel, a device that another session has taken. Each test is run in a process of its
// own (ctest and prove.sh do): a lost kernel is left behind until its process ends.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

#include "unit/runtime/fixtures.hpp"
#include "vir/text/text.hpp"

extern char** environ;

namespace vyre::runtime::test {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kIngressStops{1};

TEST(DeviceFailure, AKernelThatStopsLookingIsLostWithinTheBoundAndEveryTicketEndsWithTheReason) {
  constexpr milliseconds kWatchdog{500};
  TestHooks hooks;
  hooks.device_fault = std::make_shared<std::atomic<std::uint32_t>>(0);
  SessionOptions options = test_options();
  options.watchdog = kWatchdog;
  options.park_after = {};
  options.close_timeout = milliseconds{100};
  auto session = open_for_tests(options, hooks);
  ASSERT_OK(session);
  ASSERT_EQ(run(*session, {kNop, 0, 0, 0}), "done none");
  hooks.device_fault->store(kIngressStops);
  std::this_thread::sleep_for(milliseconds{100});  // the order has arrived
  const auto begin = Clock::now();
  std::vector<Ticket> tickets;
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    const auto ticket = session->submit({kNop, 0, 0, 0}, soon());
    if (!ticket) {
      EXPECT_EQ(ticket.error().code, Errc::device_lost) << to_string(ticket.error());
      break;
    }
    tickets.push_back(*ticket);
  }
  ASSERT_FALSE(tickets.empty());
  for (const Ticket ticket : tickets) {
    const auto result = session->wait(ticket, soon());
    ASSERT_OK(result);
    EXPECT_EQ(outcome(*result), "cancelled worker_lost");
  }
  const auto took = Clock::now() - begin;
  std::printf(
      "%zu tickets ended %.0f ms after the kernel fell silent; the watchdog waits %lld ms\n",
      tickets.size(), std::chrono::duration<double, std::milli>(took).count(),
      static_cast<long long>(kWatchdog.count()));
  EXPECT_LT(took, 4 * kWatchdog);
  const auto late = session->submit({kNop, 0, 0, 0}, soon());
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Errc::device_lost);
  EXPECT_EQ(late.error().message.find('\n'), std::string::npos) << "submit gives one line";
  EXPECT_EQ(session->allocate(4).error().code, Errc::device_lost);
  const Status closed = session->close();
  ASSERT_FALSE(closed.has_value());
  EXPECT_EQ(closed.error().code, Errc::device_lost);
  std::printf("%s\n", closed.error().message.c_str());
  for (const char* role : {"ingress", "worker", "queue 0"}) {
    EXPECT_NE(closed.error().message.find(role), std::string::npos)
        << "the dump does not speak of " << role;
  }
  const auto d = session->report();
  EXPECT_EQ(d.queues[0].completed, tickets.size() + 1);
  hooks.device_fault->store(0);  // let the kernel end with us
}

TEST(DeviceFailure, AFullDeviceIsRefusedByNameAndFreeAgainAfterwards) {
  SessionOptions options = test_options();
  options.max_blocks = 0;
  auto first = Session::open(options);
  ASSERT_OK(first);
  const auto refused = Session::open(options);
  if (!refused) {
    EXPECT_NE(refused.error().message.find("block"), std::string::npos)
        << to_string(refused.error());
    options.backend = BackendKind::automatic;
    auto second = Session::open(options);
    ASSERT_OK(second);
    EXPECT_EQ(second->backend_name(), "cpu");
    EXPECT_FALSE(second->caps().reason.empty());
    EXPECT_EQ(run(*second, {kNop, 0, 0, 0}), "done none");
    options.backend = BackendKind::cuda;
  }
  EXPECT_OK(first->close());
  auto third = Session::open(options);
  ASSERT_OK(third);
  EXPECT_EQ(run(*third, {kNop, 0, 0, 0}), "done none");
}

/// The other half of the next test: stays resident until it is killed.
TEST(DeviceChild, StaysResident) {
  const char* fd = std::getenv("VYRE_CHILD_FD");
  if (fd == nullptr) GTEST_SKIP() << "only started by AKilledProcessLeavesTheDeviceUsable";
  SessionOptions options = test_options();
  options.max_blocks = 0;
  options.park_after = {};
  auto session = Session::open(options);
  ASSERT_OK(session);
  const std::vector<MegakernelWorkItem> items(1'000, MegakernelWorkItem{kNop, 0, 0, 0});
  ASSERT_EQ(run(*session, items[0]), "done none");
  ASSERT_EQ(write(std::atoi(fd), "r", 1), 1);
  for (;;) (void)session->submit_many(items, soon());
}

TEST(DeviceFailure, AKilledProcessLeavesTheDeviceUsable) {
  for (int round = 0; round < 3; ++round) {
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    const std::string fd = "VYRE_CHILD_FD=" + std::to_string(pipe_fds[1]);
    std::vector<char*> environment;
    for (char** at = environ; *at != nullptr; ++at) environment.push_back(*at);
    environment.push_back(const_cast<char*>(fd.c_str()));
    environment.push_back(nullptr);
    char self[]{"/proc/self/exe"};
    char filter[]{"--gtest_filter=DeviceChild.StaysResident"};
    char* arguments[]{self, filter, nullptr};
    pid_t child = 0;
    ASSERT_EQ(posix_spawn(&child, self, nullptr, nullptr, arguments, environment.data()), 0);
    close(pipe_fds[1]);
    char byte = 0;
    EXPECT_EQ(read(pipe_fds[0], &byte, 1), 1) << "the child never got resident";
    close(pipe_fds[0]);
    std::this_thread::sleep_for(milliseconds{20});
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    auto session = Session::open(test_options());
    ASSERT_OK(session);
    const auto a = session->upload(words({1, 2, 3}));
    ASSERT_OK(a);
    EXPECT_EQ(run(*session, {kNop, 0, 0, 0}), "done none");
    EXPECT_EQ(*session->download(*a, soon()), words({1, 2, 3}));
    EXPECT_OK(session->close());
  }
}

}  // namespace
}  // namespace vyre::runtime::test

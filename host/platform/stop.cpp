// Handlers of the stop signals. Everything that a handler touches is lock-free. See the header.
#include "platform/stop.hpp"
#include "base/message.hpp"

#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace vyre::platform {
namespace {

constexpr std::array<int, 3> kStopSignals{SIGINT, SIGTERM, SIGHUP};
/// Blocking calls of the main thread are interrupted so often once a signal has come: it may have
/// come between the look at stop_signal() and the call.
constexpr suseconds_t kNudgeMicroseconds{50'000};

/// timeout(1) and terminals may send one request twice: to the process and to its group.
constexpr std::int64_t kSameRequestNs{100'000'000};

std::atomic<int> first_signal{0};
std::atomic<std::int64_t> first_at_ns{0};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

struct Doomed {
  std::atomic<bool> taken{false};
  std::atomic<const char*> name{nullptr};  // null: nothing to remove
  std::atomic<int> directory{-1};
};
/// More files at once than threads that write some; what finds no place is not removed.
std::array<Doomed, 64> doomed;

std::int64_t now_ns() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void on_nudge(int) {}  // its use is the EINTR

void on_stop(int signal) {
  const int error = errno;
  const std::int64_t now = now_ns();
  int none = 0;
  // Relaxed: the number is all that is passed on.
  if (first_signal.compare_exchange_strong(none, signal, std::memory_order_relaxed)) {
    first_at_ns.store(now, std::memory_order_relaxed);  // a handler that reads 0 takes it as old
    itimerval again{};
    again.it_interval.tv_usec = kNudgeMicroseconds;
    again.it_value = again.it_interval;
    (void)::setitimer(ITIMER_REAL, &again, nullptr);
    errno = error;
    return;
  }
  if (now - first_at_ns.load(std::memory_order_relaxed) < kSameRequestNs) return;
  for (const Doomed& file : doomed) {
    // [DOOMED-1] acquire: the directory beside the name.
    if (const char* const name = file.name.load(std::memory_order_acquire); name != nullptr)
      (void)::unlinkat(file.directory.load(std::memory_order_relaxed), name, 0);
  }
  ::_exit(128 + signal);
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_nudge;
  (void)::sigaction(SIGALRM, &action, nullptr);
  action.sa_handler = on_stop;
  for (const int signal : kStopSignals) {
    struct sigaction before {};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    (void)::sigaction(signal, &action, nullptr);
  }
}

int stop_signal() noexcept {
  return first_signal.load(std::memory_order_relaxed);  // the number is all
}

bool stop_asked() noexcept {
  return stop_signal() != 0;
}

namespace {

/// "SIGINT".
std::string stop_signal_name() {
  switch (stop_signal()) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGHUP:
      return "SIGHUP";
  }
  return "no signal";
}

}  // namespace

tl::unexpected<Error> interrupted() {
  return fail(Errc::cancelled, message("interrupted by {}", stop_signal_name()));
}

DoomedFile::DoomedFile(int directory, const char* name) noexcept : index_(-1) {
  for (std::size_t i = 0; i < doomed.size(); ++i) {
    bool taken = false;
    // [DOOMED-2] acquire: the one before has taken its name away.
    if (!doomed[i].taken.compare_exchange_strong(taken, true, std::memory_order_acquire)) continue;
    doomed[i].directory.store(directory, std::memory_order_relaxed);
    doomed[i].name.store(name, std::memory_order_release);  // [DOOMED-1]
    index_ = static_cast<int>(i);
    return;
  }
}

DoomedFile::~DoomedFile() {
  if (index_ < 0) return;
  Doomed& file = doomed[static_cast<std::size_t>(index_)];
  file.name.store(nullptr, std::memory_order_relaxed);
  file.taken.store(false, std::memory_order_release);  // [DOOMED-2]
}

}  // namespace vyre::platform

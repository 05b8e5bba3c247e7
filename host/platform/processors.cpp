// Affinity mask, /proc/stat, sysfs topology, and a name in the abstract socket space for each taken
// processor. See the header.
#include "processors.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>

#include "base/message.hpp"

namespace vyre::platform {
namespace {

constexpr std::chrono::milliseconds kLook{100};
/// Below this a processor is as good as idle.
constexpr std::uint32_t kLittleBusyPercent{20};

struct Ticks {
  std::uint64_t idle{0};
  std::uint64_t all{0};
};

std::map<std::uint32_t, Ticks> read_ticks() {
  std::map<std::uint32_t, Ticks> found;
  std::ifstream stat("/proc/stat");
  for (std::string line; std::getline(stat, line);) {
    unsigned number = 0;
    if (std::sscanf(line.c_str(), "cpu%u ", &number) != 1) continue;
    std::istringstream fields(line.substr(line.find(' ')));
    Ticks ticks;
    std::uint64_t value = 0;
    for (int i = 0; i < 8 && fields >> value; ++i) {
      ticks.all += value;
      if (i == 3 || i == 4) ticks.idle += value;  // idle, and waiting for storage
    }
    found[number] = ticks;
  }
  return found;
}

bool is_second_of_core(std::uint32_t number) {
  std::ifstream list(
      message("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", number));
  std::uint32_t first = number;
  list >> first;  // "0,64" or "0-1"
  return first < number;
}

/// Binds the processor's name; none: another process holds it, or there are no such names here.
Descriptor mark(const std::string& name, std::uint32_t number) {
  Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int length = std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%.64s-%u",
                                   name.c_str(), number);
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                            static_cast<std::size_t>(length));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), bytes) != 0) return {};
  return socket;
}

}  // namespace

std::vector<std::uint32_t> placement_order(std::vector<Processor> processors) {
  const auto rank = [](const Processor& p) {
    const std::uint32_t busy = p.busy_percent < kLittleBusyPercent ? 0 : p.busy_percent;
    return std::tuple(p.taken, busy, p.second_of_core, p.number);
  };
  std::sort(processors.begin(), processors.end(),
            [&](const Processor& a, const Processor& b) { return rank(a) < rank(b); });
  std::vector<std::uint32_t> numbers;
  for (const Processor& processor : processors) numbers.push_back(processor.number);
  return numbers;
}

ProcessorShare::ProcessorShare(std::uint32_t threads, const std::string& name) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<Processor> found;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    auto before = read_ticks();
    std::this_thread::sleep_for(kLook);
    auto after = read_ticks();
    for (std::uint32_t number = 0; number < CPU_SETSIZE; ++number) {
      if (!CPU_ISSET(number, &allowed)) continue;
      Processor processor{number, 0, is_second_of_core(number), false};
      const std::uint64_t all = after[number].all - before[number].all;
      const std::uint64_t idle = after[number].idle - before[number].idle;
      if (all != 0 && idle <= all)
        processor.busy_percent = static_cast<std::uint32_t>((all - idle) * 100 / all);
      found.push_back(processor);
    }
  }
  if (found.empty()) found.push_back({});
  // Marks are tried in the order of use; what another holds goes to the end.
  std::map<std::uint32_t, bool> taken;
  for (const std::uint32_t number : placement_order(found)) {
    if (marks_.size() == threads) break;
    Descriptor held = mark(name, number);
    taken[number] = !held;
    if (held) marks_.push_back(std::move(held));
  }
  for (Processor& processor : found) processor.taken = taken[processor.number];
  processors_ = placement_order(found);
  processors_.resize(std::min<std::size_t>(processors_.size(), std::max(threads, 1u)));
}

bool ProcessorShare::pin(std::uint32_t index) const {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processors_[index % processors_.size()], &set);
  return ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set) == 0;
}

}  // namespace vyre::platform

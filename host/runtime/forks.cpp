// See forks.hpp.
#include "runtime/forks.hpp"

#include <pthread.h>

namespace vyre::runtime {

void watch_forks() noexcept {
  // Fails only where there is no memory; a child is then told by nothing.
  [[maybe_unused]] static const int watching = pthread_atfork(
      nullptr, nullptr, [] { detail::forks.fetch_add(1, std::memory_order_relaxed); });
}

}  // namespace vyre::runtime

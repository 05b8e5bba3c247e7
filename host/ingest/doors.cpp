// The choice of a door. See doors.hpp.
#include "doors.hpp"

#include <cstring>
#include <utility>

#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "thread_pool.hpp"
#include "uring.hpp"

namespace vyre::ingest {
namespace {

Result<Door> open_threads(std::string reason) {
  VYRE_ASSIGN(auto pool, ThreadPool::create());
  return Door{std::move(pool), Tier::thread_pool, std::move(reason),
              message("{} threads", kPoolThreads)};
}

}  // namespace

std::string errno_name(int error) {
  const char* const name = ::strerrorname_np(error);
  return name != nullptr ? name : message("errno {}", error);
}

Result<Door> open_door(TierChoice choice) {
  if (choice == TierChoice::thread_pool) return open_threads({});
  if (choice == TierChoice::gpudirect) {
    return fail(Errc::unsupported,
                "tier D: reading through cuFile is not built here; use A, B, C, E or automatic");
  }
  auto ring = Uring::create();
  if (ring) {
    const Tier best = choice == TierChoice::direct     ? Tier::direct
                      : choice == TierChoice::buffered ? Tier::buffered
                                                       : Tier::direct_fixed;
    std::string setup = (*ring)->setup();
    return Door{std::move(*ring), best, {}, std::move(setup)};
  }
  if (choice == TierChoice::automatic) return open_threads(ring.error().message);
  const char* const name = choice == TierChoice::direct_fixed ? "A"
                           : choice == TierChoice::direct     ? "B"
                                                              : "C";
  Error error = std::move(ring).error();
  error.code = Errc::unsupported;
  error.message = message(
      "tier {} needs io_uring: {}; allow it (sysctl kernel.io_uring_disabled, the container's "
      "seccomp profile) or use E or automatic",
      name, error.message);
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace vyre::ingest

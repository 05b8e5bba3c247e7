// Which door to the system a pump gets: the choice between io_uring and threads, and the words for
// it. Host only; called on the pump's thread, since a ring belongs to the thread that made it.
// Private to this room. Page: docs/internals/ingest.md, "Tiers" and "Ring".
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "ingest/io.hpp"
#include "ingest/tier.hpp"

namespace vyre::ingest {

struct Door {
  std::unique_ptr<Io> io;
  Tier best{Tier::thread_pool};  // that this door and the choice allow; files may allow less
  std::string reason;            // why not io_uring; empty where nothing better was asked for
  std::string setup;             // flags that the ring accepted, or how many threads
};

/// Automatic: io_uring, else threads with the reason. A, B and C: io_uring, else Errc::unsupported
/// with call and errno; D: Errc::unsupported. E: threads.
[[nodiscard]] Result<Door> open_door(TierChoice choice);

/// "EPERM", or "errno 12345".
[[nodiscard]] std::string errno_name(int error);

}  // namespace vyre::ingest

// Leases: a caller reads or writes the bytes of a buffer where they lie, between items. A lease
// holds the buffer as a host copy does (host_readers and host_writers of the record), so that items
// and copies wait for it. Where the bytes are on a device the caller gets a copy, which goes back
// when the lease ends. Host only; any thread.
//
// Lock: takes the order lock to find and mark a buffer, and holds no lock while the backend copies.
#pragma once

#include "backend/backend.hpp"
#include "buffer_waits.hpp"
#include "copy_until.hpp"
#include "handle_table.hpp"
#include "observer_tap.hpp"
#include "order_lock.hpp"
#include "results.hpp"
#include "session_counters.hpp"
#include "session_life.hpp"

namespace vyre::runtime {

class Leases {
 public:
  struct Over {  // what it works over
    backend::Backend& backend;
    const SessionLife& life;
    OrderMutex& order;
    HandleTable& handles;
    ObserverTap& tap;
    BufferWaits& waits;
    Results& results;
    SessionCounters& counters;
  };
  explicit Leases(const Over& over) : over_(over) {}

  [[nodiscard]] Result<MutableByteSpan> take(Handle buffer, LeaseAccess access,
                                             const CopyUntil& until);
  [[nodiscard]] Status give_back(Handle buffer, Deadline deadline);

 private:
  /// A copy of the bytes that a device has.
  [[nodiscard]] Result<std::shared_ptr<Bytes>> copy_of(std::uint32_t handle, std::uint64_t bytes,
                                                       const CopyUntil& until);
  /// Ends one lease of the record, and wakes those that wait for it.
  void end(const OrderLock& lock, HandleRecord& record);

  const Over over_;
};

}  // namespace vyre::runtime

// Copies between the caller's memory and buffers, in the order of the work. Host only; any thread.
//
// Lock: takes the order lock to find and mark a buffer, and holds no lock while the backend copies:
// host_readers and host_writers of the record keep others away. Events go through the observer tap.
#pragma once

#include "backend/backend.hpp"
#include "buffer_waits.hpp"
#include "copy_until.hpp"
#include "handle_table.hpp"
#include "observer_tap.hpp"
#include "order_lock.hpp"
#include "results.hpp"
#include "session_counters.hpp"
#include "session_files.hpp"
#include "session_life.hpp"

namespace vyre::runtime {

class HostCopies {
 public:
  struct Over {  // what it works over
    backend::Backend& backend;
    const SessionLife& life;
    OrderMutex& order;
    HandleTable& handles;
    ObserverTap& tap;
    BufferWaits& waits;
    SessionFiles& files;
    Results& results;
    SessionCounters& counters;
  };
  explicit HostCopies(const Over& over) : over_(over) {}

  [[nodiscard]] Result<std::uint64_t> buffer_bytes(Handle buffer);
  [[nodiscard]] Status write(Handle buffer, std::uint64_t offset, ByteSpan bytes,
                             const CopyUntil& until);
  [[nodiscard]] Result<Bytes> download(Handle buffer, const CopyUntil& until);
  [[nodiscard]] Status download_into(Handle buffer, std::uint64_t offset, MutableByteSpan out,
                                     const CopyUntil& until);

 private:
  /// Of a buffer that may be read; a mapped file is resident afterwards.
  [[nodiscard]] Result<HandleRecord*> await_readable(OrderLock& lock, Handle buffer,
                                                     const CopyUntil& until);
  const Over over_;
};

}  // namespace vyre::runtime

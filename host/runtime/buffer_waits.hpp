// How a host copy, or the release of a handle, waits until nothing unfinished conflicts with it.
// Host only; any thread.
//
// Lock: the caller holds the order lock; await_free() gives it up while it waits.
#pragma once

#include "copy_until.hpp"
#include "handle_table.hpp"
#include "order_lock.hpp"
#include "results.hpp"

namespace vyre::runtime {

class BufferWaits {
 public:
  BufferWaits(OrderMutex& order, HandleTable& handles, Results& results)
      : order_(order), handles_(handles), results_(results) {}

  /// Waits until nothing unfinished conflicts with reading or writing the buffer, and until those
  /// that began to wait for it before have had it. Returns the record, which is looked up again
  /// after each wait; an error if the handle was released meanwhile, or `until` has come.
  [[nodiscard]] Result<HandleRecord*> await_free(OrderLock& lock, const Handle& handle, bool writes,
                                                 const CopyUntil& until);

 private:
  class Waiting;

  OrderMutex& order_;
  HandleTable& handles_;
  Results& results_;
};

}  // namespace vyre::runtime

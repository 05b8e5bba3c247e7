// Session::observe(): attaching an observer before the first submit, and telling it what exists
// already. Host only; any thread.
//
// Lock: takes the bring lock, then the order lock, then the observer tap, and keeps all three while
// the observer is told, so that nothing changes meanwhile.
#pragma once

#include <memory>

#include "buffers.hpp"
#include "handle_table.hpp"
#include "observer_tap.hpp"
#include "op_table.hpp"
#include "order_lock.hpp"
#include "results.hpp"
#include "session_files.hpp"

namespace vyre::runtime {

struct ObserverAttachOver {  // what it works over
  OrderMutex& order;
  HandleTable& handles;
  const OpTable& ops;
  ObserverTap& tap;
  SessionFiles& files;
  Buffers& buffers;
  Results& results;
};

/// Null removes the observer. Waits until `until` for buffers that are being filled or released.
[[nodiscard]] Status attach_observer(const ObserverAttachOver& over,
                                     std::shared_ptr<SessionObserver> observer, Deadline until);

}  // namespace vyre::runtime

// What bounds a call that works without a session: its timeout, and what vyre_interrupt_by() was
// given on its thread. Host only; lives on the stack of the call.
#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

class Bound {
 public:
  explicit Bound(vyre_ns timeout);
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;

  /// For the work to ask.
  [[nodiscard]] Interrupt* interrupt() noexcept { return &interrupt_; }
  /// What the work gave; Errc::cancelled where it was interrupted.
  template <class T>
  [[nodiscard]] Result<T> checked(Result<T> result) const {
    if (result || !stopped_) return result;
    return fail(Errc::cancelled, "the function given to vyre_interrupt_by() asked for it");
  }

 private:
  [[nodiscard]] bool over();

  const Deadline deadline_;
  const vyre_stopped asked_;
  bool stopped_{false};
  Interrupt interrupt_;
};

}  // namespace vyre::abi

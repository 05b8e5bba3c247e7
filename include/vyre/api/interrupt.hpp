// InterruptBy: what ends long calls of this thread early, for handlers of signals and interpreters.
#pragma once

#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// As long as it lives, calls of its thread that have a timeout ask `stopped` while they work or
/// wait, and end with Code::cancelled once it says true (vyre_interrupt_by). The innermost one
/// counts.
class InterruptBy {
 public:
  explicit InterruptBy(vyre_stopped stopped) : before_(vyre_interrupt_by(stopped)) {}
  InterruptBy(const InterruptBy&) = delete;
  InterruptBy& operator=(const InterruptBy&) = delete;
  ~InterruptBy() { (void)vyre_interrupt_by(before_); }

 private:
  vyre_stopped before_;
};

}  // namespace vyre::VYRE_V0

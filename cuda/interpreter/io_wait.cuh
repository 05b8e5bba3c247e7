// How long a warp waits for the pump: until the pump was silent for too long, or it lives and the
// warp has waited for too long. By whole warps, converged. Device code. Spec:
// docs/internals/ingest-requests.md, "Requests of items".
#pragma once

#include <cstdint>

#include "cuda/interpreter/io_access.hpp"
#include "cuda/ptx/access.cuh"
#include "io_lines.cuh"
#include "protocol/completion.hpp"
#include "protocol/limits.hpp"
#include "warp.cuh"

namespace vyre::cuda::interpreter::io {

inline constexpr u32 kNapNs{400};  // between two looks at an answer, each of which crosses the link
inline constexpr u32 kLooksApart{16};  // looks at an answer between two at the pump's health
/// The pump is dead when it gave no sign of life for so long.
inline constexpr u64 kPumpSilenceNs{50 * kIoHeartbeatNs};
/// At most so much of the time between two looks counts as waiting.
inline constexpr u64 kLookNs{10'000'000};

/// One wait, for an answer or for a credit.
class Patience {
 public:
  VYRE_HD explicit Patience(const IoAccess& a) : a_(a) {}

  /// Waits a little. A result other than none says that no answer comes and why; every lane gets
  /// the same.
  [[nodiscard]] VYRE_HD FaultCode wait() {
    warp::nap(kNapNs);
    if (looks_++ % kLooksApart != 0) return FaultCode::none;
    u32 broken = 0;
    u32 stop = 0;
    u64 beat = 0;
    u64 now = 0;
    if (warp::self() == 0) {
      // [IO-3] acquire: answers that were given before
      broken = ptx::load_acquire_sys_u32(&a_.head->broken);
      beat = ptx::load_relaxed_sys_u64(&a_.head->heartbeat);
      stop = a_.stop != nullptr ? ptx::load_relaxed_gpu_u32(a_.stop) : 0;
      now = warp::now_ns();
    }
    broken = of_first(broken);
    stop = of_first(stop);
    beat = of_first(beat);
    now = of_first(now);
    if (stop != 0) return FaultCode::shutdown;
    if (broken != 0) {
      return static_cast<FaultCode>(broken) == FaultCode::shutdown ? FaultCode::shutdown
                                                                   : FaultCode::io_error;
    }
    // A look that comes late counts as one only: while the warp stood still, the pump may have
    // stood still, too. The first look counts as late.
    const u64 passed = now - looked_ < kLookNs ? now - looked_ : kLookNs;
    looked_ = now;
    waited_ += passed;
    still_ = beat == beat_ ? still_ + passed : 0;
    beat_ = beat;
    return still_ > kPumpSilenceNs || waited_ > a_.give_up_ns ? FaultCode::io_error
                                                              : FaultCode::none;
  }

 private:
  const IoAccess& a_;
  u32 looks_{0};
  u64 beat_{0};
  u64 looked_{0};  // when
  u64 waited_{0};
  u64 still_{0};  // without a beat
};

}  // namespace vyre::cuda::interpreter::io

// How long a call may wait. Made from any std::chrono duration, or left away: then the session's
// default_timeout holds. Saturates: what is beyond the clock's range is a bound that never comes.
#pragma once

#include <chrono>
#include <cstdint>

#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

class Timeout {
 public:
  /// The session's default.
  constexpr Timeout() = default;
  /// A negative duration is over already: the call does not wait.
  template <class Rep, class Period>
  constexpr Timeout(std::chrono::duration<Rep, Period> wait) : ns_(saturated(wait)) {}
  [[nodiscard]] static constexpr Timeout forever() { return Timeout(VYRE_FOREVER); }
  /// The call looks once and does not wait.
  [[nodiscard]] static constexpr Timeout poll() { return Timeout(0); }

  [[nodiscard]] constexpr vyre_ns ns() const { return ns_; }

 private:
  explicit constexpr Timeout(vyre_ns ns) : ns_(ns) {}
  template <class Rep, class Period>
  [[nodiscard]] static constexpr vyre_ns saturated(std::chrono::duration<Rep, Period> wait) {
    using Wide = std::chrono::duration<long double, std::nano>;
    const long double ns = std::chrono::duration_cast<Wide>(wait).count();
    if (!(ns > 0)) return 0;
    if (ns >= static_cast<long double>(VYRE_FOREVER)) return VYRE_FOREVER;
    return static_cast<vyre_ns>(ns);
  }

  vyre_ns ns_{VYRE_DEFAULT_TIMEOUT};
};

}  // namespace vyre::VYRE_V0

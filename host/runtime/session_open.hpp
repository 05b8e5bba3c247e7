// Opening a session: options are checked, a backend is chosen, and the parts are wired over it.
// Host only.
#pragma once

#include <memory>

#include "runtime/session.hpp"
#include "session_core.hpp"
#include "testing.hpp"

namespace vyre::runtime {

/// A session that takes items.
[[nodiscard]] Result<std::shared_ptr<SessionCore>> open_core(const SessionOptions& options,
                                                             TestHooks hooks);

/// The one door to Session's constructor.
struct SessionOpener {
  [[nodiscard]] static Result<Session> open(const SessionOptions& options, TestHooks hooks);
};

}  // namespace vyre::runtime

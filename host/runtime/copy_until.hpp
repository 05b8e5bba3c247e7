// When a call that copies gives up, and copying piece by piece until then. Host only; any thread.
#pragma once

#include <algorithm>
#include <string>

#include "base/message.hpp"
#include "protocol/limits.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

/// See Session::upload().
struct CopyUntil {
  Deadline deadline{Deadline::max()};
  bool (*stopped)(){nullptr};
  [[nodiscard]] bool told_to_stop() const { return stopped != nullptr && stopped(); }
  /// An error if one of them has come: `what` was cut `place`.
  [[nodiscard]] Status go_on(const std::string& what, const std::string& place) const;
};

/// How far a copy came, and why it came no further.
struct Copied {
  std::uint64_t bytes{0};
  Status status;
};

/// Calls `copy(at, bytes)` for each piece of kCopyPieceBytes and looks at `until` between two of
/// them. The first piece is always copied, so one piece takes whatever time it takes.
template <class Copy>
[[nodiscard]] Copied copy_in_pieces(std::uint64_t bytes, const std::string& what,
                                    const CopyUntil& until, const Copy& copy) {
  Copied copied;
  do {
    if (copied.bytes != 0) {
      copied.status = until.go_on(what, message("after {} of {} bytes", copied.bytes, bytes));
      if (!copied.status) return copied;
    }
    const std::uint64_t piece = std::min(kCopyPieceBytes, bytes - copied.bytes);
    copied.status = copy(copied.bytes, piece);
    if (!copied.status) return copied;
    copied.bytes += piece;
  } while (copied.bytes < bytes);
  return copied;
}

}  // namespace vyre::runtime

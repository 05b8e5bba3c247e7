// The request to stop: SIGINT, SIGTERM or SIGHUP. Host only. main() asks for it once; everything
// that waits looks at it, so that a command ends in order. Spec: docs/cli.md, "Stopping".
#pragma once

#include <string>

#include "base/error.hpp"

namespace vyre::platform {

/// From now on the first of these signals is remembered, and blocking system calls of the main
/// thread return with EINTR again and again until the process ends. A signal more than
/// 100 ms later removes temporary files that are being written and ends the process at once. A
/// signal that is ignored (nohup, background jobs of a shell) stays ignored.
void catch_stop_signals();
/// The first signal that came, or 0.
[[nodiscard]] int stop_signal() noexcept;
/// One has come: what options and calls take as `stopped`.
[[nodiscard]] bool stop_asked() noexcept;
/// The error of what was given up because of it: Errc::cancelled.
[[nodiscard]] tl::unexpected<Error> interrupted();

/// A temporary file that a second signal removes. `directory` is an open descriptor and `name` lies
/// in it; both outlive this. Any thread.
class DoomedFile {
 public:
  DoomedFile(int directory, const char* name) noexcept;
  DoomedFile(const DoomedFile&) = delete;
  DoomedFile& operator=(const DoomedFile&) = delete;
  ~DoomedFile();

 private:
  int index_;
};

}  // namespace vyre::platform

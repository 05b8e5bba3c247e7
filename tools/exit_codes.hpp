// The exit codes of `vyre` and which errors lead to them. Spec: docs/cli.md.
#pragma once

#include "base/error.hpp"

namespace vyre::cli {

inline constexpr int kExitOk{0};
inline constexpr int kExitVerdict{
    1};  // the work ran and the answer is no: refused, different, a file or item failed
inline constexpr int kExitUsage{2};  // flags or arguments
inline constexpr int kExitInput{
    3};  // a program, trace, report or file whose content cannot be used
inline constexpr int kExitSystem{4};    // the operating system, a device or a time limit said no
inline constexpr int kExitInternal{5};  // our own mistake

[[nodiscard]] constexpr int exit_code(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument:
      return kExitUsage;
    case Errc::malformed:
    case Errc::version_mismatch:
    case Errc::limit_exceeded:
    case Errc::refused:
    case Errc::mismatch:  // content that is not what its digest says
    case Errc::unsupported:
      return kExitInput;
    case Errc::not_found:
    case Errc::io:
    case Errc::out_of_memory:
    case Errc::queue_full:
    case Errc::deadline_exceeded:
    case Errc::closed:
    case Errc::device_lost:
    case Errc::wall_time:
    case Errc::busy:
      return kExitSystem;
    case Errc::faulted:
    case Errc::cancelled:
      return kExitVerdict;
    case Errc::internal:
      return kExitInternal;
  }
  return kExitInternal;
}

}  // namespace vyre::cli

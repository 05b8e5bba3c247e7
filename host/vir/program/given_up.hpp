// What a phase says that was not wanted to its end. Host only, private to host/vir.
#pragma once

#include <string>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/message.hpp"

namespace vyre::vir {

[[nodiscard]] inline bool is_over(const Interrupt* interrupt) noexcept {
  return interrupt != nullptr && interrupt->over();
}
/// Counts a step; see Interrupt::step().
[[nodiscard]] inline bool step_is_over(Interrupt* interrupt) {
  return interrupt != nullptr && interrupt->step();
}

[[nodiscard]] inline tl::unexpected<Error> given_up(const char* what) {
  return fail(
      Errc::deadline_exceeded,
      message("the program was not {} when its time was up; allow more, or split it", what));
}

}  // namespace vyre::vir

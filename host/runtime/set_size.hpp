// How many buffers a binding set holds at most, for those that read a list of them. Host only.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {

[[nodiscard]] inline Status fits_a_set(std::uint64_t buffers) {
  if (buffers <= kMaxBindingBuffers) return {};
  return fail(Errc::limit_exceeded,
              message("a binding set of {} buffers is longer than the limit of {}", buffers,
                      kMaxBindingBuffers));
}

}  // namespace vyre::runtime

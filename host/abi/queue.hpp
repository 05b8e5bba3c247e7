// The queue object: a number of its session's queues. Host only; any thread.
#pragma once

#include <cstdint>
#include <utility>

#include "object.hpp"
#include "session.hpp"
#include "vyre/vyre.h"

struct vyre_queue {
  vyre_queue(vyre::abi::SessionReference of, std::uint32_t its_number)
      : session(std::move(of)), number(its_number) {}

  vyre::abi::Counted counted;
  vyre::abi::SessionReference session;
  const std::uint32_t number;
};

namespace vyre::abi {

[[nodiscard]] inline Status usable(const vyre_queue* queue) {
  VYRE_TRY(given(queue, "queue"));
  return usable(&*queue->session);
}

}  // namespace vyre::abi

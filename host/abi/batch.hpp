// The batch object: the runtime's batch and the session that it belongs to. Host only; any thread.
#pragma once

#include <memory>
#include <utility>

#include "runtime/session.hpp"
#include "session.hpp"
#include "vyre/vyre.h"

struct vyre_batch {
  vyre_batch(vyre::abi::SessionReference of, std::shared_ptr<vyre::runtime::Batch> opened)
      : session(std::move(of)), engine(std::move(opened)) {}

  vyre::abi::SessionReference session;
  std::shared_ptr<vyre::runtime::Batch> engine;
};

namespace vyre::abi {

[[nodiscard]] vyre_totals totals_of(const runtime::Totals& totals) noexcept;

}  // namespace vyre::abi

// The tags of the sessions of this process, 1 to 65,535. A tag is given again only after all
// others. Any thread.
//
// Lock: a mutex of its own; nothing is called under it.
#pragma once

#include <cstdint>

#include "base/error.hpp"

namespace vyre::abi {

/// Errc::limit_exceeded where all are taken.
[[nodiscard]] Result<std::uint32_t> take_session_tag();
void give_back_session_tag(std::uint32_t tag) noexcept;

}  // namespace vyre::abi

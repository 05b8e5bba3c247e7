// The tags of the sessions of this process, 1 to 65,535, and whether the process was forked. A tag
// is given again only after all others. Any thread.
//
// Lock: a mutex of its own; nothing is called under it.
#pragma once

#include <atomic>
#include <cstdint>

#include "vyre/base/error.hpp"

namespace vyre::abi {

/// Errc::limit_exceeded where all are taken.
[[nodiscard]] Result<std::uint32_t> take_session_tag();
void give_back_session_tag(std::uint32_t tag) noexcept;

/// Grows with every fork() that this process is the child of, from the first call of watch_forks()
/// on.
[[nodiscard]] std::uint32_t forks() noexcept;
void watch_forks() noexcept;

}  // namespace vyre::abi

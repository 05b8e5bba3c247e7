// Items of the tiny program over distinct small buffers, on a machine and on a session; and the
// check of what they wrote. Host only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "megakernel/machine.hpp"

namespace vyre::bench {

/// `count` items, each with an input and an output of its own; inputs are filled.
[[nodiscard]] Result<std::vector<MegakernelWorkItem>> make_tiny_items(Machine& machine,
                                                                      std::uint32_t count);
/// Every lane of every output is what tiny_value says. Only after all items have run.
[[nodiscard]] Status check_tiny_items(Machine& machine, std::span<const MegakernelWorkItem> items);
[[nodiscard]] Result<MegakernelWorkItem> make_tiny_item(runtime::Session& session);

}  // namespace vyre::bench

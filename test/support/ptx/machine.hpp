// A warp that executes the PTX which host/jit prints: 32 threads, each of which runs on alone until
// it must meet others. A thread that waits for one that never comes, a member mask that leaves out
// its own thread, and an access outside of what is given are errors. Test support, host only.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/run.hpp"
#include "support/ptx/module.hpp"

namespace vyre::test::ptx {

/// What a function of host/jit is called with (docs/internals/jit.md).
struct Unit {
  std::span<const core::BufferView> buffers;
  std::uint64_t scratch_bytes{0};
  std::uint64_t first{0};
  std::uint64_t count{0};
  core::Grid grid{1, 1, 1};
  std::uint64_t fuel{0};
  std::uint32_t stop{0};
  std::uint64_t most_steps{std::uint64_t{1} << 28};  // of all threads: one that goes on is an error
};

/// The greatest answer of the threads.
[[nodiscard]] Result<std::uint32_t> run_unit(const Function& function, const Unit& unit);

}  // namespace vyre::test::ptx

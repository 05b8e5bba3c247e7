// The CPU backend: the rings and images of any backend, run by worker threads instead of blocks.
// Host only. Created and owned by a Session. Spec: docs/internals/backends.md.
#pragma once

#include <memory>

#include "backend/backend.hpp"

namespace vyre::cpu {

/// options.workers is at least 1 and at most kMaxCpuWorkers. Threads start in start().
[[nodiscard]] Result<std::unique_ptr<backend::Backend>> make_backend(
    const backend::Options& options);

}  // namespace vyre::cpu

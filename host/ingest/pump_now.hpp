// Bytes of a file for a caller that waits: pieces through buffers of the pump, several under way.
// The caller's memory is never given to the system, so it may go whatever becomes of the read.
// Any thread but the pump's. Spec: docs/internals/ingest.md.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "ingest/file.hpp"
#include "pump_thread.hpp"

namespace vyre::ingest {

[[nodiscard]] Status read_and_wait(const std::shared_ptr<PumpThread>& pump,
                                   const std::shared_ptr<const File>& file, std::uint64_t offset,
                                   MutableByteSpan out);

}  // namespace vyre::ingest

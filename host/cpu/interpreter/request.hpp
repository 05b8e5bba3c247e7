// What the interpreter's instruction-set variants are handed: plain pointers into memory that
// Interpreter owns. Private to the cpu room. No inline functions: this header is compiled under
// several instruction sets.
#pragma once

#include <cstdint>

#include "core/machine.hpp"

namespace vyre::cpu {

/// Asynchronous copies of the lanes of one workgroup, behind plain functions so that no variant
/// compiles library code. `self` is an AsyncCopies.
struct AsyncDoor {
  void* self;
  void (*begin)(void* self);  // before the lanes of one statement start their copies
  FaultCode (*start)(void* self, std::uint32_t lane, std::uint32_t tag, std::uint32_t statement,
                     const core::BoundBuffer& source, std::uint64_t read_at,
                     std::uint32_t destination, std::uint64_t write_at, std::uint64_t count);
  FaultCode (*wait)(void* self, std::uint32_t lane, std::uint32_t tag,
                    const core::BoundBuffer* buffers);
  bool (*pending)(void* self);
  bool (*pending_lane)(void* self, std::uint32_t lane);
  std::uint32_t (*pending_statement)(void* self, std::uint32_t lane);  // of the oldest copy
  void (*clear)(void* self);
};

struct RunRequest {
  core::ImageView image;
  const core::BoundBuffer* buffers;
  std::uint32_t* vectors;
  std::uint32_t* scalars;
  std::uint32_t* masks;
  std::uint32_t* live;
  std::uint32_t* iterations;
  std::uint64_t* iterations_before;
  core::Active* mask_active;
  std::uint32_t width;  // lanes of a frame, a multiple of 16
  core::Grid grid;
  core::WorkgroupSpan span;
  std::uint64_t fuel;
  const bool* stop;       // nullptr: never; read atomically
  std::uint64_t* passed;  // by rejoin: instructions executed before it; nullptr: not asked for
  std::uint8_t* workgroup_memory;
  std::uint64_t workgroup_bytes;
  AsyncDoor async;
};

using RunFunction = core::RunResult (*)(const RunRequest& request);

core::RunResult run_baseline(const RunRequest& request);
core::RunResult run_avx2(const RunRequest& request);
core::RunResult run_avx512(const RunRequest& request);

}  // namespace vyre::cpu

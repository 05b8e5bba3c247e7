// What the interpreter's instruction-set variants are handed: plain pointers into memory that
// Interpreter owns. Private to the cpu room. No inline functions: this header is compiled under
// several instruction sets.
#pragma once

#include <cstdint>

#include "core/machine.hpp"

// Before a loop over lanes whose iterations do not depend on each other.
#if defined(__clang__)
#define VYRE_LANE_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define VYRE_LANE_LOOP _Pragma("GCC ivdep")
#else
#define VYRE_LANE_LOOP
#endif

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

/// Where a run keeps what its atomics do to a buffer that nothing else reads or writes meanwhile
/// (Image::tallies). `slots` 0: the whole buffer, in kTallyRows rows of one element more than it
/// has; else a place for every `slots`-th element, a power of two.
struct Tally {
  std::uint32_t buffer;  // declaration index
  core::AtomicCode code;
  std::uint32_t* words;
  std::uint32_t words_count;
  std::uint32_t* places;  // by slot: the element that is there, or kNoPlace
  std::uint32_t slots;
};
inline constexpr std::uint32_t kTallyRows{4};
/// No element: a buffer of 2^32 words has no tally.
inline constexpr std::uint32_t kNoPlace{~std::uint32_t{0}};

/// What lanes have read of a buffer around the bytes that a load asked for: kWindowWords words from
/// `first` on, by lane. It is of use where lanes walk over bytes that lie far apart.
struct Windows {
  static constexpr std::uint32_t kNone{~std::uint32_t{0}};
  std::uint32_t site{kNone};  // the load's place in the code
  std::uint32_t asked{0};     // groups of lanes that were looked at
  std::uint32_t filled{0};    // of these, those that had to be read
  std::uint32_t* first{nullptr};
  std::uint32_t* words{nullptr};  // [kWindowWords][width]
};
inline constexpr std::uint32_t kWindowWords{4};
inline constexpr std::uint32_t kWindowSites{2};

struct RunRequest {
  core::ImageView image;
  const core::BoundBuffer* buffers;
  const core::Instruction* plain_code;  // `image.code` may have byte runs
  const core::ByteRun* byte_runs;
  const core::ByteStep* byte_steps;
  std::uint8_t* byte_rows;  // kByteSlots of `width`
  std::uint32_t ids_on_demand;
  Windows* windows;  // of kWindowSites loads; nullptr: nothing is kept
  /// By buffer, where there are windows: not 0 where nothing writes to it in this run.
  const std::uint8_t* steady;
  std::uint32_t idle_instructions;  // Image::idle_instructions
  const Tally* tallies;
  std::uint32_t tally_count;
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
  bool uses_async;
  AsyncDoor async;
};

using RunFunction = core::RunResult (*)(const RunRequest& request);

core::RunResult run_baseline(const RunRequest& request);
core::RunResult run_avx2(const RunRequest& request);
core::RunResult run_avx512(const RunRequest& request);

}  // namespace vyre::cpu

// The pump's door to the system: operations in, completions out, in whatever order they end. Three
// implementations: io_uring (uring.hpp), a pool of threads that call pread (thread_pool.hpp), and
// the seeded simulator of the tests. Host only; every call but wake() comes from the pump's thread,
// and so does the construction. Spec: docs/internals/ingest.md, "Ring".
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace vyre::ingest {

enum class IoCode : std::uint8_t {
  nop,
  read,
  read_fixed,  // `to` lies inside one registered region
  cancel,      // the operation whose user_data is `target`; both complete
};

struct IoOperation {
  IoCode code{IoCode::nop};
  bool in_worker{false};  // IOSQE_ASYNC: do not try inline
  int descriptor{-1};
  std::uint8_t* to{nullptr};
  std::uint32_t bytes{0};
  std::uint64_t offset{0};
  std::uint64_t user_data{0};  // all ones is the door's own
  std::uint64_t target{0};
};

/// `result`: bytes, or a negative errno.
struct IoCompletion {
  std::uint64_t user_data{0};
  std::int32_t result{0};
};

struct IoCounters {
  std::uint64_t enters{0};        // system calls that submitted or waited
  std::uint64_t cq_overflows{0};  // completions that the kernel had to keep aside
};

/// What came of registering memory with the ring.
struct Registration {
  std::uint32_t regions{0};  // registered
  std::uint64_t bytes{0};    // in them
  std::string reason;        // why not all; empty: all of it, or nothing was asked
};

class Io {
 public:
  virtual ~Io() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Registers `memory` for read_fixed, in regions of at most 1 GiB; keeps what it could. Later
  /// calls add. False of fixed(): use read.
  virtual void register_memory(MutableByteSpan memory) = 0;
  [[nodiscard]] virtual bool fixed(const std::uint8_t* begin, std::uint64_t bytes) const = 0;
  [[nodiscard]] virtual const Registration& registration() const noexcept = 0;

  /// Queues one operation. False: no room before the next enter().
  [[nodiscard]] virtual bool push(const IoOperation& operation) = 0;
  /// Hands over what was pushed and waits until `least` completions are there, a thread calls
  /// wake(), or `patience` is over; 0 never waits. An error ends the ring: nothing of it answers.
  [[nodiscard]] virtual Status enter(std::uint32_t least, std::chrono::nanoseconds patience) = 0;
  /// Takes completions that are there; how many.
  [[nodiscard]] virtual std::uint32_t reap(std::span<IoCompletion> out) = 0;
  [[nodiscard]] virtual IoCounters counters() const noexcept = 0;
  /// Ends a wait of enter(), now or the next. Any thread.
  virtual void wake() noexcept = 0;
  /// Time as this door sees it (the simulator has its own).
  [[nodiscard]] virtual std::chrono::steady_clock::time_point now() const noexcept = 0;
};

}  // namespace vyre::ingest

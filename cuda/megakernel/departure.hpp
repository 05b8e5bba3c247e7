// When the resident kernel leaves, and when it stays after all: the decisions of the leading
// keeper, of the keeper of each ingress block, and of the pollers, apart from how a warp carries
// them out. One source for the kernel and the model (test/model); no CUDA. Spec:
// docs/internals/megakernel.md, "Life".
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "cuda/megakernel/layout.hpp"
#include "queue/atomics.hpp"

namespace vyre::cuda::megakernel {

/// How long a try to park may keep rings closed while something runs.
inline constexpr std::uint64_t kParkTryNs{50'000};

/// The word by which the leader asks: a Leave and the number of the try. With the number, an
/// answer to an earlier try is not taken for one to this try.
[[nodiscard]] VYRE_HD constexpr std::uint32_t leave_word(Leave how, std::uint32_t attempt) {
  return static_cast<std::uint32_t>(how) | attempt << 8;
}
[[nodiscard]] VYRE_HD constexpr Leave leave_of(std::uint32_t word) {
  return static_cast<Leave>(word & 0xFFu);
}
[[nodiscard]] VYRE_HD constexpr std::uint32_t attempt_of(std::uint32_t word) {
  return word >> 8;
}

// ---- a ring: `closed` is 0 while its pollers take, else the try for which they stopped ----

inline constexpr std::uint32_t kClosedForGood{~0u};

/// What the pollers of a ring are told.
[[nodiscard]] VYRE_HD constexpr std::uint32_t ring_word(std::uint32_t word, bool given_up) {
  return given_up && leave_of(word) != Leave::go ? leave_word(Leave::give_up, 0) : word;
}
/// Does a ring take nothing from now on, whatever is in it?
[[nodiscard]] VYRE_HD constexpr bool closes_at_once(std::uint32_t ring_word) {
  return leave_of(ring_word) == Leave::halt || leave_of(ring_word) == Leave::give_up;
}
/// What the poller with the turn writes into `closed` when it takes nothing more; not for `stay`.
[[nodiscard]] VYRE_HD constexpr std::uint32_t closed_by(std::uint32_t ring_word) {
  return leave_of(ring_word) == Leave::give_up ? kClosedForGood : attempt_of(ring_word);
}
/// Does the ring take nothing more in the try that `word` asks for?
[[nodiscard]] VYRE_HD constexpr bool is_closed(std::uint32_t closed, std::uint32_t word) {
  return leave_of(word) != Leave::stay &&
         (closed == kClosedForGood || (closed != 0 && closed == attempt_of(word)));
}
/// By the block's keeper: was the try given up that the ring was closed for?
[[nodiscard]] VYRE_HD constexpr bool must_open(std::uint32_t closed, std::uint32_t word) {
  return closed != 0 && closed != kClosedForGood &&
         (leave_of(word) == Leave::stay || closed != attempt_of(word));
}

// ---- the leader ----

/// A kernel that leaves first closes its rings, and only then sees for certain whether everything
/// that was taken has ended. Where something has not, a kernel that only wanted to park stays: what
/// is published while its rings are closed would wait for an item that may run for hours.
class Departure {
 public:
  struct Look {
    std::uint64_t now{0};
    bool stop{false};     // the host said so
    bool drained{false};  // as many items as were asked for have ended
    bool idle{false};    // nothing seemed to happen for as long as the kernel waits before it parks
    bool closed{false};  // every ring is closed for this try
    /// Everything taken has ended: for certain if `closed`, which is looked at first, else as far
    /// as the rings' positions are known.
    bool quiet{false};
  };
  enum class Act : std::uint8_t {
    none,
    ask,       // tell the host, then the rings, by word()
    withdraw,  // tell the host and the rings that the kernel stays
    go,        // the workers may go
  };

  [[nodiscard]] VYRE_HD bool under_way() const { return how_ != Leave::stay; }
  [[nodiscard]] VYRE_HD std::uint32_t word() const { return leave_word(how_, attempt_); }

  [[nodiscard]] VYRE_HD Act decide(const Look& look) {
    switch (how_) {
      case Leave::stay:
        if (look.stop) return begin(Leave::finish, look.now);
        if (look.drained) return begin(Leave::halt, look.now);
        return look.idle ? begin(Leave::park, look.now) : Act::none;
      case Leave::park:
        if (look.stop) {  // the try goes on, and the kernel leaves for good
          how_ = Leave::finish;
          return Act::ask;
        }
        if (look.closed && look.quiet) break;
        // Rings that are only slow to close keep nothing from running.
        if (!look.closed && (look.quiet || look.now - begun_ < kParkTryNs)) return Act::none;
        how_ = Leave::stay;
        return Act::withdraw;
      case Leave::finish:
      case Leave::halt:
        if (look.closed && look.quiet) break;
        return Act::none;
      case Leave::go:
      case Leave::give_up:
        return Act::none;
    }
    how_ = Leave::go;
    return Act::go;
  }

 private:
  [[nodiscard]] VYRE_HD Act begin(Leave how, std::uint64_t now) {
    how_ = how;
    attempt_ = attempt_ % kMaxAttempt + 1;
    begun_ = now;
    return Act::ask;
  }

  static constexpr std::uint32_t kMaxAttempt{(1u << 24) - 2};
  Leave how_{Leave::stay};
  std::uint32_t attempt_{0};
  std::uint64_t begun_{0};
};

// ---- a poller ----

[[nodiscard]] VYRE_HD inline std::uint32_t lowest_of(std::uint32_t bits) {
#if VYRE_ON_DEVICE
  return static_cast<std::uint32_t>(__ffs(static_cast<int>(bits))) - 1u;
#else
  return static_cast<std::uint32_t>(__builtin_ctz(bits));
#endif
}

/// Starts the slots [from, upto) of a group in order; `waiting`: those that wait for others.
/// Nothing starts that is not below the ring's position: an item that ends would else stand for one
/// that runs when the leader compares the two. `Ring` has advance(slot), pass(slot), start(from,
/// to) and await(slot); the last advance is pass(), which hands the turn on.
VYRE_SIDE_OF_POLICY
template <class Ring>
VYRE_HD void start_in_order(Ring& ring, std::uint32_t from, std::uint32_t upto,
                            std::uint32_t waiting) {
  while (waiting != 0) {
    const std::uint32_t next = lowest_of(waiting);
    ring.advance(next);
    ring.start(from, next);
    ring.await(next);
    from = next;
    waiting &= waiting - 1;
  }
  ring.pass(upto);
  ring.start(from, upto);
}

}  // namespace vyre::cuda::megakernel

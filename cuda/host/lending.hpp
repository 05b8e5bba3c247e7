// Memory of callers that the device may use: locked by the door while it is lent. It is unlocked
// only between two launches, because the driver may wait for every kernel of the device meanwhile.
// Host only, no CUDA; any thread. Spec: docs/internals/resident-host.md, "Memory".
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "cuda/host/door.hpp"

namespace vyre::cuda {

class Lending {
 public:
  explicit Lending(Door& door) : door_(door) {}
  Lending(const Lending&) = delete;
  Lending& operator=(const Lending&) = delete;
  /// No kernel of the door is resident, and no copy is under way.
  ~Lending();

  /// The address by which the device knows the memory. `host` has at least one byte.
  [[nodiscard]] Result<std::uint64_t> lend(std::uint32_t handle, MutableByteSpan host,
                                           bool writable);
  [[nodiscard]] std::optional<MutableByteSpan> find(std::uint32_t handle) const noexcept;

  /// Memory that a copy engine uses: it stays locked until this goes. False: nothing is held.
  class Hold {
   public:
    Hold(Hold&& other) noexcept
        : lending_(std::exchange(other.lending_, nullptr)), at_(other.at_) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (lending_ != nullptr) lending_->let_go(at_);
    }
    /// As long as there is a Lending.
    void keep() noexcept { lending_ = nullptr; }
    explicit operator bool() const noexcept { return lending_ != nullptr; }

   private:
    friend class Lending;
    Hold(Lending* lending, const std::uint8_t* at) : lending_(lending), at_(at) {}
    Lending* lending_;
    const std::uint8_t* at_;  // where the memory begins, which is locked once only
  };
  /// Of the lent memory, lent for writing if `writable`, that has all these bytes.
  [[nodiscard]] Hold hold(const std::uint8_t* host, std::uint64_t bytes, bool writable) noexcept;
  /// Nothing names the handle any more, so its memory may be unlocked. Of a handle that is not lent
  /// or has ended: no effect.
  void end(std::uint32_t handle) noexcept;
  /// It has ended, and its memory is still locked.
  [[nodiscard]] bool is_ending(std::uint32_t handle) const noexcept;

  // For the thread that keeps the kernel resident.
  /// Memory waits to be unlocked that nothing holds.
  [[nodiscard]] bool wants_gap() const noexcept;
  /// No kernel of the door is resident until the return.
  void unlock_ended() noexcept;

 private:
  struct Lent {
    MutableByteSpan host;
    bool writable;
    std::uint32_t holds;
  };
  struct Ended {
    std::uint32_t handle;
    Lent lent;
  };
  void let_go(const std::uint8_t* at) noexcept;

  Door& door_;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, Lent> lent_;  // by handle
  std::vector<Ended> ended_;            // has room for all that is lent
};

}  // namespace vyre::cuda

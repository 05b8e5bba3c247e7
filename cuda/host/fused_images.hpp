// Images of several members on the device: blocks as programs have them, in a pool of the arena
// that no program and no buffer uses, so that a warp tells by a serial number whether it still has
// the instructions of the image that lies at an address. An image stays as long as a plan, a region
// or the session's FusedPrograms holds on to it. Host only, no CUDA; any thread. Spec:
// docs/internals/resident-host.md, "Programs".
//
// Lock: `loading_` before `mutex_`; the pool's own is inside both, and inside the ControlQueue's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "backend/backend.hpp"
#include "control_queue.hpp"
#include "cuda/host/door.hpp"
#include "device_buffers.hpp"
#include "reservation.hpp"
#include "transfers.hpp"

namespace vyre::cuda {

class FusedImages {
 public:
  /// Of the arena, at most; an eighth of a smaller one.
  static constexpr std::uint64_t kPoolBytes{std::uint64_t{8} << 20};

  FusedImages(Door& door, const Reservation& reserved, DeviceArena& arena, ControlQueue& control,
              Transfers& transfers)
      : door_(door), reserved_(reserved), arena_(arena), control_(control), transfers_(transfers) {}

  /// backend::Backend::load_fused().
  [[nodiscard]] Status load(const std::shared_ptr<const backend::FusedProgram>& fused,
                            Deadline deadline);
  struct Place {
    std::uint64_t address{0};
    std::uint32_t serial{0};  // never 0
  };
  /// nullopt: the image was not loaded.
  [[nodiscard]] std::optional<Place> find(
      const std::shared_ptr<const backend::FusedProgram>& fused) const;

 private:
  struct Pool;
  struct Piece;
  struct Loaded {
    std::weak_ptr<const backend::FusedProgram> program;
    std::shared_ptr<Piece> piece;
    Place place;
  };
  /// A piece of the pool, once what no plan holds any more has been forgotten.
  [[nodiscard]] Result<std::shared_ptr<Piece>> piece_of(std::uint64_t bytes, Deadline deadline);

  Door& door_;
  const Reservation& reserved_;
  DeviceArena& arena_;
  ControlQueue& control_;
  Transfers& transfers_;
  std::mutex loading_;          // the pool's first claim, and one load at a time
  std::shared_ptr<Pool> pool_;  // null before the first load
  std::uint32_t next_serial_{1};
  mutable std::mutex mutex_;
  std::map<const backend::FusedProgram*, Loaded> loaded_;
};

}  // namespace vyre::cuda

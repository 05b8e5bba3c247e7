// See fused_images.hpp.
#include "fused_images.hpp"

#include <algorithm>
#include <utility>

#include "base/message.hpp"
#include "programs.hpp"

namespace vyre::cuda {

/// Outlives the FusedImages where a command that was left still writes a piece.
struct FusedImages::Pool {
  Pool(std::shared_ptr<DeviceArena::Claim> claim, std::uint64_t bytes)
      : memory(std::move(claim)),
        arena(reinterpret_cast<std::uint8_t*>(memory->address()), bytes) {}

  const std::shared_ptr<DeviceArena::Claim> memory;
  DeviceArena arena;
};

struct FusedImages::Piece {
  Piece(std::shared_ptr<Pool> of, std::uint64_t address)
      : pool(std::move(of)), claim(pool->arena, address) {}

  const std::shared_ptr<Pool> pool;  // goes after the claim
  DeviceArena::Claim claim;
};

Result<std::shared_ptr<FusedImages::Piece>> FusedImages::piece_of(std::uint64_t bytes,
                                                                  Deadline deadline) {
  if (pool_ == nullptr) {
    const std::uint64_t pool_bytes = std::min(kPoolBytes, reserved_.arena_bytes / 8);
    VYRE_ASSIGN(auto memory,
                arena_.claim(pool_bytes, "the pool of images of regions", control_, deadline));
    pool_ = std::make_shared<Pool>(std::move(memory), pool_bytes);
  }
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(loaded_, [](const auto& one) { return one.second.program.expired(); });
  }
  const auto address = pool_->arena.allocate(bytes, "an image of a region");
  if (!address) {
    return fail(Errc::out_of_memory,
                message("an image of {} bytes has no room in the pool of {} bytes for images of "
                        "regions; drop plans that are not needed any more",
                        bytes, pool_->arena.bytes()));
  }
  return std::make_shared<Piece>(pool_, *address);
}

Status FusedImages::load(const std::shared_ptr<const backend::FusedProgram>& fused,
                         Deadline deadline) {
  const std::lock_guard loading(loading_);
  if (find(fused)) return {};
  VYRE_TRY(fits_scratch(door_, reserved_, fused->program));
  VYRE_ASSIGN(const std::uint64_t bytes, program_block_bytes(fused->program, fused.get()));
  VYRE_ASSIGN(auto piece, piece_of(bytes, deadline));
  const Place place{piece->claim.address(), next_serial_++};
  const Bytes block = program_block(fused->program, place.address, fused.get());
  VYRE_TRY(transfers_.write(place.address, block));
  const std::lock_guard lock(mutex_);
  loaded_[fused.get()] = {fused, std::move(piece), place};
  return {};
}

std::optional<FusedImages::Place> FusedImages::find(
    const std::shared_ptr<const backend::FusedProgram>& fused) const {
  const std::lock_guard lock(mutex_);
  const auto found = loaded_.find(fused.get());
  // Another image may have lain at the same address of the host.
  if (found == loaded_.end() || found->second.program.lock() != fused) return std::nullopt;
  return found->second.place;
}

}  // namespace vyre::cuda

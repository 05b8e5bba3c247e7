// Lending blocks, memory and streams. See device_share.hpp.
#include "device_share.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "base/message.hpp"
#include "device_error.hpp"

namespace vyre::cuda {
namespace {

/// A waiting piece serves a request if it is not more than twice as large.
bool serves(std::uint64_t piece, std::uint64_t wanted) {
  return piece >= wanted && piece / 2 <= wanted;
}

}  // namespace

OneAtATime<DeviceShare>::Hold join_device_share() {
  // Never destroyed: a kernel that could not be stopped may use what lies there until the process
  // ends.
  static auto& current = *new OneAtATime<DeviceShare>;
  return current.join();
}

DeviceShare::~DeviceShare() {
  // The last backend is gone, so no kernel is resident and nothing below waits for one.
  for (const Piece& piece : pieces_) (void)cudaFree(piece.memory);
  for (std::uint8_t* host : locked_) (void)cudaHostUnregister(host);
  for (cudaStream_t stream : streams_) (void)cudaStreamDestroy(stream);
}

Result<std::uint32_t> DeviceShare::take_blocks(std::uint32_t wanted, std::uint32_t least,
                                               std::uint32_t fit) {
  const std::lock_guard lock(mutex_);
  const std::uint32_t left = fit - std::min(fit, blocks_);
  const std::uint32_t blocks = wanted == 0 ? left : std::min(wanted, left);
  if (blocks < least) {
    return fail(
        Errc::unsupported,
        message("a resident kernel needs at least {} blocks; of the {} that the device keeps "
                "resident {} belong to other sessions of this process{}; open each session with "
                "its share (DeviceOptions::max_blocks)",
                least, fit, blocks_,
                wanted != 0 && wanted < least ? message(" and at most {} were asked for", wanted)
                                              : ""));
  }
  blocks_ += blocks;
  return blocks;
}

void DeviceShare::give_blocks(std::uint32_t blocks) {
  const std::lock_guard lock(mutex_);
  blocks_ -= blocks;
}

Result<std::uint8_t*> DeviceShare::take_memory(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Piece* best = nullptr;
  for (Piece& piece : pieces_) {
    if (piece.taken || !serves(piece.bytes, bytes)) continue;
    if (best == nullptr || piece.bytes < best->bytes) best = &piece;
  }
  if (best != nullptr) {
    best->taken = true;
    return best->memory;
  }
  std::size_t free = 0;
  std::size_t total = 0;
  VYRE_CUDA_TRY(cudaMemGetInfo(&free, &total), "asking for free device memory");
  void* memory = nullptr;
  if (const cudaError_t error = cudaMalloc(&memory, bytes); error != cudaSuccess) {
    (void)cudaGetLastError();  // an allocation that fails is no sticky error
    Error told = device_error(
        error,
        message("reserving device memory: {} bytes were requested, {} are available; ask for less",
                bytes, free));
    return tl::unexpected<Error>(std::move(told));
  }
  pieces_.push_back({static_cast<std::uint8_t*>(memory), bytes, true});
  return static_cast<std::uint8_t*>(memory);
}

void DeviceShare::give_memory(std::uint8_t* memory) {
  const std::lock_guard lock(mutex_);
  for (Piece& piece : pieces_) {
    if (piece.memory == memory) piece.taken = false;
  }
}

std::uint64_t DeviceShare::largest_waiting() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t largest = 0;
  for (const Piece& piece : pieces_) {
    if (!piece.taken) largest = std::max(largest, piece.bytes);
  }
  return largest;
}

Result<MutableByteSpan> DeviceShare::take_pinned(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  for (PinnedPiece& piece : pinned_) {
    const MutableByteSpan region = piece.region.bytes();
    if (piece.taken || !serves(region.size(), bytes)) continue;
    piece.taken = true;
    std::memset(region.data(), 0, region.size());
    return region;
  }
  VYRE_ASSIGN(Pinned made, Pinned::create(bytes));
  pinned_.push_back({std::move(made), true});
  return pinned_.back().region.bytes();
}

void DeviceShare::give_pinned(MutableByteSpan pinned) {
  const std::lock_guard lock(mutex_);
  for (PinnedPiece& piece : pinned_) {
    if (piece.region.bytes().data() == pinned.data()) piece.taken = false;
  }
}

void DeviceShare::leak_pinned(MutableByteSpan pinned) noexcept {
  const std::lock_guard lock(mutex_);
  for (PinnedPiece& piece : pinned_) {
    if (piece.taken && piece.region.bytes().data() == pinned.data())
      (void)new (std::nothrow) Pinned(std::move(piece.region));
  }
}

Result<std::uint64_t> DeviceShare::lock_memory(MutableByteSpan host, bool writable) {
  const std::lock_guard lock(mutex_);
  locked_.reserve(locked_.size() + lent_ + 1);  // unlock_memory() needs no memory
  unsigned flags = cudaHostRegisterMapped | cudaHostRegisterPortable;
  int read_only = 0;
  int device = 0;
  if (!writable && cudaGetDevice(&device) == cudaSuccess &&
      cudaDeviceGetAttribute(&read_only, cudaDevAttrHostRegisterReadOnlySupported, device) ==
          cudaSuccess &&
      read_only != 0) {
    flags |= cudaHostRegisterReadOnly;
  }
  if (const cudaError_t error = cudaHostRegister(host.data(), host.size(), flags);
      error != cudaSuccess) {
    (void)cudaGetLastError();  // a refusal is no sticky error
    return tl::unexpected<Error>(lock_error(error, host.size()));
  }
  void* seen = nullptr;
  if (const cudaError_t error = cudaHostGetDevicePointer(&seen, host.data(), 0);
      error != cudaSuccess) {
    (void)cudaGetLastError();
    locked_.push_back(host.data());
    return tl::unexpected<Error>(lock_error(error, host.size()));
  }
  ++lent_;
  return reinterpret_cast<std::uintptr_t>(seen);
}

void DeviceShare::unlock_memory(std::uint8_t* host, std::uint32_t own) noexcept {
  const std::lock_guard lock(mutex_);
  --lent_;
  // A door takes its blocks under this lock, so none can launch meanwhile.
  if (blocks_ != own || cudaHostUnregister(host) != cudaSuccess) locked_.push_back(host);
}

Result<cudaStream_t> DeviceShare::take_stream() {
  const std::lock_guard lock(mutex_);
  if (!streams_.empty()) {
    const cudaStream_t stream = streams_.back();
    streams_.pop_back();
    return stream;
  }
  cudaStream_t stream = nullptr;
  VYRE_CUDA_TRY(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return stream;
}

void DeviceShare::give_stream(cudaStream_t stream) {
  const std::lock_guard lock(mutex_);
  streams_.push_back(stream);
}

}  // namespace vyre::cuda

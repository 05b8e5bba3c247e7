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

OneAtATime<DeviceShares>::Hold join_device_shares() {
  // Never destroyed: a kernel that could not be stopped may use what lies there until the process
  // ends.
  static auto& current = *new OneAtATime<DeviceShares>;
  return current.join();
}

DeviceShare& DeviceShares::of(DeviceContext device) {
  const std::lock_guard lock(in_use_.mutex);
  for (const auto& share : shares_) {
    if (share->ordinal() == device.ordinal()) return *share;
  }
  return *shares_.emplace_back(std::make_unique<DeviceShare>(device, in_use_));
}

DeviceShare::~DeviceShare() {
  const DeviceContext::Scope here(device_);
  // The last backend is gone, so no kernel is resident and nothing below waits for one.
  for (const Piece& piece : pieces_) (void)cudaFree(piece.memory);
  for (std::uint8_t* host : locked_) (void)cudaHostUnregister(host);
  for (cudaStream_t stream : streams_) (void)cudaStreamDestroy(stream);
  for (cudaEvent_t mark : marks_) (void)cudaEventDestroy(mark);
  pinned_.clear();  // here, too
}

Result<std::uint32_t> DeviceShare::take_blocks(std::uint32_t wanted, std::uint32_t least,
                                               std::uint32_t fit) {
  const std::lock_guard lock(in_use_.mutex);
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
  in_use_.blocks += blocks;
  return blocks;
}

void DeviceShare::give_blocks(std::uint32_t blocks) {
  const std::lock_guard lock(in_use_.mutex);
  blocks_ -= blocks;
  in_use_.blocks -= blocks;
}

Result<std::uint8_t*> DeviceShare::take_memory(std::uint64_t bytes) {
  const DeviceContext::Scope here(device_);
  const std::lock_guard lock(in_use_.mutex);
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
  const std::lock_guard lock(in_use_.mutex);
  for (Piece& piece : pieces_) {
    if (piece.memory == memory) piece.taken = false;
  }
}

std::uint64_t DeviceShare::largest_waiting() const {
  const std::lock_guard lock(in_use_.mutex);
  std::uint64_t largest = 0;
  for (const Piece& piece : pieces_) {
    if (!piece.taken) largest = std::max(largest, piece.bytes);
  }
  return largest;
}

Result<MutableByteSpan> DeviceShare::take_pinned(std::uint64_t bytes) {
  const DeviceContext::Scope here(device_);
  const std::lock_guard lock(in_use_.mutex);
  for (PinnedPiece& piece : pinned_) {
    const MutableByteSpan region = piece.region.bytes();
    if (piece.taken || !serves(region.size(), bytes)) continue;
    piece.taken = true;
    std::memset(region.data(), 0, region.size());
    return region;
  }
  VYRE_ASSIGN(Pinned made, Pinned::create(bytes, device_.ordinal()));
  pinned_.push_back({std::move(made), true});
  return pinned_.back().region.bytes();
}

void DeviceShare::give_pinned(MutableByteSpan pinned) {
  const std::lock_guard lock(in_use_.mutex);
  for (PinnedPiece& piece : pinned_) {
    if (piece.region.bytes().data() == pinned.data()) piece.taken = false;
  }
}

void DeviceShare::leak_pinned(MutableByteSpan pinned) noexcept {
  const std::lock_guard lock(in_use_.mutex);
  for (PinnedPiece& piece : pinned_) {
    if (piece.taken && piece.region.bytes().data() == pinned.data())
      (void)new (std::nothrow) Pinned(std::move(piece.region));
  }
}

Result<std::uint64_t> DeviceShare::lock_memory(MutableByteSpan host, bool writable) {
  const DeviceContext::Scope here(device_);
  const std::lock_guard lock(in_use_.mutex);
  locked_.reserve(locked_.size() + lent_ + 1);  // unlock_memory() needs no memory
  unsigned flags = cudaHostRegisterMapped | cudaHostRegisterPortable;
  int read_only = 0;
  if (!writable &&
      cudaDeviceGetAttribute(&read_only, cudaDevAttrHostRegisterReadOnlySupported,
                             device_.ordinal()) == cudaSuccess &&
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
  const DeviceContext::Scope here(device_);
  const std::lock_guard lock(in_use_.mutex);
  --lent_;
  if (in_use_.blocks != own || cudaHostUnregister(host) != cudaSuccess) locked_.push_back(host);
}

Result<cudaStream_t> DeviceShare::take_stream() {
  const DeviceContext::Scope here(device_);
  const std::lock_guard lock(in_use_.mutex);
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
  const std::lock_guard lock(in_use_.mutex);
  streams_.push_back(stream);
}

Result<cudaEvent_t> DeviceShare::take_mark() {
  const DeviceContext::Scope here(device_);
  const std::lock_guard lock(in_use_.mutex);
  if (!marks_.empty()) {
    const cudaEvent_t mark = marks_.back();
    marks_.pop_back();
    return mark;
  }
  cudaEvent_t mark = nullptr;
  VYRE_CUDA_TRY(cudaEventCreateWithFlags(&mark, cudaEventDisableTiming), "making an event");
  return mark;
}

void DeviceShare::give_mark(cudaEvent_t mark) {
  const std::lock_guard lock(in_use_.mutex);
  marks_.push_back(mark);
}

}  // namespace vyre::cuda

// The resident kernel: one cooperative grid whose first blocks take items from the rings and whose
// other blocks run them. Each role has its file; this one deals them out. Spec:
// docs/internals/megakernel.md.
#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include <algorithm>

#include "block.cuh"
#include "cuda/megakernel/launch.hpp"
#include "cuda/ptx/access.cuh"
#include "egress.cuh"
#include "ingress.cuh"
#include "keeper.cuh"
#include "worker.cuh"

namespace vyre::cuda::megakernel {
namespace {

/// The last warp of an ingress block keeps; the others poll.
constexpr std::uint32_t kPollers{kBlockWarps - 1};

/// Of the largest block a launch may have; what ingress needs is less.
static_assert(sizeof(IngressBlock) <= 48 * 1024);

/// Before any role begins: words of this launch. Numbers drawn and not used by workers of the
/// launch before are given back; every entry below the tail has been written, and counts as read.
__device__ void prepare(const KernelArguments& a) {
  if (blockIdx.x != 0) return;
  if (threadIdx.x == 0) {
    *a.run.head = *a.run.tail;
    const uint4 orders = ptx::load_relaxed_sys_v4(a.orders);
    a.relay->cancel = orders.y;
    a.relay->stop_running = orders.z;
    a.relay->leave = leave_word(Leave::stay, 0);
    a.relay->given_up = given_up_of(*a.orders);  // [GIVE-1]
    a.relay->gave_up = 0;
    for (std::uint32_t& closed : a.relay->closed) closed = 0;
  }
  if (threadIdx.x < kRunSections)
    a.run.read[threadIdx.x] = reads_below(*a.run.tail, threadIdx.x, a.run.entries_log2);
  for (std::uint32_t q = threadIdx.x; q < a.queue_count; q += blockDim.x)
    a.queues[q].spares_taken = 0;
  for (std::uint32_t i = threadIdx.x; i < kMaxSpreadItems; i += blockDim.x) a.spread[i].helpers = 0;
}

__device__ void be_ingress(const KernelArguments& a) {
  IngressBlock& block = *reinterpret_cast<IngressBlock*>(block_memory);
  // Queues blockIdx.x, blockIdx.x + ingress_blocks, ... are this block's.
  const std::uint32_t rings =
      a.queue_count <= blockIdx.x
          ? 0
          : (a.queue_count - blockIdx.x + a.ingress_blocks - 1) / a.ingress_blocks;
  load_queue_ends(a, block.ends);
  if (threadIdx.x < rings) {
    IngressRing& ring = block.rings[threadIdx.x];
    ring.queue = blockIdx.x + threadIdx.x * a.ingress_blocks;
    ring.begin = a.queues[ring.queue].position;
    ring.turn = ring.begin;
    ring.reserved = kNoNumber;
    ring.last = kNoNumber;
    ring.burst = 0;
    ring.closed = 0;
    ring.leave = ring_word(leave_word(Leave::stay, 0), (a.relay->given_up >> ring.queue & 1) != 0);
    ring.spares = 0;
  }
  if (threadIdx.x == 0) {
    block.cancel = a.relay->cancel;
    block.frozen = 0;
  }
  __syncthreads();  // publishes the block's rings and ends to its pollers and keeper
  const std::uint32_t team = rings == 0 ? 0 : kPollers / rings;
  const std::uint32_t warp = threadIdx.x / kWarp;
  if (warp == kPollers) {
    Keeper(a, block, rings).run();
  } else if (team != 0 && warp / team < rings) {
    Poller(a, block, block.rings[warp / team], warp % team, team).run();
  }
}

__global__ void __launch_bounds__(kBlockThreads, 1)
    resident_kernel(const __grid_constant__ KernelArguments a) {
  prepare(a);
  cooperative_groups::this_grid().sync();  // publishes the words of this launch to all blocks
  if (blockIdx.x < a.ingress_blocks) {
    be_ingress(a);
  } else {
    fill_block(a);
    Worker().run();
  }
}

}  // namespace

cudaError_t query_grid(std::uint32_t& blocks, std::uint32_t& shared_bytes_a_block,
                       std::uint32_t& warp_shared_bytes) {
  int device = 0;
  int multiprocessors = 0;
  int most_shared = 0;
  int resident = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess)
    error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  if (error == cudaSuccess)
    error = cudaDeviceGetAttribute(&most_shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  cudaFuncAttributes attributes{};
  if (error == cudaSuccess) error = cudaFuncGetAttributes(&attributes, resident_kernel);
  if (error != cudaSuccess) return error;
  const int dynamic = most_shared - static_cast<int>(attributes.sharedSizeBytes);
  error =
      cudaFuncSetAttribute(resident_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, dynamic);
  if (error == cudaSuccess) {
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, resident_kernel,
                                                          static_cast<int>(kBlockThreads),
                                                          static_cast<std::size_t>(dynamic));
  }
  if (error != cudaSuccess) return error;
  blocks = static_cast<std::uint32_t>(multiprocessors * resident);
  shared_bytes_a_block = static_cast<std::uint32_t>(dynamic);
  warp_shared_bytes = slice_bytes(shared_bytes_a_block) - kWarpLocalBytes;
  return cudaSuccess;
}

cudaError_t launch(const KernelArguments& arguments, std::uint32_t blocks, cudaStream_t stream) {
  KernelArguments copy = arguments;
  void* parameters[]{&copy};
  return cudaLaunchCooperativeKernel(resident_kernel, dim3(blocks), dim3(kBlockThreads), parameters,
                                     arguments.shared_bytes, stream);
}

}  // namespace vyre::cuda::megakernel

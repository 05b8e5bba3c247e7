#include <cuda_runtime.h>

#include "support/bare_kernels.hpp"
#include "support/tiny.hpp"

namespace vyre::bench {
namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u32 kEchoThreads{512};
constexpr u32 kEchoGroups{kBareWindow / kEchoThreads};
constexpr double kClockHz{1.5e9};  // nominal: the limit is a guard, no measure

long long limit_cycles() {
  return static_cast<long long>(kBareLimitSeconds * kClockHz);
}

__device__ u32 load_word(const u32* word) {
  return *static_cast<const volatile u32*>(word);
}
__device__ void store_word(u32* word, u32 value) {
  *static_cast<volatile u32*>(word) = value;
}
__device__ uint4 load_slot(const RingSlot* slot) {
  uint4 v;
  asm volatile("ld.volatile.global.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(slot));
  return v;
}
__device__ void store_slot(RingSlot* slot, const uint4& v) {
  asm volatile("st.volatile.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(slot), "r"(v.x), "r"(v.y),
               "r"(v.z), "r"(v.w)
               : "memory");
}

/// One thread. in: written by the host; out: by us; both pinned, on lines of their own.
__global__ void ping_pong_kernel(const u32* in, u32* out, u32 rounds, long long limit) {
  const long long start = clock64();
  for (u32 round = 1; round <= rounds; ++round) {
    while (load_word(in) != round) {
      if (clock64() - start > limit) return;
    }
    store_word(out, round);
  }
}

/// Two blocks of one thread: 0 polls the host and writes the mailbox in device memory, 1 polls that
/// and answers the host.
__global__ void two_hop_kernel(const u32* in, u32* out, u32* mailbox, u32 rounds, long long limit) {
  const long long start = clock64();
  for (u32 round = 1; round <= rounds; ++round) {
    if (blockIdx.x == 0) {
      while (load_word(in) != round) {
        if (clock64() - start > limit) return;
      }
      asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(mailbox), "r"(round) : "memory");
    } else {
      u32 seen = 0;
      for (;;) {
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(mailbox) : "memory");
        if (seen == round) break;
        if (clock64() - start > limit) return;
      }
      store_word(out, round);
    }
  }
}

__global__ void empty_kernel() {}

__global__ void tiny_kernel(const u32* x, u32* y) {
  y[threadIdx.x] = tiny_value(x[threadIdx.x]);
}

/// One block a ring. As many threads as the traffic asks for look at a window of slots; the slots
/// before the first that is not new are answered, each by the thread that read it. A quiet ring is
/// looked at by one warp: more would only take lines from the producer that is writing them.
__global__ void __launch_bounds__(kEchoThreads)
    echo_kernel(const BareRing* rings, u64 count, long long limit, u32* expired) {
  constexpr u32 kWarp{32};
  __shared__ u32 ready;
  __shared__ u32 late;
  const BareRing ring = rings[blockIdx.x];
  const u32 self = threadIdx.x;
  const long long start = clock64();
  u64 position = 0;
  u32 window = kWarp;  // a multiple of a warp: the conditions below are the same for all its lanes
  while (position < count) {
    if (self == 0) {
      ready = window;
      late = clock64() - start > limit ? 1u : 0u;
    }
    __syncthreads();  // publishes ready's start and late
    uint4 slot[kEchoGroups];
#pragma unroll
    for (u32 g = 0; g < kEchoGroups; ++g) {
      const u32 i = g * kEchoThreads + self;
      if (i < window) slot[g] = load_slot(&ring.submissions[ring.geometry.index(position + i)]);
    }
#pragma unroll
    for (u32 g = 0; g < kEchoGroups; ++g) {
      const u32 i = g * kEchoThreads + self;
      if (i < window) {
        const bool fresh = (slot[g].x & kSlotPhaseBit) == ring.geometry.phase_bit(position + i);
        const u32 stale = __ballot_sync(0xFFFFFFFFu, !fresh);
        if (stale != 0 && self % kWarp == 0)
          atomicMin(&ready, i + static_cast<u32>(__ffs(static_cast<int>(stale))) - 1);
      }
    }
    __syncthreads();  // publishes ready
    const u32 n = ready;
    const bool over = late != 0;
#pragma unroll
    for (u32 g = 0; g < kEchoGroups; ++g) {
      const u32 i = g * kEchoThreads + self;
      if (i < n) {
        const u64 at = position + i;
        store_slot(&ring.completions[ring.completion_geometry.index(at)],
                   make_uint4(ring.completion_geometry.phase_bit(at), static_cast<u32>(at), 0, 0));
      }
    }
    position += n;
    if (self == 0 && n != 0) *static_cast<volatile u64*>(&ring.taken->position) = position;
    if (n == window && window < kBareWindow) {
      window *= 2;
    } else if (n < window / 4 && window > kWarp) {
      window /= 2;
    }
    if (over) {
      if (self == 0) *expired = 1;
      return;
    }
    __syncthreads();  // all lanes have read ready and late before they are set again
  }
}

/// Round trips of a kernel that answers word `round` at `in` with the same word at `out`.
template <class Launch>
Result<std::vector<double>> word_round_trips(u32 rounds, const Launch& launch) {
  constexpr std::size_t kLine{32};  // words between the two: 128 bytes
  VYRE_ASSIGN(const PinnedMemory<u32> words, pinned_memory<u32>(2 * kLine));
  VYRE_ASSIGN(const DeviceMemory<u32> mailbox, device_memory<u32>(kLine));
  VYRE_TRY(check(cudaDeviceSynchronize(), "clearing the mailbox"));
  VYRE_ASSIGN(const Stream stream, Stream::make());
  u32* in = words.get();
  const u32* out = words.get() + kLine;
  std::vector<double> ns;
  ns.reserve(rounds);
  launch(stream.get(), in, words.get() + kLine, mailbox.get());
  VYRE_TRY(check(cudaGetLastError(), "launching a round-trip kernel"));
  const auto begin = Clock::now();
  for (u32 round = 1; round <= rounds; ++round) {
    const auto start = Clock::now();
    __atomic_store_n(in, round, __ATOMIC_RELEASE);
    for (u32 looks = 0; __atomic_load_n(out, __ATOMIC_ACQUIRE) != round; ++looks) {
      if (looks % 65'536 == 65'535 && seconds_since(begin) > kBareLimitSeconds) {
        return fail(Errc::deadline_exceeded, "a round-trip kernel did not answer");
      }
    }
    ns.push_back(seconds_since(start) * 1e9);
  }
  VYRE_TRY(stream.wait());
  return ns;
}

template <class Launch>
Result<std::vector<double>> sync_round_trips(u32 rounds, const Launch& launch) {
  VYRE_ASSIGN(const Stream stream, Stream::make());
  std::vector<double> ns;
  ns.reserve(rounds);
  for (u32 round = 0; round < rounds + 100; ++round) {
    const auto start = Clock::now();
    launch(stream.get());
    VYRE_TRY(stream.wait());
    if (round >= 100) ns.push_back(seconds_since(start) * 1e9);  // the first ones warm up
  }
  VYRE_TRY(check(cudaGetLastError(), "launching a kernel"));
  return ns;
}

template <class Launch>
Result<double> launches_per_s(u32 launches, const Launch& launch) {
  VYRE_ASSIGN(const Stream stream, Stream::make());
  launch(stream.get(), 0);
  VYRE_TRY(stream.wait());
  const auto start = Clock::now();
  for (u32 i = 0; i < launches; ++i) launch(stream.get(), i);
  VYRE_TRY(stream.wait());
  VYRE_TRY(check(cudaGetLastError(), "launching kernels"));
  return launches / seconds_since(start);
}

struct GraphDestroy {
  void operator()(cudaGraph_t graph) const noexcept { (void)cudaGraphDestroy(graph); }
};
struct ExecDestroy {
  void operator()(cudaGraphExec_t graph) const noexcept { (void)cudaGraphExecDestroy(graph); }
};

template <class Launch>
Result<double> graph_nodes_per_s(u32 nodes, u32 launches, const Launch& launch) {
  VYRE_ASSIGN(const Stream stream, Stream::make());
  VYRE_TRY(check(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal),
                 "beginning a graph"));
  for (u32 i = 0; i < nodes; ++i) launch(stream.get(), i);
  cudaGraph_t captured = nullptr;
  VYRE_TRY(check(cudaStreamEndCapture(stream.get(), &captured), "ending a graph"));
  const std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, GraphDestroy> graph(captured);
  cudaGraphExec_t made = nullptr;
  VYRE_TRY(check(cudaGraphInstantiate(&made, captured, 0), "instantiating a graph"));
  const std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, ExecDestroy> exec(made);
  VYRE_TRY(check(cudaGraphLaunch(made, stream.get()), "launching a graph"));
  VYRE_TRY(stream.wait());
  const auto start = Clock::now();
  for (u32 i = 0; i < launches; ++i)
    VYRE_TRY(check(cudaGraphLaunch(made, stream.get()), "launching a graph"));
  VYRE_TRY(stream.wait());
  return static_cast<double>(nodes) * launches / seconds_since(start);
}

/// x and y of `buffers` tiny items, one after the other.
Result<DeviceMemory<u32>> tiny_buffers(u32 buffers) {
  return device_memory<u32>(std::size_t{2} * buffers * kTinyLanes);
}
void launch_tiny(cudaStream_t stream, u32* memory, u32 item) {
  u32* x = memory + std::size_t{2} * item * kTinyLanes;
  tiny_kernel<<<1, kTinyLanes, 0, stream>>>(x, x + kTinyLanes);
}

}  // namespace

Result<std::vector<double>> ping_pong_ns(u32 rounds) {
  return word_round_trips(rounds, [&](cudaStream_t stream, const u32* in, u32* out, u32*) {
    ping_pong_kernel<<<1, 1, 0, stream>>>(in, out, rounds, limit_cycles());
  });
}

Result<std::vector<double>> two_hop_ns(u32 rounds) {
  return word_round_trips(rounds, [&](cudaStream_t stream, const u32* in, u32* out, u32* mailbox) {
    two_hop_kernel<<<2, 1, 0, stream>>>(in, out, mailbox, rounds, limit_cycles());
  });
}

Result<std::vector<double>> launch_sync_ns(u32 rounds) {
  return sync_round_trips(rounds,
                          [](cudaStream_t stream) { empty_kernel<<<1, 32, 0, stream>>>(); });
}

Result<double> empty_launches_per_s(u32 launches) {
  return launches_per_s(launches,
                        [](cudaStream_t stream, u32) { empty_kernel<<<1, 32, 0, stream>>>(); });
}

Result<double> empty_graph_nodes_per_s(u32 nodes, u32 launches) {
  return graph_nodes_per_s(nodes, launches,
                           [](cudaStream_t stream, u32) { empty_kernel<<<1, 32, 0, stream>>>(); });
}

Result<double> tiny_launches_per_s(u32 launches, u32 buffers) {
  VYRE_ASSIGN(const DeviceMemory<u32> memory, tiny_buffers(buffers));
  return launches_per_s(launches, [&](cudaStream_t stream, u32 i) {
    launch_tiny(stream, memory.get(), i % buffers);
  });
}

Result<double> tiny_graph_nodes_per_s(u32 nodes, u32 launches) {
  VYRE_ASSIGN(const DeviceMemory<u32> memory, tiny_buffers(nodes));
  return graph_nodes_per_s(
      nodes, launches, [&](cudaStream_t stream, u32 i) { launch_tiny(stream, memory.get(), i); });
}

Result<std::vector<double>> tiny_launch_sync_ns(u32 rounds) {
  VYRE_ASSIGN(const DeviceMemory<u32> memory, tiny_buffers(1));
  return sync_round_trips(rounds,
                          [&](cudaStream_t stream) { launch_tiny(stream, memory.get(), 0); });
}

Result<EchoKernel> EchoKernel::start(std::span<const BareRing> rings, u64 count) {
  EchoKernel kernel;
  VYRE_ASSIGN(kernel.stream_, Stream::make());
  VYRE_ASSIGN(kernel.rings_, device_memory<BareRing>(rings.size()));
  VYRE_ASSIGN(kernel.expired_, device_memory<u32>(1));
  VYRE_TRY(check(
      cudaMemcpy(kernel.rings_.get(), rings.data(), rings.size_bytes(), cudaMemcpyHostToDevice),
      "handing over rings"));
  VYRE_TRY(check(cudaDeviceSynchronize(), "handing over rings"));
  echo_kernel<<<static_cast<u32>(rings.size()), kEchoThreads, 0, kernel.stream_.get()>>>(
      kernel.rings_.get(), count, limit_cycles(), kernel.expired_.get());
  VYRE_TRY(check(cudaGetLastError(), "launching the echo kernel"));
  return kernel;
}

Status EchoKernel::finish() {
  VYRE_TRY(stream_.wait());
  u32 expired = 0;
  VYRE_TRY(check(cudaMemcpy(&expired, expired_.get(), sizeof expired, cudaMemcpyDeviceToHost),
                 "asking the echo kernel for its end"));
  if (expired != 0) return fail(Errc::deadline_exceeded, "the echo kernel ran into its time limit");
  return {};
}

}  // namespace vyre::bench

#include <cuda_runtime.h>

#include "support/zero_copy.hpp"

namespace vyre::bench {
namespace {

constexpr unsigned kThreads{512};
constexpr unsigned kUnder{8};  // loads under way of a thread

/// Adds all words of `from` to *sum.
__global__ void __launch_bounds__(kThreads)
    add_words(const uint4* from, std::uint64_t count, unsigned* sum) {
  const std::uint64_t stride = std::uint64_t{gridDim.x} * kThreads;
  unsigned mine = 0;
  std::uint64_t i = std::uint64_t{blockIdx.x} * kThreads + threadIdx.x;
  for (; i + (kUnder - 1) * stride < count; i += kUnder * stride) {
    uint4 v[kUnder];
#pragma unroll
    for (unsigned k = 0; k < kUnder; ++k) v[k] = __ldcs(from + i + k * stride);
#pragma unroll
    for (unsigned k = 0; k < kUnder; ++k) mine += v[k].x + v[k].y + v[k].z + v[k].w;
  }
  for (; i < count; i += stride) {
    const uint4 v = __ldcs(from + i);
    mine += v.x + v.y + v.z + v.w;
  }
  atomicAdd(sum, mine);
}

unsigned sum_of(ByteSpan memory) {
  unsigned sum = 0;
  for (std::size_t at = 0; at < memory.size(); at += 4) sum += load_le<std::uint32_t>(memory, at);
  return sum;
}

Result<double> zero_copy_rate(ByteSpan memory, int runs) {
  int device = 0;
  int processors = 0;
  VYRE_TRY(check(cudaGetDevice(&device), "finding the device"));
  VYRE_TRY(check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device),
                 "counting multiprocessors"));
  VYRE_ASSIGN(const auto sum, device_memory<unsigned>(1));
  const auto blocks = static_cast<unsigned>(processors) * 4;
  VYRE_ASSIGN(const double seconds, device_seconds(runs, [&](cudaStream_t stream) -> Status {
                add_words<<<blocks, kThreads, 0, stream>>>(
                    reinterpret_cast<const uint4*>(memory.data()), memory.size() / 16, sum.get());
                return check(cudaGetLastError(), "launching the reading kernel");
              }));
  unsigned found = 0;
  VYRE_TRY(check(cudaMemcpy(&found, sum.get(), sizeof found, cudaMemcpyDeviceToHost), "the sum"));
  if (found != sum_of(memory) * (static_cast<unsigned>(runs) + 1))
    return fail(Errc::mismatch, "the reading kernel added up other words");
  return static_cast<double>(memory.size()) / seconds;
}

Result<double> copy_engine_rate(ByteSpan memory, int runs) {
  VYRE_ASSIGN(const auto to, device_memory<std::uint8_t>(memory.size()));
  VYRE_ASSIGN(const double seconds, device_seconds(runs, [&](cudaStream_t stream) {
                return check(cudaMemcpyAsync(to.get(), memory.data(), memory.size(),
                                             cudaMemcpyHostToDevice, stream),
                             "a copy");
              }));
  return static_cast<double>(memory.size()) / seconds;
}

}  // namespace

LinkRates measure_link(ByteSpan memory, int runs) {
  return {zero_copy_rate(memory, runs), copy_engine_rate(memory, runs)};
}

}  // namespace vyre::bench

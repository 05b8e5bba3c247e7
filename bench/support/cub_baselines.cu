#include <cub/device/device_histogram.cuh>
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_scan.cuh>

#include "support/cub_baselines.hpp"

namespace vyre::bench {
namespace {

using u32 = std::uint32_t;

struct Input {
  DeviceMemory<u32> words;
  std::size_t count{0};
};

/// `call(temporary, bytes, stream)` is CUB's convention: without memory it says how much it wants.
template <class Call>
Result<CubRun> measure(int runs, const u32* output, std::size_t output_words, const Call& call) {
  std::size_t bytes = 0;
  VYRE_TRY(check(call(nullptr, bytes, nullptr), "asking CUB for its memory"));
  VYRE_ASSIGN(const DeviceMemory<std::uint8_t> temporary,
              device_memory<std::uint8_t>(std::max<std::size_t>(bytes, 1)));
  CubRun run;
  VYRE_ASSIGN(run.seconds, device_seconds(runs, [&](cudaStream_t stream) {
                return check(call(temporary.get(), bytes, stream), "a CUB primitive");
              }));
  run.output.resize(output_words);
  VYRE_TRY(check(
      cudaMemcpy(run.output.data(), output, output_words * sizeof(u32), cudaMemcpyDeviceToHost),
      "reading what CUB wrote"));
  return run;
}

CubBaselines measure_all(const Input& input, u32* output, int runs) {
  const u32* words = input.words.get();
  const auto n = static_cast<int>(input.count);
  CubBaselines found;
  found.reduce = measure(runs, output, 1, [&](void* memory, std::size_t& bytes, cudaStream_t s) {
    return cub::DeviceReduce::Sum(memory, bytes, words, output, n, s);
  });
  found.scan =
      measure(runs, output, input.count, [&](void* memory, std::size_t& bytes, cudaStream_t s) {
        return cub::DeviceScan::InclusiveSum(memory, bytes, words, output, n, s);
      });
  found.histogram =
      measure(runs, output, 256, [&](void* memory, std::size_t& bytes, cudaStream_t s) {
        return cub::DeviceHistogram::HistogramEven(memory, bytes,
                                                   reinterpret_cast<const std::uint8_t*>(words),
                                                   output, 257, 0, 256, 4 * n, s);
      });
  found.sort =
      measure(runs, output, input.count, [&](void* memory, std::size_t& bytes, cudaStream_t s) {
        return cub::DeviceRadixSort::SortKeys(memory, bytes, words, output, n, 0, 32, s);
      });
  found.copy = measure(runs, output, 0, [&](void* memory, std::size_t& bytes, cudaStream_t s) {
    bytes = 0;
    return memory == nullptr ? cudaSuccess
                             : cudaMemcpyAsync(output, words, input.count * sizeof(u32),
                                               cudaMemcpyDeviceToDevice, s);
  });
  found.fill = measure(runs, output, 0, [&](void* memory, std::size_t& bytes, cudaStream_t s) {
    bytes = 0;
    return memory == nullptr ? cudaSuccess
                             : cudaMemsetAsync(output, 0xAB, input.count * sizeof(u32), s);
  });
  return found;
}

}  // namespace

CubBaselines measure_cub(std::span<const u32> words, int runs) {
  const auto none = [](const Error& error) {
    CubBaselines absent;
    for (auto* run : {&absent.reduce, &absent.scan, &absent.histogram, &absent.sort, &absent.copy,
                      &absent.fill})
      *run = tl::unexpected<Error>(error);
    return absent;
  };
  auto memory = device_memory<u32>(words.size());
  if (!memory) return none(memory.error());
  const auto output = device_memory<u32>(words.size());
  if (!output) return none(output.error());
  const Status filled =
      check(cudaMemcpy(memory->get(), words.data(), words.size_bytes(), cudaMemcpyHostToDevice),
            "filling the input of CUB");
  if (!filled) return none(filled.error());
  (void)cudaDeviceSynchronize();  // its error, if there is one, comes back with the first primitive
  return measure_all({std::move(*memory), words.size()}, output->get(), runs);
}

}  // namespace vyre::bench

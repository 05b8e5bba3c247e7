// A kernel of the interpreter core: one warp a block, one frame at a time, registers and masks in
// global memory. Every lane of the warp owns every 32nd lane of the frame. Launched, waited for and
// torn down on each call. Spec: docs/image.md; API: vyre/cuda/interpreter_probe.hpp.
#include <cuda_runtime.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "vyre/core/machine.hpp"
#include "vyre/cuda/interpreter_probe.hpp"

namespace vyre::cuda {
namespace {

constexpr std::uint32_t kWarp{32};
constexpr std::uint32_t kWholeWarp{0xFFFFFFFFu};
constexpr std::uint32_t kBlocks{256};
constexpr std::uint32_t kFlatWidth{128};

struct WarpPolicy {
  static constexpr bool kSequential{false};
  static constexpr bool kBulk{false};
  static constexpr bool kAsync{false};
  using u32 = std::uint32_t;

  u32 lanes{kWarp};
  u32 self{0};

  static VYRE_HD float fadd(float a, float b) { return core::f32::add(a, b); }
  static VYRE_HD float fsub(float a, float b) { return core::f32::sub(a, b); }
  static VYRE_HD float fmul(float a, float b) { return core::f32::mul(a, b); }
  static VYRE_HD float fdiv(float a, float b) { return core::f32::div(a, b); }
  static VYRE_HD u32 keep_f32(u32 bits) { return core::f32::canonical_bits(bits); }

  static VYRE_HD u32 atomic(core::AtomicCode code, u32* word, u32 value, u32 expected) {
#if VYRE_ON_DEVICE
    switch (code) {
      case core::AtomicCode::add:
        return atomicAdd(word, value);
      case core::AtomicCode::bit_or:
        return atomicOr(word, value);
      case core::AtomicCode::bit_and:
        return atomicAnd(word, value);
      case core::AtomicCode::bit_xor:
        return atomicXor(word, value);
      case core::AtomicCode::umin:
        return atomicMin(word, value);
      case core::AtomicCode::umax:
        return atomicMax(word, value);
      case core::AtomicCode::exchange:
        return atomicExch(word, value);
      case core::AtomicCode::compare_exchange:
        return atomicCAS(word, expected, value);
    }
#else
    (void)code, (void)word, (void)value, (void)expected;
#endif
    return 0;
  }

  VYRE_HD u32 width() const {
    return lanes;
  }
  template <class F>
  VYRE_HD void each(F f) const {
    for (u32 l = self; l < lanes; l += kWarp) f(l);
  }
  template <class F>
  VYRE_HD void each_in_order(F f) const {
    each(f);
  }
  template <class F>
  VYRE_HD void each_slice(u32 n, F f) const {
    sync();  // publishes the registers that other lanes of a slice wrote
    for (u32 first = self * kSubgroupLanes; first < n; first += kWarp * kSubgroupLanes) {
      f(first, n - first < kSubgroupLanes ? n - first : kSubgroupLanes);
    }
    sync();  // publishes the results of every slice
  }
  VYRE_HD bool any(bool x) const {
#if VYRE_ON_DEVICE
    return __any_sync(kWholeWarp, x);
#else
    return x;
#endif
  }
  VYRE_HD u32 min(u32 x) const {
#if VYRE_ON_DEVICE
    return __reduce_min_sync(kWholeWarp, x);
#else
    return x;
#endif
  }
  VYRE_HD u32 sum(u32 x) const {
#if VYRE_ON_DEVICE
    return __reduce_add_sync(kWholeWarp, x);
#else
    return x;
#endif
  }
  VYRE_HD void sync() const {
#if VYRE_ON_DEVICE
    __syncwarp();
#endif
  }
  VYRE_HD void store_scalar(u32* to, u32 value) const {
    sync();  // every lane has read what `value` was made of
    if (self == 0) *to = value;
    sync();  // publishes *to
  }
  VYRE_HD void plain_floats(bool) const {}
  VYRE_HD void begin_loops() const {}
  VYRE_HD bool stop_requested() const {
    return false;
  }
};

struct Launch {
  core::ImageView image;
  const core::BoundBuffer* buffers;  // [blocks][buffer_count]
  std::uint32_t* scratch;            // [blocks][scratch_words]
  std::uint64_t scratch_words;
  std::uint8_t* workgroup_memory;  // [blocks][workgroup_bytes]
  std::uint64_t workgroup_bytes;
  std::uint32_t width;
  core::Grid grid;
  core::WorkgroupSpan span;
  std::uint64_t fuel;
  core::RunResult* results;  // [blocks]
};

__global__ void __launch_bounds__(kWarp) interpret(const Launch launch) {
  using Machine = core::Machine<WarpPolicy>;
  const std::uint64_t width = launch.width;
  Machine m;
  m.policy.lanes = launch.width;
  m.policy.self = threadIdx.x;
  m.image = launch.image;
  m.buffers = launch.buffers + std::uint64_t{blockIdx.x} * launch.image.buffer_count;
  std::uint32_t* at = launch.scratch + blockIdx.x * launch.scratch_words;
  m.vectors = at;
  at += width * launch.image.vector_registers;
  m.masks = at;
  at += width * launch.image.mask_slots;
  m.live = at;
  at += width;
  m.iterations = at;
  at += width;
  m.scalars = at;
  at += launch.image.scalar_registers;
  m.mask_active = reinterpret_cast<core::Active*>(at);
  m.grid = launch.grid;
  m.lanes_per_workgroup =
      launch.image.workgroup[0] * launch.image.workgroup[1] * launch.image.workgroup[2];
  m.fuel = launch.fuel;
  m.load_constants();
  const std::uint64_t lanes = m.lanes_per_workgroup;
  const std::uint64_t step = launch.image.flat != 0 ? width : lanes;
  const std::uint64_t end = (launch.span.first + launch.span.count) * lanes;
  core::RunResult result;
  for (std::uint64_t first = launch.span.first * lanes + blockIdx.x * step;
       first < end && result.fault.code == FaultCode::none; first += gridDim.x * step) {
    std::uint8_t* const memory = launch.workgroup_memory + blockIdx.x * launch.workgroup_bytes;
    for (std::uint64_t k = threadIdx.x; k < launch.workgroup_bytes; k += kWarp) memory[k] = 0;
    __syncwarp();  // publishes the zeroed workgroup memory
    m.first_lane = first;
    m.count = static_cast<std::uint32_t>(end - first < step ? end - first : step);
    m.instructions = 0;
    m.start();
    while (m.run() == core::Stop::barrier) {
      __syncwarp();  // publishes workgroup memory: the whole workgroup is this warp
    }
    result.instructions += m.instructions * m.count;
    if (m.fault.code != FaultCode::none) {
      const std::uint64_t linear = first + m.fault.lane;
      result.fault = {m.fault.code, linear / lanes, static_cast<std::uint32_t>(linear % lanes),
                      m.fault.statement};
    }
  }
  if (threadIdx.x == 0) launch.results[blockIdx.x] = result;
}

/// Device memory of one call; freed when it goes.
class DeviceBytes {
 public:
  DeviceBytes() = default;
  ~DeviceBytes() { cudaFree(data_); }
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;
  DeviceBytes(DeviceBytes&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}

  Status allocate(std::uint64_t bytes) {
    return check(cudaMalloc(&data_, std::max<std::uint64_t>(bytes, 16)));
  }
  Status upload(const void* from, std::uint64_t bytes) {
    VYRE_TRY(allocate(bytes));
    return bytes == 0 ? Status{} : check(cudaMemcpy(data_, from, bytes, cudaMemcpyHostToDevice));
  }
  Status download(void* to, std::uint64_t bytes) const {
    return bytes == 0 ? Status{} : check(cudaMemcpy(to, data_, bytes, cudaMemcpyDeviceToHost));
  }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  static Status check(cudaError_t error) {
    if (error == cudaSuccess) return {};
    return fail(Errc::device_lost,
                std::string("the device interpreter: ") + cudaGetErrorString(error));
  }

 private:
  void* data_{nullptr};
};

}  // namespace

Result<core::RunResult> run_on_device(const core::Image& image,
                                      std::span<const core::BufferView> buffers,
                                      const core::Grid& grid, core::WorkgroupSpan span,
                                      std::uint64_t fuel) {
  if (image.uses_async) {
    return fail(Errc::unsupported, "asynchronous copies run on the CPU executors only");
  }
  Launch launch{};
  launch.image = image.view();
  launch.width = image.flat ? kFlatWidth : (image.lanes() + kWarp - 1) / kWarp * kWarp;
  launch.grid = grid;
  launch.span = span;
  launch.fuel = fuel;
  launch.scratch_words =
      std::uint64_t{launch.width} * (image.vector_registers + image.mask_slots + 2) +
      image.scalar_registers + (image.mask_slots + 3) / 4;
  launch.workgroup_bytes = image.workgroup_bytes;

  DeviceBytes code, statements, constants, facts, bound, scratch, memory, results;
  VYRE_TRY(code.upload(image.code.data(), image.code.size() * sizeof(core::Instruction)));
  VYRE_TRY(statements.upload(image.statements.data(), image.statements.size() * 4));
  VYRE_TRY(constants.upload(image.constants.data(), image.constants.size() * 4));
  VYRE_TRY(facts.upload(image.buffers.data(), image.buffers.size() * sizeof(core::BufferFacts)));
  VYRE_TRY(scratch.allocate(launch.scratch_words * 4 * kBlocks));
  VYRE_TRY(memory.allocate(launch.workgroup_bytes * kBlocks));
  VYRE_TRY(results.allocate(sizeof(core::RunResult) * kBlocks));
  launch.image.code = code.as<core::Instruction>();
  launch.image.statements = statements.as<std::uint32_t>();
  launch.image.constants = constants.as<std::uint32_t>();
  launch.image.buffers = facts.as<core::BufferFacts>();
  launch.scratch = scratch.as<std::uint32_t>();
  launch.workgroup_memory = memory.as<std::uint8_t>();
  launch.results = results.as<core::RunResult>();

  std::vector<DeviceBytes> data(image.buffers.size());
  std::vector<core::BoundBuffer> table;
  for (std::size_t i = 0; i < data.size() && i < buffers.size(); ++i) {
    if (image.buffers[i].is_workgroup == 0)
      VYRE_TRY(data[i].upload(buffers[i].data, buffers[i].bytes));
  }
  for (std::uint32_t block = 0; block < kBlocks; ++block) {
    std::uint64_t used = block * launch.workgroup_bytes;
    for (std::size_t i = 0; i < data.size(); ++i) {
      const core::BufferFacts& f = image.buffers[i];
      core::BufferView view{data[i].as<std::uint8_t>(), i < buffers.size() ? buffers[i].bytes : 0};
      if (f.is_workgroup != 0) {
        view = {launch.workgroup_memory + used, f.workgroup_bytes};
        used += (std::uint64_t{f.workgroup_bytes} + 15) / 16 * 16;
      }
      table.push_back(core::bind_buffer(view, f));
    }
  }
  VYRE_TRY(bound.upload(table.data(), table.size() * sizeof(core::BoundBuffer)));
  launch.buffers = bound.as<core::BoundBuffer>();

  interpret<<<kBlocks, kWarp>>>(launch);
  VYRE_TRY(DeviceBytes::check(cudaGetLastError()));
  VYRE_TRY(DeviceBytes::check(cudaDeviceSynchronize()));
  std::vector<core::RunResult> all(kBlocks);
  VYRE_TRY(results.download(all.data(), all.size() * sizeof(core::RunResult)));
  for (std::size_t i = 0; i < data.size() && i < buffers.size(); ++i) {
    if (image.buffers[i].is_workgroup == 0)
      VYRE_TRY(data[i].download(buffers[i].data, buffers[i].bytes));
  }
  core::RunResult total;
  for (const core::RunResult& r : all) {
    total.instructions += r.instructions;
    if (r.fault.code == FaultCode::none) continue;
    if (total.fault.code == FaultCode::none || r.fault.workgroup < total.fault.workgroup)
      total.fault = r.fault;
  }
  return total;
}

}  // namespace vyre::cuda
